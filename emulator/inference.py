"""What computes in a run: executors, the events that satellites decide on, and who takes the decisions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import dropwhile

from dtn.eid import IpnEid
from dtn.events import Event
from dtn.user_functions import from_module
from emulator.setup import Member, Setup, Stream
from nodes.applications import Flow
from nodes.applications.inference import Decisions, Inference, InferenceTerms
from nodes.computing.computer import Computer, Model
from nodes.computing.foreseen import Foreseen
from nodes.computing.job import Endpoint
from nodes.computing.outlook import Foresight, Outlook, Place
from nodes.computing.placement import load_placement
from nodes.node import Node
from nodes.seeding import generator
from nodes.spacecraft.options import Storm
from nodes.spacecraft.radiation import error_probability
from nodes.spacecraft.supply import Mains, Supply

Moments = Callable[[Stream], Iterator[float]]


class Inferences:
    """All that computes, and is decided on, at the nodes that are here.

    Args:
        setup: what is to be run.
        nodes: those that are here.
        supplies: what feeds nodes, as far as it is known here; others are on mains.
        record: takes events.

    Raises:
        BadInput: a policy or a model that is not there any more.
    """

    def __init__(
        self,
        setup: Setup,
        nodes: Mapping[str, Node],
        supplies: Mapping[str, Supply],
        record: Callable[[Event], object],
    ) -> None:
        self._setup = setup
        self._nodes = nodes
        self._supplies = supplies
        self._record = record
        self._streams = [(s, s.job) for s in setup.streams if s.job is not None]
        self._numbers = {member.name: member.ipn for member in setup.members}
        self._names = {member.ipn: member.name for member in setup.members}
        specs = {stream.flow: job.model for stream, job in self._streams if job.model}
        self._models = {flow: _model(spec) for flow, spec in specs.items()}
        self._takers: dict[str, dict[int, Decisions]] = {name: {} for name in nodes}
        here = [member for member in setup.members if member.name in nodes]
        self._computers = dict(self._make_computers(here))
        sources = {stream.source for stream, _ in self._streams}
        self._outlooks = {m.name: self._outlook(m) for m in here if m.name in sources}

    def start(self, moments: Moments, begins_s: float) -> None:
        """Let executors take jobs and events happen.

        Args:
            moments: when a stream's events happen, all of them.
            begins_s: events before are past: after a restart, or 0.
        """
        for computer in self._computers.values():
            computer.start()
        for stream, job in self._streams:
            for name in (stream.source, stream.destination):
                if name in self._nodes:
                    self._take(name, stream.service)
            if stream.source in self._nodes:
                past = sum(moment_s < begins_s for moment_s in moments(stream)) if begins_s else 0
                ahead = dropwhile(begins_s.__gt__, moments(stream))
                self._inference(stream, job, ahead, past).start()

    def _make_computers(self, here: Sequence[Member]) -> Iterator[tuple[str, Computer]]:
        for member in here:
            if member.computing is not None:
                yield (
                    member.name,
                    Computer(
                        self._nodes[member.name],
                        member.ipn,
                        member.computing,
                        self._supplies.get(member.name) or Mains(),
                        self._record,
                        self._models,
                        self._takers[member.name],
                        partial(generator, self._setup.seed, "upsets"),
                        partial(_spoils, member, self._setup.storms),
                    ),
                )

    def _outlook(self, member: Member) -> Outlook:
        computer = self._computers.get(member.name)
        node = self._nodes[member.name]
        now = node.timers.time
        places = [
            Place(one.name, one.body, one.computing, self._foresight(one, member.name, now))
            for one in self._setup.members
            if one.computing is not None
        ]
        return Outlook(
            member.name,
            lambda: node.agent.routing.plan,
            self._names,
            places,
            now,
            computer.executor if computer else None,
            _transmit_w(member),
            generator(self._setup.seed, "placement", member.name),
        )

    def _foresight(self, member: Member, seen_from: str, now: Callable[[], float]) -> Foresight:
        """A node's power, as one of them sees it."""
        if member.name == seen_from:
            return self._supplies.get(member.name) or Mains()
        if member.spacecraft is None:
            return Mains()
        return Foreseen(member.spacecraft, member.joins_s, now)

    def _take(self, name: str, service: str) -> None:
        """Let somebody take the answers for this endpoint."""
        takers = self._takers[name]
        if int(service) not in takers:
            outlook = self._outlooks.get(name)
            told = outlook.told if outlook else _nobody
            taker = Decisions(self._nodes[name], service, self._record, self._names, told)
            takers[int(service)] = taker
            self._nodes[name].register(taker)

    def _inference(
        self, stream: Stream, job: InferenceTerms, moments: Iterator[float], past: int
    ) -> Inference:
        service = int(stream.service)
        home = Endpoint(self._numbers[stream.destination], service)
        flow = Flow(
            name=stream.flow,
            service=stream.service,
            destination=IpnEid(0, home.node, service),
            lifetime_s=stream.lifetime_s,
            priority=stream.priority,
            report_flags=stream.report_flags,
        )
        return Inference(
            self._nodes[stream.source],
            flow,
            Endpoint(self._numbers[stream.source], service),
            home,
            stream.destination,
            job,
            stream.size_bytes,
            [load_placement(spec, self._setup.name) for spec in job.placements],
            self._outlooks[stream.source],
            self._computers.get(stream.source),
            self._numbers,
            self._record,
            moments,
            past,
        )


def _transmit_w(member: Member) -> float:
    """What sending draws; where the scenario says nothing of power, what leaves the aperture."""
    power = member.spacecraft.power if member.spacecraft else None
    return member.transmit_w if power is None else power.sending_w


def _spoils(member: Member, storms: Sequence[Storm], for_s: float, now_s: float) -> float:
    """How likely radiation spoils a run of a job at a node."""
    radiation = member.spacecraft.radiation if member.spacecraft else None
    if radiation is None or member.computing is None:
        return 0.0
    hits = (s for s in storms if member.name in s.nodes and s.at_s <= now_s < s.until_s)
    factor = math.prod(storm.factor for storm in hits)
    return error_probability(radiation, 8 * member.computing.memory_bytes, for_s, factor=factor)


def _model(spec: str) -> Model:
    function: Model = from_module(spec, "model")
    return function


def _nobody(place: str, free_s: float) -> None:
    """Home keeps no book of executors."""
