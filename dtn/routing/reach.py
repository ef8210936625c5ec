"""Reach: Dijkstra's algorithm with any rule for crossing a contact, to one node or to all.

For strategies that reckon with more than rates and light times: reservations, failures, other
costs. It is the plain search of the literature: one label a node, pairs of nodes with their
contacts in order (`dtn.routing.index`). It is exact where sending sooner never means arriving
later. `dtn.routing.query` is four times as fast, for its one rule.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Set
from heapq import heappop, heappush

from dtn.routing.index import PlanIndex
from dtn.routing.route import Route

Labels = dict[int, tuple[float, int]]
"""By node: arrival, and the contact it arrives over (-1 at the origin)."""


def reach(
    index: PlanIndex,
    source: int,
    at_s: float,
    crosses: Callable[[int, float], float],
    target: int | None = None,
    avoided: Set[int] = frozenset(),
) -> Labels:
    """The soonest arrivals from a node.

    Args:
        index: the plan.
        source: where the bundle is.
        at_s: since when.
        crosses: by a contact's number and the moment a bundle is ready to be sent over it, when it
            arrives; inf if it does not.
        target: stop there; None: go everywhere.
        avoided: nodes not to touch.
    """
    labels: Labels = {source: (at_s, -1)}
    heap = [(at_s, source)]
    done = set(avoided)
    while heap:
        t, u = heappop(heap)
        if u in done:
            continue
        done.add(u)
        if u == target:
            break
        for pair in index.out[u]:
            if pair.node in done:
                continue
            best = labels.get(pair.node, (math.inf, -1))[0]
            for place in range(bisect_left(pair.ends_s, t), len(pair.ends_s)):
                if max(pair.starts_s[place], t) + pair.least_owlt_s >= best:
                    if max(pair.least_starts_s[place], t) + pair.least_owlt_s >= best:
                        break
                    continue
                there = crosses(pair.numbers[place], t)
                if there < best:
                    best = there
                    labels[pair.node] = (there, pair.numbers[place])
                    heappush(heap, (there, pair.node))
    return labels


def route_to(index: PlanIndex, labels: Labels, source: int, target: int) -> Route | None:
    """The route behind a label; None if the node was not reached."""
    if target not in labels or target == source:
        return None
    numbers: list[int] = []
    node = target
    while node != source:
        numbers.append(labels[node][1])
        node = index.rows[numbers[-1]].source
    numbers.reverse()
    contacts = tuple(index.contacts[number] for number in numbers)
    departure_s = max(labels[source][0], contacts[0].start_s)
    return Route(contacts, tuple(numbers), departure_s, labels[target][0])
