"""LTP engines: cancellations, and timers that know the links."""

import math

import pytest
from ltp_block import BLOCK, DEADLINE_S, SESSION, checkpoint, receiver, sender
from ltp_pair import Pair, engine, give, taken

from dtn.ltp.outputs import (
    ReceptionCancelled,
    TransmissionCancelled,
)
from dtn.ltp.segment import (
    CancelAck,
    CancelReason,
    CancelSegment,
    DataSegment,
    ReportAck,
    ReportSegment,
    SessionId,
    decode_segment,
)

# --- cancellation -------------------------------------------------------------------------------


@pytest.mark.row("M18")
@pytest.mark.parametrize("by_sender", [True, False])
@pytest.mark.parametrize("reason", [*range(6), 6, 255])
def test_a_cancellation_is_acknowledged_also_for_an_unknown_session(by_sender, reason):
    side = engine(2, 1)
    session = SessionId(1 if by_sender else 2, 55)
    assert give(side, [CancelSegment(session, by_sender, reason)]) == []
    assert taken(side) == [CancelAck(session, by_sender)]


@pytest.mark.row("M18")
def test_a_block_cancelled_by_its_sender_is_over_at_both_ends():
    side, segments = sender()
    other = receiver()
    give(other, segments[:3])
    assert side.cancel(7, CancelReason.USR_CNCLD, 0.0) == [
        TransmissionCancelled(7, SESSION, CancelReason.USR_CNCLD, False)
    ]
    (cancel,) = taken(side)
    assert give(other, [cancel]) == [ReceptionCancelled(SESSION, CancelReason.USR_CNCLD, True)]
    (ack,) = taken(other)
    assert give(side, [ack]) == []
    assert (side.exports.sessions, other.imports.sessions, side.countdowns) == (0, 0, 0)


@pytest.mark.row("M18")
def test_a_block_cancelled_by_its_receiver_is_over_at_both_ends():
    side, segments = sender()
    other = engine(2, 1, client_services=frozenset((2,)))
    give(other, segments[:2])
    (cancel,) = taken(other)
    assert give(side, [cancel]) == [TransmissionCancelled(7, SESSION, CancelReason.UNREACH, True)]
    (ack,) = taken(side)
    give(other, [ack])
    assert (side.exports.sessions, other.imports.sessions, other.countdowns) == (0, 0, 0)


def test_a_block_of_which_nothing_was_sent_is_cancelled_without_a_word():
    side = engine(1, 2)
    side.send(BLOCK, 7, 0.0)
    side.cancel(7, CancelReason.USR_CNCLD, 0.0)
    assert (taken(side), side.exports.sessions, side.exports.is_all_sent()) == ([], 0, True)


# --- timers -------------------------------------------------------------------------------------


@pytest.mark.row("M12")
def test_the_timer_starts_when_the_checkpoint_is_dequeued_not_when_it_is_queued():
    side = engine(1, 2, up=False)
    side.send(b"block", 7, 0.0)
    assert side.next_timer() == math.inf
    side.link(True, 50.0)
    side.dequeue(50.0)
    assert side.next_timer() == 50.0 + DEADLINE_S


@pytest.mark.row("M12")
@pytest.mark.parametrize("what", ["report", "cancellation"])
def test_timers_of_reports_and_cancellations_start_when_they_are_dequeued(what):
    side = receiver()
    service = 1 if what == "report" else 9
    give(side, [checkpoint(0, 100, 5, kind=3)._replace(client_service=service)], 10.0)
    assert side.next_timer() == math.inf
    side.dequeue(30.0)
    assert side.next_timer() == 30.0 + DEADLINE_S


@pytest.mark.row("M14", "M15")
@pytest.mark.parametrize(
    ("silent_s", "back_s", "deadline_s"),
    [(1500.0, 5000.0, 5602.0), (1700.0, 5000.0, 2204.0), (1500.0, 1590.0, 2204.0)],
)
def test_timers_know_the_silence_of_the_peer(silent_s, back_s, deadline_s):
    side = engine(1, 2)
    side.send(b"block", 7, 1000.0)
    side.dequeue(1000.0)
    assert side.next_timer() == 2204.0
    side.remote(False, silent_s)
    assert side.next_timer() == (math.inf if silent_s <= 1602 else 2204.0)
    side.remote(True, back_s)
    assert side.next_timer() == deadline_s


@pytest.mark.row("M13", "M15")
def test_a_timer_that_starts_while_the_peer_is_silent_starts_suspended():
    side = engine(1, 2)
    side.remote(False, 500.0)
    side.send(b"block", 7, 1000.0)
    side.dequeue(1000.0)
    assert (side.next_timer(), side.countdowns) == (math.inf, 1)
    assert side.on_timer(9e9) == []
    side.remote(True, 5000.0)
    assert side.next_timer() == 2204.0 + 5000.0 - 1602.0


@pytest.mark.row("M16")
def test_while_the_link_is_down_nothing_is_dequeued_and_what_is_queued_is_kept():
    side = engine(1, 2, segment_bytes=1020)
    side.send(BLOCK, 7, 0.0)
    first = [decode_segment(o.octets) for o in side.dequeue(0.0)]
    side.link(False, 1.0)
    assert side.dequeue(1.0) == []
    give(side, [CancelSegment(SessionId(2, 1), True, 0)])
    assert side.dequeue(2.0) == []
    side.link(True, 3.0)
    ack, *rest = taken(side, 3.0)
    assert ack == CancelAck(SessionId(2, 1), True)
    assert b"".join(s.data for s in first + rest) == BLOCK


@pytest.mark.row("M3", "M12")
def test_an_overdue_checkpoint_goes_out_again_as_it_was():
    side, segments = sender()
    outputs = side.on_timer(DEADLINE_S)
    assert outputs == []
    assert taken(side, 2000.0) == [segments[-1]]
    assert side.next_timer() == 2000.0 + DEADLINE_S


@pytest.mark.row("M17")
def test_a_checkpoint_without_answer_cancels_the_session_in_the_end():
    pair = Pair(lambda segment, nth: [], checkpoint_limit=3, cancel_limit=2)
    pair.sides[0].send(b"block", 7, 0.0)
    pair.run()
    assert pair.of(0, TransmissionCancelled) == [
        TransmissionCancelled(7, SESSION, CancelReason.RLEXC, False)
    ]
    kinds = [type(segment) for _, _, segment in pair.sent]
    assert kinds == [DataSegment] * 4 + [CancelSegment] * 3
    assert (pair.sides[0].exports.sessions, pair.sides[0].countdowns) == (0, 0)


@pytest.mark.row("M17", "M9")
def test_a_report_without_answer_cancels_the_session_in_the_end():
    def no_acknowledgement(segment, nth):
        return [] if isinstance(segment, ReportAck) else [0.0]

    pair = Pair(no_acknowledgement, report_limit=2)
    pair.sides[0].send(b"block", 7, 0.0)
    pair.run()
    assert pair.blocks() == [b"block"]
    assert pair.of(1, ReceptionCancelled) == [
        ReceptionCancelled(SESSION, CancelReason.RLEXC, False)
    ]
    reports = [s for _, place, s in pair.sent if isinstance(s, ReportSegment)]
    assert len(reports) == 3
    assert len(set(reports)) == 1
    assert pair.sides[1].imports.sessions == 0


@pytest.mark.row("M17")
def test_rounds_of_retransmission_come_to_an_end():
    def first_data_never(segment, nth):
        lost = isinstance(segment, DataSegment) and not segment.checkpoint
        return [] if lost and segment.offset < 2000 else [0.0]

    pair = Pair(first_data_never, segment_bytes=1020, round_limit=1)
    pair.sides[0].send(BLOCK, 7, 0.0)
    pair.run()
    (cancelled,) = pair.of(0, TransmissionCancelled)
    assert (cancelled.reason, cancelled.by_peer) == (CancelReason.RXMTCYCEXC, False)
    assert [side.countdowns for side in pair.sides] == [0, 0]
