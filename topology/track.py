"""A node's path read once, horizon included: what windows and light times are computed from.

An ephemeris costs microseconds an epoch and a pair needs a million epochs, so every node is sampled
once, on an even grid, and all its pairs interpolate (cubic Hermite: 1 m, 3 ns of light, at 60 s in a
low orbit, and at 600 s for a site). The horizon's axes turn with the body; their slopes come from a
cubic spline through the samples, right to 1e-7 rad, 2 ms of the Earth's rotation, at 600 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from topology.paths import FloatArray, Path, SampledPath, State, hermite, sample

IntArray = npt.NDArray[np.intp]

TOLERANCE_KM = 1e-3  # 3 ns of light
ROUGH_PART = 0.05
COARSEST_STEP_S = 600.0  # 2.5 deg of the Earth's rotation


class Cubics(NamedTuple):
    """`topology.paths.hermite` with its polynomials worked out beforehand: three to five times faster.

    Attributes:
        start_s: the first grid point.
        step_s: the grid's step.
        table: coefficients of 1, x, x^2 and x^3 in each interval, x from 0 to 1, shape (4, 3, M).
    """

    start_s: float
    step_s: float
    table: FloatArray

    def at(self, t_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and slopes at epochs t_s, each of shape (3, N)."""
        x = (t_s - self.start_s) / self.step_s
        left = np.minimum(np.maximum(x.astype(np.intp), 0), self.table.shape[2] - 1)
        x -= left
        y, m, c, d = self.table.take(left, axis=2)
        # in place: fresh memory costs more than the sums
        d *= x
        value = c + d
        for factor in (m, y):
            value *= x
            value += factor
        d *= 3.0
        c *= 2.0
        c += d
        c *= x
        c += m
        c /= self.step_s
        return value, c


def cubics(start_s: float, step_s: float, values: FloatArray, slopes: FloatArray) -> Cubics:
    """The polynomials through values and slopes, each of shape (3, M + 1), on an even grid."""
    y, m = values[:, :-1], slopes[:, :-1] * step_s
    rise, m1 = np.diff(values), slopes[:, 1:] * step_s
    return Cubics(start_s, step_s, np.array((y, m, 3 * rise - 2 * m - m1, m + m1 - 2 * rise)))


@dataclass(frozen=True, slots=True)
class Track:
    """A sampled path that knows its horizon; itself a `Path`. Make one with `track`.

    Args:
        path: the sampled path.
        motion: its cubics.
        turning: those of the horizon's normal; None in space.
        axes: east, north, up of a site's horizon at the grid points, shape (3, 3, N); None in space.
        axes_rate: their time derivatives, per second.
        calm_step_s: the step that is fine enough for nearly all of the path: a satellite flies past nothing
            but the Moon it was launched from.
        rough: where it is not, first and last epoch of each stretch, shape (K, 2).
    """

    path: SampledPath
    motion: Cubics
    turning: Cubics | None
    axes: FloatArray | None
    axes_rate: FloatArray | None
    calm_step_s: float
    rough: FloatArray
    _on_grids: dict[float, OnGrid] = field(default_factory=dict, repr=False, compare=False)
    _fastest_turn: list[float] = field(default_factory=list, repr=False, compare=False)

    def bulge_km(self, step_s: float) -> float:
        """How far the path leaves its chords over a step, at most: an eighth of acceleration times step squared."""
        if not self._fastest_turn:
            change = np.diff(self.path.grid.velocity_km_s)
            acceleration = np.sqrt((change * change).sum(axis=0).max()) / self.path.step_s
            self._fastest_turn.append(1.1 * float(acceleration))
        return self._fastest_turn[0] * step_s**2 / 8

    def on_grid(self, step_s: float) -> OnGrid:
        """The same path with its states at hand at all multiples of step_s inside its span."""
        known = self._on_grids.get(step_s)
        if known is None:
            known = self._on_grids[step_s] = on_grid(self, step_s)
        return known

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
        return State(*self.motion.at(t_s))

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """The horizon's unit normal, shape (3, N); None in space."""
        return self.turning.at(t_s)[0] if self.turning else None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """East, north, up of the local horizon, shape (3, 3, N); None in space."""
        if self.axes is None or self.axes_rate is None:
            return None
        grid = self.path.start_s, self.path.step_s
        values, _ = hermite(*grid, self.axes, self.axes_rate, t_s)
        return values


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
    grid = sampled.start_s, sampled.step_s
    motion = cubics(*grid, *sampled.grid)
    calm_step_s, rough = _calm_step(sampled)
    axes = path.horizon_axes(t_s)
    if axes is None:
        return Track(sampled, motion, None, None, None, calm_step_s, rough)
    rate: FloatArray = CubicSpline(t_s, axes, axis=2)(t_s, 1)
    turning = cubics(*grid, axes[2], rate[2])
    axes = np.ascontiguousarray(axes)
    return Track(sampled, motion, turning, axes, rate, calm_step_s, rough)


def _calm_step(sampled: SampledPath) -> tuple[float, FloatArray]:
    """The longest step that keeps the tolerance but for `ROUGH_PART` of the path, and where it does not."""
    position, velocity = sampled.grid
    stride = 2 ** max(0, round(math.log2(COARSEST_STEP_S / sampled.step_s)))
    while stride > 1:
        step_s = stride * sampled.step_s
        y, v = position[:, ::stride], velocity[:, ::stride]
        middle = position[:, stride // 2 :: stride][:, : y.shape[1] - 1]
        y0, y1, v0, v1 = (x[:, : middle.shape[1]] for x in (y, y[:, 1:], v, v[:, 1:]))
        if y1.shape[1] == middle.shape[1]:
            error_km = np.abs((y0 + y1) / 2 + (v0 - v1) * (step_s / 8) - middle).max(axis=0)
            rough = np.flatnonzero(error_km > TOLERANCE_KM)
            if rough.size <= ROUGH_PART * error_km.size:
                starts_s = sampled.start_s + rough * step_s
                return step_s, np.column_stack((starts_s, starts_s + step_s))
        stride //= 2
    return sampled.step_s, np.empty((0, 2))


@dataclass(frozen=True, slots=True)
class OnGrid:
    """A track with its states at the epochs of a grid at hand, for scans along that grid; itself a `Path`.

    Looking for windows asks every node again and again near the same epochs: a photon sent at a grid
    point arrives a second later. So close to a grid point the answer is a Taylor polynomial about
    it, of second order and within a fortieth of the step that suits most of the track: 3 cm,
    ten times faster than interpolating; elsewhere it is the track's.

    Args:
        track: the path.
        first: the first grid point is this many steps from zero.
        step_s: the grid's step.
        place: position, velocity and acceleration at the grid's epochs, shape (3 orders, 3, M).
        normal: the horizon's normal and its derivatives, likewise; None in space.
    """

    track: Track
    first: int
    step_s: float
    place: FloatArray
    normal: FloatArray | None

    @property
    def span_s(self) -> tuple[float, float]:
        """That of the track."""
        return self.track.span_s

    @property
    def body(self) -> str | None:
        """The body it stands on, if any."""
        return self.track.body

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity at the epochs t_s, shape (N,)."""
        near = self._near(t_s)
        if near is None:
            return self.track.state(t_s)
        points, after_s = near
        if not after_s.any():  # the grid's own epochs
            position, velocity, _ = self.place
            return State(position[:, points], velocity[:, points])
        position, velocity, acceleration = self.place[..., points]
        change = acceleration * after_s
        moved = change * 0.5
        moved += velocity
        moved *= after_s
        moved += position
        change += velocity
        return State(moved, change)

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """The horizon's unit normal, shape (3, N); None in space."""
        near = self._near(t_s) if self.normal is not None else None
        if near is None or self.normal is None:
            return self.track.up(t_s)
        points, after_s = near
        value, rate, bend = self.normal[..., points]
        turned: FloatArray = value + after_s * (rate + 0.5 * after_s * bend)
        return turned

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """East, north, up of the local horizon, shape (3, 3, N); None in space."""
        return self.track.horizon_axes(t_s)

    def _near(self, t_s: FloatArray) -> tuple[slice | IntArray, FloatArray] | None:
        """The grid points next to t_s and how far after them it is; None if too far from any."""
        if not t_s.size:
            return None
        steps = t_s / self.step_s
        nearest = np.rint(steps)
        after_s = (steps - nearest) * self.step_s
        if max(float(after_s.max()), -float(after_s.min())) > self.track.calm_step_s / 40:
            return None
        first, last = int(nearest[0]) - self.first, int(nearest[-1]) - self.first
        if first < 0 or last >= self.place.shape[2]:
            return None
        if last - first == t_s.size - 1:
            return slice(first, last + 1), after_s
        return nearest.astype(np.intp) - self.first, after_s


def on_grid(track: Track, step_s: float) -> OnGrid:
    """A track's states at all multiples of step_s inside its span."""
    first = math.ceil(track.span_s[0] / step_s)
    count = math.floor(track.span_s[1] / step_s) - first + 1
    t_s = step_s * (first + np.arange(count, dtype=np.float64))
    state = track.state(t_s)
    bend = np.gradient(state.velocity_km_s, step_s, axis=1)
    place = np.array((state.position_km, state.velocity_km_s, bend))
    if track.turning is None:
        return OnGrid(track, first, step_s, place, None)
    up, rate = track.turning.at(t_s)
    normal = np.array((up, rate, np.gradient(rate, step_s, axis=1)))
    return OnGrid(track, first, step_s, place, normal)
