"""Real nodes wired together in virtual time: every time is known beforehand."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import LIGHT_S, SmallNetwork, contact

from dtn.bundle import BundleFlag
from dtn.eid import parse_eid
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleFragmented,
    BundleHeld,
    BundleInFlight,
    BundleReassembled,
    BundleReceived,
    BundleSourced,
    ContactEnded,
    ContactStarted,
    FrameLost,
    NodeDown,
    NodeUp,
    StatusReported,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from dtn.routing import earliest_arrival
from nodes.applications import Telemetry, periodic
from nodes.faults import LinkOutage, NodeOutage, schedule_outages


def test_a_bundle_arrives_after_its_wait_its_airtime_and_its_light_time():
    network = SmallNetwork([contact("a", "b", 100, 200)])
    network.send(10.0, "a", "b", bytes(1000))
    network.run()
    (started,) = network.of(TransferStarted)
    airtime_s = started.size_bytes / 1000
    assert started.t_s == 100.0
    assert network.times(TransferFinished) == [100.0 + airtime_s]
    assert network.times(BundleDelivered) == [100.0 + airtime_s + LIGHT_S]
    assert (
        network.plan.contacts[0].arrival_s(100.0, started.size_bytes)
        == (network.times(BundleDelivered)[0])
    )
    assert network.receivers["b"].payload_bytes == 1000


def test_bundles_follow_one_another_on_a_link_without_gap():
    network = SmallNetwork([contact("a", "b", 0, 200)])
    for _ in range(3):
        network.send(1.0, "a", "b", bytes(2000))
    network.run()
    started = network.times(TransferStarted)
    finished = network.times(TransferFinished)
    assert started == [1.0, *finished[:2]]
    assert len(network.of(BundleDelivered)) == 3


def test_a_bundle_goes_over_two_hops_with_the_light_time_of_each():
    contacts = [contact("a", "b", 0, 50, owlt_s=2.0), contact("b", "c", 100, 150, owlt_s=600.0)]
    network = SmallNetwork(contacts, strategy="epidemic")
    network.send(0.0, "a", "c", bytes(100))
    network.run()
    first, second = network.of(TransferStarted)
    assert network.times(BundleReceived) == [
        first.size_bytes / 1000 + 2.0,
        100 + second.size_bytes / 1000 + 600.0,
    ]
    assert [event.node for event in network.of(BundleDelivered)] == ["c"]


def test_the_last_bundle_may_fill_a_contact_to_its_end():
    trial = SmallNetwork([contact("a", "b", 0, 100)])
    trial.send(0.0, "a", "b", bytes(5000))
    airtime_s = trial.run().times(TransferFinished)[0]
    network = SmallNetwork([contact("a", "b", 0, airtime_s), contact("a", "b", airtime_s, 50)])
    network.send(0.0, "a", "b", bytes(5000))
    network.send(0.0, "a", "b", bytes(10))
    network.run()
    assert not network.of(TransferFailed)
    assert [event.contact for event in network.of(TransferStarted)] == [0, 1]
    assert network.times(TransferStarted)[1] == airtime_s
    assert len(network.of(BundleDelivered)) == 2


def test_a_contact_cut_in_mid_transfer_fails_the_transfer_and_the_bundle_goes_later():
    network = SmallNetwork([contact("a", "b", 0, 100)])
    outage = LinkOutage(between=("b", "a"), at_s=2.0, for_s=10.0, reason="cloud")
    schedule_outages([outage], network.links, network.loop)
    network.send(0.0, "a", "b", bytes(5000))
    network.run()
    (failed,) = network.of(TransferFailed)
    assert (failed.t_s, failed.node, failed.neighbour, failed.reason) == (2.0, "a", "b", "cloud")
    assert [(event.t_s, event.reason) for event in network.of(ContactEnded)] == [
        (2.0, "cloud"),
        (100.0, "scheduled"),
    ]
    assert network.times(ContactStarted) == [0.0, 12.0]
    assert network.times(TransferStarted) == [0.0, 12.0]
    assert len(network.of(BundleDelivered)) == 1
    assert not network.of(FrameLost)


def test_a_frame_whose_last_bit_was_out_before_the_cut_still_arrives():
    network = SmallNetwork([contact("a", "b", 0, 100, owlt_s=60.0)])
    schedule_outages([LinkOutage(between=("a", "b"), at_s=30.0)], network.links, network.loop)
    network.send(0.0, "a", "b", bytes(5000))
    network.run()
    assert len(network.of(BundleDelivered)) == 1
    assert network.times(BundleDelivered)[0] > 60.0


def test_a_frame_for_a_receiver_that_is_down_is_lost_and_said_to_be():
    network = SmallNetwork([contact("a", "b", 0, 100)])
    outage = NodeOutage(node="b", at_s=0.5, for_s=20.0)
    schedule_outages([outage], network.links, network.loop)
    network.send(0.0, "a", "b", bytes(1000))
    network.send(19.0, "a", "b", bytes(1000))
    network.run()
    (lost,) = network.of(FrameLost)
    sourced = network.of(BundleSourced)[0]
    assert (lost.node, lost.neighbour, lost.bundle) == ("b", "a", sourced.bundle)
    assert lost.reason == "receiver down"
    assert lost.t_s == network.times(TransferFinished)[0] + LIGHT_S
    assert len(network.of(BundleDelivered)) == 1


def test_a_node_that_goes_down_fails_its_transfer_and_keeps_its_store_until_it_is_back():
    network = SmallNetwork([contact("a", "b", 0, 100)])
    schedule_outages([NodeOutage(node="a", at_s=2.0, for_s=30.0)], network.links, network.loop)
    network.send(0.0, "a", "b", bytes(5000))
    network.send(10.0, "a", "b", b"never asked for")
    network.run()
    assert [event.reason for event in network.of(TransferFailed)] == ["node down"]
    assert [(e.t_s, e.node) for e in network.of(NodeDown)] == [(2.0, "a")]
    assert [(e.t_s, e.node) for e in network.of(NodeUp)] == [(0.0, "a"), (0.0, "b"), (32.0, "a")]
    assert network.times(TransferStarted) == [0.0, 32.0]
    assert len(network.of(BundleSourced)) == len(network.of(BundleDelivered)) == 1


def test_a_bundle_that_expires_while_its_node_is_down_is_deleted_when_the_node_is_back():
    network = SmallNetwork([contact("a", "b", 500, 600)])
    schedule_outages([NodeOutage(node="a", at_s=2.0, for_s=30.0)], network.links, network.loop)
    network.send(0.0, "a", "b", lifetime_s=10.0)
    network.run()
    assert [(event.t_s, event.reason) for event in network.of(BundleDeleted)] == [(32.0, 1)]


def test_overlapping_outages_end_with_the_last():
    network = SmallNetwork([contact("a", "b", 0, 100)])
    outages = [
        LinkOutage(between=("a", "b"), at_s=10.0, for_s=20.0),
        LinkOutage(between=("a", "b"), at_s=20.0, for_s=30.0, reason="cloud"),
        NodeOutage(node="a", at_s=45.0, for_s=15.0),
        NodeOutage(node="a", at_s=50.0, for_s=5.0),
    ]
    schedule_outages(outages, network.links, network.loop)
    network.run()
    assert network.times(ContactStarted) == [0.0, 60.0]
    assert network.times(NodeUp) == [0.0, 0.0, 60.0]
    assert network.times(NodeDown) == [45.0]


def test_a_node_joins_at_its_launch_in_the_middle_of_a_contact():
    network = SmallNetwork([contact("a", "b", 0, 100)], joins_s={"a": 40.0})
    network.send(10.0, "a", "b", b"too early")
    network.send(41.0, "a", "b", b"in time")
    network.run()
    assert [(event.t_s, event.node) for event in network.of(NodeUp)] == [(0.0, "b"), (40.0, "a")]
    assert network.times(ContactStarted) == [40.0]
    assert len(network.of(BundleSourced)) == 1


def test_a_bundle_expires_a_millisecond_after_its_lifetime():
    network = SmallNetwork([contact("a", "b", 500, 600)])
    network.send(3.0, "a", "b", lifetime_s=10.0)
    network.run()
    assert network.times(BundleDeleted) == [pytest.approx(13.001, abs=1e-9)]


def test_the_end_of_a_run_says_what_is_held_and_what_is_in_flight():
    network = SmallNetwork([contact("a", "b", 0, 10, owlt_s=600.0)])
    network.send(0.0, "a", "b", bytes(5000))
    network.send(1.0, "a", "b", bytes(50_000))
    network.run(until_s=300.0)
    flying, waiting = network.of(BundleSourced)
    assert [(e.t_s, e.node, e.bundle, e.neighbour) for e in network.of(BundleInFlight)] == [
        (300.0, "a", flying.bundle, "b")
    ]
    assert [(e.t_s, e.node, e.bundle) for e in network.of(BundleHeld)] == [
        (300.0, "a", waiting.bundle)
    ]


def test_overlapping_contacts_with_one_neighbour_carry_a_transfer_each():
    network = SmallNetwork([contact("a", "b", 0, 100), contact("a", "b", 2, 50)])
    network.send(0.0, "a", "b", bytes(5000))
    network.send(0.0, "a", "b", bytes(5000))
    network.send(0.0, "a", "b", bytes(5000))
    network.run()
    assert [event.contact for event in network.of(TransferStarted)] == [0, 1, 1]
    assert network.times(TransferStarted)[1] == 2.0
    assert network.times(TransferStarted)[2] == network.times(TransferFinished)[1]
    assert len(network.of(BundleDelivered)) == 3


def test_a_contact_under_way_at_the_start_opens_then_and_one_that_is_over_never():
    network = SmallNetwork([contact("a", "b", -50, -10), contact("a", "b", -5, 10)])
    network.run()
    assert [(e.t_s, e.contact) for e in network.of(ContactStarted)] == [(0.0, 1)]
    assert [(e.t_s, e.contact) for e in network.of(ContactEnded)] == [(10.0, 1)]


def test_sabr_delivers_a_lone_bundle_at_the_earliest_arrival_over_the_plan():
    contacts = [
        contact("a", "b", 0, 50, owlt_s=(2.0, 3.0)),
        contact("b", "c", 30, 150, rate_bps=(800.0, 8000.0), owlt_s=(600.0, 500.0)),
        contact("a", "c", 700, 800),
    ]
    network = SmallNetwork(contacts, strategy="sabr")
    network.send(4.0, "a", "c", bytes(300))
    network.run()
    # a bundle grows a little on its way (previous node, route record)
    smallest, largest = (
        earliest_arrival(network.plan, "a", "c", 4.0, event.size_bytes)
        for event in network.of(TransferStarted)
    )
    assert smallest.hops == largest.hops == 2
    (delivered_s,) = network.times(BundleDelivered)
    assert smallest.delivery_s <= delivered_s <= largest.delivery_s
    assert largest.delivery_s - smallest.delivery_s < 0.1


def _network(seed, strategy="epidemic", **options):
    """A random network with random traffic and faults."""
    rng = random.Random(seed)
    names = "abcd"
    contacts = []
    for source in names:
        for destination in names:
            start_s = rng.uniform(0, 50)
            while source != destination and start_s < 400:
                end_s = start_s + rng.uniform(5, 80)
                owlt_s = (rng.uniform(4, 9), rng.uniform(4, 9))  # falls no faster than time goes
                rates = tuple(rng.uniform(1e3, 1e5) for _ in range(3))
                contacts.append(contact(source, destination, start_s, end_s, rates, owlt_s))
                start_s = end_s + rng.choice([0.0, rng.uniform(0, 90)])
    network = SmallNetwork(contacts, strategy=strategy, **options)
    schedule_outages(
        [
            NodeOutage(node="b", at_s=rng.uniform(0, 300), for_s=60.0),
            LinkOutage(between=("a", "c"), at_s=rng.uniform(0, 300), for_s=60.0),
        ],
        network.links,
        network.loop,
    )
    for source in names:
        for destination in names:
            if source != destination:
                flow = network.flow(destination, lifetime_s=200.0, priority=rng.randrange(3))
                moments = periodic(rng.uniform(0, 20), 40.0, 300.0)
                Telemetry(network.nodes[source], flow, rng.randrange(1, 9000), moments).start()
    return network


def _story(seed, **options):
    return _network(seed, **options).run(until_s=500.0).events


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_octets_and_bundles_on_the_links_give_equal_events(seed):
    assert _story(seed, octets=True) == _story(seed, octets=False)


ALL_REPORTS = BundleFlag.ANY_REPORT | BundleFlag.STATUS_TIME_REQUESTED


def _rich_story(seed, octets, clock_trusted, strategy):
    """Large bundles over short contacts, with status reports to all sorts of endpoints."""
    network = _network(
        seed,
        octets=octets,
        strategy=strategy,
        clock_trusted=clock_trusted,
        status_reports=True,
        fragment=True,
        start_dtn_ms=10**6,
    )
    rng = random.Random(seed)
    for source in "abcd":
        for _ in range(3):
            destination = rng.choice([name for name in "abcd" if name != source])
            payload = bytes(rng.randrange(400_000))
            request = network.flow(destination, lifetime_s=300.0).request(payload)
            request = request._replace(
                flags=ALL_REPORTS,
                report_to=rng.choice((None, network.endpoint("a", "0"), parse_eid("dtn:none"))),
            )
            network.loop.schedule(rng.uniform(0, 200), network.nodes[source].send, request)
    return network.run(until_s=900.0).events


def test_the_rich_stories_are_about_fragments_too():
    kinds = {type(event) for seed in range(4) for event in _rich_story(seed, False, True, "sabr")}
    assert {BundleFragmented, BundleReassembled, StatusReported, BundleDeleted} <= kinds


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(["sabr", "direct", "epidemic"]))
def test_with_reports_fragments_and_ages_octets_and_bundles_give_equal_events_too(
    seed, clock_trusted, strategy
):
    stories = [_rich_story(seed, octets, clock_trusted, strategy) for octets in (True, False)]
    assert stories[0] == stories[1]
    kinds = {type(event) for event in stories[0]}
    assert StatusReported in kinds


def test_no_bundle_is_faster_than_the_ideal_of_the_plan():
    story = _story(4)
    sourced = {e.bundle: e for e in story if type(e) is BundleSourced}
    smallest = {}
    for event in story:
        if type(event) is TransferStarted:
            smallest[event.bundle] = min(
                smallest.get(event.bundle, event.size_bytes), event.size_bytes
            )
    delivered = [event for event in story if type(event) is BundleDelivered]
    assert len(delivered) > 50
    network = _network(4).run(until_s=0.0)
    for event in delivered:
        origin = sourced[event.bundle]
        route = earliest_arrival(
            network.plan, origin.node, event.node, origin.t_s, smallest[event.bundle]
        )
        assert event.t_s >= route.delivery_s - 1e-6 * route.hops


def test_events_come_in_order_of_time_and_every_run_gives_the_same():
    story = _story(1)
    assert len(story) > 1000
    times = [event.t_s for event in story]
    assert times == sorted(times)
    assert _story(1) == story
    assert _story(2) != story


def test_scaled_time_gives_the_events_of_virtual_time():
    assert _story(3, rate=2000.0) == _story(3)
