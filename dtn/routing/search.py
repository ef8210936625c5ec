"""Earliest arrival over a contact plan, with the fewest hops, exactly.

Dijkstra's algorithm over *nodes*, one label each: the earliest moment the whole bundle can be there
(CCSDS 734.3-B-1 §3.2.4.1 with the bundle's size). One label is enough because nothing beats light:
within a contact who sends sooner arrives no later, and between contacts a bundle may always wait
for the better one. A contact takes a bundle whole or not at all; both its ends belong to it, within
TIME_TOLERANCE_S. Light times that jump between contacts are no exception to this, only to the habit
of taking the first contact that is open: the search looks on as long as a later contact could still
win (`Pair.floor_s`).

Labels do not count hops: the earliest way to a relay may be longer than a later one that still
catches the same last contact. So, with the arrival known, a second pass goes back from the
destination, a hop a round, over only those nodes that can be on a route which arrives as early; the
first round that meets the origin is the least number of hops.

The hooks are what a node knows beyond the plan: neighbours it must not use, volume that is booked,
what is queued.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Set
from heapq import heappop, heappush
from typing import NamedTuple

from dtn.contact_plan import TIME_TOLERANCE_S, ContactPlan
from dtn.routing.index import Pair, PlanIndex, index_of
from dtn.routing.route import Route

INF = math.inf
TOLERANCE = TIME_TOLERANCE_S


class Knowledge(NamedTuple):
    """What narrows a search; the default knows nothing and narrows nothing.

    Args:
        excluded: nodes that the route must not enter first.
        banned: contacts (by number) that must not be the first one.
        avoided: nodes that the route must not touch at all.
        residual_bytes: volume left of a contact, by number; a contact with less than the bundle's
            size is skipped.
        backlog_bytes: what is queued to a neighbour, by name, ahead of the bundle; it delays the
            first hop.
        deadline_s: arrivals after this are no use.
        closed_ends: whether transmission may begin at the very end of a contact (a bundle of size 0
            can).
    """

    excluded: Set[str] = frozenset()
    banned: Set[int] = frozenset()
    avoided: Set[int] = frozenset()
    residual_bytes: Callable[[int], float] | None = None
    backlog_bytes: Callable[[str], float] | None = None
    deadline_s: float = INF
    closed_ends: bool = True


NOTHING = Knowledge()


class Hop(NamedTuple):
    """One way over the first contact.

    When its last bit is there, over which contact, when its first bit left.
    """

    arrival_s: float
    number: int
    departure_s: float


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
    if len(numbers) > 1:
        numbers = query.fewest_hops(numbers)
    return query.route(numbers)


class Query:
    """One question to an index, and the labels found so far.

    Attributes:
        arrival_s: earliest arrival of the whole bundle, by node; inf where it is not known.
        via: number of the contact it arrives over.
        settled: whether arrival_s is final, by node.
        first: the best way over each first hop, by node; None if the origin is a node like any
            other.
    """

    __slots__ = (
        "arrival_s",
        "at_s",
        "first",
        "index",
        "known",
        "settled",
        "size_bytes",
        "source",
        "target",
        "via",
    )

    def __init__(
        self,
        index: PlanIndex,
        source: int,
        target: int,
        at_s: float,
        size_bytes: float,
        known: Knowledge = NOTHING,
    ) -> None:
        self.index = index
        self.source = source
        self.target = target
        self.at_s = at_s
        self.size_bytes = size_bytes
        self.known = known
        self.first: dict[int, Hop] | None = None
        nodes = len(index.names)
        self.arrival_s = [INF] * nodes
        self.via = [-1] * nodes
        self.settled = bytearray(nodes)

    def earliest(self) -> list[int]:
        """Numbers of the contacts of a route that arrives soonest; none if there is no route."""
        arrival, via = self.arrival_s, self.via
        arrival[self.source] = self.at_s
        if self.known is NOTHING:
            self._spread([(self.at_s, self.source)])
        else:
            self.settled[self.source] = 1
            for node in self.known.avoided:
                self.settled[node] = 1
            self.first = self._first_hops()
            heap = []
            for node, hop in self.first.items():
                arrival[node] = hop.arrival_s
                via[node] = hop.number
                heap.append((hop.arrival_s, node))
            heap.sort()
            self._spread(heap)
        if arrival[self.target] == INF:
            return []
        numbers = []
        node = self.target
        ids, contacts = self.index.ids, self.index.contacts
        while node != self.source:
            numbers.append(via[node])
            node = ids[contacts[via[node]].source]
        numbers.reverse()
        return numbers

    def _spread(self, heap: list[tuple[float, int]]) -> None:
        """Dijkstra from the labels in the heap until the target is settled.

        The hot loop: no calls, few attributes.
        """
        arrival, via, settled = self.arrival_s, self.via, self.settled
        out, target, size = self.index.out, self.target, self.size_bytes
        residual = self.known.residual_bytes
        early = TOLERANCE if self.known.closed_ends else -TOLERANCE
        limit = min(self.known.deadline_s, arrival[target]) + TOLERANCE
        while heap:
            t, u = heappop(heap)
            if settled[u]:
                continue
            settled[u] = 1
            if u == target:
                return
            for v, least, ends, starts, byte_s, owlts, floor, _, varying, numbers in out[u]:
                if settled[v]:
                    continue
                best = arrival[v]
                if best > limit:
                    best = limit
                if t + least >= best:
                    continue
                i = bisect_left(ends, t - early)
                while floor[i] < best:
                    last = starts[i]
                    if last < t:
                        last = t
                    last += size * byte_s[i]
                    there = last + owlts[i]
                    if there < best and last <= ends[i] + TOLERANCE:
                        if (contact := varying[i]) is not None:
                            there = contact.arrival_s(max(starts[i], t), size)
                        if there < best and (residual is None or residual(numbers[i]) >= size):
                            best = arrival[v] = there
                            via[v] = numbers[i]
                            heappush(heap, (there, v))
                            if v == target:
                                limit = there + TOLERANCE
                    i += 1

    def _first_hops(self) -> dict[int, Hop]:
        """The soonest arrival at each node over one contact, with all that is known."""
        excluded, banned, avoided = self.known.excluded, self.known.banned, self.known.avoided
        names, latest = self.index.names, self.known.deadline_s + TOLERANCE
        first: dict[int, Hop] = {}
        for pair in self.index.out[self.source]:
            if pair.node in avoided or names[pair.node] in excluded:
                continue
            best: Hop | None = None
            for place, hop in self.first_hops_over(pair):
                useful = hop.number not in banned and hop.arrival_s < latest
                if useful and (best is None or hop.arrival_s < best.arrival_s):
                    best = hop
                if best is not None and pair.floor_s[place + 1] >= best.arrival_s and pair.apart:
                    break
            if best is not None:
                first[pair.node] = best
        return first

    def first_hops_over(self, pair: Pair) -> Iterator[tuple[int, Hop]]:
        """Each contact of a pair from the origin that takes the bundle, after the queue (§3.2.6.2)."""
        known, at_s, size = self.known, self.at_s, self.size_bytes
        early = TOLERANCE if known.closed_ends else -TOLERANCE
        places: Iterable[int] = range(bisect_left(pair.ends_s, at_s - early), len(pair.ends_s))
        if not pair.apart:
            places = sorted(places, key=pair.starts_s.__getitem__)
        backlog = 0.0
        if known.backlog_bytes is not None:
            backlog = known.backlog_bytes(self.index.names[pair.node])
        relief = same_start = 0.0
        group_s = -INF
        for place in places:
            number = pair.numbers[place]
            contact = self.index.timed[number]
            departure = max(contact.start_s, at_s)
            if backlog > 0:
                if contact.start_s > group_s:
                    relief, same_start, group_s = relief + same_start, 0.0, contact.start_s
                if relief < backlog:
                    departure = contact.last_bit_s(departure, backlog - relief)
                same_start += contact.volume_bytes(at_s)
            there = contact.arrival_s(departure, size)
            if there < INF and (
                known.residual_bytes is None or known.residual_bytes(number) >= size
            ):
                yield place, Hop(there, number, departure)

    def fewest_hops(self, numbers: list[int]) -> list[int]:
        """A route that arrives as soon as the one found, over the fewest contacts."""
        final = self.arrival_s[self.target] + TOLERANCE
        layers: list[dict[int, float]] = [{self.target: final}]
        for hops in range(1, len(numbers)):
            met = self._back(layers, final)
            if met:
                shorter = self._forward(layers, hops)
                if shorter:
                    return shorter
        return numbers

    def _back(self, layers: list[dict[int, float]], final: float) -> bool:
        """Add the layer of nodes one hop further from the target; whether the origin is met.

        A layer gives for each node the latest moment (or a bound above it) to be ready there and
        still in time.
        """
        arrival, settled, source, size = self.arrival_s, self.settled, self.source, self.size_bytes
        first, soonest = self.first, final - TOLERANCE
        met = False
        layer: dict[int, float] = {}
        for u, latest in layers[-1].items():
            if first is not None and u in first and first[u].arrival_s <= latest:
                met = True
            for pair in self.index.into[u]:
                w = pair.node
                if w == source and first is not None:
                    continue
                ready = arrival[w] if settled[w] else soonest
                if ready + pair.least_owlt_s > latest:
                    continue
                when = latest_departure(pair, ready, latest, size)
                if when >= ready and when > layer.get(w, -INF):
                    layer[w] = when
                    met = met or w == source
        layers.append(layer)
        return met

    def _forward(self, layers: list[dict[int, float]], hops: int) -> list[int]:
        """A route of so many hops over the layers, or none.

        The layers promise no more than is possible.
        """
        reached: dict[int, tuple[float, tuple[int, ...]]] = {}
        for pair in self.index.out[self.source]:
            latest = layers[hops - 1].get(pair.node)
            if latest is None:
                continue
            if self.first is None:
                there, number = cross(pair, self.at_s, self.size_bytes, self.known)
            elif pair.node in self.first:
                there, number, _ = self.first[pair.node]
            else:
                continue
            if there <= latest:
                reached[pair.node] = (there, (number,))
        for left in range(hops - 2, -1, -1):
            following: dict[int, tuple[float, tuple[int, ...]]] = {}
            for u, (t, numbers) in reached.items():
                for pair in self.index.out[u]:
                    latest = layers[left].get(pair.node)
                    if latest is None or pair.node == self.source:
                        continue
                    there, number = cross(pair, t, self.size_bytes, self.known)
                    if there <= min(latest, following.get(pair.node, (INF,))[0]):
                        following[pair.node] = (there, (*numbers, number))
            reached = following
        return list(reached[self.target][1]) if self.target in reached else []

    def route(self, numbers: list[int]) -> Route:
        """The route over these contacts, with its times."""
        contacts, timed = self.index.contacts, self.index.timed
        t = self.at_s
        if self.first is None:
            departure = max(t, timed[numbers[0]].start_s)
            rest = numbers
        else:
            hop = self.first[self.index.ids[contacts[numbers[0]].destination]]
            t, departure = hop.arrival_s, hop.departure_s
            rest = numbers[1:]
        for number in rest:
            contact = timed[number]
            t = contact.arrival_s(max(t, contact.start_s), self.size_bytes)
        return Route(tuple([contacts[n] for n in numbers]), tuple(numbers), departure, t)


def cross(
    pair: Pair, ready_s: float, size_bytes: float, known: Knowledge = NOTHING
) -> tuple[float, int]:
    """Soonest arrival over a pair of a bundle that is ready then, and over which contact.

    (inf, -1) if none takes it.
    """
    early = TOLERANCE if known.closed_ends else -TOLERANCE
    best, number = INF, -1
    i = bisect_left(pair.ends_s, ready_s - early)
    while pair.floor_s[i] < best:
        first = max(pair.starts_s[i], ready_s)
        last = first + size_bytes * pair.byte_s[i]
        there = last + pair.owlt_s[i] if last <= pair.ends_s[i] + TOLERANCE else INF
        contact = pair.varying[i]
        if contact is not None and there < best:
            there = contact.arrival_s(first, size_bytes)
        if there < best and (
            known.residual_bytes is None or known.residual_bytes(pair.numbers[i]) >= size_bytes
        ):
            best, number = there, pair.numbers[i]
        i += 1
    return best, number


def latest_departure(pair: Pair, ready_s: float, by_s: float, size_bytes: float) -> float:
    """Latest moment to be ready and still arrive by then over the pair.

    Exact for constant contacts, else a bound above.

    Returns:
        The moment, -inf if there is none at or after ready_s.
    """
    latest = -INF
    from_place = bisect_left(pair.ends_s, ready_s - TOLERANCE)
    for i in range(bisect_right(pair.floor_s, by_s) - 1, from_place - 1, -1):
        end = pair.ends_s[i] + TOLERANCE
        if min(end, by_s) <= latest:
            break
        departure = min(end, by_s - pair.owlt_s[i]) - size_bytes * pair.byte_s[i]
        if departure >= pair.starts_s[i] and departure > latest:
            latest = departure
    return latest if latest >= ready_s else -INF
