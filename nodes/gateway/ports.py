"""Ports: where an attached program finds its neighbours, an address for each, on a thread with a loop of its own.

A port speaks for one neighbour, under the neighbour's name: to the program it is that neighbour, next door. Network
time is wall time, whatever the emulated clock does (a timeout of ten seconds is ten seconds), so that sockets live here
and frames are handed across: in by `came`, out by `deliver`, each on the other's thread. What cannot be handed out is
told with its cause, as what was handed out is told: a port loses nothing in silence. (What the system's socket drops
after that, nobody sees.)
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import NamedTuple, Protocol, TypeVar

from dtn.bpa.outputs import Transmit
from dtn.codec import decode
from dtn.eid import IpnEid
from dtn.errors import MalformedBundle
from dtn.ltp.segment import KEEPALIVE
from dtn.tcpcl import SessionOptions
from nodes.convergence.carrier import Carrier
from nodes.convergence.convergence_layer import Acknowledge
from nodes.convergence.mtcp import Mtcp
from nodes.convergence.tcpcl import Tcpcl
from nodes.gateway.datagram_port import (
    NOBODY_THERE,
    Address,
    DatagramPort,
    Told,
    as_it_is,
    segments,
)
from nodes.wall_timers import WallTimers

T = TypeVar("T")
Came = Callable[[str, bytes, Acknowledge | None], object]
Back = Callable[[Callable[[], object]], object]
"""Calls something on the thread of the emulated loop."""

REFUSED_AGAIN_S = 5.0
PATIENCE_S = 10.0
PROGRAM = "program"
LONGEST_QUEUE = 10_000
"""Bundles that wait for a program that is not there; beyond, the oldest go."""

PROGRAM_QUEUE_FULL = "program's queue full"
MALFORMED_BUNDLE = "malformed bundle"


class Port(Protocol):
    """One neighbour, as the program sees it."""

    async def listen(self, host: str, port: int) -> int:
        """Take what the program sends; returns the port."""

    def send(self, octets: bytes, told: Told) -> None:
        """Hand the program what came from this neighbour."""

    async def stop(self) -> None:
        """Close."""


class _Owed(NamedTuple):
    """A bundle that the program has not got yet, and who waits to hear of it."""

    octets: bytes
    told: Told


class StreamPort:
    """A neighbour that speaks TCPCL or MTCP.

    Args:
        came: takes bundles of the program.
        make: makes the carrier, whose user this is.
        peer: where the program listens; None: it calls (TCPCL).
    """

    def __init__(
        self,
        came: Callable[[bytes, Acknowledge | None], object],
        make: Callable[[StreamPort], Carrier],
        peer: Address | None,
    ) -> None:
        self._came = came
        self._carrier = make(self)
        self._peer = peer
        self._waiting: deque[_Owed] = deque()
        self._sent: dict[int, _Owed] = {}
        self._numbers = count(1)
        self._is_ready = False

    async def listen(self, host: str, port: int) -> int:
        """Take the program's bundles at this address, and call it if it listens."""
        bound = await self._carrier.listen(host, port)
        if self._peer is not None:
            self._carrier.call(PROGRAM, *self._peer)
        return bound

    def send(self, octets: bytes, told: Told) -> None:
        """A bundle for the program, when there is a connection."""
        self._wait(_Owed(octets, told))

    async def stop(self) -> None:
        """Take leave."""
        await self._carrier.stop()

    def _wait(self, owed: _Owed) -> None:
        self._waiting.append(owed)
        self._keep_within_bounds()
        self._go_on()

    def _keep_within_bounds(self) -> None:
        while len(self._waiting) > LONGEST_QUEUE:
            oldest = self._waiting.popleft()
            oldest.told(PROGRAM_QUEUE_FULL, len(oldest.octets))

    def _go_on(self) -> None:
        while self._is_ready and self._waiting:
            owed = self._waiting.popleft()
            octets = owed.octets
            try:
                bundle = decode(octets, rules=False)
            except MalformedBundle:  # its sender's fault, and nobody's here to mend
                owed.told(MALFORMED_BUNDLE, len(octets))
                continue
            self._is_ready = False
            number = next(self._numbers)
            self._sent[number] = owed
            name = str(bundle.id)
            self._carrier.transmit(Transmit(number, PROGRAM, 0, name, bundle, len(octets)))

    # -- what the carrier tells

    def link_up(self, neighbour: str) -> None:
        """The program is connected."""
        self._is_ready = True
        self._go_on()

    def link_down(self, neighbour: str, reason: str) -> None:
        """It is not any more: what it has not got waits."""
        self._is_ready = False

    def link_ready(self, neighbour: str) -> None:
        """It can take another bundle."""
        self._is_ready = True
        self._go_on()

    def transfer_finished(self, transfer: int) -> None:
        """It has this one."""
        owed = self._sent.pop(transfer, None)
        if owed is not None:
            owed.told("", 0)

    def transfer_failed(self, transfer: int, reason: str, *, refused: bool = False) -> None:
        """It has not; if it refused, again after a while."""
        owed = self._sent.pop(transfer)
        if refused:
            asyncio.get_running_loop().call_later(REFUSED_AGAIN_S, self._wait, owed)
        else:
            self._waiting.appendleft(owed)
            self._keep_within_bounds()

    def received(self, octets: bytes, previous: str, acknowledge: Acknowledge | None) -> None:
        """It sent a bundle."""
        self._came(octets, acknowledge)


def make_port(
    carrier: str,
    came: Callable[[bytes, Acknowledge | None], object],
    neighbour: IpnEid,
    program: IpnEid,
    peer: Address | None,
    timers: WallTimers,
) -> Port:
    """The port of one neighbour.

    Args:
        carrier: udpcl, ltp, datagram, tcpcl or mtcp.
        came: takes what the program sends.
        neighbour: whom it speaks for.
        program: the node in whose place the program is.
        peer: where the program listens, or None.
        timers: of its loop.
    """
    if carrier in ("udpcl", "ltp"):

        def unless_keepalive(octets: bytes, acknowledge: Acknowledge | None) -> None:
            if octets and octets != KEEPALIVE:
                came(octets, acknowledge)

        return DatagramPort(unless_keepalive, peer, as_it_is if carrier == "udpcl" else segments)
    if carrier == "datagram":
        return DatagramPort(came, peer, as_it_is)

    def make(user: StreamPort) -> Carrier:
        if carrier == "mtcp":
            return Mtcp(user)
        return Tcpcl(SessionOptions(node_id=str(neighbour)), {PROGRAM: program}, timers, user)

    return StreamPort(came, make, peer)


class Gateway:
    """All ports of one attached program, on a thread of their own.

    Args:
        carrier: what the program speaks.
        program: the node in whose place it is.
        neighbours: an endpoint of each, by name.
        peer: where the program listens, or None.
        came: takes what it sends, on the ports' thread.
        back: lets something happen on the emulated loop's thread.
    """

    def __init__(
        self,
        carrier: str,
        program: IpnEid,
        neighbours: Mapping[str, IpnEid],
        peer: Address | None,
        came: Came,
        back: Back,
    ) -> None:
        self._back = back
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._ports: dict[str, Port] = {}
        self._made = (carrier, program, dict(neighbours), peer, came)

    def start(self, host: str, first_port: int) -> dict[str, int]:
        """Listen at one port after the other, neighbours in order of name; returns the ports.

        Raises:
            OSError: one of them cannot be had.
        """
        self._thread.start()
        return self._wait(self._listen(host, first_port))

    def deliver(self, neighbour: str, octets: bytes, told: Told) -> None:
        """Hand the program what came from a neighbour; `told` hears of it, both on the emulated loop's thread."""
        port = self._ports.get(neighbour)
        if port is None or self._loop.is_closed():
            told(NOBODY_THERE, len(octets))
            return

        def tell(reason: str, lost_bytes: int) -> None:
            self._back(partial(told, reason, lost_bytes))

        self._loop.call_soon_threadsafe(port.send, octets, tell)

    def soon(self, acknowledge: Acknowledge, is_safe: bool) -> None:
        """Let the program know on the ports' thread; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(acknowledge, is_safe)

    def stop(self) -> None:
        """Close all ports."""
        if self._thread.is_alive():
            with contextlib.suppress(TimeoutError):
                self._wait(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)
        self._loop.close()

    async def _listen(self, host: str, first_port: int) -> dict[str, int]:
        carrier, program, neighbours, peer, came = self._made
        timers = WallTimers(datetime.now(UTC))
        bound = {}
        for place, name in enumerate(sorted(neighbours)):
            took = partial(came, name)
            port = make_port(carrier, took, neighbours[name], program, peer, timers)
            bound[name] = await port.listen(host, first_port + place if first_port else 0)
            self._ports[name] = port
        return bound

    async def _close(self) -> None:
        await asyncio.gather(*(port.stop() for port in self._ports.values()))

    def _wait(self, work: Coroutine[object, object, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(PATIENCE_S)
