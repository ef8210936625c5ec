"""Nodes on a stock loop over loopback, for tests: names in, events out."""

import asyncio
import random
import socket
from collections import Counter
from datetime import UTC, datetime

import dtn.routing.strategies  # noqa: F401  # registers them
from dtn.bpa import Agent, AgentOptions, TransmissionRequest
from dtn.eid import IpnEid, parse_eid
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine
from dtn.store import MemoryStore
from dtn.tcpcl import SessionOptions
from nodes.convergence.ltp_udp import LtpUdp
from nodes.convergence.mtcp import Mtcp
from nodes.convergence.tcpcl import Tcpcl
from nodes.convergence.udpcl import Udpcl
from nodes.socket_node import SocketNode, lasting_contacts
from nodes.wall_timers import WallTimers

START = datetime(2026, 12, 1, tzinfo=UTC)
START_DTN_MS = 849_398_400_000
HOST = "127.0.0.1"
NUMBERS = {"a": 1, "b": 2, "peer": 9}
PATIENCE_S = 20.0
"""A test waits so long for what must come; it never sleeps."""


class Collector:
    """An application that keeps what comes, and can be waited for."""

    def __init__(self, service="1"):
        self.service = service
        self.payloads = []
        self._news = asyncio.Event()

    def deliver(self, bundle, now_s):
        self.payloads.append(bundle.payload)
        self._news.set()

    async def have(self, count):
        async with asyncio.timeout(PATIENCE_S):
            while len(self.payloads) < count:
                self._news.clear()
                await self._news.wait()
        return self.payloads


class Events(list):
    """Events of a node, that can be waited for."""

    def __init__(self):
        super().__init__()
        self._counts = Counter()
        self._news = asyncio.Event()

    def record(self, event):
        self.append(event)
        self._counts[type(event)] += 1
        self._news.set()

    def of(self, kind):
        return [event for event in self if isinstance(event, kind)]

    async def have(self, kind, count=1):
        async with asyncio.timeout(PATIENCE_S):
            while self._counts[kind] < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)


class Networked:
    """A socket node with neighbours, and everything about it that a test asks for."""

    def __init__(self, name, neighbours, store=None, goes_up=True, **options):
        self.name = name
        self.neighbours = {other: parse_eid(f"ipn:{NUMBERS[other]}.0") for other in neighbours}
        self.events = Events()
        plan = lasting_contacts(name, neighbours)
        agent = Agent(
            name,
            AgentOptions(
                node_id=IpnEid(0, NUMBERS[name], 0),
                names={NUMBERS[other]: other for other in (name, *neighbours)},
                start_dtn_ms=START_DTN_MS,
                **options,
            ),
            RoutingEngine(name, plan, load_strategy("direct"), random.Random(1)),
        )
        self.timers = WallTimers(START)
        self.socket_node = SocketNode(
            agent, store or MemoryStore(), plan, self.timers, self.events.record
        )
        self.node = self.socket_node.node
        self.collector = Collector()
        if goes_up:
            self.node.register(self.collector)
            self.node.go_up(self.timers.time())

    def tcpcl(self, tls=None, delays=None, **session):
        options = SessionOptions(node_id=f"ipn:{NUMBERS[self.name]}.0", **session)
        more = {} if delays is None else {"delays": delays}
        return Tcpcl(
            options, self.neighbours, self.timers, self.socket_node.sockets, tls=tls, **more
        )

    def mtcp(self, **options):
        return Mtcp(self.socket_node.sockets, **options)

    def udpcl(self, **options):
        return Udpcl(self.timers, self.socket_node.sockets, **options)

    def ltp(self, **options):
        engines = {other: NUMBERS[other] for other in self.neighbours}
        user = self.socket_node.sockets
        return LtpUdp(NUMBERS[self.name], engines, self.timers, user, **options)

    def send(self, destination, payload, to_service="1", **request):
        wanted = {"service": "1", "lifetime_s": 3600.0, **request}
        self.node.send(
            TransmissionRequest(
                destination=parse_eid(f"ipn:{NUMBERS[destination]}.{to_service}"),
                payload=payload,
                **wanted,
            )
        )


class Pair:
    """Nodes a and b; a calls b. Closed at the end of `async with`."""

    def __init__(
        self, carrier="tcpcl", stores=(None, None), a=None, b=None, b_options=None, **both
    ):
        self.a = Networked("a", ["b"], stores[0])
        self.b = Networked("b", ["a"], stores[1], **(b_options or {}))
        self.carriers = [
            getattr(self.a, carrier)(**{**both, **(a or {})}),
            getattr(self.b, carrier)(**{**both, **(b or {})}),
        ]

    async def __aenter__(self):
        for node, carrier, other in zip((self.a, self.b), self.carriers, ("b", "a"), strict=True):
            node.socket_node.expect(carrier, other)
        self.port = await self.b.socket_node.listen(self.carriers[1], HOST, 0)
        self.a.socket_node.call(self.carriers[0], "b", HOST, self.port)
        return self

    async def __aexit__(self, *_):
        for node in (self.a, self.b):
            async with asyncio.timeout(PATIENCE_S):
                await node.socket_node.stop()


def free_port(kind=socket.SOCK_STREAM):
    """A port that nobody listens at."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Calls:
    """Attempts to connect that failed or ended, without waits between them."""

    def __init__(self):
        self._enough = {}
        self._count = 0

    def delays(self):
        while True:
            self._count += 1
            if self._count in self._enough:
                self._enough[self._count].set()
            yield 0.0

    async def have(self, count):
        self._enough[count] = asyncio.Event()
        async with asyncio.timeout(PATIENCE_S):
            await self._enough[count].wait()
