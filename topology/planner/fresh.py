"""The designer `fresh`: the pair that has the most news for each other first.

Think of every node as reporting all the time. Each knows how old its news of every other node is; nodes in session
share what they know. A pair is worth what a session would teach both sides: the seconds by which the news
of all nodes would become younger, summed over all who would learn it. So a pair that has not met
for long comes first, a relay that has collected much is worth more to a station than a satellite
that knows itself only, and two satellites without news of the Earth have little to say to each other.
Stations share their news by fibre. News of gateways, and at gateways, count more, since most
traffic begins or ends there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from topology.network import PlannedNode
from topology.planner.links import Link
from topology.planner.options import PlanOptions
from topology.planner.sessions import Session
from topology.planner.slots import give_out

GATEWAY_WEIGHT = 8.0


def fresh(
    nodes: Sequence[PlannedNode],
    links: Sequence[Link],
    start_s: float,
    end_s: float,
    options: PlanOptions,
    progress: Callable[[float], None] | None = None,
) -> list[Session]:
    """Sessions by `slots.give_out`, the pair with the most news first."""
    news = _News(nodes, links, start_s, options)
    return give_out(nodes, links, start_s, end_s, options, news, progress)


class _News:
    """The preference: see the module."""

    def __init__(
        self,
        nodes: Sequence[PlannedNode],
        links: Sequence[Link],
        start_s: float,
        options: PlanOptions,
    ) -> None:
        gateways = [place for place, node in enumerate(nodes) if node.gateway]
        # all gateways are one: their fibre is always there
        self._one = [gateways[0] if place in gateways else place for place in range(len(nodes))]
        self._pairs = [tuple(self._one[n] for n in link.nodes) for link in links]
        count = len(nodes)
        weight = np.array([node.weight for node in nodes])
        for place in gateways:
            weight[place] = GATEWAY_WEIGHT if place == gateways[0] else 0.0
        self._value = np.outer(weight, weight)  # [who learns, of whom]
        born = np.array([max(start_s, node.path.span_s[0]) for node in nodes])
        self._born_s = born
        self._known_s = np.tile(born, (count, 1))
        self._links = [options.weight(*(nodes[n].name for n in link.nodes)) for link in links]
        self._group = list(range(count))
        self._served_s = [0.0] * len(links)
        self._joined: list[tuple[int, int]] = []

    def begin(self, now_s: float, joined: Sequence[tuple[int, int]]) -> None:
        self._spread()
        own = np.arange(len(self._one))
        self._known_s[own, own] = np.maximum(now_s, self._born_s)
        self._joined = []
        for a, b in joined:
            self._joined.append((self._one[a], self._one[b]))
        self._spread()

    def _spread(self) -> None:
        self._group = list(range(len(self._one)))
        for a, b in self._joined:
            self._join(a, b)

    def _members(self, a: int) -> list[int]:
        return [n for n, group in enumerate(self._group) if group == self._group[a]]

    def _join(self, a: int, b: int) -> None:
        if self._group[a] == self._group[b]:
            return
        members = self._members(a) + self._members(b)
        newest = self._known_s[members].max(axis=0)
        self._known_s[members] = newest
        for n in members:
            self._group[n] = self._group[a]

    def order(self, place: int) -> tuple[float, ...]:
        a, b = self._pairs[place]
        if self._group[a] == self._group[b]:
            return 1.0, self._served_s[place]
        ours, theirs = self._members(a), self._members(b)
        change = self._known_s[a] - self._known_s[b]
        gain = float(self._value[theirs].sum(axis=0) @ np.maximum(change, 0.0))
        gain += float(self._value[ours].sum(axis=0) @ np.maximum(-change, 0.0))
        return 0.0, -gain * self._links[place]

    def chosen(self, place: int, length_s: float) -> None:
        self._served_s[place] += length_s
        a, b = self._pairs[place]
        self._joined.append((a, b))
        self._join(a, b)
