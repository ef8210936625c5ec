"""Integrated orbits against another formula, a finer integration, theory and skyfield."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import lunar_gravity
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from skyfield.api import EarthSatellite, load

from dtn.errors import InvalidValue
from topology import constants as c
from topology.dynamics import PullAround
from topology.ephemeris import Sky
from topology.frozen_orbit import lunar_relay
from topology.integration import Tolerances
from topology.orbits import TleOrbit, orbit_from_elements, orbit_from_state, state_from_elements
from topology.paths import FloatArray

START = datetime(2026, 12, 1, tzinfo=UTC)
DAY_S = c.DAY_S
THIRD_BODIES = {"earth": c.GM_EARTH_KM3_S2, "sun": c.GM_SUN_KM3_S2}
# A Starlink-like circle; checksums are right, the satellite is made up.
TLE = (
    "1 90001U 26001A   26335.00000000  .00002000  00000-0  15000-3 0  9999",
    "2 90001  53.0000 200.0000 0001500  90.0000 270.0000 15.06000000    19",
)


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, 30 * DAY_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def relay(sky: Sky) -> tuple[list[float], list[float]]:
    state = lunar_relay(sky, 0.0)
    return state.position_km.tolist(), state.velocity_km_s.tolist()


def test_the_moons_pull_agrees_with_an_independent_formula(sky: Sky) -> None:
    """Cunningham's recursions, ephemeris asked directly."""
    ours = PullAround(sky, "moon", 0.0, 30 * DAY_S)
    theirs = lunar_gravity.acceleration(sky, 8, THIRD_BODIES)
    rng = np.random.default_rng(5)
    for _ in range(20):
        direction = rng.normal(size=3)
        place = direction / np.linalg.norm(direction) * rng.uniform(1800.0, 12_000.0)
        state = np.concatenate([place, rng.normal(size=3)])
        t_s = float(rng.uniform(0.0, 30 * DAY_S))
        difference = np.linalg.norm((ours(t_s, state) - theirs(t_s, state))[3:])
        # what a table at one-hour steps leaves of the Moon's turning and of the Earth's place
        assert difference < 1e-9 * c.GM_MOON_KM3_S2 / float(place @ place)


def test_a_day_round_the_moon_is_within_a_metre_of_another_integration(
    sky: Sky, relay: tuple[list[float], list[float]]
) -> None:
    position, velocity = relay
    orbit = orbit_from_state(sky, "moon", START, position, velocity)
    rates = lunar_gravity.acceleration(sky, 8, THIRD_BODIES)
    at_s = np.linspace(0.0, DAY_S, 25)
    theirs = solve_ivp(
        rates, (0.0, DAY_S), [*position, *velocity], "DOP853", at_s, rtol=1e-9, atol=1e-7
    )
    apart_km = np.linalg.norm(orbit.pieces.state(at_s).position_km - theirs.y[:3], axis=0)
    assert apart_km.max() < 0.01


@pytest.mark.slow
def test_a_month_round_the_moon_is_within_a_kilometre_of_an_independent_integration(
    sky: Sky, relay: tuple[list[float], list[float]]
) -> None:
    """Cunningham's recursions to degree 8, ephemeris asked at every evaluation, steps three times as fine."""
    position, velocity = relay
    orbit = orbit_from_state(sky, "moon", START, position, velocity)
    rates = lunar_gravity.acceleration(sky, 8, THIRD_BODIES)
    at_s = np.linspace(0.0, 30 * DAY_S, 1000)
    theirs = solve_ivp(
        rates, (0.0, 30 * DAY_S), [*position, *velocity], "DOP853", at_s, rtol=1e-12, atol=1e-9
    )
    apart_km = np.linalg.norm(orbit.pieces.state(at_s).position_km - theirs.y[:3], axis=0)
    print(f"a month round the Moon: {1e3 * apart_km.max():.0f} m from an independent integration")
    assert apart_km.max() < 0.2


def test_a_month_round_the_moon_is_within_a_kilometre_of_a_tenfold_tighter_integration(
    sky: Sky, relay: tuple[list[float], list[float]]
) -> None:
    position, velocity = relay
    began = time.process_time()
    ours = orbit_from_state(sky, "moon", START, position, velocity)
    spent_s = time.process_time() - began
    tighter = orbit_from_state(
        sky, "moon", START, position, velocity, tolerances=Tolerances(1e-13, 1e-8, 1e-11)
    )
    t_s = np.linspace(0.0, 30 * DAY_S, 5000)
    apart = ours.pieces.state(t_s).position_km - tighter.pieces.state(t_s).position_km
    assert np.linalg.norm(apart, axis=0).max() < 0.2
    assert spent_s < 3.0  # 0.45 s measured alone


def test_a_kepler_ellipse_is_no_lunar_orbit(
    sky: Sky, relay: tuple[list[float], list[float]]
) -> None:
    """Why orbits are integrated: tens of km off within a day, two thousand within a month."""
    orbit = orbit_from_state(sky, "moon", START, *relay)

    def most_apart_km(first_s: float, last_s: float) -> float:
        t_s = np.linspace(first_s, last_s, 60)
        turned_deg = 360.0 * t_s / 43_200.0
        ellipse = np.array([lunar_relay(sky, float(a)).position_km for a in turned_deg]).T
        apart = orbit.pieces.state(t_s).position_km - ellipse
        return float(np.linalg.norm(apart, axis=0).max())

    assert most_apart_km(0.0, 1.0) < 1e-3
    assert 20.0 < most_apart_km(0.0, DAY_S) < 200.0
    assert most_apart_km(29 * DAY_S, 30 * DAY_S) > 1000.0


def test_an_orbit_can_be_given_at_any_epoch_of_its_path(
    sky: Sky, relay: tuple[list[float], list[float]]
) -> None:
    first = orbit_from_state(sky, "moon", START, *relay)
    t_s = np.linspace(0.0, 5 * DAY_S, 50)
    for days in (5.0, 2.0):
        later = START + timedelta(days=days)
        state = first.pieces.state(np.array([sky.seconds(later)]))
        position, velocity = (part[:, 0].tolist() for part in state)
        again = orbit_from_state(sky, "moon", later, position, velocity)
        apart = again.pieces.state(t_s).position_km - first.pieces.state(t_s).position_km
        assert np.abs(apart).max() < 0.2  # from velocities good to 1e-8 km/s
        assert again.span_s == sky.span_s


def test_an_epoch_before_the_scenario_is_carried_forward(
    sky: Sky, relay: tuple[list[float], list[float]]
) -> None:
    orbit = orbit_from_state(sky, "moon", START - timedelta(days=3), *relay)
    assert orbit.span_s[0] == pytest.approx(-3 * DAY_S, abs=1.0)
    assert orbit.span_s[1] == sky.span_s[1]


@pytest.mark.parametrize(
    ("body", "gm", "j2", "radius_km", "height_km", "inclination_deg"),
    [
        ("earth", c.GM_EARTH_KM3_S2, c.EARTH_J2, c.EARTH_GRAVITY_RADIUS_KM, 700.0, 98.2),
        ("mars", c.GM_MARS_KM3_S2, c.MARS_J2, c.MARS_GRAVITY_RADIUS_KM, 500.0, 50.0),
    ],
)
def test_the_node_turns_as_the_theory_of_j2_says(
    sky: Sky,
    body: str,
    gm: float,
    j2: float,
    radius_km: float,
    height_km: float,
    inclination_deg: float,
) -> None:
    """First-order secular theory (Brouwer 1959): dnode/dt = -3/2 n J2 (R/a)^2 cos i."""
    axis_km = radius_km + height_km
    pole = sky.orientation(body).rotation(np.array([0.0])).matrix[2, :, 0]
    east = np.cross((0.0, 0.0, 1.0), pole)
    east /= np.linalg.norm(east)
    frame = np.array([east, np.cross(pole, east), pole])
    position, velocity = state_from_elements(
        gm,
        semi_major_axis_km=axis_km,
        eccentricity=0.0,
        inclination_deg=inclination_deg,
        ascending_node_deg=0.0,
        argument_of_periapsis_deg=0.0,
        mean_anomaly_deg=0.0,
    )
    with Sky(START, 2 * DAY_S) as short:
        orbit = orbit_from_state(
            short, body, START, (frame.T @ position).tolist(), (frame.T @ velocity).tolist()
        )
        t_s = np.linspace(0.0, 2 * DAY_S, 4000)
        state = orbit.pieces.state(t_s)
    normal = frame @ np.cross(state.position_km.T, state.velocity_km_s.T).T
    node = np.unwrap(np.arctan2(normal[0], -normal[1]))
    measured = np.polyfit(t_s, node, 1)[0]
    n = np.sqrt(gm / axis_km**3)
    theory = -1.5 * n * j2 * (radius_km / axis_km) ** 2 * np.cos(np.radians(inclination_deg))
    assert measured == pytest.approx(theory, rel=0.01)


@given(
    eccentricity=st.floats(0.0, 0.95),
    angles=st.tuples(*[st.floats(0.0, 359.0)] * 3),
    inclination=st.floats(0.0, 180.0),
)
def test_elements_and_state_have_the_same_energy_momentum_and_apses(
    eccentricity: float, angles: tuple[float, float, float], inclination: float
) -> None:
    gm, axis_km = c.GM_MOON_KM3_S2, 6142.4
    node, argument, anomaly = angles
    position, velocity = state_from_elements(
        gm,
        semi_major_axis_km=axis_km,
        eccentricity=eccentricity,
        inclination_deg=inclination,
        ascending_node_deg=node,
        argument_of_periapsis_deg=argument,
        mean_anomaly_deg=anomaly,
    )
    distance = np.linalg.norm(position)
    assert 0.5 * velocity @ velocity - gm / distance == pytest.approx(-gm / (2 * axis_km))
    momentum = np.cross(position, velocity)
    semi_latus = axis_km * (1 - eccentricity**2)
    assert momentum @ momentum == pytest.approx(gm * semi_latus)
    assert momentum[2] == pytest.approx(
        np.sqrt(gm * semi_latus) * np.cos(np.radians(inclination)), abs=1e-6
    )
    # Kepler's equation, from the state: the mean anomaly comes out again
    e_cos = 1 - distance / axis_km
    e_sin = position @ velocity / np.sqrt(gm * axis_km)
    mean = np.arctan2(e_sin, e_cos) - e_sin if eccentricity > 1e-6 else np.radians(anomaly)
    assert np.cos(mean - np.radians(anomaly)) == pytest.approx(1.0, abs=1e-9)


def test_elements_are_integrated_like_states(sky: Sky) -> None:
    with Sky(START, DAY_S) as short:
        orbit = orbit_from_elements(
            short,
            "mars",
            START,
            semi_major_axis_km=20_428.0,
            eccentricity=0.01,
            inclination_deg=37.0,
        )
        distance = np.linalg.norm(
            orbit.state(np.array([0.0])).position_km
            - short.body("mars").state(np.array([0.0])).position_km
        )
    assert distance == pytest.approx(20_428.0 * 0.99, abs=1e-2)


Vector = list[float]


@pytest.mark.parametrize(
    ("body", "position", "velocity", "key", "mend"),
    [
        ("moon", [1000.0, 0.0, 0.0], [0.0, 1.6, 0.0], "position_km", "below the surface"),
        ("moon", [2000.0, 0.0, 0.0], [0.0, 0.9, 0.0], "orbit", "raise its periapsis"),
        ("moon", [2000.0, 0.0, 0.0], [0.0, 1600.0, 0.0], "velocity_km_s", "not m/s"),
        ("moon", [2000.0, 0.0], [0.0, 1.6, 0.0], "position_km", "three finite numbers"),
        ("moon", [2000.0, 0.0, 0.0], [0.0, float("nan"), 0.0], "velocity_km_s", "three finite"),
        ("venus", [9000.0, 0.0, 0.0], [0.0, 6.0, 0.0], "body", "earth, moon, mars"),
    ],
)
def test_an_orbit_that_cannot_be_is_refused(
    sky: Sky, body: str, position: Vector, velocity: Vector, key: str, mend: str
) -> None:
    with pytest.raises(InvalidValue, match=mend) as refused:
        orbit_from_state(sky, body, START, position, velocity)
    assert refused.value.key == key


def test_an_epoch_outside_the_kernel_and_an_impossible_ellipse_are_refused(sky: Sky) -> None:
    with pytest.raises(InvalidValue, match="2026-01-01 to 2037-01-01"):
        orbit_from_state(
            sky, "moon", datetime(2040, 1, 1, tzinfo=UTC), [3000.0, 0.0, 0.0], [0.0, 1.2, 0.0]
        )
    with pytest.raises(InvalidValue, match="below 1"):
        orbit_from_elements(
            sky, "moon", START, semi_major_axis_km=6000.0, eccentricity=1.0, inclination_deg=0.0
        )


def test_a_tle_flies_where_skyfield_flies_it(sky: Sky) -> None:
    orbit = TleOrbit(sky, *TLE)
    t_s = np.linspace(0.0, 5 * DAY_S, 200)
    timescale = load.timescale(builtin=True)
    start = timescale.from_datetime(START)
    times = timescale.tdb_jd(start.whole, start.tdb_fraction + t_s / DAY_S)
    theirs = EarthSatellite(*TLE, ts=timescale).at(times)
    earth = sky.body("earth").state(t_s)
    ours = orbit.state(t_s)
    apart: FloatArray = ours.position_km - earth.position_km - theirs.position.km
    assert np.abs(apart).max() < 1e-4  # 10 cm
    faster: FloatArray = ours.velocity_km_s - earth.velocity_km_s - theirs.velocity.km_per_s
    assert np.abs(faster).max() < 1e-6
    assert abs((orbit.epoch - START).total_seconds()) < 1e-3
    assert orbit.age_d == pytest.approx(30.0, abs=0.01)


@pytest.mark.parametrize(
    ("lines", "mend"),
    [
        ((TLE[0][:-1] + "0", TLE[1]), "checksum"),
        ((TLE[0][:40], TLE[1]), "69 characters"),
        ((TLE[1], TLE[0]), "from '1 '"),
    ],
)
def test_a_damaged_tle_is_refused(sky: Sky, lines: tuple[str, str], mend: str) -> None:
    with pytest.raises(InvalidValue, match=mend):
        TleOrbit(sky, *lines)
