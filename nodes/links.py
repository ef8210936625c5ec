"""Links: when a planned contact really is open, told to its transmitting node.

The plan says when a link can be; a fault cuts it, and a node that is down has none. Both ends of a
contact are physics: a transmitter does not learn that its receiver is down, so such a contact stays
open and its frames are lost. But who switches its terminals off goes dark to those that point at it: a light time
later they have lost it, and their contacts end too (as far as they are nodes of this process).

Where a contact ends and another begins at one moment, the end comes first. Each node's contacts are
followed by themselves, so that a node's story is the same wherever the others run. Faults may overlap: a
link is open again when the last reason against it is gone.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

from dtn.contact_plan import ContactPlan
from nodes.timers import Timers

NOT_YET_LAUNCHED = "not yet launched"

_END, _START = 0, 1


class Linked(Protocol):
    """A node, or what stands in a node's place, as its links see it."""

    name: str
    is_up: bool

    def go_up(self, now_s: float) -> None:
        """Join the network."""

    def go_down(self, now_s: float, reason: str) -> None:
        """Leave it."""

    def set_deaf(self, is_deaf: bool) -> None:
        """Its terminals go off, or on again."""

    def contact_started(self, contact: int, now_s: float) -> None:
        """The link of this contact is up."""

    def contact_ended(self, contact: int, now_s: float, reason: str = "scheduled") -> None:
        """It is down."""


class Links:
    """The links of the nodes of this process.

    Args:
        plan: the contacts as they are planned.
        timers: the loop.
    """

    def __init__(self, plan: ContactPlan, timers: Timers) -> None:
        self._contacts = plan.contacts
        self._timers = timers
        self._nodes: dict[str, Linked] = {}
        self._planned: dict[str, set[int]] = {}
        self._open: set[int] = set()
        self._cuts: dict[tuple[str, str], list[str]] = {}
        self._absent: dict[str, list[str]] = {}
        self._boundaries: dict[str, deque[tuple[float, int, int]]] = {}
        self._dark: dict[str, list[str]] = {}
        self._seen_s: dict[tuple[str, str], float] = {}

    def add(self, node: Linked, joins_s: float = 0.0) -> None:
        """Take charge of a node, which joins the network at `joins_s`; inf: when somebody says so."""
        self._nodes[node.name] = node
        self._planned[node.name] = set()
        self._absent[node.name] = [NOT_YET_LAUNCHED]
        if joins_s < math.inf:
            self._timers.schedule(joins_s, self.join, node.name, NOT_YET_LAUNCHED)

    def start(self) -> None:
        """Follow the plan from now on."""
        now_s = self._timers.time()
        ahead: dict[str, list[tuple[float, int, int]]] = {name: [] for name in self._nodes}
        for number, contact in enumerate(self._contacts):
            if contact.source in ahead and contact.end_s > now_s:
                ahead[contact.source] += (
                    (contact.start_s, _START, number),
                    (contact.end_s, _END, number),
                )
        for name, boundaries in ahead.items():
            self._boundaries[name] = deque(sorted(boundaries))
            self._schedule_next(name)

    # -- faults

    def cut(self, source: str, destination: str, reason: str) -> None:
        """Cut the link in this direction."""
        self._cuts.setdefault((source, destination), []).append(reason)
        self._update(source, reason)

    def restore(self, source: str, destination: str, reason: str) -> None:
        """Take back one cut for this reason."""
        self._cuts[source, destination].remove(reason)
        self._update(source, "")

    def leave(self, name: str, reason: str) -> None:
        """The node goes down: its links first, then itself."""
        reasons = self._absent[name]
        reasons.append(reason)
        node = self._nodes[name]
        if node.is_up:
            self._update(name, reason)
            node.go_down(self._timers.time(), reason)

    def join(self, name: str, reason: str) -> None:
        """Take back one reason for which the node is down; it comes up with the last."""
        reasons = self._absent[name]
        reasons.remove(reason)
        if not reasons:
            self._nodes[name].go_up(self._timers.time())
            self._update(name, "")

    def darken(self, name: str, reason: str) -> None:
        """The node switches its terminals off: it neither sends nor hears, and others lose sight of it."""
        self._dark.setdefault(name, []).append(reason)
        self._update(name, reason)
        self._nodes[name].set_deaf(True)
        self._let_see(name, self.cut, reason)

    def lighten(self, name: str, reason: str) -> None:
        """Take back one reason for which its terminals are off."""
        reasons = self._dark[name]
        reasons.remove(reason)
        self._let_see(name, self.restore, reason)
        if not reasons:
            self._nodes[name].set_deaf(False)
            self._update(name, "")

    def _let_see(self, name: str, told: Callable[[str, str, str], None], reason: str) -> None:
        """Tell those who point at a node, now or later, when its light or its dark has come to them."""
        now_s = self._timers.time()
        owlt_s: dict[str, float] = {}
        for contact in self._contacts:
            if contact.destination == name and contact.source in self._nodes:
                if contact.start_s > now_s and contact.source in owlt_s:
                    continue  # the contact now or next says how far it is
                within_s = min(max(now_s, contact.start_s), contact.end_s)
                owlt_s[contact.source] = contact.owlt_at(within_s)
        for source, away_s in sorted(owlt_s.items()):
            at_s = max(now_s + away_s, self._seen_s.get((source, name), 0.0))
            self._seen_s[source, name] = at_s  # what went first is seen first
            self._timers.schedule(at_s, told, source, name, reason)

    # -- the plan

    def _schedule_next(self, source: str) -> None:
        boundaries = self._boundaries[source]
        if boundaries:
            self._timers.schedule(boundaries[0][0], self._at_boundary, source)

    def _at_boundary(self, source: str) -> None:
        now_s = self._timers.time()
        boundaries = self._boundaries[source]
        planned, node = self._planned[source], self._nodes[source]
        while boundaries and boundaries[0][0] <= now_s:
            _, kind, number = boundaries.popleft()
            if kind == _END:
                planned.discard(number)
                if number in self._open:
                    self._open.remove(number)
                    node.contact_ended(number, now_s)
            else:
                planned.add(number)
                if self._is_possible(number):
                    self._open.add(number)
                    node.contact_started(number, now_s)
        self._schedule_next(source)

    def _is_possible(self, number: int) -> bool:
        contact = self._contacts[number]
        cut = self._cuts.get((contact.source, contact.destination))
        return not cut and not self._absent[contact.source] and not self._dark.get(contact.source)

    def _update(self, source: str, reason: str) -> None:
        """A fault came or went at this transmitter: open and close what follows from it."""
        node = self._nodes.get(source)
        if node is None:
            return  # a link between nodes of other processes
        now_s = self._timers.time()
        for number in sorted(self._planned[source]):
            possible = self._is_possible(number)
            if possible and number not in self._open:
                self._open.add(number)
                node.contact_started(number, now_s)
            elif not possible and number in self._open:
                self._open.remove(number)
                node.contact_ended(number, now_s, reason)
