"""Bundles in LTP blocks between real nodes in virtual time."""

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_network import LIGHT_S, SmallNetwork, contact

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
from dtn.ltp.goodput import goodput_bound_bps, mean_rounds
from dtn.ltp.options import EngineOptions
from dtn.store import MemoryStore
from nodes.convergence.blocks import bundles_in
from nodes.convergence.ltp_options import LtpOptions
from nodes.faults import LinkOutage, NodeOutage, schedule_outages


def both_ways(start_s, end_s, rate_bps=8000.0, owlt_s=LIGHT_S, ends="ab"):
    a, b = ends
    return [
        contact(a, b, start_s, end_s, rate_bps, owlt_s),
        contact(b, a, start_s, end_s, rate_bps, owlt_s),
    ]


def ltp(segment_bytes=500, **options):
    engine = {
        key: options.pop(key)
        for key in ("max_export_sessions", "checkpoint_limit", "report_limit", "round_limit")
        if key in options
    }
    return LtpOptions(engine=EngineOptions(segment_bytes=segment_bytes, **engine), **options)


def network(contacts, **options):
    seed = options.pop("seed", 1)
    strategy = options.pop("strategy", "direct")
    stores = options.pop("stores", None)
    return SmallNetwork(contacts, ltp=ltp(**options), seed=seed, strategy=strategy, stores=stores)


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


def fading(contacts, loss):
    return [replace(c, frame_loss=loss) for c in contacts]


def test_a_fade_takes_what_is_sent_while_it_lasts_and_ltp_sends_it_again():
    net = network(fading(both_ways(0, 50_000, owlt_s=60.0), (0.0, 0.9)), segment_bytes=200, seed=4)
    for number in range(60):
        net.send(500.0 * number, "a", "b", bytes(3000 + number))
    net.run()
    assert len(net.of(BundleDelivered)) == len(net.of(TransferFinished)) == 60
    assert net.of(TransferFailed) == []
    lost = [event.t_s - 60.0 for event in net.of(SegmentLost)]
    assert len(lost) > 20
    assert sum(t < 15_000 for t in lost) < sum(
        t >= 15_000 for t in lost
    )  # it grows along the contact
    # of one direction: within a second all or nothing; a segment takes a fifth of one
    seconds = Counter(int(t) for t in lost)
    assert max(seconds.values()) >= 4


def test_a_fade_is_the_same_whatever_is_sent():
    def lost_seconds(count):
        net = network(fading(both_ways(0, 3000, owlt_s=60.0), 0.3), segment_bytes=200)
        for number in range(count):
            net.send(0.0, "a", "b", bytes(20_000 + number))
        net.run()
        return {int(e.t_s - 60.0) for e in net.of(SegmentLost) if e.node == "b" and e.t_s < 79.0}

    assert lost_seconds(1) == lost_seconds(3) != set()


def test_a_number_takes_the_place_of_the_link_budget_and_none_is_lost_at_zero():
    for loss, expected in ((0.0, 0), (None, 1)):
        net = network(fading(both_ways(0, 5000, owlt_s=10.0), 0.5), frame_loss=loss, seed=2)
        for number in range(5):
            net.send(100.0 * number, "a", "b", bytes(3000))
        net.run()
        assert bool(net.of(SegmentLost)) == bool(expected)
        assert len(net.of(BundleDelivered)) == 5


def test_fades_cost_the_goodput_that_their_probability_says():
    """Blocks much shorter than a fade: one is lost whole with probability p, so 1/(1 - p) is sent for each."""
    loss, blocks, size = 0.15, 3000, 400
    net = network(
        fading(both_ways(0, 1e6, owlt_s=30.0), loss), max_export_sessions=100, segment_bytes=500
    )
    for number in range(blocks):
        net.send(5.0 * number, "a", "b", bytes(size))
    net.run()
    resent = sum(event.resent_bytes for event in net.of(SessionCompleted))
    carried = sum(event.block_bytes for event in net.of(SessionCompleted))
    # a block is sent again when it or its report was lost: of n tries (1 - p)^2 succeed
    predicted = 1 / (1 - loss) ** 2 - 1
    assert len(net.of(BundleDelivered)) == blocks
    assert resent / carried == pytest.approx(predicted, rel=0.08)


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


def moved(size_bytes, rate_bps, owlt_s, loss, sessions, block_bytes, segment_bytes, seed=1):
    """Move so many octets in bundles of one size; returns the network and when the last bit was acknowledged."""
    payloads = [
        random.Random(f"{seed}/{number}").randbytes(block_bytes)
        for number in range(size_bytes // block_bytes)
    ]
    net = network(
        both_ways(0, 1e7, rate_bps, owlt_s),
        segment_bytes=segment_bytes,
        frame_loss=loss,
        max_export_sessions=sessions,
        seed=seed,
    )
    received = []
    net.receivers["b"].deliver = lambda bundle, now_s: received.append(bundle.payload)
    for payload in payloads:
        net.send(0.0, "a", "b", payload, lifetime_s=1e9)
    net.run()
    assert sorted(received) == sorted(payloads)  # every byte right, and once
    assert net.of(TransferFailed) == net.of(SessionCancelled) == []
    return max(net.times(TransferFinished))


def predicted_s(size_bytes, rate_bps, owlt_s, loss, sessions, block_bytes, segment_bytes):
    """What the arithmetic of retransmission says, without an engine.

    A block of n segments goes out in rounds until the unluckiest segment is through: (1 - (1 - p^k)^n) is the
    probability that k rounds are not enough. A round ends with a checkpoint and its report: either is lost with
    probability p, and costs another round trip, 2 (light + margin), each time. So many sessions work side by side; the
    blocks are dealt to whichever is free, and the last sessions end half a block's time apart on average.
    """
    segments = math.ceil(block_bytes / (segment_bytes - 15))
    airtime_s = segment_bytes * 8 / rate_bps
    rounds = mean_rounds(segments, loss)
    answered = (1 - loss) ** 2
    resent = 1 / answered - 1  # checkpoint or report lost: how often on average in a round
    session_s = (
        segments / (1 - loss) * airtime_s
        + rounds * 2 * owlt_s
        + rounds * resent * 2 * (owlt_s + 1.0)
    )
    blocks = size_bytes / block_bytes
    return blocks / sessions * session_s + (sessions - 1) / sessions * session_s / 2


@pytest.mark.parametrize(
    ("size_bytes", "block_bytes", "seeds"),
    [
        (5_000_000, 50_000, (1, 2, 3, 4)),  # blocks of few segments vary more: a mean of four
        pytest.param(100_000_000, 1_000_000, (1,), marks=pytest.mark.slow),
    ],
    ids=["5 MB", "100 MB"],
)
def test_the_goodput_is_what_retransmission_arithmetic_predicts(size_bytes, block_bytes, seeds):
    """1 % of the segments lost, 1,200 s of light time, every byte right."""
    setting = {
        "rate_bps": 10e6,
        "owlt_s": 1200.0,
        "loss": 0.01,
        "sessions": 4,
        "block_bytes": block_bytes,
        "segment_bytes": 1400,
    }
    took_s = sum(moved(size_bytes, seed=seed, **setting) for seed in seeds) / len(seeds)
    expected_s = predicted_s(size_bytes, **setting)
    goodput_bps = size_bytes * 8 / took_s
    print(f"goodput {goodput_bps:.0f} bit/s, predicted {size_bytes * 8 / expected_s:.0f} bit/s")
    assert goodput_bps == pytest.approx(size_bytes * 8 / expected_s, rel=0.05)
    assert goodput_bps < goodput_bound_bps(4, block_bytes, 2400.0)


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
