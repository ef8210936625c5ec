"""Setup: everything that a run needs to know, whether from a scenario or from files of the user's.

A scenario's tables, patterns and dates are resolved here: who is there and from when, who sends what
to whom, what fails when. After this nobody asks the scenario any more, and no ephemeris is needed.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dtn.bpsec.policy import SecurityRule
from dtn.bundle import BundleFlag, CrcType
from dtn.contact_plan import ContactPlan
from emulator.files import beside
from emulator.patterns import matching
from nodes.applications.inference import InferenceTerms
from nodes.applications.plan_news import News
from nodes.computing.executor import Computing
from nodes.convergence.ltp_options import LtpOptions
from nodes.faults import LinkOutage, NodeOutage
from nodes.spacecraft.launching import Driver
from nodes.spacecraft.options import SpacecraftOptions, Storm

if TYPE_CHECKING:
    from emulator.geometry import Geometry
    from emulator.scenario import Scenario
    from emulator.scenario.computing import Computing as ComputingTable
    from emulator.scenario.computing import Job
    from emulator.scenario.tables import Agent

PRIORITIES = {"bulk": 0, "normal": 1, "expedited": 2}
FIRST_SERVICE = 10
"""Services of flows are numbered from here in the order of the scenario; 7 is the echo."""
CRC_TYPES = {"crc16": CrcType.CRC16_X25, "crc32c": CrcType.CRC32C}
REPORT_FLAGS = {
    "received": BundleFlag.REPORT_RECEPTION,
    "forwarded": BundleFlag.REPORT_FORWARDING,
    "delivered": BundleFlag.REPORT_DELIVERY,
    "deleted": BundleFlag.REPORT_DELETION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What a scenario says of a node's bundle protocol agent; see `dtn.bpa.AgentOptions`.

    Args:
        fragment: whether a bundle that no remaining contact can take whole is fragmented.
        status_reports: whether requested status reports are made.
        lifetime_override_s: a shorter lifetime that holds at this node only.
        hop_limit: of bundles sourced here.
        crc_type: of bundles sourced here.
    """

    fragment: bool = False
    status_reports: bool = False
    lifetime_override_s: float = math.inf
    hop_limit: int = 64
    crc_type: int = CrcType.CRC32C


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node of the network.

    Args:
        name: its name.
        ipn: its node number.
        store_bytes: quota of its store.
        joins_s: when it joins; a launched satellite's launch.
        agent: how its bundle protocol agent goes about its work.
        body: that it stands on, such as moon; "" if on none.
        computing: what it computes with, if it does.
        transmit_w: what its strongest terminal sends with.
        spacecraft: its power, heat and radiation; None: without limits.
    """

    name: str
    ipn: int
    store_bytes: float = math.inf
    joins_s: float = 0.0
    agent: AgentSettings = AgentSettings()
    body: str = ""
    computing: Computing | None = None
    transmit_w: float = 0.0
    spacecraft: SpacecraftOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One pair of nodes of a flow of traffic: what the application sends from when until when.

    Args:
        flow: the traffic's name.
        application: telemetry, file, ping, request or inference.
        service: the service part of its endpoints.
        source: name of the node that sends.
        destination: name of the node it is for.
        size_bytes: of a message, a file or a ping.
        chunk_bytes: payload of a file's bundles.
        period_s: from one to the next; a Poisson process's mean.
        process: periodic, poisson or on-off.
        lifetime_s: of each bundle.
        priority: 0 bulk, 1 normal, 2 expedited.
        first_s: when it begins.
        until_s: when it ends.
        on_s: mean length of an on-off process's spells.
        off_s: mean silence between them.
        response_bytes: what a request is answered with.
        think_s: from a request's arrival to its response.
        report_flags: bundle processing control flags that ask for status reports.
        job: what is to be decided about each event of an inference, at its source.
    """

    flow: str
    application: Literal["telemetry", "file", "ping", "request", "inference"]
    service: str
    source: str
    destination: str
    size_bytes: int
    chunk_bytes: int
    period_s: float
    process: Literal["periodic", "poisson", "on-off"]
    lifetime_s: float
    priority: int
    first_s: float
    until_s: float
    on_s: float = math.inf
    off_s: float = math.inf
    response_bytes: int = 0
    think_s: float = 0.0
    report_flags: int = 0
    job: InferenceTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One bundle to be sourced.

    Args:
        created_s: when, seconds from the start.
        source: name of the node that sources it.
        destination: name of the node it is for.
        size_bytes: length of the payload.
        lifetime_s: after which it is of no use.
        priority: 0 bulk, 1 normal, 2 expedited.
        flow: name of the traffic that it belongs to.
    """

    created_s: float
    source: str
    destination: str
    size_bytes: int
    lifetime_s: float
    priority: int = 1
    flow: str = "traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is to be run.

    Args:
        name: the scenario's name.
        sha256: hexadecimal digest of the files it comes from.
        start: the instant that seconds count from; None where there is no date.
        duration_s: how long it lasts.
        seed: where all randomness comes from.
        strategy: the routing strategy, by name or `my_file.py:function`.
        plan: the contacts.
        members: the nodes, in order.
        streams: traffic of applications.
        demands: traffic as single bundles.
        outages: what fails.
        news: how what nodes know of the plan comes to differ from what it is; versions 1, 2, ... in order.
        drivers: mass drivers that draw from a node; other satellites join when it is their time.
        storms: of particles.
        security: which operations bundles have, and who adds, verifies and accepts them.
        ltp: how bundles travel in LTP blocks; None: each travels whole, and what is lost is lost.
        real_dates: whether bundles are dated by the real clock, because others take part who have no other.
        source: the words of the command line that name the files, a line each.
    """

    name: str
    sha256: str
    start: datetime | None
    duration_s: float
    seed: int
    strategy: str
    plan: ContactPlan
    members: tuple[Member, ...]
    streams: tuple[Stream, ...] = ()
    demands: tuple[Demand, ...] = ()
    outages: tuple[NodeOutage | LinkOutage, ...] = ()
    news: tuple[News, ...] = ()
    drivers: tuple[Driver, ...] = ()
    storms: tuple[Storm, ...] = ()
    security: tuple[SecurityRule, ...] = ()
    ltp: LtpOptions | None = None
    real_dates: bool = False
    source: str = ""


def from_scenario(
    scenario: Scenario, progress: Callable[[str, float], object] | None = None
) -> Setup:
    """Plan the contacts of a scenario and resolve its tables.

    Raises:
        BadInput: a path or a link that cannot be.
    """
    return with_geometry(scenario, progress)[0]


def with_geometry(
    scenario: Scenario, progress: Callable[[str, float], object] | None = None
) -> tuple[Setup, Geometry]:
    """The same, with where its nodes and bodies are: the sky is looked at once.

    Raises:
        BadInput: a path or a link that cannot be.
    """
    from emulator.geometry import geometry_of
    from emulator.sky import ScenarioSky
    from emulator.spacecraft import spacecraft_of

    _replayed(scenario)  # its faults before the minutes that a plan may take
    with ScenarioSky(scenario) as sky:
        plan = sky.plan(progress)
        geometry = geometry_of(sky)
        spacecraft = spacecraft_of(scenario, sky)
    return_freed_memory()
    return over(scenario, plan, spacecraft), geometry


def over(
    scenario: Scenario,
    plan: ContactPlan,
    spacecraft: Mapping[str, SpacecraftOptions] | None = None,
) -> Setup:
    """A scenario over contacts that were planned for it before.

    Args:
        scenario: the scenario.
        plan: its contacts.
        spacecraft: what its nodes have, by name; None: the sky is asked again.

    Raises:
        BadInput: every fault of the bundle lists that it names.
    """
    from emulator.ltp import ltp_options
    from emulator.plan_news import cancellations, news_of
    from emulator.security import resolve
    from emulator.spacecraft import drivers_of, losses_of, spacecraft_of, storms_of
    from emulator.weather import cuts

    if spacecraft is None:
        spacecraft = spacecraft_of(scenario)
    members = tuple(
        replace(member, spacecraft=spacecraft.get(member.name)) for member in _members(scenario)
    )
    files, demands = _replayed(scenario)
    return Setup(
        name=scenario.name,
        sha256=_digest(scenario.file, *files),
        start=scenario.start,
        duration_s=scenario.duration_s,
        seed=scenario.seed,
        strategy=strategy_beside(scenario),
        plan=plan,
        members=members,
        streams=tuple(_streams(scenario, {member.name: member.joins_s for member in members})),
        demands=demands,
        outages=(
            *_outages(scenario),
            *cancellations(scenario, plan),
            *cuts(scenario, plan),
            *losses_of(scenario),
        ),
        news=tuple(news_of(scenario, plan)),
        drivers=tuple(drivers_of(scenario)),
        storms=tuple(storms_of(scenario)),
        security=tuple(resolve(scenario, FIRST_SERVICE).rules),
        ltp=ltp_options(scenario) if scenario.convergence == "ltp" else None,
        source=str(scenario.file),
    )


def from_files(plan_file: Path, traffic_file: Path, nodes_file: Path | None = None) -> Setup:
    """A contact plan and a bundle list of the user's: no ephemerides, every node there from 0.

    The run lasts until the last contact has ended and its light has arrived.

    Args:
        plan_file: the contact plan, in any format.
        traffic_file: the bundle list.
        nodes_file: names and numbers of nodes, where the plan has only the one or the other.

    Raises:
        BadInput: every fault of a file.
    """
    from emulator import bundle_list, node_map

    read = ContactPlan.load(plan_file)
    if nodes_file is not None:
        read = node_map.named(read, node_map.load(nodes_file))
    members = tuple(_numbered(read))
    plan = ContactPlan(read.contacts, read.start_utc, {m.name: m.ipn for m in members})
    demands = bundle_list.load(traffic_file, plan.nodes)
    ends_s = [contact.end_s + contact.owlt_at(contact.end_s) for contact in plan.contacts]
    ends_s += [demand.created_s + demand.lifetime_s for demand in demands]
    files = [("--plan", plan_file), ("--traffic", traffic_file)]
    files += [] if nodes_file is None else [("--nodes", nodes_file)]
    return Setup(
        name=plan_file.stem,
        sha256=_digest(*(file for _, file in files)),
        start=plan.start_utc,
        duration_s=max(ends_s),
        seed=1,
        strategy="sabr",
        plan=plan,
        members=members,
        demands=demands,
        source="\n".join(word for option, file in files for word in (option, str(file))),
    )


def _members(scenario: Scenario) -> Iterator[Member]:
    from emulator.scenario.computing import body_of

    for node in scenario.nodes:
        yield Member(
            name=node.name,
            ipn=node.ipn,
            store_bytes=node.store_bytes,
            agent=_agent(scenario.agent.changed_by(node.agent)),
            body=body_of(node),
            computing=_computing(node.computing),
            transmit_w=_transmit_w(scenario, node.terminals),
        )
    for launch in scenario.launches():
        satellites = launch.driver.satellites
        yield Member(
            name=launch.name,
            ipn=launch.ipn,
            store_bytes=satellites.store_bytes,
            joins_s=launch.t_s,
            agent=_agent(scenario.agent.changed_by(satellites.agent)),
            computing=_computing(satellites.computing),
            transmit_w=_transmit_w(scenario, satellites.terminals),
        )


def _computing(table: ComputingTable | None) -> Computing | None:
    return None if table is None else table.options()


def _transmit_w(scenario: Scenario, terminals: tuple[str, ...]) -> float:
    return max((scenario.terminals[name].power_w for name in terminals), default=0.0)


def _agent(table: Agent) -> AgentSettings:
    override_s = table.lifetime_override_s
    return AgentSettings(
        fragment=table.fragment,
        status_reports=table.status_reports,
        lifetime_override_s=math.inf if override_s is None else override_s,
        hop_limit=table.hop_limit,
        crc_type=CRC_TYPES[table.crc],
    )


def _numbered(plan: ContactPlan) -> Iterator[Member]:
    """The nodes of a plan; those without a number get the next free one, in order of name."""
    taken = set(plan.ipn_numbers.values())
    free = (number for number in range(1, 2**32) if number not in taken)
    for name in plan.nodes:
        number = plan.ipn_numbers.get(name)
        yield Member(name=name, ipn=next(free) if number is None else number)


def _streams(scenario: Scenario, joins_s: dict[str, float]) -> Iterator[Stream]:
    for place, traffic in enumerate(scenario.traffic):
        until = scenario.duration_s if traffic.until is None else scenario.seconds(traffic.until)
        for source in matching(traffic.source, joins_s):
            for destination in matching(traffic.destination, joins_s):
                if source != destination:
                    first_s = max(
                        scenario.seconds(traffic.first), joins_s[source], joins_s[destination]
                    )
                    service = str(FIRST_SERVICE + place)
                    yield Stream(
                        flow=traffic.name,
                        application=traffic.application,
                        service=service,
                        source=source,
                        destination=destination,
                        size_bytes=traffic.size_bytes,
                        chunk_bytes=traffic.chunk_bytes,
                        period_s=traffic.period_s,
                        process=traffic.process,
                        lifetime_s=traffic.lifetime_s,
                        priority=PRIORITIES[traffic.priority],
                        first_s=first_s,
                        until_s=until,
                        on_s=math.inf if traffic.on_s is None else traffic.on_s,
                        off_s=math.inf if traffic.off_s is None else traffic.off_s,
                        response_bytes=traffic.response_bytes or 0,
                        think_s=traffic.think_s,
                        report_flags=sum(REPORT_FLAGS[what] for what in set(traffic.reports)),
                        job=_job(scenario, traffic.job),
                    )


def _job(scenario: Scenario, table: Job | None) -> InferenceTerms | None:
    if table is None:
        return None
    return InferenceTerms(
        operations=round(table.operations),
        output_bytes=table.output_bytes,
        deadline_s=table.deadline_s,
        placements=tuple(beside(scenario.file, spec) for spec in table.placements),
        value=table.value,
        runs=table.runs,
        acts_at=table.acts_at,
        model="" if table.model is None else beside(scenario.file, table.model),
    )


def _replayed(scenario: Scenario) -> tuple[list[Path], tuple[Demand, ...]]:
    """The bundle lists of a scenario, looked for beside it, and their bundles in order of creation."""
    from emulator import bundle_list

    files: list[Path] = []
    demands: list[Demand] = []
    names = scenario.ipn_numbers()
    for replay in scenario.replay:
        files.append(scenario.file.parent / replay.file)
        first_s = scenario.seconds(replay.first)
        demands += bundle_list.load(files[-1], names, flow=replay.name, first_s=first_s)
    return files, tuple(sorted(demands, key=lambda demand: demand.created_s))


def _outages(scenario: Scenario) -> Iterator[NodeOutage | LinkOutage]:
    for outage in scenario.faults:
        at_s = scenario.seconds(outage.at)
        if outage.node is not None:
            yield NodeOutage(node=outage.node, at_s=at_s, for_s=outage.for_s)
        elif outage.link is not None:
            yield LinkOutage(between=outage.link, at_s=at_s, for_s=outage.for_s)


def strategy_beside(scenario: Scenario) -> str:
    """The scenario's strategy, its file where it is found."""
    return beside(scenario.file, scenario.routing.strategy)


def return_freed_memory() -> None:
    """Hand back what planning, or a run, has freed: 150 MB that glibc would keep for arrays to come."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def changed(
    setup: Setup, *, seed: int | None, strategy: str | None, until_s: float | None
) -> Setup:
    """The same with what the command line says otherwise."""
    return replace(
        setup,
        seed=setup.seed if seed is None else seed,
        strategy=setup.strategy if strategy is None else strategy,
        duration_s=setup.duration_s if until_s is None else min(until_s, setup.duration_s),
    )


def alone(plan: ContactPlan, strategy: str, demand: Demand, duration_s: float) -> Setup:
    """One bundle alone in the network of a plan."""
    return Setup(
        name="alone",
        sha256="",
        start=plan.start_utc,
        duration_s=duration_s,
        seed=1,
        strategy=strategy,
        plan=plan,
        members=tuple(_numbered(plan)),
        demands=(demand,),
    )
