"""Udpcl: one bundle per UDP datagram (framing of RFC 7122 sections 3.1 to 3.5).

A datagram is a bundle, or four octets of zero: a keepalive, passed over in silence. A bundle longer
than a datagram may be is fragmented as a bundle (RFC 9171 section 5.8), never by IP; one that must
not be fragmented fails. There is no acknowledgement and no congestion control: who sends here has
to know the link. A neighbour is known by its address.

Whatever comes costs one datagram: neither an empty one nor anything else stops the listener.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import cast

from dtn.bpa.outputs import Transmit
from dtn.codec import encode
from dtn.errors import InvalidValue
from dtn.fragmentation import fragment
from nodes.convergence.carrier import CarrierUser
from nodes.timers import Timer, Timers

UDPCL_PORT = 4556
"""RFC 7122 §5."""

KEEPALIVE = bytes(4)
"""RFC 7122 §3.4."""

LEAST_KEEPALIVE_S = 15.0
LONGEST_DATAGRAM_BYTES = 65_507
"""UDP over IPv4."""

_IP_MTU_DISCOVER, _IP_PMTUDISC_DO = 10, 2  # Linux: never fragment, in <linux/in.h>

Address = tuple[str, int]


class Udpcl(asyncio.DatagramProtocol):
    """UDPCL at one node.

    Args:
        timers: the loop.
        user: the node's end of its links.
        max_bytes: the longest datagram: the path's MTU less the headers of IP and UDP.
        keepalive_s: interval of keepalives to neighbours that are sent nothing else; 0 is none.

    Raises:
        InvalidValue: an interval below 15 s (RFC 7122 §3.4), or datagrams that cannot be.
    """

    def __init__(
        self,
        timers: Timers,
        user: CarrierUser,
        *,
        max_bytes: int = LONGEST_DATAGRAM_BYTES,
        keepalive_s: float = LEAST_KEEPALIVE_S,
    ) -> None:
        if keepalive_s and keepalive_s < LEAST_KEEPALIVE_S:
            raise InvalidValue("keepalive_s", keepalive_s, "must be 0 or at least 15")
        if not 0 < max_bytes <= LONGEST_DATAGRAM_BYTES:
            raise InvalidValue("max_bytes", max_bytes, f"must be 1 to {LONGEST_DATAGRAM_BYTES}")
        self._timers = timers
        self._user = user
        self._max_bytes = max_bytes
        self._keepalive_s = keepalive_s
        self._transport: asyncio.DatagramTransport | None = None
        self._addresses: dict[str, Address] = {}
        self._names: dict[Address, str] = {}
        self._spoke_s: dict[str, float] = {}
        self._waiting: list[str] = []
        self._is_full = False
        self._timer: Timer | None = None

    async def listen(self, host: str, port: int) -> int:
        """Send from and take datagrams at this address."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        bound: int = transport.get_extra_info("sockname")[1]
        return bound

    def call(self, neighbour: str, host: str, port: int) -> None:
        """A neighbour's address, numeric; its link is up from now on."""
        self._addresses[neighbour] = (host, port)
        self._names[host, port] = neighbour
        self._spoke_s[neighbour] = self._timers.time()
        self._user.link_up(neighbour)
        self._set_timer()

    def transmit(self, request: Transmit) -> None:
        """Send a bundle, in fragments if need be."""
        neighbour = request.neighbour
        try:
            pieces = fragment(request.bundle, self._max_bytes)
        except InvalidValue as fault:
            self._user.link_ready(neighbour)
            self._user.transfer_failed(request.transfer, fault.mend, refused=True)
            return
        for piece in pieces:
            self._send(neighbour, encode(piece))
        self._user.transfer_finished(request.transfer)
        if self._is_full:
            self._waiting.append(neighbour)
        else:
            self._user.link_ready(neighbour)

    async def stop(self) -> None:
        """Close the socket."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
        for neighbour in self._addresses:
            self._user.link_down(neighbour, "stopped")

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # it is none by its class
        with contextlib.suppress(OSError):  # not of every system
            transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DO
            )

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A datagram came."""
        if data != KEEPALIVE:
            source = self._names.get(addr) or f"{addr[0]}:{addr[1]}"
            self._user.received(data, source, None)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there now, or it was too long for the path: as lost as any datagram."""

    def pause_writing(self) -> None:
        """The socket takes no more."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It does again."""
        self._is_full = False
        waiting, self._waiting = self._waiting, []
        for neighbour in waiting:
            self._user.link_ready(neighbour)

    # -- sending

    def _send(self, neighbour: str, octets: bytes) -> None:
        self._spoke_s[neighbour] = self._timers.time()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(octets, self._addresses[neighbour])

    def _set_timer(self) -> None:
        if self._keepalive_s and self._timer is None:
            due_s = min(self._spoke_s.values()) + self._keepalive_s
            self._timer = self._timers.call_at(due_s, self._keep_alive)

    def _keep_alive(self) -> None:
        self._timer = None
        now_s = self._timers.time()
        for neighbour, spoke_s in tuple(self._spoke_s.items()):
            if now_s >= spoke_s + self._keepalive_s:
                self._send(neighbour, KEEPALIVE)
        self._set_timer()
