"""Presets: what a role brings along, and the terminals that need no table. Data, all overridable.

A node's own keys win over its role's. A `[terminals.NAME]` table wins, key by key, over the preset
of that name; which presets there are, and after what designs, is in `topology.terminal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType

from topology.terminal import PRESETS

_NOT_WRITTEN = ("name", "rate_grid")  # a file says the latter

Preset = Mapping[str, object]

ROLES: Mapping[str, Preset] = MappingProxyType(
    {
        "earth-station": {"terminals": ("optical-ground",), "mask_deg": 20.0, "store": "200 GB"},
        "gateway": {"store": "1 TB"},
        "moon-base": {"terminals": ("trunk",), "store": "100 GB"},
        "relay": {"terminals": ("trunk", "lunar"), "store": "50 GB"},
        "satellite": {"terminals": ("deep-space",), "store": "20 GB"},
    }
)
"""What each role brings to a node that does not say otherwise."""

TERMINALS: Mapping[str, Preset] = MappingProxyType(
    {
        name: {key: value for key, value in asdict(terminal).items() if key not in _NOT_WRITTEN}
        for name, terminal in PRESETS.items()
    }
)
"""Laser terminals by type, those of `topology.terminal`."""
