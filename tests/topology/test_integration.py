"""The compiled integration against scipy's: the same steps, the same path but for rounding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from dtn.errors import InvalidValue
from topology.constants import DAY_S
from topology.dynamics import DeepSpace, Pull, PullAround
from topology.ephemeris import Sky
from topology.integration import Integration, Tolerances
from topology.mass_driver import Muzzle, muzzle_state
from topology.paths import FloatArray
from topology.sites import moon_site

START = datetime(2026, 12, 1, tzinfo=UTC)
PLACES = {
    "earth": (6_900.0, 100.0, 0.0, 0.0, 5.0, 5.7),
    "moon": (22.490, 197.907, 2448.944, -1.775377, 0.201752, 0.0),
    "mars": (4_000.0, 0.0, -50.0, 0.0, 2.0, 2.6),
}


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, 5 * DAY_S) as sky:
        yield sky


def ends(pull: Pull, start_s: float, state: FloatArray, end_s: float) -> list[Integration]:
    """Compiled, and not."""
    pytest.importorskip("numba")
    return [
        Integration(pull, start_s, state, end_s, Tolerances(), to_ground=True, compiled=compiled)
        for compiled in (True, False)
    ]


@pytest.mark.parametrize("body", PLACES)
@pytest.mark.parametrize("days", [1.0, -1.0])
def test_both_fly_the_same_orbit_forth_and_back(sky: Sky, body: str, days: float) -> None:
    pull = PullAround(sky, body, -2 * DAY_S, 2 * DAY_S)
    compiled, plain = ends(pull, 0.0, np.array(PLACES[body]), days * DAY_S)
    t_s = DAY_S * np.linspace(min(days, 0.0), max(days, 0.0), 500)
    apart = compiled.steps.positions(t_s) - plain.steps.positions(t_s)
    assert np.abs(apart).max() < 1e-6  # a millimetre
    assert compiled.end_s == plain.end_s == days * DAY_S


def test_both_launch_a_satellite_alike(sky: Sky) -> None:
    masses, base = DeepSpace(sky, 0.0, 200 * DAY_S), moon_site(sky, -89.54, 0.0)
    muzzle = Muzzle(azimuth_deg=270.0, elevation_deg=2.0, speed_m_s=2450.0)
    state = muzzle_state(base, muzzle, DAY_S)
    compiled, plain = ends(masses.pull(0.065), DAY_S, state, 100 * DAY_S)
    assert np.abs(compiled.end_state - plain.end_state)[:3].max() < 0.01


def test_both_stop_at_the_first_step_below_the_ground(sky: Sky) -> None:
    pull = PullAround(sky, "moon", 0.0, DAY_S)
    compiled, plain = ends(pull, 0.0, np.array([2_000.0, 0.0, 0.0, 0.0, 0.4, 0.0]), DAY_S)
    assert compiled.end_s == pytest.approx(plain.end_s, abs=1e-3)
    assert np.linalg.norm(compiled.end_state[:3]) < 1_737.4


@pytest.mark.parametrize("compiled", [True, False])
def test_a_fall_through_the_centre_is_told(sky: Sky, compiled: bool) -> None:
    pull = PullAround(sky, "earth", 0.0, DAY_S)
    state = np.array([7_000.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    with pytest.raises(InvalidValue, match="steps become too small"):
        Integration(pull, 0.0, state, DAY_S, Tolerances(), compiled=compiled)


def test_a_long_path_is_stepped_in_parts_that_join(sky: Sky) -> None:
    pull = PullAround(sky, "earth", 0.0, 30 * DAY_S)
    long = Integration(pull, 0.0, np.array(PLACES["earth"]), 15 * DAY_S, Tolerances())
    parts = [long.steps.positions(np.array([t_s]))[:, 0] for t_s in (5 * DAY_S, 15 * DAY_S)]
    radii_km = np.linalg.norm(parts, axis=1)
    assert (np.abs(radii_km - 6_900.0) < 1_500.0).all()
    assert np.linalg.norm(long.end_state[:3] - parts[1]) < 1e-6
