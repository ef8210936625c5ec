"""The express way gives the events of the general one, whatever happens on the way."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtn.bundle import BundleFlag
from dtn.contact_plan import Contact, ContactPlan
from dtn.events import BundleDelivered, BundleReceived, FrameLost, TransferFailed
from dtn.routing import load_strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.setup import AgentSettings, Demand, Member, Setup, Stream
from nodes.convergence.ltp_options import LtpOptions
from nodes.express import ExpressNode
from nodes.faults import LinkOutage, NodeOutage

NAMES = ("a", "b", "c", "d")
END_S = 400.0


def events_of(setup, express):
    log = []
    with EmulatedLoop() as loop:
        network = Network(setup, load_strategy(setup.strategy), loop, log.append, express=express)
        assert all(isinstance(node, ExpressNode) == express for node in network.nodes.values())
        network.end(loop.run(setup.duration_s))
    return log


def setup_of(contacts, demands, strategy="sabr", members=None, **more):
    numbers = {name: number for number, name in enumerate(NAMES, 1)}
    return Setup(
        name="express",
        sha256="",
        start=None,
        duration_s=END_S,
        seed=1,
        strategy=strategy,
        plan=ContactPlan(contacts, ipn_numbers=numbers),
        members=members or tuple(Member(name=n, ipn=number) for n, number in numbers.items()),
        demands=tuple(demands),
        **more,
    )


# Round times and rates, so that much happens at one moment.
moments = st.integers(0, 30).map(lambda tens: tens * 10.0)
pairs = st.permutations(NAMES).map(lambda names: tuple(names[:2]))


@st.composite
def contact_lists(draw):
    drawn = {}
    for _ in range(draw(st.integers(1, 14))):
        source, destination = draw(pairs)
        start_s = draw(moments)
        length_s = draw(st.sampled_from([10.0, 30.0, 100.0]))
        rate = draw(st.sampled_from([800.0, 8000.0, (8000.0, 4000.0, 800.0)]))
        owlt = draw(st.sampled_from([0.0, 1.25, 10.0, (1.0, 2.0)]))
        row = Contact(source, destination, start_s, start_s + length_s, rate, owlt)
        drawn[source, destination, start_s] = row
    return tuple(drawn.values())


@st.composite
def setups(draw):
    members = tuple(
        Member(
            name=name,
            ipn=number,
            store_bytes=draw(st.sampled_from([math.inf, math.inf, 3000])),
            joins_s=draw(st.sampled_from([0.0, 0.0, 50.0])),
            agent=AgentSettings(
                status_reports=draw(st.booleans()),
                lifetime_override_s=draw(st.sampled_from([math.inf, 60.0])),
                hop_limit=draw(st.sampled_from([64, 1])),
            ),
        )
        for number, name in enumerate(NAMES, 1)
    )
    demands = []
    for _ in range(draw(st.integers(1, 12))):
        source, destination = draw(pairs)
        demands.append(
            Demand(
                created_s=draw(moments),
                source=source,
                destination=destination,
                size_bytes=draw(st.sampled_from([10, 900, 1900, 20_000])),
                lifetime_s=draw(st.sampled_from([0.0, 20.0, 100.0, 1000.0])),
                priority=draw(st.integers(0, 2)),
            )
        )
    source, destination = draw(pairs)
    stream = Stream(
        flow="pings",
        application=draw(st.sampled_from(["ping", "telemetry", "request"])),
        service="10",
        source=source,
        destination=destination,
        size_bytes=100,
        chunk_bytes=100,
        period_s=50.0,
        process="periodic",
        lifetime_s=200.0,
        priority=1,
        first_s=5.0,
        until_s=END_S,
        report_flags=draw(st.sampled_from([0, BundleFlag.REPORT_DELIVERY])),
        response_bytes=50,
    )
    outages = []
    for _ in range(draw(st.integers(0, 3))):
        at_s, for_s = draw(moments), draw(st.sampled_from([5.0, 20.0, math.inf]))
        if draw(st.booleans()):
            outages.append(NodeOutage(node=draw(st.sampled_from(NAMES)), at_s=at_s, for_s=for_s))
        else:
            outages.append(LinkOutage(between=draw(pairs), at_s=at_s, for_s=for_s))
    strategy = draw(
        st.sampled_from(
            [
                "sabr",
                "direct",
                "first_contact",
                "epidemic",
                "spray_and_wait",
                "source_route",
                "prophet",
            ]
        )
    )
    return setup_of(
        draw(contact_lists()), demands, strategy, members, streams=(stream,), outages=tuple(outages)
    )


@settings(max_examples=150, deadline=None)
@given(setups())
def test_express_and_general_give_equal_events(setup):
    assert events_of(setup, express=True) == events_of(setup, express=False)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(setups())
def test_express_and_general_give_equal_events_in_thousands_of_networks(setup):
    assert events_of(setup, express=True) == events_of(setup, express=False)


CHAIN = (Contact("a", "b", 0, 100, 8000.0, 1.0), Contact("b", "d", 50, 300, 8000.0, 1.0))


def test_a_bundle_goes_express_over_two_hops():
    demand = Demand(created_s=1.0, source="a", destination="d", size_bytes=1000, lifetime_s=300.0)
    log = events_of(setup_of(CHAIN, [demand]), express=True)
    assert [e.node for e in log if isinstance(e, BundleReceived)] == ["b", "d"]
    (delivered,) = [e for e in log if isinstance(e, BundleDelivered)]
    assert delivered.t_s == pytest.approx(50 + 1.0 + 1.0, abs=0.2)


def test_what_is_on_the_air_when_its_link_is_cut_fails_and_what_reaches_nobody_is_lost():
    demand = Demand(created_s=1.0, source="a", destination="d", size_bytes=1000, lifetime_s=300.0)
    cut = (LinkOutage(between=("a", "b"), at_s=1.5, for_s=10.0),)
    log = events_of(setup_of(CHAIN, [demand], outages=cut), express=True)
    assert [e.reason for e in log if isinstance(e, TransferFailed)] == ["link cut"]
    assert [e.node for e in log if isinstance(e, BundleDelivered)] == ["d"]
    down = (NodeOutage(node="b", at_s=1.0, for_s=20.0),)
    log = events_of(setup_of(CHAIN, [demand], outages=down), express=True)
    assert [e.node for e in log if isinstance(e, FrameLost)] == ["b"]


@pytest.mark.parametrize("more", ["fragments", "segments"])
def test_networks_that_do_more_than_forward_whole_bundles_have_general_nodes(more):
    setup = setup_of(CHAIN, [])
    if more == "fragments":
        fragmenting = dataclasses.replace(setup.members[0], agent=AgentSettings(fragment=True))
        setup = dataclasses.replace(setup, members=(fragmenting, *setup.members[1:]))
    else:
        setup = dataclasses.replace(setup, ltp=LtpOptions())
    with EmulatedLoop() as loop:
        network = Network(setup, load_strategy("sabr"), loop, print)
        assert not any(isinstance(node, ExpressNode) for node in network.nodes.values())
