"""Connection: what all convergence layers over TCP have in common, as an asyncio protocol.

Every connection has TCP_NODELAY set: a message waits for nobody (without it the last segment of
each exchange waits 40 ms for an acknowledgement that the peer delays).

Memory is bounded both ways. Bundles that came in and are not safe yet are counted, and above a bound
nothing more is read. What a peer does not read waits here up to a bound, above which the connection
is cut: bundles are asked for only when everything has been taken, so that only answers can get it
there. It waits in one piece: asyncio's own buffer is a list from Python 3.12 on, which is added up
at every write.
"""

from __future__ import annotations

import asyncio
import socket

from nodes.convergence.carrier import MAX_UNSAFE_BYTES

MAX_UNREAD_BYTES = 2**20
"""A peer that leaves so much unread is cut off."""

MAX_UNSAFE = 4096
"""Answers that wait for bundles to be safe: above this a connection is not read."""

CLOSING_S = 5.0
"""A peer has so long to read what was written before the end."""


class Connection(asyncio.Protocol):
    """One TCP connection; `closed` tells when it is over, and whether it was of use."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[bool] = self.loop.create_future()
        self.was_of_use = False
        self.is_full = False
        self.transport: asyncio.Transport | None = None
        self._unwritten = bytearray()
        self._unsafe_bytes = 0
        self._is_deaf = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        assert isinstance(transport, asyncio.Transport)
        self.use(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def use(self, transport: asyncio.Transport) -> None:
        """Read and write by this transport: TCP, or TLS over it."""
        self.transport = transport
        transport.set_write_buffer_limits(0)  # full as soon as anything waits

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.transport = None
        if not self.closed.done():
            self.closed.set_result(self.was_of_use)

    def pause_writing(self) -> None:
        """The system takes no more for now."""
        self.is_full = True

    def resume_writing(self) -> None:
        """The system has taken everything: what has gathered here follows."""
        self.is_full = False
        if self._unwritten and self.transport is not None:
            octets, self._unwritten = bytes(self._unwritten), bytearray()
            self.transport.write(octets)

    @property
    def peer(self) -> str:
        """The address at the other end."""
        name = self.transport.get_extra_info("peername") if self.transport else None
        return f"{name[0]}:{name[1]}" if name else ""

    def write(self, octets: bytes) -> None:
        """Write, unless the connection is gone; cut it if the peer reads nothing."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if not self.is_full:
            transport.write(octets)
            return
        self._unwritten += octets
        if len(self._unwritten) > MAX_UNREAD_BYTES:
            transport.abort()

    def close(self) -> None:
        """Close when everything written is out, or after a while."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if self._unwritten:
            transport.write(bytes(self._unwritten))
            self._unwritten.clear()
        is_waiting = self.is_full
        transport.close()
        if is_waiting:
            self.loop.call_later(CLOSING_S, transport.abort)

    def unsafe(self, change_bytes: int, waiting: int = 0) -> None:
        """So many more octets came in that are not safe yet; fewer if negative."""
        self._unsafe_bytes += change_bytes
        too_much = self._unsafe_bytes > MAX_UNSAFE_BYTES or waiting > MAX_UNSAFE
        if self.transport is None or too_much == self._is_deaf:
            return
        self._is_deaf = too_much
        if too_much:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
