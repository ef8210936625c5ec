"""Where something is, at any time: the paths that everything else in the sky is computed from.

A path answers for arrays of time, in ICRF axes about the solar-system barycentre, km and km/s. Time
is TDB seconds from the scenario's start. Places on a body's surface also know their horizon.

`SampledPath` is a path read once on an even grid and interpolated with cubic Hermite polynomials
afterwards: no ephemeris call, a few nanoseconds an epoch. Its error is h^4/384 of the fourth
derivative, measured at the middle of the grid's intervals when a tolerance is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from dtn.errors import InvalidValue

FloatArray = npt.NDArray[np.float64]


class State(NamedTuple):
    """Positions and velocities of one thing at N epochs, each array of shape (3, N)."""

    position_km: FloatArray
    velocity_km_s: FloatArray


class Path(Protocol):
    """Where something is: ICRF axes, barycentric, TDB seconds from the start."""

    @property
    def span_s(self) -> tuple[float, float]:
        """From when until when the path is defined; a launched satellite's begins at its launch."""
        ...

    @property
    def body(self) -> str | None:
        """The body whose surface it stands on, whose horizon hides what is below; None in space."""
        ...

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity at the epochs t_s, shape (N,), inside the span."""
        ...

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """Unit normal of the local horizon in ICRF axes, shape (3, N); None in space."""
        ...

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """East, north, up of the local horizon, shape (3 axes, 3 components, N); None in space."""
        ...


def hermite(
    start_s: float, step_s: float, values: FloatArray, slopes: FloatArray, t_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Cubic Hermite interpolation on an even grid, and its derivative.

    Args:
        start_s: time of the first grid point.
        step_s: the grid's step.
        values: shape (..., M), what is interpolated at the M grid points.
        slopes: its time derivatives there, per second.
        t_s: epochs, shape (N,). Outside the grid the first or last cubic is continued.

    Returns:
        Values and slopes, each of shape (..., N).
    """
    place = (np.asarray(t_s, dtype=np.float64) - start_s) / step_s
    left = np.clip(place.astype(np.intp), 0, values.shape[-1] - 2)
    x = place - left
    y0, y1 = values[..., left], values[..., left + 1]
    m0, m1 = slopes[..., left] * step_s, slopes[..., left + 1] * step_s
    # y0 + m0 x + c x^2 + d x^3 with the conditions at x = 1
    rise = y1 - y0
    c = 3.0 * rise - 2.0 * m0 - m1
    d = m0 + m1 - 2.0 * rise
    return y0 + x * (m0 + x * (c + x * d)), (m0 + x * (2.0 * c + 3.0 * x * d)) / step_s


@dataclass(frozen=True, slots=True)
class SampledPath:
    """A path read once on an even grid, then interpolated: fast to ask, true to a stated tolerance.

    Make one with `sample`. The horizon of a site is still asked of the site itself.

    Args:
        of: the path that was sampled.
        start_s: time of the first grid point.
        step_s: the grid's step.
        grid: the states at the grid points.
    """

    of: Path
    start_s: float
    step_s: float
    grid: State

    @property
    def span_s(self) -> tuple[float, float]:
        """The grid's first and last epoch."""
        return self.start_s, self.start_s + self.step_s * (self.grid.position_km.shape[1] - 1)

    @property
    def body(self) -> str | None:
        """The body it stands on, if any."""
        return self.of.body

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity at the epochs t_s, interpolated."""
        grid = self.grid
        return State(*hermite(self.start_s, self.step_s, grid.position_km, grid.velocity_km_s, t_s))

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """The horizon's normal, from the path that was sampled."""
        return self.of.up(t_s)

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """The horizon's axes, from the path that was sampled."""
        return self.of.horizon_axes(t_s)


def sample(
    path: Path,
    start_s: float,
    end_s: float,
    *,
    step_s: float = 3600.0,
    tolerance_km: float | None = None,
) -> SampledPath:
    """Sample a path on an even grid from start_s to at least end_s.

    Args:
        path: what to sample.
        start_s: first epoch.
        end_s: last epoch that must be covered; the grid may end up to a rounding after it.
        step_s: the step asked for; shortened so that it divides the span.
        tolerance_km: if given, the step is halved until the interpolation differs from the path by
            no more than this half-way between grid points, where a cubic Hermite polynomial is at
            its worst.

    Raises:
        InvalidValue: the span is empty, or lies outside the path's, or no step meets the tolerance.
    """
    if not end_s > start_s:
        raise InvalidValue("end_s", end_s, f"must be later than start_s = {start_s:g}")
    if start_s < path.span_s[0] or end_s > path.span_s[1]:
        known = f"the path is known from {path.span_s[0]:g} s to {path.span_s[1]:g} s only"
        raise InvalidValue("span", (start_s, end_s), known)
    intervals = max(1, int(np.ceil((end_s - start_s) / step_s)))
    state = path.state(np.linspace(start_s, end_s, intervals + 1))
    while True:
        step = (end_s - start_s) / intervals
        sampled = SampledPath(path, start_s, step, state)
        if tolerance_km is None:
            return sampled
        middle_s = start_s + step * (np.arange(intervals, dtype=np.float64) + 0.5)
        middle = path.state(middle_s)
        error_km = np.abs(sampled.state(middle_s).position_km - middle.position_km).max()
        if error_km <= tolerance_km:
            return sampled
        if step < 1.0:
            raise InvalidValue("tolerance_km", tolerance_km, f"{error_km:.3g} km is left at 1 s")
        intervals *= 2
        state = State(*(_interleave(a, b) for a, b in zip(state, middle, strict=True)))


def _interleave(ends: FloatArray, middles: FloatArray) -> FloatArray:
    """Grid values of half the step: ends and middles by turns."""
    both = np.empty((ends.shape[0], ends.shape[1] + middles.shape[1]))
    both[:, 0::2] = ends
    both[:, 1::2] = middles
    return both
