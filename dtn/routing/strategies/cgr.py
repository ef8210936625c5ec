"""cgr: contact graph routing over a table of routes, as before SABR and in most studies of it (Fraire and others 2018).

The table is made from best-case deliveries: of a bundle without size, whatever the queues. Four ways to fill it:

    cgr                 the k routes that deliver soonest (Yen)
    cgr_first_ending    the soonest; again without the contact of it that ends first; and so on
    cgr_first_depleted  the same without the contact of it that carries least
    cgr_one             as cgr, but the first route that is a candidate is taken (ION's mode)

The bundle goes over the best of the table's routes that are candidates for it (SABR section 3.2.6). A table stands
until one of its routes has ended, or none is a candidate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice

from dtn.routing.alternatives import alternatives, keys
from dtn.routing.index import PlanIndex, index_of
from dtn.routing.query import Knowledge
from dtn.routing.route import Route
from dtn.routing.search import search
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

TABLE_ROUTES = 10
"""Routes in a table, at most."""


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
    source, target = index.ids[view.node], index.ids.get(bundle.destination)
    if target is None:
        return Hold()
    made_s, routes = view.memory.get(target, (-math.inf, ()))
    fresh = any(route.termination_s < view.now_s for route in routes)
    for attempt in (0, 1):
        if (attempt or fresh or not routes) and made_s < view.now_s:
            routes = tuple(islice(fill(index, source, target, view.now_s), TABLE_ROUTES))
            made_s = view.now_s
            view.memory[target] = (made_s, routes)
        best = _best(view, bundle, routes, index, stops_at_first)
        if best is not None:
            return Send(best)
    return Hold()


def _best(
    view: View,
    bundle: BundleView,
    routes: tuple[Route, ...],
    index: PlanIndex,
    stops_at_first: bool,
) -> Route | None:
    """The best candidate; one that leads to nodes which have had the bundle only if there is no other."""
    judged = (view.consider(bundle, route) for route in routes)
    fit = [candidate.route for candidate in judged if candidate.rejected is None]
    new = [r for r in fit if not any(c.destination in bundle.visited for c in r.contacts)]
    fit = new or fit
    if stops_at_first or not fit:
        return fit[0] if fit else None
    return min(fit, key=lambda route: keys(route, index))


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
