"""The relays' orbits: frozen, interlocked, always above the south pole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from topology.constants import DAY_S, GM_MOON_KM3_S2
from topology.dynamics import Trajectory
from topology.ephemeris import Sky
from topology.frozen_orbit import (
    integrated,
    lunar_relay_pair,
    mars_relay,
    orbit_plane_axes,
    perilunes_s,
    toml,
)
from topology.paths import FloatArray
from topology.sites import azimuth_elevation_deg, moon_site

Pair = tuple[Trajectory, Trajectory]


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(datetime(2026, 12, 1, tzinfo=UTC), 30 * DAY_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def pair(sky: Sky) -> Pair:
    first, second = lunar_relay_pair(sky)
    return integrated(sky, first), integrated(sky, second)


def shape(sky: Sky, orbit: Trajectory, t_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Osculating eccentricity, and argument of perilune in degrees in the orbit plane's axes."""
    axes = orbit_plane_axes(sky, 0.0)
    position, velocity = (axes @ part for part in orbit.pieces.state(t_s))
    momentum = np.cross(position.T, velocity.T)
    unit = position / np.linalg.norm(position, axis=0)
    vector = np.cross(velocity.T, momentum).T / GM_MOON_KM3_S2 - unit
    node = np.array([-momentum[:, 1], momentum[:, 0], np.zeros(t_s.size)])
    node /= np.linalg.norm(node, axis=0)
    ahead = np.cross(momentum / np.linalg.norm(momentum, axis=1)[:, None], node.T).T
    argument = np.arctan2((ahead * vector).sum(axis=0), (node * vector).sum(axis=0))
    return np.linalg.norm(vector, axis=0), np.degrees(argument)


def test_the_lunar_orbit_is_frozen_for_the_month(sky: Sky, pair: Pair) -> None:
    t_s = np.linspace(0.0, 30 * DAY_S, 3000)
    for orbit in pair:
        eccentricity, argument_deg = shape(sky, orbit, t_s)
        assert eccentricity.min() > 0.59
        assert eccentricity.max() < 0.625
        assert argument_deg.min() > 88.0
        assert argument_deg.max() < 92.0


def test_the_two_relays_stay_half_a_period_apart(pair: Pair) -> None:
    first, second = (perilunes_s(orbit) for orbit in pair)
    count = min(first.size - 1, second.size)
    assert count >= 59
    phase = (second[:count] - first[:count]) / np.diff(first)[:count]
    assert np.abs(phase - 0.5).max() < 0.005
    assert np.diff(first).mean() == pytest.approx(12 * 3600.0, rel=1e-3)


def test_the_south_pole_always_sees_a_relay_high_up(sky: Sky, pair: Pair) -> None:
    t_s = np.arange(0.0, 30 * DAY_S, 300.0)
    base = moon_site(sky, -89.54, 0.0)
    axes, here = base.horizon_axes(t_s), base.state(t_s).position_km
    assert axes is not None
    elevations = [
        azimuth_elevation_deg(axes, orbit.state(t_s).position_km - here)[1] for orbit in pair
    ]
    assert np.maximum(*elevations).min() > 35.0
    for elevation in elevations:
        assert 0.74 < (elevation > 5.0).mean() < 0.77


def test_the_mars_relay_keeps_its_height_and_its_place(sky: Sky) -> None:
    orbit = integrated(sky, mars_relay(sky), "mars")
    t_s = np.linspace(0.0, 30 * DAY_S, 3000)
    position = orbit.pieces.state(t_s).position_km
    distance = np.linalg.norm(position, axis=0)
    assert distance.min() > 20_350.0
    assert distance.max() < 20_500.0
    fixed = np.einsum("ijn,jn->in", sky.orientation("mars").rotation(t_s).matrix, position)
    longitude = np.degrees(np.unwrap(np.arctan2(fixed[1], fixed[0])))
    assert np.ptp(longitude) < 3.0


def test_a_state_is_written_as_a_scenario_reads_it(sky: Sky) -> None:
    import tomllib

    state = mars_relay(sky)
    read = tomllib.loads(toml(state))
    assert read["position_km"] == pytest.approx(state.position_km.tolist(), abs=1e-3)
    assert read["velocity_km_s"] == pytest.approx(state.velocity_km_s.tolist(), abs=1e-6)
