"""The orbits that ship as files: what they say they are, flown by gravity alone, made by the command."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import lunar_gravity
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from topology import constants as c
from topology import orbit_files
from topology.constants import DAY_S, GM_MOON_KM3_S2, RADIUS_MOON_KM
from topology.ephemeris import Sky
from topology.frozen_orbit import orbit_plane_axes
from topology.halo_orbit import PERIOD_S
from topology.oem import OemPath, oem_path
from topology.paths import FloatArray, State

FOLDER = Path(__file__).parents[2] / "scenarios" / "orbits"
THIRD_BODIES = {"earth": c.GM_EARTH_KM3_S2, "sun": c.GM_SUN_KM3_S2}


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(orbit_files.START, orbit_files.DURATION_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def halo(sky: Sky) -> OemPath:
    return oem_path(sky, (FOLDER / "lunar-halo.oem").read_text())


@pytest.fixture(scope="module")
def frozen(sky: Sky) -> OemPath:
    return oem_path(sky, (FOLDER / "lunar-frozen.oem").read_text())


def about_moon(sky: Sky, path: OemPath, t_s: FloatArray) -> State:
    own, moon = path.state(t_s), sky.body("moon").state(t_s)
    return State(own.position_km - moon.position_km, own.velocity_km_s - moon.velocity_km_s)


def perilunes(sky: Sky, path: OemPath) -> tuple[FloatArray, FloatArray]:
    """When a path is lowest, to half a minute, and how far from the Moon's centre it is then."""
    t_s = np.arange(0.0, orbit_files.DURATION_S, 30.0)
    distance = np.linalg.norm(about_moon(sky, path, t_s).position_km, axis=0)
    lowest = 1 + np.flatnonzero((distance[1:-1] < distance[:-2]) & (distance[1:-1] < distance[2:]))
    return t_s[lowest], distance[lowest]


def on_line_to_earth(sky: Sky, path: OemPath, t_s: float) -> FloatArray:
    """Where a path is in axes along the line from the Earth to the Moon and normal to its turning, shape (3,)."""
    at = np.array([t_s])
    earth, moon = sky.body("earth").state(at), sky.body("moon").state(at)
    line = (moon.position_km - earth.position_km)[:, 0]
    normal = orbit_plane_axes(sky, t_s)[2]
    along = line / np.linalg.norm(line)
    axes = np.array([along, np.cross(normal, along), normal])
    place: FloatArray = axes @ about_moon(sky, path, at).position_km[:, 0]
    return place


def test_the_halo_comes_low_over_the_moon_every_six_and_a_half_days(
    sky: Sky, halo: OemPath
) -> None:
    times_s, distances_km = perilunes(sky, halo)
    assert times_s.size == 5
    assert distances_km.min() > 2_900.0
    assert distances_km.max() < 3_800.0
    periods_d = np.diff(times_s) / DAY_S
    assert periods_d.mean() == pytest.approx(PERIOD_S / DAY_S, abs=0.05)
    assert np.abs(periods_d - PERIOD_S / DAY_S).max() < 0.25


def test_the_halo_stands_over_the_south_when_it_is_far(sky: Sky, halo: OemPath) -> None:
    times_s, _ = perilunes(sky, halo)
    for low_s, next_s in pairwise(times_s.tolist()):
        far = on_line_to_earth(sky, halo, (low_s + next_s) / 2)
        assert 69_000.0 < np.linalg.norm(far) < 73_000.0
        assert far[2] < -65_000.0  # south of the Moon's orbit
        assert far[0] > 5_000.0  # on the side of the second Lagrange point
        assert on_line_to_earth(sky, halo, low_s)[2] > 2_500.0


def test_a_revolution_of_the_halo_is_much_like_the_next(sky: Sky, halo: OemPath) -> None:
    """Where it is far; the Moon's own way is not a circle, so no closer."""
    for turn in range(4):
        now = on_line_to_earth(sky, halo, turn * PERIOD_S)
        later = on_line_to_earth(sky, halo, (turn + 1) * PERIOD_S)
        assert np.linalg.norm(later - now) < 9_000.0


def test_the_halo_is_never_behind_the_moon(sky: Sky, halo: OemPath) -> None:
    t_s = np.arange(0.0, orbit_files.DURATION_S, 120.0)
    craft, earth = halo.state(t_s).position_km, sky.body("earth").state(t_s).position_km
    moon = sky.body("moon").state(t_s).position_km
    line = craft - earth
    part = np.clip(((moon - earth) * line).sum(axis=0) / (line * line).sum(axis=0), 0.0, 1.0)
    assert np.linalg.norm(earth + part * line - moon, axis=0).min() > RADIUS_MOON_KM


def test_the_frozen_orbit_has_twelve_hours_and_keeps_its_height(sky: Sky, frozen: OemPath) -> None:
    times_s, distances_km = perilunes(sky, frozen)
    assert times_s.size >= 61
    assert np.diff(times_s).mean() == pytest.approx(43_200.0, rel=1e-3)
    axis_km = np.cbrt(GM_MOON_KM3_S2 * (43_200.0 / (2.0 * np.pi)) ** 2)
    assert distances_km.min() > (1 - 0.625) * axis_km
    assert distances_km.max() < (1 - 0.59) * axis_km


@pytest.mark.parametrize(
    ("name", "starts_d", "spell_d", "within_km"),
    [("lunar-halo", (0.5, 6.5, 13.0, 26.0), 2.0, 0.01), ("lunar-frozen", (0.3, 20.3), 0.4, 0.01)],
)
def test_they_fly_by_gravity_alone(
    sky: Sky,
    name: str,
    starts_d: tuple[float, ...],
    spell_d: float,
    within_km: float,
    request: pytest.FixtureRequest,
) -> None:
    """Another formula for the Moon's pull, the ephemeris asked at every step."""
    path: OemPath = request.getfixturevalue(name.removeprefix("lunar-"))
    rates = lunar_gravity.acceleration(sky, 8, THIRD_BODIES)
    for start_s in np.array(starts_d) * DAY_S:
        ends_s = np.array([start_s, start_s + spell_d * DAY_S])
        states = np.vstack(about_moon(sky, path, ends_s))
        flown = solve_ivp(rates, ends_s, states[:, 0], "DOP853", rtol=1e-9, atol=1e-8)
        assert np.linalg.norm(flown.y[:3, -1] - states[:3, 1]) < within_km


@pytest.mark.slow
def test_the_command_makes_the_files_that_ship(sky: Sky) -> None:
    for name, text in orbit_files.texts().items():
        shipped = oem_path(sky, (FOLDER / name).read_text())
        made = oem_path(sky, text)
        t_s = np.linspace(*shipped.span_s, 3000)
        apart_km = shipped.state(t_s).position_km - made.state(t_s).position_km
        assert made.span_s == shipped.span_s
        assert np.abs(apart_km).max() < 0.01, name


@pytest.mark.slow
def test_between_the_lines_the_files_are_within_ten_metres_of_the_orbits() -> None:
    with Sky(orbit_files.START, orbit_files.DURATION_S) as sky:
        for name, make in orbit_files.ORBITS.items():
            read = oem_path(sky, (FOLDER / f"{name}.oem").read_text())
            t_s = np.linspace(*read.span_s, 20_000)
            apart_km = (
                about_moon(sky, read, t_s).position_km - make(sky).pieces.state(t_s).position_km
            )
            assert np.linalg.norm(apart_km, axis=0).max() < 0.01, name
