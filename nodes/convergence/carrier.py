"""What the convergence layers over sockets and their node ask of each other.

A carrier speaks one protocol for one node: it listens, it keeps calling neighbours, and it takes
bundles for those to whom it has a link. Its user is told when links come and go, and what became of
every bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from dtn.bpa.outputs import Transmit
from nodes.convergence.convergence_layer import Acknowledge

LONGEST_DELAY_S = 60.0
"""Between two attempts to connect (RFC 9174 §4.1)."""

MAX_UNSAFE_BYTES = 2**24
"""Bundles that came in over one connection and are not safe yet: above this it is not read."""


class Carrier(Protocol):
    """One protocol at one node."""

    async def listen(self, host: str, port: int) -> int:
        """Take what comes to this address; returns the port, chosen by the system if it was 0.

        Raises:
            OSError: the address cannot be had.
        """

    def call(self, neighbour: str, host: str, port: int) -> None:
        """Keep a link to a neighbour."""

    def transmit(self, request: Transmit) -> None:
        """Send a bundle to a neighbour whose link is up."""

    async def stop(self) -> None:
        """Take leave of everybody and close."""


class CarrierUser(Protocol):
    """What a carrier tells."""

    def link_up(self, neighbour: str) -> None:
        """Bundles can be sent to this neighbour."""

    def link_down(self, neighbour: str, reason: str) -> None:
        """They cannot any more."""

    def link_ready(self, neighbour: str) -> None:
        """Another bundle can be taken."""

    def transfer_finished(self, transfer: int) -> None:
        """Nothing more is owed to this transfer."""

    def transfer_failed(self, transfer: int, reason: str, *, refused: bool = False) -> None:
        """The bundle did not get there; `refused`: it will not at once if it is sent again."""

    def received(self, octets: bytes, previous: str, acknowledge: Acknowledge | None) -> None:
        """Octets came that should be a bundle."""


def retry_delays() -> Iterator[float]:
    """Seconds to wait before each new attempt: doubled up to a minute."""
    delay_s = 1.0
    while True:
        yield min(delay_s, LONGEST_DELAY_S)
        delay_s *= 2
