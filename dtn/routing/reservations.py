"""Reservations: which stretches of which contacts are spoken for (contact segmentation).

A bundle needs one unbroken stretch of each contact. It takes the first gap that is long enough, so
one that comes later can still go before one that waits for a later moment. With them a search sees
queues that are not its own: those of its own bundles further on, or, for an oracle, everybody's.

Source: contact segmentation as in A-SABR and arXiv 2410.15546; the code is ours.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence

from dtn.contact_plan import TIME_TOLERANCE_S, Contact

Stretch = tuple[int, float, float]
"""Of a contact (its number), from when to when."""


class Reservations:
    """Reserved stretches by contact.

    Args:
        contacts: the plan's, by number.
    """

    def __init__(self, contacts: Sequence[Contact]) -> None:
        self._contacts = contacts
        self._reserved: dict[int, list[tuple[float, float]]] = {}

    def first_gap(self, number: int, ready_s: float, size_bytes: float) -> tuple[float, float]:
        """When the first bit can leave and the last one has left; inf for the last if it does not fit."""
        contact = self._contacts[number]
        begin = max(ready_s, contact.start_s)
        reserved = self._reserved.get(number, ())
        place = bisect_left(reserved, (begin, -math.inf))
        if place and reserved[place - 1][1] > begin:
            begin = reserved[place - 1][1]
        while True:
            last = contact.last_bit_s(begin, size_bytes)
            if place >= len(reserved) or last <= reserved[place][0] + TIME_TOLERANCE_S:
                return begin, last
            begin = reserved[place][1]
            place += 1

    def arrival_s(self, number: int, ready_s: float, size_bytes: float) -> float:
        """When a bundle arrives that takes the first gap; inf if there is none."""
        _, last = self.first_gap(number, ready_s, size_bytes)
        return last + self._contacts[number].owlt_at(last) if last < math.inf else last

    def reserve(
        self, numbers: Sequence[int], ready_s: float, size_bytes: float
    ) -> tuple[Stretch, ...]:
        """Reserve the first gaps along a route; returns them, as far as they exist."""
        stretches: list[Stretch] = []
        t = ready_s
        for number in numbers:
            begin, last = self.first_gap(number, t, size_bytes)
            if last == math.inf:
                break
            insort(self._reserved.setdefault(number, []), (begin, last))
            stretches.append((number, begin, last))
            t = last + self._contacts[number].owlt_at(last)
        return tuple(stretches)

    def release(self, stretches: Sequence[Stretch]) -> None:
        """Give stretches back."""
        for number, begin, last in stretches:
            self._reserved[number].remove((begin, last))
