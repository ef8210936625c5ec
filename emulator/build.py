"""The composition root: the one place that names the concrete classes of a running network."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import dtn.routing.strategies  # noqa: F401  # registers those that come with Lightlag
from dtn.bpa import Agent, AgentOptions
from dtn.bpsec.policy import NodeSecurity
from dtn.eid import IpnEid, NodeKey
from dtn.events import Event
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine
from dtn.routing.strategy import Strategy
from dtn.store import MemoryStore, Store
from emulator.applications import Applications, told_until_s
from emulator.capture import TappedChannel
from emulator.clock import EmulatedLoop
from emulator.setup import Setup, strategy_beside
from nodes.applications.plan_news import unknown_at
from nodes.channel.channel import Channel
from nodes.channel.frame import Frame
from nodes.channel.local import LocalChannel
from nodes.channel.mqtt import MqttChannel
from nodes.convergence.convergence_layer import ConvergenceLayer, ConvergenceUser
from nodes.convergence.ltp import Ltp
from nodes.convergence.whole_bundle import WholeBundle
from nodes.express import ExpressNode
from nodes.faults import LinkOutage, NodeOutage, schedule_outages
from nodes.links import Links
from nodes.node import Node
from nodes.past import NOTHING, Past
from nodes.seeding import generator
from nodes.spacecraft.craft import Spacecraft
from nodes.spacecraft.exposed import ExposedChannel, ExposedNode, Resets, counted
from nodes.spacecraft.launching import MassDriver
from nodes.spacecraft.options import Storm
from nodes.spacecraft.radiation import Memory
from nodes.spacecraft.resuming import resumed, shed_before

if TYPE_CHECKING:
    from emulator.attach import Outside
    from emulator.scenario import Scenario
    from nodes.gateway.attachment import Attachment

DTN_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
UNDATED_START = datetime(2026, 1, 1, tzinfo=UTC)
"""When a plan without a date starts, for creation timestamps: zero would mean no clock (§4.2.7)."""
ENERGY_SAMPLES = 400
"""How often a run says how a node's energy stands."""
DARK, LIT = "dark", "lit"
"""Signs: a node has switched its terminals off, or on again."""


def find_strategy(of: Scenario | Setup, instead: str | None) -> Strategy:
    """The strategy that a scenario names, or the one that is to be used instead.

    Raises:
        BadInput: there is no such strategy.
    """
    if instead is not None:
        return load_strategy(instead, "--strategy")
    if isinstance(of, Setup):
        return load_strategy(of.strategy, of.name)
    return load_strategy(strategy_beside(of), f"{of.file}: routing")


class Process(NamedTuple):
    """What a node has that runs in a process of its own.

    Args:
        node: its name.
        channel: leads to the others.
        store: keeps its bundles over a restart.
        is_virtual: whether it is in lockstep: everything comes from the seed, as in one process.
        past: what its journal says of its bundles.
        started: the real instant at which the clock stood at 0.
    """

    node: str
    channel: MqttChannel
    store: Store
    is_virtual: bool = False
    past: Past = NOTHING
    started: datetime | None = None


class Network:
    """All nodes of a setup on one loop, with links, applications and faults, ready to run.

    In a process of its own it is one of the nodes. It may begin in the middle of the run, after a
    restart: the node goes on with what its store kept, and what was to happen meanwhile did not.

    Args:
        setup: what is to be run.
        strategy: what its nodes ask.
        loop: the clock.
        record: takes events.
        tap: is shown every frame that leaves.
        process: where there is one node only; None: all are here.
        express: whether ordinary bundles may take the short way (`nodes.express`): equal events, sooner.
        outside: programs in the place of some nodes.
    """

    def __init__(
        self,
        setup: Setup,
        strategy: Strategy,
        loop: EmulatedLoop,
        record: Callable[[Event], object],
        tap: Callable[[Frame], object] | None = None,
        process: Process | None = None,
        *,
        express: bool = True,
        outside: Outside | None = None,
    ) -> None:
        self._setup = setup
        self._outside = outside
        self._strategy = strategy
        self._loop = loop
        self._spacecraft: dict[str, Spacecraft] = {}
        self._log = record
        has_spacecraft = any(member.spacecraft for member in setup.members)
        self._record = self._heard if has_spacecraft else record
        self._numbers = {member.name: member.ipn for member in setup.members}
        self._process = process
        self._begins_s = loop.time()
        self._channel = LocalChannel(loop, record) if process is None else process.channel
        self._wire: Channel = self._channel
        self._tap = tap
        self._signs = count()
        if process is not None:
            process.channel.arrivals.see = self._see
        if tap is not None:
            self._wire = TappedChannel(self._channel, tap)
        self._memories = self._make_memories()
        if self._memories:
            self._wire = ExposedChannel(self._wire, self._memories, self._record)
        self._resets: dict[str, Resets] = {}
        self.nodes: dict[str, Node] = {}
        made = self._make_express if express and self._is_ordinary(tap) else self._make_node
        for name, agent in self._make_agents():
            self.nodes[name] = made(name, agent)
        self._attachments: list[Attachment] = []
        self.links = Links(setup.plan, loop.agenda, None if process is None else self._let_see_afar)
        self._make_spacecraft()
        drivers = [driver for driver in setup.drivers if driver.node in self._spacecraft]
        launched = {name for driver in drivers for name in driver.satellites}
        for member in setup.members:
            if member.name in self.nodes:
                past = NOTHING if process is None else process.past
                self.nodes[member.name].restore(self._begins_s, past)
                joins_s = math.inf if member.name in launched else member.joins_s
                self.links.add(self.nodes[member.name], joins_s)
            elif outside is not None and member.name in outside.names:
                attachment = outside.attachment(member.name, self._wire, self._record)
                self._attachments.append(attachment)
                self.links.add(attachment, member.joins_s)
        self.links.start()
        schedule_outages(self._outages(), self.links, loop)
        for member in setup.members:
            node, options = self.nodes.get(member.name), member.spacecraft
            if isinstance(node, ExposedNode) and options and options.radiation:
                resets = Resets(node, options.radiation, self.links, loop)
                resets.start(max(member.joins_s, self._begins_s))
                self._resets[member.name] = resets
        for driver in drivers:
            supply = self._spacecraft[driver.node]
            MassDriver(driver, supply, self.links, loop, self._record).start()
        Applications(setup, self.nodes, self._spacecraft, loop, self._record).start(self._begins_s)

    def _let_see_afar(
        self, source: str, destination: str, is_dark: bool, reason: str, at_s: float
    ) -> None:
        """The light, or the dark, of the node of this process comes to one of another, as a frame would."""
        assert self._process is not None
        sign = f"{DARK if is_dark else LIT} {reason}"
        number = next(self._signs)
        frame = Frame(destination, source, number, self._loop.time(), at_s, 0, b"")
        if self._tap is not None:
            self._tap(frame)
        self._process.channel.show(frame, sign)

    def _see(self, frame: Frame, sign: str) -> None:
        """What a node of another process lets this one see."""
        word, _, reason = sign.partition(" ")
        if word in (DARK, LIT):
            self.links.see(frame.destination, frame.source, word == DARK, reason)

    def end(self, now_s: float) -> None:
        """The run is over: nodes and channel say what they still hold."""
        for spacecraft in self._spacecraft.values():
            spacecraft.end(now_s)
        for name, memory in self._memories.items():
            self._record(counted(name, memory, now_s))
        for node in self.nodes.values():
            node.end(now_s)
        for attachment in self._attachments:
            attachment.end(now_s)
        self._channel.end(now_s)

    def storm(self, storm: Storm) -> None:
        """Particles hit the memories of those of its nodes that are here and have one under radiation."""
        for name in storm.nodes:
            if name in self._resets:
                self._resets[name].hit_by(storm)

    def _heard(self, event: Event) -> None:
        """Record an event, and let the spacecraft of its node hear it."""
        self._log(event)
        spacecraft = self._spacecraft.get(event.node)
        if spacecraft is not None:
            spacecraft.hear(event)

    def _make_memories(self) -> dict[str, Memory]:
        """The memories that particles hit."""
        setup, here = self._setup, self._process
        memories = {}
        for member in setup.members:
            options = member.spacecraft and member.spacecraft.radiation
            if options and (here is None or here.node == member.name):
                storms = [storm for storm in setup.storms if member.name in storm.nodes]
                rng = generator(setup.seed, "radiation", member.name)
                memories[member.name] = Memory(options, storms, rng)
        return memories

    def _make_spacecraft(self) -> None:
        setup = self._setup
        past = NOTHING if self._process is None else self._process.past
        for member in setup.members:
            options = member.spacecraft
            if options and (options.power or options.heat) and member.name in self.nodes:
                options = resumed(options, past, self._begins_s)
                self._spacecraft[member.name] = Spacecraft(
                    member.name,
                    options,
                    setup.plan.contacts,
                    self._loop,
                    self.links,
                    self._record,
                    max(member.joins_s, self._begins_s),
                    max(setup.duration_s / ENERGY_SAMPLES, 60.0),
                    shed_before(past),
                )

    def _make_agents(self) -> Iterator[tuple[str, Agent]]:
        setup = self._setup
        world: dict[str, object] = {}
        names: dict[NodeKey, str] = {number: name for name, number in self._numbers.items()}
        start = setup.start or UNDATED_START
        if setup.real_dates:
            started = [one.started for one in (self._process,) if one and one.started]
            started += [self._outside.start] if self._outside else []
            start = started[0] if started else start
        start_dtn_ms = round((start - DTN_EPOCH).total_seconds() * 1000)
        here = self._process
        for member in setup.members:
            if here is not None and member.name != here.node:
                continue
            if self._outside is not None and member.name in self._outside.names:
                continue
            options = AgentOptions(
                node_id=IpnEid(0, member.ipn, 0),
                names=names,
                start_dtn_ms=start_dtn_ms,
                store_bytes=member.store_bytes,
                security=self._security(member.name),
                fragment=member.agent.fragment,
                status_reports=member.agent.status_reports,
                lifetime_override_s=member.agent.lifetime_override_s,
                hop_limit=member.agent.hop_limit,
                crc_type=member.agent.crc_type,
                route_record=not setup.real_dates,  # pyd3tn refuses blocks that it does not know
            )
            rng = generator(setup.seed, "routing", member.name)
            unknown = unknown_at(setup.news, told_until_s(member))
            routing = RoutingEngine(
                member.name, setup.plan, self._strategy, rng, world=world, unknown=unknown
            )
            yield member.name, Agent(member.name, options, routing)

    def _make_node(self, name: str, agent: Agent) -> Node:
        here = self._process
        store = MemoryStore() if here is None else here.store
        convergence = partial(self._convergence, name)
        given = name, agent, store, self._loop, self._record, convergence
        memory = self._memories.get(name)
        return Node(*given) if memory is None else ExposedNode(memory, *given)

    def _make_express(self, name: str, agent: Agent) -> Node:
        assert isinstance(self._channel, LocalChannel)  # there is no process
        plan = self._setup.plan
        return ExpressNode(
            name,
            agent,
            plan,
            self._loop,
            self._loop.agenda,
            self._record,
            self._channel,
            self.nodes,
        )

    def _is_ordinary(self, tap: Callable[[Frame], object] | None) -> bool:
        """Whether bundles travel whole within this process, unseen, and nobody protects or cuts them."""
        setup = self._setup
        members = {member.name for member in setup.members}
        return (
            self._process is None
            and self._outside is None
            and tap is None
            and setup.ltp is None
            and not self._memories
            and not setup.security
            and not setup.news
            and not any(member.agent.fragment for member in setup.members)
            and members.issuperset(setup.plan.nodes)
        )

    def _security(self, name: str) -> NodeSecurity | None:
        """What concerns a node; it draws IVs from the seed, as everything in virtual time.

        In a process with a real clock, whose octets others may see, they come from the operating system.
        """
        rules = tuple(rule for rule in self._setup.security if rule.concerns(name))
        seeded = generator(self._setup.seed, "security", name).randbytes
        is_virtual = self._process is None or self._process.is_virtual
        draw = seeded if is_virtual else os.urandom
        return NodeSecurity(rules, draw) if rules else None

    def _convergence(self, name: str, user: ConvergenceUser) -> ConvergenceLayer:
        setup = self._setup
        if setup.ltp is None:
            octets = self._process is not None or self._outside is not None
            return WholeBundle(name, user, setup.plan, self._loop, self._wire, octets=octets)
        return Ltp(
            name,
            user,
            setup.plan,
            self._loop,
            self._wire,
            self._record,
            setup.ltp,
            self._numbers,
            setup.seed + round(1000 * self._begins_s),  # after a restart: other session numbers
        )

    def _outages(self) -> Iterator[NodeOutage | LinkOutage]:
        """What is to fail here, and is not past."""
        here = {*self.nodes, *(attachment.name for attachment in self._attachments)}
        for outage in self._setup.outages:
            is_here = isinstance(outage, LinkOutage) or outage.node in here
            if is_here and outage.at_s + outage.for_s > self._begins_s:
                yield outage
