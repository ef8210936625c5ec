"""spsn: one shortest-path tree to all destinations, kept for all bundles of a size (as A-SABR's SPSN).

One search answers for every destination. A route of the tree stays the best while its contacts have room and it still
arrives when the tree says: nothing that was later has come nearer. Else the tree is made anew.
"""

from __future__ import annotations

from dtn.contact_plan import TIME_TOLERANCE_S
from dtn.routing.index import PlanIndex, index_of
from dtn.routing.reach import Labels, reach, route_to
from dtn.routing.route import Route
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


@strategy("spsn")
def spsn(view: View, bundle: BundleView) -> Decisions:
    """Send along the tree; hold while it does not reach the destination."""
    index = index_of(view.plan)
    target = index.ids.get(bundle.destination)
    if target is None:
        return Hold()
    visited = frozenset(index.ids[n] for n in bundle.visited if n in index.ids and n != view.node)
    for avoided in (visited - {target}, frozenset[int]()):
        route = _along_tree(view, bundle, index, target, avoided)
        if route is not None:
            return Send(route)
    return Hold()


def _along_tree(
    view: View, bundle: BundleView, index: PlanIndex, target: int, avoided: frozenset[int]
) -> Route | None:
    source = index.ids[view.node]
    key = (view.evc_bytes(bundle.size_bytes), bundle.priority, avoided)
    kept: Labels | None = view.memory.get(key)
    if kept is not None:
        route = route_to(index, kept, source, target)
        if route is not None and view.now_s <= route.termination_s:
            candidate = view.consider(bundle, route)
            in_time = candidate.pbat_s <= route.delivery_s + TIME_TOLERANCE_S
            if candidate.rejected is None and in_time:
                return candidate.route
    view.memory[key] = tree = _tree(view, bundle, index, avoided)
    route = route_to(index, tree, source, target)
    return route if route and route.delivery_s <= bundle.expires_s else None


def _tree(view: View, bundle: BundleView, index: PlanIndex, avoided: frozenset[int]) -> Labels:
    """The soonest arrivals everywhere, over contacts with room, behind what is queued here."""
    priority, evc = bundle.priority, view.evc_bytes(bundle.size_bytes)
    timed, here = index.timed, view.node

    def crosses(number: int, ready_s: float) -> float:
        contact = timed[number]
        if contact.source == here:
            ready_s = contact.last_bit_s(ready_s, view.backlog_bytes(contact.destination, priority))
        if view.residual_bytes(number, priority) < evc:
            return float("inf")
        return contact.arrival_s(ready_s, evc)

    return reach(index, index.ids[here], view.now_s, crosses, avoided=avoided)
