"""LTP engines: their tables, whole exchanges under any loss, doubling and order, and the arithmetic."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ltp_block import BLOCK, SESSION
from ltp_fuzz import fuzz_engines
from ltp_pair import LIGHT_S, Pair, taken

from dtn.ltp import export_session, import_session
from dtn.ltp.engine import Engine
from dtn.ltp.export_session import ExportInput, ExportState
from dtn.ltp.goodput import goodput_bound_bps, mean_rounds
from dtn.ltp.import_session import ImportInput, ImportState
from dtn.ltp.outputs import (
    ReceptionCancelled,
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
)

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
