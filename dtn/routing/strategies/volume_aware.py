"""volume_aware: SABR's aim with contact segmentation: what this node sent before takes its stretch of every contact.

SABR books volumes: it knows that a contact of a later hop has room, not when. Here each bundle that this node routes
reserves a stretch of every contact on its way, and the next one arrives behind it. Other nodes' traffic stays unknown.
"""

from __future__ import annotations

from dtn.routing.index import index_of
from dtn.routing.reach import reach, route_to
from dtn.routing.reservations import Reservations
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


def release(view: View, bundle: BundleView) -> None:
    """Its stretches, if it has any, are free again."""
    stretches = view.memory.get("of", {}).pop(bundle.id, ())
    if stretches:
        view.memory["reserved"].release(stretches)


def lost(view: View, bundle: BundleView, neighbour: str) -> None:
    """It did not get there."""
    release(view, bundle)


def sent(view: View, bundle: BundleView, neighbour: str) -> None:
    """It is on its way: its stretches stay, and are nobody's to give back."""
    view.memory.get("of", {}).pop(bundle.id, None)


def remember(view: View, version: int) -> None:
    """What was sent keeps its stretches under another plan; what was queued gives them back when it is asked about."""


@strategy("volume_aware", lost=lost, sent=sent, plan_changed=remember)
def volume_aware(view: View, bundle: BundleView) -> Decisions:
    """Send over the route that arrives first through the gaps; hold while there is none."""
    release(view, bundle)
    index = index_of(view.plan)
    target = index.ids.get(bundle.destination)
    if target is None:
        return Hold()
    reserved: Reservations = view.memory.setdefault("reserved", Reservations(index.timed))
    source, size = index.ids[view.node], view.evc_bytes(bundle.size_bytes)

    def crosses(number: int, ready_s: float) -> float:
        if view.residual_bytes(number, bundle.priority) < size:
            return float("inf")
        return reserved.arrival_s(number, ready_s, size)

    visited = frozenset(index.ids[n] for n in bundle.visited if n in index.ids and n != view.node)
    for avoided in (visited - {target}, frozenset[int]()):
        labels = reach(index, source, view.now_s, crosses, target, avoided)
        route = route_to(index, labels, source, target)
        if route is not None and route.delivery_s <= bundle.expires_s:
            stretches = reserved.reserve(route.numbers, view.now_s, size)
            view.memory.setdefault("of", {})[bundle.id] = stretches
            return Send(route)
    return Hold()
