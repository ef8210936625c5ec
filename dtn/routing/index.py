"""PlanIndex: a contact plan laid out for search, by moment and by pair of nodes.

By moment: rows in the order of their start, and for each node the rows open at any moment. From
checkpoint to checkpoint a list says what a node has open or begins; a new checkpoint comes only
after as many new contacts as the last one carried over, so all lists together stay of the plan's
size. By pair: contacts sorted by their end, to reckon what is queued to a neighbour.

Nodes are numbered in the order of SABR's last key: by ipn number where the plan has one, then by
name.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from dtn.contact_plan import TIME_TOLERANCE_S, Contact, ContactPlan

if TYPE_CHECKING:
    from dtn.routing.kernel import Kernel


class Pair(NamedTuple):
    """Contacts from one node to another, sorted by end; the lists run in step.

    Args:
        node: the receiver.
        least_owlt_s: the shortest light time of all.
        ends_s: ends.
        starts_s: starts.
        apart: whether no two of the contacts overlap.
        numbers: the contacts' places in the plan.
        least_starts_s: by place, the earliest start of that contact and all after it.
    """

    node: int
    least_owlt_s: float
    ends_s: list[float]
    starts_s: list[float]
    apart: bool
    numbers: list[int]
    least_starts_s: list[float]


class Row:
    """A contact as the search reads it.

    Attributes:
        start_s: its start.
        source: the transmitter, by number.
        destination: the receiver, by number.
        byte_s: seconds a byte takes at the highest rate.
        owlt_s: the shortest light time.
        end_s: its end.
        varying: the contact itself, if its rate or light time varies.
        number: its place in the plan.
    """

    __slots__ = (
        "byte_s",
        "destination",
        "end_s",
        "number",
        "owlt_s",
        "source",
        "start_s",
        "varying",
    )

    def __init__(
        self,
        start_s: float,
        source: int,
        destination: int,
        byte_s: float,
        owlt_s: float,
        end_s: float,
        varying: Contact | None,
        number: int,
    ) -> None:
        self.start_s = start_s
        self.source = source
        self.destination = destination
        self.byte_s = byte_s
        self.owlt_s = owlt_s
        self.end_s = end_s
        self.varying = varying
        self.number = number


class PlanIndex:
    """A contact plan's nodes as numbers and its contacts as arrays per pair.

    Args:
        plan: the plan.
        owlt_margin: light times are reckoned longer by this fraction (SABR §2.4.2).

    Attributes:
        contacts: the plan's contacts, by number.
        timed: the same with the margin on their light times: what arrivals are reckoned with.
        volumes_bytes: volumes of the plan's contacts, by number.
        names: names of the nodes, in the order of SABR's last key.
        ids: place of each name in that order.
        rows: all contacts in the order of their start.
        starts_s: their starts, and inf at the end.
        transmitters: their transmitting nodes.
        out: pairs that begin at a node, by node.
        out_to: the same, by both nodes.
        marks_s: by node, moments from which on a list of open rows holds.
        open_lists: those lists.
        searches: how many searches it has answered; one that met very many contacts counts as several.
        kernel: the compiled search, once it is worth its while (`dtn.routing.kernel`).
    """

    def __init__(self, plan: ContactPlan, owlt_margin: float = 0.0) -> None:
        self.plan = plan
        self.contacts: tuple[Contact, ...] = plan.contacts
        order = sorted(plan.nodes, key=lambda name: (plan.ipn_numbers.get(name, math.inf), name))
        self.names: tuple[str, ...] = tuple(order)
        self.ids: dict[str, int] = {name: number for number, name in enumerate(order)}
        self.timed: tuple[Contact, ...] = self.contacts
        if owlt_margin:
            self.timed = tuple([_slower(contact, 1 + owlt_margin) for contact in self.contacts])
        self.volumes_bytes = [contact.volume_bytes() for contact in self.contacts]
        rows: dict[tuple[int, int], list[int]] = {}
        ids = self.ids
        for number, contact in enumerate(self.contacts):
            key = (ids[contact.source], ids[contact.destination])
            rows.setdefault(key, []).append(number)
        self.rows: list[Row] = [self._row(number) for number in range(len(self.contacts))]
        self.starts_s: list[float] = [row.start_s for row in self.rows] + [math.inf]
        self.transmitters: list[int] = [row.source for row in self.rows]
        self.marks_s, self.open_lists = _checkpoints(self.rows, len(order))
        self.searches = 0
        self.kernel: Kernel | None = None
        self.out: tuple[list[Pair], ...] = tuple([] for _ in order)
        for (source, destination), numbers in sorted(rows.items()):
            self.out[source].append(_pair(destination, self.timed, numbers))
        self.out_to: tuple[dict[int, Pair], ...] = tuple(
            [{pair.node: pair for pair in pairs} for pairs in self.out]
        )

    def open_rows(self, node: int, t_s: float) -> list[Row]:
        """Rows from a node, all that are open at a moment among them."""
        return self.open_lists[node][bisect_right(self.marks_s[node], t_s) - 1]

    def _row(self, number: int) -> Row:
        contact = self.timed[number]
        rate, owlt = contact.rate_bps, contact.owlt_s
        varies = isinstance(rate, tuple) or isinstance(owlt, tuple)
        return Row(
            contact.start_s,
            self.ids[contact.source],
            self.ids[contact.destination],
            8 / _most(rate),
            _least(owlt),
            contact.end_s,
            contact if varies else None,
            number,
        )

    def with_margin(self, owlt_margin: float) -> PlanIndex:
        """The same plan with a margin on its light times, built once."""
        return index_of(self.plan, owlt_margin)


def index_of(plan: ContactPlan, owlt_margin: float = 0.0) -> PlanIndex:
    """The plan's index, built once and kept with the plan."""
    kept: dict[float, PlanIndex] = plan.__dict__.setdefault("_indexes", {})
    index = kept.get(owlt_margin)
    if index is None:
        index = kept[owlt_margin] = PlanIndex(plan, owlt_margin)
    return index


def _checkpoints(rows: list[Row], nodes: int) -> tuple[list[list[float]], list[list[list[Row]]]]:
    """By node: moments, and from each on the rows then open or beginning before the next."""
    marks: list[list[float]] = [[-math.inf] for _ in range(nodes)]
    lists: list[list[list[Row]]] = [[[]] for _ in range(nodes)]
    room = [LEAST_NEW_ROWS] * nodes
    for row in rows:
        start, node = row.start_s, row.source
        if room[node] == 0:
            carried = [old for old in lists[node][-1] if old.end_s >= start - TIME_TOLERANCE_S]
            marks[node].append(start)
            lists[node].append(carried)
            room[node] = max(LEAST_NEW_ROWS, len(carried))
        lists[node][-1].append(row)
        room[node] -= 1
    return marks, lists


LEAST_NEW_ROWS = 4
"""New contacts of a node between two of its checkpoints, at least."""


def _pair(node: int, contacts: tuple[Contact, ...], numbers: Iterable[int]) -> Pair:
    ordered = sorted(numbers, key=lambda number: (contacts[number].end_s, number))
    ends = [contacts[number].end_s for number in ordered]
    starts = [contacts[number].start_s for number in ordered]
    apart = all(start >= end for end, start in zip(ends, starts[1:], strict=False))
    least = min(_least(contacts[number].owlt_s) for number in ordered)
    least_starts = list(accumulate(reversed(starts), min))[::-1]
    return Pair(node, least, ends, starts, apart, ordered, least_starts)


def _least(value: float | tuple[float, ...]) -> float:
    return min(value) if isinstance(value, tuple) else value


def _most(value: float | tuple[float, ...]) -> float:
    return max(value) if isinstance(value, tuple) else value


def _slower(contact: Contact, factor: float) -> Contact:
    owlt = contact.owlt_s
    slow = tuple(s * factor for s in owlt) if isinstance(owlt, tuple) else owlt * factor
    return replace(contact, owlt_s=slow)
