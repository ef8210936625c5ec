"""Between the steps of an integration: Hermite polynomials of degree 8 through three steps' ends.

At the end of every step an integrator knows position, velocity and acceleration. Those of three successive ends make a
polynomial of degree 8: nothing more has to be evaluated, where DOP853's own polynomials of degree 7 cost three
evaluations a step, and the error between the ends lies far below the steps' own (a millimetre on ten-day steps round
the Sun). Source: Hermite interpolation by divided differences with repeated nodes, e.g. Stoer and Bulirsch, 2.1.5.
"""

from __future__ import annotations

import numpy as np

from topology.paths import FloatArray

ORDER = 3  # what is known at each end: position, velocity, acceleration
NODES = 9


class Steps:
    """Positions between the ends of at least two steps.

    Args:
        epochs_s: the ends, shape (M,), rising.
        states: positions and velocities there, shape (M, 6).
        rates: velocities and accelerations there, shape (M, 6).
    """

    def __init__(self, epochs_s: FloatArray, states: FloatArray, rates: FloatArray) -> None:
        self._epochs_s = epochs_s
        self._scale_s = np.diff(epochs_s)
        # Step i goes from end i to i + 1; its polynomial takes in the end before it, the first that after it.
        self._first = np.maximum(np.arange(epochs_s.size - 1) - 1, 0)
        ends = self._first[:, None] + np.arange(3)
        self._origin = states[:-1, :3]
        nodes = (epochs_s[ends] - epochs_s[:-1, None]) / self._scale_s[:, None]
        scale = self._scale_s[:, None, None]
        known = [
            states[ends, :3] - self._origin[:, None],
            states[ends, 3:] * scale,
            rates[ends, 3:] * (0.5 * scale * scale),
        ]
        self._nodes = np.repeat(nodes, ORDER, axis=1)
        self._differences = _divided_differences(self._nodes, known)

    def positions(self, t_s: FloatArray) -> FloatArray:
        """Positions, shape (3, N)."""
        step = np.clip(
            np.searchsorted(self._epochs_s, t_s, side="right") - 1, 0, self._scale_s.size - 1
        )
        x = (t_s - self._epochs_s[step]) / self._scale_s[step]
        nodes = self._nodes[step]
        value = self._differences[NODES - 1][step]
        for k in range(NODES - 2, -1, -1):
            value = self._differences[k][step] + (x - nodes[:, k])[:, None] * value
        return (self._origin[step] + value).T


def _divided_differences(nodes: FloatArray, known: list[FloatArray]) -> list[FloatArray]:
    """Newton's coefficients of all steps at once.

    Args:
        nodes: shape (S, 9), each of three nodes three times over.
        known: derivatives at the three nodes over their factorials, each of shape (S, 3, 3).

    Returns:
        Nine coefficients of shape (S, 3).
    """
    column = [known[0][:, k // ORDER] for k in range(NODES)]
    coefficients = [column[0]]
    for order in range(1, NODES):
        following = []
        for left in range(NODES - order):
            right = left + order
            if left // ORDER == right // ORDER:
                following.append(known[order][:, left // ORDER])
            else:
                width = (nodes[:, right] - nodes[:, left])[:, None]
                following.append((column[left + 1] - column[left]) / width)
        column = following
        coefficients.append(column[0])
    return coefficients
