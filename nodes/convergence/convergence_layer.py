"""What a node and its convergence layers ask of each other (RFC 9171 section 7.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dtn.bpa.outputs import Transmit
from dtn.bundle import Bundle

Acknowledge = Callable[[bool], object]
"""Told whether a bundle that came in is safe; False: there was no room for it."""


class ConvergenceLayer(Protocol):
    """The services a convergence layer gives to its node."""

    def start(self) -> None:
        """The node is up: take what comes from the network."""

    def stop(self) -> None:
        """The node is down: take nothing more."""

    def transmit(self, request: Transmit, now_s: float) -> None:
        """Send a bundle over an open contact, starting now."""

    def open(self, contact: int, now_s: float) -> None:
        """The contact is open; the node is told of it next."""

    def close(self, contact: int, now_s: float) -> list[Transmit]:
        """The contact is over: returns the transfers that fail with it."""


class ConvergenceUser(Protocol):
    """What a convergence layer tells its node."""

    def transfer_finished(self, transfer: int, now_s: float) -> None:
        """Nothing more is owed to this transfer."""

    def transfer_failed(self, transfer: int, reason: str, now_s: float) -> None:
        """The bundle did not reach the neighbour: the agent has it back."""

    def link_ready(self, neighbour: str, now_s: float) -> None:
        """Another bundle can be taken for this neighbour."""

    def received(
        self,
        content: bytes | Bundle,
        previous: str,
        now_s: float,
        size_bytes: int,
        light_s: float,
        acknowledge: Acknowledge | None = None,
    ) -> None:
        """A bundle came in whole from a neighbour, `light_s` after it left.

        `acknowledge` is called once, when the bundle is safe here (or nothing is left to do for
        it), or when it could not be stored.
        """
