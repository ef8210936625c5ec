"""LTP engines that receive: what is handed out, reports, segments that cannot be meant."""

import math

import pytest
from ltp_block import BLOCK, DEADLINE_S, SESSION, checkpoint, receiver, red
from ltp_fuzz import VECTORS
from ltp_pair import Pair, engine, give, of, taken

from dtn.ltp.outputs import (
    GreenPartReceived,
    ReceptionCancelled,
    RedPartReceived,
    SegmentDiscarded,
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
    encode_segment,
)


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
