"""OwnContacts: the contact plan as one node knows it, and over which of its contacts the node transmits."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from dtn.contact_plan import Contact, ContactPlan


class OwnContacts:
    """The plan of one node.

    Args:
        node: its name.
        plan: all contacts.
        knows_all: whether it knows all of them, whatever it is told.
        unknown: contacts, by number, that it does not know of.

    Attributes:
        plan: the contacts that it knows, under the same numbers.
        neighbours: nodes that it ever transmits to, in the order of their first contacts.
    """

    def __init__(
        self, node: str, plan: ContactPlan, knows_all: bool, unknown: frozenset[int]
    ) -> None:
        self._node = node
        self._all = plan
        self._knows_all = knows_all
        numbers = plan.numbers_from(node)
        self.neighbours = tuple(dict.fromkeys(plan.contacts[n].destination for n in numbers))
        self._unknown = unknown
        self._outgoing: dict[str, list[tuple[float, int]]] = {}
        self._starts: list[float] = []
        self.plan = plan
        self._know(unknown)

    def change(self, withdrawn: Iterable[int], announced: Iterable[int]) -> None:
        """Count no more on some contacts, and know of others."""
        self._know(self._unknown.difference(announced).union(withdrawn))

    def meets(self, number: int) -> bool:
        """A contact began; whether the node did not know of it, and does now."""
        if number not in self._unknown:
            return False
        self._know(self._unknown - {number})
        return True

    def _know(self, unknown: frozenset[int]) -> None:
        """All contacts but these."""
        self._unknown = unknown
        self.plan = self._all if self._knows_all else known_plan(self._all, unknown)
        self._outgoing = {name: [] for name in self.neighbours}
        self._starts = []
        for number in self.plan.numbers_from(self._node):
            contact = self.plan.contacts[number]
            self._outgoing[contact.destination].append((contact.end_s, number))
            self._starts.append(contact.start_s)
        for ends in self._outgoing.values():
            ends.sort()

    def next_to(self, neighbour: str, now_s: float) -> int | None:
        """The next contact to a neighbour that has not ended, by number."""
        ends = self._outgoing[neighbour]
        place = bisect_right(ends, (now_s, math.inf))
        return ends[place][1] if place < len(ends) else None

    def all_to(self, neighbour: str, now_s: float) -> list[Contact]:
        """The contacts to a neighbour that have not ended, by their ends."""
        ends = self._outgoing[neighbour]
        first = bisect_left(ends, (now_s, -1))
        return [self.plan.contacts[number] for _, number in ends[first:]]

    def next_start_s(self, now_s: float) -> float:
        """When the next contact begins, after now; inf if none does."""
        place = bisect_right(self._starts, now_s)
        return self._starts[place] if place < len(self._starts) else math.inf


def known_plan(plan: ContactPlan, unknown: frozenset[int]) -> ContactPlan:
    """A plan without the contacts that a node does not know of; nodes that know the same share it, with its index."""
    kept: dict[frozenset[int], ContactPlan] = plan.__dict__.setdefault("_known", {})
    if unknown not in kept:
        kept[unknown] = plan.without(unknown)
    return kept[unknown]
