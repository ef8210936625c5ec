"""Bundles in LTP blocks between real nodes in virtual time."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ltp_network import both_ways, network
from small_network import LIGHT_S, contact

from dtn.bpa import AgentOptions, TransmissionRequest
from dtn.bpa.blocks import BundleBuilder
from dtn.codec import encode
from dtn.eid import IpnEid
from dtn.errors import InvalidValue
from dtn.events import (
    BlockSent,
    BundleDelivered,
    BundleDuplicate,
    BundleHeld,
    BundleMalformed,
    ContactEnded,
    FrameLost,
    SegmentLost,
    SessionCancelled,
    SessionCompleted,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from dtn.store import MemoryStore
from nodes.convergence.blocks import bundles_in
from nodes.convergence.ltp_options import LtpOptions
from nodes.faults import LinkOutage, NodeOutage, schedule_outages


def test_a_transfer_is_finished_when_the_report_is_back_and_not_before():
    net = network(both_ways(0, 100))
    net.send(10.0, "a", "b", bytes(1000))
    net.run()
    (sent,) = net.of(BlockSent)
    (finished,) = net.of(TransferFinished)
    (delivered,) = net.of(BundleDelivered)
    assert delivered.t_s == pytest.approx(sent.t_s + LIGHT_S)
    assert finished.t_s == pytest.approx(sent.t_s + 2 * LIGHT_S, abs=0.05)
    (session,) = net.of(SessionCompleted)
    assert (session.node, session.bundle_count, session.resent_bytes) == ("a", 1, 0)
    assert net.of(BundleHeld) == []


def test_the_airtime_is_that_of_the_segments_with_their_headers():
    net = network(both_ways(0, 100), segment_bytes=200)
    net.send(0.0, "a", "b", bytes(1000))
    net.run()
    (started,) = net.of(TransferStarted)
    (sent,) = net.of(BlockSent)
    segments = math.ceil(started.size_bytes / (200 - 10))
    airtime_s = (started.size_bytes + 10 * segments) / 1000
    assert sent.t_s == pytest.approx(airtime_s, rel=0.02)
    assert sent.t_s > started.size_bytes / 1000


def test_the_link_is_kept_full_while_reports_are_awaited():
    net = network(both_ways(0, 5000, owlt_s=600.0))
    for _ in range(20):
        net.send(0.0, "a", "b", bytes(2000))
    net.run()
    sent = net.times(BlockSent)
    assert len(sent) == 20
    gaps = [b - a for a, b in pairwise(sent)]
    assert max(gaps) - min(gaps) < 1e-6  # back to back
    assert sent[-1] < 50.0 < 1200.0 < min(net.times(TransferFinished))


def test_no_more_sessions_are_open_at_once_than_allowed():
    net = network(both_ways(0, 50_000, owlt_s=600.0), max_export_sessions=2)
    for _ in range(6):
        net.send(0.0, "a", "b", bytes(1000))
    net.run()
    sent = net.times(BlockSent)
    round_trip_s = 1200.0
    assert [round(t / round_trip_s) for t in sent] == [0, 0, 1, 1, 2, 2]
    assert len(net.of(BundleDelivered)) == 6


def test_bundles_gather_in_blocks_by_size():
    net = network(both_ways(0, 1000), aggregation_bytes=4000, aggregation_s=60.0)
    for _ in range(8):
        net.send(1.0, "a", "b", bytes(1000))
    net.run()
    assert [len(event.bundles) for event in net.of(BlockSent)] == [4, 4]
    assert len(net.of(BundleDelivered)) == 8
    assert len(net.of(TransferFinished)) == 8


def test_a_block_that_does_not_fill_goes_when_its_time_is_up():
    net = network(both_ways(0, 1000), aggregation_bytes=4000, aggregation_s=60.0)
    net.send(1.0, "a", "b", bytes(1000))
    net.send(31.0, "a", "b", bytes(1000))
    net.run()
    (sent,) = net.of(BlockSent)
    assert len(sent.bundles) == 2
    assert 61.0 < sent.t_s < 64.0


def test_what_noise_takes_is_sent_again_and_every_bundle_arrives_once():
    net = network(both_ways(0, 20_000, owlt_s=60.0), frame_loss=0.2, seed=4)
    for number in range(20):
        net.send(0.0, "a", "b", bytes(3000 + number))
    net.run()
    assert len(net.of(SegmentLost)) > 20
    assert len(net.of(BundleDelivered)) == 20
    assert net.of(BundleDuplicate) == net.of(TransferFailed) == []
    assert len(net.of(TransferFinished)) == 20
    assert sum(event.resent_bytes for event in net.of(SessionCompleted)) > 0


def test_losses_of_one_link_do_not_depend_on_other_links():
    def lost(contacts):
        net = network(contacts, frame_loss=0.3)
        net.send(0.0, "a", "b", bytes(20_000))
        net.run(until_s=500.0)
        return [event for event in net.of(SegmentLost) if "c" not in event]

    alone = lost(both_ways(0, 1000))
    assert lost(both_ways(0, 1000) + both_ways(0, 1000, ends="ac")) == alone != []


def test_equal_seeds_give_equal_events_and_others_do_not():
    def events(seed):
        net = network(both_ways(0, 2000, owlt_s=60.0), frame_loss=0.2, seed=seed)
        net.send(0.0, "a", "b", bytes(20_000))
        return net.run().events

    assert events(1) == events(1)
    assert events(1) != events(2)


def test_an_answer_that_cannot_come_now_is_waited_for_and_nothing_is_sent_again():
    """The way back opens hours later: the timer knows, and the block goes once."""
    contacts = [contact("a", "b", 0, 100), contact("b", "a", 10_000, 10_100)]
    net = network(contacts)
    net.send(0.0, "a", "b", bytes(1000))
    net.run()
    (session,) = net.of(SessionCompleted)
    assert session.resent_bytes == 0
    assert session.t_s == pytest.approx(10_000 + LIGHT_S, abs=0.1)
    assert net.times(TransferFinished) == [session.t_s]


def test_a_block_cut_off_by_the_end_of_its_contact_goes_on_in_the_next():
    net = network(both_ways(0, 10) + both_ways(1000, 1100))
    net.send(0.0, "a", "b", bytes(9_800))  # fits, but not with the segments' headers
    net.run()
    (delivered,) = net.of(BundleDelivered)
    assert 1000 < delivered.t_s < 1003
    assert net.of(TransferFailed) == []
    assert len(net.of(TransferStarted)) == 1


def test_a_block_that_had_not_begun_is_given_back_at_the_end_of_its_contact():
    contacts = both_ways(0, 10) + both_ways(1000, 1100)
    net = network(contacts, aggregation_bytes=50_000, aggregation_s=60.0)
    net.send(5.0, "a", "b", bytes(100))
    net.run()
    assert [(e.t_s, e.reason) for e in net.of(TransferFailed)] == [(10.0, "contact ended")]
    assert [len(e.bundles) for e in net.of(BlockSent)] == [1]
    (delivered,) = net.of(BundleDelivered)
    assert delivered.t_s > 1060


def test_a_link_cut_in_mid_block_loses_what_is_on_the_air_and_ltp_sends_it_again():
    net = network(both_ways(0, 200), segment_bytes=1000)
    outage = LinkOutage(between=("a", "b"), at_s=2.5, for_s=50.0, reason="cloud")
    schedule_outages([outage], net.links, net.loop)
    net.send(0.0, "a", "b", bytes(5000))
    net.run()
    assert [event.reason for event in net.of(SegmentLost)] == ["contact cut"]
    assert [event.reason for event in net.of(ContactEnded)][:2] == ["cloud", "cloud"]
    (delivered,) = net.of(BundleDelivered)
    assert delivered.t_s > 52.5
    assert net.of(TransferFailed) == []


def test_a_receiver_that_was_down_gets_the_rest_when_it_is_back():
    net = network(both_ways(0, 500), segment_bytes=1000)
    schedule_outages([NodeOutage(node="b", at_s=2.5, for_s=20.0)], net.links, net.loop)
    net.send(0.0, "a", "b", bytes(10_000))
    net.run()
    assert len(net.of(FrameLost)) > 5
    (delivered,) = net.of(BundleDelivered)
    assert delivered.t_s > 22.5
    (session,) = net.of(SessionCompleted)
    assert session.resent_bytes > 5000


def test_without_an_answer_the_session_is_cancelled_and_the_bundle_given_back():
    net = network(both_ways(0, 500), checkpoint_limit=2)
    schedule_outages([NodeOutage(node="b", at_s=0.0)], net.links, net.loop)
    net.send(1.0, "a", "b", bytes(1000))
    net.run(until_s=100.0)
    first = net.of(TransferFailed)[0]
    assert first.reason == "no answer within the retransmission limit"
    assert net.of(SessionCancelled)[0].by == "a"


def test_a_bundle_is_given_back_when_no_report_can_come_any_more():
    contacts = [contact("a", "b", 0, 500), contact("b", "a", 0, 20)]
    net = network(contacts, segment_bytes=1000, frame_loss=0.0)
    schedule_outages([NodeOutage(node="b", at_s=0.0, for_s=21.0)], net.links, net.loop)
    net.send(0.0, "a", "b", bytes(1000))
    net.run()
    assert net.of(TransferFailed)[0].reason == "no contact left to end it"
    assert net.of(TransferFailed)[0].t_s == pytest.approx(20 + LIGHT_S + 1.0)
    assert len(net.of(BundleDelivered)) == 1  # sent once more, green


def test_a_bundle_in_mid_block_is_given_back_when_no_contact_is_left():
    net = network([*both_ways(0, 10), contact("b", "a", 10, 5000)])
    net.send(0.0, "a", "b", bytes(9_800))  # fits, but not with the segments' headers
    net.run()
    assert [(e.t_s, e.reason) for e in net.of(TransferFailed)] == [(10.0, "contact ended")]
    assert net.of(BundleDelivered) == []


def test_a_bundle_is_given_back_when_what_its_report_lacks_can_not_be_sent_again():
    contacts = [contact("a", "b", 0, 20, owlt_s=60.0), contact("b", "a", 0, 5000, owlt_s=60.0)]
    failed = []
    for seed in range(6):
        net = network(contacts, frame_loss=0.3, seed=seed)
        net.send(0.0, "a", "b", bytes(9_000))
        failed += net.run().of(TransferFailed)
    assert {event.reason for event in failed} == {"no contact left to end it"}
    assert 120 < min(event.t_s for event in failed) < max(event.t_s for event in failed) < 1000


def test_a_suspended_timer_wakes_the_node_when_the_neighbour_transmits_again():
    net = network([contact("a", "b", 0, 20_000), contact("b", "a", 10_000, 20_000)])
    schedule_outages([NodeOutage(node="b", at_s=0.0, for_s=50.0)], net.links, net.loop)
    net.send(1.0, "a", "b", bytes(100))
    net.run()
    (delivered,) = net.of(BundleDelivered)
    assert 10_000 < delivered.t_s < 10_010


class SlowStore(MemoryStore):
    """Commits five seconds later, or finds the disk full."""

    is_full = False

    def put(self, ref, bundle, now_s, stored):
        loop = SlowStore.loop
        super().put(ref, bundle, now_s, lambda *_: None)
        loop.schedule(now_s + 5.0, stored, ref, not self.is_full)


class FullStore(SlowStore):
    is_full = True


@pytest.mark.parametrize("store", [SlowStore, FullStore])
def test_no_report_goes_out_before_the_bundle_is_stored(store):
    contacts = [*both_ways(0, 40), *both_ways(1000, 1100, ends="bc")]
    net = network(contacts, strategy="sabr", stores={"b": store})
    SlowStore.loop = net.loop
    net.send(0.0, "a", "c", bytes(1000))
    net.run(until_s=30.0)
    sent = net.of(BlockSent)[0]
    answered_s = pytest.approx(sent.t_s + 2 * LIGHT_S + 5.0, abs=0.1)
    if store is SlowStore:
        assert net.times(TransferFinished) == [answered_s]
        assert net.of(TransferFailed) == net.of(SessionCancelled) == []
    else:
        assert net.of(TransferFinished) == []
        assert (net.of(TransferFailed)[0].t_s, net.of(SessionCancelled)[0].by) == (answered_s, "b")


def test_towards_a_neighbour_that_never_transmits_bundles_go_unreliably():
    net = network([contact("a", "b", 0, 100)])
    net.send(0.0, "a", "b", bytes(3000))
    net.run()
    assert len(net.of(BundleDelivered)) == 1
    assert net.times(TransferFinished) == net.times(BlockSent)


def test_a_green_block_with_a_hole_is_lost():
    net = network([contact("a", "b", 0, 100)], frame_loss=0.5)
    net.send(0.0, "a", "b", bytes(3000))
    net.run()
    assert net.of(SegmentLost)
    assert net.of(BundleDelivered) == []
    assert net.of(BundleMalformed) == []


def test_bundles_cross_two_hops_each_with_its_own_sessions():
    contacts = both_ways(0, 2000, ends="ab") + both_ways(0, 2000, ends="bc")
    net = network(contacts, strategy="sabr", frame_loss=0.1)
    for _ in range(5):
        net.send(0.0, "a", "c", bytes(4000))
    net.run()
    assert len(net.of(BundleDelivered)) == 5
    assert {event.node for event in net.of(SessionCompleted)} == {"a", "b"}
    assert net.of(BundleHeld) == []


@given(
    st.integers(0, 10_000),
    st.floats(0, 0.4),
    st.lists(st.tuples(st.floats(0, 300), st.integers(1, 6000)), min_size=1, max_size=6),
    st.lists(st.tuples(st.floats(0, 400), st.floats(1, 200), st.sampled_from("abl")), max_size=3),
    st.sampled_from([0, 5000]),
)
@settings(max_examples=40)
def test_every_bundle_arrives_once_whatever_fails_on_the_way(
    seed, loss, bundles, outages, aggregation_bytes
):
    contacts = [c for start in range(0, 20_000, 1000) for c in both_ways(start, start + 300)]
    net = network(
        contacts,
        seed=seed,
        frame_loss=loss,
        aggregation_bytes=aggregation_bytes,
        checkpoint_limit=200,
        report_limit=200,
        round_limit=200,
    )
    faults = [
        LinkOutage(between=("a", "b"), at_s=at_s, for_s=for_s)
        if what == "l"
        else NodeOutage(node=what, at_s=at_s, for_s=for_s)
        for at_s, for_s, what in outages
    ]
    schedule_outages(faults, net.links, net.loop)
    for when_s, size in bundles:
        net.send(when_s, "a", "b", bytes(size))
    net.run()
    sourced = len([e for e in net.events if type(e).__name__ == "BundleSourced"])
    assert len(net.of(BundleDelivered)) == sourced
    assert net.of(BundleHeld) == []
    times = [event.t_s for event in net.events]
    assert times == sorted(times)


def test_one_bad_octet_costs_one_bundle_of_a_block():
    builder = BundleBuilder(AgentOptions(node_id=IpnEid(0, 1, 0)))
    octets = encode(builder.new(TransmissionRequest("1", IpnEid(0, 2, 1), b"good", 60.0), 1.0))
    damaged = octets[:-4] + bytes((octets[-4] ^ 1,)) + octets[-3:]
    assert list(bundles_in(octets + damaged + octets)) == [octets, damaged, octets]
    assert list(bundles_in(octets + b"\xff\xff")) == [octets, b"\xff\xff"]


@pytest.mark.parametrize("wrong", [{"frame_loss": 1.0}, {"aal_s": -1.0}, {"burst_s": -0.1}])
def test_options_that_cannot_be_are_refused(wrong):
    with pytest.raises(InvalidValue):
        LtpOptions(**wrong)
