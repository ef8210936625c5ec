"""Routes a second over random plans, and SABR decisions, on one core.

`nodes/contacts` as in the literature: 20/2k and 100/50k, contacts of 100 to 3000 s spread over a
week, constant or sampled. Each call finds one route between random nodes at a random time, with the
fewest hops, as a Route. The plain searches stand beside for comparison: a Dijkstra with bisection
per pair of nodes, and the rounds over networkx.
"""

import math
import random
import sys
from bisect import bisect_left
from dataclasses import dataclass
from heapq import heappop, heappush

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.routing import contact_graph, earliest_arrival, kernel
from dtn.routing.graph import earliest_arrival_in
from dtn.routing.index import PlanIndex, index_of
from dtn.routing.sabr import RouteCache, candidates

WEEK_S = 7 * 86400.0
SIZE_BYTES = 100_000


def random_plan(nodes, contacts, varying):
    draw = random.Random(1)
    names = [f"n{number:03}" for number in range(nodes)]

    def contact():
        start = draw.uniform(0, WEEK_S)
        rate = (1e6, 2e6, 1.5e6) if varying else 1e6
        owlt = (1.2, 1.3, 1.4) if varying else draw.uniform(0.01, 10)
        ends = draw.sample(names, 2)
        return Contact(*ends, start, start + draw.uniform(100, 3000), rate, owlt)

    return ContactPlan(contact() for _ in range(contacts))


def questions(plan, count):
    draw = random.Random(2)
    return [(*draw.sample(plan.nodes, 2), draw.uniform(0, 6 * 86400)) for _ in range(count)]


def per_second(benchmark, answer, asked):
    def all_of_them():
        for question in asked:
            answer(*question)

    benchmark.pedantic(all_of_them, rounds=5, warmup_rounds=1)
    if benchmark.stats:
        benchmark.extra_info["per_second"] = round(len(asked) / benchmark.stats["min"])


PLANS = [(20, 2000, 2000), (100, 50_000, 300)]


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize(("nodes", "contacts", "count"), PLANS)
def test_earliest_arrival(benchmark, nodes, contacts, count, varying):
    plan = random_plan(nodes, contacts, varying)

    def answer(source, destination, at_s):
        return earliest_arrival(plan, source, destination, at_s, SIZE_BYTES)

    per_second(benchmark, answer, questions(plan, count))


@pytest.mark.parametrize(("nodes", "contacts", "count"), [(20, 2000, 500), (100, 50_000, 20)])
def test_dijkstra_by_pairs_without_fewest_hops(benchmark, nodes, contacts, count):
    plan = random_plan(nodes, contacts, varying=False)
    index = index_of(plan)

    def answer(source, destination, at_s):
        arrival = [math.inf] * nodes
        heap = [(at_s, index.ids[source])]
        done = set()
        while heap:
            t, u = heappop(heap)
            if u in done:
                continue
            if u == index.ids[destination]:
                return t
            done.add(u)
            for pair in index.out[u]:
                if pair.node in done:
                    continue
                for place in range(bisect_left(pair.ends_s, t), len(pair.ends_s)):
                    begin = max(pair.starts_s[place], t)
                    if begin >= arrival[pair.node]:
                        break
                    contact = plan.contacts[pair.numbers[place]]
                    last = begin + SIZE_BYTES * 8 / contact.rate_bps
                    if last <= contact.end_s:
                        there = last + contact.owlt_s
                        if there < arrival[pair.node]:
                            arrival[pair.node] = there
                            heappush(heap, (there, pair.node))
                        break
        return None

    per_second(benchmark, answer, questions(plan, count))


def test_rounds_over_networkx(benchmark):
    plan = random_plan(20, 2000, varying=False)
    graph = contact_graph(plan)

    def answer(source, destination, at_s):
        return earliest_arrival_in(graph, source, destination, at_s, SIZE_BYTES)

    per_second(benchmark, answer, questions(plan, 20))


@pytest.mark.parametrize(("nodes", "contacts"), [(20, 2000), (100, 50_000)])
def test_building_the_index(benchmark, nodes, contacts):
    plan = random_plan(nodes, contacts, varying=False)
    benchmark.pedantic(PlanIndex, (plan,), rounds=3)


class Idle:
    """A node without traffic."""

    changes = 0

    def __init__(self, plan):
        self.volumes = [contact.volume_bytes() for contact in plan.contacts]

    def queued(self):
        return ()

    def backlog_bytes(self, neighbour, priority):
        return 0.0

    def residual_bytes(self, contact, priority):
        return self.volumes[contact]

    def lacking(self, contacts, priority, size_bytes):
        return [n for n in contacts if self.residual_bytes(n, priority) < size_bytes]


@dataclass
class Load:
    destination: str
    size_bytes: int = SIZE_BYTES
    priority: int = 1
    expires_s: float = math.inf


@pytest.mark.parametrize("how", ["cached", "kernel", "plain"])
@pytest.mark.parametrize("k", [1, 8])
def test_a_sabr_decision(benchmark, k, how):
    if how == "kernel":
        pytest.importorskip("numba")
    plan = random_plan(20, 2000, varying=False)
    index, idle, cache = index_of(plan), Idle(plan), RouteCache()
    index.searches = kernel.WORTH_COMPILING if how == "kernel" else -sys.maxsize

    def answer(source, destination, at_s):
        return candidates(
            index,
            idle,
            Load(destination),
            source,
            at_s,
            k=k,
            cache=cache if how == "cached" else None,
        )

    asked = questions(plan, 200)
    per_second(benchmark, answer, asked[:1] * 200 if how == "cached" else asked)
