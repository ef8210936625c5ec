"""What computes in a run: executors, the events that satellites decide on, and who takes the decisions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import dropwhile

from dtn.eid import IpnEid
from dtn.events import Event
from dtn.user_functions import from_module
from emulator.setup import Member, Setup, Stream
from nodes.applications import Flow
from nodes.applications.inference import Decisions, Inference
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


def start_computing(
    setup: Setup,
    nodes: Mapping[str, Node],
    supplies: Mapping[str, Supply],
    record: Callable[[Event], object],
    moments: Callable[[Stream], Iterator[float]],
    begins_s: float,
) -> None:
    """Let executors take jobs and events happen.

    Args:
        setup: what is to be run.
        nodes: those that are here.
        supplies: what feeds nodes, as far as it is known here; others are on mains.
        record: takes events.
        moments: when a stream's events happen, all of them.
        begins_s: events before are past: after a restart, or 0.

    Raises:
        BadInput: a policy or a model that is not there any more.
    """
    streams = [(stream, stream.job) for stream in setup.streams if stream.job is not None]
    numbers = {member.name: member.ipn for member in setup.members}
    names = {member.ipn: member.name for member in setup.members}
    specs = {stream.flow: job.model for stream, job in streams if job.model}
    models = {flow: _model(spec) for flow, spec in specs.items()}
    takers: dict[str, dict[int, Decisions]] = defaultdict(dict)
    computers: dict[str, Computer] = {}
    for member in setup.members:
        name = member.name
        if member.computing is not None and name in nodes:
            computers[name] = Computer(
                nodes[name],
                member.ipn,
                member.computing,
                supplies.get(name) or Mains(),
                record,
                models,
                takers[name],
                lambda job: generator(setup.seed, "upsets", job),
                partial(_spoils, member, setup.storms),
            )
            computers[name].start()
    sources = {stream.source for stream, _ in streams if stream.source in nodes}
    outlooks = {
        member.name: Outlook(
            member.name,
            setup.plan,
            names,
            _places(setup, member.name, supplies, nodes[member.name].timers.time),
            nodes[member.name].timers.time,
            computers[member.name].executor if member.name in computers else None,
            _transmit_w(member),
            generator(setup.seed, "placement", member.name),
        )
        for member in setup.members
        if member.name in sources
    }
    for stream, job in streams:
        for name in (stream.source, stream.destination):
            number = int(stream.service)
            if name in nodes and number not in takers[name]:
                told = outlooks[name].told if name in outlooks else _nobody
                taker = Decisions(nodes[name], stream.service, record, names, told)
                takers[name][number] = taker
                nodes[name].register(taker)
        if stream.source in nodes:
            past = sum(1 for moment_s in moments(stream) if moment_s < begins_s) if begins_s else 0
            Inference(
                nodes[stream.source],
                _flow(stream, numbers),
                Endpoint(numbers[stream.source], int(stream.service)),
                Endpoint(numbers[stream.destination], int(stream.service)),
                stream.destination,
                job,
                stream.size_bytes,
                [load_placement(spec, setup.name) for spec in job.placements],
                outlooks[stream.source],
                computers.get(stream.source),
                numbers,
                record,
                dropwhile(lambda moment_s: moment_s < begins_s, moments(stream)),
                past,
            ).start()


def _places(
    setup: Setup, seen_from: str, supplies: Mapping[str, Supply], now: Callable[[], float]
) -> list[Place]:
    """Every node that computes, with its power as one of them sees it."""
    return [
        Place(member.name, member.body, member.computing, _supply(member, seen_from, supplies, now))
        for member in setup.members
        if member.computing is not None
    ]


def _supply(
    member: Member, seen_from: str, supplies: Mapping[str, Supply], now: Callable[[], float]
) -> Foresight:
    if member.name == seen_from:
        return supplies.get(member.name) or Mains()
    if member.spacecraft is None:
        return Mains()
    return Foreseen(member.spacecraft, member.joins_s, now)


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


def _flow(stream: Stream, numbers: Mapping[str, int]) -> Flow:
    return Flow(
        name=stream.flow,
        service=stream.service,
        destination=IpnEid(0, numbers[stream.destination], int(stream.service)),
        lifetime_s=stream.lifetime_s,
        priority=stream.priority,
        report_flags=stream.report_flags,
    )


def _model(spec: str) -> Model:
    function: Model = from_module(spec, "model")
    return function


def _nobody(place: str, free_s: float) -> None:
    """Home keeps no book of executors."""
