"""Candidate: one route judged for one bundle (CCSDS 734.3-B-1 §3.2.6), by named clauses.

    adjusted start  max(now, c1.start)                                          3.2.6.2 a
    backlog         queued to the entry node at this priority or above          3.2.6.2 b
    relief          what earlier contacts to the entry node take of it          3.2.6.2 c-f
    ETO             adjusted start + the rest of the backlog at c1's rate       3.2.6.2 g-i
    first byte      ETO; then max(c.start, last arrival)                        3.2.6.3
    last byte       first byte + EVC / rate; arrives a light time later         3.2.6.4-6
    PBAT            arrival of the last byte over the last contact              3.2.6.7
    EVL             min(MTV, (least end from here on - first byte) * rate)      3.2.6.8
    RVL             least EVL

Rates may vary: where the standard multiplies by a rate, the rate is integrated.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from dtn.contact_plan import Contact
from dtn.routing.index import PlanIndex
from dtn.routing.query import TOLERANCE
from dtn.routing.route import Route

VOLUME_TOLERANCE_BYTES = 1e-3
"""Volumes closer than this are equal: a nanosecond at 8 Mbit/s; no bundle is split over it."""


class Volumes(Protocol):
    """What one node knows of its own traffic."""

    @property
    def changes(self) -> int:
        """Counts what changes queues and bookings; while it stays, only time goes on."""

    def queued(self) -> Collection[str]:
        """The neighbours to which anything is queued or being sent."""

    def backlog_bytes(self, neighbour: str, priority: int) -> float:
        """What is queued to a neighbour at this priority or above."""

    def residual_bytes(self, contact: int, priority: int) -> float:
        """Maximum transmission volume (MTV) left of a contact, by number, at this priority."""

    def lacking(self, contacts: Iterable[int], priority: int, size_bytes: float) -> list[int]:
        """Those of these contacts that have less than so much left: a search asks about thousands at once."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route as it stands for one bundle now.

    Args:
        route: the contacts; departs at eto_s, delivers at pbat_s.
        eto_s: earliest transmission opportunity (§3.2.6.2).
        pbat_s: projected bundle arrival time (§3.2.6.7).
        rvl_bytes: route volume limit (§3.2.6.8.10).
        rejected: the clause by which it is no candidate, in words; None for a candidate.
    """

    route: Route
    eto_s: float
    pbat_s: float
    rvl_bytes: float
    rejected: str | None = None


def consider(
    index: PlanIndex,
    numbers: Sequence[int],
    volumes: Volumes,
    evc_bytes: float,
    priority: int,
    expires_s: float,
    now_s: float,
    excluded: Set[str] = frozenset(),
    closed_ends: bool = True,
) -> Candidate:
    """Judge one route for one bundle by the clauses of §3.2.6.

    Args:
        index: the plan, light times with their margin.
        numbers: the route's contacts.
        volumes: the node's queues and bookings.
        evc_bytes: estimated volume consumption of the bundle.
        priority: its priority.
        expires_s: when its lifetime ends.
        now_s: the present.
        excluded: neighbours not to be used.
        closed_ends: whether a contact may be entered at its very end.
    """
    contacts = [index.timed[number] for number in numbers]
    first = contacts[0]
    eto = earliest_opportunity(index, first, volumes, priority, now_s)
    begins, pbat = _projected(contacts, eto, evc_bytes)
    limit = _volume_limit(contacts, numbers, begins, volumes, priority)
    rejected = None
    if _best_case_delivery(contacts, now_s, closed_ends) > expires_s + TOLERANCE:
        rejected = "3.2.6.9 a) best-case delivery after the bundle expires"
    elif first.destination in excluded:
        rejected = "3.2.6.9 b) entry node excluded"
    elif any(contact.destination == first.source for contact in contacts):
        rejected = "3.2.6.9 c) leads back to this node"
    elif eto > first.end_s + TOLERANCE:
        rejected = "3.2.6.9 d) earliest transmission opportunity after the first contact's end"
    elif limit <= 0:
        rejected = "3.2.6.9 f) route volume depleted"
    elif limit < evc_bytes - VOLUME_TOLERANCE_BYTES:
        rejected = "3.2.6.9 g) route volume limit below the bundle's volume consumption"
    elif pbat > expires_s + TOLERANCE:
        rejected = "3.2.6.9 e) projected arrival after the bundle expires"
    route = Route(tuple([index.contacts[n] for n in numbers]), tuple(numbers), eto, pbat)
    return Candidate(route, eto, pbat, limit, rejected)


def passed(
    index: PlanIndex, route: Route, volumes: Volumes, evc_bytes: float, priority: int
) -> Candidate:
    """A route that a search over contacts with room has let pass, with its volume limit."""
    contacts = [index.timed[number] for number in route.numbers]
    begins, _ = _projected(contacts, route.departure_s, evc_bytes)
    limit = _volume_limit(contacts, route.numbers, begins, volumes, priority)
    return Candidate(route, route.departure_s, route.delivery_s, limit)


def earliest_opportunity(
    index: PlanIndex, first: Contact, volumes: Volumes, priority: int, now_s: float
) -> float:
    """ETO (§3.2.6.2): behind the backlog, less what earlier contacts relieve."""
    begin = max(now_s, first.start_s)
    backlog = volumes.backlog_bytes(first.destination, priority)
    if backlog <= 0:
        return begin
    source, entry = index.ids[first.source], index.ids[first.destination]
    pair = next(pair for pair in index.out[source] if pair.node == entry)
    for start, number in zip(pair.starts_s, pair.numbers, strict=True):
        if start < first.start_s:
            backlog -= index.timed[number].volume_bytes(now_s)
    return _out_by(first, begin, backlog) if backlog > 0 else begin


def _projected(
    contacts: Sequence[Contact], eto_s: float, evc_bytes: float
) -> tuple[list[float], float]:
    """First byte transmission times, and the arrival of the last byte (§3.2.6.3-7)."""
    t = eto_s
    begins = []
    for contact in contacts:
        begin = max(contact.start_s, t)
        begins.append(begin)
        last = _out_by(contact, begin, evc_bytes)
        t = last + contact.owlt_at(last)
    return begins, t


def _out_by(contact: Contact, begin_s: float, size_bytes: float) -> float:
    """When the last bit is out, as if the contact went on past its end at its highest rate."""
    if not isinstance(contact.rate_bps, tuple):
        return begin_s + size_bytes * 8 / contact.rate_bps
    last = contact.last_bit_s(begin_s, size_bytes)
    if last < math.inf:
        return last
    rest = size_bytes - contact.volume_bytes(begin_s)
    return max(begin_s, contact.end_s) + rest * 8 / max(contact.rate_bps)


def _volume_limit(
    contacts: Sequence[Contact],
    numbers: Sequence[int],
    begins: Sequence[float],
    volumes: Volumes,
    priority: int,
) -> float:
    """RVL (§3.2.6.8): the least effective volume limit of the contacts."""
    limit = stop = math.inf
    for contact, number, begin in zip(
        reversed(contacts), reversed(numbers), reversed(begins), strict=True
    ):
        stop = min(stop, contact.end_s)
        here = min(volumes.residual_bytes(number, priority), contact.volume_bytes(begin, stop))
        limit = min(limit, here)
    return limit


def _best_case_delivery(contacts: Sequence[Contact], now_s: float, closed_ends: bool) -> float:
    """BDT (§3.2.4.1): of a bundle without size; inf if a contact is over before it could begin."""
    t = now_s
    for contact in contacts:
        t = max(contact.start_s, t)
        over = t > contact.end_s + TOLERANCE if closed_ends else t >= contact.end_s
        if over:
            return math.inf
        t += contact.owlt_at(t)
    return t
