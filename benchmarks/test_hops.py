"""What a hop costs, from the agent that sends to the agent that receives, both ways of carrying it."""

import random
from functools import partial
from itertools import pairwise

import pytest

import dtn.routing.strategies  # noqa: F401  # registers them
from dtn.bpa import Agent, AgentOptions
from dtn.contact_plan import Contact, ContactPlan
from dtn.eid import parse_eid
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine
from dtn.store import MemoryStore
from emulator.clock import EmulatedLoop
from nodes.applications import Flow, Receiver, Telemetry, periodic
from nodes.channel.local import LocalChannel
from nodes.convergence.whole_bundle import WholeBundle
from nodes.links import Links
from nodes.node import Node

HOPS = 4
BUNDLES = 2000
MESSAGE_BYTES = 1000


@pytest.mark.parametrize("octets", [False, True], ids=["bundles", "octets"])
def test_a_chain_of_hops(benchmark, octets):
    names = [f"n{number}" for number in range(HOPS + 1)]
    plan = ContactPlan(Contact(a, b, 0.0, 1e6, 1e7, 1.0) for a, b in pairwise(names))

    def convergence(name, loop, channel, user):
        return WholeBundle(name, user, plan, loop, channel, octets=octets)

    def run():
        with EmulatedLoop() as loop:
            channel = LocalChannel(loop, lambda event: None)
            links = Links(plan, loop)
            known = dict(enumerate(names, 1))
            nodes = []
            for number, name in known.items():
                options = AgentOptions(node_id=parse_eid(f"ipn:{number}.0"), names=known)
                rng = random.Random(number)
                routing = RoutingEngine(name, plan, load_strategy("sabr"), rng)
                agent = Agent(name, options, routing)
                node = Node(
                    name,
                    agent,
                    MemoryStore(),
                    loop,
                    lambda event: None,
                    partial(convergence, name, loop, channel),
                )
                links.add(node)
                nodes.append(node)
            links.start()
            receiver = Receiver("1")
            nodes[-1].register(receiver)
            flow = Flow(
                name="telemetry",
                service="2",
                destination=parse_eid(f"ipn:{HOPS + 1}.1"),
                lifetime_s=1000.0,
            )
            Telemetry(nodes[0], flow, MESSAGE_BYTES, periodic(1.0, 1.0, BUNDLES + 1.0)).start()
            loop.run()
        assert receiver.bundles == BUNDLES

    benchmark.pedantic(run, rounds=5)
    benchmark.extra_info["us_per_hop"] = benchmark.stats["min"] / (BUNDLES * HOPS) * 1e6
