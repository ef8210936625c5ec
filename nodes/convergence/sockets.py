"""Sockets: the convergence layer of a node whose neighbours are on the network outside.

Each neighbour is reached by one carrier (TCPCL, MTCP or UDPCL). A contact with a neighbour begins
when the link to it comes up and ends when it goes down; it is a contact of the node's plan, so
that routing sees it as any other. What comes in is handed to the node as octets, whoever sent it.

A bundle that a neighbour refuses would be refused again at once: it is given back to the agent only
after a while, and others go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dtn.bpa.outputs import Transmit
from nodes.convergence.carrier import Carrier
from nodes.convergence.convergence_layer import Acknowledge, ConvergenceUser
from nodes.timers import Timers

REFUSED_AGAIN_S = 5.0
"""A refused bundle is given back after so long."""


class LinkUser(ConvergenceUser, Protocol):
    """A node that is told when its links come and go."""

    def contact_started(self, contact: int, now_s: float) -> None:
        """The link of this contact is up."""

    def contact_ended(self, contact: int, now_s: float, reason: str = "scheduled") -> None:
        """The link of this contact is down."""


class Sockets:
    """The convergence layer of one node.

    Args:
        user: the node.
        contacts: by neighbour, the number of the contact that its link is.
        timers: the loop.
    """

    def __init__(self, user: LinkUser, contacts: Mapping[str, int], timers: Timers) -> None:
        self._user = user
        self._contacts = contacts
        self._timers = timers
        self._carriers: dict[str, Carrier] = {}
        self._is_up = False
        self._links: set[str] = set()

    def reach(self, neighbour: str, carrier: Carrier) -> None:
        """Bundles for this neighbour go by this carrier."""
        self._carriers[neighbour] = carrier

    # -- the node

    def start(self) -> None:
        """The node is up."""
        self._is_up = True

    def stop(self) -> None:
        """The node is down: what comes is left unanswered."""
        self._is_up = False

    def open(self, contact: int, now_s: float) -> None:
        """The contact is open: nothing waits for it here."""

    def close(self, contact: int, now_s: float) -> list[Transmit]:
        """The contact is over: carriers have said already what fails with it."""
        return []

    def transmit(self, request: Transmit, now_s: float) -> None:
        """Send a bundle."""
        self._carriers[request.neighbour].transmit(request)

    # -- the carriers

    def link_up(self, neighbour: str) -> None:
        """Bundles can be sent to this neighbour."""
        if neighbour in self._contacts and neighbour not in self._links:
            self._links.add(neighbour)
            self._user.contact_started(self._contacts[neighbour], self._timers.time())

    def link_down(self, neighbour: str, reason: str) -> None:
        """They cannot any more."""
        if neighbour in self._links:
            self._links.remove(neighbour)
            self._user.contact_ended(self._contacts[neighbour], self._timers.time(), reason)

    def link_ready(self, neighbour: str) -> None:
        """Another bundle can be taken."""
        if neighbour in self._links:
            self._user.link_ready(neighbour, self._timers.time())

    def transfer_finished(self, transfer: int) -> None:
        """Nothing more is owed to this transfer."""
        self._user.transfer_finished(transfer, self._timers.time())

    def transfer_failed(self, transfer: int, reason: str, *, refused: bool = False) -> None:
        """The bundle did not get there."""
        if refused:
            due_s = self._timers.time() + REFUSED_AGAIN_S
            self._timers.schedule(due_s, self._user.transfer_failed, transfer, reason, due_s)
        else:
            self._user.transfer_failed(transfer, reason, self._timers.time())

    def received(self, octets: bytes, previous: str, acknowledge: Acknowledge | None) -> None:
        """Octets came that should be a bundle."""
        if self._is_up:
            now_s = self._timers.time()
            self._user.received(octets, previous, now_s, len(octets), 0.0, acknowledge)
        elif acknowledge is not None:
            acknowledge(False)
