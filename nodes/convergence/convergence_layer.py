"""What a node and its convergence layers ask of each other (RFC 9171 section 7.2)."""

from __future__ import annotations

from typing import Protocol

from dtn.bpa.outputs import Transmit
from dtn.bundle import Bundle
from nodes.channel.frame import Frame


class ConvergenceLayer(Protocol):
    """The services a convergence layer gives to its node."""

    def transmit(self, request: Transmit, now_s: float) -> None:
        """Send a bundle over an open contact, starting now."""

    def close(self, contact: int, now_s: float) -> Transmit | None:
        """The contact is over: returns the transfer that it cuts short, if any."""

    def receive(self, frame: Frame) -> None:
        """A frame arrived."""


class ConvergenceUser(Protocol):
    """What a convergence layer tells its node."""

    def transfer_finished(self, transfer: int, now_s: float) -> None:
        """Nothing more is owed to this transfer."""

    def link_ready(self, neighbour: str, now_s: float) -> None:
        """Another bundle can be taken for this neighbour."""

    def received(
        self,
        content: bytes | Bundle,
        previous: str,
        now_s: float,
        size_bytes: int,
        light_s: float,
    ) -> None:
        """A bundle came in whole from a neighbour, `light_s` after it left."""
