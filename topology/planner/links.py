"""Links that geometry allows: each pair of nodes, both ways, with windows and light times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.laser import rate_bps
from topology.network import PlannedNode
from topology.scan import is_worth, side_by_side
from topology.terminal import OPTICAL, Terminal
from topology.track import track
from topology.visibility import End, Surroundings
from topology.windows import Passage, Window, passage

LIGHT_MARGIN_S = 3600.0
"""Paths are followed this long after the plan's end: photons are still under way."""


class Pairing(NamedTuple):
    """A terminal of each end of a link: their places in the nodes' lists, and what they reach.

    Attributes:
        places: of the terminals, in the order of the link's nodes.
        leader: 0 or 1: whose beam is the brighter, and so the beacon.
        acquisition_s: of the slower of the two.
        longest_owlt_s: beyond, one direction is slower than the least rate.
        aperture_m: of both together.
    """

    places: tuple[int, int]
    leader: int
    acquisition_s: float
    longest_owlt_s: float
    aperture_m: float


@dataclass(slots=True)
class Link:
    """Two nodes that can see each other with terminals of certain keep-out angles.

    Args:
        nodes: their places in the list of nodes, rising.
        ends: the two ends, sampled.
        ways: windows and light times from the first node to the second, and back.
        pairings: the terminals that fit.
    """

    nodes: tuple[int, int]
    ends: tuple[End, End]
    ways: tuple[Passage, Passage]
    pairings: tuple[Pairing, ...]
    _within: dict[tuple[int, float], tuple[Window, ...]] = field(default_factory=dict)

    def windows(self, way: int, longest_owlt_s: float) -> tuple[Window, ...]:
        """Windows of one way while the light time is at most so long."""
        known = self._within.get((way, longest_owlt_s))
        if known is None:
            passed = self.ways[way]
            known = tuple(_common(passed.windows, _nearer(passed, longest_owlt_s)))
            self._within[way, longest_owlt_s] = known
        return known


def links(
    nodes: Sequence[PlannedNode],
    around: Surroundings,
    start_s: float,
    end_s: float,
    least_rate_bps: float,
    outages: Mapping[str, Sequence[Window]],
    progress: Callable[[int, int], None] | None = None,
) -> list[Link]:
    """All links of a network that are ever open, in the order of the nodes.

    Args:
        nodes: the network.
        around: occluders and Sun.
        start_s: first transmission time.
        end_s: last transmission time.
        least_rate_bps: slower links are left out.
        outages: when nodes cannot be seen at all (clouds), in their own time.
        progress: told how many pairs are done, and of how many.
    """
    tracks = [
        track(node.path, start_s, end_s + LIGHT_MARGIN_S) if node.terminals else None
        for node in nodes
    ]
    pairs = list(combinations(range(len(nodes)), 2))
    compiled = is_worth(2 * len(pairs))

    def of_pair(pair: tuple[int, int]) -> list[Link]:
        first, second = (tracks[n] for n in pair)
        if first is None or second is None:
            return []
        a, b = (nodes[n] for n in pair)
        clouds = outages.get(a.name, ()), outages.get(b.name, ())
        found = []
        for (*angles, is_optical), pairings in _alike(a, b, least_rate_bps):
            ends = (
                End(path=first, mask=a.mask, sun_keep_out_deg=angles[0]),
                End(path=second, mask=b.mask, sun_keep_out_deg=angles[1]),
            )
            out = passage(ends[0], ends[1], around, start_s, end_s, compiled=compiled)
            back = passage(ends[1], ends[0], around, start_s, end_s, compiled=compiled)
            if not (out and back and out.windows and back.windows):
                continue
            ways = out, back
            if is_optical:
                ways = _clear(out, *clouds), _clear(back, *clouds[::-1])
            found.append(Link(pair, ends, ways, pairings))
        return found

    found: list[Link] = []
    for done, of_one in enumerate(side_by_side(of_pair, pairs, compiled=compiled)):
        if progress is not None:
            progress(done, len(pairs))
        found += of_one
    return found


def _alike(
    a: PlannedNode, b: PlannedNode, least_rate_bps: float
) -> Iterator[tuple[tuple[float, float, bool], tuple[Pairing, ...]]]:
    """The pairings of two nodes' terminals, by keep-out angles and whether clouds stop them: they share windows."""
    classes: dict[tuple[float, float, bool], list[Pairing]] = {}
    for i, ours in enumerate(a.terminals):
        for j, theirs in enumerate(b.terminals):
            both_km = min(
                reach_km(ours, theirs, least_rate_bps), reach_km(theirs, ours, least_rate_bps)
            )
            if both_km <= 0:
                continue
            pairing = Pairing(
                (i, j),
                0 if ours.beam_strength >= theirs.beam_strength else 1,
                max(ours.acquisition_s, theirs.acquisition_s),
                both_km / SPEED_OF_LIGHT_KM_S,
                ours.aperture_m + theirs.aperture_m,
            )
            kind = ours.sun_keep_out_deg, theirs.sun_keep_out_deg, ours.band == OPTICAL
            classes.setdefault(kind, []).append(pairing)
    for kind, pairings in classes.items():
        yield kind, tuple(pairings)


@lru_cache(maxsize=1024)
def reach_km(sender: Terminal, receiver: Terminal, least_rate_bps: float) -> float:
    """How far a link keeps the least rate; 0 if nowhere. The rate falls with range, never rises."""
    ranges_km = np.geomspace(1.0, 1e11, 2201)  # steps of 1.2 %
    fast = rate_bps(sender, receiver, ranges_km) >= least_rate_bps
    return float(ranges_km[np.flatnonzero(fast)[-1]]) if fast.any() else 0.0


def _clear(way: Passage, source: Sequence[Window], destination: Sequence[Window]) -> Passage:
    """A passage without the clouds over its source, and those over its destination on arrival."""
    if not source and not destination:
        return way
    leaves_s = way.t_s
    arrives_s = leaves_s + way.owlt_s
    shifted = [
        (float(a), float(b))
        for a, b in np.interp(np.reshape(destination, (-1, 2)), arrives_s, leaves_s)
    ]
    opened = _without(_without(way.windows, source), shifted)
    return way._replace(windows=tuple(opened))


def _nearer(way: Passage, longest_owlt_s: float) -> list[Window]:
    """When the light time of a passage is at most so long."""
    excess = way.owlt_s - longest_owlt_s
    if excess.max() <= 0:
        return [(float(way.t_s[0]), float(way.t_s[-1]))]
    near = excess <= 0
    places = np.flatnonzero(near[1:] != near[:-1])
    fraction = excess[places] / (excess[places] - excess[places + 1])
    edges = (way.t_s[places] + fraction * np.diff(way.t_s)[places]).tolist()
    if near[0]:
        edges.insert(0, float(way.t_s[0]))
    if len(edges) % 2:
        edges.append(float(way.t_s[-1]))
    return list(zip(edges[::2], edges[1::2], strict=True))


def _common(a: Sequence[Window], b: Sequence[Window]) -> Iterator[Window]:
    """Intersection of two rising lists of disjoint intervals."""
    i = j = 0
    while i < len(a) and j < len(b):
        start, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if end > start:
            yield start, end
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1


def _without(opened: Sequence[Window], closed: Sequence[Window]) -> list[Window]:
    """A rising list of disjoint intervals less another."""
    edges = [-np.inf, *(edge for window in closed for edge in window), np.inf]
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    return list(_common(opened, gaps))


def window_at(windows: Sequence[Window], t_s: float) -> Window | None:
    """The window that t_s lies in, or the next one; None if there is none."""
    place = bisect_right(windows, (t_s, np.inf)) - 1
    if place >= 0 and windows[place][1] > t_s:
        return windows[place]
    return windows[place + 1] if place + 1 < len(windows) else None
