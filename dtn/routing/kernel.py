"""The search of `dtn.routing.query` over arrays, compiled by numba: the same steps, the same labels, the same order.

Pure Python is quick to start and needs nothing; a run of many decisions is worth a compiler.
`kernel_of` gives the kernel of an index once it has been asked often enough, if numba is there
(`pip install lightlag[fast]`). Property tests hold both equal, route by route.

One difference, invisible in the results: residual volumes live in Python, so the kernel first searches as if every
contact had room, and searches again without those that turn out to be full. Whatever the first search found without
touching a full contact is the best there is.

Source of the steps: see `dtn.routing.query` and `dtn.routing.ties`. Rounding is theirs to the bit: no fast-math.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dtn.contact_plan import TIME_TOLERANCE_S, Contact

if TYPE_CHECKING:
    from dtn.routing.compiled_arrays import Floats, Ints
    from dtn.routing.index import PlanIndex
    from dtn.routing.query import Query

    _Room = tuple[Floats, Ints, Floats, Ints]

FoundRoute = tuple[tuple[int, ...], float, float]
"""Numbers of a route's contacts, when it leaves and when it arrives."""

NOT_FIRST = 1
NOT_AT_ALL = 2
"""Why a contact is barred: it may not be the first, or it is full."""

ARRIVAL_GRAINS = 1e7
"""Grains of a second to which arrivals are compared between routes: rounding is no reason to prefer one."""

WORTH_COMPILING = 150_000
"""Searches of one plan in plain Python before the kernel is loaded: that takes most of a second and 100 MB.

Where numba has never compiled it before (see `compile_ahead`) it takes half a minute and 200 MB more.
"""

IS_AVAILABLE = importlib.util.find_spec("numba") is not None
"""Whether numba is there; it is imported only when a kernel is made."""


def kernel_of(index: PlanIndex) -> Kernel | None:
    """The index's kernel, if it is worth its while by now."""
    index.searches += 1
    if index.searches <= WORTH_COMPILING or not IS_AVAILABLE:
        return None
    kernel = index.kernel
    if kernel is None:
        with _loading():
            kernel = index.kernel = Kernel(index)
            kernel.try_all(index)
    return kernel


_loads: list[None] = []


def is_loading() -> bool:
    """Whether a kernel is being loaded, perhaps compiled: time that no strategy is to blame for."""
    return bool(_loads)


@contextmanager
def _loading() -> Iterator[None]:
    _loads.append(None)
    try:
        yield
    finally:
        _loads.pop()


class Kernel:
    """One index as arrays, with room for the labels of one search at a time."""

    def __init__(self, index: PlanIndex) -> None:
        import numpy as np

        from dtn.routing import compiled, compiled_arrays, compiled_routes

        self._most_rounds = compiled_arrays.MOST_ROUNDS
        self._answer: Callable[..., tuple[int, int, int, float]] = compiled.answer
        self._best_routes: Callable[..., tuple[int, int]] = compiled_routes.best_routes
        self._parts_room = compiled_routes.parts_room
        self._rooms: dict[int, _Room] = {}
        self._nobody = np.empty(0, dtype=np.int64)
        nodes, count = len(index.names), len(index.rows)
        times, ends, varying, samples = _tables(index)
        marks_s, of_node, of_mark, open_rows = _checkpoints(index)
        plan = compiled_arrays.Plan(
            times=np.array(times, dtype=np.float64).reshape(count, 5),
            ends=np.array(ends, dtype=np.int64).reshape(count, 3),
            marks=np.array(marks_s, dtype=np.float64),
            of_node=np.array(of_node, dtype=np.int64),
            of_mark=np.array(of_mark, dtype=np.int64),
            open_rows=np.array(open_rows, dtype=np.int64),
            varying=np.array(varying, dtype=np.int64).reshape(len(varying), 5),
            samples=np.array(samples, dtype=np.float64),
        )
        room = compiled_arrays.room(nodes, count)
        self._arrays = (*compiled_arrays.packed(plan), *room)
        self._labels = compiled_arrays.labels_in(*room, nodes, count)

    def try_all(self, index: PlanIndex) -> None:
        """Ask for any one route in every way there is: what has never been compiled is then."""
        from dtn.routing.query import Query

        query = Query(index, 0, len(index.names) - 1, 0.0, 1.0)
        self._search(query)
        self._alternatives(query, 1)

    def earliest(self, query: Query) -> list[int]:
        """As `Query.earliest`, whose first hops it uses; fills in what `dtn.routing.ties` needs, too."""
        known = query.known
        residual, full, banned = known.residual_bytes, known.full, known.banned
        if residual is None and not banned:
            return self._search(query)
        size = query.size_bytes
        if residual is not None and full:
            full.difference_update([n for n in full if residual(n) >= size])
        barred = self._labels.barred
        while True:
            for number in banned:
                barred[number] = NOT_FIRST
            for number in full:
                barred[number] = NOT_AT_ALL
            path = self._search(query)
            for number in banned:
                barred[number] = 0
            for number in full:
                barred[number] = 0
            if not path or residual is None:
                return path
            found_full = [n for n in path if residual(n) < size]
            if query.tight:
                found_full += [n for n in query.tight if residual(n) < size]
            if full.issuperset(found_full):
                return path
            full.update(found_full)

    def best_routes(self, query: Query, most: int) -> list[FoundRoute] | None:
        """As the first of `dtn.routing.alternatives.alternatives`, in one call; None: that is for plain Python.

        It is where a neighbour asked has a queue, contacts are banned, or a route is very long.
        """
        known = query.known
        if query.first or known.banned:
            return None
        residual, full, size = known.residual_bytes, known.full, query.size_bytes
        if residual is not None and full:
            full.difference_update([n for n in full if residual(n) >= size])
        barred = self._labels.barred
        while True:
            for number in full:
                barred[number] = NOT_AT_ALL
            found, touched = self._alternatives(query, most)
            for number in full:
                barred[number] = 0
            if residual is None or found is None:
                return found
            if known.lacking is not None:
                found_full = known.lacking(touched, size)
            else:
                found_full = [n for n in touched if residual(n) < size]
            if full.issuperset(found_full):
                return found
            full.update(found_full)

    def _alternatives(
        self, query: Query, most: int
    ) -> tuple[list[FoundRoute] | None, Sequence[int]]:
        """The routes as if no other contact were full, and the contacts for which that matters."""
        known, room = query.known, self._rooms.get(most)
        if room is None:
            room = self._rooms[most] = self._room_for(most, len(query.index.rows))
        count, touched = self._best_routes(
            *self._arrays,
            *room,
            query.source,
            query.target,
            query.at_s,
            float(query.size_bytes),
            known.deadline_s + TIME_TOLERANCE_S,
            TIME_TOLERANCE_S if known.closed_ends else -TIME_TOLERANCE_S,
            most,
            self._places(known.avoided),
            self._places(query.closed),
        )
        if count < 0:
            return None, ()
        times, hops = room[2][: 2 * count].tolist(), room[3]
        found: list[FoundRoute] = []
        at = 0
        for place in range(count):
            after = at + 1 + int(hops[at])
            found.append((tuple(hops[at + 1 : after].tolist()), *times[2 * place : 2 * place + 2]))
            at = after
        return found, hops[at : at + touched].tolist()

    def _room_for(self, most: int, contacts: int) -> _Room:
        import numpy as np

        hops = np.empty(most * (1 + self._most_rounds) + contacts, dtype=np.int64)
        return (*self._parts_room(most, contacts), np.empty(2 * most), hops)

    def _places(self, nodes: Collection[int]) -> Ints:
        import numpy as np

        return np.array(list(nodes), dtype=np.int64) if nodes else self._nobody

    def _search(self, query: Query) -> list[int]:
        """Contacts of the earliest route as if no other were full; none if there is no route."""
        known, labels = query.known, self._labels
        is_prepared = bool(query.first or known.avoided)
        if is_prepared:
            arrival, pending = labels.arrival, labels.pending
            arrival.fill(math.inf)
            pending.fill(0)
            arrival[query.source] = query.at_s
            pending[query.source] = 1
            for node in known.avoided:
                arrival[node] = math.nan
            for node, hop in query.first.items():
                arrival[node] = hop.arrival_s
                labels.via[node] = hop.number
                pending[node] = 1
        for node in query.closed:
            labels.closed[node] = 1
        hops, fewer, count, arrival_s = self._answer(
            *self._arrays,
            query.source,
            query.target,
            query.at_s,
            float(query.size_bytes),
            known.deadline_s + TIME_TOLERANCE_S,
            TIME_TOLERANCE_S if known.closed_ends else -TIME_TOLERANCE_S,
            is_prepared,
        )
        for node in query.closed:
            labels.closed[node] = 0
        query.final_s = arrival_s
        query.is_one_way = count == hops and not query.first
        if query.is_one_way:
            query.tight = []
        else:
            query.tight = labels.tight[:count].tolist()
            query.latest_s = labels.latest.tolist()
            if not is_prepared and hops <= self._most_rounds:
                query.fewer = fewer
        path: list[int] = labels.path[: fewer or hops].tolist()
        return path


_Tables = tuple[
    list[tuple[float, float, float, float, float]],
    list[tuple[int, int, int]],
    list[tuple[int, int, int, int, int]],
    list[float],
]


def _tables(index: PlanIndex) -> _Tables:
    """`times`, `ends`, `varying` and `samples` of `dtn.routing.compiled_arrays.Plan`."""
    times: list[tuple[float, float, float, float, float]] = []
    ends: list[tuple[int, int, int]] = []
    varying: list[tuple[int, int, int, int, int]] = []
    samples: list[float] = []
    for row in index.rows:
        rate, contact = index.timed[row.number].rate_bps, row.varying
        constant = 0.0 if isinstance(rate, tuple) else rate
        times.append((row.start_s, row.byte_s, row.owlt_s, row.end_s, constant))
        ends.append((row.source, row.destination, -1 if contact is None else len(varying)))
        if contact is not None:
            rates, sums, owlts = _samples(contact)
            first = len(samples)
            sums_at, owlts_at = first + len(rates), first + len(rates) + len(sums)
            varying.append((first, sums_at, owlts_at, len(rates), len(owlts)))
            samples += (*rates, *sums, *owlts)
    return times, ends, varying, samples


def _samples(contact: Contact) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    rate, owlt = contact.rate_bps, contact.owlt_s
    rates = rate if isinstance(rate, tuple) else (rate,)
    return rates, contact.sent_bits, owlt if isinstance(owlt, tuple) else (owlt,)


def _checkpoints(index: PlanIndex) -> tuple[list[float], list[int], list[int], list[int]]:
    """`marks`, `of_node`, `of_mark` and `open_rows` of `dtn.routing.compiled_arrays.Plan`."""
    marks_s: list[float] = []
    of_node, of_mark, rows = [0], [0], []
    for marks, lists in zip(index.marks_s, index.open_lists, strict=True):
        marks_s += marks
        of_node.append(len(marks_s))
        for listed in lists:
            rows += [row.number for row in listed]
            of_mark.append(len(rows))
    return marks_s, of_node, of_mark, rows
