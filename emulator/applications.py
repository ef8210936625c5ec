"""What the nodes of a run send and answer: streams, bundle lists, news of the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import dropwhile

from dtn.bpa import TransmissionRequest
from dtn.eid import IpnEid
from dtn.events import Event
from emulator.clock import EmulatedLoop
from emulator.inference import Inferences
from emulator.setup import Demand, Member, Setup, Stream
from nodes.applications import (
    Echo,
    File,
    Flow,
    Ping,
    Receiver,
    Responder,
    Telemetry,
    on_off,
    periodic,
    poisson,
)
from nodes.applications.ping import ECHO_SERVICE
from nodes.applications.plan_news import PlanNews
from nodes.express import new
from nodes.node import Node
from nodes.seeding import generator, synthetic_octets
from nodes.spacecraft.supply import Supply

DEMAND_SERVICE = "1"
"""Where the bundles of a bundle list come from and go to."""
RESPONDER_SERVICES = 10_000
"""Requests go to their flow's own service number and so much."""


class Applications:
    """All applications at the nodes that are here.

    Args:
        setup: what is to be run.
        nodes: those that are here.
        supplies: what feeds nodes, as far as it is known here.
        loop: the clock.
        record: takes events.
    """

    def __init__(
        self,
        setup: Setup,
        nodes: Mapping[str, Node],
        supplies: Mapping[str, Supply],
        loop: EmulatedLoop,
        record: Callable[[Event], object],
    ) -> None:
        self._setup = setup
        self._nodes = nodes
        self._supplies = supplies
        self._loop = loop
        self._record = record
        self._begins_s = 0.0
        self._numbers = {member.name: member.ipn for member in setup.members}
        self._demanded = {
            name: IpnEid(0, number, int(DEMAND_SERVICE)) for name, number in self._numbers.items()
        }

    def start(self, begins_s: float) -> None:
        """Let applications act and events happen.

        Args:
            begins_s: what was before is past: after a restart, or 0.
        """
        self._begins_s = begins_s
        for node in self._nodes.values():
            node.register(Echo(node))
        self._register_answering()
        for stream in self._setup.streams:
            if stream.source in self._nodes and stream.job is None:
                self._application(stream).start()
        inferences = Inferences(self._setup, self._nodes, self._supplies, self._record)
        inferences.start(self._all_moments, self._begins_s)
        if self._setup.news:
            self._start_news()
        self._loop.schedule_all(
            self._meet,
            [
                (demand.created_s, demand)
                for demand in self._setup.demands
                if demand.source in self._nodes and demand.created_s >= self._begins_s
            ],
        )

    def _register_answering(self) -> None:
        """What takes bundles: responders, and receivers at every service that something comes to."""
        receivers: dict[tuple[str, str], None] = {}
        for stream in self._setup.streams:
            if stream.application == "inference":
                continue
            if stream.application == "request":
                if stream.destination in self._nodes:
                    self._register_responder(stream)
                receivers[stream.source, stream.service] = None
            elif stream.application != "ping":
                receivers[stream.destination, stream.service] = None
        receivers |= dict.fromkeys((d.destination, DEMAND_SERVICE) for d in self._setup.demands)
        for name, service in receivers:
            if name in self._nodes:
                self._nodes[name].register(Receiver(service))

    def _application(self, stream: Stream) -> Telemetry | File | Ping:
        node = self._nodes[stream.source]
        match stream.application:
            case "ping":
                service = ECHO_SERVICE
            case "request":
                service = _responder_service(stream)
            case _:
                service = stream.service
        flow = Flow(
            name=stream.flow,
            service=stream.service,
            destination=IpnEid(0, self._numbers[stream.destination], int(service)),
            lifetime_s=stream.lifetime_s,
            priority=stream.priority,
            report_flags=stream.report_flags,
        )
        moments = self._moments(stream)
        match stream.application:
            case "file":
                return File(node, flow, stream.size_bytes, moments, stream.chunk_bytes)
            case "ping":
                return Ping(node, flow, stream.size_bytes, moments)
            case _:
                return Telemetry(node, flow, stream.size_bytes, moments)

    def _moments(self, stream: Stream) -> Iterator[float]:
        """When the application acts, from now on."""
        return dropwhile(lambda moment_s: moment_s < self._begins_s, self._all_moments(stream))

    def _all_moments(self, stream: Stream) -> Iterator[float]:
        until_s = min(stream.until_s, self._setup.duration_s)
        first_s, period_s = stream.first_s, stream.period_s
        names = (stream.flow, stream.source, stream.destination)
        rng = generator(self._setup.seed, "traffic", *names)
        match stream.process:
            case "periodic":
                return periodic(first_s, period_s, until_s)
            case "poisson":
                return poisson(first_s, period_s, rng, until_s)
            case "on-off":
                return on_off(first_s, period_s, stream.on_s, stream.off_s, rng, until_s)

    def _start_news(self) -> None:
        """Every node hears of changes of the contact plan; satellites are told at launch what is known then."""
        news = self._setup.news
        heard = {member.name: told_until_s(member) for member in self._setup.members}
        for name, node in self._nodes.items():
            others = (other for other in heard if other != name and heard[other] < 0)
            plan = self._setup.plan
            told = PlanNews(node, plan, self._numbers, news, heard[name])
            node.register(told)
            told.start(self._begins_s, others)

    def _register_responder(self, stream: Stream) -> None:
        node = self._nodes[stream.destination]
        node.register(
            Responder(
                node,
                _responder_service(stream),
                f"{stream.flow}-response",
                size_bytes=stream.response_bytes,
                think_s=stream.think_s,
                lifetime_s=stream.lifetime_s,
                priority=stream.priority,
            )
        )

    def _meet(self, demand: Demand) -> None:
        """Source one bundle of a bundle list."""
        flow = demand.flow
        self._nodes[demand.source].send(
            new(
                TransmissionRequest,
                (
                    DEMAND_SERVICE,
                    self._demanded[demand.destination],
                    synthetic_octets(demand.size_bytes, flow),
                    demand.lifetime_s,
                    demand.priority,
                    False,
                    flow,
                    0,
                    None,
                ),
            )
        )


def told_until_s(member: Member) -> float:
    """Up to when a node has been told all news as it begins: up to its launch, if it is launched."""
    return member.joins_s if member.joins_s > 0 else -1.0


def _responder_service(stream: Stream) -> str:
    return str(int(stream.service) + RESPONDER_SERVICES)
