"""source_route: the source plans the whole way, and the plan travels with the bundle (moderate source routing).

A node follows it while the next contact of it is in its own plan and can still take the bundle; else it plans the rest
anew, as sabr does. All nodes with one plan: fewer decisions. Nodes with stale plans: the source's word counts.
"""

from __future__ import annotations

from dtn.routing.route import Route
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

SAME_START_S = 2.0
"""Plans that differ by less mean the same contact."""


@strategy("source_route", source_routes=True)
def source_route(view: View, bundle: BundleView) -> Decisions:
    """Follow the route that came along; plan it where none came or it cannot be followed."""
    planned = _planned(view, bundle)
    if planned is not None and not bundle.failed_with:
        candidate = view.consider(bundle, planned)
        if candidate.rejected is None:
            return Send(candidate.route)
    routes = view.routes(bundle)
    return Send(routes[0]) if routes else Hold()


def _planned(view: View, bundle: BundleView) -> Route | None:
    """The rest of the route that came along, in contacts of this node's plan; None if they are not all there."""
    if not bundle.planned:
        return None
    by_pair = view.memory.get("by_pair")
    if by_pair is None:
        by_pair = view.memory["by_pair"] = {}
        for number, contact in enumerate(view.plan.contacts):
            by_pair.setdefault((contact.source, contact.destination), []).append(number)
    contacts = view.plan.contacts
    numbers: list[int] = []
    node = view.node
    for following, start_s in bundle.planned:
        near = (
            number
            for number in by_pair.get((node, following), ())
            if abs(contacts[number].start_s - start_s) <= SAME_START_S
        )
        number = next(near, -1)
        if number < 0:
            return None
        numbers.append(number)
        node = following
    if node != bundle.destination:
        return None
    route = tuple(contacts[number] for number in numbers)
    return Route(route, tuple(numbers), view.now_s, view.now_s)
