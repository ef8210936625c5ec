"""Earliest arrival over a contact plan, with the fewest hops, exactly.

`Query` finds when the bundle can be there (how, and why one label a node is enough, is said there);
`ties` then finds the shortest of the routes that arrive as soon.
"""

from __future__ import annotations

from dtn.contact_plan import ContactPlan
from dtn.routing.few_hops import best_of_few_hops, may_be_shorter
from dtn.routing.index import PlanIndex, index_of
from dtn.routing.kernel import kernel_of
from dtn.routing.query import NOTHING, Knowledge, Query
from dtn.routing.route import Route
from dtn.routing.ties import best_by_all_keys, fewest_hops


def earliest_arrival(
    plan: ContactPlan, source: str, destination: str, at_s: float, size_bytes: float
) -> Route | None:
    """The route that brings a bundle to its destination soonest, in an empty network.

    Of several that arrive as soon, it is one with the fewest hops.

    Args:
        plan: the contact plan; its index is built at the first call and kept.
        source: node that holds the bundle.
        destination: node it is for.
        at_s: when the bundle is there to be sent; a contact may already be open then.
        size_bytes: its size, sent whole over each contact.

    Returns:
        The route, or None if there is none (also where source and destination are one, or not in
        the plan).
    """
    index = index_of(plan)
    start = index.ids.get(source)
    target = index.ids.get(destination)
    if start is None or target is None or start == target:
        return None
    return search(index, start, target, at_s, size_bytes)


def search(
    index: PlanIndex,
    source: int,
    target: int,
    at_s: float,
    size_bytes: float,
    known: Knowledge = NOTHING,
) -> Route | None:
    """Earliest arrival and fewest hops from node to node of an index.

    See `earliest_arrival` and `Knowledge`.
    """
    query = Query(index, source, target, at_s, size_bytes, known)
    numbers = query.earliest()
    if not numbers:
        return None
    if len(numbers) > 1 and not query.is_one_way:
        if query.fewer:
            return query.route(numbers)
        if query.fewer is None and may_be_shorter(query, len(numbers)):
            shorter = fewest_hops(query, numbers)
            if shorter is not numbers:
                return query.route(shorter)
    return query.route(numbers, query.final_s)


def best_by_keys(
    index: PlanIndex, source: int, target: int, at_s: float, size_bytes: float, known: Knowledge
) -> Route | None:
    """The best route by all keys of SABR §3.2.8.1: the first of `dtn.routing.alternatives`."""
    query = Query(index, source, target, at_s, size_bytes, known)
    query.first_hops()
    kernel = kernel_of(index)
    found = None if kernel is None else kernel.best_routes(query, 1)
    if found is not None:
        contacts = index.contacts
        for numbers, departs_s, arrives_s in found:
            return Route(tuple([contacts[n] for n in numbers]), numbers, departs_s, arrives_s)
        return None
    path = query.answered(kernel)
    if not path:
        return None
    if not query.is_one_way:
        path = best_of_few_hops(query) or best_by_all_keys(query, path)
    return query.route(path)
