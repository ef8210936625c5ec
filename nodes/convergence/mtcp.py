"""Mtcp: one CBOR byte string per bundle over TCP, one way, and nothing else.

Source: draft-ietf-dtn-mtcpcl-01. What µD3TN, its pyd3tn and dtn7 speak. There is no handshake, no
name of the sender and no acknowledgement: a bundle is done when it is written, and one written into
a connection that breaks is lost. An empty byte string is passed over as a keepalive, as STCP has it.

What is no byte string, or longer than this side takes, ends the connection: where the next would
begin cannot be known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

from dtn import cbor
from dtn.bpa.outputs import Transmit
from dtn.codec import encode
from nodes.convergence.caller import Caller
from nodes.convergence.carrier import CarrierUser, retry_delays
from nodes.convergence.connection import Connection

MTCP_PORT = 4224
"""By custom."""

MAX_BUNDLE_BYTES = 2**28
_BYTE_STRING = 2
_LENGTH_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}


class NotMtcpError(ValueError):
    """The stream is no sequence of byte strings that this side takes."""


class ByteStrings:
    """Reads a stream of CBOR byte strings, cut anywhere.

    Args:
        most_bytes: longer ones are refused before they come.
    """

    def __init__(self, most_bytes: int = MAX_BUNDLE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._octets = bytearray()

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """Take octets, give the byte strings that they complete.

        Raises:
            NotMtcpError: something else came.
        """
        self._octets += octets
        at = 0
        while (place := self._place(at)) is not None:
            start, at = place
            yield bytes(memoryview(self._octets)[start:at])
        del self._octets[:at]

    def _place(self, at: int) -> tuple[int, int] | None:
        """Where the byte string that begins here has its content; None while octets are missing."""
        if at >= len(self._octets):
            return None
        major, info = divmod(self._octets[at], 32)
        size = _LENGTH_BYTES.get(info, 0)
        if major != _BYTE_STRING or (info >= 24 and not size):
            raise NotMtcpError(f"0x{self._octets[at]:02x} begins no byte string")
        start = at + 1 + size
        if start > len(self._octets):
            return None
        length = int.from_bytes(self._octets[at + 1 : start], "big") if size else info
        if length > self._most_bytes:
            raise NotMtcpError(f"a byte string of {length} octets")
        return (start, start + length) if start + length <= len(self._octets) else None


class _Incoming(Connection):
    """A connection on which bundles come."""

    def __init__(self, user: CarrierUser) -> None:
        super().__init__()
        self._user = user
        self._strings = ByteStrings()

    def data_received(self, data: bytes) -> None:
        try:
            for octets in self._strings.feed(data):
                if octets:  # else a keepalive
                    self.unsafe(len(octets))
                    acknowledge = partial(self._safe, len(octets))
                    self._user.received(octets, self.peer, acknowledge)
        except NotMtcpError:
            self.close()

    def _safe(self, size_bytes: int, is_safe: bool) -> None:
        self.unsafe(-size_bytes)


class _Outgoing(Connection):
    """A connection to a neighbour."""

    def __init__(self, home: Mtcp, neighbour: str) -> None:
        super().__init__()
        self._home = home
        self._neighbour = neighbour
        self._is_owed_more = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.was_of_use = True
        self._home.links[self._neighbour] = self
        self._home.user.link_up(self._neighbour)

    def send(self, request: Transmit) -> None:
        octets = encode(request.bundle)
        self.write(cbor.head(_BYTE_STRING, len(octets)) + octets)
        self._home.user.transfer_finished(request.transfer)
        if self.is_full:
            self._is_owed_more = True
        else:
            self._home.user.link_ready(self._neighbour)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._is_owed_more and not self.is_full:
            self._is_owed_more = False
            self._home.user.link_ready(self._neighbour)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._home.links.pop(self._neighbour, None)
        self._home.user.link_down(self._neighbour, "connection lost")


class Mtcp:
    """MTCP at one node.

    Args:
        user: the node's end of its links.
        delays: makes the waits between attempts to connect.
    """

    def __init__(
        self, user: CarrierUser, *, delays: Callable[[], Iterator[float]] = retry_delays
    ) -> None:
        self.user = user
        self.links: dict[str, _Outgoing] = {}
        self._delays = delays
        self._callers: list[Caller] = []
        self._servers: list[asyncio.Server] = []
        self._incoming: set[_Incoming] = set()

    async def listen(self, host: str, port: int) -> int:
        """Take bundles at this address."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._answer, host, port)
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    def call(self, neighbour: str, host: str, port: int) -> None:
        """Keep a connection to a neighbour."""
        make = partial(_Outgoing, self, neighbour)
        self._callers.append(Caller(host, port, make, self._delays))

    def transmit(self, request: Transmit) -> None:
        """Send a bundle over the neighbour's connection."""
        link = self.links.get(request.neighbour)
        if link is not None:
            link.send(request)
        else:
            self.user.transfer_failed(request.transfer, "no connection", refused=True)

    async def stop(self) -> None:
        """Close all connections."""
        for caller in self._callers:
            caller.stop()
        for server in self._servers:
            server.close()
        connections = [*self.links.values(), *self._incoming]
        for connection in connections:
            connection.close()
        await asyncio.gather(*(connection.closed for connection in connections))

    def _answer(self) -> _Incoming:
        connection = _Incoming(self.user)
        self._incoming.add(connection)
        connection.closed.add_done_callback(lambda _: self._incoming.discard(connection))
        return connection
