"""Routes in the order of SABR's keys, best first: Yen's k shortest paths with Lawler's partition.

The set of all routes is cut into parts that share a root (the first contacts, fixed) and ban some
next contacts. The best route of each part is one search from the root's end, with the nodes of the
root avoided. The best of all parts is the next route; its part is then cut at each of its hops. No
route comes twice, none is left out (Yen 1971, Lawler 1972).

Routes are loopless. They differ by contact, not only by node: two contacts of one pair are two
routes (CCSDS 734.3-B-1 §1.4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple

from dtn.routing.index import PlanIndex
from dtn.routing.kernel import ARRIVAL_GRAINS, kernel_of
from dtn.routing.query import NOTHING, Knowledge, Query
from dtn.routing.route import Route
from dtn.routing.ties import best_by_all_keys


def keys(route: Route, index: PlanIndex) -> tuple[float, int, float, int]:
    """SABR §3.2.8.1: earliest arrival, fewest contacts, latest termination, smallest entry node.

    Arrivals are compared in whole grains (`dtn.routing.kernel.ARRIVAL_GRAINS`).
    """
    delivery = route.delivery_s
    arrival = math.floor(delivery * ARRIVAL_GRAINS + 0.5) if delivery < math.inf else delivery
    return arrival, route.hops, -route.termination_s, index.ids[route.entry]


class _Part(NamedTuple):
    """A part of the set of routes, and its best route."""

    keys: tuple[float, int, float, int]
    numbers: tuple[int, ...]
    route: Route
    root: int
    banned: frozenset[int]


def alternatives(
    index: PlanIndex,
    source: int,
    target: int,
    at_s: float,
    size_bytes: float,
    known: Knowledge = NOTHING,
) -> Iterator[Route]:
    """All loopless routes, best first, each when it is asked for.

    Args:
        index: the plan.
        source: node that holds the bundle.
        target: node it is for.
        at_s: now.
        size_bytes: what each contact has to carry.
        known: narrows the first hop and the contacts' volumes, as in a search.
    """
    ask = _Question(index, source, target, at_s, size_bytes, known)
    parts: list[_Part] = []
    whole = ask.best_of((), at_s, frozenset())
    if whole is not None:
        parts.append(whole)
    while parts:
        part = heappop(parts)
        yield part.route
        t = at_s
        for place, number in enumerate(part.numbers):
            if place >= part.root:
                banned = part.banned if place == part.root else frozenset()
                root = part.numbers[:place]
                smaller = ask.best_of(root, t, banned | {number}, part.route.departure_s)
                if smaller is not None:
                    heappush(parts, smaller)
            contact = index.timed[number]
            first = part.route.departure_s if place == 0 else max(contact.start_s, t)
            t = contact.arrival_s(first, size_bytes)


def best_routes(
    index: PlanIndex,
    source: int,
    target: int,
    at_s: float,
    size_bytes: float,
    most: int,
    known: Knowledge = NOTHING,
) -> list[Route]:
    """The first of `alternatives`; by the kernel in one call, once it is worth its while."""
    ask = _Question(index, source, target, at_s, size_bytes, known)
    kernel = kernel_of(index)
    if kernel is not None:
        query = Query(index, source, target, at_s, size_bytes, known)
        query.first_hops()
        found = kernel.best_routes(query, most)
        if found is not None:
            contacts = index.contacts
            return [
                Route(tuple([contacts[number] for number in numbers]), numbers, departs, arrives)
                for numbers, departs, arrives in found
            ]
    if most == 1:
        whole = ask.best_of((), at_s, frozenset())
        return [] if whole is None else [whole.route]
    return list(islice(alternatives(index, source, target, at_s, size_bytes, known), most))


@dataclass(slots=True)
class _Question:
    index: PlanIndex
    source: int
    target: int
    at_s: float
    size_bytes: float
    known: Knowledge

    def best_of(
        self, root: tuple[int, ...], t_s: float, banned: frozenset[int], departure_s: float = 0.0
    ) -> _Part | None:
        """The best route that begins with the root and then takes none of the banned contacts.

        The root leaves at departure_s and is at its end at t_s.
        """
        index, ids, contacts = self.index, self.index.ids, self.index.contacts
        node, known = self.source, self.known
        termination = math.inf
        if root:
            node = ids[contacts[root[-1]].destination]
            avoided = frozenset([ids[contacts[number].source] for number in root])
            known = known._replace(
                banned=banned,
                avoided=known.avoided | avoided,
                excluded=frozenset(),
                backlog_bytes=None,
            )
            termination = min([contacts[number].end_s for number in root])
        elif banned:
            known = known._replace(banned=known.banned | banned)
        query = Query(index, node, self.target, t_s, self.size_bytes, known)
        found = query.earliest()
        if not found:
            return None
        found = best_by_all_keys(query, found, termination, entry_is_free=not root)
        route = query.route(found)
        if root:
            numbers = (*root, *found)
            whole = tuple([contacts[number] for number in numbers])
            route = Route(whole, numbers, departure_s, route.delivery_s)
        return _Part(keys(route, index), route.numbers, route, len(root), banned)
