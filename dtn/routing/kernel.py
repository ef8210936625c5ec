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
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dtn.contact_plan import TIME_TOLERANCE_S, Contact

if TYPE_CHECKING:
    from dtn.routing.index import PlanIndex, Row
    from dtn.routing.query import Query

NOT_FIRST = 1
NOT_AT_ALL = 2
"""Why a contact is barred: it may not be the first, or it is full."""

WORTH_COMPILING = 50_000
"""Searches of one plan in plain Python before the kernel is loaded: that takes most of a second and 100 MB."""

IS_AVAILABLE = importlib.util.find_spec("numba") is not None
"""Whether numba is there; it is imported only when a kernel is made."""


def kernel_of(index: PlanIndex) -> Kernel | None:
    """The index's kernel, if it is worth its while by now."""
    index.searches += 1
    if index.searches <= WORTH_COMPILING or not IS_AVAILABLE:
        return None
    kernel = index.kernel
    if kernel is None:
        kernel = index.kernel = Kernel(index)
    return kernel


class Kernel:
    """One index as arrays, with room for the labels of one search at a time."""

    def __init__(self, index: PlanIndex) -> None:
        import numpy as np

        from dtn.routing.compiled import Labels, Plan, run

        self._run: Callable[..., int] = run
        nodes, count = len(index.names), len(index.rows)
        times, ends, varying, samples = _tables(index.rows)
        marks_s, of_node, of_mark, open_rows = _checkpoints(index)
        self._plan = Plan(
            times=np.array(times, dtype=np.float64).reshape(count, 4),
            ends=np.array(ends, dtype=np.int64).reshape(count, 3),
            marks=np.array(marks_s, dtype=np.float64),
            of_node=np.array(of_node, dtype=np.int64),
            of_mark=np.array(of_mark, dtype=np.int64),
            open_rows=np.array(open_rows, dtype=np.int64),
            varying=np.array(varying, dtype=np.int64).reshape(len(varying), 5),
            samples=np.array(samples, dtype=np.float64),
        )
        self._labels = Labels(
            arrival=np.empty(nodes),
            latest=np.empty(nodes),
            via=np.empty(nodes, dtype=np.int64),
            pending=np.zeros(nodes, dtype=np.bool_),
            closed=np.zeros(nodes, dtype=np.bool_),
            barred=np.zeros(count, dtype=np.uint8),
            seen=np.empty((count, 2), dtype=np.int64),
            there=np.empty(count),
            lists=np.empty((nodes, 2), dtype=np.int64),
            tight=np.empty(count, dtype=np.int64),
        )

    def earliest(self, query: Query) -> list[int]:
        """As `Query.earliest`, whose labels and first hops it uses; fills in `query.tight` too."""
        known, size = query.known, query.size_bytes
        residual, full = known.residual_bytes, known.full
        if residual is not None:
            full.difference_update([n for n in full if residual(n) >= size])
        barred = self._labels.barred
        while True:
            for number in known.banned:
                barred[number] = NOT_FIRST
            for number in full:
                barred[number] = NOT_AT_ALL
            count = self._search(query)
            for number in (*known.banned, *full):
                barred[number] = 0
            if query.arrival_s[query.target] == math.inf:
                return []
            tight: list[int] = self._labels.tight[:count].tolist()
            path = _path(query)
            if residual is None:
                break
            found_full = [n for n in {*path, *tight} - full if residual(n) < size]
            if not found_full:
                break
            full.update(found_full)
        query.tight = tight
        return path

    def _search(self, query: Query) -> int:
        """Fill in the query's labels; returns how many contacts are tight."""
        known, labels = query.known, self._labels
        arrival, pending, closed = labels.arrival, labels.pending, labels.closed
        arrival.fill(math.inf)
        pending.fill(False)
        arrival[query.source] = query.at_s
        pending[query.source] = True
        for node in known.avoided:
            arrival[node] = math.nan
        for node, hop in query.first.items():
            arrival[node] = hop.arrival_s
            labels.via[node] = hop.number
            pending[node] = True
        for node in query.closed:
            closed[node] = True
        count = self._run(
            self._plan,
            labels,
            query.source,
            query.target,
            float(query.size_bytes),
            known.deadline_s + TIME_TOLERANCE_S,
            TIME_TOLERANCE_S if known.closed_ends else -TIME_TOLERANCE_S,
        )
        for node in query.closed:
            closed[node] = False
        query.arrival_s = arrival.tolist()
        query.via = labels.via.tolist()
        query.latest_s = labels.latest.tolist()
        return count


def _path(query: Query) -> list[int]:
    numbers: list[int] = []
    node, rows, via = query.target, query.index.rows, query.via
    while node != query.source:
        numbers.append(via[node])
        node = rows[via[node]][1]
    numbers.reverse()
    return numbers


_Tables = tuple[
    list[tuple[float, float, float, float]],
    list[tuple[int, int, int]],
    list[tuple[int, int, int, int, int]],
    list[float],
]


def _tables(rows: list[Row]) -> _Tables:
    """`times`, `ends`, `varying` and `samples` of `dtn.routing.compiled.Plan`."""
    times: list[tuple[float, float, float, float]] = []
    ends: list[tuple[int, int, int]] = []
    varying: list[tuple[int, int, int, int, int]] = []
    samples: list[float] = []
    for start, source, destination, byte_s, owlt_s, end, contact, _ in rows:
        times.append((start, byte_s, owlt_s, end))
        ends.append((source, destination, -1 if contact is None else len(varying)))
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
    """`marks`, `of_node`, `of_mark` and `open_rows` of `dtn.routing.compiled.Plan`."""
    marks_s: list[float] = []
    of_node, of_mark, rows = [0], [0], []
    for marks, lists in zip(index.marks_s, index.open_lists, strict=True):
        marks_s += marks
        of_node.append(len(marks_s))
        for listed in lists:
            rows += [row[7] for row in listed]
            of_mark.append(len(rows))
    return marks_s, of_node, of_mark, rows
