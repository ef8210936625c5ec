"""Routes of one contact or two among those that arrive equally soon: what is easily seen in plain Python.

Most routes are as short. `dtn.routing.ties` finds the best of all others, and the same of these, with more ado.
"""

from __future__ import annotations

from dtn.routing.index import Row
from dtn.routing.query import INF, TOLERANCE, Query, in_time


def best_of_few_hops(query: Query) -> list[int]:
    """The best by all keys of SABR §3.2.8.1 of the routes that arrive as soon, if it has one contact or two.

    Args:
        query: an answered question.

    Returns:
        Numbers of its contacts; none, if it has more, leads into a queue, or if the kernel searched.
    """
    source, target, at_s = query.source, query.target, query.at_s
    if not query.seen or target in query.first:
        return []
    by = in_time(query.final_s)
    lasts: list[Row] = []
    numbers: list[int] = []
    best = (-INF, 0.0)
    for there, row in query.seen[target]:
        if there > by:
            continue
        if row.source != source:
            lasts.append(row)
            continue
        there_s = _there_s(query, row, at_s)
        if there_s <= by and (row.end_s, -there_s) > best and query.may_use(row):
            best = (row.end_s, -there_s)  # its end is the termination; of equal ones the soonest
            numbers = [row.number]
    return numbers or _over_relay(query, lasts, by)


def _over_relay(query: Query, lasts: list[Row], by: float) -> list[int]:
    """The best of the routes over one relay and one of these last contacts."""
    source, at_s = query.source, query.at_s
    best: tuple[float, int, float, int, float] | None = None
    numbers: list[int] = []
    for last in lasts:
        relay = last.source
        if relay in query.first:
            return []
        for place, (_, row) in enumerate(query.seen[relay]):
            if row.source != source:
                continue
            ready = _there_s(query, row, at_s)
            there = _there_s(query, last, ready)
            if there > by or not (query.may_use(row) and query.may_use(last)):
                continue
            # termination, entry; then, as `ties` has it, the soonest at the relay, the soonest at the target
            key = (-min(row.end_s, last.end_s), relay, ready, place, there)
            if best is None or key < best:
                best = key
                numbers = [row.number, last.number]
    return numbers


def _there_s(query: Query, row: Row, ready_s: float) -> float:
    """When the bundle arrives over a contact, if it is ready then; inf if the contact does not take it."""
    if ready_s > row.end_s + (TOLERANCE if query.known.closed_ends else -TOLERANCE):
        return INF
    first = row.start_s if row.start_s > ready_s else ready_s
    if row.varying is not None:
        return row.varying.arrival_s(first, query.size_bytes)
    last = first + query.size_bytes * row.byte_s
    return last + row.owlt_s if last <= row.end_s + TOLERANCE else INF


def may_be_shorter(query: Query, hops: int) -> bool:
    """Whether a route over fewer contacts than these could arrive as soon; never False where one does."""
    if not query.seen or query.first:
        return True
    source, by = query.source, in_time(query.final_s)
    here = met = {query.target}
    for _ in range(hops - 1):
        before = {row.source for v in here for there, row in query.seen[v] if there <= by}
        if source in before:
            return True
        here = before - met
        met = met | here
    return False
