"""Clouds over optical ground stations: clear and cloudy spells by turns, at random but repeatable.

Hourly cloud is nearly a first-order Markov chain (Madsen 1985, by reference), so each site alternates between two
states whose spells are exponentially distributed: over long times it is clear for `clear_fraction` of the
time, and a clear spell lasts `clear_spell_s` on average. Defaults: 0.65 and 12 h. Published: 8 sites 69 % clear
each, 3-4 well-chosen sites together 90-96 %, which is what independent sites give.

Each site draws from a generator of its own, seeded by the SHA-256 of the run's seed and the site's name: adding a
site changes no other's weather. Left out: correlation between near sites, seasons, thin cloud.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from dtn.errors import InvalidValue

Outage = tuple[float, float]
"""From when to when a site sees nothing, seconds from the scenario's start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """How often and how long a site is clear.

    Args:
        clear_fraction: part of the time without cloud, 0 to 1; 1: never cloudy.
        clear_spell_s: mean length of a clear spell.

    Raises:
        InvalidValue: outside its range.
    """

    clear_fraction: float = 0.65
    clear_spell_s: float = 12 * 3600.0

    def __post_init__(self) -> None:
        if not 0 <= self.clear_fraction <= 1:
            raise InvalidValue("clear_fraction", self.clear_fraction, "give 0 to 1")
        if not (self.clear_spell_s > 0 and math.isfinite(self.clear_spell_s)):
            raise InvalidValue("clear_spell_s", self.clear_spell_s, "give seconds above 0")

    @property
    def cloudy_spell_s(self) -> float:
        """Mean length of a cloudy spell."""
        return self.clear_spell_s * (1 - self.clear_fraction) / self.clear_fraction


def outages(climate: Climate, site: str, seed: int, start_s: float, end_s: float) -> list[Outage]:
    """Cloudy spells over a site, cut to [start_s, end_s], disjoint and in order.

    Args:
        climate: of the site.
        site: its name.
        seed: of the run.
        start_s: first moment; the weather there is drawn from the long-term odds.
        end_s: last moment.
    """
    if climate.clear_fraction == 1:
        return []
    if climate.clear_fraction == 0:
        return [(start_s, end_s)]
    return list(_spells(climate, generator(seed, site), start_s, end_s))


def generator(seed: int, site: str) -> np.random.Generator:
    """The site's own source of randomness."""
    digest = sha256(f"weather/{seed}/{site}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def _spells(
    climate: Climate, rng: np.random.Generator, start_s: float, end_s: float
) -> Iterator[Outage]:
    t_s = start_s
    clear = bool(rng.random() < climate.clear_fraction)
    while t_s < end_s:
        mean_s = climate.clear_spell_s if clear else climate.cloudy_spell_s
        # spells have no memory, so the one under way at the start is as long as any
        until_s = t_s + float(rng.exponential(mean_s))
        if not clear:
            yield t_s, min(until_s, end_s)
        t_s, clear = until_s, not clear
