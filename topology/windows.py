"""When A can transmit to B: intervals of the transmitter's time, their edges found to a millisecond.

A grid in the receiver's time would give windows of the receiver's time; a contact is in the
transmitter's, so everything here is asked at transmission times. Receive windows are these, shifted by
the light time of their edges (`received`).

Method: `visibility.limits` on an even grid, as fine as the faster end's samples; then the zeros of the
least of them in the intervals where its sign changes (Chandrupatla's bracketing, vectorised over all of them).
Between two grid points with the same sign a smooth function leaves the chord by an eighth of its second
difference, a kink (the ray sweeping across a body's centre) by a half at most. Where one of the limits is
that near to zero, the interval is cut in eight and looked at again, down to 0.1 s: so a window much
shorter than the grid is found, and one shorter than 0.1 s may be missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from topology.geometry import light_time, light_time_received, norm, sightline
from topology.paths import FloatArray, Path
from topology.track import Track
from topology.visibility import End, Surroundings, limits

Window = tuple[float, float]
"""First and last moment, seconds from the scenario's start, in the transmitter's time."""

EDGE_S = 1e-3
"""Edges are found to this."""
SHORTEST_S = 0.1
"""Windows and gaps shorter than this may be missed."""

_PIECES = 8
_SLOWEST_GRID_S = 600.0
_LONGEST_LIGHT_S = 20_000.0  # to Neptune and some way on
_FEWEST_CELLS = 8
_LOOK_S = 3600.0
_FASTEST_KM_S = 150.0  # twice what any two things here pass each other with


class Passage(NamedTuple):
    """When one end can transmit to the other, and how long light takes meanwhile.

    Attributes:
        windows: disjoint closed intervals of the transmitter's time, in order.
        t_s: epochs from the first possible transmission to the last, even but for the ends, shape (N,).
        owlt_s: light time of photons that leave then, shape (N,); straight lines between them are
            right to 50 us.
    """

    windows: tuple[Window, ...]
    t_s: FloatArray
    owlt_s: FloatArray

    def owlt_at(self, t_s: float) -> float:
        """About the light time of a photon that leaves at t_s, within 50 us."""
        times = self.t_s
        place = (t_s - times[1]) / (times[2] - times[1])
        cell = min(max(math.floor(place) + 1, 0), times.size - 2)
        before_s, after_s = times[cell], times[cell + 1]
        first, second = self.owlt_s[cell], self.owlt_s[cell + 1]
        return float(first + (second - first) * ((t_s - before_s) / (after_s - before_s)))


def windows(
    a: End,
    b: End,
    around: Surroundings,
    start_s: float,
    end_s: float,
    *,
    grid_s: float | None = None,
) -> list[Window]:
    """When A can transmit to B in [start_s, end_s] of A's time, and B is there to receive.

    Args:
        a: who transmits.
        b: who receives.
        around: occluders and Sun.
        start_s: first transmission time.
        end_s: last transmission time.
        grid_s: the grid's step; by default that of the faster end's samples, at most 600 s.

    Returns:
        Disjoint closed intervals, in order. One that begins at start_s may have begun earlier.
    """
    found = passage(a, b, around, start_s, end_s, grid_s=grid_s)
    return list(found.windows) if found else []


def passage(
    a: End,
    b: End,
    around: Surroundings,
    start_s: float,
    end_s: float,
    *,
    grid_s: float | None = None,
) -> Passage | None:
    """`windows` with the light times found on the way; None if A and B never share a moment."""
    first_s, last_s = _shared_span(a, b, start_s, end_s)
    if last_s <= first_s:
        return None
    around = _within_reach(a, b, around, first_s, last_s)
    step_s = grid_s or _grid_step_s(a, b)
    inner_s = _multiples(step_s, first_s, last_s)
    ends_s = np.array((first_s, last_s))
    # the grid's own epochs are at hand for all pairs; the first and the last epoch are this pair's
    near = _on_grid(a, step_s), _on_grid(b, step_s), _around_on_grid(around, step_s)
    inner = sightline(near[0].path, near[1].path, inner_s)
    outer = sightline(a.path, b.path, ends_s)
    t_s = _framed(outer.t_s, inner.t_s)
    values = _framed(limits(outer, a, b, around), limits(inner, *near))
    owlt_s = _framed(outer.owlt_s, inner.owlt_s)
    rough = _rough(a, t_s) | _rough(b, t_s + owlt_s)
    edges = zeros(
        lambda at_s: limits(sightline(a.path, b.path, at_s), a, b, around), t_s, values, rough
    )
    opened = _between(edges, bool(values[:, 0].min() >= 0), first_s, last_s)
    return Passage(tuple(opened), t_s, owlt_s)


def _rough(end: End, t_s: FloatArray) -> np.ndarray:
    """Cells of a grid in which the path bends too fast for the grid's step, shape (N - 1,)."""
    cells = np.zeros(t_s.size - 1, dtype=bool)
    if isinstance(end.path, Track):
        for first_s, last_s in end.path.rough:
            begin, stop = np.searchsorted(t_s, (first_s, last_s))
            cells[max(begin - 1, 0) : stop + 1] = True
    return cells


def _within_reach(
    a: End, b: End, around: Surroundings, first_s: float, last_s: float
) -> Surroundings:
    """The surroundings without the bodies that are never near enough to stand between A and B.

    A sphere touches the line from A to B only if its centre is nearer to A than B is, by its radius. Looked at
    every hour or so, with all that anything could move meanwhile to spare.
    """
    count = max(2, math.ceil((last_s - first_s) / _LOOK_S) + 1)
    t_s = np.linspace(first_s, last_s, count)
    here = a.path.state(t_s).position_km
    there = b.path.state(np.clip(t_s, *b.path.span_s)).position_km
    spare_km = _FASTEST_KM_S * (t_s[1] - t_s[0])
    reach_km = norm(there - here) * (1 + 1e-3) + spare_km
    kept = tuple(
        occluder
        for occluder in around.occluders
        if (norm(occluder.path.state(t_s).position_km - here) < reach_km + occluder.radius_km).any()
    )
    return Surroundings(kept, around.sun)


def _multiples(step_s: float, first_s: float, last_s: float) -> FloatArray:
    """Multiples of a step inside an open interval; four even parts of it where there are too few."""
    first, last = math.floor(first_s / step_s) + 1, math.ceil(last_s / step_s) - 1
    if last - first < _FEWEST_CELLS:
        return np.linspace(first_s, last_s, _FEWEST_CELLS + 1)[1:-1]
    return step_s * np.arange(first, last + 1, dtype=np.float64)


def _framed(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """The first of two columns, the inner ones, the second."""
    return np.concatenate((outer[..., :1], inner, outer[..., 1:]), axis=-1)


def _on_grid(end: End, step_s: float) -> End:
    return replace(end, path=_path_on_grid(end.path, step_s))


def _around_on_grid(around: Surroundings, step_s: float) -> Surroundings:
    occluders = tuple(o._replace(path=_path_on_grid(o.path, step_s)) for o in around.occluders)
    return Surroundings(occluders, around.sun and _path_on_grid(around.sun, step_s))


def _path_on_grid(path: Path, step_s: float) -> Path:
    return path.on_grid(step_s) if isinstance(path, Track) else path


def received(a: End, b: End, sent: list[Window]) -> list[Window]:
    """The same windows in the receiver's time: each edge shifted by its own light time."""
    edges = np.array([edge for window in sent for edge in window])
    shifted = (edges + light_time(a.path, b.path, edges)).tolist() if sent else []
    return list(zip(shifted[::2], shifted[1::2], strict=True))


def zeros(
    function: Callable[[FloatArray], FloatArray],
    t_s: FloatArray,
    values: FloatArray,
    rough: np.ndarray | None = None,
) -> FloatArray:
    """Where the least of several functions of time changes sign, in order.

    Args:
        function: takes times of shape (N,), gives the functions' values, shape (K, N).
        t_s: a grid of at least three points, even but for its first and last step.
        values: the functions there, shape (K, M). Zero counts as positive; infinite is never looked at.
        rough: cells to look at more closely whatever the values, shape (M - 1,).
    """

    def least(at_s: FloatArray) -> FloatArray:
        lowest: FloatArray = function(at_s).min(axis=0)
        return lowest

    brackets: list[tuple[FloatArray, ...]] = []
    times, here = t_s[np.newaxis, :], values[:, np.newaxis, :]
    while True:
        width_s = float(np.diff(times).max())
        lowest = here.min(axis=0)
        closed, unclear = _told_by_bends(here)
        if rough is not None:
            closed[0] &= ~rough
            unclear[0] |= rough
            rough = None
        open_ = ~closed & ~unclear if width_s > SHORTEST_S else ~closed
        row, cell = np.nonzero(open_ & ((lowest[:, 1:] >= 0) != (lowest[:, :-1] >= 0)))
        brackets.append(
            (times[row, cell], times[row, cell + 1], lowest[row, cell], lowest[row, cell + 1])
        )
        row, cell = np.nonzero(unclear & ~closed)
        if not row.size or width_s <= SHORTEST_S:
            break
        parts = np.linspace(times[row, cell], times[row, cell + 1], _PIECES + 1, axis=1)
        inner = function(parts[:, 1:-1].ravel()).reshape(len(here), row.size, _PIECES - 1)
        ends = here[:, row, cell, np.newaxis], here[:, row, cell + 1, np.newaxis]
        times, here = parts, np.concatenate((ends[0], inner, ends[1]), axis=2)
    found = _roots(least, *(np.concatenate(columns) for columns in zip(*brackets, strict=True)))
    return np.sort(found)


def _told_by_bends(values: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """Which cells of even samples are certainly negative, and which must be looked at more closely.

    Args:
        values: K functions on rows of even samples, shape (K, rows, M).

    Returns:
        Two arrays of shape (rows, M - 1). A function with the same sign at both ends of a cell may
        hide two zeros if it is nearer to zero there than it may bend; then, and where two functions
        change sign, the cell is unclear. A function that is negative and hides nothing keeps
        the cell closed, whatever the others do.
    """
    closed = np.zeros((values.shape[1], values.shape[2] - 1), dtype=bool)
    unclear, crossed = closed.copy(), closed.copy()
    bend = np.empty(values.shape[1:])
    for one in values:
        with np.errstate(invalid="ignore"):  # infinite less infinite: never looked at
            np.abs(one[:, 2:] - 2 * one[:, 1:-1] + one[:, :-2], out=bend[:, 1:-1])
        bend[:, 0], bend[:, -1] = bend[:, 1], bend[:, -2]
        size = np.abs(one)
        near = np.minimum(size[:, 1:], size[:, :-1]) <= np.maximum(bend[:, 1:], bend[:, :-1]) / 2
        positive = one >= 0
        changes = positive[:, 1:] != positive[:, :-1]
        unclear |= (near & ~changes) | (changes & crossed)
        crossed |= changes
        closed |= ~(near | changes | positive[:, 1:])
    return closed, unclear


def _roots(
    function: Callable[[FloatArray], FloatArray],
    low_s: FloatArray,
    high_s: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """One zero in each bracket, to EDGE_S: inverse quadratic steps where they are safe, else halves.

    Source: Chandrupatla, Advances in Engineering Software 28 (1997) 145.
    """
    roots = np.empty(low_s.shape)
    places = np.arange(low_s.size)
    a, b, fa, fb = high_s, low_s, high, low  # b is the newest, the zero lies between a and b
    fraction = np.full(low_s.shape, 0.5)
    while places.size:
        t = a + fraction * (b - a)
        ft = function(t)
        same = (ft >= 0) == (fa >= 0)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = t, ft
        width = np.abs(b - a)
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        done = (width <= EDGE_S) | (ft == 0)
        roots[places[done]] = best[done]
        left = ~done
        places = places[left]
        a, b, c, fa, fb, fc = (x[left] for x in (a, b, c, fa, fb, fc))
        with np.errstate(divide="ignore", invalid="ignore"):
            xi = (a - b) / (c - b)
            phi = (fa - fb) / (fc - fb)
            safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
            alpha = (c - a) / (b - a)
            jump = fa / (fb - fa) * fc / (fb - fc) + alpha * fa / (fc - fa) * fb / (fc - fb)
        fraction = np.where(safe & np.isfinite(jump), jump, 0.5)
        closest = np.minimum(0.4 * EDGE_S / width[left], 0.5)
        fraction = np.clip(fraction, closest, 1 - closest)
    return roots


def _shared_span(a: End, b: End, start_s: float, end_s: float) -> Window:
    """The transmission times at which A is there, and B when the photon arrives."""
    first_s, last_s = max(start_s, a.path.span_s[0]), min(end_s, a.path.span_s[1])
    born_s, gone_s = b.path.span_s
    if last_s <= first_s or gone_s <= first_s or born_s >= last_s + _LONGEST_LIGHT_S:
        return first_s, first_s
    if born_s > first_s:
        first_s = max(first_s, _leaves_to_meet(a, b, born_s))
    if gone_s < last_s + _LONGEST_LIGHT_S:
        last_s = min(last_s, _leaves_to_meet(a, b, gone_s))
    return first_s, last_s


def _leaves_to_meet(a: End, b: End, arrives_s: float) -> float:
    """When a photon must leave A to arrive at B at arrives_s."""
    return arrives_s - float(light_time_received(a.path, b.path, np.array([arrives_s]))[0])


def _grid_step_s(a: End, b: End) -> float:
    """The longest of 600 s, 300 s, 150 s, ... that is not much longer than the ends' own steps."""
    own_s = min(
        end.path.calm_step_s if isinstance(end.path, Track) else _SLOWEST_GRID_S for end in (a, b)
    )
    halvings = max(0, math.ceil(math.log2(_SLOWEST_GRID_S / own_s) - 0.2))
    step_s: float = _SLOWEST_GRID_S / 2**halvings
    return step_s


def _between(edges: FloatArray, open_at_first: bool, first_s: float, last_s: float) -> list[Window]:
    """Windows from the moments at which visibility changes."""
    moments = [float(edge) for edge in edges]
    if open_at_first:
        moments.insert(0, first_s)
    if len(moments) % 2:
        moments.append(last_s)
    pairs = zip(moments[::2], moments[1::2], strict=True)
    return [(start, end) for start, end in pairs if end > start]
