"""LTP engines: the rows of the checklist one by one, then any loss, doubling and order, then the arithmetic."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ltp_fuzz import VECTORS, fuzz_engines
from ltp_pair import AAL_S, LIGHT_S, Pair, drained, engine, give, is_transmit, of, taken

from dtn.errors import InvalidValue
from dtn.ltp import export_session, import_session
from dtn.ltp.engine import Engine
from dtn.ltp.export_session import ExportInput, ExportState
from dtn.ltp.goodput import goodput_bound_bps, mean_rounds
from dtn.ltp.import_session import ImportInput, ImportState
from dtn.ltp.options import EngineOptions
from dtn.ltp.outputs import (
    GreenPartReceived,
    InitialTransmissionCompleted,
    Priority,
    ReceptionCancelled,
    RedPartReceived,
    SegmentDiscarded,
    TransmissionCancelled,
    TransmissionCompleted,
)
from dtn.ltp.segment import (
    CancelAck,
    CancelReason,
    CancelSegment,
    DataSegment,
    ReportAck,
    ReportSegment,
    SegmentType,
    SessionId,
    decode_segment,
    encode_segment,
)

BLOCK = random.Random(3).randbytes(6000)
SESSION = SessionId(1, 100)
DEADLINE_S = 2 * (LIGHT_S + AAL_S)


def sender(block=BLOCK, **options):
    """An engine that has sent a block once; with its segments."""
    side = engine(1, 2, segment_bytes=1020, **options)
    side.send(block, 7, 0.0)
    return side, taken(side)


def receiver(**options):
    return engine(2, 1, segment_bytes=1020, **options)


def red(start, end, kind=SegmentType.RED, checkpoint=0, report=0, session=SESSION, block=BLOCK):
    return DataSegment(kind, session, 1, start, block[start:end], checkpoint, report)


def checkpoint(start, end, serial, report=0, kind=SegmentType.RED_CHECKPOINT):
    return red(start, end, kind, serial, report)


def report_on(asked, serial, lower, upper, *claims):
    return ReportSegment(asked.session, serial, asked.checkpoint, upper, lower, claims)


# --- the tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transitions", "states", "inputs", "first"),
    [
        (export_session.TRANSITIONS, ExportState, ExportInput, ExportState.SENDING),
        (import_session.TRANSITIONS, ImportState, ImportInput, ImportState.RECEIVING),
    ],
)
def test_every_state_is_reached_and_every_one_but_closed_is_left(
    transitions, states, inputs, first
):
    assert {state for state, _ in transitions} == set(states) - {states.CLOSED}
    assert set(transitions.values()) | {first} == set(states)
    assert {event for _, event in transitions} == set(inputs)


# --- sending ------------------------------------------------------------------------------------


@pytest.mark.row("M3", "M4")
def test_a_block_goes_out_in_segments_of_which_the_last_is_the_checkpoint():
    _, segments = sender()
    assert b"".join(segment.data for segment in segments) == BLOCK
    assert [segment.type for segment in segments[:-1]] == [SegmentType.RED] * (len(segments) - 1)
    last = segments[-1]
    assert last.type == SegmentType.RED_CHECKPOINT_EORP_EOB
    assert last.checkpoint > 0
    assert last.report == 0
    assert max(len(encode_segment(segment)) for segment in segments) <= 1020


@pytest.mark.row("M3")
def test_first_checkpoint_numbers_are_drawn_and_differ_between_blocks():
    side = engine(1, 2)
    for ref in range(8):
        side.send(BLOCK, ref, 0.0)
    serials = {s.checkpoint for s in taken(side) if s.checkpoint}
    assert len(serials) == 8


@given(size=st.integers(1, 5000), red_part=st.floats(0, 1), segment_bytes=st.integers(128, 1500))
def test_segments_cover_the_block_and_are_no_longer_than_allowed(size, red_part, segment_bytes):
    red_bytes = int(size * red_part)
    side = engine(1, 2, segment_bytes=segment_bytes)
    side.send(BLOCK[:size], 1, 0.0, red_bytes=red_bytes)
    segments = taken(side)
    assert b"".join(segment.data for segment in segments) == BLOCK[:size]
    assert all(len(encode_segment(segment)) <= segment_bytes for segment in segments)
    assert all((s.type >= SegmentType.GREEN) == (s.offset >= red_bytes) for s in segments)
    assert [s.offset + len(s.data) for s in segments if s.checkpoint] == [red_bytes] * (
        red_bytes > 0
    )
    assert segments[-1].type in (
        SegmentType.GREEN_EOB,
        SegmentType.RED_CHECKPOINT_EORP_EOB,
    )


@pytest.mark.row("M6", "M8", "M4", "M3")
def test_a_report_brings_back_what_it_lacks_and_only_that():
    side, segments = sender()
    asked = segments[-1]
    give(side, [report_on(asked, 500, 1000, 6000, (0, 2000), (3000, 500))])
    ack, *again = taken(side)
    assert ack == ReportAck(SESSION, 500)
    octets = {o for s in again for o in range(s.offset, s.offset + len(s.data))}
    assert octets == {*range(3000, 4000), *range(4500, 6000)}
    assert all(s.data == BLOCK[s.offset : s.offset + len(s.data)] for s in again)
    assert [bool(s.checkpoint) for s in again] == [False] * (len(again) - 1) + [True]
    assert again[-1].checkpoint == asked.checkpoint + 1
    assert again[-1].report == 500


@pytest.mark.row("M8")
def test_sent_again_in_the_middle_the_last_segment_is_a_plain_checkpoint():
    side, segments = sender()
    give(side, [report_on(segments[-1], 500, 0, 6000, (0, 3000), (3500, 2500))])
    again = taken(side)[1:]
    assert [s.type for s in again] == [SegmentType.RED_CHECKPOINT]
    assert (again[0].offset, len(again[0].data)) == (3000, 500)


@pytest.mark.row("M7")
def test_a_redundant_report_is_acknowledged_and_nothing_more():
    side, segments = sender()
    report = report_on(segments[-1], 500, 0, 6000, (0, 3000))
    give(side, [report])
    assert len(taken(side)) > 1
    assert give(side, [report]) == []
    assert taken(side) == [ReportAck(SESSION, 500)]


@pytest.mark.row("M7")
def test_a_report_on_an_unknown_session_is_acknowledged_and_nothing_more():
    side = engine(1, 2)
    unknown = ReportSegment(SessionId(1, 9), 500, 3, 10, 0, ((0, 4),))
    assert give(side, [unknown]) == []
    assert taken(side) == [ReportAck(SessionId(1, 9), 500)]


def test_a_report_on_more_than_was_sent_is_discarded():
    side, segments = sender()
    assert of(SegmentDiscarded, give(side, [report_on(segments[-1], 5, 0, 6001, (0, 6001))]))
    assert taken(side) == []


@pytest.mark.row("M22")
def test_a_block_is_complete_when_all_is_sent_and_all_red_is_claimed():
    side, segments = sender()
    outputs = give(side, [report_on(segments[-1], 1, 0, 6000, (0, 6000))])
    assert outputs == [TransmissionCompleted(7, SESSION, 6000, 0)]
    assert (side.exports.sessions, side.countdowns, side.exports.refs) == (0, 0, ())


@pytest.mark.row("M22")
def test_a_block_whose_red_part_is_claimed_early_is_complete_with_its_last_green_octet():
    side = engine(1, 2, segment_bytes=1020)
    side.send(BLOCK, 7, 0.0, red_bytes=1000)
    first = []
    while not first or not first[-1].checkpoint:
        first += [decode_segment(o.octets) for o in side.dequeue(0.0) if is_transmit(o)]
    assert give(side, [report_on(first[-1], 1, 0, 1000, (0, 1000))]) == []
    assert side.countdowns == 0
    outputs = drained(side)
    assert of(InitialTransmissionCompleted, outputs) == [InitialTransmissionCompleted(7)]
    assert outputs[-1] == TransmissionCompleted(7, SESSION, 6000, 0)


@pytest.mark.row("M22")
def test_a_green_block_is_complete_when_it_is_sent():
    side = engine(1, 2)
    side.send(BLOCK, 7, 0.0, red_bytes=0)
    assert drained(side)[-1] == TransmissionCompleted(7, SESSION, 6000, 0)
    assert side.countdowns == 0


def test_a_report_that_none_asked_for_answers_the_checkpoints_within_its_bounds():
    side, segments = sender()
    give(side, [ReportSegment(SESSION, 5, 0, 6000, 0, ((0, 5000),))])
    assert side.countdowns == 0
    assert [s.checkpoint - segments[-1].checkpoint for s in taken(side)[1:]] == [1]


def test_nothing_is_asked_any_more_when_all_red_is_claimed():
    side = engine(1, 2, segment_bytes=1020)
    side.send(BLOCK, 7, 0.0, red_bytes=3000)
    first = []
    while not first or not first[-1].checkpoint:
        first += [decode_segment(o.octets) for o in side.dequeue(0.0) if is_transmit(o)]
    give(side, [report_on(first[-1], 1, 0, 3000, (0, 500), (600, 2400))])
    side.dequeue(0.0)
    side.dequeue(0.0)
    assert side.countdowns == 1
    give(side, [ReportSegment(SESSION, 2, 0, 700, 500, ((0, 200),))])
    assert side.countdowns == 0
    assert drained(side)[-1] == TransmissionCompleted(7, SESSION, 6000, 100)


@pytest.mark.row("M23")
def test_what_was_claimed_once_is_never_sent_again():
    side, segments = sender()
    give(side, [report_on(segments[-1], 1, 0, 6000, (0, 5000))])
    again = taken(side)[1:]
    assert {s.offset for s in again} == {5000}
    outputs = give(side, [report_on(again[-1], 2, 0, 6000, (5000, 1000))])  # takes 0-5000 back
    assert outputs == [TransmissionCompleted(7, SESSION, 6000, 1000)]


@pytest.mark.row("M23")
def test_the_receiver_hands_out_what_it_claimed_although_it_is_never_sent_again():
    side = receiver()
    give(side, [red(0, 3000), checkpoint(5000, 6000, 5, kind=3)])
    (report,) = taken(side)
    assert report.claims == ((0, 3000), (5000, 1000))
    outputs = give(side, [checkpoint(3000, 5000, 6, report=report.serial)])
    assert of(RedPartReceived, outputs) == [RedPartReceived(SESSION, 1, BLOCK, True)]


def test_blocks_beyond_the_number_of_sessions_wait_their_turn():
    side = engine(1, 2, segment_bytes=2000, max_export_sessions=2)
    for ref in range(3):
        side.send(bytes(1000), ref, 0.0)
    first = taken(side)
    assert [segment.session.number for segment in first] == [100, 101]
    assert not side.exports.is_all_sent()
    give(side, [report_on(first[0], 1, 0, 1000, (0, 1000))])
    ack, third = taken(side)
    assert (ack.serial, third.session.number) == (1, 102)
    assert side.exports.is_all_sent()


def test_what_is_sent_again_goes_before_what_is_new_and_answers_before_both():
    side, segments = sender()
    side.send(BLOCK, 8, 0.0)
    give(side, [report_on(segments[-1], 1, 0, 6000, (0, 5000))])
    priorities = [output.priority for output in drained(side) if is_transmit(output)]
    assert priorities[:2] == [Priority.CONTROL, Priority.AGAIN]
    assert set(priorities[2:]) == {Priority.FRESH}


@pytest.mark.parametrize(
    ("block", "red_bytes"), [(b"", None), (b"abc", 4), (b"abc", -1)], ids=["empty", "4", "-1"]
)
def test_a_block_that_cannot_be_is_refused(block, red_bytes):
    with pytest.raises(InvalidValue):
        engine(1, 2).send(block, 1, 0.0, red_bytes=red_bytes)


@pytest.mark.parametrize(
    "wrong", [{"segment_bytes": 127}, {"max_export_sessions": 0}, {"report_limit": -1}]
)
def test_options_that_cannot_be_are_refused(wrong):
    with pytest.raises(InvalidValue):
        EngineOptions(**wrong)


# --- receiving ----------------------------------------------------------------------------------


@pytest.mark.row("M21")
def test_the_red_part_is_handed_out_once_and_only_when_its_end_is_known_and_all_is_there():
    side = receiver()
    assert of(RedPartReceived, give(side, [red(0, 2000), red(2000, 5000)])) == []
    end = checkpoint(5000, 6000, 5, kind=SegmentType.RED_CHECKPOINT_EORP_EOB)
    assert of(RedPartReceived, give(side, [end])) == [RedPartReceived(SESSION, 1, BLOCK, True)]
    assert of(RedPartReceived, give(side, [red(0, 2000), end, red(2000, 5000)])) == []


@pytest.mark.row("M21")
def test_green_data_is_handed_out_as_it_comes_and_a_duplicate_is_not():
    side = receiver()
    green = [
        DataSegment(SegmentType.GREEN, SESSION, 1, 1000, b"late"),
        DataSegment(SegmentType.GREEN_EOB, SESSION, 1, 1004, b"end"),
    ]
    outputs = give(side, [green[0], green[0], green[1]])
    assert outputs == [
        GreenPartReceived(SESSION, 1, 1000, b"late", False),
        GreenPartReceived(SESSION, 1, 1004, b"end", True),
    ]
    assert taken(side) == []


@pytest.mark.row("M10")
def test_the_first_report_begins_at_0_the_next_primary_one_where_it_ended():
    side = receiver()
    give(side, [red(500, 1000), checkpoint(1000, 2000, 5)])
    (first,) = taken(side)
    assert (first.lower, first.upper, first.claims) == (0, 2000, ((500, 1500),))
    give(side, [checkpoint(2000, 3000, 6)])
    (second,) = taken(side)
    assert (second.lower, second.upper, second.claims) == (2000, 3000, ((0, 1000),))
    assert second.serial == first.serial + 1


@pytest.mark.row("M10", "M4")
def test_a_secondary_report_keeps_the_lower_bound_of_the_report_that_caused_it():
    side = receiver()
    give(side, [checkpoint(1000, 2000, 5), checkpoint(3000, 4000, 6)])
    _, second = taken(side)
    assert (second.lower, second.upper, second.claims) == (2000, 4000, ((1000, 1000),))
    give(side, [checkpoint(2000, 3000, 7, report=second.serial)])
    (third,) = taken(side)
    assert (third.lower, third.upper, third.checkpoint) == (2000, 3000, 7)


@pytest.mark.row("M10")
def test_a_checkpoint_that_was_overtaken_brings_no_empty_report():
    side = receiver()
    give(side, [checkpoint(2000, 3000, 6)])
    assert len(taken(side)) == 1
    give(side, [checkpoint(1000, 2000, 5)])
    assert taken(side) == []


@pytest.mark.row("M9")
def test_a_redundant_checkpoint_brings_the_same_report_again():
    side = receiver()
    ask = checkpoint(1000, 2000, 5)
    give(side, [ask])
    reports = taken(side)
    give(side, [red(0, 1000), ask])
    assert taken(side) == reports  # not what has come since
    give(side, [ReportAck(SESSION, reports[0].serial), ask])
    assert taken(side) == []


@pytest.mark.row("M9", "M12")
def test_a_report_that_is_asked_for_again_is_timed_anew():
    side = receiver()
    ask = checkpoint(1000, 2000, 5)
    give(side, [ask])
    side.dequeue(0.0)
    assert side.next_timer() == DEADLINE_S
    give(side, [ask], 10.0)
    assert side.next_timer() == math.inf
    side.dequeue(20.0)
    assert side.next_timer() == 20.0 + DEADLINE_S


def test_a_report_can_wait_until_the_client_has_the_red_part_safe():
    side = receiver(reports_wait=True)
    ask = checkpoint(0, 6000, 5, kind=3)
    give(side, [checkpoint(0, 2000, 4)])
    assert len(taken(side)) == 1  # the red part is not whole: nothing to wait for
    outputs = give(side, [ask, ask])
    assert of(RedPartReceived, outputs) == [RedPartReceived(SESSION, 1, BLOCK, True)]
    assert (taken(side), side.next_timer() > 0) == ([], True)
    assert side.accept(SESSION, 50.0) == []
    (report,) = taken(side)
    assert report.checkpoint == 5
    assert side.accept(SESSION, 60.0) == taken(side) == []


def test_a_red_part_that_the_client_cannot_keep_cancels_its_session():
    side = receiver(reports_wait=True)
    give(side, [checkpoint(0, 6000, 5, kind=3)])
    assert side.accept(SESSION, 50.0, is_safe=False) == [
        ReceptionCancelled(SESSION, CancelReason.SYS_CNCLD, False)
    ]
    assert taken(side) == [CancelSegment(SESSION, False, CancelReason.SYS_CNCLD)]


@pytest.mark.row("M11", "M9")
def test_a_report_that_would_be_too_long_is_split_into_contiguous_ones():
    side = engine(2, 1, segment_bytes=128)
    pieces = [red(start, start + 50) for start in range(0, 5900, 100)]
    ask = checkpoint(5900, 6000, 5, kind=3)
    give(side, [*pieces, ask])
    reports = taken(side)
    assert len(reports) >= 3
    assert reports[0].lower == 0
    assert reports[-1].upper == 6000
    assert [a.upper for a in reports[:-1]] == [b.lower for b in reports[1:]]
    assert [r.serial for r in reports] == list(
        range(reports[0].serial, reports[0].serial + len(reports))
    )
    assert all(len(encode_segment(report)) <= 128 for report in reports)
    claimed = {
        octet
        for report in reports
        for offset, length in report.claims
        for octet in range(report.lower + offset, report.lower + offset + length)
    }
    assert claimed == {o for s in (*pieces, ask) for o in range(s.offset, s.offset + len(s.data))}
    give(side, [ask])
    assert taken(side) == reports


@pytest.mark.row("M19")
@pytest.mark.parametrize(
    "segments",
    [
        [DataSegment(SegmentType.GREEN, SESSION, 1, 1000, b"green"), red(1000, 1010)],
        [DataSegment(SegmentType.GREEN, SESSION, 1, 1000, b"green"), red(990, 1001)],
        [red(1000, 2000), DataSegment(SegmentType.GREEN, SESSION, 1, 1999, b"green")],
        [red(1000, 2000), DataSegment(SegmentType.GREEN, SESSION, 1, 0, b"green")],
        [checkpoint(0, 50, 4, kind=2), DataSegment(SegmentType.GREEN, SESSION, 1, 49, b"green")],
    ],
)
def test_red_above_green_or_green_below_red_cancels_the_session(segments):
    side = receiver()
    outputs = give(side, segments)
    assert outputs[-1] == ReceptionCancelled(SESSION, CancelReason.MISCOLORED, False)
    assert taken(side) == [CancelSegment(SESSION, False, CancelReason.MISCOLORED)]
    assert of(RedPartReceived, give(side, [red(0, 990)])) == []


@pytest.mark.row("M20")
@pytest.mark.parametrize("kind", [SegmentType.RED, SegmentType.GREEN])
def test_data_for_an_unknown_client_cancels_the_session(kind):
    side = receiver()
    stray = DataSegment(kind, SESSION, 9, 0, b"data")
    assert give(side, [stray, stray]) == [ReceptionCancelled(SESSION, CancelReason.UNREACH, False)]
    assert taken(side) == [CancelSegment(SESSION, False, CancelReason.UNREACH)]


@pytest.mark.row("M1")
@pytest.mark.parametrize(
    "wrong",
    [
        DataSegment(SegmentType.RED, SESSION, 1, 0, b""),
        DataSegment(SegmentType.RED, SessionId(5, 1), 1, 0, b"data"),
        ReportSegment(SessionId(5, 1), 1, 1, 10, 0, ()),
        ReportAck(SessionId(2, 1), 1),
        CancelSegment(SessionId(2, 1), True, 0),
        CancelAck(SessionId(5, 1), True),
    ],
)
def test_a_segment_that_cannot_be_meant_for_here_leaves_no_state(wrong):
    side = receiver()
    assert of(SegmentDiscarded, give(side, [wrong]))
    assert (side.imports.sessions, side.countdowns, taken(side)) == (0, 0, [])


@pytest.mark.row("M1")
@pytest.mark.parametrize(
    "wrong",
    [
        red(5990, 6000)._replace(offset=6000),
        red(0, 10)._replace(client_service=2),
        checkpoint(0, 100, 9, kind=2),
        checkpoint(0, 5999, 9, kind=3),
    ],
)
def test_data_against_what_the_session_knows_is_discarded(wrong):
    side = receiver()
    give(side, [red(0, 200), checkpoint(5000, 6000, 5, kind=3)])
    before = taken(side)
    assert of(SegmentDiscarded, give(side, [wrong]))
    outputs = give(side, [red(200, 5000)])
    assert of(RedPartReceived, outputs) == [RedPartReceived(SESSION, 1, BLOCK, True)]
    assert len(before) == 1


@pytest.mark.row("M1")
@pytest.mark.parametrize(
    "vector", [v for v in VECTORS["ltp"] if v["expect"] == "discard"], ids=lambda v: v["id"]
)
def test_a_malformed_segment_is_discarded_and_leaves_no_state(vector):
    side = receiver()
    assert of(SegmentDiscarded, side.receive(bytes.fromhex(vector["hex"]), 0.0))
    assert (side.imports.sessions, side.countdowns, taken(side)) == (0, 0, [])


@pytest.mark.row("M24")
def test_data_of_a_closed_session_opens_nothing_and_is_not_handed_out_again():
    pair = Pair(segment_bytes=1020)
    pair.sides[0].send(BLOCK, 1, 0.0)
    pair.run()
    assert pair.blocks() == [BLOCK]
    side = pair.sides[1]
    old = [s for _, place, s in pair.sent if place == 0 and isinstance(s, DataSegment)]
    assert give(side, old, 9e9) == []
    assert (side.imports.sessions, taken(side)) == (0, [])


@pytest.mark.row("M24")
def test_data_that_comes_behind_its_cancellation_opens_nothing():
    side = receiver()
    give(side, [CancelSegment(SESSION, True, 0), red(0, 1000)])
    assert side.imports.sessions == 0


def test_segments_of_too_many_blocks_are_discarded():
    side = receiver(max_import_sessions=2)
    outputs = give(side, [red(0, 10, session=SessionId(1, number)) for number in range(3)])
    assert len(of(SegmentDiscarded, outputs)) == 1
    assert side.imports.sessions == 2


def test_a_block_of_which_nothing_is_heard_makes_room_for_new_ones():
    side = receiver(max_import_sessions=1, abandon_s=1000.0)
    give(side, [red(0, 10)], 0.0)
    assert of(SegmentDiscarded, give(side, [red(0, 10, session=SessionId(1, 5))], 1000.0))
    outputs = give(side, [red(0, 10, session=SessionId(1, 5))], 1000.1)
    assert outputs == [ReceptionCancelled(SESSION, CancelReason.SYS_CNCLD, False)]


def test_a_claimed_offset_of_2_to_the_60_allocates_nothing():
    side = receiver()
    give(side, [DataSegment(SegmentType.RED_CHECKPOINT, SESSION, 1, 2**60, b"x", 5, 0)])
    (report,) = taken(side)
    assert report.claims == ((2**60, 1),)


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


# --- whole exchanges ----------------------------------------------------------------------------


def test_a_block_without_loss_takes_one_light_time_and_is_acknowledged_after_two():
    pair = Pair(segment_bytes=1020)
    pair.sides[0].send(BLOCK, 7, 0.0)
    pair.run()
    assert [(t, o.data) for t, o in pair.outputs[1]] == [(LIGHT_S, BLOCK)]
    assert pair.outputs[0][-1] == (2 * LIGHT_S, TransmissionCompleted(7, SESSION, 6000, 0))
    assert pair.sides[1].imports.sessions == 0


KINDS = {
    "red data": lambda s: isinstance(s, DataSegment) and not s.checkpoint,
    "checkpoint": lambda s: isinstance(s, DataSegment) and s.checkpoint and not s.report,
    "second checkpoint": lambda s: isinstance(s, DataSegment) and s.report,
    "report": lambda s: isinstance(s, ReportSegment),
    "acknowledgement": lambda s: isinstance(s, ReportAck),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", [1, 2])
def test_a_block_arrives_although_segments_of_one_kind_are_lost(kind, times):
    losses = iter(range(times))

    def lose(segment, nth):
        lost_first = kind == "second checkpoint" and KINDS["red data"](segment) and nth == 1
        return (
            [] if lost_first or (KINDS[kind](segment) and next(losses, None) is not None) else [0]
        )

    pair = Pair(lose, segment_bytes=1020)
    pair.sides[0].send(BLOCK, 7, 0.0)
    pair.run()
    assert next(losses, None) is None
    assert pair.blocks() == [BLOCK]
    assert len(pair.of(0, TransmissionCompleted)) == 1
    for side in pair.sides:
        assert (side.exports.sessions, side.imports.sessions, side.countdowns) == (0, 0, 0)


@pytest.mark.parametrize("lost", ["cancel", "acknowledgement"])
def test_a_cancellation_arrives_although_it_or_its_acknowledgement_is_lost(lost):
    losses = iter(range(2))
    kind = CancelSegment if lost == "cancel" else CancelAck

    def lose(segment, nth):
        return [] if isinstance(segment, kind) and next(losses, None) is not None else [0.0]

    pair = Pair(lose, client_services=frozenset((2,)))
    pair.sides[0].send(BLOCK, 7, 0.0)
    pair.run()
    assert [o.reason for o in pair.of(0, TransmissionCancelled)] == [CancelReason.UNREACH]
    assert [side.countdowns for side in pair.sides] == [0, 0]
    assert (pair.sides[0].exports.sessions, pair.sides[1].imports.sessions) == (0, 0)


@st.composite
def journeys(draw):
    """For each segment on the way: lost, or its delays; after the last, everything arrives."""
    delays = st.one_of(
        st.just([]),
        st.just([0.0]),
        st.just([0.0]),
        st.lists(st.floats(0, 3000), min_size=1, max_size=3),
    )
    return draw(st.lists(delays, max_size=40))


@given(
    journeys(),
    st.lists(st.integers(1, 5000), min_size=1, max_size=3),
    st.integers(128, 1200),
    st.integers(1, 3),
)
@settings(max_examples=150)
def test_every_block_arrives_once_under_any_loss_doubling_and_order(
    fates, sizes, segment_bytes, max_export_sessions
):
    pair = Pair(
        lambda segment, nth: fates[nth] if nth < len(fates) else [0.0],
        segment_bytes=segment_bytes,
        max_export_sessions=max_export_sessions,
        checkpoint_limit=99,
        report_limit=99,
        cancel_limit=99,
        round_limit=99,
    )
    blocks = [BLOCK[number : number + size] for number, size in enumerate(sizes)]
    for ref, block in enumerate(blocks):
        pair.sides[0].send(block, ref, 0.0)
    pair.run()
    assert sorted(pair.blocks()) == sorted(blocks)
    completed = [output.ref for output in pair.of(0, TransmissionCompleted)]
    assert sorted(completed) == list(range(len(blocks)))
    assert pair.of(0, TransmissionCancelled) == pair.of(1, ReceptionCancelled) == []
    for side in pair.sides:
        assert (side.exports.sessions, side.imports.sessions, side.countdowns) == (0, 0, 0)


@given(
    st.lists(st.tuples(st.floats(0, 4000), st.booleans(), st.integers(0, 1)), max_size=12),
    journeys(),
)
def test_every_block_arrives_once_although_links_come_and_go(cues, fates):
    """Local link and peer's silence change at will; in the end both are there."""
    pair = Pair(
        lambda segment, nth: fates[nth] if nth < len(fates) else [0.0],
        segment_bytes=700,
        checkpoint_limit=99,
        report_limit=99,
        round_limit=99,
    )
    pair.sides[0].send(BLOCK, 1, 0.0)
    for when_s, up, place in sorted(cues):
        pair.run(until_s=when_s)
        pair.now_s = max(pair.now_s, when_s)
        pair.sides[place].link(up, when_s)
        pair.sides[1 - place].remote(up, when_s)
    for side in pair.sides:
        side.link(True, pair.now_s)
        side.remote(True, pair.now_s)
    pair.run()
    assert pair.blocks() == [BLOCK]
    assert len(pair.of(0, TransmissionCompleted)) == 1


def test_mutated_segments_do_no_harm_to_an_engine():
    fuzz_engines(2_000, seed=5)


# --- arithmetic ---------------------------------------------------------------------------------


def test_the_goodput_bound_is_sessions_times_block_over_the_round_trip():
    assert goodput_bound_bps(10, 1e6, 2400.0) == pytest.approx(33_333.3, abs=0.1)


@pytest.mark.parametrize(("segments", "loss"), [(1, 0.5), (10, 0.1), (700, 0.01), (5, 0.0)])
def test_mean_rounds_is_what_throwing_dice_gives(segments, loss):
    rng = random.Random(8)
    trials = 400
    total = 0
    for _ in range(trials):
        left = segments
        while left:
            total += 1
            left = sum(rng.random() < loss for _ in range(left))
    assert mean_rounds(segments, loss) == pytest.approx(total / trials, rel=0.1)


def test_session_numbers_of_two_links_of_one_engine_never_meet():
    numbers = itertools.count(5)
    rng = random.Random(1)
    sides = [Engine(1, peer, lambda t: 1.0, numbers, rng) for peer in (2, 3)]
    for side in sides * 2:
        side.link(True, 0.0)
        side.send(b"x", next(numbers), 0.0)
    found = [s.session.number for side in sides for s in taken(side)]
    assert len(set(found)) == 4
