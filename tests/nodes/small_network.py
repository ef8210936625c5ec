"""Real nodes in one process, for tests: names and contacts in, events out."""

import random
from functools import partial

import dtn.routing.strategies  # noqa: F401  # registers them
from dtn.bpa import Agent, AgentOptions
from dtn.contact_plan import Contact, ContactPlan
from dtn.eid import parse_eid
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine
from dtn.store import MemoryStore
from emulator.clock import EmulatedLoop
from nodes.applications import Flow, Receiver
from nodes.channel.local import LocalChannel
from nodes.convergence.ltp import Ltp
from nodes.convergence.whole_bundle import WholeBundle
from nodes.links import Links
from nodes.node import Node

RATE_BPS = 8000.0  # a thousand bytes a second
LIGHT_S = 1.25


def contact(source, destination, start_s, end_s, rate_bps=RATE_BPS, owlt_s=LIGHT_S):
    return Contact(source, destination, start_s, end_s, rate_bps, owlt_s)


class SmallNetwork:
    """Nodes a, b, ... with ipn numbers 1, 2, ...; each has a Receiver for service 1."""

    def __init__(
        self,
        contacts,
        rate=float("inf"),
        octets=False,
        strategy="direct",
        joins_s=None,
        ltp=None,
        seed=1,
        stores=None,
        **agent_options,
    ):
        self.ltp = ltp
        self.seed = seed
        self.plan = ContactPlan(contacts)
        self.loop = EmulatedLoop(rate)
        self.events = []
        self.channel = LocalChannel(self.loop, self.events.append)
        self.links = Links(self.plan, self.loop)
        self.nodes = {}
        self.receivers = {}
        numbers = {number: name for number, name in enumerate(self.plan.nodes, 1)}
        for number, name in numbers.items():
            start_dtn_ms = 0 if ltp is None else 10**6  # octets of creation time 0 need an age
            options = AgentOptions(
                **{
                    "node_id": parse_eid(f"ipn:{number}.0"),
                    "names": numbers,
                    "start_dtn_ms": start_dtn_ms,
                    **agent_options,
                }
            )
            rng = random.Random(number)
            routing = RoutingEngine(name, self.plan, load_strategy(strategy), rng)
            node = Node(
                name,
                Agent(name, options, routing),
                (stores or {}).get(name, MemoryStore)(),
                self.loop,
                self.events.append,
                partial(self._convergence, name, octets),
            )
            self.nodes[name] = node
            self.receivers[name] = Receiver("1")
            node.register(self.receivers[name])
            self.links.add(node, (joins_s or {}).get(name, 0.0))
        self.links.start()

    def _convergence(self, name, octets, user):
        if self.ltp is not None:
            numbers = {node: number for number, node in enumerate(self.plan.nodes, 1)}
            return Ltp(
                name,
                user,
                self.plan,
                self.loop,
                self.channel,
                self.events.append,
                self.ltp,
                numbers,
                self.seed,
            )
        return WholeBundle(name, user, self.plan, self.loop, self.channel, octets=octets)

    def endpoint(self, name, service="1"):
        return parse_eid(f"ipn:{sorted(self.nodes).index(name) + 1}.{service}")

    def flow(self, destination, lifetime_s=1e6, service="5", to_service="1", priority=1):
        return Flow(
            name=f"to {destination}",
            service=service,
            destination=self.endpoint(destination, to_service),
            lifetime_s=lifetime_s,
            priority=priority,
        )

    def send(self, when_s, source, destination, payload=b"", **flow):
        request = self.flow(destination, **flow).request(payload)
        self.loop.schedule(when_s, self.nodes[source].send, request)

    def run(self, until_s=float("inf")):
        with self.loop:
            reached_s = self.loop.run(until_s)
        self.channel.end(reached_s)
        for node in self.nodes.values():
            node.end(reached_s)
        return self

    def times(self, kind):
        return [event.t_s for event in self.events if type(event) is kind]

    def of(self, kind):
        return [event for event in self.events if type(event) is kind]
