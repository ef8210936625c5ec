"""Agents joined by a for-loop: no event loop, no sockets, no clock but a heap of what is due."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dtn.bpa import Agent, AgentOptions, TransmissionRequest
from dtn.bpa.outputs import Deliver, Output, Release, Store, Transmit
from dtn.bundle import Bundle
from dtn.contact_plan import Contact, ContactPlan
from dtn.eid import IpnEid
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine

START_DTN_MS = 849_398_400_000


@dataclass
class Network:
    """Nodes of a plan, numbered in order of their names from 1; a cut contact is in `cuts` with its moment."""

    contacts: Iterable[Contact]
    strategy: str = "sabr"
    cuts: dict[tuple[str, str, float], float] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    immediate_store: bool = True
    names: Iterable[str] = ()
    own_options: dict[str, dict[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan = ContactPlan(self.contacts)
        nodes = sorted(set(self.plan.nodes) | set(self.names))
        self.numbers = {name: number for number, name in enumerate(nodes, 1)}
        names = {number: name for name, number in self.numbers.items()}
        world: dict[str, object] = {}
        self.agents = {
            name: Agent(
                name,
                AgentOptions(
                    node_id=IpnEid(0, number, 0),
                    names=names,
                    start_dtn_ms=START_DTN_MS,
                    **self.options,
                    **self.own_options.get(name, {}),
                ),
                RoutingEngine(
                    name,
                    self.plan,
                    load_strategy(self.strategy),
                    random.Random(number),
                    world=world,
                ),
            )
            for name, number in self.numbers.items()
        }
        self.now_s = 0.0
        self.events: list[Output] = []
        self.transmitted: dict[str, list[Bundle]] = {name: [] for name in nodes}
        self.delivered: list[Bundle] = []
        self.waiting_stores: list[tuple[str, int]] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._armed: dict[str, float] = {}
        for name, agent in self.agents.items():
            self.do(name, agent.registered("1", True, 0.0))
        for number, contact in enumerate(self.plan.contacts):
            self._schedule(number, contact)

    def eid(self, name: str, service: int = 1) -> IpnEid:
        return IpnEid(0, self.numbers[name], service)

    def send(
        self, source: str, destination: str, at_s: float = 0.0, size: int = 100, **request: object
    ) -> None:
        wanted = TransmissionRequest(
            service="1",
            destination=self.eid(destination),
            payload=bytes(size),
            **{"lifetime_s": 1e6, **request},
        )
        self.at(at_s, lambda: self.do(source, self.agents[source].transmit(wanted, self.now_s)))

    def at(self, when_s: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._due, (when_s, self._count, action))

    def run(self, until_s: float = 1e9) -> Network:
        while self._due and self._due[0][0] <= until_s:
            self.now_s, _, action = heapq.heappop(self._due)
            action()
        return self

    def happened(self, *kinds: type) -> list[Output]:
        return [event for event in self.events if isinstance(event, kinds)]

    def do(self, name: str, outputs: list[Output]) -> None:
        agent = self.agents[name]
        todo = list(outputs)
        while todo:
            output = todo.pop(0)
            match output:
                case Store():
                    if self.immediate_store:
                        todo += agent.stored(output.ref, self.now_s)
                    else:
                        self.waiting_stores.append((name, output.ref))
                case Transmit():
                    self.transmitted[name].append(output.bundle)
                    self._carry(name, output)
                case Deliver():
                    self.delivered.append(output.bundle)
                case Release():
                    pass
                case _:
                    self.events.append(output)
        due = agent.next_timer()
        if due < self._armed.get(name, 1e9):
            self._armed[name] = due
            self.at(due, lambda: self._timer(name))

    def _timer(self, name: str) -> None:
        self._armed.pop(name, None)
        self.do(name, self.agents[name].on_timer(self.now_s))

    def _schedule(self, number: int, contact: Contact) -> None:
        agent = self.agents[contact.source]
        key = (contact.source, contact.destination, contact.start_s)
        cut_s = self.cuts.get(key, contact.end_s)
        reason = "scheduled" if cut_s == contact.end_s else "cut"

        def start() -> None:
            self.do(contact.source, agent.contact_started(number, self.now_s))

        def end() -> None:
            self.do(contact.source, agent.contact_ended(number, self.now_s, reason))

        if cut_s > contact.start_s:
            self.at(contact.start_s, start)
        self.at(cut_s, end)

    def _carry(self, name: str, transmit: Transmit) -> None:
        contact = self.plan.contacts[transmit.contact]
        agent = self.agents[name]
        last_s = contact.last_bit_s(self.now_s, transmit.size_bytes)
        cut_s = self.cuts.get((contact.source, contact.destination, contact.start_s), 1e18)
        if last_s > cut_s:
            self.at(
                cut_s,
                lambda: self.do(name, agent.transfer_failed(transmit.transfer, "cut", self.now_s)),
            )
            return

        def out() -> None:
            self.do(name, agent.transfer_finished(transmit.transfer, self.now_s))
            if agent.routing.links[transmit.neighbour].contact is not None:
                self.do(name, agent.link_ready(transmit.neighbour, self.now_s))

        light_s = contact.owlt_at(last_s)
        peer = self.agents[transmit.neighbour]
        self.at(last_s, out)
        self.at(
            last_s + light_s,
            lambda: self.do(
                transmit.neighbour,
                peer.receive(transmit.bundle, name, self.now_s, transmit.size_bytes, light_s),
            ),
        )
