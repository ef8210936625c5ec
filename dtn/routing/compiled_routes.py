"""The k best routes in one call of the kernel: `dtn.routing.ties` and `dtn.routing.alternatives`, for numba.

The same partition, the same order, the same ties. One thing is left out that changes nothing: as soon as so many
parts wait as routes are wanted, one whose best arrives after all of those is of no use, so a search gives up there.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit

from dtn.compiling import cache_of, forget_older
from dtn.routing.compiled import crossed, fewest, path_to, run
from dtn.routing.compiled_arrays import (
    MOST_ROUNDS,
    Floats,
    Ints,
    Labels,
    Plan,
    labels_of,
    plan_of,
)
from dtn.routing.kernel import ARRIVAL_GRAINS, NOT_FIRST

INF = math.inf
UNUSED_AFTER_S = 1e-6
"""How much later than the last route wanted another may arrive and still be looked at: more than a grain."""


class Parts(NamedTuple):
    """Parts of the set of routes, each with its best route.

    Args:
        grain: the route's arrival as keys compare it, by part.
        end: its termination.
        departure: when it leaves.
        delivery: when it arrives.
        ends_found: room for the ends of tight contacts, or for moments.
        contacts: its contacts.
        banned: what its next contact after the root must not be.
        hops: how many contacts.
        root: how many of them are fixed.
        bans: how many are banned.
        entry: its first node.
        waits: 1 if it is yet to be taken.
        touched: contacts that some search could use: the results hold if all of them have room.
        is_touched: 1 for those.
    """

    grain: Floats
    end: Floats
    departure: Floats
    delivery: Floats
    ends_found: Floats
    contacts: Ints
    banned: Ints
    hops: Ints
    root: Ints
    bans: Ints
    entry: Ints
    waits: Ints
    touched: Ints
    is_touched: Ints


def parts_room(most: int, contacts: int) -> tuple[Floats, Ints]:
    """Room for as many parts as so many routes can make, in two arrays."""
    parts = 1 + (most - 1) * MOST_ROUNDS
    floats = np.empty(4 * parts + contacts + most)
    return floats, np.zeros(parts * (MOST_ROUNDS + most + 5) + 2 * contacts, dtype=np.int64)


def _parts_in(floats: Floats, ints: Ints, most: int, contacts: int) -> Parts:
    n = 1 + (most - 1) * MOST_ROUNDS
    bans_at = n * MOST_ROUNDS
    at = bans_at + n * most
    return Parts(
        floats[:n],
        floats[n : 2 * n],
        floats[2 * n : 3 * n],
        floats[3 * n : 4 * n],
        floats[4 * n :],
        ints[:bans_at].reshape(n, MOST_ROUNDS),
        ints[bans_at:at].reshape(n, most),
        ints[at : at + n],
        ints[at + n : at + 2 * n],
        ints[at + 2 * n : at + 3 * n],
        ints[at + 3 * n : at + 4 * n],
        ints[at + 4 * n : at + 5 * n],
        ints[at + 5 * n : at + 5 * n + contacts],
        ints[at + 5 * n + contacts :],
    )


_parts_of = njit(cache=True)(_parts_in)


class Asked(NamedTuple):
    """What is asked.

    Args:
        source: node that has the bundle.
        target: node it is for.
        at_s: when it is there to be sent.
        size: its size, bytes.
        deadline: arrivals after this are no use.
        early: see `compiled.answer`.
        avoided: nodes not to be touched.
    """

    source: int
    target: int
    at_s: float
    size: float
    deadline: float
    early: float
    avoided: Ints


@njit(cache=True)
def best_routes(
    plan_floats: Floats,
    plan_ints: Ints,
    label_floats: Floats,
    label_ints: Ints,
    part_floats: Floats,
    part_ints: Ints,
    found_floats: Floats,
    found_ints: Ints,
    source: int,
    target: int,
    at_s: float,
    size: float,
    deadline: float,
    early: float,
    most: int,
    avoided: Ints,
    excluded: Ints,
) -> tuple[int, int]:
    """Up to so many routes, best first, in one call.

    Args:
        plan_floats: with `plan_ints`, the plan.
        plan_ints: see there.
        label_floats: with `label_ints`, room for labels; full contacts come in as barred.
        label_ints: see there.
        part_floats: with `part_ints`, room for parts.
        part_ints: see there.
        found_floats: room for departure and delivery of each route.
        found_ints: room for hops and contacts of each route, then the contacts touched.
        source: node that has the bundle.
        target: node it is for.
        at_s: when it is there to be sent.
        size: its size, bytes.
        deadline: arrivals after this are no use.
        early: see `compiled.answer`.
        most: how many routes.
        avoided: nodes not to be touched.
        excluded: nodes not to be entered first.

    Returns:
        How many routes there are, -1 if one has too many hops for the kernel; and how many contacts were touched.
    """
    contacts = plan_ints[0]
    plan = plan_of(plan_floats, plan_ints)
    labels = labels_of(label_floats, label_ints, plan_ints[1], contacts)
    parts = _parts_of(part_floats, part_ints, most, contacts)
    asked = Asked(source, target, at_s, size, deadline, early, avoided)
    for node in excluded:
        labels.closed[node] = 1
    parts.hops[0], parts.root[0], parts.bans[0] = 0, 0, 0
    count, touched = _fill(plan, labels, parts, asked, 0, 0, at_s, 0.0, deadline, 0)
    found, at = 0, 0
    while count >= 0:
        taken = _least(parts, count)
        if taken < 0:
            break
        parts.waits[taken] = 0
        found_floats[2 * found] = parts.departure[taken]
        found_floats[2 * found + 1] = parts.delivery[taken]
        found_ints[at] = parts.hops[taken]
        for place in range(parts.hops[taken]):
            found_ints[at + 1 + place] = parts.contacts[taken, place]
        at += 1 + parts.hops[taken]
        found += 1
        if found == most:
            break
        count, touched = _cut(
            plan, labels, parts, asked, excluded, taken, count, most - found, touched
        )
    for node in excluded:
        labels.closed[node] = 0
    for place in range(touched):
        found_ints[at + place] = parts.touched[place]
        parts.is_touched[parts.touched[place]] = 0
    return (found if count >= 0 else -1), touched


@njit(cache=True)
def _least(parts: Parts, count: int) -> int:
    """The best part that waits; -1 if none does."""
    best = -1
    for part in range(count):
        if parts.waits[part] and (best < 0 or _is_before(parts, part, best)):
            best = part
    return best


@njit(cache=True)
def _is_before(parts: Parts, a: int, b: int) -> bool:
    """By the keys of `alternatives`, then by the contacts' numbers."""
    order = parts.grain[a] - parts.grain[b] if parts.grain[a] != parts.grain[b] else 0.0
    if order == 0:
        order = float(parts.hops[a] - parts.hops[b])
    if order == 0:
        order = parts.end[b] - parts.end[a]
    if order == 0:
        order = float(parts.entry[a] - parts.entry[b])
    place = 0
    while order == 0 and place < parts.hops[a]:
        order = float(parts.contacts[a, place] - parts.contacts[b, place])
        place += 1
    return order < 0


@njit(cache=True)
def _cut(
    plan: Plan,
    labels: Labels,
    parts: Parts,
    asked: Asked,
    excluded: Ints,
    taken: int,
    count: int,
    wanted: int,
    touched: int,
) -> tuple[int, int]:
    """Cut a part at each of its hops; how many parts there are then (-1: too many hops) and contacts touched."""
    t = asked.at_s
    times, contacts, departure = plan.times, parts.contacts, parts.departure[taken]
    for place in range(parts.hops[taken]):
        row = contacts[taken, place]
        if place >= parts.root[taken]:
            new = count
            bans = parts.bans[taken] if place == parts.root[taken] else 0
            for which in range(bans):
                parts.banned[new, which] = parts.banned[taken, which]
            parts.banned[new, bans] = row
            parts.bans[new], parts.root[new] = bans + 1, place
            for which in range(place):
                contacts[new, which] = contacts[taken, which]
            deadline = min(asked.deadline, _useful_until(parts, count, wanted))
            if place > 0:
                for node in excluded:
                    labels.closed[node] = 0
            count, touched = _fill(
                plan, labels, parts, asked, new, count, t, departure, deadline, touched
            )
            if count < 0:
                break
        first = departure if place == 0 else max(times[row, 0], t)
        t = crossed(plan, row, first, asked.size)
    for node in excluded:
        labels.closed[node] = 1
    return count, touched


@njit(cache=True)
def _useful_until(parts: Parts, count: int, wanted: int) -> float:
    """When the last of so many waiting routes arrives, if there are so many, and a little later."""
    soonest = parts.ends_found
    waiting = 0
    for part in range(count):
        if not parts.waits[part]:
            continue
        if waiting >= wanted and parts.delivery[part] >= soonest[wanted - 1]:
            continue
        place = min(waiting, wanted - 1)
        while place > 0 and soonest[place - 1] > parts.delivery[part]:
            soonest[place] = soonest[place - 1]
            place -= 1
        soonest[place] = parts.delivery[part]
        waiting += 1
    return soonest[wanted - 1] + UNUSED_AFTER_S if waiting >= wanted else INF


@njit(cache=True)
def _fill(
    plan: Plan,
    labels: Labels,
    parts: Parts,
    asked: Asked,
    part: int,
    count: int,
    t: float,
    departure: float,
    deadline: float,
    touched: int,
) -> tuple[int, int]:
    """Search a part whose root and bans are there; it counts if it has a route. Returns as `_cut`."""
    ends, contacts, size = plan.ends, parts.contacts, asked.size
    arrival, pending, barred, path = labels.arrival, labels.pending, labels.barred, labels.path
    root = parts.root[part]
    node = ends[contacts[part, root - 1], 1] if root > 0 else asked.source
    arrival[:] = INF
    pending[:] = 0
    arrival[node] = t
    pending[node] = 1
    for other in asked.avoided:
        arrival[other] = np.nan
    end = INF
    for place in range(root):
        row = contacts[part, place]
        arrival[ends[row, 0]] = np.nan
        end = min(end, plan.times[row, 3])
    for which in range(parts.bans[part]):
        barred[parts.banned[part, which]] |= NOT_FIRST
    tight = run(plan, labels, node, asked.target, size, deadline, asked.early)
    for which in range(parts.bans[part]):
        barred[parts.banned[part, which]] &= ~NOT_FIRST
    if arrival[asked.target] == INF:
        return count, touched
    hops = path_to(plan, labels, node, asked.target)
    if root + hops > MOST_ROUNDS:
        return -1, touched
    touched = _touch(parts, labels.path, hops, touched)
    if tight != hops:
        touched = _touch(parts, labels.tight, tight, touched)
        hops = _best_by_all_keys(plan, labels, parts, asked, node, t, hops, tight, end, root == 0)
    delivery = max(t, plan.times[path[0], 0])
    if root == 0:
        departure = delivery
    for place in range(hops):
        row = path[place]
        contacts[part, root + place] = row
        end = min(end, plan.times[row, 3])
        delivery = crossed(plan, row, delivery, size)
    parts.hops[part] = root + hops
    parts.end[part], parts.departure[part], parts.delivery[part] = end, departure, delivery
    parts.grain[part] = math.floor(delivery * ARRIVAL_GRAINS + 0.5) if delivery < INF else INF
    parts.entry[part] = ends[contacts[part, 0], 1]
    parts.waits[part] = 1
    return count + 1, touched


@njit(cache=True)
def _touch(parts: Parts, rows: Ints, count: int, touched: int) -> int:
    is_touched = parts.is_touched
    for place in range(count):
        row = rows[place]
        if not is_touched[row]:
            is_touched[row] = 1
            parts.touched[touched] = row
            touched += 1
    return touched


@njit(cache=True)
def _best_by_all_keys(
    plan: Plan,
    labels: Labels,
    parts: Parts,
    asked: Asked,
    source: int,
    t: float,
    hops: int,
    tight: int,
    until: float,
    entry_is_free: bool,
) -> int:
    """As dtn.routing.ties.best_by_all_keys, of the path; returns its hops."""
    target, size, early = asked.target, asked.size, asked.early
    path, times = labels.path, plan.times
    fewer = fewest(plan, labels, source, target, t, size, early, hops, tight, -INF, -1)
    hops = fewer or hops
    end = INF
    for place in range(hops):
        end = min(end, times[path[place], 3])
    ends = parts.ends_found
    low, high = 0, _ends_between(plan, labels, ends, source, target, tight, end, until)
    while low < high:
        middle = (low + high) // 2
        if fewest(plan, labels, source, target, t, size, early, hops, tight, ends[middle], -1):
            low, end = middle + 1, ends[middle]
        else:
            high = middle
    if not entry_is_free:
        return hops
    closed, rows = labels.pending, labels.tight
    closed[:] = 0
    for place in range(tight):
        if plan.ends[rows[place], 0] == source:
            closed[plan.ends[rows[place], 1]] = 1
    least = min(end, until)
    for entry in range(plan.ends[path[0], 1]):
        if closed[entry] and fewest(
            plan, labels, source, target, t, size, early, hops, tight, least, entry
        ):
            break
    return hops


@njit(cache=True)
def _ends_between(
    plan: Plan,
    labels: Labels,
    ends: Floats,
    source: int,
    target: int,
    tight: int,
    after: float,
    until: float,
) -> int:
    """As Tight.ends_between: how many there are, sorted in `ends`."""
    if after >= until:
        return 0
    first, last = -INF, -INF
    for place in range(tight):
        row = labels.tight[place]
        end = plan.times[row, 3]
        if end > after:
            if plan.ends[row, 0] == source:
                first = max(first, end)
            if plan.ends[row, 1] == target:
                last = max(last, end)
    until = min(until, first, last)
    if until <= after:
        return 0
    count = 0
    for which in range(tight):
        end = min(plan.times[labels.tight[which], 3], until)
        if end <= after:
            continue
        place = count
        while place > 0 and ends[place - 1] >= end:
            place -= 1
        if place < count and ends[place] == end:
            continue
        for moved in range(count, place, -1):
            ends[moved] = ends[moved - 1]
        ends[place] = end
        count += 1
    return count


forget_older(cache_of(_ends_between), Path(__file__).parent.glob("compiled*.py"))
