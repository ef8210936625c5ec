"""static: always the same next node for a destination, as operators configure it; no look at the clock.

The next node is the first on a path with the fewest hops over the pairs of nodes that have any contact at all; of
several, the one with the smallest number.
"""

from __future__ import annotations

from collections import deque

from dtn.routing.index import PlanIndex, index_of
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


@strategy("static")
def static(view: View, bundle: BundleView) -> Decisions:
    """Queue for the next node of the table."""
    table = view.memory.get("table")
    if table is None:
        table = view.memory["table"] = next_nodes(index_of(view.plan), view.node)
    following = table.get(bundle.destination)
    return Send(following) if following and view.has_contact_left(following) else Hold()


def next_nodes(index: PlanIndex, node: str) -> dict[str, str]:
    """By destination, the neighbour to send to."""
    source = index.ids[node]
    firsts: dict[int, int] = {pair.node: pair.node for pair in index.out[source]}
    waiting = deque(firsts)
    while waiting:
        u = waiting.popleft()
        for pair in index.out[u]:
            if pair.node != source and pair.node not in firsts:
                firsts[pair.node] = firsts[u]
                waiting.append(pair.node)
    return {index.names[node]: index.names[first] for node, first in firsts.items()}
