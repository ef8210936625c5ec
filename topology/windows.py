"""When A can transmit to B: intervals of the transmitter's time, their edges found to a millisecond.

A grid in the receiver's time would give windows of the receiver's time; a contact is in the
transmitter's, so everything here is asked at transmission times. Receive windows are these, shifted by
the light time of their edges (`received`).

Method: `visibility.limits` on an even grid, half as fine as the faster end's samples (40 points a revolution or
more), those of them that `proximity` cannot rule out, and where it cannot tell by the ends' places alone; then the
zeros of the least of them (`topology.zeros`), so that a window much shorter than the grid is found, and one shorter
than 0.1 s may be missed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from topology.geometry import light_time, light_time_received, sightline
from topology.paths import FloatArray, Path
from topology.proximity import BoolArray, concern, glance, never
from topology.scan import scan
from topology.track import IntArray, OnGrid, Track
from topology.visibility import End, Surroundings, limits, limits_of
from topology.zeros import EDGE_S, zeros

Window = tuple[float, float]
"""First and last moment, seconds from the scenario's start, in the transmitter's time."""

_SLOWEST_GRID_S = 600.0
_LONGEST_LIGHT_S = 20_000.0  # to Neptune and some way on
_FEWEST_CELLS = 8


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
        # plain floats: planning asks a million times
        times, light = self.t_s.item, self.owlt_s.item
        place = (t_s - times(1)) / (times(2) - times(1))
        cell = min(max(math.floor(place) + 1, 0), self.t_s.size - 2)
        before_s, after_s = times(cell), times(cell + 1)
        first, second = light(cell), light(cell + 1)
        return first + (second - first) * ((t_s - before_s) / (after_s - before_s))


def windows(
    a: End,
    b: End,
    around: Surroundings,
    start_s: float,
    end_s: float,
    *,
    grid_s: float | None = None,
    compiled: bool = False,
) -> list[Window]:
    """When A can transmit to B in [start_s, end_s] of A's time, and B is there to receive.

    Args:
        a: who transmits.
        b: who receives.
        around: occluders and Sun.
        start_s: first transmission time.
        end_s: last transmission time.
        grid_s: the grid's step; by default twice that of the faster end's samples, at most 600 s.
        compiled: whether numba may do it; see `topology.scan.is_worth`.

    Returns:
        Disjoint closed intervals, in order. One that begins at start_s may have begun earlier.
    """
    found = passage(a, b, around, start_s, end_s, grid_s=grid_s, compiled=compiled)
    return list(found.windows) if found else []


def passage(
    a: End,
    b: End,
    around: Surroundings,
    start_s: float,
    end_s: float,
    *,
    grid_s: float | None = None,
    compiled: bool = False,
) -> Passage | None:
    """`windows` with the light times found on the way; None if A and B never share a moment or horizon."""
    first_s, last_s = _shared_span(a, b, start_s, end_s)
    if last_s <= first_s:
        return None
    if never(a, b):
        return None
    if compiled:
        step_s = grid_s or _grid_step_s(a, b)
        t_s = _grid(step_s, first_s, last_s)
        scanned = scan(a, b, around, t_s)
        if scanned is not None:
            opened = _between(scanned.edges_s, scanned.is_open, first_s, last_s)
            return Passage(tuple(opened), t_s, scanned.owlt_s)
    concerned = concern(a, b, around, first_s, last_s)
    a, b, around = concerned.a, concerned.b, concerned.around
    step_s = grid_s or _grid_step_s(a, b)
    inner_s = _multiples(step_s, first_s, last_s)
    ends_s = np.array((first_s, last_s))
    # the grid's own epochs are at hand for all pairs; the first and the last epoch are this pair's
    near = _on_grid(a, step_s), _on_grid(b, step_s), _around_on_grid(around, step_s)
    inner, inner_owlt_s = _scanned(*near, inner_s, concerned.at(inner_s))
    outer = sightline(a.path, b.path, ends_s)
    t_s = _grid(step_s, first_s, last_s)
    values = _framed(limits(outer, a, b, around), inner)
    owlt_s = _framed(outer.owlt_s, inner_owlt_s)
    rough = _rough(a, t_s) | _rough(b, t_s + owlt_s)

    def all_limits(at_s: FloatArray) -> FloatArray:
        line = sightline(a.path, b.path, at_s)
        return limits(line, a, b, around, concerned.at(at_s), even_below=True)

    def one_limit(at_s: FloatArray, rows: IntArray) -> FloatArray:
        return limits_of(sightline(a.path, b.path, at_s), a, b, around, rows)

    edges = zeros(all_limits, t_s, values, rough, one_limit)
    opened = _between(edges, bool(values[:, 0].min() >= 0), first_s, last_s)
    return Passage(tuple(opened), t_s, owlt_s)


def _scanned(
    a: End, b: End, around: Surroundings, t_s: FloatArray, near: BoolArray | None
) -> tuple[FloatArray, FloatArray]:
    """All limits at a grid's epochs and the light times, right where windows could begin, end or last."""
    if not (isinstance(a.path, OnGrid) and isinstance(b.path, OnGrid)):
        line = sightline(a.path, b.path, t_s)
        return limits(line, a, b, around, near), line.owlt_s
    glanced = glance(a, b, t_s, near)
    open_, owlt_s = glanced.open_, glanced.owlt_s
    if open_.size == t_s.size:
        line = sightline(a.path, b.path, t_s)
        return limits(line, a, b, around, near), line.owlt_s
    line = sightline(a.path, b.path, t_s[open_])
    found = limits(line, a, b, around, None if near is None else near[:, open_])
    values = np.full((len(found), t_s.size), np.inf)
    values[: len(glanced.heights)] = glanced.heights
    values[:, open_] = found
    owlt_s[open_] = line.owlt_s
    return values, owlt_s


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


@lru_cache(maxsize=16)
def _grid(step_s: float, first_s: float, last_s: float) -> FloatArray:
    """Multiples of a step between the ends of a span: one array for all the pairs of a network that have the same."""
    return _framed(np.array((first_s, last_s)), _multiples(step_s, first_s, last_s))


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
