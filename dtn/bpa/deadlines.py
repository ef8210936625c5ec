"""Deadlines: the agent's timers, in order of time and then of setting."""

from __future__ import annotations

import math
from collections.abc import Container
from enum import Enum
from typing import Final

from dtn.heap import pop, push


class Purpose(Enum):
    """What a deadline is for."""

    EXPIRY = "bundle expires"
    ASK = "hold is over"
    FORFEIT = "contact is over"


EXPIRY: Final = Purpose.EXPIRY
ASK: Final = Purpose.ASK
FORFEIT: Final = Purpose.FORFEIT
"""By a name of their own: to look a member up takes as long as to set a deadline."""

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
            self._set = count = self._set + 1
            push(self._heap, (at_s, count, purpose, subject))

    def add_forfeit(self, at_s: float, contact: int) -> None:
        """Set the one of a contact, unless it has been set before."""
        if contact not in self._contacts:
            self._contacts.add(contact)
            self.add(at_s, FORFEIT, contact)

    def next_s(self) -> float:
        """The earliest, or inf."""
        heap, refs = self._heap, self._refs
        while heap:
            at_s, _, purpose, subject = heap[0]
            if subject in refs or purpose is FORFEIT:
                return at_s
            pop(heap)
        return math.inf

    @property
    def least_s(self) -> float:
        """The earliest, be its bundle still there or not, or inf: not later than `next_s`."""
        return self._heap[0][0] if self._heap else math.inf

    def forfeit_due(self, now_s: float) -> int | None:
        """The contact that the earliest is about, if its time has come and a contact is over."""
        if self.next_s() > now_s:
            return None
        _, _, purpose, subject = self._heap[0]
        return subject if purpose is FORFEIT else None

    def due(self, now_s: float) -> Deadline | None:
        """Take out the earliest if its time has come."""
        if self.next_s() > now_s:
            return None
        due: Deadline = pop(self._heap)
        return due
