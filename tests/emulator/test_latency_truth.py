"""What reports say of real runs: fates, breakdown and ideal latency over networks of all kinds."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from invariants import check

from dtn.contact_plan import Contact, ContactPlan
from emulator.one_process import run
from emulator.result import Result
from emulator.setup import Demand, Member, Setup
from nodes.faults import LinkOutage, NodeOutage

SCENARIOS = Path(__file__).parents[2] / "scenarios"
NODES = ("a", "b", "c", "d")
DURATION_S = 1000.0


def _plan(draw: Random) -> ContactPlan:
    """Some contacts between all pairs; steady or drifting light times, steady or varying rates."""
    contacts = []
    for source, destination in permutations(NODES, 2):
        start_s = draw.uniform(0, 300)
        while start_s < DURATION_S and draw.random() < 0.8:
            end_s = start_s + draw.uniform(1, 200)
            rates = tuple(draw.choice((1e3, 1e4, 2.5e5)) for _ in range(3))
            light_s = draw.choice((0.0, 1.3, 60.0)) + draw.random()
            drifting = (light_s, light_s + draw.uniform(-1, 1) * 1e-4 * min(end_s - start_s, 100))
            contacts.append(
                Contact(
                    source,
                    destination,
                    start_s,
                    end_s,
                    draw.choice((rates, rates[0])),
                    draw.choice(((light_s + 0.01, max(drifting[1], 0.0)), light_s)),
                )
            )
            start_s = end_s + draw.uniform(0.1, 200)
    return ContactPlan(contacts, ipn_numbers={name: n + 1 for n, name in enumerate(NODES)})


def _demand(draw: Random) -> Demand:
    source, destination = draw.sample(NODES, 2)
    return Demand(
        created_s=round(draw.uniform(0, 700), 3),
        source=source,
        destination=destination,
        size_bytes=draw.choice((10, 1000, 20_000)),
        lifetime_s=round(draw.uniform(1, 1500), 3),
        priority=draw.randrange(3),
        flow=draw.choice(("telemetry", "files")),
    )


def _outage(draw: Random) -> NodeOutage | LinkOutage:
    at_s, for_s = draw.uniform(1, 900), draw.uniform(0.1, 300)
    if draw.random() < 0.5:
        return NodeOutage(node=draw.choice(NODES), at_s=at_s, for_s=for_s)
    one, other = draw.sample(NODES, 2)
    return LinkOutage(between=(one, other), at_s=at_s, for_s=for_s)


@given(st.integers(0, 10**9), st.sampled_from(["sabr", "direct", "epidemic"]))
def test_every_latency_adds_up_and_none_beats_the_ideal(seed: int, strategy: str):
    draw = Random(seed)
    plan = _plan(draw)
    demands = [_demand(draw) for _ in range(40)]
    store_bytes = draw.choice((30_000.0, 1e9))
    setup = Setup(
        name="drawn",
        sha256="",
        start=None,
        duration_s=DURATION_S,
        seed=seed,
        strategy=strategy,
        plan=plan,
        members=tuple(
            Member(name=name, ipn=n + 1, store_bytes=store_bytes) for n, name in enumerate(NODES)
        ),
        demands=tuple(sorted(demands, key=lambda demand: demand.created_s)),
        outages=tuple(_outage(draw) for _ in range(draw.randrange(4))),
    )
    result = run(setup)
    assert len(result.bundles) <= len(demands)  # a node that is down sources nothing
    check(result)


def test_the_smallest_scenario_holds_them_and_reads_back_equal(tmp_path: Path):
    result = run(SCENARIOS / "earth-moon.toml", until="2d", out=tmp_path)
    check(result)
    assert result.summary["bundles"]["delivered"] > 400
    again = Result.read(tmp_path)
    assert again.summary == result.summary
    assert again.bundles.equals(result.bundles)
    light = result.bundles["light_s"].drop_nulls()
    assert light.is_between(1.19, 2 * 1.36).all()
