"""Supply: what a load sees of a node's power and heat.

A load says what it draws; the supply says how fast it may run: 1 as asked, 0 shed for want of power, between the two
throttled by heat or because it shares the little there is. Whoever runs a load watches its speed and integrates what
gets done; whoever plans asks for the speed that is expected. At its best a load needs to know nothing else: no
batteries, no Sun, and a node on mains is the same to it.

The loads of a node are named in `LOADS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

BUS: Final = "bus"
TERMINAL: Final = "terminal"
COMPUTING: Final = "computing"
MASS_DRIVER: Final = "mass_driver"

LOADS: Final = (BUS, TERMINAL, COMPUTING, MASS_DRIVER)

SpeedChanged = Callable[[float, float], None]
"""Called with the new speed, 0 to 1, and since when."""


class Supply(Protocol):
    """What feeds and cools the loads of one node."""

    def set_load(self, load: str, watts: float, now_s: float) -> None:
        """From now on the load asks for so much power when it runs at full speed; 0: it is off."""

    def speed(self, load: str, now_s: float) -> float:
        """How fast the load runs now: 0 shed, 1 as it asks, between them throttled; power goes in proportion."""

    def watch(self, load: str, changed: SpeedChanged) -> None:
        """Tell it each time the load's speed changes: `changed(speed, now_s)`."""

    def forecast_speed(self, load: str, from_s: float, to_s: float) -> float:
        """The mean speed to be expected if the loads stay as they are; a plan, no promise."""


class Mains:
    """A supply without limits: what a node has of which the scenario says nothing."""

    def set_load(self, load: str, watts: float, now_s: float) -> None:
        """There is always enough."""

    def speed(self, load: str, now_s: float) -> float:
        """Always full."""
        return 1.0

    def watch(self, load: str, changed: SpeedChanged) -> None:
        """It never changes."""

    def forecast_speed(self, load: str, from_s: float, to_s: float) -> float:
        """Always full."""
        return 1.0
