"""The bundle traffic of the known cases: queues first come first served, each bundle whole inside one contact."""

from __future__ import annotations

import pytest
from cgr_cases import CASES

from dtn.contact_plan import Contact, ContactPlan
from dtn.events import BundleDelivered, BundleSourced
from dtn.routing import Hold, Send
from dtn.routing.strategy import Strategy
from emulator.one_process import fly
from emulator.setup import Demand, Member, Setup

LARGEST_BYTES = 2_000_000
"""The largest bundle of a case: headers are small beside it."""

WITH_BUNDLES = [case for case in CASES if case.get("bundles")]


@pytest.mark.parametrize("case", WITH_BUNDLES, ids=lambda case: case["name"])
def test_bundles_queue_first_come_first_served_and_arrive_when_the_case_says(case):
    unit = LARGEST_BYTES / max(bundle["size"] for bundle in case["bundles"])
    contacts = [
        Contact(str(c["from"]), str(c["to"]), c["start"], c["end"], c["rate"] * unit * 8, c["owlt"])
        for c in case["contacts"]
    ]
    names = sorted({name for c in contacts for name in (c.source, c.destination)})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    demands = [
        Demand(
            created_s=b["at"],
            source=str(b["src"]),
            destination=str(b["dst"]),
            size_bytes=round(b["size"] * unit),
            lifetime_s=1e6,
            flow=str(b["name"]),
        )
        for b in case["bundles"]
    ]
    setup = Setup(
        name=case["name"],
        sha256="",
        start=None,
        duration_s=1000.0,
        seed=1,
        strategy="follow",
        plan=ContactPlan(contacts, ipn_numbers=numbers),
        members=tuple(Member(name=name, ipn=ipn) for name, ipn in numbers.items()),
        demands=tuple(sorted(demands, key=lambda demand: demand.created_s)),
    )
    ways = {
        str(b["name"]): {contacts[n].source: contacts[n].destination for n in b["route"]}
        for b in case["bundles"]
    }
    flow_of: dict[str, str] = {}
    arrived: dict[str, float] = {}

    def record(event):
        if isinstance(event, BundleSourced):
            flow_of[event.bundle] = event.flow
        elif isinstance(event, BundleDelivered):
            arrived[flow_of[event.bundle]] = event.t_s

    def decide(view, bundle):
        # the first question comes before the event is recorded: the payload's turn tells the flow
        way = ways[flow_of.get(bundle.id) or _flow(bundle, demands, view)]
        following = way.get(view.node)
        return Hold() if bundle.failed_with or following is None else Send(following)

    fly(setup, Strategy("follow", decide, {}), record)
    expected = {str(b["name"]): b["expected_delivery"] for b in case["bundles"]}
    assert {name: arrived.get(name) for name in expected} == {
        name: None if t is None else pytest.approx(t, abs=0.05) for name, t in expected.items()
    }


def _flow(bundle, demands, view):
    """Of a bundle that is just being sourced."""
    taken = view.memory.setdefault("taken", [])
    name = next(
        d.flow
        for d in demands
        if (d.source, d.destination, d.created_s) == (view.node, bundle.destination, view.now_s)
        and d.flow not in taken
    )
    taken.append(name)
    return name
