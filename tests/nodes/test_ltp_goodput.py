"""LTP over links that fade and lose: what is sent again, and the goodput that is left."""

import math
import random
from collections import Counter
from dataclasses import replace

import pytest
from ltp_network import both_ways, network

from dtn.events import (
    BundleDelivered,
    SegmentLost,
    SessionCancelled,
    SessionCompleted,
    TransferFailed,
    TransferFinished,
)
from dtn.ltp.goodput import goodput_bound_bps, mean_rounds


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
