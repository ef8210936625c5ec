"""Routes that arrive equally soon: fewest hops, or the best by all keys of SABR §3.2.8.1.

A search knows when the bundle can be there, but its labels count no hops: the earliest way to a
relay may be longer than a later one that still catches the same last contact. So a second pass goes
back from the destination over the contacts the search has seen, and keeps those that can be on a
route which arrives as soon, with the latest moment to be ready at each node. They are few. Over
them rounds by hop count go forward from the origin: the first to reach the destination is the least
number of hops (RAPTOR, Delling, Pajor and Werneck 2012).

The latest termination (key 3) is the greatest end x such that a route exists over contacts that end
no sooner than x: bisection over the ends that occur. The smallest entry node (key 4): try them in
order.
"""

from __future__ import annotations

import math
from typing import Final

from dtn.heap import pop, push
from dtn.routing.index import Row
from dtn.routing.query import TOLERANCE, Query, in_time

INF: Final = math.inf


def fewest_hops(query: Query, numbers: list[int]) -> list[int]:
    """A route that arrives as soon as the one found (contact numbers), over the fewest contacts."""
    tight = Tight(query)
    if tight.is_one_way(len(numbers)):
        return numbers
    return tight.route(len(numbers) - 1) or numbers


def best_by_all_keys(
    query: Query, numbers: list[int], termination_s: float = INF, entry_is_free: bool = True
) -> list[int]:
    """The best of all routes that arrive as soon as the one found.

    Args:
        query: an answered question.
        numbers: contacts of the route it found.
        termination_s: end of what comes before the route; its own need not be later.
        entry_is_free: whether the entry node is still to be chosen (key 4).

    Returns:
        Contacts of the route with fewest hops, then latest termination, then smallest entry node.
    """
    if query.is_one_way:
        return numbers
    tight = Tight(query)
    if tight.is_one_way(len(numbers)):
        return numbers
    found = tight.route(len(numbers)) or numbers
    hops = len(found)
    contacts = query.index.contacts
    termination = min([contacts[number].end_s for number in found])
    ends = tight.ends_between(termination, termination_s)
    low, high = 0, len(ends)
    while low < high:  # the last of the ends that some route reaches
        middle = (low + high) // 2
        later = tight.route(hops, ends[middle])
        if later:
            found, low, termination = later, middle + 1, ends[middle]
        else:
            high = middle
    if not entry_is_free:
        return found
    entry = query.index.ids[contacts[found[0]].destination]
    for smaller in tight.entries(entry):
        other = tight.route(hops, min(termination, termination_s), smaller)
        if other:
            return other
    return found


class Tight:
    """The contacts that can be on a route which arrives as soon as the best.

    Attributes:
        latest_s: latest moment to be ready at a node and still in time, or a bound above it.
        out: such contacts by transmitting node; from the origin only to neighbours without a queue.
        count: how many there are.
    """

    __slots__ = ("count", "latest_s", "out", "query")

    def __init__(self, query: Query) -> None:
        self.query = query
        self.count = 0
        self.out: dict[int, list[Row]] = {}
        self.latest_s: dict[int, float] = {}
        if query.tight is None:
            self._go_back()
        else:
            self._take_over(query.tight)

    def _take_over(self, tight: list[int]) -> None:
        """What the kernel found going back."""
        rows, out, found, latest = (
            self.query.index.rows,
            self.out,
            self.query.latest_s,
            self.latest_s,
        )
        target = self.query.target
        latest[target] = float(found[target])
        for number in tight:
            row = rows[number]
            u = row.source
            out.setdefault(u, []).append(row)
            if u not in latest and found[u] > -INF:
                latest[u] = float(found[u])
        self.count = len(tight)

    def _go_back(self) -> None:
        arrival, size, source, target = (
            self.query.arrival_s,
            self.query.size_bytes,
            self.query.source,
            self.query.target,
        )
        final = in_time(arrival[target])
        latest, out, seen, may_use = self.latest_s, self.out, self.query.seen, self.query.may_use
        latest[target] = final
        heap = [(-final, target)]
        while heap:
            entry = pop(heap)
            by: float = -entry[0]
            v: int = entry[1]
            if by < latest[v]:
                continue
            for there, row in seen[v]:
                if there > by:
                    continue
                u, varying = row.source, row.varying
                ready = arrival[u]
                if varying is not None and varying.arrival_s(max(row.start_s, ready), size) > by:
                    continue
                if not may_use(row):
                    continue
                out.setdefault(u, []).append(row)
                self.count += 1
                when = min(row.end_s, by - row.owlt_s) - size * row.byte_s
                if when < ready:  # rounding: from there it was in time
                    when = ready
                if when > latest.get(u, -INF) and u != source:
                    latest[u] = when
                    push(heap, (-when, u))

    def is_one_way(self, hops: int) -> bool:
        """Whether the contacts make up one route of so many hops and no other."""
        return self.count == hops and self.latest_s.keys().isdisjoint(self.query.first)

    def route(self, rounds: int, least_end_s: float = -INF, entry: int | None = None) -> list[int]:
        """The route with fewest hops, not more than so many, over contacts that end no sooner.

        Args:
            rounds: how many hops at most.
            least_end_s: no contact may end before.
            entry: the first node to enter, if it matters.

        Returns:
            Numbers of its contacts; none if there is no such route.
        """
        latest, size, target = self.latest_s, self.query.size_bytes, self.query.target
        early = TOLERANCE if self.query.known.closed_ends else -TOLERANCE
        reached: dict[int, tuple[float, tuple[int, ...]]] = {
            self.query.source: (self.query.at_s, ())
        }
        following = self._first(least_end_s, entry) if self.query.first else {}
        best = {v: there for v, (there, _) in following.items()}
        while target not in reached:
            if rounds <= 0 or not reached:
                return []
            rounds -= 1
            for u, (t, numbers) in reached.items():
                for row in self.out.get(u, ()):
                    start, end, v = row.start_s, row.end_s, row.destination
                    if end < least_end_s or t > end + early or (entry is not None and v != entry):
                        continue
                    last = (start if start > t else t) + size * row.byte_s
                    there = last + row.owlt_s
                    if row.varying is not None:
                        there = row.varying.arrival_s(max(start, t), size)
                    elif last > end + TOLERANCE:
                        continue
                    if there <= latest[v] and there < best.get(v, INF):
                        best[v] = there
                        following[v] = (there, (*numbers, row.number))
            reached, following = following, {}
            entry = None
        return list(reached[target][1])

    def _first(
        self, least_end_s: float, entry: int | None
    ) -> dict[int, tuple[float, tuple[int, ...]]]:
        """First hops that are in time."""
        query, first = self.query, self.query.first
        reached: dict[int, tuple[float, tuple[int, ...]]] = {}
        for v, latest in self.latest_s.items():
            hop = first.get(v)
            if hop is None or hop.arrival_s > latest or (entry is not None and v != entry):
                continue
            if query.index.timed[hop.number].end_s < least_end_s:
                hop = query.first_hop(query.index.out_to[query.source][v], least_end_s)
                if hop is None or hop.arrival_s > latest:
                    continue
            reached[v] = (hop.arrival_s, (hop.number,))
        return reached

    def entries(self, below: int) -> list[int]:
        """Nodes of smaller rank that may be entered first, in order."""
        entered = {row.destination for row in self.out.get(self.query.source, ())}
        entered |= self.latest_s.keys() & self.query.first.keys()
        return sorted([node for node in entered if node < below])

    def ends_between(self, after_s: float, upto_s: float) -> list[float]:
        """Ends of contacts that would better a termination, sorted; not beyond upto_s."""
        if after_s >= upto_s:
            return []
        query, target = self.query, self.query.target
        ends: set[float] = set()
        firsts: list[float] = []
        lasts: list[float] = []
        for u, rows in self.out.items():
            for row in rows:
                if row.end_s > after_s:
                    ends.add(row.end_s)
                    if u == query.source:
                        firsts.append(row.end_s)
                    if row.destination == target:
                        lasts.append(row.end_s)
        for v, hop in query.first.items():
            latest = self.latest_s.get(v, -INF)
            if hop.arrival_s <= latest:
                pair = query.index.out_to[query.source][v]
                over = [end for _, end in query.first_hops_over(pair, latest)]
                firsts += over
                lasts += over if v == target else []
        ends.update(firsts)
        if not firsts or not lasts:
            return []
        upto_s = min(upto_s, max(firsts), max(lasts))
        return (
            sorted({min(end, upto_s) for end in ends if end > after_s}) if upto_s > after_s else []
        )
