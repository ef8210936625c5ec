"""LinkQueue: what waits at one node to be sent to one neighbour, by priority and then first come first served.

A bundle that does not fit into what is left of the open contact never blocks those behind it: it is passed over and
stays for the contact it was booked on.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from dtn.contact_plan import Contact
from dtn.routing.route import Route
from dtn.stored_bundle import StoredBundle

PRIORITIES: Final = 3
"""0 bulk, 1 normal, 2 expedited."""


class Queued:
    """One bundle in one queue: booked on the contacts of its route, for `contact` at the latest.

    It takes `tokens` copies along, of which `spent` were this node's, and the rest of the route, `planned`, if that
    travels with it. Once it is on the air, it leaves with `size_bytes`, the last bit at `last_bit_s`.
    """

    __slots__ = (
        "booked_bytes",
        "contact",
        "gone",
        "keep",
        "last_bit_s",
        "neighbour",
        "planned",
        "record",
        "route",
        "size_bytes",
        "spent",
        "tokens",
    )

    def __init__(
        self,
        record: StoredBundle,
        neighbour: str,
        contact: int,
        route: Route | None,
        booked_bytes: float,
        keep: bool,
        tokens: int = 0,
        spent: int = 0,
    ) -> None:
        self.record = record
        self.neighbour = neighbour
        self.contact = contact
        self.route = route
        self.booked_bytes = booked_bytes
        self.keep = keep
        self.tokens = tokens
        self.spent = spent
        self.planned: tuple[tuple[str, float], ...] = ()
        self.gone = False
        self.size_bytes = 0
        self.last_bit_s = math.inf


class LinkQueue:
    """The queue to one neighbour and the state of the link to it. A Neighbour of the strategy interface."""

    __slots__ = (
        "_by_urgency",
        "_bytes",
        "_fruitless",
        "_waiting",
        "busy",
        "contact",
        "count",
        "name",
        "number",
        "seen",
        "sending_bytes",
        "sending_from_s",
        "sending_until_s",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.contact: Contact | None = None
        self.number = -1
        self.busy = False
        self.seen: set[str] = set()
        self.sending_bytes = 0
        self.sending_from_s = 0.0
        self.sending_until_s = 0.0
        self._waiting: tuple[deque[Queued], ...] = tuple(deque() for _ in range(PRIORITIES))
        self._by_urgency = self._waiting[::-1]
        self._bytes = [0.0] * PRIORITIES
        self.count = 0
        self._fruitless = False

    @property
    def queued_bytes(self) -> int:
        """What waits to be sent, estimated volume consumption included."""
        return int(sum(self._bytes))

    def backlog_bytes(self, priority: int, now_s: float) -> float:
        """What goes before a bundle of this priority: the queue at or above it and the rest of what is being sent."""
        if not self.count and not self.busy:
            return 0.0
        waiting = sum(self._bytes[priority:])
        if self.busy and now_s < self.sending_until_s:
            rest = self.sending_until_s - now_s
            waiting += self.sending_bytes * rest / (self.sending_until_s - self.sending_from_s)
        return waiting

    def append(self, entry: Queued) -> None:
        """Queue at the tail of its priority."""
        priority = entry.record.priority
        self._waiting[priority].append(entry)
        self._bytes[priority] += entry.booked_bytes
        self.count += 1
        self._fruitless = False

    def open(self, number: int, contact: Contact) -> None:
        """The link is up: `contact` is open now."""
        self.number = number
        self.contact = contact
        self.busy = False
        self._fruitless = False

    def close(self) -> None:
        """The link is down."""
        self.contact = None
        self.number = -1
        self.busy = False

    def remove(self, entry: Queued) -> None:
        """Take an entry out, wherever it stands; it is swept from the deque when it is met."""
        if not entry.gone:
            entry.gone = True
            self.count -= 1
            if self.count:
                self._bytes[entry.record.priority] -= entry.booked_bytes
            else:  # exactly nothing, without the rounding of sums and differences
                self._bytes = [0.0] * PRIORITIES

    def next_in(
        self, contact: Contact, now_s: float, leaving_bytes: Callable[[Queued, float], int]
    ) -> Queued | None:
        """Take out the first entry that fits into what is left of the contact; None if none does.

        What is left of a contact only shrinks: after a scan in vain nothing fits until something new is queued.

        Args:
            contact: the one that is open.
            now_s: the present.
            leaving_bytes: gives the size with which an entry's bundle would leave now.
        """
        if self._fruitless:
            return None
        for waiting in self._by_urgency:
            while waiting and waiting[0].gone:
                waiting.popleft()
            for place, entry in enumerate(waiting):
                if entry.gone:
                    continue
                entry.size_bytes = size_bytes = leaving_bytes(entry, now_s)
                entry.last_bit_s = contact.last_bit_s(now_s, size_bytes)
                if entry.last_bit_s == math.inf:
                    continue
                if place:
                    del waiting[place]
                else:
                    waiting.popleft()
                self.remove(entry)
                return entry
        self._fruitless = True
        return None

    def booked_on(self, number: int) -> list[Queued]:
        """Entries that wait for this contact at the latest, in order of transmission."""
        return [entry for entry in self if entry.contact == number]

    def __iter__(self) -> Iterator[Queued]:
        """Entries in order of transmission."""
        for waiting in reversed(self._waiting):
            for entry in waiting:
                if not entry.gone:
                    yield entry
