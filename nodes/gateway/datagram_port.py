"""DatagramPort: a neighbour that is a UDP port to an attached program, and what frames are as datagrams."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple, cast

from dtn.errors import MalformedSegment
from dtn.ltp.segment import read_segment
from nodes.convergence.convergence_layer import Acknowledge
from nodes.convergence.udpcl import LONGEST_DATAGRAM_BYTES

Address = tuple[str, int]
Told = Callable[[str, int], object]
"""Hears once what became of what came for the program: why it is lost, or "", and how many octets of it are."""

FIRST_LOOK_UP_S, LOOK_UP_S = 0.5, 5.0
"""How often the address of a program is asked for that is known by its name."""

NOBODY_THERE = "program not there"
UNREACHABLE = "program unreachable"
TOO_LONG = "too long for a datagram"
MALFORMED_SEGMENT = "malformed segment"


class Pieces(NamedTuple):
    """The datagrams that something makes, and what of it makes none: how many octets, and why."""

    datagrams: list[bytes]
    lost_bytes: int = 0
    reason: str = ""


class DatagramPort(asyncio.DatagramProtocol):
    """A neighbour that is a UDP port: what comes goes on as it is.

    Args:
        came: takes datagrams of the program.
        peer: where the program is, by number or by name; None: where it last sent from.
        pieces: makes the datagrams of what came from the neighbour.
    """

    def __init__(
        self,
        came: Callable[[bytes, Acknowledge | None], object],
        peer: Address | None,
        pieces: Callable[[bytes], Pieces],
    ) -> None:
        self._came = came
        self._named = peer
        self._peer: Address | None = None
        self._pieces = pieces
        self._looking_up: asyncio.Task[None] | None = None
        self._failed = False
        self._transport: asyncio.DatagramTransport | None = None

    async def listen(self, host: str, port: int) -> int:
        """Take the program's datagrams at this address."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        if self._named is not None:
            self._looking_up = loop.create_task(self._look_up(*self._named))
            await asyncio.sleep(0)
        bound: int = transport.get_extra_info("sockname")[1]
        return bound

    def send(self, octets: bytes, told: Told) -> None:
        """Datagrams to the program, if it is known where that is."""
        if self._peer is None or self._transport is None or self._transport.is_closing():
            told(NOBODY_THERE, len(octets))  # it has not said anything yet
            return
        datagrams, lost_bytes, reason = self._pieces(octets)
        for datagram in datagrams:
            self._failed = False
            self._transport.sendto(datagram, self._peer)
            if self._failed:
                lost_bytes, reason = lost_bytes + len(datagram), UNREACHABLE
        told(reason, lost_bytes)

    async def stop(self) -> None:
        """Close the socket."""
        if self._looking_up is not None:
            self._looking_up.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # it is none by its class

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """The program sent a datagram."""
        if self._named is None:
            self._peer = addr
        self._came(data, None)

    async def _look_up(self, host: str, port: int) -> None:
        """Know where the program is, and again from time to time: a container that is started again has moved."""
        with contextlib.suppress(ValueError):
            ip_address(host)
            self._peer = (host, port)
            return
        assert self._transport is not None
        family = self._transport.get_extra_info("socket").family
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(OSError):  # its name is not known now
                found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
                self._peer = (str(found[0][4][0]), port)
            await asyncio.sleep(LOOK_UP_S if self._peer else FIRST_LOOK_UP_S)

    def error_received(self, exc: Exception) -> None:
        """The system would not take what is being sent: called before `sendto` returns."""
        self._failed = True


def as_it_is(octets: bytes) -> Pieces:
    """One datagram; too long a one is none."""
    if len(octets) <= LONGEST_DATAGRAM_BYTES:
        return Pieces([octets])
    return Pieces([], len(octets), TOO_LONG)


def segments(octets: bytes) -> Pieces:
    """A datagram for each LTP segment (RFC 7122 §3.3), as far as they can be told apart."""
    found: list[bytes] = []
    at = 0
    while at < len(octets):
        try:
            _, end = read_segment(octets, at)
        except MalformedSegment:
            return Pieces(found, len(octets) - at, MALFORMED_SEGMENT)
        found.append(octets[at:end])
        at = end
    return Pieces(found)
