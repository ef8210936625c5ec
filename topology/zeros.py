"""Zeros of the least of several functions of time, all at once: none overlooked, each to a millisecond.

Given the functions on an even grid: in the cells where the least changes sign a zero is guessed from a polynomial of
degree 5 and proved by two values a millisecond apart, vectorised over all cells. Between two grid points with the same
sign a smooth function leaves the chord by an eighth of its second difference, a kink (the ray sweeping across a body's
centre) by a half at most. Where one of the functions is that near to zero, the cell is cut in eight and looked at
again, down to 0.1 s: so two zeros much closer than the grid are found, and two closer than 0.1 s may be missed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from topology.paths import FloatArray
from topology.track import IntArray

EDGE_S = 1e-3
"""Zeros are proved by values this far apart."""
SHORTEST_S = 0.1
"""Pairs of zeros closer than this may be missed."""

_PIECES = 8
_STENCIL = 6
_GUESSES = 2
_LEAST = -1


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
        return _Brackets(*ends_s, *ends, _straight(*ends_s, *ends), np.full(row.size, _LEAST))
    negative = cell + (lowest[row, cell + 1] < 0)
    which = values[:, row, negative].argmin(axis=0)
    ends = values[which, row, cell], values[which, row, cell + 1]
    guess_s = linear_s = _straight(*ends_s, *ends)
    if times.shape[1] >= _STENCIL:
        first = np.clip(cell - _STENCIL // 2 + 1, 0, times.shape[1] - _STENCIL)
        places = first + np.arange(_STENCIL)[:, np.newaxis]
        guess_s = _interpolated_zero(times[row, places], values[which, row, places], linear_s)
    inside = (guess_s > ends_s[0]) & (guess_s < ends_s[1])
    return _Brackets(*ends_s, *ends, np.where(inside, guess_s, linear_s), which)


def _straight(
    low_s: FloatArray, high_s: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """The zeros of straight lines; half-way where an end is infinite."""
    with np.errstate(invalid="ignore"):
        part = low / (low - high)
    zero_s: FloatArray = low_s + (high_s - low_s) * np.where(np.isfinite(part), part, 0.5)
    return zero_s


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
    """One zero in each bracket, proved by a change of sign within EDGE_S; of a smooth function to a microsecond.

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
        roots[places[done]] = _straight(a, b, fa, fb)[done]
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
    """One zero in each bracket: see `_roots`; shapes (N,)."""
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
        done = width <= EDGE_S
        roots[places[done]] = _straight(a, b, fa, fb)[done]
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
