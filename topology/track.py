"""A node's path read once, horizon included: what windows and light times are computed from.

An ephemeris costs microseconds an epoch and a pair needs a million epochs, so every node is sampled
once, on an even grid, and all its pairs interpolate (cubic Hermite: 1 m, 3 ns of light, at 60 s in a
low orbit, and at 600 s for a site). The horizon's axes turn with the body; their slopes come from a
cubic spline through the samples, right to 1e-7 rad, 2 ms of the Earth's rotation, at 600 s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from topology.paths import FloatArray, Path, SampledPath, State, hermite, sample

TOLERANCE_KM = 1e-3  # 3 ns of light
COARSEST_STEP_S = 600.0  # 2.5 deg of the Earth's rotation


@dataclass(frozen=True, slots=True)
class Track:
    """A sampled path that knows its horizon; itself a `Path`. Make one with `track`.

    Args:
        path: the sampled path.
        axes: east, north, up of a site's horizon at the grid points, shape (3, 3, N); None in space.
        axes_rate: their time derivatives, per second.
    """

    path: SampledPath
    axes: FloatArray | None
    axes_rate: FloatArray | None

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last epoch of the samples."""
        return self.path.span_s

    @property
    def step_s(self) -> float:
        """The grid's step: short for a fast orbit, long for what moves evenly."""
        return self.path.step_s

    @property
    def body(self) -> str | None:
        """The body it stands on, if any."""
        return self.path.body

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity at the epochs t_s."""
        return self.path.state(t_s)

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """The horizon's unit normal, shape (3, N); None in space."""
        if self.axes is None or self.axes_rate is None:
            return None
        values, _ = hermite(*self._grid, self.axes[2], self.axes_rate[2], t_s)
        return values

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """East, north, up of the local horizon, shape (3, 3, N); None in space."""
        if self.axes is None or self.axes_rate is None:
            return None
        values, _ = hermite(*self._grid, self.axes, self.axes_rate, t_s)
        return values

    @property
    def _grid(self) -> tuple[float, float]:
        return self.path.start_s, self.path.step_s


def track(path: Path, start_s: float, end_s: float) -> Track:
    """Sample a path over what it covers of [start_s, end_s], as coarsely as 1 m allows.

    Raises:
        InvalidValue: the path covers nothing of it.
    """
    first_s = max(start_s, path.span_s[0])
    last_s = min(end_s, path.span_s[1])
    sampled = sample(path, first_s, last_s, step_s=COARSEST_STEP_S, tolerance_km=TOLERANCE_KM)
    count = sampled.grid.position_km.shape[1]
    t_s = sampled.start_s + sampled.step_s * np.arange(count, dtype=np.float64)
    t_s[-1] = min(t_s[-1], last_s)  # the grid may pass the span's end by a rounding
    axes = path.horizon_axes(t_s)
    if axes is None:
        return Track(sampled, None, None)
    rate: FloatArray = CubicSpline(t_s, axes, axis=2)(t_s, 1)
    return Track(sampled, np.ascontiguousarray(axes), rate)
