"""Setup: everything that a run needs to know, and how it comes from a scenario or from files of the user's."""

from emulator.setup.of_files import alone, from_files
from emulator.setup.of_scenario import from_scenario, over, strategy_beside, with_geometry
from emulator.setup.setup import AgentSettings, Demand, Member, Setup, Stream, changed

__all__ = [
    "AgentSettings",
    "Demand",
    "Member",
    "Setup",
    "Stream",
    "alone",
    "changed",
    "from_files",
    "from_scenario",
    "over",
    "strategy_beside",
    "with_geometry",
]
