"""Presets: what a role brings along, and the terminals that need no table. Data, all overridable.

A node's own keys win over its role's. A `[terminals.NAME]` table wins, key by key, over the preset
of that name.

The terminals follow published designs: optical-ground a 1 m station such as those at Table Mountain
or Teide, lunar the 10 cm of NASA's O2O, deep-space the 22 cm and 4 W of DSOC, trunk what a raised
lunar site or a relay could carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Preset = Mapping[str, object]

ROLES: Mapping[str, Preset] = MappingProxyType(
    {
        "earth-station": {"terminals": ("optical-ground",), "mask_deg": 20.0, "store": "200 GB"},
        "gateway": {"store": "1 TB"},
        "moon-base": {"terminals": ("trunk",), "mask_deg": 0.0, "store": "100 GB"},
        "relay": {"terminals": ("trunk", "lunar"), "mask_deg": 0.0, "store": "50 GB"},
        "satellite": {"terminals": ("deep-space",), "store": "20 GB"},
    }
)
"""What each role brings to a node that does not say otherwise."""

TERMINALS: Mapping[str, Preset] = MappingProxyType(
    {
        "optical-ground": {"aperture_m": 1.0, "power_w": 20.0, "sun_keep_out_deg": 3.0},
        "lunar": {"aperture_m": 0.10, "power_w": 1.0, "sun_keep_out_deg": 5.0},
        "trunk": {"aperture_m": 0.22, "power_w": 4.0, "sun_keep_out_deg": 5.0},
        "deep-space": {"aperture_m": 0.22, "power_w": 4.0, "sun_keep_out_deg": 3.0},
    }
)
"""Laser terminals by type."""
