"""oracle: earliest arrival, knowing everybody's traffic, with reservation. No protocol: an upper line to compare with.

All nodes share one book of reserved stretches of contacts. A bundle is planned once, at its source, through the gaps;
every node on its way follows that plan. What cannot be followed (a failure, a queue that came out otherwise) is planned
anew from where it is. First come first planned: a heuristic, not a bound (`lightlag bound` has one).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dtn.routing.index import PlanIndex, index_of
from dtn.routing.reach import reach, route_to
from dtn.routing.reservations import Reservations, Stretch
from dtn.routing.route import Route
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


@dataclass(slots=True)
class Book:
    """What the oracle knows: stretches reserved, and every bundle's own."""

    reserved: Reservations
    stretches: dict[str, tuple[Stretch, ...]] = field(default_factory=dict)


@strategy("oracle", shares=True)
def oracle(view: View, bundle: BundleView) -> Decisions:
    """Send along the plan; plan where there is none or it failed."""
    index = index_of(view.plan)
    if "book" not in view.world:
        view.world["book"] = Book(Reservations(index.timed))
    book: Book = view.world["book"]
    planned = book.stretches.get(bundle.id, ())
    route = _rest(view, index, planned)
    if route is None or bundle.failed_with or view.consider(bundle, route).rejected:
        book.reserved.release(planned)
        book.stretches.pop(bundle.id, None)
        route = _planned(view, bundle, index, book)
    return Send(route) if route is not None else Hold()


def _rest(view: View, index: PlanIndex, planned: tuple[Stretch, ...]) -> Route | None:
    """What is left of a plan from this node on."""
    numbers = [number for number, _, _ in planned]
    for place, number in enumerate(numbers):
        if index.contacts[number].source == view.node:
            contacts = tuple(index.contacts[n] for n in numbers[place:])
            last_s = planned[-1][2]
            arrives_s = last_s + index.timed[numbers[-1]].owlt_at(last_s)
            return Route(contacts, tuple(numbers[place:]), planned[place][1], arrives_s)
    return None


def _planned(view: View, bundle: BundleView, index: PlanIndex, book: Book) -> Route | None:
    target = index.ids.get(bundle.destination)
    if target is None:
        return None
    source, size = index.ids[view.node], view.evc_bytes(bundle.size_bytes)

    def crosses(number: int, ready_s: float) -> float:
        if view.residual_bytes(number, bundle.priority) < size:
            return float("inf")
        return book.reserved.arrival_s(number, ready_s, size)

    route = route_to(index, reach(index, source, view.now_s, crosses, target), source, target)
    if route is None or route.delivery_s > bundle.expires_s:
        return None
    book.stretches[bundle.id] = book.reserved.reserve(route.numbers, view.now_s, size)
    return route
