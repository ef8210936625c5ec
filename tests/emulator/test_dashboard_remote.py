"""A constellation of processes on the dashboard: what its nodes say, from the beginning, and orders to them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.events import BundleDelivered, BundleSourced, ContactEnded, NodeDown, NodeUp, RouteComputed
from emulator.constellation.flight import Flight
from emulator.constellation.mosquitto import find_mosquitto
from emulator.dashboard.frame import Cursor, frame
from emulator.dashboard.remote import Remote
from emulator.dashboard.session import Refused, Session
from emulator.dashboard.source import Subject
from emulator.setup import Demand, Member, Setup

pytestmark = [
    pytest.mark.slow,
    pytest.mark.realtime,
    pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto here"),
]

CHAIN = ContactPlan(
    [
        Contact(x, y, 0.0, 600.0, 1e6, 2.0)
        for x, y in (("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"))
    ],
    ipn_numbers={"a": 1, "b": 2, "c": 3},
)
SETUP = Setup(
    name="chain",
    sha256="",
    start=None,
    duration_s=600.0,
    seed=1,
    strategy="sabr",
    plan=CHAIN,
    members=tuple(Member(name=name, ipn=n) for name, n in CHAIN.ipn_numbers.items()),
    demands=tuple(
        Demand(created_s=1.0 + n, source="a", destination="c", size_bytes=1000, lifetime_s=1e4)
        for n in range(200)
    ),
)


def test_a_dashboard_that_comes_late_sees_all_and_its_orders_reach_the_nodes(
    tmp_path: Path,
) -> None:
    subject = Subject(
        name="chain",
        strategy="sabr",
        seed=1,
        start_utc="",
        duration_s=600.0,
        plan=CHAIN,
        names=("a", "b", "c"),
        store_bytes={},
        geometry=None,
        strategies=("sabr", "direct"),
    )
    with Flight(SETUP, 20.0, tmp_path) as flight:
        flight.wait_for_s(40.0)
        with Remote(SETUP, flight.mosquitto.broker, flight.topics) as remote:
            session = Session(subject, remote)
            flight.wait_until(lambda: session.look() > 40.0 and len(session.fold.deliveries) > 20)
            assert {tuple(row[:2]) for row in frame(session, Cursor())["links"]} == {  # type: ignore[attr-defined]
                (0, 1),
                (1, 0),
                (1, 2),
                (2, 1),
            }
            moments = [event.t_s for event in remote.events]
            assert moments == sorted(moments)
            session.control({"do": "cut", "a": "a", "b": "b", "for_s": 60})
            session.control({"do": "node-down", "node": "c", "for_s": 40})
            flight.wait_until(
                lambda: session.look() > 0 and _has(remote, NodeUp, "c", after_s=50.0)
            )
            with pytest.raises(Refused, match="one of"):
                session.control({"do": "strategy", "strategy": "none such"})
            session.control({"do": "strategy", "strategy": "direct"})
            remote.orders_done()
            session.control(
                {
                    "do": "send",
                    "from": "b",
                    "to": "c",
                    "size_bytes": 9,
                    "lifetime_s": 900,
                    "priority": 1,
                }
            )
            remote.orders_done()
            flight.wait_until(lambda: session.look() > 0 and bool(_promises_of_operators(remote)))
            assert _promises_of_operators(remote) == [math.inf]  # SABR's word would be a time
        result = flight.finish()
    cut = [e for e in result.log if isinstance(e, ContactEnded) and e.reason == "order"]
    assert {(e.node, e.neighbour) for e in cut} >= {("a", "b"), ("b", "a")}
    downs = [e for e in result.log if isinstance(e, NodeDown) and e.node == "c"]
    assert downs
    assert sum(isinstance(event, BundleDelivered) for event in result.log) > 20


def _promises_of_operators(remote: Remote) -> list[float]:
    """When bundles of the page would arrive, as the strategy said at their source."""
    sent = {
        e.bundle for e in remote.events if isinstance(e, BundleSourced) and e.flow == "operator"
    }
    return [
        e.promised_s for e in remote.events if isinstance(e, RouteComputed) and e.bundle in sent
    ]


def _has(remote: Remote, kind: type, node: str, after_s: float) -> bool:
    return any(isinstance(e, kind) and e.node == node and e.t_s > after_s for e in remote.events)
