"""Links: when a planned contact really is open, told to its transmitting node.

The plan says when a link can be; a fault cuts it, and a node that is down has none. Both ends of a
contact are physics: a transmitter does not learn that its receiver is down, so such a contact stays
open and its frames are lost. But who switches its terminals off goes dark to those that point at it: a light time
later they have lost it, and their contacts end too. Who has no contact to it sees that just before the next one.

Where a contact ends and another begins at one moment, the end comes first. Each node's contacts are
followed by themselves, so that a node's story is the same wherever the others run. Faults may overlap: a
link is open again when the last reason against it is gone.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, Protocol

from dtn.contact_plan import ContactPlan
from nodes.timers import Clock

NOT_YET_LAUNCHED = "not yet launched"

SEEN_BEFORE_S = 1.0
"""Whoever has no contact to a node sees so long before the next whether it is dark; what changes before is nobody's."""

_END: Final = 0
_START: Final = 1


class Afar(Protocol):
    """Lets nodes of other processes see what a node of this one does."""

    def __call__(
        self, source: str, destination: str, is_dark: bool, reason: str, at_s: float
    ) -> None:
        """At `at_s` the light, or the dark, of a node has come to one that points at it."""


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
        clock: of the run.
        afar: reaches the nodes of other processes; None: there are none.
    """

    def __init__(self, plan: ContactPlan, clock: Clock, afar: Afar | None = None) -> None:
        self._afar = afar
        self._contacts = plan.contacts
        self._clock = clock
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
            self._clock.schedule(joins_s, self.join, node.name, NOT_YET_LAUNCHED)

    def start(self) -> None:
        """Follow the plan from now on."""
        now_s = self._clock.time()
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
            node.go_down(self._clock.time(), reason)

    def join(self, name: str, reason: str) -> None:
        """Take back one reason for which the node is down; it comes up with the last."""
        reasons = self._absent[name]
        reasons.remove(reason)
        if not reasons:
            self._nodes[name].go_up(self._clock.time())
            self._update(name, "")

    def darken(self, name: str, reason: str) -> None:
        """The node switches its terminals off: it neither sends nor hears, and others lose sight of it."""
        self._dark.setdefault(name, []).append(reason)
        self._update(name, reason)
        self._nodes[name].set_deaf(True)
        self._let_see(name, True, reason)

    def lighten(self, name: str, reason: str) -> None:
        """Take back one reason for which its terminals are off."""
        reasons = self._dark[name]
        reasons.remove(reason)
        self._let_see(name, False, reason)
        if not reasons:
            self._nodes[name].set_deaf(False)
            self._update(name, "")

    def see(self, source: str, destination: str, is_dark: bool, reason: str) -> None:
        """A node of ours sees that one of another process is dark, or that it is not any more."""
        known = reason in self._cuts.get((source, destination), ())
        if is_dark and not known:  # one that is started again says it again
            self.cut(source, destination, reason)
        elif not is_dark and known:  # it may not have seen the dark
            self.restore(source, destination, reason)

    def _let_see(self, name: str, is_dark: bool, reason: str) -> None:
        """Tell those who point at a node, now or later, when its light or its dark has come to them."""
        now_s = self._clock.time()
        owlt_s: dict[str, float] = {}
        next_s: dict[str, float] = {}
        for contact in self._contacts:
            source = contact.source
            if contact.destination != name:
                continue
            if contact.end_s > now_s:
                next_s[source] = min(contact.start_s, next_s.get(source, math.inf))
            if contact.start_s > now_s and source in owlt_s:
                continue  # the contact now or next says how far it is
            within_s = min(max(now_s, contact.start_s), contact.end_s)
            owlt_s[source] = contact.owlt_at(within_s)
        for source, start_s in sorted(next_s.items()):
            seen_s = self._seen_s.get((source, name), 0.0)  # what went first is seen first
            at_s = max(now_s + owlt_s[source], start_s - SEEN_BEFORE_S, seen_s)
            self._seen_s[source, name] = at_s
            if source in self._nodes:
                self._clock.schedule(at_s, self.see, source, name, is_dark, reason)
            elif self._afar is not None:
                self._afar(source, name, is_dark, reason, at_s)

    # -- the plan

    def _schedule_next(self, source: str) -> None:
        boundaries = self._boundaries[source]
        if boundaries:
            self._clock.schedule(boundaries[0][0], self._at_boundary, source)

    def _at_boundary(self, source: str) -> None:
        now_s = self._clock.time()
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
        now_s = self._clock.time()
        for number in sorted(self._planned[source]):
            possible = self._is_possible(number)
            if possible and number not in self._open:
                self._open.add(number)
                node.contact_started(number, now_s)
            elif not possible and number in self._open:
                self._open.remove(number)
                node.contact_ended(number, now_s, reason)
