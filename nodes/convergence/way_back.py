"""WayBack: what the contact plan says of a neighbour's own transmissions, on which reports travel."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dtn.contact_plan import Contact


class Cue(NamedTuple):
    """When the neighbour begins to transmit (up) or stops, in its own time."""

    at_s: float
    up: bool


class WayBack:
    """The contacts from a neighbour to here.

    Args:
        contacts: all of them, in any order.
    """

    def __init__(self, contacts: Sequence[Contact]) -> None:
        self._last = max(contacts, key=lambda contact: contact.end_s, default=None)
        self.least_rate_bps = min((_least_rate_bps(contact) for contact in contacts), default=1.0)
        cues = [Cue(-math.inf, False)]
        for start_s, end_s in _merged((contact.start_s, contact.end_s) for contact in contacts):
            cues += (Cue(start_s, True), Cue(end_s, False))
        self._ahead = deque(cues)

    def passed(self, now_s: float) -> Iterator[Cue]:
        """The cues up to now that it has not told of yet."""
        while self._ahead and self._ahead[0].at_s <= now_s:
            yield self._ahead.popleft()

    @property
    def next_cue_s(self) -> float:
        """When the next one comes; inf if none does."""
        return self._ahead[0].at_s if self._ahead else math.inf

    @property
    def ends_s(self) -> float:
        """When the neighbour transmits for the last time; -inf if it never does."""
        return self._last.end_s if self._last else -math.inf

    @property
    def heard_until_s(self) -> float:
        """When the last bit from the neighbour is here."""
        return self.ends_s + self._last.owlt_at(self.ends_s) if self._last else -math.inf


def _merged(stretches: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start_s, end_s in sorted(stretches):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_s, merged[-1][1]))
        else:
            merged.append((start_s, end_s))
    return merged


def _least_rate_bps(contact: Contact) -> float:
    rate = contact.rate_bps
    return rate if not isinstance(rate, tuple) else min(one for one in rate if one > 0)
