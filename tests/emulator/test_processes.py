"""A process a node, with a broker between them: the same network as in virtual time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from agreement import LISTED_APART, disagreements

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.events import BundleDelivered, BundleReceived, ContactEnded, NodeDown, NodeUp
from emulator.constellation.flight import Flight
from emulator.constellation.mosquitto import find_mosquitto
from emulator.scenario import load
from emulator.setup import Demand, Member, Setup, changed, from_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
MOST_MEMORY_MB = 90

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.skipif(
        find_mosquitto() is None, reason="no mosquitto here: apt-get install mosquitto"
    ),
]


def chain(duration_s: float, bundles: int) -> Setup:
    """a - b - c, always in contact, 2 s apart; a bundle a second from a to c."""
    contacts = [
        Contact(x, y, 0.0, duration_s, 1e6, 2.0)
        for x, y in (("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"))
    ]
    demands = tuple(
        Demand(created_s=1.0 + n, source="a", destination="c", size_bytes=1000, lifetime_s=1e4)
        for n in range(bundles)
    )
    return Setup(
        name="chain",
        sha256="",
        start=None,
        duration_s=duration_s,
        seed=1,
        strategy="sabr",
        plan=ContactPlan(contacts),
        members=tuple(Member(name=name, ipn=n) for n, name in enumerate("abc", 1)),
        demands=demands,
    )


@pytest.mark.slow
def test_processes_agree_with_virtual_time_on_six_hours_of_the_earth_moon_scenario(
    tmp_path: Path,
) -> None:
    whole = from_scenario(load(SCENARIOS / "earth-moon.toml"))
    setup = changed(whole, seed=None, strategy=None, until_s=6 * 3600.0)
    exact = emulator.run(setup)
    with Flight(setup, 7200.0, tmp_path) as one:
        real = one.finish()
        errors_s = one.error_p99_s()
        memory_mb = [s.status.memory_mb for s in one.collector.stations.values() if s.status]
    assert exact.summary["bundles"]["delivered"] == 72
    found = disagreements(exact, real, errors_s)
    assert len(found) <= LISTED_APART * 72, found
    assert max(memory_mb) < MOST_MEMORY_MB


@pytest.mark.slow
def test_a_node_that_is_killed_goes_on_with_its_store_and_every_bundle_is_accounted_for(
    tmp_path: Path,
) -> None:
    setup = chain(400.0, 300)
    with Flight(setup, 20.0, tmp_path) as one:
        one.wait_for_s(60.0)
        one.kill("b")
        one.start("b")
        result = one.finish()
    counts = result.summary["bundles"]
    assert counts["sourced"] == 300
    causes = {loss["cause"] for loss in result.summary["losses"]}
    ways = ("receiver down", "receiver unreachable", "process died")
    memory = "lost with a node's memory: process died"
    assert causes <= {memory, *(f"frame lost: {way}" for way in ways)}
    delivered = [e.bundle for e in result.log if isinstance(e, BundleDelivered)]
    assert len(delivered) == len(set(delivered)) == counts["delivered"] > 50
    mine = [e for e in result.log if isinstance(e, NodeUp | NodeDown) and e.node == "b"]
    assert [type(e) for e in mine] == [NodeUp, NodeDown, NodeUp]
    after = [e for e in result.log if isinstance(e, BundleReceived) and e.node == "c"]
    assert after[-1].t_s > mine[-1].t_s


@pytest.mark.slow
def test_an_operator_pings_cuts_mends_pauses_and_changes_the_pace(tmp_path: Path) -> None:
    with Flight(chain(150.0, 1), 20.0, tmp_path) as one:
        with one.operator() as operator:
            hops = list(operator.ping("a", "ipn:3.7", 20.0))
            operator.set_link("a", "b", is_cut=True)
            operator.set_node("c", is_up=False)
            with pytest.raises(BadInput, match="nothing can be sent from there"):
                operator.send("c", "ipn:1.7", b"", 60.0)
            operator.set_rate(0.0)
            time.sleep(1.0)
            paused_s = one.now_s
            time.sleep(0.2)
            assert one.now_s == paused_s
            operator.set_rate(40.0)
            one.wait_for_s(paused_s + 5.0)
            operator.set_link("a", "b", is_cut=False)
            operator.set_node("c", is_up=True)
            with pytest.raises(BadInput, match="no such node: a, b, c"):
                operator.set_node("d", is_up=False)
        result = one.finish()
    assert [(hop.node, hop.what) for hop in hops if hop.what != "delivered"] == [
        ("a", "sent"),
        ("b", "received"),
        ("c", "received"),
        ("c", "sent"),
        ("b", "received"),
        ("a", "received"),
        ("a", "answered"),
    ]
    assert hops[-1].t_s - hops[0].t_s >= 8.0  # four times two seconds of light
    cuts = [e for e in result.log if isinstance(e, ContactEnded) and e.reason == "order"]
    assert {(e.node, e.neighbour) for e in cuts} == {("a", "b"), ("b", "a"), ("c", "b")}
    assert [type(e) for e in result.log if isinstance(e, NodeUp | NodeDown) and e.node == "c"] == [
        NodeUp,
        NodeDown,
        NodeUp,
    ]
