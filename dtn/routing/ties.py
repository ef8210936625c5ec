"""Routes that arrive equally soon: fewest hops, or the best by all keys of SABR §3.2.8.1.

A search knows when the bundle can be there, but its labels count no hops: the earliest way to a
relay may be longer than a later one that still catches the same last contact. So a second pass goes
back from the destination, a hop a round, over only those nodes that can be on a route which arrives
as soon. Each round is a layer: node -> the latest moment to be ready there. The first round that
meets the origin has the least number of hops. (RAPTOR's rounds, Delling, Pajor and Werneck 2012,
turned round and pruned by the labels of Dijkstra's algorithm.)

The latest termination (key 3) is the greatest end x such that a route exists over contacts that end
no sooner than x: bisection over the ends that occur. The smallest entry node (key 4): try them in
order.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from dtn.routing.index import Pair
from dtn.routing.query import NOTHING, TOLERANCE, Knowledge, Query

INF = math.inf

Layers = list[dict[int, float]]


def fewest_hops(query: Query, numbers: list[int]) -> list[int]:
    """A route that arrives as soon as the one found (contact numbers), over the fewest contacts."""
    layers: Layers = [{query.target: query.arrival_s[query.target] + TOLERANCE}]
    for hops in range(1, len(numbers)):
        shorter = _forward(query, layers, hops)
        if shorter:
            return shorter
        if hops + 1 < len(numbers):
            _back(query, layers)
    return numbers


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
    layers: Layers = [{query.target: query.arrival_s[query.target] + TOLERANCE}]
    hops = 1
    while not (found := _forward(query, layers, hops)) and hops < len(numbers):
        _back(query, layers)
        hops += 1
    ends = _ends_between(query, layers, hops, _termination(query, found), termination_s)
    low, high = 0, len(ends)
    while low < high:  # the last of the ends that some route reaches
        middle = (low + high) // 2
        later = _forward(query, layers, hops, ends[middle])
        if later:
            found, low = later, middle + 1
        else:
            high = middle
    if not entry_is_free:
        return found
    least_end = min(_termination(query, found), termination_s)
    entry = query.index.ids[query.index.contacts[found[0]].destination]
    for smaller in sorted(node for node in layers[hops - 1] if node < entry):
        other = _forward(query, layers, hops, least_end, smaller)
        if other:
            return other
    return found


def _termination(query: Query, numbers: list[int]) -> float:
    return min([query.index.contacts[number].end_s for number in numbers])


def _ends_between(
    query: Query, layers: Layers, hops: int, after_s: float, upto_s: float
) -> list[float]:
    """Ends of contacts between the layers that would better a termination, sorted.

    Capped at upto_s.
    """
    if after_s >= upto_s:
        return []
    ends: set[float] = set()
    for left in range(hops):
        # the origin's own contacts count at the last layer only
        transmitters = layers[left + 1] if left + 1 < hops else {query.source: 0.0}
        most: float = -INF
        for u, latest in layers[left].items():
            for pair in query.index.into[u]:
                if pair.node in transmitters:
                    upto = bisect_right(pair.floor_s, latest)
                    some = pair.ends_s[bisect_right(pair.ends_s, after_s) : upto]
                    if some:
                        ends.update(some)
                        most = max(most, some[-1])
        upto_s = min(upto_s, most)
        if upto_s <= after_s:
            return []
    return sorted({min(end, upto_s) for end in ends})


def _back(query: Query, layers: Layers) -> None:
    """Add the layer of nodes one hop further from the target.

    A layer gives for each node the latest moment (or a bound above it) to be ready there and
    still in time.
    """
    arrival, size, soonest = query.arrival_s, query.size_bytes, query.arrival_s[query.target]
    layer: dict[int, float] = {}
    for u, latest in layers[-1].items():
        for pair in query.index.into[u]:
            w = pair.node
            ready = arrival[w]
            if ready > soonest:
                ready = soonest
            if ready + pair.least_owlt_s <= latest and w != query.source:
                when = latest_departure(pair, ready, latest, size)
                if when > layer.get(w, -INF):
                    layer[w] = when
    layers.append(layer)


def _forward(
    query: Query, layers: Layers, hops: int, least_end_s: float = -INF, entry: int | None = None
) -> list[int]:
    """A route of so many hops over the layers and over contacts that end no sooner; [] if none.

    The layers only bound what is possible: the times here are exact.
    """
    size, known, source = query.size_bytes, query.known, query.source
    reached: dict[int, tuple[float, tuple[int, ...]]] = {}
    for pair in query.index.out[source]:
        latest = layers[hops - 1].get(pair.node)
        if latest is None or (entry is not None and pair.node != entry):
            continue
        hop = query.first_hop(pair, least_end_s)
        if hop is not None and hop.arrival_s <= latest:
            reached[pair.node] = (hop.arrival_s, (hop.number,))
    for left in range(hops - 2, -1, -1):
        layer = layers[left]
        following: dict[int, tuple[float, tuple[int, ...]]] = {}
        for u, (t, numbers) in reached.items():
            for pair in query.index.out[u]:
                latest = layer.get(pair.node)
                if latest is None or pair.node == source:
                    continue
                there, number = cross(pair, t, size, known, least_end_s)
                if there <= latest and there < following.get(pair.node, (INF,))[0]:
                    following[pair.node] = (there, (*numbers, number))
        reached = following
    return list(reached[query.target][1]) if query.target in reached else []


def cross(
    pair: Pair,
    ready_s: float,
    size_bytes: float,
    known: Knowledge = NOTHING,
    least_end_s: float = -INF,
) -> tuple[float, int]:
    """Soonest arrival over a pair of a bundle that is ready then, and over which contact.

    Returns:
        Seconds and the contact's number; (inf, -1) if no contact takes the bundle.
    """
    early = TOLERANCE if known.closed_ends else -TOLERANCE
    best, number = INF, -1
    i = bisect_left(pair.ends_s, max(ready_s - early, least_end_s))
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
    if pair.floor_s[from_place] > by_s:
        return latest
    for i in range(bisect_right(pair.floor_s, by_s) - 1, from_place - 1, -1):
        end = pair.ends_s[i] + TOLERANCE
        if min(end, by_s) <= latest:
            break
        departure = min(end, by_s - pair.owlt_s[i]) - size_bytes * pair.byte_s[i]
        if departure >= pair.starts_s[i] and departure > latest:
            latest = departure
    return latest if latest >= ready_s else -INF
