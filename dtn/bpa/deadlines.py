"""Deadlines: the agent's timers, in order of time and then of setting."""

from __future__ import annotations

import heapq
import math
from enum import Enum
from typing import NamedTuple


class Purpose(Enum):
    """What a deadline is for."""

    EXPIRY = "bundle expires"
    ASK = "hold is over"
    FORFEIT = "contact is over"
    FORGET = "delivered bundle can no longer come again"


class Deadline(NamedTuple):
    """`subject` is a bundle's ref, a contact's number or a bundle's identity, by the purpose."""

    at_s: float
    sequence: int
    purpose: Purpose
    subject: int | str


class Deadlines:
    """A heap of deadlines. One that has become pointless is met in its time and ignored."""

    def __init__(self) -> None:
        self._heap: list[Deadline] = []
        self._set = 0
        self._once: set[tuple[Purpose, int]] = set()

    def add(self, at_s: float, purpose: Purpose, subject: int | str) -> None:
        """Set one; never for inf."""
        if at_s < math.inf:
            self._set += 1
            heapq.heappush(self._heap, Deadline(at_s, self._set, purpose, subject))

    def add_once(self, at_s: float, purpose: Purpose, subject: int) -> None:
        """Set one unless it has been set for this subject before."""
        if (purpose, subject) not in self._once:
            self._once.add((purpose, subject))
            self.add(at_s, purpose, subject)

    @property
    def next_s(self) -> float:
        """The earliest, or inf."""
        return self._heap[0].at_s if self._heap else math.inf

    def due(self, now_s: float) -> Deadline | None:
        """Take out the earliest if its time has come."""
        if self._heap and self._heap[0].at_s <= now_s:
            return heapq.heappop(self._heap)
        return None
