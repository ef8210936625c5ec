"""RunningNode: a node of ours on real sockets, from its file to its last goodbye.

It routes by its file: what is for a neighbour, or for a node that a neighbour reaches, waits until there is a link to
that neighbour and goes over it. It echoes at service 7. What happens is told in the events of any run; times count from
`EPOCH`, so that a store that is kept means the same after a restart. Its clock is the machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from random import SystemRandom

import dtn.routing.strategies  # noqa: F401  # registers them
from dtn.bpa import Agent, AgentOptions
from dtn.contact_plan import Contact, ContactPlan
from dtn.eid import Eid, IpnEid, NodeKey, parse_eid
from dtn.errors import BadInput, Fault
from dtn.events import Event
from dtn.ltp.options import EngineOptions
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine
from dtn.store import MemoryStore
from dtn.tcpcl import SessionOptions
from emulator.outside.settings import DATAGRAMS, Address, NodeFile, address_of
from nodes.applications import Echo
from nodes.convergence.carrier import Carrier
from nodes.convergence.certificate import TlsOptions, tls_from_files
from nodes.convergence.ltp_udp import LtpUdp
from nodes.convergence.mtcp import Mtcp
from nodes.convergence.tcpcl import Tcpcl
from nodes.convergence.udpcl import Udpcl
from nodes.socket_node import LASTING_RATE_BPS, LASTING_S, SocketNode, lasting_contacts
from nodes.sqlite_store import SqliteStore
from nodes.wall_timers import WallTimers

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DTN_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
ANY_ADDRESS = Address("0.0.0.0", 0)  # datagrams to neighbours leave from anywhere
OWN_NAME = "self"


class RunningNode:
    """One node.

    Args:
        file: what it is.
        record: takes events.

    Raises:
        BadInput: a file that it names cannot be used.
    """

    def __init__(self, file: NodeFile, record: Callable[[Event], object]) -> None:
        settings = file.settings
        self.file = file
        self.timers = WallTimers(EPOCH)
        self._eids: dict[str, Eid] = {n.name: parse_eid(n.node) for n in settings.neighbours}
        self._tls = _tls(file)
        plan, names = self._plan()
        agent = Agent(
            OWN_NAME,
            AgentOptions(
                node_id=file.node,
                names=names,
                start_dtn_ms=round((EPOCH - DTN_EPOCH).total_seconds() * 1000),
                status_reports=settings.status_reports,
                fragment=True,
            ),
            RoutingEngine(OWN_NAME, plan, load_strategy("static"), SystemRandom()),
        )
        self._store: SqliteStore | MemoryStore = MemoryStore()
        if settings.store is not None:
            path = file.beside(settings.store)
            self._store = SqliteStore(path, self.timers.loop, quota_bytes=settings.quota_bytes)
        self._outside = SocketNode(agent, self._store, plan, self.timers, record)
        self.node = self._outside.node
        self._carriers: dict[str, Carrier] = {}

    async def start(self) -> list[tuple[str, Address]]:
        """Listen, go up and call neighbours; returns by which protocol it listens where.

        Raises:
            BadInput: an address cannot be had.
        """
        settings = self.file.settings
        bound: list[tuple[str, Address]] = []
        for place, listen in enumerate(settings.listen):
            at = address_of(listen.at)
            try:
                port = await self._outside.listen(self._carrier(listen.carrier), *at)
            except OSError as fault:
                mend = f"cannot be had ({fault.strerror}): choose another address"
                bad = Fault(str(self.file.path), f"listen[{place}].at", listen.at, mend)
                raise BadInput(bad) from None
            bound.append((listen.carrier, Address(at.host, port)))
        listening = {carrier for carrier, _ in bound}
        for carrier in DATAGRAMS:
            if carrier not in listening and any(n.carrier == carrier for n in settings.neighbours):
                await self._outside.listen(self._carrier(carrier), *ANY_ADDRESS)
        for service in settings.services:
            self.node.agent.registered(str(service), False, self.timers.time())
        self.node.restore(self.timers.time())
        self.node.register(Echo(self.node))
        self.node.go_up(self.timers.time())
        for neighbour in settings.neighbours:
            made = self._carrier(neighbour.carrier)
            if neighbour.at is None:
                self._outside.expect(made, neighbour.name)
            else:
                self._outside.call(made, neighbour.name, *address_of(neighbour.at))
        return bound

    async def stop(self) -> None:
        """Take leave."""
        await self._outside.stop()
        if isinstance(self._store, SqliteStore):
            self._store.close()

    def _plan(self) -> tuple[ContactPlan, dict[NodeKey, str]]:
        """Links that last, and names of everybody known."""
        neighbours = self.file.settings.neighbours
        contacts = [*lasting_contacts(OWN_NAME, self._eids).contacts]
        names: dict[NodeKey, str] = {self.file.node.node: OWN_NAME} if self.file.node.node else {}
        for neighbour in neighbours:
            for text, name in (
                (neighbour.node, neighbour.name),
                *((text, text) for text in neighbour.reaches),
            ):
                node = parse_eid(text).node
                assert node is not None
                names[node] = name
            for text in neighbour.reaches:
                lasting = (0.0, LASTING_S, LASTING_RATE_BPS, 0.0)
                contacts.append(Contact(neighbour.name, text, *lasting))
        return ContactPlan(contacts), names

    def _carrier(self, kind: str) -> Carrier:
        if kind not in self._carriers:
            self._carriers[kind] = self._make_carrier(kind)
        return self._carriers[kind]

    def _make_carrier(self, kind: str) -> Carrier:
        user, timers = self._outside.sockets, self.timers
        settings = self.file.settings
        match kind:
            case "tcpcl":
                options = SessionOptions(node_id=settings.node)
                if self._tls is not None:
                    options = replace(options, can_tls=True)
                return Tcpcl(options, self._eids, timers, user, tls=self._tls)
            case "mtcp":
                return Mtcp(user)
            case "udpcl":
                return Udpcl(timers, user)
            case _:
                engines = {
                    n.name: n.engine or _number(self._eids[n.name])
                    for n in settings.neighbours
                    if n.carrier == "ltp"
                }
                return LtpUdp(
                    _number(self.file.node),
                    engines,
                    timers,
                    user,
                    options=EngineOptions(segment_bytes=settings.ltp.segment_bytes),
                    one_way_s=settings.ltp.one_way_s,
                    rate_bps=settings.ltp.rate_bps,
                    rng=SystemRandom(),
                )


async def run_until_stopped(
    file: NodeFile,
    record: Callable[[Event], object],
    tell: Callable[[str], object],
) -> None:
    """Run a node until it is interrupted or terminated.

    Args:
        file: what it is.
        record: takes events.
        tell: takes lines for people.

    Raises:
        BadInput: something that its file names cannot be had.
    """
    from emulator.outside.control import ControlServer

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    running = RunningNode(file, record)
    control = ControlServer(running)
    try:
        await control.start()
        for carrier, at in await running.start():
            tell(f"{file.settings.node} listens by {carrier} at {at.host}:{at.port}")
        tell(f"talk to it: lightlag ping EID --node {file.control}")
        await stopped.wait()
    finally:
        await control.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20.0):  # peers may be slow to say goodbye
                await running.stop()


def _number(eid: Eid) -> int:
    assert isinstance(eid, IpnEid)
    assert eid.node is not None
    return eid.node


def _tls(file: NodeFile) -> TlsOptions | None:
    tls = file.settings.tls
    if tls is None:
        return None
    return tls_from_files(*map(file.beside, (tls.certificate, tls.key, tls.authorities)))
