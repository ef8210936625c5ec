"""maxprop: copies along the likeliest meetings, and word of what has arrived (Burgess, Gallagher, Jensen, Levine 2006).

Each node counts whom it meets, as shares of all its meetings, and tells its shares and those it heard of. A path costs
the sum of (1 - share) over its hops. New bundles are spread to anyone for their first hops; older ones only to
neighbours from which the destination costs less. Bundles known to have arrived are dropped.

When a contact begins, or a neighbour has told something, the buffer is gone through in the original's order: what has
made few hops, the fewest first; then the rest, the least cost first. So it is queued, and within a priority a link
serves first come first served. What a full store drops is the store's business.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Sequence

from dtn.routing.strategy import BundleView, Decisions, Drop, Hold, Send, View, strategy

HEAD_START_HOPS = 2
"""Bundles that have made fewer hops go to anyone."""

ARRIVED = 10
"""Reason of a drop: traffic pared (RFC 9171 section 6.1.1)."""

MOST_ARRIVED = 500
"""Identities of arrived bundles that are told, the latest."""


def met(view: View, neighbour: str) -> None:
    """Count a meeting."""
    counts: dict[str, int] = view.memory.setdefault("counts", {})
    counts[neighbour] = counts.get(neighbour, 0) + 1
    total = sum(counts.values())
    shares = view.memory.setdefault("shares", {})
    shares[view.node] = {name: round(n / total, 3) for name, n in sorted(counts.items())}
    view.memory["costs"] = {}


def summary(view: View, neighbour: str) -> bytes:
    """What this node tells: the shares it knows, and the bundles it knows to have arrived."""
    arrived = list(view.memory.get("arrived", {}))[-MOST_ARRIVED:]
    told = {"shares": view.memory.get("shares", {}), "arrived": arrived}
    return json.dumps(told, separators=(",", ":")).encode()


def learn(view: View, neighbour: str, told: bytes) -> None:
    """Take over what is news: a node's shares are best known by itself."""
    news = json.loads(told)
    shares = view.memory.setdefault("shares", {})
    for node, theirs in news["shares"].items():
        if node == neighbour or (node != view.node and node not in shares):
            shares[node] = theirs
    view.memory["costs"] = {}
    view.memory.setdefault("arrived", {}).update(dict.fromkeys(news["arrived"]))


def sent(view: View, bundle: BundleView, neighbour: str) -> None:
    """Handed to its destination: it has arrived."""
    if neighbour == bundle.destination:
        view.memory.setdefault("arrived", {})[bundle.id] = None


def costs(shares: dict[str, dict[str, float]], source: str) -> dict[str, float]:
    """By node that can be reached: the least sum of (1 - share) on the way there."""
    heap, found = [(0.0, source)], dict[str, float]()
    while heap:
        so_far, node = heapq.heappop(heap)
        if node not in found:
            found[node] = so_far
            for following, share in shares.get(node, {}).items():
                if following not in found:
                    heapq.heappush(heap, (so_far + 1 - share, following))
    return found


def cost(view: View, source: str, destination: str) -> float:
    """Of the way from node to node by the shares known here; reckoned once until there is news."""
    known: dict[str, dict[str, float]] = view.memory.setdefault("costs", {})
    if source not in known:
        known[source] = costs(view.memory.get("shares", {}), source)
    return known[source].get(destination, math.inf)


def worth_asking(view: View, held: Sequence[BundleView]) -> Sequence[BundleView]:
    """All of it, in the order of the buffer; what is known to have arrived first, to be dropped."""
    arrived = view.memory.get("arrived", {})

    def rank(bundle: BundleView) -> tuple[int, float]:
        if bundle.id in arrived:
            return 0, 0.0
        if bundle.hops < HEAD_START_HOPS:
            return 1, bundle.hops
        return 2, cost(view, view.node, bundle.destination)

    return sorted(held, key=rank)


def remember(view: View, version: int) -> None:
    """Another contact plan makes no difference to what was learned from meetings."""


@strategy(
    "maxprop",
    tracks_copies=True,
    contact_up=met,
    summary=summary,
    learn=learn,
    sent=sent,
    plan_changed=remember,
    worth_asking=worth_asking,
)
def maxprop(view: View, bundle: BundleView) -> Decisions:
    """Send copies where they get nearer; drop what has arrived."""
    if bundle.id in view.memory.get("arrived", {}):
        return Drop(ARRIVED)
    destination = bundle.destination
    if view.is_open(destination):
        return Send(destination)
    fresh = [n.name for n in view.neighbours if bundle.id not in n.seen]
    if bundle.hops >= HEAD_START_HOPS and fresh:
        mine = cost(view, view.node, destination)
        fresh = [name for name in fresh if cost(view, name, destination) < mine]
    return [Send.copy(name) for name in fresh] or Hold()
