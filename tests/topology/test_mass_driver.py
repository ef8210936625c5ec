"""Launches against another integration, a tighter one, theory and what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dtn.errors import InvalidValue
from topology import constants as c
from topology.bodies import BODIES
from topology.constants import DAY_S
from topology.dynamics import DEEP_SPACE_BODIES, DeepSpace
from topology.ephemeris import Sky
from topology.integration import Tolerances
from topology.mass_driver import WATCHED_D, Muzzle, Sail, launch, muzzle_state, report
from topology.paths import FloatArray
from topology.sites import Site, moon_site

START = datetime(2026, 12, 1, tzinfo=UTC)
WEST = Muzzle(azimuth_deg=270.0, elevation_deg=2.0, speed_m_s=2450.0)


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, 30 * DAY_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def base(sky: Sky) -> Site:
    return moon_site(sky, -89.54, 0.0)


@pytest.fixture(scope="module")
def deep_space(sky: Sky) -> DeepSpace:
    return DeepSpace(sky, 0.0, 400 * DAY_S)


def test_a_year_is_within_a_kilometre_of_a_tenfold_tighter_integration(
    base: Site, deep_space: DeepSpace
) -> None:
    path = launch(deep_space, base, WEST, DAY_S, 366 * DAY_S)
    tighter = launch(
        deep_space, base, WEST, DAY_S, 366 * DAY_S, tolerances=Tolerances(1e-12, 1e-5, 1e-11)
    )
    t_s = np.linspace(DAY_S, 366 * DAY_S, 2000)
    apart = path.state(t_s).position_km - tighter.state(t_s).position_km
    assert np.linalg.norm(apart, axis=0).max() < 0.2  # 0.06 km measured
    assert path.pieces.coefficients_km.nbytes < 20_000


def test_a_year_takes_milliseconds(base: Site, deep_space: DeepSpace) -> None:
    launch(deep_space, base, WEST, DAY_S, 366 * DAY_S)
    spent_s = []
    for _ in range(5):
        began = time.process_time()
        launch(deep_space, base, WEST, DAY_S, 366 * DAY_S)
        spent_s.append(time.process_time() - began)
    assert min(spent_s) < 0.02  # 0.002 s measured with numba, 0.02 without


def test_ten_days_agree_with_an_integration_that_asks_the_ephemeris_itself(
    sky: Sky, base: Site, deep_space: DeepSpace
) -> None:
    """Another right-hand side, another method, no table; from 60,000 km on, where J2 is no matter."""
    dark = Sail(area_to_mass_m2_kg=0.0)
    path = launch(deep_space, base, WEST, DAY_S, 12 * DAY_S, sail=dark)
    begin_s = 2.0 * DAY_S
    state = path.state(np.array([begin_s]))
    away = state.position_km - sky.body("moon").state(np.array([begin_s])).position_km
    assert np.linalg.norm(away) > 60_000.0

    def rates(t_s: float, y: FloatArray) -> FloatArray:
        pull = np.zeros(3)
        for name in DEEP_SPACE_BODIES:
            d = sky.body(name).state(np.array([t_s])).position_km[:, 0] - y[:3]
            pull += BODIES[name].gm_km3_s2 * d / np.linalg.norm(d) ** 3
        return np.concatenate([y[3:], pull])

    start = np.concatenate([part[:, 0] for part in state])
    end_s = begin_s + 10 * DAY_S
    theirs = solve_ivp(rates, (begin_s, end_s), start, "Radau", rtol=1e-9, atol=1e-5)
    apart = path.state(np.array([end_s])).position_km[:, 0] - theirs.y[:3, -1]
    assert np.linalg.norm(apart) < 0.05


def test_the_muzzle_adds_its_speed_to_the_moons_in_the_direction_asked_for(
    sky: Sky, base: Site
) -> None:
    at = np.array([3.0 * DAY_S])
    ground = base.state(at).velocity_km_s[:, 0]
    axes = base.horizon_axes(at)
    assert axes is not None
    east, north, up = axes[..., 0]
    for azimuth_deg, level in ((0.0, north), (90.0, east), (180.0, -north), (270.0, -east)):
        muzzle = Muzzle(azimuth_deg=azimuth_deg, elevation_deg=30.0, speed_m_s=1000.0)
        gained = muzzle_state(base, muzzle, float(at[0]))[3:] - ground
        assert np.abs(gained - (np.cos(np.pi / 6) * level + 0.5 * up)).max() < 1e-8


def test_sunlight_pushes_as_hard_as_the_formula_says(deep_space: DeepSpace, sky: Sky) -> None:
    """1361 W/m^2 / c = 4.54e-6 N/m^2 at 1 AU; a mirror of 1 m^2/kg gets twice that."""
    sun = sky.body("sun").state(np.array([0.0])).position_km[:, 0]
    state = np.concatenate([sun + np.array([0.0, c.AU_KM, 0.0]), np.zeros(3)])
    dark, mirror = deep_space.pull(0.0), deep_space.pull(2.0)
    push_km_s2 = (mirror(0.0, state) - dark(0.0, state))[3:]
    assert push_km_s2 == pytest.approx([0.0, 2 * 4.5398e-9, 0.0], rel=1e-4, abs=1e-13)


@pytest.mark.parametrize("day", [1.25, 5.25, 9.25, 13.25, 17.25, 21.25, 25.25])
def test_the_launches_of_the_default_scenario_leave_for_deep_space(
    sky: Sky, base: Site, deep_space: DeepSpace, day: float
) -> None:
    path = launch(deep_space, base, WEST, day * DAY_S, (day + WATCHED_D) * DAY_S)
    said = report(sky, path, WEST)
    assert said.escapes
    assert said.impact is None
    assert said.verdict == "leaves the Earth and the Moon"
    assert said.closest_earth_km > 100_000.0
    assert list(said.distance_km) == [1, 10, 100]
    assert said.distance_km[100] > 2e6
    assert said.closest_moon_km is None or said.closest_moon_km > 20_000.0
    assert path.span_s[0] == day * DAY_S


@pytest.mark.parametrize(
    ("azimuth_deg", "speed_m_s", "day", "impact"),
    [(270.0, 2200.0, 1.25, "moon"), (0.0, 1000.0, 1.25, "moon")],
)
def test_a_launch_below_escape_speed_comes_down_on_the_moon_and_is_told(
    sky: Sky,
    base: Site,
    deep_space: DeepSpace,
    azimuth_deg: float,
    speed_m_s: float,
    day: float,
    impact: str,
) -> None:
    muzzle = Muzzle(azimuth_deg=azimuth_deg, elevation_deg=2.0, speed_m_s=speed_m_s)
    path = launch(deep_space, base, muzzle, day * DAY_S, (day + WATCHED_D) * DAY_S)
    said = report(sky, path, muzzle)
    assert (said.impact, said.escapes) == (impact, False)
    assert said.impact_s == path.span_s[1]
    assert said.verdict.startswith(f"hits the {impact.capitalize()} after")


def test_a_launch_that_cancels_the_moons_motion_falls_to_the_earth(
    sky: Sky, deep_space: DeepSpace
) -> None:
    """Straight up from the trailing side: 1.02 km/s are left at infinity, as fast as the Moon goes."""
    trailing = moon_site(sky, 0.0, 90.0)
    muzzle = Muzzle(azimuth_deg=0.0, elevation_deg=90.0, speed_m_s=2590.0)
    path = launch(deep_space, trailing, muzzle, 5 * DAY_S, 30 * DAY_S)
    said = report(sky, path, muzzle)
    assert said.impact == "earth"
    assert said.impact_s == pytest.approx(9.85 * DAY_S, abs=0.1 * DAY_S)  # free fall: 4.8 d


def test_a_launch_against_the_moons_motion_stays_bound(
    sky: Sky, base: Site, deep_space: DeepSpace
) -> None:
    muzzle = Muzzle(azimuth_deg=90.0, elevation_deg=2.0, speed_m_s=2450.0)
    path = launch(deep_space, base, muzzle, DAY_S, (1 + WATCHED_D) * DAY_S)
    said = report(sky, path, muzzle)
    assert not said.escapes
    assert said.impact is None
    assert said.c3_km2_s2 < 0.0
    assert "is still within" in said.verdict


def test_track_and_acceleration_are_those_of_a_steady_push() -> None:
    """NASA SP-413 appendix F: 2,400 m/s on 10 km of track take 288 m/s^2."""
    muzzle = Muzzle(azimuth_deg=0.0, elevation_deg=0.0, speed_m_s=2400.0)
    assert muzzle.acceleration_g(10.0) * 9.80665 == pytest.approx(288.0)
    assert muzzle.track_length_km(100.0) == pytest.approx(2.94, abs=0.01)
    assert muzzle.track_length_km(muzzle.acceleration_g(7.0)) == pytest.approx(7.0)
    assert muzzle.energy_j_kg == 2.88e6


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ((270.0, -1.0, 2450.0), "elevation_deg"),
        ((270.0, 91.0, 2450.0), "elevation_deg"),
        ((270.0, 2.0, 0.0), "muzzle_speed_m_s"),
        ((270.0, 2.0, float("nan")), "muzzle_speed_m_s"),
        ((float("inf"), 2.0, 2450.0), "azimuth_deg"),
    ],
)
def test_a_muzzle_that_cannot_be_is_refused(values: tuple[float, float, float], key: str) -> None:
    azimuth, elevation, speed = values
    with pytest.raises(InvalidValue) as refused:
        Muzzle(azimuth_deg=azimuth, elevation_deg=elevation, speed_m_s=speed)
    assert refused.value.key == key


def test_a_launch_outside_the_table_of_masses_is_refused(base: Site, deep_space: DeepSpace) -> None:
    for at_s, end_s in ((-1.0, DAY_S), (DAY_S, DAY_S), (DAY_S, 401 * DAY_S)):
        with pytest.raises(InvalidValue):
            launch(deep_space, base, WEST, at_s, end_s)
