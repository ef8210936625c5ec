"""cgr_hop: the route with the fewest contacts that is in time, soonest of those: least transmissions, least energy.

Rounds by number of contacts (as RAPTOR): round k knows the soonest arrival at each node over at most k contacts that
have the volume. The first round that reaches the destination before the bundle expires tells the fewest.
"""

from __future__ import annotations

from bisect import bisect_left

from dtn.routing.index import index_of
from dtn.routing.route import Route
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

Reached = dict[int, tuple[float, tuple[int, ...]]]
"""By node: arrival, and the contacts up to there."""


@strategy("cgr_hop")
def cgr_hop(view: View, bundle: BundleView) -> Decisions:
    """Send over the route with the fewest contacts; hold while there is none."""
    route = fewest_contacts(view, bundle, bundle.visited) or fewest_contacts(view, bundle)
    return Send(route) if route else Hold()


def fewest_contacts(
    view: View, bundle: BundleView, avoided: frozenset[str] = frozenset()
) -> Route | None:
    """The route with the fewest contacts that have room and are in time."""
    index = index_of(view.plan)
    target = index.ids.get(bundle.destination)
    if target is None:
        return None
    source = index.ids[view.node]
    closed = {index.ids[name] for name in avoided if name in index.ids} | {source}
    reached: Reached = {source: (view.now_s, ())}
    known: dict[int, float] = {source: view.now_s}
    while reached:
        following: Reached = {}
        for u, (t, numbers) in sorted(reached.items()):
            for pair in index.out[u]:
                if pair.node in closed:
                    continue
                there, number = _soonest(view, bundle, pair.ends_s, pair.numbers, t, not numbers)
                if there <= bundle.expires_s and there < known.get(pair.node, float("inf")):
                    known[pair.node] = there
                    following[pair.node] = (there, (*numbers, number))
        if target in following:
            there, numbers = following[target]
            contacts = tuple(index.contacts[number] for number in numbers)
            return Route(contacts, numbers, max(view.now_s, contacts[0].start_s), there)
        reached = following
    return None


def _soonest(
    view: View,
    bundle: BundleView,
    ends_s: list[float],
    numbers: list[int],
    ready_s: float,
    is_first: bool,
) -> tuple[float, int]:
    """The first contact of a pair that takes the bundle, and when it is across."""
    evc = view.evc_bytes(bundle.size_bytes)
    contacts = view.plan.contacts
    for place in range(bisect_left(ends_s, ready_s), len(ends_s)):
        number = numbers[place]
        contact = contacts[number]
        begin = ready_s
        if is_first:
            begin = contact.last_bit_s(
                ready_s, view.backlog_bytes(contact.destination, bundle.priority)
            )
        there = contact.arrival_s(begin, evc)
        if there < float("inf") and view.residual_bytes(number, bundle.priority) >= evc:
            return there, number
    return float("inf"), -1
