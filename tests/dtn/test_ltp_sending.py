"""LTP engines that send: segments, checkpoints, what a report brings back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ltp_block import BLOCK, SESSION, checkpoint, receiver, red, report_on, sender
from ltp_pair import drained, engine, give, is_transmit, of, taken

from dtn.errors import InvalidValue
from dtn.ltp.options import EngineOptions
from dtn.ltp.outputs import (
    InitialTransmissionCompleted,
    Priority,
    RedPartReceived,
    SegmentDiscarded,
    TransmissionCompleted,
)
from dtn.ltp.segment import (
    ReportAck,
    ReportSegment,
    SegmentType,
    SessionId,
    decode_segment,
    encode_segment,
)


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
