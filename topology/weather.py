"""Clouds over optical ground stations: clear and cloudy spells by turns, at random but repeatable.

Hourly cloud is nearly a first-order Markov chain (Madsen 1985, by reference), so each site alternates between two
states whose spells are exponentially distributed: over long times it is clear for `clear_fraction` of the
time, and a clear spell lasts `clear_spell_s` on average. Defaults: 0.65 and 12 h. Published: 8 sites 69 % clear
each, 3-4 well-chosen sites together 90-96 %, which is what independent sites give.

Each site draws from a generator of its own, seeded by the SHA-256 of the run's seed and the site's name: adding a
site changes no other's weather. Left out: seasons, thin cloud.

Near sites may share weather (`outages_over`). A two-state Markov process is the same as one whose state is drawn anew,
clear with `clear_fraction`, at the moments of a Poisson process. A site takes a part of these moments and draws,
exp(-distance / correlation_km), from the first site of its region instead of its own: so each site keeps
its climate exactly, and two that share a part w of their draws agree in excess of chance by w / (2 - w).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
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

    @property
    def memory_s(self) -> float:
        """Mean time between the moments at which the state is drawn anew (which may change nothing)."""
        return self.clear_spell_s * (1 - self.clear_fraction)


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


Place = tuple[float, float, float]
"""Where a site is, km in any axes."""


def outages_over(
    climates: Mapping[str, Climate],
    places_km: Mapping[str, Place],
    correlation_km: float,
    seed: int,
    start_s: float,
    end_s: float,
) -> dict[str, list[Outage]]:
    """Cloudy spells by site, near ones with weather in common; see the module.

    Args:
        climates: by site.
        places_km: by site.
        correlation_km: at this distance sites share a part 1/e of their weather; 0: none shares any.
        seed: of the run.
        start_s: first moment.
        end_s: last moment.
    """
    certain = {site for site, climate in climates.items() if climate.clear_fraction in (0, 1)}
    found: dict[str, list[Outage]] = {}
    leaders: list[str] = []
    for site, climate in climates.items():
        if correlation_km == 0 or site in certain:
            found[site] = outages(climate, site, seed, start_s, end_s)
            continue
        away_km = {one: math.dist(places_km[one], places_km[site]) for one in leaders}
        near = min(leaders, key=lambda one: away_km[one], default=None)
        if near is None or away_km[near] > _FARTHEST_SHARED * correlation_km:
            leaders.append(site)
            draws = _draws(climate, f"region/{site}", seed, start_s, end_s)
        else:
            region = near, climates[near], math.exp(-away_km[near] / correlation_km)
            draws = _shared_draws(region, climate, site, seed, start_s, end_s)
        found[site] = _spells_of(draws, climate, end_s)
    return found


_FARTHEST_SHARED = 3.0  # correlation lengths: 5 %
_Draw = tuple[float, float]
"""When a site's state is drawn anew, and what is drawn: clear below `clear_fraction`."""


def _draws(
    climate: Climate, key: str, seed: int, start_s: float, end_s: float, part: float = 1.0
) -> list[_Draw]:
    """The moments of a Poisson process, the first at start_s, each with a number in [0, 1)."""
    rng = generator(seed, key)
    mean_s = climate.memory_s / part if part > 0 else math.inf
    found = [(start_s, float(rng.random()))]
    while math.isfinite(mean_s):
        t_s = found[-1][0] + float(rng.exponential(mean_s))
        if t_s >= end_s:
            break
        found.append((t_s, float(rng.random())))
    return found


def _shared_draws(
    region: tuple[str, Climate, float],
    climate: Climate,
    site: str,
    seed: int,
    start_s: float,
    end_s: float,
) -> list[_Draw]:
    """A part of the draws of a region's first site, and the rest of the site's own.

    Args:
        region: the first site's name and climate, and which part is shared.
        climate: of this site.
        site: its name.
        seed: of the run.
        start_s: first moment.
        end_s: last moment.
    """
    leaders_name, leader, part = region
    rng = generator(seed, f"shared/{site}")
    taken = part * min(1.0, leader.memory_s / climate.memory_s)  # of the leader's moments
    regional = _draws(leader, f"region/{leaders_name}", seed, start_s, end_s)
    kept = [draw for draw in regional if rng.random() < taken]
    own_part = 1.0 - taken * climate.memory_s / leader.memory_s
    first, *own = _draws(climate, f"own/{site}", seed, start_s, end_s, own_part)
    if not kept or kept[0][0] > start_s:
        own.insert(0, first)
    return sorted([*kept, *own])


def _spells_of(draws: list[_Draw], climate: Climate, end_s: float) -> list[Outage]:
    spells: list[Outage] = []
    for place, (t_s, drawn) in enumerate(draws):
        if drawn < climate.clear_fraction:
            continue
        until_s = draws[place + 1][0] if place + 1 < len(draws) else end_s
        if spells and spells[-1][1] == t_s:
            spells[-1] = spells[-1][0], until_s
        else:
            spells.append((t_s, until_s))
    return spells


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
