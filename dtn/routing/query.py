"""Query: the labels of one search over a contact plan, and what a node knows that narrows it.

One label a node: the earliest moment the whole bundle can be there (CCSDS 734.3-B-1 §3.2.4.1 with
the bundle's size). One label is enough because nothing beats light: within a contact who sends
sooner arrives no later, and between contacts a bundle may always wait for the better one. A contact
takes a bundle whole or not at all; both its ends belong to it, within TIME_TOLERANCE_S.

The search is Dijkstra's algorithm, but it meets contacts in the order of time instead of asking
each pair of nodes for its next one (as the Connection Scan of Dibbelt and others, 2013, with the
contacts open already looked up when a node is reached). It looks at every contact that begins
before the final arrival, so light times that jump between contacts, overlapping contacts and
unequal rates need no special care.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from typing import Final, NamedTuple

from dtn.contact_plan import TIME_TOLERANCE_S
from dtn.heap import places_by, pop, push
from dtn.routing.index import Pair, PlanIndex, Row
from dtn.routing.kernel import Kernel, kernel_of
from dtn.routing.route import Route

INF: Final = math.inf
NEVER: Final = math.nan
"""Label of a node that is neither to be reached nor left: nothing is earlier, it is never ready."""

TOLERANCE: Final = TIME_TOLERANCE_S

MANY_CONTACTS: Final = 32
"""A search that met so many contacts counts as two: sooner is it worth while to load the kernel."""


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
        queued: the neighbours to which anything is.
        full: contacts known to have too little volume left for some bundle, kept by the caller from
            search to search; the kernel looks at them first.
        deadline_s: arrivals after this are no use.
        closed_ends: whether transmission may begin at the very end of a contact (a bundle of size 0
            can).
        lacking: those of some contacts, by number, that have less than so many bytes left, where that is sooner
            said than each one's `residual_bytes`.
    """

    excluded: Set[str] = frozenset()
    banned: Set[int] = frozenset()
    avoided: Set[int] = frozenset()
    residual_bytes: Callable[[int], float] | None = None
    backlog_bytes: Callable[[str], float] | None = None
    queued: Collection[str] = ()
    full: set[int] = set()  # noqa: RUF012  # the default is for searches without volumes, which fill none
    deadline_s: float = INF
    closed_ends: bool = True
    lacking: Callable[[Iterable[int], float], list[int]] | None = None


NOTHING = Knowledge()
NONE: frozenset[int] = frozenset()


def in_time(arrival_s: float) -> float:
    """The latest arrival that counts as equal: nanoseconds and rounding are no reason to choose."""
    return arrival_s + TOLERANCE + 8 * math.ulp(arrival_s) if arrival_s < INF else INF


class Hop:
    """One way over the first contact.

    Args:
        arrival_s: when its last bit is there.
        number: the contact.
        departure_s: when its first bit leaves.
    """

    __slots__ = ("arrival_s", "departure_s", "number")

    def __init__(self, arrival_s: float, number: int, departure_s: float) -> None:
        self.arrival_s = arrival_s
        self.number = number
        self.departure_s = departure_s


class Query:
    """One question to an index, and the labels found so far.

    Attributes:
        arrival_s: earliest arrival of the whole bundle, by node, or a bound below it where a full contact might
            be in the way; exact where it is before the target's and on the route.
        via: number of the contact it arrives over.
        final_s: the target's.
        is_one_way: whether the kernel knows that no other route arrives as soon.
        fewer: hops of the route with the fewest where the kernel has found that already, which is then the one it
            gives; 0: the earliest has the fewest.
        first: the best first hop to each neighbour that has a queue.
        closed: neighbours that the search does not enter from the origin: excluded, or in `first`.
        tight, latest_s: contacts that can be on a route which arrives as soon, and by node the latest
            moment to be ready, where the kernel has found them already (`dtn.routing.ties`).
        seen: contacts that could carry the bundle from a node that was reached, by receiver, with
            the soonest arrival (or a bound below it, where the contact varies).
    """

    __slots__ = (
        "arrival_s",
        "at_s",
        "closed",
        "fewer",
        "final_s",
        "first",
        "index",
        "is_one_way",
        "known",
        "latest_s",
        "seen",
        "size_bytes",
        "source",
        "target",
        "tight",
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
        self.first: dict[int, Hop] = {}
        self.closed: set[int] = set()
        self.seen: list[list[tuple[float, Row]]] = []
        self.arrival_s: list[float] = []
        self.via: list[int] = []
        self.final_s = INF
        self.is_one_way = False
        self.fewer: int | None = None
        self.tight: list[int] | None = None
        self.latest_s: Sequence[float] = ()

    def earliest(self) -> list[int]:
        """Numbers of the contacts of a route that arrives soonest; none if there is no route."""
        self.first_hops()
        return self.answered(kernel_of(self.index))

    def answered(self, kernel: Kernel | None) -> list[int]:
        """The same, once the first hops are known, by the kernel if there is one."""
        return self._earliest() if kernel is None else kernel.earliest(self)

    def _earliest(self) -> list[int]:
        """As if every contact had room that is not known to be full; if the route is full, with a look at each."""
        residual, size = self.known.residual_bytes, self.size_bytes
        if residual is None:
            return self._labelled(NONE)
        full = self.known.full
        if full:
            full.difference_update([number for number in full if residual(number) >= size])
        numbers = self._labelled(full)
        found_full = [number for number in numbers if residual(number) < size]
        if not found_full:
            return numbers
        full.update(found_full)
        return self._labelled(full, residual)

    def _labelled(
        self, full: Set[int], residual: Callable[[int], float] | None = None
    ) -> list[int]:
        """Label the nodes; a route that arrives soonest."""
        source, target = self.source, self.target
        nodes = len(self.index.names)
        self.seen = [[] for _ in range(nodes)]
        arrival = self.arrival_s = [INF] * nodes
        via = self.via = [-1] * nodes
        arrival[source] = self.at_s
        heap = [(self.at_s, source)]
        if self.known is not NOTHING:
            for node in self.known.avoided:
                arrival[node] = NEVER
            if self.first:
                for node, hop in self.first.items():
                    arrival[node] = hop.arrival_s
                    via[node] = hop.number
                    heap.append((hop.arrival_s, node))
                heap.sort()
        self._spread(heap, full, residual)
        self.index.searches += sum([len(rows) for rows in self.seen]) // MANY_CONTACTS
        self.final_s = arrival[target]
        if self.final_s == INF:
            return []
        numbers = []
        node = target
        rows = self.index.rows
        while node != source:
            numbers.append(via[node])
            node = rows[via[node]].source
        numbers.reverse()
        return numbers

    def _spread(
        self,
        heap: list[tuple[float, int]],
        full: Set[int],
        residual: Callable[[int], float] | None,
    ) -> None:
        """Take nodes and contacts in the order of their moment, until the target is reached.

        A node that is reached sends at once over what it has open then; a contact that begins
        sends what its transmitter has by then. The hot loop: hardly a call, hardly an attribute.
        """
        arrival, via, size, target = self.arrival_s, self.via, self.size_bytes, self.target
        index, seen = self.index, self.seen
        source, closed, banned = self.source, self.closed, self.known.banned
        rows, starts, transmitters = index.rows, index.starts_s, index.transmitters
        marks, open_lists = index.marks_s, index.open_lists
        early = TOLERANCE if self.known.closed_ends else -TOLERANCE
        final = min(self.known.deadline_s + TOLERANCE, in_time(arrival[target]))
        k = bisect_left(starts, heap[0][0]) if heap else len(rows)
        while True:
            until = heap[0][0] if heap else final
            if until > final:
                until = final
            while (start := starts[k]) < until:
                if arrival[transmitters[k]] <= start:
                    row = rows[k]
                    last = start + size * row.byte_s
                    there = last + row.owlt_s
                    if there <= final and last <= row.end_s + TOLERANCE:
                        v = row.destination
                        seen[v].append((there, row))
                        if there < arrival[v]:
                            if row.varying is not None:
                                there = row.varying.arrival_s(start, size)
                            number = row.number
                            if (
                                there < arrival[v]
                                and number not in full
                                and (residual is None or residual(number) >= size)
                                and not (row.source == source and (v in closed or number in banned))
                            ):
                                arrival[v] = there
                                via[v] = number
                                push(heap, (there, v))
                                if v == target and there < final:
                                    final = in_time(there)
                                if there < until:
                                    until = there
                k += 1
            if not heap or heap[0][0] > final:
                return
            entry = pop(heap)
            t: float = entry[0]
            u: int = entry[1]
            if t > arrival[u]:
                continue
            for row in open_lists[u][places_by(marks[u], t) - 1]:
                if row.start_s < t <= row.end_s + early:
                    last = t + size * row.byte_s
                    there = last + row.owlt_s
                    if there <= final and last <= row.end_s + TOLERANCE:
                        v = row.destination
                        seen[v].append((there, row))
                        if there < arrival[v]:
                            if row.varying is not None:
                                there = row.varying.arrival_s(t, size)
                            number = row.number
                            if (
                                there < arrival[v]
                                and number not in full
                                and (residual is None or residual(number) >= size)
                                and not (u == source and (v in closed or number in banned))
                            ):
                                arrival[v] = there
                                via[v] = number
                                push(heap, (there, v))
                                if v == target and there < final:
                                    final = in_time(there)

    def first_hops(self) -> None:
        """Close the origin's ways to excluded neighbours and to those with a queue.

        Behind a queue the first bit leaves later than the search would have it: those hops are
        reckoned here.
        """
        known = self.known
        if known is NOTHING:
            return
        ids, out_to = self.index.ids, self.index.out_to[self.source]
        for name in known.excluded:
            v = ids.get(name, -1)
            if v in out_to:
                self.closed.add(v)
        if known.backlog_bytes is None or not known.queued:
            return
        for name in known.queued:
            pair = out_to.get(ids.get(name, -1))
            if pair is None or pair.node in self.closed or known.backlog_bytes(name) <= 0:
                continue
            self.closed.add(pair.node)
            best = self.first_hop(pair)
            if best is not None:
                self.first[pair.node] = best

    def may_use(self, row: Row) -> bool:
        """Whether what is known lets a contact be used, however it is reached."""
        residual = self.known.residual_bytes
        if residual is not None and residual(row.number) < self.size_bytes:
            return False
        first = row.source == self.source
        return not (first and (row.destination in self.closed or row.number in self.known.banned))

    def first_hop(self, pair: Pair, least_end_s: float = -INF) -> Hop | None:
        """The soonest arrival over a pair from the origin, over contacts that end no sooner."""
        best = self._first_in_order(pair) if least_end_s == -INF else None
        if best is not None:
            return best
        for hop, end in self.first_hops_over(pair, self.known.deadline_s + TOLERANCE):
            if best is None:
                if end >= least_end_s:
                    best = hop
            elif self.index.timed[hop.number].start_s + pair.least_owlt_s >= best.arrival_s:
                break
            elif end >= least_end_s and hop.arrival_s < best.arrival_s:
                best = hop
        return best

    def _first_in_order(self, pair: Pair) -> Hop | None:
        """The first contact left, if it takes queue and bundle: where none overlap, none after it is sooner."""
        known, size = self.known, self.size_bytes
        early = TOLERANCE if known.closed_ends else -TOLERANCE
        place = bisect_left(pair.ends_s, self.at_s - early)
        if not pair.apart or place == len(pair.ends_s) or pair.node in known.avoided:
            return None
        number = pair.numbers[place]
        if number in known.banned or known.backlog_bytes is None:
            return None
        contact = self.index.timed[number]
        backlog = known.backlog_bytes(self.index.names[pair.node])
        departure = contact.last_bit_s(max(contact.start_s, self.at_s), backlog)
        there = contact.arrival_s(departure, size)
        following = place + 1
        if following < len(pair.ends_s) and there > pair.starts_s[following] + pair.least_owlt_s:
            return None
        if there > known.deadline_s + TOLERANCE or there == INF:
            return None
        if known.residual_bytes is not None and known.residual_bytes(number) < size:
            return None
        return Hop(there, number, departure)

    def first_hops_over(self, pair: Pair, by_s: float) -> Iterator[tuple[Hop, float]]:
        """What the origin may use first and arrives in time, and the contacts' ends.

        In the order of their starts.
        """
        if pair.node in self.known.avoided:
            return
        banned = self.known.banned
        for place, hop in self._hops_over(pair):
            if pair.starts_s[place] + pair.least_owlt_s > by_s:
                return
            if hop.arrival_s <= by_s and hop.number not in banned:
                yield hop, pair.ends_s[place]

    def _hops_over(self, pair: Pair) -> Iterator[tuple[int, Hop]]:
        """Each contact of a pair that takes the bundle, behind what is queued (§3.2.6.2)."""
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

    def _hop_over(self, entry: int, number: int) -> Hop:
        """The hop over a contact that takes the bundle, behind what is queued for this neighbour."""
        pair = self.index.out_to[self.source][entry]
        return next(hop for _, hop in self._hops_over(pair) if hop.number == number)

    def route(self, numbers: list[int], arrival_s: float | None = None) -> Route:
        """The route over these contacts, with its times; the arrival may be known already."""
        contacts, timed = self.index.contacts, self.index.timed
        head = timed[numbers[0]]
        departure = max(self.at_s, head.start_s)
        entry = self.index.ids[head.destination]
        queued = self.first.get(entry)
        if queued is not None:
            departure = (
                queued if queued.number == numbers[0] else self._hop_over(entry, numbers[0])
            ).departure_s
        if arrival_s is None:
            arrival_s = departure
            for number in numbers:
                contact = timed[number]
                first = max(arrival_s, contact.start_s)
                arrival_s = contact.arrival_s(first, self.size_bytes)
        route = tuple([contacts[number] for number in numbers])
        return tuple.__new__(Route, (route, tuple(numbers), departure, arrival_s))
