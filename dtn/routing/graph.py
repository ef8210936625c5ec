"""The contact graph as a networkx MultiDiGraph, and the search over it as it reads in a book.

Nodes of the network are nodes of the graph; each contact is an edge, its number in the plan the
key. (The standard's contact graph has contacts as vertices, §3.2.1: two hundred times the edges,
for the same routes.) networkx cannot do the search itself: its edge weights never see the time of
arrival. `earliest_arrival_in` is the plain statement of the problem: rounds by hop count, as
Bellman and Ford did it, every contact tried in every round. It is slow and obviously right, and
holds `dtn.routing.search` to account.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dtn.contact_plan import TIME_TOLERANCE_S, Contact, ContactPlan
from dtn.routing.route import Route

if TYPE_CHECKING:
    import networkx as nx


def contact_graph(plan: ContactPlan) -> nx.MultiDiGraph[str]:
    """A plan as a graph: an edge for each contact, keyed by its number.

    Edge attributes: `contact`, and its `start_s`, `end_s`, `rate_bps`, `owlt_s`, `confidence`.
    Nodes carry `ipn` where the plan numbers them.
    """
    import networkx as nx  # only here: a running node does without

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(start_utc=plan.start_utc)
    for name in plan.nodes:
        graph.add_node(name)
        if name in plan.ipn_numbers:
            graph.nodes[name]["ipn"] = plan.ipn_numbers[name]
    for number, contact in enumerate(plan.contacts):
        graph.add_edge(
            contact.source,
            contact.destination,
            key=number,
            contact=contact,
            start_s=contact.start_s,
            end_s=contact.end_s,
            rate_bps=contact.rate_bps,
            owlt_s=contact.owlt_s,
            confidence=contact.confidence,
        )
    return graph


def earliest_arrival_in(
    graph: nx.MultiDiGraph[str], source: str, destination: str, at_s: float, size_bytes: float
) -> Route | None:
    """The route that arrives soonest and, of those, one with the fewest hops, found round by round.

    Round k knows the soonest arrival at each node over at most k contacts. The first round that
    reaches the final arrival tells the fewest hops.

    Args:
        graph: a plan's contact graph.
        source: node that holds the bundle.
        destination: node it is for.
        at_s: when the bundle is there to be sent.
        size_bytes: its size, sent whole over each contact.
    """
    if source not in graph or destination not in graph or source == destination:
        return None
    rounds: list[dict[str, tuple[float, tuple[int, ...]]]] = [{source: (at_s, ())}]
    for _ in range(len(graph) - 1):
        reached = dict(rounds[-1])
        for node, (ready_s, numbers) in rounds[-1].items():
            for _, neighbour, number, edge in graph.out_edges(node, keys=True, data=True):
                contact: Contact = edge["contact"]
                there_s = _arrival_s(contact, ready_s, size_bytes)
                if there_s < reached.get(neighbour, (math.inf,))[0]:
                    reached[neighbour] = (there_s, (*numbers, number))
        if reached == rounds[-1]:
            break
        rounds.append(reached)
    if destination not in rounds[-1]:
        return None
    latest_s = rounds[-1][destination][0] + TIME_TOLERANCE_S
    arrival_s, numbers = next(
        known[destination]
        for known in rounds
        if destination in known and known[destination][0] <= latest_s
    )
    contacts: dict[int, Contact] = {
        number: edge["contact"] for _, _, number, edge in graph.edges(keys=True, data=True)
    }
    route = tuple([contacts[number] for number in numbers])
    return Route(route, numbers, max(at_s, route[0].start_s), arrival_s)


def _arrival_s(contact: Contact, ready_s: float, size_bytes: float) -> float:
    """When a bundle that is ready then is across; inf if the contact does not take it."""
    if ready_s > contact.end_s + TIME_TOLERANCE_S:
        return math.inf
    return contact.arrival_s(max(ready_s, contact.start_s), size_bytes)
