"""cgr: contact graph routing over a table of routes, as before SABR and in most studies of it (Fraire and others 2018).

The table is made from best-case deliveries: of a bundle without size, whatever the queues. Four ways to fill it:

    cgr                 the k routes that deliver soonest (Yen)
    cgr_first_ending    the soonest; again without the contact of it that ends first; and so on
    cgr_first_depleted  the same without the contact of it that carries least
    cgr_one             as cgr, but the first route that is a candidate is taken (ION's mode)

The bundle goes over the best of the table's routes that are candidates for it (SABR section 3.2.6). A table stands
until one of its routes has ended, or none is a candidate. It is filled only as far as it is read: no route arrives
sooner than a bundle without size would, so none after the first whose best case is later than a candidate is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice

from dtn.contact_plan import TIME_TOLERANCE_S
from dtn.routing.alternatives import alternatives, keys
from dtn.routing.index import PlanIndex, index_of
from dtn.routing.query import Knowledge
from dtn.routing.route import Route
from dtn.routing.search import search
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

TABLE_ROUTES = 10
"""Routes in a table, at most."""


class Table:
    """Routes to one destination in the order of best-case delivery, found as they are read.

    Args:
        made_s: when.
        routes: where they come from.
    """

    def __init__(self, made_s: float, routes: Iterator[Route]) -> None:
        self.made_s = made_s
        self._found: list[Route] = []
        self._rest = islice(routes, TABLE_ROUTES)

    def __iter__(self) -> Iterator[Route]:
        yield from self._found
        for route in self._rest:
            self._found.append(route)
            yield route

    def has_ended(self, now_s: float) -> bool:
        """Whether one of the routes read so far is over, or there were none."""
        return not self._found or any(route.termination_s < now_s for route in self._found)


def yen(index: PlanIndex, source: int, target: int, at_s: float) -> Iterator[Route]:
    """Routes in the order of best-case delivery."""
    return alternatives(index, source, target, at_s, 0)


def first_ending(index: PlanIndex, source: int, target: int, at_s: float) -> Iterator[Route]:
    """Each without the contacts of the former that ended first."""
    return _without_limits(
        index, source, target, at_s, lambda contact: index.contacts[contact].end_s
    )


def first_depleted(index: PlanIndex, source: int, target: int, at_s: float) -> Iterator[Route]:
    """Each without the contacts of the former that carry least."""
    return _without_limits(index, source, target, at_s, index.volumes_bytes.__getitem__)


def _without_limits(
    index: PlanIndex, source: int, target: int, at_s: float, limit: Callable[[int], float]
) -> Iterator[Route]:
    suppressed: set[int] = set()

    def residual_bytes(number: int) -> float:
        return -1.0 if number in suppressed else math.inf

    while True:
        known = Knowledge(residual_bytes=residual_bytes, full=set(suppressed))
        route = search(index, source, target, at_s, 0, known)
        if route is None:
            return
        yield route
        suppressed.add(min(route.numbers, key=limit))


Fill = Callable[[PlanIndex, int, int, float], Iterator[Route]]


def _decide(view: View, bundle: BundleView, fill: Fill, stops_at_first: bool = False) -> Decisions:
    index = index_of(view.plan)
    source, target, now_s = index.ids[view.node], index.ids.get(bundle.destination), view.now_s
    if target is None:
        return Hold()
    table: Table | None = view.memory.get(target)
    if table is not None and (table.made_s == now_s or not table.has_ended(now_s)):
        best = _best(view, bundle, table, index, stops_at_first)
        if best is not None:
            return Send(best)
    if table is None or table.made_s < now_s:
        view.memory[target] = table = Table(now_s, fill(index, source, target, now_s))
        best = _best(view, bundle, table, index, stops_at_first)
        if best is not None:
            return Send(best)
    return Hold()


def _best(
    view: View, bundle: BundleView, table: Table, index: PlanIndex, stops_at_first: bool
) -> Route | None:
    """The best candidate; one that leads to nodes which have had the bundle only if there is no other."""
    best: Route | None = None
    back: Route | None = None
    for route in table:
        if best is not None and route.delivery_s > best.delivery_s + TIME_TOLERANCE_S:
            break
        candidate = view.consider(bundle, route)
        if candidate.rejected is not None:
            continue
        found = candidate.route
        if any(contact.destination in bundle.visited for contact in found.contacts):
            back = back if back and stops_at_first else _better(back, found, index)
        elif stops_at_first:
            return found
        else:
            best = _better(best, found, index)
    return best or back


def _better(best: Route | None, route: Route, index: PlanIndex) -> Route:
    """The better one by SABR's keys."""
    return route if best is None or keys(route, index) < keys(best, index) else best


@strategy("cgr")
def cgr(view: View, bundle: BundleView) -> Decisions:
    """Table by Yen's algorithm."""
    return _decide(view, bundle, yen)


@strategy("cgr_first_ending")
def cgr_first_ending(view: View, bundle: BundleView) -> Decisions:
    """Table by suppressing what ends first."""
    return _decide(view, bundle, first_ending)


@strategy("cgr_first_depleted")
def cgr_first_depleted(view: View, bundle: BundleView) -> Decisions:
    """Table by suppressing what carries least."""
    return _decide(view, bundle, first_depleted)


@strategy("cgr_one")
def cgr_one(view: View, bundle: BundleView) -> Decisions:
    """The first candidate."""
    return _decide(view, bundle, yen, stops_at_first=True)
