"""Light times against closed forms, against SPICE's figures and against skyfield asked directly."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skyfield.api import load, load_file, wgs84

from tests.topology.simple_paths import Circle, Straight
from topology.constants import DAY_S, SPEED_OF_LIGHT_KM_S
from topology.ephemeris import KERNELS, Sky
from topology.geometry import (
    arriving,
    departing,
    geometric_s,
    light_time,
    light_time_received,
    shapiro_delay_s,
    sightline,
)
from topology.sites import earth_site
from topology.track import track

# From SPICE N0067: TDB seconds, converged Newtonian light time: receive, transmit, geometric.
CENTRES = [
    ("2027-06-05T18:40:00", "moon", 1.208404508, 1.208348427, 1.208376461),
    ("2027-06-05T18:40:00", "mars", 684.035010643, 683.965763341, 684.000385549),
    ("2029-08-17T03:21:09", "moon", 1.240985641, 1.240743222, 1.240864419),
    ("2029-08-17T03:21:09", "mars", 731.286375648, 731.200822963, 731.243597400),
]

coordinates = st.floats(-1e8, 1e8)
speeds = st.floats(-40.0, 40.0)
points = st.tuples(coordinates, coordinates, coordinates)
velocities = st.tuples(speeds, speeds, speeds)


@pytest.mark.parametrize(("utc", "target", "receive", "transmit", "geometric"), CENTRES)
def test_sampled_paths_keep_light_times_within_four_nanoseconds_of_spice(
    utc: str, target: str, receive: float, transmit: float, geometric: float
) -> None:
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    with Sky(at - timedelta(days=3), 7 * DAY_S) as sky:
        t_s = np.array([sky.seconds(at)])
        earth, other = (track(sky.body(name), *sky.span_s) for name in ("earth", target))
    ours = [
        light_time_received(other, earth, t_s)[0],
        light_time(earth, other, t_s)[0],
        geometric_s(earth, other, t_s)[0],
    ]
    assert ours == pytest.approx([receive, transmit, geometric], abs=4e-9)


@given(points, points, velocities, velocities)
def test_between_straight_lines_light_time_solves_the_quadratic(
    here: tuple[float, ...],
    there: tuple[float, ...],
    v_here: tuple[float, ...],
    v_there: tuple[float, ...],
) -> None:
    apart = np.subtract(there, here)
    if np.linalg.norm(apart) < 1.0:
        return
    owlt_s = light_time(Straight(here, v_here), Straight(there, v_there), np.zeros(1))[0]
    # |d + v tau|^2 = c^2 tau^2
    v = np.array(v_there)
    a, b, c = SPEED_OF_LIGHT_KM_S**2 - v @ v, apart @ v, apart @ apart
    exact_s = (b + math.sqrt(b * b + a * c)) / a
    assert owlt_s == pytest.approx(exact_s, abs=1e-11, rel=1e-13)


@given(st.floats(-1e6, 1e6), st.floats(0, 6), st.floats(1e4, 4e8))
def test_a_photon_sent_is_the_photon_received(t_s: float, phase: float, away_km: float) -> None:
    orbiter = Circle(7000.0, 5400.0, phase, 1.0)
    far = Circle(3000.0, 7000.0, 0.0, 0.3, Straight((away_km, 0.0, 0.0), (10.0, -20.0, 3.0)))
    sent_s = np.array([t_s])
    owlt_s = light_time(orbiter, far, sent_s)
    assert light_time_received(orbiter, far, sent_s + owlt_s) == pytest.approx(owlt_s, abs=1e-9)


def test_light_times_from_a_station_agree_with_skyfield_to_a_microsecond() -> None:
    start = datetime(2027, 2, 3, tzinfo=UTC)
    days = np.linspace(0.0, 30.0, 40)
    eph = load_file(str(KERNELS / "de421_2026_2036.bsp"))
    station = eph["earth"] + wgs84.latlon(28.30, -16.51, elevation_m=2390)
    with Sky(start, 31 * DAY_S) as sky:
        ours = track(earth_site(sky, 28.30, -16.51, 2390), *sky.span_s)
        for name in ("moon", "mars"):
            body = track(sky.body(name), *sky.span_s)
            times = load.timescale(builtin=True).tdb_jd(
                load.timescale(builtin=True).from_datetime(start).tdb + days
            )
            # a Julian date in one double is right to 40 us, worth 1e-9 s of light
            theirs_s = station.at(times).observe(eph[name]).light_time * DAY_S
            ours_s = light_time_received(body, ours, days * DAY_S)
            assert np.abs(ours_s - theirs_s).max() < 1e-6
    eph.close()


def test_light_bends_around_the_sun_by_shapiros_delay() -> None:
    # Mars behind the Sun, the ray passing 10 solar radii off: about 190 us one way
    au_km = 149_597_870.7
    earth, mars = Straight((au_km, 6_957_000.0, 0.0)), Straight((-1.52 * au_km, 6_957_000.0, 0.0))
    line = sightline(earth, mars, np.zeros(1))
    delay_s = shapiro_delay_s(line, Straight((0.0, 0.0, 0.0)))[0]
    impact = 9.8509e-6 * math.log(4 * 1.52 * au_km**2 / 6_957_000.0**2)  # 2GM/c^3 ln(4 r1 r2 / b^2)
    assert delay_s == pytest.approx(impact, rel=1e-3)


def test_the_beam_leads_a_moving_partner_and_the_eye_sees_where_it_was() -> None:
    still, moving = Straight((0.0, 0.0, 0.0)), Straight((1e6, 0.0, 0.0), (0.0, 30.0, 0.0))
    out = sightline(still, moving, np.zeros(1))
    back = sightline(moving, still, np.zeros(1))
    # the still end: point-ahead by v/c on the way out, no aberration of its own on the way in
    assert departing(out)[1, 0] == pytest.approx(30 / SPEED_OF_LIGHT_KM_S, rel=1e-6)
    assert arriving(back)[1, 0] == pytest.approx(0.0, abs=1e-12)
    # the moving end, in its own frame, sees the still one drift the other way: the same two angles
    assert arriving(out)[1, 0] == pytest.approx(0.0, abs=1e-7)
    assert departing(back)[1, 0] == pytest.approx(-30 / SPEED_OF_LIGHT_KM_S, rel=1e-6)
