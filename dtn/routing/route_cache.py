"""RouteCache: the routes a node found earlier, for as long as they are still the best.

Between two decisions a route can only get worse: time goes on, bookings take volume, queues grow.
So a route whose projected arrival is still what it was when it was found is still the best by all
keys: those it was ahead of have not come nearer. Each cached route is reckoned anew, from now and
with the present volumes, and stands if its arrival is the same. (A route stays best until its first
hop starts; a booking ends only routes that use the contact.)

While nothing is queued, nothing was booked and no route of a list could have begun, it stands without a second look.

What makes routes *better* needs `flush`: a booking refunded, a queue that lost a bundle other than
by sending it, a contact added, lengthened or restored. A list is bound to its plan's index; another
plan makes new lists.
"""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass
from typing import Protocol

from dtn.routing.candidate import Candidate, Volumes, earliest_opportunity
from dtn.routing.index import PlanIndex
from dtn.routing.query import TOLERANCE
from dtn.routing.route import Route

MOST_LISTS = 4096
"""Lists kept; a node whose bundles are all of different sizes starts afresh after so many."""


class Decision(Protocol):
    """What is asked, of which plan, with what knowledge."""

    @property
    def index(self) -> PlanIndex:
        """The plan."""

    @property
    def volumes(self) -> Volumes:
        """The node's queues and bookings."""

    @property
    def target(self) -> int:
        """Where to."""

    @property
    def now_s(self) -> float:
        """The present."""

    @property
    def evc_bytes(self) -> float:
        """Estimated volume consumption of the bundle."""

    @property
    def priority(self) -> int:
        """Its priority."""

    @property
    def excluded(self) -> Set[str]:
        """Neighbours not to be used."""

    @property
    def avoided(self) -> Set[int]:
        """Nodes that no route may touch, by their places in the index."""

    def complete(self, k: int, deadline_s: float) -> list[Route]:
        """The k best routes, searched for."""


@dataclass(slots=True)
class Listed:
    """A list of routes, best first, and what it was found with.

    Args:
        index: the plan.
        looked_s: when it was found, or found to stand.
        changes: the node's count of changes then.
        begins_s: until when it stands if nothing changes.
        routes: the routes.
        candidates: the same with their volume limits, once they have been judged.
    """

    index: PlanIndex
    looked_s: float
    changes: int
    begins_s: float
    routes: list[Route]
    candidates: list[Candidate] | None = None


Key = tuple[int, float, int, Set[str], Set[int], int]
"""Destination, volume consumption, priority, excluded neighbours, avoided nodes, and how many routes."""


class RouteCache:
    """Route lists of one node, per destination, volume consumption, priority, exclusions and k.

    Attributes:
        found: how many decisions the cache answered.
        searched: how many needed a search.
        full: contacts that had too little volume left at the last search; asked about again at the next.
    """

    def __init__(self) -> None:
        self._lists: dict[Key, Listed] = {}
        self.full: set[int] = set()
        self.found = 0
        self.searched = 0

    def flush(self) -> None:
        """Forget all lists: something got better."""
        self._lists.clear()

    def routes(self, decision: Decision, k: int) -> Listed:
        """The k best routes whenever they arrive, from the cache where it still holds."""
        key = (
            decision.target,
            decision.evc_bytes,
            decision.priority,
            frozenset(decision.excluded),
            frozenset(decision.avoided),
            k,
        )
        index, volumes, now_s = decision.index, decision.volumes, decision.now_s
        listed = self.find(key, index, volumes, now_s)
        if listed is None:
            listed = self.keep(key, index, volumes, now_s, decision.complete(k, math.inf))
        return listed

    def find(self, key: Key, index: PlanIndex, volumes: Volumes, now_s: float) -> Listed | None:
        """What was found earlier, if it is still the best."""
        listed = self._lists.get(key)
        if listed is None or listed.index is not index or listed.looked_s > now_s:
            return None
        if now_s > listed.begins_s or listed.changes != volumes.changes:
            held: list[Route] = []
            for route in listed.routes:
                still = _unchanged(index, volumes, key[1], key[2], now_s, route)
                if still is None:
                    return None
                held.append(still)
            listed = self._lists[key] = _listed(index, volumes, now_s, held)
        self.found += 1
        return listed

    def keep(
        self, key: Key, index: PlanIndex, volumes: Volumes, now_s: float, routes: list[Route]
    ) -> Listed:
        """Routes that were searched for just now."""
        if len(self._lists) >= MOST_LISTS:
            self.flush()
        listed = self._lists[key] = _listed(index, volumes, now_s, routes)
        self.searched += 1
        return listed


def _listed(index: PlanIndex, volumes: Volumes, now_s: float, routes: list[Route]) -> Listed:
    """Routes found, or found to stand, just now."""
    begins_s = -math.inf
    if routes and not volumes.queued():  # what is queued may be overtaken by the time
        begins_s = min([route.departure_s for route in routes])
    return Listed(index, now_s, volumes.changes, begins_s, routes)


def _unchanged(
    index: PlanIndex,
    volumes: Volumes,
    evc_bytes: float,
    priority: int,
    now_s: float,
    route: Route,
) -> Route | None:
    """The route as it departs now, if it still arrives when it did; else None."""
    if now_s >= route.delivery_s or now_s > route.contacts[0].end_s:
        return None
    timed = index.timed
    departure = earliest_opportunity(index, timed[route.numbers[0]], volumes, priority, now_s)
    t = departure
    for number in route.numbers:
        if volumes.residual_bytes(number, priority) < evc_bytes:
            return None
        contact = timed[number]
        t = contact.arrival_s(max(contact.start_s, t), evc_bytes)
    if abs(t - route.delivery_s) > TOLERANCE:
        return None
    if departure == route.departure_s:
        return route
    return Route(route.contacts, route.numbers, departure, route.delivery_s)
