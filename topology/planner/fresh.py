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

from collections.abc import Callable, Collection, Sequence

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
    """The preference: see the module.

    Nodes in session form groups; all of a group know the same. All gateways are one node.
    """

    def __init__(
        self,
        nodes: Sequence[PlannedNode],
        links: Sequence[Link],
        start_s: float,
        options: PlanOptions,
    ) -> None:
        gateways = [place for place, node in enumerate(nodes) if node.gateway]
        one = [gateways[0] if node.gateway else place for place, node in enumerate(nodes)]
        self._one = one
        self._pairs = [(one[link.nodes[0]], one[link.nodes[1]]) for link in links]
        self._firsts, self._seconds = np.array(self._pairs, dtype=np.intp).reshape(-1, 2).T
        self._weights = np.array(
            [options.weight(*(nodes[n].name for n in link.nodes)) for link in links]
        )
        value = np.array([node.weight for node in nodes])
        value[gateways] = 0.0
        value[gateways[:1]] = GATEWAY_WEIGHT
        self._value = np.outer(value, value)  # who learns, of whom
        self._born_s = np.array([max(start_s, node.path.span_s[0]) for node in nodes])
        self._known_s = np.tile(self._born_s, (len(nodes), 1))  # who knows, of whom: how new
        self._served_s = np.zeros(len(links))
        self._joined: list[tuple[int, int]] = []
        self._group: list[int] = []
        self._members: dict[int, list[int]] = {}
        self._gains = np.full((len(nodes), len(nodes)), np.nan)

    def begin(self, now_s: float, joined: Sequence[tuple[int, int]]) -> None:
        """All nodes have fresh news of themselves; sessions since the last slot have shared theirs."""
        self._share(self._joined)
        np.fill_diagonal(self._known_s, np.maximum(now_s, self._born_s))
        self._joined = [(self._one[a], self._one[b]) for a, b in joined]
        self._share(self._joined)

    def first(self, places: Collection[int]) -> int:
        """Pairs that join two groups, by what they would learn; then the others, least served first."""
        there = np.fromiter(places, dtype=np.intp, count=len(places))
        there.sort()  # of equals the first
        group = np.array(self._group)
        a, b = group[self._firsts[there]], group[self._seconds[there]]
        apart = np.flatnonzero(a != b)
        if not apart.size:
            return int(there[np.argmin(self._served_s[there])])
        a, b = np.minimum(a[apart], b[apart]), np.maximum(a[apart], b[apart])
        unknown = np.flatnonzero(np.isnan(self._gains[a, b]))
        for pair in set(zip(a[unknown].tolist(), b[unknown].tolist(), strict=True)):
            self._gains[pair] = self._gain(*pair)
        worth = self._gains[a, b] * self._weights[there[apart]]
        return int(there[apart[np.argmin(-worth)]])

    def chosen(self, place: int, length_s: float) -> None:
        """The pair shares its news from now on."""
        self._served_s[place] += length_s
        self._joined.append(self._pairs[place])
        self._join(*self._pairs[place])

    def _gain(self, a: int, b: int) -> float:
        """What two groups would teach each other: seconds by value, over all who would learn."""
        ours, theirs = self._members[a], self._members[b]
        change = self._known_s[ours[0]] - self._known_s[theirs[0]]
        taught = self._value[theirs].sum(axis=0) @ np.maximum(change, 0.0)
        learnt = self._value[ours].sum(axis=0) @ np.maximum(-change, 0.0)
        return float(taught + learnt)

    def _share(self, joined: Sequence[tuple[int, int]]) -> None:
        """Groups anew, from who is in session with whom."""
        self._group = list(range(len(self._one)))
        self._members = {node: [node] for node in self._group}
        self._gains[:] = np.nan
        for a, b in joined:
            self._join(a, b)

    def _join(self, a: int, b: int) -> None:
        """Make the groups of two nodes one, which knows what either knew."""
        first, second = self._group[a], self._group[b]
        if first == second:
            return
        members = self._members[first] + self._members.pop(second)
        self._members[first] = members
        self._known_s[members] = self._known_s[members].max(axis=0)
        for node in members:
            self._group[node] = first
        for group in (first, second):
            self._gains[group, :] = self._gains[:, group] = np.nan
