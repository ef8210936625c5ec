"""Deadlines: the agent's timers, in order of time and then of setting."""

from __future__ import annotations

import heapq
import math
from collections.abc import Container
from enum import Enum


class Purpose(Enum):
    """What a deadline is for."""

    EXPIRY = "bundle expires"
    ASK = "hold is over"
    FORFEIT = "contact is over"


Deadline = tuple[float, int, Purpose, int]
"""When; how many were set before; what for; and a bundle's ref, or the number of the contact that is over."""


class Deadlines:
    """A heap of deadlines. Those of bundles that are gone are passed over.

    Args:
        refs: of the bundles that are there.
    """

    def __init__(self, refs: Container[int]) -> None:
        self._refs = refs
        self._heap: list[Deadline] = []
        self._set = 0
        self._contacts: set[int] = set()

    def add(self, at_s: float, purpose: Purpose, subject: int) -> None:
        """Set one; never for inf."""
        if at_s < math.inf:
            self._set += 1
            heapq.heappush(self._heap, (at_s, self._set, purpose, subject))

    def add_forfeit(self, at_s: float, contact: int) -> None:
        """Set the one of a contact, unless it has been set before."""
        if contact not in self._contacts:
            self._contacts.add(contact)
            self.add(at_s, Purpose.FORFEIT, contact)

    def next_s(self) -> float:
        """The earliest, or inf."""
        heap, refs = self._heap, self._refs
        while heap:
            at_s, _, purpose, subject = heap[0]
            if subject in refs or purpose is Purpose.FORFEIT:
                return at_s
            heapq.heappop(heap)
        return math.inf

    @property
    def least_s(self) -> float:
        """The earliest, be its bundle still there or not, or inf: not later than `next_s`."""
        return self._heap[0][0] if self._heap else math.inf

    def due(self, now_s: float) -> Deadline | None:
        """Take out the earliest if its time has come."""
        return heapq.heappop(self._heap) if self.next_s() <= now_s else None
