"""Trajectories as Chebyshev polynomials over pieces of time: small, exact to a stated tolerance, fast to ask.

A piece is fitted through the Chebyshev points of its interval and tried half-way between them; where it misses
the tolerance it is cut in two. All pieces of one generation are computed in one call of the function, so that the
cost is a few vectorised calls. Velocities are the polynomials' derivatives: one truth, not two.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dtn.errors import InvalidValue
from topology.paths import FloatArray, State

DEGREE = 15
SHORTEST_S = 1e-3
WORTH_COMPILING = 2000
"""Epochs in one call that the compiled recurrence is used for, if it is loaded: ten times as fast, equal to the bit."""


@dataclass(frozen=True, slots=True)
class ChebyshevPieces:
    """Positions over a span of time, polynomial by pieces.

    Args:
        edges_s: ends of the pieces, shape (S + 1,), rising.
        coefficients_km: shape (degree + 1, 3, S).
    """

    edges_s: FloatArray
    coefficients_km: FloatArray

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last epoch."""
        return float(self.edges_s[0]), float(self.edges_s[-1])

    def epochs(self, in_each: int) -> FloatArray:
        """Epochs spread evenly over every piece, its left end included: shape (S * in_each,)."""
        steps = np.arange(in_each) / in_each
        lengths = np.diff(self.edges_s)
        spread: FloatArray = (self.edges_s[:-1, None] + lengths[:, None] * steps).ravel()
        return spread

    def state(self, t_s: FloatArray) -> State:
        """Positions and velocities, shape (3, N), by Clenshaw's recurrence and its derivative."""
        t_s = np.atleast_1d(np.asarray(t_s, dtype=np.float64))
        if t_s.size >= WORTH_COMPILING and "topology.compiled_flight" in sys.modules:
            from topology.compiled_flight import chebyshev

            return State(*chebyshev(self.edges_s, self.coefficients_km, t_s))
        piece = np.clip(
            np.searchsorted(self.edges_s, t_s, side="right") - 1, 0, self.edges_s.size - 2
        )
        left = self.edges_s[piece]
        half = 0.5 * (self.edges_s[piece + 1] - left)
        x = (t_s - left) / half - 1.0
        twice = 2.0 * x
        w0 = w1 = d0 = d1 = np.zeros((3, t_s.size))
        for k in range(self.coefficients_km.shape[0] - 1, 0, -1):
            w0, w1, d0, d1 = (
                self.coefficients_km[k][:, piece] + twice * w0 - w1,
                w0,
                2.0 * w0 + twice * d0 - d1,
                d0,
            )
        position = self.coefficients_km[0][:, piece] + x * w0 - w1
        velocity = w0 + x * d0 - d1
        return State(position, velocity / half)


def fit(
    positions: Callable[[FloatArray], FloatArray],
    start_s: float,
    end_s: float,
    *,
    tolerance_km: float,
    longest_s: float,
) -> ChebyshevPieces:
    """Fit positions from start_s to end_s.

    Args:
        positions: gives shape (3, N) for N epochs in rising order.
        start_s: first epoch.
        end_s: last epoch.
        tolerance_km: largest error in any coordinate, tested half-way between the fitted points.
        longest_s: no piece is longer; take it below the period of whatever the path goes round.

    Raises:
        InvalidValue: the positions jump: no short piece meets the tolerance.
    """
    angles = np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1)
    points, tests = -np.cos(angles), -np.cos(angles[:-1] + 0.5 * np.pi / (DEGREE + 1))
    to_coefficients = _coefficient_matrix(points)
    at_tests = np.polynomial.chebyshev.chebvander(tests, DEGREE)

    count = max(1, int(np.ceil((end_s - start_s) / longest_s)))
    edges = np.linspace(start_s, end_s, count + 1)
    lefts, rights = edges[:-1], edges[1:]
    done_lefts: list[FloatArray] = []
    done: list[FloatArray] = []
    places = np.sort(np.concatenate([points, tests]))
    is_point = np.isin(places, points)
    while lefts.size:
        middles, halves = 0.5 * (lefts + rights), 0.5 * (rights - lefts)
        if halves.min() < SHORTEST_S:
            raise InvalidValue("trajectory", float(middles[0]), "positions jump at this time")
        epochs = middles[:, None] + halves[:, None] * places
        values = positions(epochs.ravel()).reshape(3, lefts.size, places.size)
        coefficients = np.einsum("kp,csp->kcs", to_coefficients, values[..., is_point])
        error = np.einsum("tk,kcs->cst", at_tests, coefficients) - values[..., ~is_point]
        good = np.abs(error).max(axis=(0, 2)) <= tolerance_km
        done_lefts.append(lefts[good])
        done.append(coefficients[..., good])
        lefts, rights = (
            np.stack([lefts[~good], middles[~good]], axis=1).ravel(),
            np.stack([middles[~good], rights[~good]], axis=1).ravel(),
        )
    all_lefts = np.concatenate(done_lefts)
    order = np.argsort(all_lefts)
    pieces = np.ascontiguousarray(np.concatenate(done, axis=-1)[..., order])
    return ChebyshevPieces(np.append(all_lefts[order], end_s), pieces)


def _coefficient_matrix(points: FloatArray) -> FloatArray:
    """From values at the Chebyshev points to coefficients, by their discrete orthogonality."""
    matrix = np.polynomial.chebyshev.chebvander(points, DEGREE).T * (2.0 / points.size)
    matrix[0] *= 0.5
    return np.asarray(matrix, dtype=np.float64)
