"""Tcpcl: TCPCLv4 sessions (RFC 9174) of one node, on asyncio.

`dtn.tcpcl.Session` decides; a `TcpclConnection` carries out what it says on one TCP connection, with
TLS 1.3 where both can, and one timer. `Tcpcl` knows which neighbour is at the other end of which
session: bundles go both ways, whoever called. A neighbour is who it says it is, and with TLS only if
its certificate says so too (`nodes.convergence.certificate`).

A link is up while there is a session with the neighbour. With two (both called), bundles go over
the first; when it ends the second takes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from dtn.bpa.outputs import Transmit
from dtn.codec import encode
from dtn.eid import Eid, NodeKey, parse_eid
from dtn.errors import InvalidValue
from dtn.tcpcl import RefuseReason, Session, SessionOptions, State, TermReason
from dtn.tcpcl.outputs import (
    Ended,
    Ending,
    Established,
    Failed,
    Finished,
    Output,
    Received,
    Rejected,
    Send,
    Sent,
    StartTls,
)
from nodes.convergence.caller import Caller
from nodes.convergence.carrier import CarrierUser, retry_delays
from nodes.convergence.certificate import TlsOptions, names_node
from nodes.convergence.connection import Connection
from nodes.timers import Timer, Timers

TCPCL_PORT = 4556
"""RFC 9174 §8.1."""

MAX_SESSIONS = 256
"""More are turned away as busy."""


class TcpclConnection(Connection):
    """One session on one connection.

    Args:
        home: what it belongs to.
        session: decides.
    """

    def __init__(self, home: Tcpcl, session: Session) -> None:
        super().__init__()
        self.session = session
        self.neighbour = ""
        self.unsent: int | None = None
        self._home = home
        self._timers = home.timers
        self._timer: Timer | None = None
        self._is_pumping = False
        self._tls: asyncio.Task[None] | None = None
        self._early = b""

    # -- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is connected."""
        super().connection_made(transport)
        self._home.joined(self)
        self.do(self.session.connected(self._timers.time()))

    def data_received(self, data: bytes) -> None:
        """Octets came in; during the TLS handshake only what came through it, a moment early."""
        if self.session.state is State.SECURING and self._tls is not None:
            self._early += data
            return
        self.do(self.session.receive(data, self._timers.time()))
        self.unsafe(0, self.session.owed)

    def resume_writing(self) -> None:
        """The connection can take more."""
        super().resume_writing()
        if not self.is_full:
            self._pump()
            self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """TCP is gone."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()
        reason = "connection lost" if exc is None else f"connection lost: {exc}"
        self.do(self.session.disconnected(self._timers.time(), reason))
        self._home.left(self)

    # -- the user

    def send(self, transfer: int, octets: bytes) -> None:
        """Send a bundle."""
        self.unsent = transfer
        is_up = self.session.state is State.ESTABLISHED
        outputs = self.session.send(transfer, octets, self._timers.time())
        if is_up:
            self.do(outputs)
        else:  # its end is among the outputs being carried out: first that, else it comes back here
            self.loop.call_soon(self.do, outputs)

    def decide(self, transfer: int, size_bytes: int, is_safe: bool) -> None:
        """The fate of a bundle that came in is known."""
        now_s = self._timers.time()
        if is_safe:
            self.do(self.session.accept(transfer, now_s))
        else:
            self.do(self.session.refuse(transfer, RefuseReason.NO_RESOURCES, now_s))
        self.unsafe(-size_bytes, self.session.owed)

    def terminate(self, reason: TermReason = TermReason.UNKNOWN) -> None:
        """End the session."""
        self.do(self.session.terminate(reason, self._timers.time()))

    # -- carrying out

    def do(self, outputs: Iterable[Output]) -> None:
        """Carry out what the session says, let it go on, and set the timer."""
        for output in outputs:
            self._carry_out(output)
        self._pump()
        self._set_timer()

    def _pump(self) -> None:
        """Let the session send while the connection takes it."""
        if self._is_pumping or self.session.state not in _SENDING:
            return
        self._is_pumping = True
        try:
            while not self.is_full and (outputs := self.session.writable(self._timers.time())):
                for output in outputs:
                    self._carry_out(output)
        finally:
            self._is_pumping = False

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send(octets):
                self.write(octets)
            case Received(transfer, octets):
                self.unsafe(len(octets))
                acknowledge = partial(self.decide, transfer, len(octets))
                self._home.user.received(octets, self.neighbour or self.peer, acknowledge)
            case Sent():
                self._ready()
            case Finished(ref):
                self._home.user.transfer_finished(ref)
            case Failed(ref, reason, refused):
                if self.unsent == ref:
                    self._ready()
                self._home.user.transfer_failed(ref, reason, refused=refused is not None)
            case Established(node_id):
                self._home.established(self, node_id)
            case Ending(reason):
                self._home.ending(self, reason)
            case Ended():
                self.close()
            case StartTls():
                assert self.transport is not None
                self.transport.pause_reading()  # what comes next belongs to the handshake
                self._tls = self.loop.create_task(self._start_tls())
            case Rejected():
                pass  # the session ends, and says so

    def _ready(self) -> None:
        self.unsent = None
        self._home.ready(self)

    async def _start_tls(self) -> None:
        tls = self._home.tls
        assert tls is not None
        assert self.transport is not None
        context = tls.client if self.session.is_active else tls.server
        try:
            transport = await self.loop.start_tls(
                self.transport, self, context, server_side=not self.session.is_active
            )
        except OSError as fault:  # SSLError and TimeoutError are
            self.do(self.session.disconnected(self._timers.time(), f"no TLS: {fault}"))
            return
        if isinstance(transport, asyncio.Transport):  # else it is gone already
            self.use(transport)
            self.do(self.session.secured(self._timers.time()))
            self.data_received(self._early)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_s = self.session.next_timer()
        if due_s < float("inf"):
            self._timer = self._timers.call_at(due_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.do(self.session.on_timer(self._timers.time()))


_SENDING = frozenset({State.ESTABLISHED, State.ENDING})


class Tcpcl:
    """All TCPCL sessions of one node.

    Args:
        options: of every session.
        neighbours: an endpoint of each, by their names.
        timers: the loop.
        user: the node's end of its links.
        tls: certificates; with them TLS is offered.
        delays: makes the waits between attempts to connect.
    """

    def __init__(
        self,
        options: SessionOptions,
        neighbours: Mapping[str, Eid],
        timers: Timers,
        user: CarrierUser,
        *,
        tls: TlsOptions | None = None,
        delays: Callable[[], Iterator[float]] = retry_delays,
    ) -> None:
        self.options = replace(
            options, can_tls=tls is not None, requires_tls=tls is not None and tls.is_required
        )
        self.timers = timers
        self.user = user
        self.tls = tls
        self._neighbours = neighbours
        self._names = {eid.node: name for name, eid in neighbours.items()}
        self._delays = delays
        self._connections: set[TcpclConnection] = set()
        self._links: dict[str, list[TcpclConnection]] = {}
        self._callers: list[Caller] = []
        self._servers: list[asyncio.Server] = []

    async def listen(self, host: str, port: int) -> int:
        """Take sessions at this address."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._answer, host, port)
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    def call(self, neighbour: str, host: str, port: int) -> None:
        """Keep a session with a neighbour."""
        make = partial(self._make, neighbour)
        self._callers.append(Caller(host, port, make, self._delays))

    def transmit(self, request: Transmit) -> None:
        """Send a bundle over the neighbour's session."""
        links = self._links.get(request.neighbour)
        if links:
            links[0].send(request.transfer, encode(request.bundle))
        else:
            self.user.transfer_failed(request.transfer, "no session", refused=True)

    async def stop(self) -> None:
        """End all sessions and wait for their ends, which are bounded in time."""
        for caller in self._callers:
            caller.stop()
        for server in self._servers:
            server.close()
        waiting = []
        for connection in tuple(self._connections):
            connection.terminate()
            waiting.append(connection.closed)
        await asyncio.gather(*waiting)

    # -- the connections

    def joined(self, connection: TcpclConnection) -> None:
        """A connection is there."""
        self._connections.add(connection)

    def left(self, connection: TcpclConnection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)

    def established(self, connection: TcpclConnection, node_id: str) -> None:
        """A session is up: find out with whom."""
        if len(self._connections) > MAX_SESSIONS:
            connection.terminate(TermReason.BUSY)
            return
        if not self._is_proven(connection, node_id):
            connection.terminate(TermReason.CONTACT_FAILURE)
            return
        connection.was_of_use = True
        name = self._names.get(_node_of(node_id))
        connection.neighbour = name or node_id
        if name is None:
            return  # it may send, and nothing is routed to it
        links = self._links.setdefault(name, [])
        links.append(connection)
        if len(links) == 1:
            self.user.link_up(name)

    def ending(self, connection: TcpclConnection, reason: str) -> None:
        """A session takes no more bundles."""
        name = connection.neighbour
        links = self._links.get(name, [])
        if connection not in links:
            return
        links.remove(connection)
        if not links:
            self.user.link_down(name, reason)
        elif connection.unsent is not None:
            self.user.link_ready(name)

    def ready(self, connection: TcpclConnection) -> None:
        """A session can take another bundle."""
        if connection in self._links.get(connection.neighbour, ())[:1]:
            self.user.link_ready(connection.neighbour)

    def _is_proven(self, connection: TcpclConnection, node_id: str) -> bool:
        """Whether the peer's certificate names it, where certificates are asked to (§4.4.4)."""
        if self.tls is None or not self.tls.proves_node_id or connection.transport is None:
            return True
        secured = connection.transport.get_extra_info("ssl_object")
        return secured is not None and names_node(secured.getpeercert(True), node_id)

    def _answer(self) -> TcpclConnection:
        return TcpclConnection(self, Session(self.options, is_active=False))

    def _make(self, neighbour: str) -> TcpclConnection:
        options = replace(self.options, expected_node_id=str(self._neighbours[neighbour]))
        return TcpclConnection(self, Session(options, is_active=True))


def _node_of(node_id: str) -> NodeKey | None:
    try:
        return parse_eid(node_id).node
    except InvalidValue:
        return None
