"""When A can transmit to B: intervals of the transmitter's time, their edges found to a millisecond.

A grid in the receiver's time would give windows of the receiver's time; a contact is in the
transmitter's, so everything here is asked at transmission times. Receive windows are these, shifted by
the light time of their edges (`received`).

Method: `visibility.limits` on an even grid, half as fine as the faster end's samples (40 points a revolution or
more), those of them that `proximity` cannot rule out; then the zeros of the least of them in the intervals where its
sign changes: guessed from polynomials of degree 5, proved by two values a millisecond apart, vectorised over all.
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

from topology.geometry import light_time, light_time_received, sightline
from topology.paths import FloatArray, Path
from topology.proximity import concern, never
from topology.track import IntArray, Track
from topology.visibility import End, Surroundings, limits, limits_of

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
_STENCIL = 6
_GUESSES = 2
_LEAST = -1


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
        grid_s: the grid's step; by default twice that of the faster end's samples, at most 600 s.

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
    """`windows` with the light times found on the way; None if A and B never share a moment or horizon."""
    first_s, last_s = _shared_span(a, b, start_s, end_s)
    if last_s <= first_s:
        return None
    if never(a, b):
        return None
    concerned = concern(a, b, around, first_s, last_s)
    a, b, around = concerned.a, concerned.b, concerned.around
    step_s = grid_s or _grid_step_s(a, b)
    inner_s = _multiples(step_s, first_s, last_s)
    ends_s = np.array((first_s, last_s))
    # the grid's own epochs are at hand for all pairs; the first and the last epoch are this pair's
    near = _on_grid(a, step_s), _on_grid(b, step_s), _around_on_grid(around, step_s)
    inner = sightline(near[0].path, near[1].path, inner_s)
    outer = sightline(a.path, b.path, ends_s)
    t_s = _framed(outer.t_s, inner.t_s)
    values = _framed(limits(outer, a, b, around), limits(inner, *near, concerned.at(inner_s)))
    owlt_s = _framed(outer.owlt_s, inner.owlt_s)
    rough = _rough(a, t_s) | _rough(b, t_s + owlt_s)

    def all_limits(at_s: FloatArray) -> FloatArray:
        return limits(sightline(a.path, b.path, at_s), a, b, around, concerned.at(at_s))

    def one_limit(at_s: FloatArray, rows: IntArray) -> FloatArray:
        return limits_of(sightline(a.path, b.path, at_s), a, b, around, rows)

    edges = zeros(all_limits, t_s, values, rough, one_limit)
    opened = _between(edges, bool(values[:, 0].min() >= 0), first_s, last_s)
    return Passage(tuple(opened), t_s, owlt_s)


def _rough(end: End, t_s: FloatArray) -> np.ndarray:
    """Cells of a grid in which the path bends too fast for the grid's step, shape (N - 1,)."""
    if not isinstance(end.path, Track) or not end.path.rough.size:
        return np.zeros(t_s.size - 1, dtype=bool)
    begin, stop = np.searchsorted(t_s, end.path.rough.T)
    changes = np.zeros(t_s.size + 2, dtype=np.intp)
    np.add.at(changes, np.maximum(begin - 1, 0), 1)
    np.add.at(changes, stop + 1, -1)
    cells: np.ndarray = np.cumsum(changes)[: t_s.size - 1] > 0
    return cells


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
    one: Callable[[FloatArray, IntArray], FloatArray] | None = None,
) -> FloatArray:
    """Where the least of several functions of time changes sign, in order.

    Args:
        function: takes times of shape (N,), gives the functions' values, shape (K, N).
        t_s: a grid of at least three points, even but for its first and last step.
        values: the functions there, shape (K, M). Zero counts as positive; infinite is never looked at.
        rough: cells to look at more closely whatever the values, shape (M - 1,).
        one: takes times and, for each, which function is wanted there; gives its values, shape (N,).
    """

    def wanted(at_s: FloatArray, rows: IntArray) -> FloatArray:
        if one is not None and (rows != _LEAST).all():
            return one(at_s, rows)
        lowest: FloatArray = function(at_s).min(axis=0)
        return lowest

    brackets: list[_Brackets] = []
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
        if row.size:
            brackets.append(_brackets(times, here, lowest, row, cell, sure=width_s > SHORTEST_S))
        row, cell = np.nonzero(unclear & ~closed)
        if not row.size or width_s <= SHORTEST_S:
            break
        parts = np.linspace(times[row, cell], times[row, cell + 1], _PIECES + 1, axis=1)
        inner = function(parts[:, 1:-1].ravel()).reshape(len(here), row.size, _PIECES - 1)
        ends = here[:, row, cell, np.newaxis], here[:, row, cell + 1, np.newaxis]
        times, here = parts, np.concatenate((ends[0], inner, ends[1]), axis=2)
    if not brackets:
        return np.empty(0)
    return np.sort(_roots(wanted, _Brackets(*map(np.concatenate, zip(*brackets, strict=True)))))


class _Brackets(NamedTuple):
    """Intervals with a zero in each, arrays of shape (N,).

    Attributes:
        low_s: where they begin.
        high_s: where they end.
        low: the function there.
        high: and there.
        guess_s: about where the zero is, inside.
        rows: which function it is of; `_LEAST`: of the least of all.
    """

    low_s: FloatArray
    high_s: FloatArray
    low: FloatArray
    high: FloatArray
    guess_s: FloatArray
    rows: IntArray


def _brackets(
    times: FloatArray,
    values: FloatArray,
    lowest: FloatArray,
    row: IntArray,
    cell: IntArray,
    *,
    sure: bool,
) -> _Brackets:
    """The cells in which the least changes sign.

    Args:
        times: rows of samples' epochs, shape (rows, M).
        values: K functions there, shape (K, rows, M).
        lowest: the least of them, shape (rows, M).
        row: of the cells.
        cell: their places in the rows.
        sure: only one of the functions changes sign in each cell: it is the one that is negative.
    """
    ends_s = times[row, cell], times[row, cell + 1]
    if not sure:
        ends = lowest[row, cell], lowest[row, cell + 1]
        middle_s = (ends_s[0] + ends_s[1]) / 2
        return _Brackets(*ends_s, *ends, middle_s, np.full(row.size, _LEAST))
    negative = cell + (lowest[row, cell + 1] < 0)
    which = values[:, row, negative].argmin(axis=0)
    ends = values[which, row, cell], values[which, row, cell + 1]
    with np.errstate(invalid="ignore"):
        part = ends[0] / (ends[0] - ends[1])
    linear_s = ends_s[0] + (ends_s[1] - ends_s[0]) * np.where(np.isfinite(part), part, 0.5)
    guess_s = linear_s
    if times.shape[1] >= _STENCIL:
        first = np.clip(cell - _STENCIL // 2 + 1, 0, times.shape[1] - _STENCIL)
        places = first + np.arange(_STENCIL)[:, np.newaxis]
        guess_s = _interpolated_zero(times[row, places], values[which, row, places], linear_s)
    inside = (guess_s > ends_s[0]) & (guess_s < ends_s[1])
    return _Brackets(*ends_s, *ends, np.where(inside, guess_s, linear_s), which)


def _interpolated_zero(t_s: FloatArray, values: FloatArray, near_s: FloatArray) -> FloatArray:
    """The zero next to near_s of the polynomial through six samples, shape (N,); samples of shape (6, N)."""
    scale_s = t_s[-1] - t_s[0]
    nodes = (t_s - t_s[0]) / scale_s
    factors = values.copy()  # Newton's divided differences
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for order in range(1, _STENCIL):
            rise = factors[order:] - factors[order - 1 : -1]
            factors[order:] = rise / (nodes[order:] - nodes[:-order])
        x = (near_s - t_s[0]) / scale_s
        for _ in range(3):
            value, slope = factors[-1], np.zeros_like(x)
            for node, factor in zip(nodes[-2::-1], factors[-2::-1], strict=True):
                slope = value + slope * (x - node)
                value = factor + value * (x - node)
            x = x - value / slope
    found: FloatArray = t_s[0] + x * scale_s
    return found


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
        with np.errstate(invalid="ignore"):  # infinite less infinite
            np.abs(one[:, 2:] - 2 * one[:, 1:-1] + one[:, :-2], out=bend[:, 1:-1])
        if not np.isfinite(one.sum()):
            bend[~np.isfinite(bend)] = 0.0  # beside what is never looked at, all is far from zero
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
    function: Callable[[FloatArray, IntArray], FloatArray], brackets: _Brackets
) -> FloatArray:
    """One zero in each bracket, to EDGE_S.

    First the guesses are tried on both sides: where the signs differ, all is done; the slope gives the
    next guess. What is left takes inverse quadratic steps where they are safe, halves where they are
    not: Chandrupatla, Advances in Engineering Software 28 (1997) 145.
    """
    roots = np.full(brackets.rows.size, np.nan)
    places = np.arange(roots.size)
    a, b, fa, fb, guess_s, rows = brackets
    for _ in range(_GUESSES):
        tries = [np.minimum(np.maximum(guess_s + side * EDGE_S / 2, a), b) for side in (-1, 1)]
        values = np.split(function(np.concatenate(tries), np.tile(rows, 2)), 2)
        for t, ft in zip(tries, values, strict=True):
            inside = (t > a) & (t < b)
            low = (ft >= 0) == (fa >= 0)  # the zero lies above t
            a, fa = np.where(inside & low, t, a), np.where(inside & low, ft, fa)
            b, fb = np.where(inside & ~low, t, b), np.where(inside & ~low, ft, fb)
        done = b - a <= 1.01 * EDGE_S
        roots[places[done]] = (a + b)[done] / 2
        if done.all():
            return roots
        with np.errstate(divide="ignore", invalid="ignore"):
            guess_s = tries[0] - values[0] * (tries[1] - tries[0]) / (values[1] - values[0])
        guess_s = np.where((guess_s > a) & (guess_s < b), guess_s, (a + b) / 2)
        left = ~done
        places, rows = places[left], rows[left]
        a, b, fa, fb, guess_s = (x[left] for x in (a, b, fa, fb, guess_s))
    roots[places] = _chandrupatla(function, a, b, fa, fb, rows)
    return roots


def _chandrupatla(
    function: Callable[[FloatArray, IntArray], FloatArray],
    low_s: FloatArray,
    high_s: FloatArray,
    low: FloatArray,
    high: FloatArray,
    rows: IntArray,
) -> FloatArray:
    """One zero in each bracket, to EDGE_S; shapes (N,)."""
    roots = np.empty(low_s.shape)
    places = np.arange(low_s.size)
    a, b, fa, fb = high_s, low_s, high, low  # b is the newest, the zero lies between a and b
    fraction = np.full(low_s.shape, 0.5)
    while places.size:
        t = a + fraction * (b - a)
        ft = function(t, rows[places])
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
    """The longest of 600 s, 300 s, 150 s, ... that is not much longer than twice the ends' own steps."""
    own_s = min(
        2 * end.path.calm_step_s if isinstance(end.path, Track) else _SLOWEST_GRID_S
        for end in (a, b)
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
    return [(start, end) for start, end in pairs if end - start > EDGE_S]
