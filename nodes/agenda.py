"""Agenda: the present, and everything that is to happen, in one order.

One heap of entries (when_s, sequence, callback, arguments). The sequence number makes the order total: equal times are
first-in first-out. What arrives from other nodes comes after all else that is due at its time, in an order of its own.

Whoever turns it (`emulator.clock.EmulatedLoop`) decides how fast. Entries without a callback are its own.

At its best: an entry costs its callback and little else, at a depth of a hundred entries or a million.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, TypeVar, TypeVarTuple, Unpack

from dtn.errors import InvalidValue
from dtn.heap import pop, push

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

ARRIVALS_LAST = 1 << 64
"""Added to the order of arrivals: beyond every sequence number."""

Entry = tuple[Any, ...]
"""When, sequence, callback or None, arguments: read by place in the hot loop, not taken apart."""


class Agenda:
    """What is to happen.

    Attributes:
        now_s: the present, seconds from the scenario's start: the due time of the entry that runs.
        entries: the heap.
        is_halted: whether what runs wants to be the last for now.
    """

    __slots__ = ("_sequence", "entries", "is_halted", "now_s")

    def __init__(self) -> None:
        self.now_s = 0.0
        self.entries: list[Entry] = []
        self.is_halted = False
        self._sequence = 0

    def time(self) -> float:
        """The present."""
        return self.now_s

    def next_s(self) -> float:
        """When the next entry is due; inf if there is none."""
        when_s: float = self.entries[0][0] if self.entries else math.inf
        return when_s

    def schedule(
        self, when_s: float, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts
    ) -> None:
        """Call `callback(*args)` at `when_s`, or now if that is past."""
        self.add(when_s, callback, args)

    def add(
        self, when_s: float, callback: Callable[..., object] | None, args: tuple[Any, ...]
    ) -> None:
        """`schedule`, where the arguments are a tuple already."""
        if not when_s >= self.now_s:
            when_s = self.not_before_now(when_s)
        self._sequence = sequence = self._sequence + 1
        push(self.entries, (when_s, sequence, callback, args))

    def add_arrival(
        self, when_s: float, order: int, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        """Call `callback(*args)` at `when_s` after all else that is due then; arrivals go by `order`.

        When it was asked for does not count, so that what comes from another process has the same
        place as what comes from this one.

        Args:
            when_s: the due time, or now if that is past.
            order: of this arrival among those due at the same time; no two are equal.
            callback: what is called.
            args: with these.
        """
        if not when_s >= self.now_s:
            when_s = self.not_before_now(when_s)
        push(self.entries, (when_s, ARRIVALS_LAST + order, callback, args))

    def schedule_all(
        self, callback: Callable[[T], object], calls: Iterable[tuple[float, T]]
    ) -> None:
        """As `schedule` for each of the calls, but only the next of them waits on the heap.

        Args:
            callback: what is called.
            calls: when, and with what.
        """
        now_s, sequence = self.now_s, self._sequence
        waiting: list[tuple[float, int, T]] = []
        for when_s, about in calls:
            sequence += 1
            waiting.append((max(when_s, now_s), sequence, about))
        self._sequence = sequence
        waiting.sort(key=itemgetter(0, 1), reverse=True)
        if waiting:
            when_s, sequence, _ = waiting[-1]
            push(self.entries, (when_s, sequence, self._next_of, (callback, waiting)))

    def _next_of(
        self, callback: Callable[[T], object], waiting: list[tuple[float, int, T]]
    ) -> None:
        _, _, about = waiting.pop()
        if waiting:
            when_s, sequence, _ = waiting[-1]
            push(self.entries, (when_s, sequence, self._next_of, (callback, waiting)))
        callback(about)

    def run(self, horizon_s: float, most: int) -> int:
        """Run what is due by the horizon, in order: the hottest loop of all.

        Args:
            horizon_s: the last moment.
            most: how many entries at most.

        Returns:
            How many have run. The next is later, has no callback, or the last one halted it.
        """
        entries = self.entries
        ran = 0
        while entries and ran < most:
            entry = entries[0]
            when_s: float = entry[0]
            callback = entry[2]
            if when_s > horizon_s or callback is None:
                break
            pop(entries)
            self.now_s = when_s
            callback(*entry[3])
            ran += 1
            if self.is_halted:
                break
        return ran

    def not_before_now(self, when_s: float) -> float:
        """The present, for a moment that is past.

        Raises:
            InvalidValue: it is none.
        """
        if math.isnan(when_s):
            raise InvalidValue("when_s", when_s, "give a time in seconds")
        return self.now_s
