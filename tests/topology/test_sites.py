"""What sites see, and paths sampled on a grid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest
from skyfield.api import load, load_file, wgs84

from dtn.errors import InvalidValue
from topology.constants import DAY_S
from topology.ephemeris import KERNELS, Sky
from topology.paths import sample
from topology.sites import azimuth_elevation_deg, earth_site, moon_site

START = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, 10 * DAY_S) as sky:
        yield sky


def test_azimuth_and_elevation_of_the_moon_agree_with_skyfield(sky: Sky) -> None:
    t_s = np.linspace(0.0, 10 * DAY_S, 100)
    site = earth_site(sky, 34.382, -117.683, 2200.0)
    axes = site.horizon_axes(t_s)
    assert axes is not None
    seen = sky.body("moon").state(t_s).position_km - site.state(t_s).position_km
    azimuth, elevation = azimuth_elevation_deg(axes, seen)

    eph = load_file(str(KERNELS / "de421_2026_2036.bsp"))
    timescale = load.timescale(builtin=True)
    start = timescale.from_datetime(START)
    times = timescale.tdb_jd(start.whole, start.tdb_fraction + t_s / DAY_S)
    place = wgs84.latlon(34.382, -117.683, 2200.0)
    theirs = (eph["moon"] - (eph["earth"] + place)).at(times)
    altitude, bearing, _ = theirs.altaz()
    eph.close()
    assert np.abs(elevation - altitude.degrees).max() < 1e-6
    assert np.abs((azimuth - bearing.degrees + 180.0) % 360.0 - 180.0).max() < 1e-5


def test_up_points_away_from_the_body(sky: Sky) -> None:
    t_s = np.linspace(0.0, 10 * DAY_S, 50)
    base = moon_site(sky, -89.54, 0.0)
    up = base.up(t_s)
    assert up is not None
    outward = base.state(t_s).position_km - sky.body("moon").state(t_s).position_km
    assert np.abs(up - outward / np.linalg.norm(outward, axis=0)).max() < 1e-10
    assert base.body == "moon"
    assert sky.body("moon").up(t_s) is None


def test_a_sampled_path_keeps_its_tolerance(sky: Sky) -> None:
    site = earth_site(sky, 28.3, -16.51, 2390.0)
    for tolerance_km in (1e-1, 1e-3, 1e-5):
        sampled = sample(site, 0.0, 10 * DAY_S, tolerance_km=tolerance_km)
        t_s = np.random.default_rng(7).uniform(0.0, 10 * DAY_S, 5000)
        error = np.abs(sampled.state(t_s).position_km - site.state(t_s).position_km).max()
        assert error < 1.2 * tolerance_km  # the middle is the worst place but for the next order
        assert sampled.span_s == pytest.approx((0.0, 10 * DAY_S))
        speed = np.abs(sampled.state(t_s).velocity_km_s - site.state(t_s).velocity_km_s).max()
        assert speed < 20.0 * tolerance_km / sampled.step_s


def test_the_hermite_error_falls_with_the_fourth_power_of_the_step(sky: Sky) -> None:
    site = earth_site(sky, 0.0, 0.0)
    errors = []
    for step_s in (1800.0, 900.0):
        sampled = sample(site, 0.0, DAY_S, step_s=step_s)
        t_s = np.linspace(0.0, DAY_S, 999)
        error = sampled.state(t_s).position_km - site.state(t_s).position_km
        errors.append(float(np.abs(error).max()))
    assert errors[0] / errors[1] == pytest.approx(16.0, rel=0.05)


def test_a_sample_outside_the_path_or_of_nothing_is_refused(sky: Sky) -> None:
    site = earth_site(sky, 0.0, 0.0)
    with pytest.raises(InvalidValue, match="is known from"):
        sample(site, 0.0, 11 * DAY_S)
    with pytest.raises(InvalidValue, match="later than"):
        sample(site, 5.0, 5.0)
