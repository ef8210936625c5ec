"""The steps of the kernel, for numba. See `dtn.routing.kernel`; imported only where it runs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dtn.contact_plan import TIME_TOLERANCE_S
from dtn.routing.kernel import NOT_AT_ALL

TOLERANCE = TIME_TOLERANCE_S
INF = math.inf
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Plan(NamedTuple):
    """A plan as arrays; contacts by their numbers.

    Args:
        times: start, seconds a byte takes at the highest rate, shortest light time, end.
        ends: from, to, and its place among the varying contacts or -1.
        marks: moments from which on a list of open rows holds, node after node.
        of_node: where each node's moments begin.
        of_mark: where each moment's list begins.
        open_rows: the lists.
        varying: of a varying contact, where its rates, its sums of bits and its light times begin among the samples,
            and how many rates and light times there are. A constant is one sample.
        samples: those samples.
    """

    times: Floats
    ends: Ints
    marks: Floats
    of_node: Ints
    of_mark: Ints
    open_rows: Ints
    varying: Ints
    samples: Floats


class Labels(NamedTuple):
    """Room for one search.

    Args:
        arrival: earliest arrival by node; comes in with the origin, the first hops, and NaN for avoided nodes.
        latest: latest moment to be ready, by node.
        via: contact of the arrival, by node.
        pending: nodes that are yet to send; comes in with the origin and the first hops.
        closed: nodes that the search does not enter from the origin.
        barred: why a contact may not be used, by number.
        seen: contacts seen: number, and which one of the same receiver was seen next.
        there: soonest arrival of those.
        lists: first and last of those, by receiver.
        tight: contacts that can be on a route which arrives as soon.
    """

    arrival: Floats
    latest: Floats
    via: Ints
    pending: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    barred: NDArray[np.uint8]
    seen: Ints
    there: Floats
    lists: Ints
    tight: Ints


@njit(cache=True)
def in_time(arrival_s: float) -> float:
    """As dtn.routing.query.in_time."""
    if arrival_s == INF:
        return INF
    return arrival_s + TOLERANCE + 8 * np.spacing(abs(arrival_s))


@njit(cache=True)
def _when_sent(
    start: float, end: float, rates: Floats, sent: Floats, first: float, bits: float
) -> float:
    """As Contact._when_sent."""
    if first >= end:
        return first if bits == 0 else INF
    cells = len(sent) - 1
    step = (end - start) / cells
    cell = int((first - start) / step)
    if cell >= cells:
        cell = cells - 1
    into = first - start - cell * step
    r0, r1 = rates[cell], rates[cell + 1]
    here, rate = first, r0 + (r1 - r0) * into / step
    room = (step - into) * (rate + r1) / 2
    if bits > room:
        bits += sent[cell + 1] - room
        if bits > sent[-1]:
            slack = rates[-1] * TOLERANCE + 4 * np.spacing(sent[-1])
            return end if bits <= sent[-1] + slack else INF
        cell += int(np.searchsorted(sent[cell + 1 :], bits))
        here = start + cell * step
        bits -= sent[cell]
        rate, r0, r1 = rates[cell], rates[cell], rates[cell + 1]
    square = rate * rate + 2 * (r1 - r0) / step * bits
    root = rate + math.sqrt(square) if square > 0 else rate
    last = here + 2 * bits / root if root > 0 else here
    return min(last, start + (cell + 1) * step, end)


@njit(cache=True)
def _interpolate(samples: Floats, into: float, duration: float) -> float:
    """As dtn.contact_plan.contact._interpolate."""
    cells = len(samples) - 1
    if cells == 0:
        return samples[0]
    place = into / duration * cells
    if place <= 0:
        return samples[0]
    if place >= cells:
        return samples[cells]
    cell = int(place)
    a = samples[cell]
    return a + (samples[cell + 1] - a) * (place - cell)


@njit(cache=True)
def _arrival(plan: Plan, row: int, place: int, first_bit: float, size: float) -> float:
    """As Contact.arrival_s, of a contact that varies."""
    samples = plan.samples
    start, end = plan.times[row, 0], plan.times[row, 3]
    rates_at, sums_at, owlts_at, rates, owlts = plan.varying[place]
    first = max(first_bit, start)
    if rates == 1:
        last = first + size * 8 / samples[rates_at]
    else:
        last = _when_sent(
            start, end, samples[rates_at:sums_at], samples[sums_at:owlts_at], first, size * 8
        )
    if not last <= end + TOLERANCE:
        return INF
    return last + _interpolate(samples[owlts_at : owlts_at + owlts], last - start, end - start)


@njit(cache=True)
def _first_row(times: Floats, t: float) -> int:
    """The first contact that begins at t or later."""
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) // 2
        if times[middle, 0] < t:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _next(key: Floats, pending: NDArray[np.bool_]) -> int:
    """The pending node with the least key, the smaller of equal ones; -1 if none is pending."""
    found = -1
    for node in range(len(key)):
        if pending[node] and (found < 0 or key[node] < key[found]):
            found = node
    return found


@njit(cache=True)
def _is_barred(plan: Plan, labels: Labels, row: int, source: int) -> bool:
    barred = labels.barred[row]
    if barred & NOT_AT_ALL:
        return True
    return plan.ends[row, 0] == source and (barred != 0 or labels.closed[plan.ends[row, 1]])


@njit(cache=True)
def _send(
    plan: Plan,
    labels: Labels,
    source: int,
    size: float,
    final: float,
    row: int,
    t: float,
    seen: int,
) -> int:
    """Send over a contact at t: 0 if it is of no use, 1 if it was seen, 2 if it is the best so far."""
    times = plan.times
    last = t + size * times[row, 1]
    there = last + times[row, 2]
    if not (there <= final and last <= times[row, 3] + TOLERANCE):
        return 0
    v = plan.ends[row, 1]
    labels.seen[seen, 0] = row
    labels.seen[seen, 1] = -1
    labels.there[seen] = there
    if labels.lists[v, 0] < 0:
        labels.lists[v, 0] = seen
    else:
        labels.seen[labels.lists[v, 1], 1] = seen
    labels.lists[v, 1] = seen
    if not there < labels.arrival[v]:
        return 1
    place = plan.ends[row, 2]
    if place >= 0:
        there = _arrival(plan, row, place, t, size)
        if not there < labels.arrival[v]:
            return 1
    if _is_barred(plan, labels, row, source):
        return 1
    labels.arrival[v] = there
    labels.via[v] = row
    labels.pending[v] = True
    return 2


@njit(cache=True)
def run(
    plan: Plan,
    labels: Labels,
    source: int,
    target: int,
    size: float,
    deadline: float,
    early: float,
) -> int:
    """Query._spread, then Tight._go_back; returns how many contacts are tight."""
    times, arrival, pending = plan.times, labels.arrival, labels.pending
    labels.lists[:] = -1
    seen = 0
    final = min(deadline, in_time(arrival[target]))
    node = _next(arrival, pending)
    k = _first_row(times, arrival[node]) if node >= 0 else len(times)
    while True:
        until = final if node < 0 else min(final, arrival[node])
        while k < len(times) and times[k, 0] < until:
            if arrival[plan.ends[k, 0]] <= times[k, 0]:
                outcome = _send(plan, labels, source, size, final, k, times[k, 0], seen)
                if outcome:
                    seen += 1
                if outcome == 2:
                    v = plan.ends[k, 1]
                    if v == target:
                        final = min(final, in_time(arrival[v]))
                    until = min(until, arrival[v])
            k += 1
        node = _next(arrival, pending)
        if node < 0 or arrival[node] > final:
            break
        pending[node] = False
        t = arrival[node]
        first, last = plan.of_node[node], plan.of_node[node + 1]
        mark = first + np.searchsorted(plan.marks[first:last], t, side="right") - 1
        for place in range(plan.of_mark[mark], plan.of_mark[mark + 1]):
            row = plan.open_rows[place]
            if times[row, 0] < t <= times[row, 3] + early:
                outcome = _send(plan, labels, source, size, final, row, t, seen)
                if outcome:
                    seen += 1
                if outcome == 2 and plan.ends[row, 1] == target:
                    final = min(final, in_time(arrival[target]))
        node = _next(arrival, pending)
    if arrival[target] == INF:
        return 0
    return _go_back(plan, labels, source, target, size)


@njit(cache=True)
def _go_back(plan: Plan, labels: Labels, source: int, target: int, size: float) -> int:
    """Tight._go_back: `latest` holds the moments' negatives while it goes."""
    times, latest, pending, seen = plan.times, labels.latest, labels.pending, labels.seen
    latest[:] = INF
    pending[:] = False
    latest[target] = -in_time(labels.arrival[target])
    pending[target] = True
    count = 0
    while True:
        v = _next(latest, pending)
        if v < 0:
            break
        pending[v] = False
        by = -latest[v]
        at = labels.lists[v, 0]
        while at >= 0:
            row, bound = seen[at, 0], labels.there[at]
            at = seen[at, 1]
            if bound > by:
                continue
            u = plan.ends[row, 0]
            ready = labels.arrival[u]
            place = plan.ends[row, 2]
            if place >= 0:
                begin = max(times[row, 0], ready)
                if _arrival(plan, row, place, begin, size) > by:
                    continue
            if _is_barred(plan, labels, row, source) or count == len(labels.tight):
                continue
            labels.tight[count] = row
            count += 1
            when = min(times[row, 3], by - times[row, 2]) - size * times[row, 1]
            if when < ready:
                when = ready
            if -when < latest[u] and u != source:
                latest[u] = -when
                pending[u] = True
    latest[:] = -latest
    return count
