"""The designer `fair`: the least-served pairs first, and nobody left alone.

First come the pairs that attach a node to those that reach a gateway already, then those that join
two groups, then the rest; among equals the pair that was served for the smallest part of the time it
could see each other, by its weight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from topology.network import PlannedNode
from topology.planner.design import IntArray
from topology.planner.links import Link
from topology.planner.options import PlanOptions
from topology.planner.sessions import Session
from topology.planner.slots import give_out, least


def fair(
    nodes: Sequence[PlannedNode],
    links: Sequence[Link],
    start_s: float,
    end_s: float,
    options: PlanOptions,
    progress: Callable[[float], None] | None = None,
) -> list[Session]:
    """Sessions by `slots.give_out`, the least-served pairs first."""
    least_served = _LeastServed(nodes, links, options)
    return give_out(nodes, links, start_s, end_s, options, least_served, progress)


class _LeastServed:
    """The preference: see the module."""

    def __init__(
        self, nodes: Sequence[PlannedNode], links: Sequence[Link], options: PlanOptions
    ) -> None:
        self._links = links
        self._gateway = [node.gateway for node in nodes]
        self._patience_s = options.session_s
        self._served_s = [0.0] * len(links)
        self._weights = [_weight(nodes, link, options) for link in links]
        self._seen = [_SeenTime(link) for link in links]
        self._now_s = 0.0
        self._groups = _Groups(self._gateway)

    def begin(self, now_s: float, joined: Sequence[tuple[int, int]]) -> None:
        self._now_s = now_s
        self._groups = _Groups(self._gateway)
        for pair in joined:
            self._groups.join(*pair)

    def first(self, places: IntArray) -> int:
        return least(self._order, places)

    def _order(self, place: int) -> tuple[float, ...]:
        seen_s = self._seen[place].until(self._now_s) + self._patience_s
        share = self._served_s[place] / seen_s / self._weights[place]
        return self._groups.worth(*self._links[place].nodes), share

    def chosen(self, place: int, length_s: float) -> None:
        self._served_s[place] += length_s
        self._groups.join(*self._links[place].nodes)


class _SeenTime:
    """How long a pair has been able to see each other up to a moment."""

    def __init__(self, link: Link) -> None:
        self._windows = link.ways[0].windows
        self._starts = [start for start, _ in self._windows]
        self._before = list(accumulate((b - a for a, b in self._windows), initial=0.0))

    def until(self, t_s: float) -> float:
        """Seconds of the windows before t_s."""
        place = bisect_right(self._starts, t_s) - 1
        if place < 0:
            return 0.0
        start, end = self._windows[place]
        return self._before[place] + min(t_s, end) - start


class _Groups:
    """Nodes joined by sessions; those with a gateway are one group from the start."""

    def __init__(self, gateway: Sequence[bool]) -> None:
        self._parent = list(range(len(gateway)))
        gateways = [node for node, is_one in enumerate(gateway) if is_one]
        self._root = gateways[0] if gateways else 0
        for node in gateways:
            self.join(node, self._root)

    def worth(self, a: int, b: int) -> int:
        """0: attaches a node to the gateways' group; 1: joins two groups; 2: joins nothing new."""
        first, second = self._find(a), self._find(b)
        if first == second:
            return 2
        return 0 if self._find(self._root) in (first, second) else 1

    def join(self, a: int, b: int) -> None:
        """Make the groups of two nodes one."""
        self._parent[self._find(a)] = self._find(b)

    def _find(self, node: int) -> int:
        while self._parent[node] != node:
            self._parent[node] = node = self._parent[self._parent[node]]
        return node


def _weight(nodes: Sequence[PlannedNode], link: Link, options: PlanOptions) -> float:
    a, b = (nodes[place] for place in link.nodes)
    return a.weight * b.weight * options.weight(a.name, b.name)
