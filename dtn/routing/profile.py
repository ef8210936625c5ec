"""All there is to know of a plan: the soonest arrivals everywhere, and the best way for every moment of departure.

`arrival_tree` is one search (`dtn.routing.reach`); `arrival_profile` is exact, too, and costs many. The arrival over
one sequence of contacts, as a function of when the bundle is ready, stands still while it waits for a contact and rises
while the one that it is sent over is open. It changes its kind only at *marks*: a contact's start, the last moment at
which the bundle still fits into it, and the moments at which one must be ready to meet a mark of a later contact.
Between two marks each sequence either stands still or rises, and can be taken throughout or not at all. So where the
best sequence is the same at both ends it is the best between, and where it differs there is one change, which is found
by halving. (Of two sequences that both rise, at different pace because light times drift, one may pass the other
unseen, by less than that drift.)

Source: profile queries as in Dibbelt and others, Connection Scan Algorithm (2018), for contacts that are windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from dtn.contact_plan import TIME_TOLERANCE_S, Contact, ContactPlan
from dtn.routing.index import index_of
from dtn.routing.reach import reach, route_to
from dtn.routing.route import Route
from dtn.routing.search import earliest_arrival

GRAIN_S = 1e-6
"""To which moments of change are found."""
HALVINGS = 60


def arrival_tree(
    plan: ContactPlan, source: str, at_s: float, size_bytes: float
) -> dict[str, Route]:
    """The routes that bring a bundle soonest to every other node, in an empty network: a shortest-path tree.

    Arrivals are those of `earliest_arrival`; hops are those of the tree, which may be more than the fewest.

    Args:
        plan: the contact plan.
        source: node that holds the bundle.
        at_s: when it is there to be sent.
        size_bytes: its size, sent whole over each contact.

    Returns:
        Routes by destination, for those that can be reached.
    """
    index = index_of(plan)
    if source not in index.ids:
        return {}
    start, timed = index.ids[source], index.timed

    def crosses(number: int, ready_s: float) -> float:
        contact = timed[number]
        return contact.arrival_s(max(ready_s, contact.start_s), size_bytes)

    labels = reach(index, start, at_s, crosses)
    routes = {name: route_to(index, labels, start, node) for name, node in index.ids.items()}
    return {name: route for name, route in routes.items() if route is not None}


@dataclass(frozen=True, slots=True)
class ProfilePiece:
    """From when until when one sequence of contacts is the best for a bundle.

    Args:
        from_s: ready from then on,
        until_s: and up to then.
        contacts: the contacts in order.
        numbers: their places in the plan.
        size_bytes: the bundle's size.
    """

    from_s: float
    until_s: float
    contacts: tuple[Contact, ...]
    numbers: tuple[int, ...]
    size_bytes: float

    def arrival_s(self, ready_s: float) -> float:
        """When a bundle arrives that is ready at a moment of this piece."""
        return _over(self.contacts, ready_s, self.size_bytes)


def arrival_profile(
    plan: ContactPlan,
    source: str,
    destination: str,
    size_bytes: float,
    from_s: float = 0.0,
    until_s: float = math.inf,
) -> list[ProfilePiece]:
    """The best sequence of contacts for every moment at which a bundle may be ready, in an empty network.

    Args:
        plan: the contact plan.
        source: node that holds the bundle.
        destination: node it is for.
        size_bytes: its size.
        from_s: the first moment asked about.
        until_s: and the last.

    Returns:
        Pieces in order of time; where there is none, there is no route.
    """
    marks = _marks(plan, source, destination, size_bytes)
    if not marks:
        return []
    first, last = from_s, min(until_s, marks[-1] + GRAIN_S)
    moments = [first, *(t for t in marks if first < t < last), last] if last > first else []
    pieces: list[ProfilePiece] = []
    for early, late in pairwise(moments):
        for begins, ends, route in _between(plan, source, destination, size_bytes, early, late):
            if (
                pieces
                and pieces[-1].numbers == route.numbers
                and pieces[-1].until_s >= begins - GRAIN_S
            ):
                begins = pieces.pop().from_s
            pieces.append(ProfilePiece(begins, ends, route.contacts, route.numbers, size_bytes))
    return pieces


def _between(
    plan: ContactPlan, source: str, destination: str, size: float, early: float, late: float
) -> Iterator[tuple[float, float, Route]]:
    """The best sequences between two marks: one, or one and then another."""
    inset = min(GRAIN_S, (late - early) / 4)
    first = earliest_arrival(plan, source, destination, early + inset, size)
    then = earliest_arrival(plan, source, destination, late - inset, size)
    if first is None or then is None:
        if first is not None:
            yield early, late, first
        return
    if _as_good(first.contacts, then.delivery_s, late - inset, size):
        yield early, late, first
        return
    low, high = early, late
    for _ in range(HALVINGS):
        if high - low <= GRAIN_S:
            break
        middle = (low + high) / 2
        if _over(first.contacts, middle, size) <= _over(then.contacts, middle, size):
            low = middle
        else:
            high = middle
    if low > early:
        yield early, low, first
    yield low, late, then


def _as_good(contacts: tuple[Contact, ...], arrival_s: float, ready_s: float, size: float) -> bool:
    return _over(contacts, ready_s, size) <= arrival_s + TIME_TOLERANCE_S


def _over(contacts: tuple[Contact, ...], ready_s: float, size_bytes: float) -> float:
    """When a bundle has crossed contacts, one after the other; inf if it misses one."""
    t = ready_s
    for contact in contacts:
        if t > contact.end_s + TIME_TOLERANCE_S:
            return math.inf
        t = contact.arrival_s(max(t, contact.start_s), size_bytes)
    return t


def _marks(plan: ContactPlan, source: str, destination: str, size_bytes: float) -> list[float]:
    """Moments at the source at which some sequence of contacts changes its kind."""
    index = index_of(plan)
    if source not in index.ids or destination not in index.ids:
        return []
    last = {n: _last_ready_s(contact, size_bytes) for n, contact in enumerate(plan.contacts)}
    at: dict[str, set[float]] = {destination: set()}
    news = {destination: set[float]()}
    usable = [n for n, ready_s in last.items() if ready_s is not None]
    for _ in range(len(plan.nodes)):
        following: dict[str, set[float]] = {}
        for number in usable:
            contact = plan.contacts[number]
            if contact.destination not in news or contact.source == destination:
                continue
            late_s = last[number]
            assert late_s is not None
            found = {contact.start_s, late_s}
            begins = contact.arrival_s(contact.start_s, size_bytes)
            ends = contact.arrival_s(late_s, size_bytes)
            for mark in news[contact.destination]:
                if begins < mark < ends:
                    found.add(_ready_for(contact, mark, late_s, size_bytes))
            fresh = found - at.setdefault(contact.source, set())
            at[contact.source] |= fresh
            if fresh or contact.source not in news:
                following.setdefault(contact.source, set()).update(fresh)
        news = {node: marks for node, marks in following.items() if marks}
        if not news:
            break
    return sorted(at.get(source, ()))


def _last_ready_s(contact: Contact, size_bytes: float) -> float | None:
    """The last moment at which the bundle still fits; None if it never does."""
    low, high = contact.start_s, contact.end_s
    if contact.last_bit_s(low, size_bytes) == math.inf:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if contact.last_bit_s(middle, size_bytes) < math.inf:
            low = middle
        else:
            high = middle
    return low


def _ready_for(contact: Contact, arrival_s: float, late_s: float, size_bytes: float) -> float:
    """The last moment to be ready in order to be across by then."""
    low, high = contact.start_s, late_s
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if contact.arrival_s(middle, size_bytes) <= arrival_s:
            low = middle
        else:
            high = middle
    return low
