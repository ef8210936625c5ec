"""Sunlight: the discs' overlap against sampling, profiles against the flux itself, nights and years that are known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.constants import AU_KM, DAY_S, SOLAR_CONSTANT_W_M2
from topology.ephemeris import Sky
from topology.illumination import Illumination, Place, above, hidden
from topology.orbits import orbit_from_elements
from topology.paths import Path
from topology.sites import moon_site
from topology.track import track
from topology.visibility import HorizonMask

START = datetime(2026, 12, 1, tzinfo=UTC)
SPAN_S = 3 * DAY_S


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, SPAN_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def low(sky: Sky) -> Place:
    return Place(sky, _orbit(sky, "earth", 6_900.0, 53.0))


def _orbit(sky: Sky, body: str, axis_km: float, inclination_deg: float) -> Path:
    path = orbit_from_elements(
        sky,
        body,
        sky.start_utc,
        semi_major_axis_km=axis_km,
        eccentricity=0.001,
        inclination_deg=inclination_deg,
        ascending_node_deg=60.0,
    )
    return track(path, *sky.span_s)


@given(apart=st.floats(0.0, 0.03), sun=st.floats(0.001, 0.01), disc=st.floats(0.0005, 0.02))
def test_a_disc_hides_as_much_of_the_sun_as_points_sown_over_it_say(
    apart: float, sun: float, disc: float
) -> None:
    radius = sun * np.sqrt((np.arange(4000) + 0.5) / 4000)  # a sunflower: even over the disc
    angle = np.arange(4000) * np.pi * (3.0 - np.sqrt(5.0))
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    sown = float(np.mean(np.hypot(x - apart, y) < disc))
    assert hidden(np.array([apart]), np.array([sun]), np.array([disc]))[0] == pytest.approx(
        sown, abs=0.006
    )
    risen = float(np.mean(y > -(apart - 0.015)))
    assert above(np.array([apart - 0.015]), np.array([sun]))[0] == pytest.approx(risen, abs=0.006)


@pytest.mark.parametrize(
    ("apart", "disc", "part"),
    [(0.0, 2.0, 1.0), (3.0, 2.0, 0.0), (0.0, 0.5, 0.25), (0.4, 0.5, 0.25), (1.0, 1e6, 1.0)],
)
def test_a_disc_wholly_before_or_beside_the_sun_hides_all_it_can_or_nothing(
    apart: float, disc: float, part: float
) -> None:
    found = hidden(np.array([apart]) * 4e-3, np.array([4e-3]), np.array([disc]) * 4e-3)
    assert found[0] == pytest.approx(part, abs=1e-9)


def test_sunlight_falls_with_the_square_of_the_distance(sky: Sky) -> None:
    at = np.array([0.0])
    for body in ("venus", "mars", "jupiter"):
        path = sky.body(body)
        away = np.linalg.norm(path.state(at).position_km - sky.body("sun").state(at).position_km)
        flux = Place(sky, path, bodies=()).flux_w_m2(at)[0]
        assert flux == pytest.approx(SOLAR_CONSTANT_W_M2 * (AU_KM / away) ** 2, rel=1e-4)


def test_a_low_orbit_is_in_shadow_once_a_revolution_and_as_long_as_its_height_says(
    low: Place,
) -> None:
    shade = low.shade("earth", 0.0, SPAN_S)
    revolution_s = 2 * np.pi * np.sqrt(6_900.0**3 / 398_600.4)
    assert len(shade.full) == len(shade.partial) == pytest.approx(SPAN_S / revolution_s, abs=1)
    inner = [end - start for start, end in shade.full[1:-1]]
    longest_s = revolution_s * np.arcsin(6_378.0 / 6_900.0) / np.pi
    assert 0.8 * longest_s < min(inner) <= max(inner) < longest_s
    for outer, full in zip(shade.partial[1:-1], shade.full[1:-1], strict=True):
        assert 5.0 < full[0] - outer[0] < 20.0  # 0.53 deg at 0.06 deg/s, slanting


def test_a_profile_is_the_flux_and_its_energy_is_right_to_a_thousandth(low: Place) -> None:
    profile = low.profile(0.0, SPAN_S)
    t_s = np.arange(0.0, SPAN_S, 2.0)
    truth = low.flux_w_m2(t_s)
    ours = np.interp(t_s, profile.t_s, profile.flux_w_m2)
    assert float(np.mean(np.abs(ours - truth) < 1e-3 * SOLAR_CONSTANT_W_M2)) > 0.99
    assert float(ours.mean()) == pytest.approx(float(truth.mean()), rel=1e-3)
    assert len(profile.t_s) < 10 * SPAN_S / 5700.0
    assert float(ours[truth == 0.0].max()) < 0.01


def test_a_satellite_that_joins_later_has_no_light_before(sky: Sky) -> None:
    path = _orbit(sky, "earth", 42_164.0, 1.0)
    assert Place(sky, path).profile(2 * SPAN_S, 3 * SPAN_S) == Illumination()


def test_the_base_near_the_pole_has_months_of_night_when_the_sun_is_in_the_north() -> None:
    with Sky(datetime(2026, 2, 1, tzinfo=UTC), 300 * DAY_S) as sky:
        base = Place(sky, track(moon_site(sky, -89.54, 0.0), *sky.span_s))
        night = base.night(0.0, 300 * DAY_S)
        partial, full = (max(end - start for start, end in spans) / DAY_S for spans in night)
        assert full < 166.0 < partial < 180.0  # of the disc's centre: 166 d (measured with SPICE)
        start_s, end_s = max(night.full, key=lambda span: span[1] - span[0])
        dark, dusk = np.array([0.5 * (start_s + end_s)]), np.array([start_s - 3600.0])
        assert base.flux_w_m2(dark)[0] == 0.0
        assert 0.0 < base.flux_w_m2(dusk)[0] < 0.1 * SOLAR_CONSTANT_W_M2  # it sinks for hours


def test_a_wall_round_the_horizon_makes_the_night_longer(sky: Sky) -> None:
    site = track(moon_site(sky, -80.0, 40.0), *sky.span_s)
    wall = HorizonMask((0.0, 90.0, 180.0, 270.0), (12.0, 12.0, 12.0, 12.0))
    t_s = np.linspace(0.0, SPAN_S, 50)
    open_, behind = Place(sky, site), Place(sky, site, wall)
    assert np.all(behind.flux_w_m2(t_s) <= open_.flux_w_m2(t_s))
    assert np.allclose(behind.flux_w_m2(t_s), Place(sky, site, 12.0).flux_w_m2(t_s))


def test_the_moon_is_dark_in_the_total_lunar_eclipse_of_march_2026() -> None:
    # NASA's catalogue (Espenak): 2026 March 3, greatest at 11:33:37 UT, umbral magnitude 1.15
    greatest = datetime(2026, 3, 3, 11, 33, 37, tzinfo=UTC)
    with Sky(greatest - timedelta(hours=6), 12 * 3600.0) as sky:
        moon = Place(sky, moon_site(sky, 0.0, 0.0))
        shade = moon.shade("earth", 0.0, 12 * 3600.0)
        ((start_s, end_s),) = shade.full
        assert start_s < 6 * 3600.0 < end_s
        assert 0.5 * (start_s + end_s) == pytest.approx(6 * 3600.0, abs=900.0)
        assert moon.flux_w_m2(np.array([6 * 3600.0]))[0] == 0.0
