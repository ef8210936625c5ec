"""The `weather` table: clouds over the optical ground stations.

    [weather]                           # without it the sky is always clear
    clear_fraction = 0.65               # of the time, in the long run
    clear_spell = "12h"                 # mean length of a clear spell
    forecast = "none"                   # "perfect": the contact plan knows the clouds beforehand
    correlation_km = 300                # stations so near share part of their weather; 0: none do
    cloud = "clouds.csv"                # site,from,to (UTC): stations named there have observed clouds

    [weather.sites.teide]               # where a station's climate is another
    clear_fraction = 0.8

The clouds follow from the scenario's seed and the stations' names. They hang over sites on the Earth; stations whose
terminals are all radio do not see them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emulator.scenario.quantities import PositiveSeconds
from emulator.scenario.table import Name, Table


class Climate(Table):
    """How often and how long a station is clear; what is left out is as in `weather` itself."""

    clear_fraction: float | None = Field(default=None, ge=0, le=1)
    clear_spell_s: PositiveSeconds | None = Field(default=None, alias="clear_spell")


class Weather(Table):
    """Clouds over optical ground stations: a two-state Markov process, or as observed."""

    clear_fraction: float = Field(default=0.65, ge=0, le=1)
    clear_spell_s: PositiveSeconds = Field(default=12 * 3600.0, alias="clear_spell")
    forecast: Literal["none", "perfect"] = "none"
    correlation_km: float = Field(default=0.0, ge=0)
    cloud: str | None = None
    sites: dict[Name, Climate] = Field(default_factory=dict)
