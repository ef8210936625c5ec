"""Clouds: repeatable, independent, and as frequent as the climate says."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import InvalidValue
from topology.weather import Climate, outages

DAY_S = 86_400.0


def cloudy_s(spells: list[tuple[float, float]]) -> float:
    return sum(end - start for start, end in spells)


@given(st.floats(0.0, 1.0), st.floats(600.0, 1e6), st.integers(0, 2**32), st.floats(0, 1e6))
def test_outages_are_disjoint_in_order_and_inside_the_span(
    part: float, spell_s: float, seed: int, start_s: float
) -> None:
    climate = Climate(clear_fraction=part, clear_spell_s=spell_s)
    spells = outages(climate, "teide", seed, start_s, start_s + 20 * DAY_S)
    assert all(start_s <= a < b <= start_s + 20 * DAY_S for a, b in spells)
    assert all(before[1] < after[0] for before, after in pairwise(spells))


@pytest.mark.parametrize("part", [0.2, 0.65, 0.95])
def test_in_the_long_run_a_site_is_clear_as_often_as_its_climate_says(part: float) -> None:
    climate = Climate(clear_fraction=part, clear_spell_s=6 * 3600.0)
    spells = outages(climate, "haleakala", 7, 0.0, 20_000 * DAY_S)
    assert cloudy_s(spells) / (20_000 * DAY_S) == pytest.approx(1 - part, abs=0.01)
    assert cloudy_s(spells) / len(spells) == pytest.approx(climate.cloudy_spell_s, rel=0.03)


def test_four_sites_together_are_nearly_always_clear_somewhere() -> None:
    sites = ("table-mountain", "haleakala", "teide", "mount-stromlo")
    edges: list[tuple[float, int]] = []
    for site in sites:
        for start_s, end_s in outages(Climate(), site, 1, 0.0, 3_000 * DAY_S):
            edges += [(start_s, 1), (end_s, -1)]
    cloudy, since_s, all_cloudy_s = 0, 0.0, 0.0
    for t_s, change in sorted(edges):
        all_cloudy_s += (t_s - since_s) * (cloudy == len(sites))
        cloudy, since_s = cloudy + change, t_s
    assert all_cloudy_s / (3_000 * DAY_S) == pytest.approx(0.35**4, abs=0.006)


def test_the_same_seed_and_name_give_the_same_weather_and_others_another() -> None:
    def weather(site: str, seed: int) -> list[tuple[float, float]]:
        return outages(Climate(), site, seed, 0.0, 100 * DAY_S)

    assert weather("teide", 1) == weather("teide", 1)
    assert weather("teide", 1) != weather("teide", 2)
    assert weather("teide", 1) != weather("haleakala", 1)


def test_the_two_certain_climates() -> None:
    assert outages(Climate(clear_fraction=1.0), "a", 1, 0.0, 10.0) == []
    assert outages(Climate(clear_fraction=0.0), "a", 1, 0.0, 10.0) == [(0.0, 10.0)]


@pytest.mark.parametrize(
    ("part", "spell_s"), [(-0.1, 1.0), (1.1, 1.0), (0.5, 0.0), (0.5, float("inf"))]
)
def test_a_climate_that_cannot_be_is_refused(part: float, spell_s: float) -> None:
    with pytest.raises(InvalidValue):
        Climate(clear_fraction=part, clear_spell_s=spell_s)
