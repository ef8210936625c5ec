"""Clouds: repeatable, independent, and as frequent as the climate says."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import InvalidValue
from topology.weather import Climate, outages, outages_over

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


# --- weather in common ---------------------------------------------------------------------------

PLACES = {"a": (0.0, 0.0, 0.0), "b": (100.0, 0.0, 0.0), "c": (5000.0, 0.0, 0.0)}


def clear_part(spells: list[tuple[float, float]], end_s: float) -> float:
    return 1 - cloudy_s(spells) / end_s


def together_s(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> float:
    return sum(
        max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in one for b in other if a[1] > b[0]
    )


@pytest.mark.slow
@pytest.mark.parametrize(("length_km", "shared"), [(100.0, 0.3679), (1000.0, 0.9048)])
def test_near_sites_are_cloudy_together_as_often_as_they_share_draws(
    length_km: float, shared: float
) -> None:
    climates = {name: Climate(clear_fraction=0.6, clear_spell_s=6 * 3600.0) for name in PLACES}
    end_s = 3_000 * DAY_S
    found = outages_over(climates, PLACES, length_km, 3, 0.0, end_s)
    for spells in found.values():
        assert clear_part(spells, end_s) == pytest.approx(0.6, abs=0.025)
        assert cloudy_s(spells) / len(spells) == pytest.approx(4 * 3600.0, rel=0.1)
    both = together_s(found["a"], found["b"]) / end_s
    correlation = (both - 0.4**2) / (0.4 * 0.6)
    assert correlation == pytest.approx(shared / (2 - shared), abs=0.05)
    far = together_s(found["a"], found["c"]) / end_s
    assert (far - 0.4**2) / (0.4 * 0.6) == pytest.approx(0.0, abs=0.05)


def test_without_correlation_each_site_has_its_own_weather() -> None:
    climates = {name: Climate() for name in PLACES}
    found = outages_over(climates, PLACES, 0.0, 3, 0.0, 30 * DAY_S)
    assert found == {name: outages(Climate(), name, 3, 0.0, 30 * DAY_S) for name in PLACES}


def test_another_site_far_away_changes_nobodys_weather() -> None:
    climates = {name: Climate() for name in PLACES}
    few = {name: climates[name] for name in ("a", "b")}
    many = outages_over(climates, PLACES, 300.0, 3, 0.0, 30 * DAY_S)
    assert outages_over(few, PLACES, 300.0, 3, 0.0, 30 * DAY_S) == {n: many[n] for n in few}
