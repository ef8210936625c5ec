"""Polynomials that keep trajectories: between an integration's steps, and stored by pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import InvalidValue
from topology.chebyshev import WORTH_COMPILING, fit
from topology.paths import FloatArray
from topology.steps import Steps

TURN_S = 7200.0


def circle(t_s: FloatArray) -> FloatArray:
    angle = 2 * np.pi * t_s / TURN_S
    return 2000.0 * np.array([np.cos(angle), np.sin(angle), 0.3 * np.cos(angle)])


@pytest.mark.parametrize("tolerance_km", [1.0, 1e-3, 1e-6])
def test_pieces_keep_their_tolerance_and_their_velocity_is_the_rate(tolerance_km: float) -> None:
    pieces = fit(circle, 0.0, 50_000.0, tolerance_km=tolerance_km, longest_s=20_000.0)
    t_s = np.random.default_rng(3).uniform(0.0, 50_000.0, 20_000)
    state = pieces.state(t_s)
    assert np.abs(state.position_km - circle(t_s)).max() < 1.1 * tolerance_km
    ahead, behind = pieces.state(t_s + 0.5).position_km, pieces.state(t_s - 0.5).position_km
    inside = np.abs(t_s[:, None] - pieces.edges_s).min(axis=1) > 0.6
    rate = (ahead - behind)[:, inside]
    assert np.abs(rate - state.velocity_km_s[:, inside]).max() < 1e-6 + tolerance_km / 10.0


def test_the_compiled_recurrence_gives_the_same_octets() -> None:
    pytest.importorskip("topology.compiled_flight")
    pieces = fit(circle, 0.0, 50_000.0, tolerance_km=1e-3, longest_s=20_000.0)
    random = np.random.default_rng(4).uniform(-10.0, 50_010.0, WORTH_COMPILING)
    for t_s in (random, np.sort(random), np.repeat(pieces.edges_s, WORTH_COMPILING)):
        compiled = pieces.state(t_s)
        few = [pieces.state(part) for part in np.array_split(t_s, t_s.size // 1000)]
        assert all(part.position_km.shape[1] < WORTH_COMPILING for part in few)
        for one, parts in zip(compiled, zip(*few, strict=True), strict=True):
            assert np.array_equal(one, np.concatenate(parts, axis=1))


def test_pieces_are_short_only_where_the_path_is_quick() -> None:
    def flyby(t_s: FloatArray) -> FloatArray:
        return np.array([t_s, 1e4 / (1.0 + (t_s / 100.0) ** 2), 0.0 * t_s])

    pieces = fit(flyby, -1e5, 1e5, tolerance_km=1e-3, longest_s=1e5)
    lengths = np.diff(pieces.edges_s)
    nearest = int(np.searchsorted(pieces.edges_s, 0.0)) - 1
    assert lengths[nearest] < 200.0
    assert lengths.max() > 10_000.0
    assert pieces.span_s == (-1e5, 1e5)


def test_a_path_that_jumps_is_refused() -> None:
    def jump(t_s: FloatArray) -> FloatArray:
        return np.array([np.where(t_s < 33.3, 0.0, 1.0)] * 3)

    with pytest.raises(InvalidValue, match="jump"):
        fit(jump, 0.0, 100.0, tolerance_km=1e-3, longest_s=100.0)


def test_epochs_spread_over_every_piece() -> None:
    pieces = fit(circle, 0.0, 50_000.0, tolerance_km=1e-3, longest_s=20_000.0)
    epochs = pieces.epochs(4)
    assert epochs.size == 4 * (pieces.edges_s.size - 1)
    assert (np.diff(epochs) > 0).all()
    assert epochs[0] == 0.0


@given(
    coefficients=st.lists(st.floats(-10, 10), min_size=27, max_size=27),
    widths=st.lists(st.floats(0.2, 3.0), min_size=2, max_size=6),
)
def test_steps_are_exact_for_polynomials_of_degree_eight(
    coefficients: list[float], widths: list[float]
) -> None:
    ends = np.concatenate([[0.0], np.cumsum(widths)]) / 3.0
    position = [np.polynomial.Polynomial(coefficients[k : k + 9]) for k in (0, 9, 18)]
    velocity = [p.deriv() for p in position]
    acceleration = [v.deriv() for v in velocity]
    states = np.array([f(ends) for f in position + velocity]).T
    rates = np.array([f(ends) for f in velocity + acceleration]).T
    t_s = np.linspace(0.0, ends[-1], 50)
    expected = np.array([p(t_s) for p in position])
    scale = 1.0 + np.abs(states[:, :3]).max()
    assert np.abs(Steps(ends, states, rates).positions(t_s) - expected).max() < 1e-7 * scale
