"""The scenario: a TOML file that says which network, when, and what happens in it.

    scenario = emulator.scenario.load("scenarios/moonbase-alpha.toml")

The format is versioned (`format = 1`) and strict: an unknown key is a fault, never silence.

What it takes to check one is loaded when it is asked for: files of others are read with parts of this, where neither
scipy nor ephemerides are.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.scenario.mass_driver import Launch, MassDriver, Satellites
    from emulator.scenario.node import Link, Node
    from emulator.scenario.outage import Outage
    from emulator.scenario.place import Orbit, Site
    from emulator.scenario.quantities import parse_duration_s, parse_size_bytes
    from emulator.scenario.reading import json_schema, load
    from emulator.scenario.scenario import Scenario
    from emulator.scenario.terminal import Terminal
    from emulator.scenario.traffic import Replay, Traffic

__all__ = [
    "Launch",
    "Link",
    "MassDriver",
    "Node",
    "Orbit",
    "Outage",
    "Replay",
    "Satellites",
    "Scenario",
    "Site",
    "Terminal",
    "Traffic",
    "json_schema",
    "load",
    "parse_duration_s",
    "parse_size_bytes",
]

_WHERE = {
    "Launch": "mass_driver",
    "MassDriver": "mass_driver",
    "Satellites": "mass_driver",
    "Link": "node",
    "Node": "node",
    "Outage": "outage",
    "Orbit": "place",
    "Site": "place",
    "parse_duration_s": "quantities",
    "parse_size_bytes": "quantities",
    "json_schema": "reading",
    "load": "reading",
    "Scenario": "scenario",
    "Terminal": "terminal",
    "Replay": "traffic",
    "Traffic": "traffic",
}


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
