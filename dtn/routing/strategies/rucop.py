"""rucop: one copy where contacts may fail: the greatest probability of delivery (after RUCoP, Raverta and others 2021).

A contact takes place with its confidence. A bundle sent over one that fails stays where it is and may try what is left.
That is a Markov decision process; for one copy it is solved backwards in time:

    V(u, t) = max over departures s >= t from u of  p V(v, arrival) + (1 - p) V(u, end of the contact)

with V(destination) = 1. Departures are a contact's start, its last moment for the bundle, and the moments in between
at which something may arrive at its transmitter; so V is never too great, and exact where contacts are short. The
table is made once for a destination and size, and shared by all nodes: it depends on nothing but the plan. Without a
chance of failure all routes are equally sure, and the one that arrives first is taken.

The bundle's lifetime bounds the choice at each node, not the table. Bundles of nearly one size share the table of the
largest of them: it promises none of them too much.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import NamedTuple

from dtn.contact_plan import Contact
from dtn.routing.index import Pair, PlanIndex, index_of
from dtn.routing.query import NOTHING, Knowledge
from dtn.routing.search import search
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

EQUAL = 1e-9
"""Probabilities that differ by less are equal."""

GRAIN_S = 2e-6
"""Arrivals are compared to half of this."""

SIZE_CLASSES = 8
"""Sizes that have a table, between one and its double."""


class Values:
    """V(u, t) of one node: steps that only fall with time.

    Built backwards: `raise_to` takes moments in falling order.
    """

    def __init__(self) -> None:
        self._until_s: list[float] = []
        self._values: list[float] = []

    def at(self, t_s: float) -> float:
        """The value for a bundle that is there at t: that of the first departure from then on."""
        place = bisect_right(self._until_s, -t_s)  # moments are kept negated, rising
        return self._values[place - 1] if place else 0.0

    def raise_to(self, t_s: float, value: float) -> None:
        """From t backwards it is at least so much."""
        if value > (self._values[-1] if self._values else 0.0):
            if self._until_s and self._until_s[-1] == -t_s:
                self._values[-1] = value
            else:
                self._until_s.append(-t_s)
                self._values.append(value)


class Sure(Values):
    """The destination's."""

    def at(self, t_s: float) -> float:
        """Delivered."""
        return 1.0


class Choice(NamedTuple):
    """A contact to send over: how likely delivery is then, and how soon if nothing fails."""

    chance: float
    arrival_s: float
    hops: int
    neighbour: str

    def is_better_than(self, other: Choice) -> bool:
        """Likelier; as likely and sooner; as soon and over fewer contacts."""
        if abs(self.chance - other.chance) > EQUAL:
            return self.chance > other.chance
        return (round(self.arrival_s, 6), self.hops) < (round(other.arrival_s, 6), other.hops)


@strategy("rucop", shares=True)
def rucop(view: View, bundle: BundleView) -> Decisions:
    """Queue for the neighbour through whom delivery is likeliest; hold while there is none."""
    index = index_of(view.plan)
    target = index.ids.get(bundle.destination)
    if target is None:
        return Hold()
    size = view.evc_bytes(bundle.size_bytes)
    values = _values(view, index, target, size)
    # who has had it gets it back only after a failure: without one, two nodes may each trust the other more
    avoided = frozenset[str]() if bundle.failed_with else bundle.visited
    best = _best(view, bundle, index, values, avoided)
    return Send(best.neighbour) if best else Hold()


def _values(view: View, index: PlanIndex, target: int, size: float) -> list[Values]:
    """The table for a destination and a class of sizes, made once for all nodes."""
    size = largest_of_class(size)
    tables = view.world.setdefault("values", {})
    if (target, size) not in tables:
        departures = view.world.setdefault("departures", {})
        if size not in departures:
            departures[size] = departures_of(index, size)
        tables[target, size] = values_of(index, target, size, departures[size])
    values: list[Values] = tables[target, size]
    return values


def largest_of_class(size: float) -> float:
    """The size that a bundle counts as: an eighth of a power of two apart, never less than its own."""
    step = 2.0 ** math.floor(math.log2(size)) / SIZE_CLASSES
    return math.ceil(size / step) * step


def _best(
    view: View, bundle: BundleView, index: PlanIndex, values: list[Values], avoided: frozenset[str]
) -> Choice | None:
    """The best next contact of those to each neighbour, if delivery is possible after it."""
    source, target = index.ids[view.node], index.ids[bundle.destination]
    size = view.evc_bytes(bundle.size_bytes)
    best: Choice | None = None
    for pair in index.out[source]:
        name = index.names[pair.node]
        if name in avoided or (name == bundle.failed_with and view.is_open(name)):
            continue
        crossing = _next_contact(view, bundle, index, pair, size)
        if crossing is None:
            continue
        contact, there = crossing
        p, after = contact.confidence, values[pair.node].at(there)
        chance = p * after + (1 - p) * values[source].at(contact.end_s)
        if chance <= EQUAL or (best is not None and chance < best.chance - EQUAL):
            continue
        known = NOTHING
        if best is not None and chance <= best.chance + EQUAL and after > 0:
            # There is a way on; one that arrives later than the best so far is of no use.
            known = Knowledge(deadline_s=best.arrival_s + GRAIN_S)
        onward = None
        if pair.node != target:
            onward = search(index, pair.node, target, there, size, known)
            if onward is None and known is not NOTHING:
                continue
        arrival_s = onward.delivery_s if onward else there
        choice = Choice(chance, arrival_s, 1 + (onward.hops if onward else 0), name)
        if best is None or choice.is_better_than(best):
            best = choice
    return best


def _next_contact(
    view: View, bundle: BundleView, index: PlanIndex, pair: Pair, size: float
) -> tuple[Contact, float] | None:
    """The next contact to a neighbour that takes the bundle, and when it is there; None: there is none in time."""
    now_s, expires_s = view.now_s, bundle.expires_s
    for place in range(bisect_left(pair.ends_s, now_s), len(pair.numbers)):
        if pair.least_starts_s[place] > expires_s:
            return None
        number = pair.numbers[place]
        contact = index.timed[number]
        there = contact.arrival_s(max(now_s, contact.start_s), size)
        if there <= expires_s and view.residual_bytes(number, bundle.priority) >= size:
            return contact, there
    return None


class Departure(NamedTuple):
    """A moment at which a contact may be entered, and when its bundle is across."""

    at_s: float
    number: int
    source: int
    destination: int
    arrival_s: float


def values_of(
    index: PlanIndex, target: int, size: float, departures: list[Departure] | None = None
) -> list[Values]:
    """V by node, for a destination and a size; the departures may be known already."""
    values: list[Values] = [Values() for _ in index.names]
    values[target] = Sure()
    for at_s, number, u, v, there in departures or departures_of(index, size):
        if u == target:
            continue
        contact = index.timed[number]
        chance = p = contact.confidence
        chance *= values[v].at(there)
        if p < 1:
            chance += (1 - p) * values[u].at(contact.end_s)
        values[u].raise_to(at_s, chance)
    return values


def departures_of(index: PlanIndex, size: float) -> list[Departure]:
    """All departures, the last first."""
    arrivals: list[list[float]] = [[] for _ in index.names]
    ends: list[tuple[float, float]] = []
    for contact in index.timed:
        last_s = _last_departure_s(contact, size)
        ends.append((contact.start_s, last_s))
        for departs_s in (contact.start_s, last_s):
            there = contact.arrival_s(departs_s, size)
            if there < math.inf:
                arrivals[index.ids[contact.destination]].append(there)
    for moments in arrivals:
        moments.sort()
    departures: list[Departure] = []
    for number, (start_s, last_s) in enumerate(ends):
        contact = index.timed[number]
        u, v = index.ids[contact.source], index.ids[contact.destination]
        moments = arrivals[u]
        between = moments[bisect_left(moments, start_s) : bisect_left(moments, last_s)]
        for at_s in sorted({start_s, *between, last_s}):
            there = contact.arrival_s(at_s, size)
            if there < math.inf:
                departures.append(Departure(at_s, number, u, v, there))
    departures.sort(reverse=True)
    return departures


def _last_departure_s(contact: Contact, size: float) -> float:
    """The last moment at which a bundle still fits into a contact, to a thousandth of it."""
    early, late = contact.start_s, contact.end_s
    for _ in range(10):
        middle = (early + late) / 2
        if contact.last_bit_s(middle, size) < math.inf:
            early = middle
        else:
            late = middle
    return early
