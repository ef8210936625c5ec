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
from topology.paths import FloatArray
from topology.planner.design import IntArray
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
        pairs = [(one[link.nodes[0]], one[link.nodes[1]]) for link in links]
        self._firsts, self._seconds = np.array(pairs, dtype=np.intp).reshape(-1, 2).T.copy()
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
        self._group = np.arange(len(nodes))
        self._members: list[list[int]] = []
        self._worth = self._value  # of a group: who learns, of whom
        self._gains = np.full((len(nodes), len(nodes)), np.nan)

    def begin(self, now_s: float, joined: Sequence[tuple[int, int]]) -> None:
        """All nodes have fresh news of themselves, which those in session share; groups anew."""
        np.fill_diagonal(self._known_s, np.maximum(now_s, self._born_s))
        group = list(range(len(self._one)))
        members = [[node] for node in group]
        for a, b in joined:
            first, second = group[self._one[a]], group[self._one[b]]
            if first != second:
                for node in members[second]:
                    group[node] = first
                members[first] += members[second]
                members[second] = []
        self._group, self._members = np.array(group), members
        self._worth = self._value.copy()
        self._gains[:] = np.nan
        for number, those in enumerate(members):
            if len(those) > 1:
                self._share(number, those)

    def first(self, places: IntArray) -> int:
        """Pairs that join two groups, by what they would learn; then the others, least served first."""
        a, b = self._group[self._firsts[places]], self._group[self._seconds[places]]
        apart = np.flatnonzero(a != b)
        if not apart.size:
            return int(places[np.argmin(self._served_s[places])])
        a, b = np.minimum(a[apart], b[apart]), np.maximum(a[apart], b[apart])
        unknown = np.flatnonzero(np.isnan(self._gains[a, b]))
        if unknown.size:
            pairs = np.unique(a[unknown] * len(self._one) + b[unknown])
            ours, theirs = np.divmod(pairs, len(self._one))
            self._gains[ours, theirs] = self._gain(ours, theirs)
        worth = self._gains[a, b] * self._weights[places[apart]]
        return int(places[apart[np.argmin(-worth)]])

    def chosen(self, place: int, length_s: float) -> None:
        """The pair shares its news from now on."""
        self._served_s[place] += length_s
        first, second = self._group[[self._firsts[place], self._seconds[place]]].tolist()
        if first == second:
            return
        members = self._members[first] + self._members[second]
        self._members[first], self._members[second] = members, []
        self._group[members] = first
        self._share(first, members)
        for group in (first, second):
            self._gains[group, :] = self._gains[:, group] = np.nan

    def _gain(self, ours: IntArray, theirs: IntArray) -> FloatArray:
        """What pairs of groups would teach each other: seconds by value, over all who would learn, shape (N,)."""
        # of a group all know the same, and its number is that of one of them
        change = self._known_s[ours] - self._known_s[theirs]
        taught = _dot(self._worth[theirs], np.maximum(change, 0.0))
        learnt = _dot(self._worth[ours], np.maximum(-change, 0.0))
        return taught + learnt

    def _share(self, group: int, members: list[int]) -> None:
        """All of a group know what any of them knows."""
        self._known_s[members] = self._known_s[members].max(axis=0)
        self._worth[group] = self._value[members].sum(axis=0)


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Scalar products row by row."""
    products: FloatArray = np.matmul(a[:, np.newaxis, :], b[:, :, np.newaxis])[:, 0, 0]
    return products
