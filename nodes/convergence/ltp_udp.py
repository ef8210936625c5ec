"""LtpUdp: LTP over UDP (RFC 7122 §3.3), a bundle a block, one segment a datagram.

`dtn.ltp.Engine` decides; this carries its segments, at a pace, and one timer a neighbour. A bundle is through when the
neighbour's report claims all of it; the report on one that came in waits until it is safe. A neighbour is known by its
address and has an engine number, by custom its node number; segments of other sessions are discarded.

A link is up from the call on: LTP has no handshake. A neighbour that never answers costs a bundle its checkpoints, and
gives it back. UDP has no flow control, so that datagrams leave at `rate_bps`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from random import Random
from typing import TYPE_CHECKING, cast

from dtn.bpa.outputs import Transmit
from dtn.codec import encode
from dtn.errors import InvalidValue
from dtn.ltp.engine import Engine
from dtn.ltp.options import EngineOptions
from dtn.ltp.outputs import (
    Output,
    RedPartReceived,
    TransmissionCancelled,
    TransmissionCompleted,
)
from dtn.ltp.outputs import Transmit as TransmitSegment
from dtn.ltp.segment import KEEPALIVE
from nodes.convergence.blocks import bundles_in
from nodes.convergence.carrier import CarrierUser
from nodes.timers import Timer, Timers

if TYPE_CHECKING:
    from dtn.ltp.authentication import Authentication

LTP_PORT = 1113
"""RFC 7122 §5."""

PACE_S = 0.002
"""Datagrams leave in bunches of so long."""

Address = tuple[str, int]


class LtpUdp(asyncio.DatagramProtocol):
    """LTP over UDP at one node.

    Args:
        number: of its engine.
        engines: of its neighbours, by name.
        timers: the loop.
        user: the node's end of its links.
        options: of the engines; reports always wait for the store.
        one_way_s: to a neighbour and through it: checkpoints go out again after twice as much.
        rate_bps: how fast datagrams leave, for each neighbour.
        authentication: by neighbour, how segments are signed and checked.
        rng: for serial numbers, not to be guessed.
    """

    def __init__(
        self,
        number: int,
        engines: Mapping[str, int],
        timers: Timers,
        user: CarrierUser,
        *,
        options: EngineOptions | None = None,
        one_way_s: float = 1.0,
        rate_bps: float = 100e6,
        authentication: Mapping[str, Authentication] | None = None,
        rng: Random | None = None,
    ) -> None:
        for key, value in (("one_way_s", one_way_s), ("rate_bps", rate_bps)):
            if not value > 0:
                raise InvalidValue(key, value, "must be above 0")
        self.timers = timers
        self.user = user
        self.rate_bps = rate_bps
        self.transport: asyncio.DatagramTransport | None = None
        self._number = number
        self._engines = engines
        self._options = replace(options or EngineOptions(), reports_wait=True)
        self._one_way_s = one_way_s
        self._authentication = authentication or {}
        self._rng = rng or Random()
        self._sessions = count(self._rng.randint(1, 2**14 - 1))
        self._links: dict[str, _Link] = {}
        self._names: dict[Address, str] = {}

    async def listen(self, host: str, port: int) -> int:
        """Send from and take datagrams at this address."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        bound: int = transport.get_extra_info("sockname")[1]
        return bound

    def call(self, neighbour: str, host: str, port: int) -> None:
        """A neighbour's address, numeric; its link is up from now on."""
        engine = Engine(
            self._number,
            self._engines[neighbour],
            lambda now_s: self._one_way_s,
            self._sessions,
            self._rng,
            self._options,
            self._authentication.get(neighbour),
        )
        engine.link(True, self.timers.time())
        self._links[neighbour] = _Link(self, neighbour, engine, (host, port))
        self._names[host, port] = neighbour
        self.user.link_up(neighbour)

    def transmit(self, request: Transmit) -> None:
        """Send a bundle as a block."""
        self._links[request.neighbour].transmit(request)

    async def stop(self) -> None:
        """Close the socket; what was not reported is given back."""
        for neighbour, link in self._links.items():
            link.stop()
            self.user.link_down(neighbour, "stopped")
        if self.transport is not None:
            self.transport.close()

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self.transport = cast("asyncio.DatagramTransport", transport)  # it is none by its class

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """A datagram came: one segment, or a keepalive. Strangers are not heard."""
        neighbour = self._names.get(addr)
        if neighbour is not None and data != KEEPALIVE:
            self._links[neighbour].receive(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there now: as lost as any datagram."""


class _Link:
    """The engine of one neighbour, with its address."""

    def __init__(self, home: LtpUdp, neighbour: str, engine: Engine, address: Address) -> None:
        self._home = home
        self._neighbour = neighbour
        self._engine = engine
        self._address = address
        self._transfers: dict[int, int] = {}
        self._refs = count(1)
        self._owes_ready = False
        self._free_s = -math.inf
        self._timer: Timer | None = None
        self._is_stopped = False

    def transmit(self, request: Transmit) -> None:
        ref = next(self._refs)
        self._transfers[ref] = request.transfer
        self._owes_ready = True
        now_s = self._home.timers.time()
        self._carry(self._engine.send(encode(request.bundle), ref, now_s))
        self._go_on()

    def receive(self, octets: bytes) -> None:
        self._carry(self._engine.receive(octets, self._home.timers.time()))
        self._go_on()

    def stop(self) -> None:
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
        transfers, self._transfers = self._transfers, {}
        for transfer in transfers.values():
            self._home.user.transfer_failed(transfer, "stopped")

    def _carry(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, RedPartReceived):
                self._received(output)
            elif isinstance(output, TransmissionCompleted):
                self._home.user.transfer_finished(self._transfers.pop(output.ref))
            elif isinstance(output, TransmissionCancelled):
                why = f"LTP session cancelled, reason {output.reason}"
                transfer = self._transfers.pop(output.ref)
                self._home.user.transfer_failed(transfer, why, refused=True)

    def _received(self, part: RedPartReceived) -> None:
        """Hand the bundles out; the report waits until every one of them is safe."""
        bundles = tuple(bundles_in(part.data))
        answers: list[bool] = []

        def acknowledge(is_safe: bool) -> None:
            answers.append(is_safe)
            if len(answers) == len(bundles) and not self._is_stopped:
                now_s = self._home.timers.time()
                self._carry(self._engine.accept(part.session, now_s, is_safe=all(answers)))
                self._go_on()

        for octets in bundles:
            self._home.user.received(octets, self._neighbour, acknowledge)

    def _go_on(self) -> None:
        """Send what the pace allows, ask for more when all is out, and set the timer."""
        if self._is_stopped:
            return
        now_s = self._home.timers.time()
        is_more = self._send(now_s)
        if self._owes_ready and self._engine.exports.is_all_sent():
            self._owes_ready = False
            self._home.user.link_ready(self._neighbour)
        due_s = min(self._engine.next_timer(), self._free_s if is_more else math.inf)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_s < math.inf:
            self._timer = self._home.timers.call_at(due_s, self._on_timer)

    def _send(self, now_s: float) -> bool:
        """Whether the pace, or the socket, holds something back."""
        transport = self._home.transport
        if transport is None or transport.is_closing():
            return False
        self._free_s = max(self._free_s, now_s - PACE_S)
        while self._free_s <= now_s:
            outputs = self._engine.dequeue(now_s)
            if not outputs:
                return False
            segment = outputs[0]
            assert isinstance(segment, TransmitSegment)
            transport.sendto(segment.octets, self._address)
            self._free_s += 8 * len(segment.octets) / self._home.rate_bps
            self._carry(outputs[1:])
        return True

    def _on_timer(self) -> None:
        self._timer = None
        self._carry(self._engine.on_timer(self._home.timers.time()))
        self._go_on()
