"""The edges of a pair's windows, for numba: `topology.zeros`, cell by cell."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from topology.compiled_visibility import Pair, limits
from topology.compiling import Flags, Floats, compiled, inlined
from topology.proximity import LOOK_S
from topology.zeros import EDGE_S, SHORTEST_S

_PIECES = 8
_DEPTH = 12
_LEAST = -1


@inlined
def look_at(start_s: float, looks: int, t_s: float) -> int:
    """The look that is nearest."""
    return min(max(int(np.rint((t_s - start_s) / LOOK_S)), 0), looks - 1)


@compiled
def mark_rough(rough: Floats, at_s: Floats, cells: Flags) -> None:
    """Cells in which a path bends too fast for the grid's step."""
    for row in range(rough.shape[0]):
        begin = np.searchsorted(at_s, rough[row, 0])
        stop = np.searchsorted(at_s, rough[row, 1])
        for cell in range(max(begin - 1, 0), min(stop + 1, cells.size)):
            cells[cell] = True


@compiled
def _told_by_bends(
    values: Floats, count: int, closed: Flags, unclear: Flags, crossed: Flags
) -> None:
    """`topology.zeros._told_by_bends` of one row of samples, shape (K, count)."""
    closed[: count - 1] = False
    unclear[: count - 1] = False
    crossed[: count - 1] = False
    for k in range(values.shape[0]):
        one = values[k]
        before = abs(one[2] - 2 * one[1] + one[0])
        if not before < math.inf:
            before = 0.0
        for i in range(count - 1):
            after = before
            if i + 2 < count:
                after = abs(one[i + 2] - 2 * one[i + 1] + one[i])
                if not after < math.inf:
                    after = 0.0
            here, there = one[i], one[i + 1]
            is_near = min(abs(here), abs(there)) <= max(before, after) / 2
            changes = (here >= 0) != (there >= 0)
            if (is_near and not changes) or (changes and crossed[i]):
                unclear[i] = True
            if changes:
                crossed[i] = True
            if not (is_near or changes or there >= 0):
                closed[i] = True
            before = after


@compiled
def _interpolated(times: Floats, values: Floats, first: int, near_s: float) -> tuple[float, float]:
    """Zero and slope of the polynomial through six samples: see `topology.zeros._interpolated_zero`."""
    factors, nodes = np.empty(6), np.empty(6)
    scale_s = times[first + 5] - times[first]
    for k in range(6):
        factors[k] = values[first + k]
        nodes[k] = (times[first + k] - times[first]) / scale_s
    for order in range(1, 6):
        for k in range(5, order - 1, -1):
            factors[k] = (factors[k] - factors[k - 1]) / (nodes[k] - nodes[k - order])
    x = (near_s - times[first]) / scale_s
    slope = 0.0
    for _ in range(3):
        value, slope = factors[5], 0.0
        for k in range(4, -1, -1):
            slope = value + slope * (x - nodes[k])
            value = factors[k] + value * (x - nodes[k])
        if slope == 0.0 or not abs(slope) < math.inf:
            return math.nan, 0.0
        x -= value / slope
    return times[first] + x * scale_s, slope / scale_s


@inlined
def _value(pair: Pair, which: int, t_s: float, out: Floats) -> float:
    """One limit, or the least of all."""
    look = -1 if which >= 0 else look_at(pair.looks_s[0], pair.looks_s.size, t_s)
    limits(pair, look, which, t_s, out)
    return out[which] if which >= 0 else out.min()


@compiled
def _root(
    pair: Pair,
    times: Floats,
    values: Floats,
    cell: int,
    count: int,
    is_sure: bool,
    out: Floats,
) -> float:
    """The zero in a cell of a row of samples: guessed from a polynomial, proved by a change of sign within EDGE_S."""
    low_s, high_s = times[cell], times[cell + 1]
    which = _LEAST
    if is_sure:
        negative = cell if values[:, cell].min() < 0 else cell + 1
        which = int(np.argmin(values[:, negative]))
        low, high = values[which, cell], values[which, cell + 1]
    else:
        low, high = values[:, cell].min(), values[:, cell + 1].min()
    part = low / (low - high)
    guess_s = low_s + (high_s - low_s) * (part if abs(part) < math.inf else 0.5)
    slope = (high - low) / (high_s - low_s)
    if is_sure and count >= 6:
        first = min(max(cell - 2, 0), count - 6)
        found_s, found_slope = _interpolated(times, values[which], first, guess_s)
        if low_s < found_s < high_s:
            guess_s, slope = found_s, found_slope
    is_low_positive = low >= 0
    before_s = before = math.nan
    for turn in range(80):
        value = _value(pair, which, guess_s, out)
        if (value >= 0) == is_low_positive:
            low_s, low = guess_s, value
        else:
            high_s, high = guess_s, value
        if high_s - low_s <= EDGE_S:
            part = low / (low - high)
            return low_s + (high_s - low_s) * (part if 0.0 <= part <= 1.0 else 0.5)
        if turn:
            slope = (value - before) / (guess_s - before_s)
        before_s, before = guess_s, value
        step_s = -value / slope if slope != 0.0 else math.nan
        if abs(step_s) < 0.5 * EDGE_S:  # a look beyond the zero proves it
            step_s += 0.45 * EDGE_S if guess_s == low_s else -0.45 * EDGE_S
        if turn > 8 or not low_s < guess_s + step_s < high_s:
            guess_s = 0.5 * (low_s + high_s)
        else:
            guess_s += step_s
    return 0.5 * (low_s + high_s)


@inlined
def _added(edges: Floats, found: int, edge_s: float) -> int:
    """How many there are with this one; it is kept while there is room."""
    if found < edges.size:
        edges[found] = edge_s
    return found + 1


@inlined
def _changes(values: Floats, cell: int) -> bool:
    """Whether the least of the limits has another sign at the cell's other end."""
    return (values[:, cell].min() >= 0) != (values[:, cell + 1].min() >= 0)


@compiled
def edges_of(
    pair: Pair,
    t_s: Floats,
    values: Floats,
    rough: Flags,
    edges: Floats,
) -> int:
    """`topology.zeros.zeros` of a pair: how many zeros, in order, go into edges; one too many where room ran out."""
    size, kinds = t_s.size, values.shape[0]
    closed, unclear = np.empty(size, dtype=np.bool_), np.empty(size, dtype=np.bool_)
    crossed, out = np.empty(size, dtype=np.bool_), np.empty(kinds)
    _told_by_bends(values, size, closed, unclear, crossed)
    cuts = _Cuts(
        np.empty((_DEPTH, _PIECES + 1)),
        np.empty((_DEPTH, kinds, _PIECES + 1)),
        np.empty((_DEPTH, _PIECES), dtype=np.bool_),
        np.empty((_DEPTH, _PIECES), dtype=np.bool_),
    )
    found = 0
    for cell in range(size - 1):
        if rough[cell] or (unclear[cell] and not closed[cell]):
            found = _edges_within(pair, t_s, values, cell, cuts, edges, found, out)
        elif not closed[cell] and _changes(values, cell):
            found = _added(edges, found, _root(pair, t_s, values, cell, size, True, out))
        if found > edges.size:
            break
    return found


class _Cuts(NamedTuple):
    """A cell cut in eight, and below it pieces that were cut again.

    Attributes:
        t_s: ends of the pieces, shape (_DEPTH, _PIECES + 1).
        values: limits there, shape (_DEPTH, K, _PIECES + 1).
        closed: pieces without a zero, shape (_DEPTH, _PIECES).
        unclear: pieces to be cut again, likewise.
    """

    t_s: Floats
    values: Floats
    closed: Flags
    unclear: Flags


@compiled
def _edges_within(
    pair: Pair,
    t_s: Floats,
    values: Floats,
    cell: int,
    cuts: _Cuts,
    edges: Floats,
    found: int,
    out: Floats,
) -> int:
    """Find the zeros in a cell whose ends do not tell: how many there are with those that were found before."""
    place = np.zeros(_DEPTH, dtype=np.int64)
    _cut(pair, t_s, values, cell, cuts, 0, out)
    depth = 0
    while depth >= 0 and found <= edges.size:
        at = place[depth]
        if at == _PIECES:
            depth -= 1
            continue
        place[depth] += 1
        if cuts.closed[depth, at]:
            continue
        times, here = cuts.t_s[depth], cuts.values[depth]
        is_fine = times[at + 1] - times[at] <= SHORTEST_S or depth == _DEPTH - 1
        if cuts.unclear[depth, at] and not is_fine:
            depth += 1
            _cut(pair, times, here, at, cuts, depth, out)
            place[depth] = 0
        elif _changes(here, at):
            edge_s = _root(pair, times, here, at, _PIECES + 1, not is_fine, out)
            found = _added(edges, found, edge_s)
    return found


@compiled
def _cut(
    pair: Pair, t_s: Floats, values: Floats, cell: int, cuts: _Cuts, depth: int, out: Floats
) -> None:
    """A cell in eight: epochs and limits at both ends and between, and what they tell."""
    times, here = cuts.t_s[depth], cuts.values[depth]
    low_s, high_s = t_s[cell], t_s[cell + 1]
    for piece in range(_PIECES + 1):
        times[piece] = low_s + piece * ((high_s - low_s) / _PIECES)
    times[_PIECES] = high_s
    here[:, 0] = values[:, cell]
    here[:, _PIECES] = values[:, cell + 1]
    for piece in range(1, _PIECES):
        look = look_at(pair.looks_s[0], pair.looks_s.size, times[piece])
        limits(pair, look, -1, times[piece], out)
        here[:, piece] = out
    seen = np.empty(_PIECES, dtype=np.bool_)
    _told_by_bends(here, _PIECES + 1, cuts.closed[depth], cuts.unclear[depth], seen)
