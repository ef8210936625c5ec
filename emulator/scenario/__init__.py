"""The scenario: a TOML file that says which network, when, and what happens in it.

    scenario = emulator.scenario.load("scenarios/moonbase-alpha.toml")

The format is versioned (`format = 1`) and strict: an unknown key is a fault, never silence.
"""

from emulator.scenario.quantities import parse_duration_s, parse_size_bytes
from emulator.scenario.reading import json_schema, load
from emulator.scenario.tables import (
    Launch,
    Link,
    MassDriver,
    Node,
    Orbit,
    Outage,
    Replay,
    Satellites,
    Scenario,
    Site,
    Terminal,
    Traffic,
)

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
