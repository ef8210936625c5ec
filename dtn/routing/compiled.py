"""The steps of the kernel, for numba. See `dtn.routing.kernel`; imported only where it runs."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dtn.contact_plan import TIME_TOLERANCE_S
from dtn.routing.compiled_arrays import MOST_ROUNDS, Floats, Ints, Labels, Plan, labels_of, plan_of
from dtn.routing.kernel import NOT_AT_ALL

TOLERANCE = TIME_TOLERANCE_S
INF = math.inf


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
def crossed(plan: Plan, row: int, first_bit: float, size: float) -> float:
    """As Contact.arrival_s."""
    if plan.ends[row, 2] >= 0:
        return _arrival(plan, row, plan.ends[row, 2], first_bit, size)
    start, _, owlt, end, rate = plan.times[row]
    last = max(first_bit, start) + size * 8 / rate
    return last + owlt if last <= end + TOLERANCE else INF


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


@njit(cache=True, inline="always")
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


@njit(cache=True, inline="always")
def _next(key: Floats, pending: Ints) -> int:
    """The pending node with the least key, the smaller of equal ones; -1 if none is pending."""
    found = -1
    for node in range(len(key)):
        if pending[node] and (found < 0 or key[node] < key[found]):
            found = node
    return found


@njit(cache=True, inline="always")
def _is_barred(ends: Ints, barred: Ints, closed: Ints, row: int, source: int) -> bool:
    why = barred[row]
    if why & NOT_AT_ALL:
        return True
    return ends[row, 0] == source and (why != 0 or closed[ends[row, 1]] != 0)


@njit(cache=True, inline="always")
def _note(
    seen: Ints, soonest: Floats, lists: Ints, count: int, row: int, v: int, there: float
) -> None:
    """Put a contact to those seen of its receiver."""
    seen[count, 0] = row
    seen[count, 1] = -1
    soonest[count] = there
    if lists[v, 0] < 0:
        lists[v, 0] = count
    else:
        seen[lists[v, 1], 1] = count
    lists[v, 1] = count


@njit(cache=True)
def answer(
    plan_floats: Floats,
    plan_ints: Ints,
    label_floats: Floats,
    label_ints: Ints,
    source: int,
    target: int,
    at_s: float,
    size: float,
    deadline: float,
    early: float,
    is_prepared: bool,
) -> tuple[int, int, int, float]:
    """One question in one call.

    Args:
        plan_floats: with `plan_ints`, the plan.
        plan_ints: see there.
        label_floats: with `label_ints`, room for labels.
        label_ints: see there.
        source: node that has the bundle.
        target: node it is for.
        at_s: when it is there to be sent.
        size: its size, bytes.
        deadline: arrivals after this are no use.
        early: how long before its end a contact may be entered at the latest; negative: after it.
        is_prepared: whether labels come in with first hops or avoided nodes; fewer hops are then not looked for.

    Returns:
        Hops of the earliest route (in `path`), of the one with fewest hops if that is another (in `path` instead) or 0,
        how many contacts are tight, and the arrival.
    """
    plan = plan_of(plan_floats, plan_ints)
    labels = labels_of(label_floats, label_ints, plan_ints[1], plan_ints[0])
    if not is_prepared:
        labels.arrival[:] = INF
        labels.pending[:] = 0
        labels.arrival[source] = at_s
        labels.pending[source] = 1
    count = run(plan, labels, source, target, size, deadline, early)
    arrival = labels.arrival[target]
    if arrival == INF:
        return 0, 0, 0, INF
    hops = path_to(plan, labels, source, target)
    fewer = 0
    if count > hops and not is_prepared and hops <= MOST_ROUNDS:
        fewer = fewest(plan, labels, source, target, at_s, size, early, hops - 1, count, -INF, -1)
    return hops, fewer, count, arrival


@njit(cache=True)
def path_to(plan: Plan, labels: Labels, source: int, target: int) -> int:
    """Hops of the way by which the target was reached; its contacts in `path`."""
    via, path, ends = labels.via, labels.path, plan.ends
    hops = 0
    node = target
    while node != source:
        row = via[node]
        path[hops] = row
        hops += 1
        node = ends[row, 0]
    for place in range(hops // 2):
        row = path[place]
        path[place] = path[hops - 1 - place]
        path[hops - 1 - place] = row
    return hops


@njit(cache=True)
def fewest(
    plan: Plan,
    labels: Labels,
    source: int,
    target: int,
    at_s: float,
    size: float,
    early: float,
    rounds: int,
    count: int,
    least_end: float,
    entry: int,
) -> int:
    """Tight.route: hops of the route with the fewest, in `path`; 0 if there is none of so many. Any entry: -1."""
    times, ends, ready, reached = plan.times, plan.ends, labels.ready, labels.reached
    best, mark, before = labels.best, labels.mark, labels.before
    latest, tight, path = labels.latest, labels.tight, labels.path
    best[:] = INF
    mark[:] = -1
    reached[0, 0] = source
    ready[0, source] = at_s
    here, here_count = 0, 1
    for round_ in range(rounds):
        there_count = 0
        for place in range(here_count):
            u = reached[here, place]
            t = ready[here, u]
            for which in range(count):
                row = tight[which]
                end = times[row, 3]
                if ends[row, 0] != u or t > end + early or end < least_end:
                    continue
                v = ends[row, 1]
                if entry >= 0 and v != entry:
                    continue
                begin = max(times[row, 0], t)
                last = begin + size * times[row, 1]
                there = last + times[row, 2]
                if ends[row, 2] >= 0:
                    there = _arrival(plan, row, ends[row, 2], begin, size)
                elif last > end + TOLERANCE:
                    continue
                if there <= latest[v] and there < best[v]:
                    best[v] = there
                    ready[1 - here, v] = there
                    before[round_, v] = row
                    if mark[v] != round_:
                        mark[v] = round_
                        reached[1 - here, there_count] = v
                        there_count += 1
        if mark[target] == round_:
            node = target
            for place in range(round_, -1, -1):
                row = before[place, node]
                path[place] = row
                node = ends[row, 0]
            return round_ + 1
        here, here_count = 1 - here, there_count
        entry = -1
    return 0


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
    # Local names: an array that is read out of a tuple inside a loop is counted as held at every turn.
    times, ends, marks, open_rows = plan.times, plan.ends, plan.marks, plan.open_rows
    of_node, of_mark = plan.of_node, plan.of_mark
    arrival, pending, via = labels.arrival, labels.pending, labels.via
    seen, soonest, lists = labels.seen, labels.there, labels.lists
    barred, closed = labels.barred, labels.closed
    lists[:] = -1
    count = 0
    final = min(deadline, in_time(arrival[target]))
    node = _next(arrival, pending)
    k = _first_row(times, arrival[node]) if node >= 0 else len(times)
    place, stop, t_node = 0, 0, 0.0
    while True:
        if place < stop:  # what the last node reached has open
            row, t = open_rows[place], t_node
            place += 1
            if not times[row, 0] < t <= times[row, 3] + early:
                continue
        else:
            if stop > 0:
                node, stop, place = _next(arrival, pending), 0, 0
            until = final if node < 0 else min(final, arrival[node])
            if k < len(times) and times[k, 0] < until:  # what begins before the next is reached
                row, t = k, times[k, 0]
                k += 1
                if not arrival[ends[row, 0]] <= t:
                    continue
            elif node < 0 or arrival[node] > final:
                break
            else:
                pending[node] = 0
                t_node = arrival[node]
                first, last = of_node[node], of_node[node + 1]
                while first < last:  # the last moment not after it
                    middle = (first + last) // 2
                    if marks[middle] <= t_node:
                        first = middle + 1
                    else:
                        last = middle
                place, stop = of_mark[first - 1], of_mark[first]
                if place == stop:
                    node, stop, place = _next(arrival, pending), 0, 0
                continue
        last_bit = t + size * times[row, 1]
        there = last_bit + times[row, 2]
        if not (there <= final and last_bit <= times[row, 3] + TOLERANCE):
            continue
        v = ends[row, 1]
        _note(seen, soonest, lists, count, row, v, there)
        count += 1
        if not there < arrival[v]:
            continue
        if ends[row, 2] >= 0:
            there = _arrival(plan, row, ends[row, 2], t, size)
            if not there < arrival[v]:
                continue
        if _is_barred(ends, barred, closed, row, source):
            continue
        arrival[v] = there
        via[v] = row
        pending[v] = 1
        if stop == 0 and (
            node < 0 or there < arrival[node] or (there == arrival[node] and v < node)
        ):
            node = v
        if v == target:
            final = min(final, in_time(there))
    if arrival[target] == INF:
        return 0
    return _go_back(plan, labels, source, target, size)


@njit(cache=True)
def _go_back(plan: Plan, labels: Labels, source: int, target: int, size: float) -> int:
    """Tight._go_back: `latest` holds the moments' negatives while it goes."""
    times, ends = plan.times, plan.ends
    arrival, latest, pending = labels.arrival, labels.latest, labels.pending
    seen, soonest, lists, tight = labels.seen, labels.there, labels.lists, labels.tight
    barred, closed = labels.barred, labels.closed
    latest[:] = INF
    pending[:] = 0
    latest[target] = -in_time(arrival[target])
    pending[target] = 1
    count = 0
    while True:
        v = _next(latest, pending)
        if v < 0:
            break
        pending[v] = 0
        by = -latest[v]
        at = lists[v, 0]
        while at >= 0:
            row, bound = seen[at, 0], soonest[at]
            at = seen[at, 1]
            if bound > by:
                continue
            u = ends[row, 0]
            ready = arrival[u]
            place = ends[row, 2]
            if place >= 0:
                begin = max(times[row, 0], ready)
                if _arrival(plan, row, place, begin, size) > by:
                    continue
            if _is_barred(ends, barred, closed, row, source) or count == len(tight):
                continue
            tight[count] = row
            count += 1
            when = min(times[row, 3], by - times[row, 2]) - size * times[row, 1]
            if when < ready:
                when = ready
            if -when < latest[u] and u != source:
                latest[u] = -when
                pending[u] = 1
    latest[:] = -latest
    return count
