"""Reports over hand-made event streams: events in, fates, breakdown and ideal latency out."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import PLAN, SIMPLE, delivered, hop, in_order, sourced, story

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.events import (
    BlockSent,
    BundleDeleted,
    BundleDuplicate,
    BundleFragmented,
    BundleHeld,
    BundleInFlight,
    BundleReassembled,
    BundleReceived,
    ContactEnded,
    ContactStarted,
    Event,
    FrameLate,
    FrameLost,
    NodeDown,
    NodeUp,
    RouteForfeited,
    TransferFailed,
    TransferStarted,
)
from emulator.log import LogHeader
from emulator.reports.actual_plan import plan_as_it_was
from emulator.reports.breakdown import Parts, journeys
from emulator.reports.fates import fates
from emulator.reports.history import Spans, history_of
from emulator.reports.ideal import EmptyNetwork, ideal_latencies
from emulator.reports.latency import distribution, spread
from emulator.result import Result

HEADER = LogHeader(
    scenario="two-hops",
    scenario_sha256="00",
    seed=1,
    strategy="sabr",
    rate=math.inf,
    version="0.1.0",
    duration_s=500.0,
)


def _fate(*events: Event | list[Event]) -> tuple[str, str, str]:
    fate = fates(history_of(story(*events)))["x"]
    return fate.name, fate.cause, fate.node


def _parts(*events: Event | list[Event]) -> Parts:
    return journeys(history_of(story(*events)), PLAN)["x"].parts


# ------------------------------------------------------------------------------------- fates

FATES = [
    pytest.param(
        [sourced(50.0), hop(110.0, "a", "b"), hop(150.0, "b", "c"), delivered(153.0)],
        ("delivered", "delivered", "c"),
        id="a bundle that reached its application is delivered",
    ),
    pytest.param(
        [sourced(50.0), BundleDeleted(60.0, "a", "x", 1)],
        ("expired", "lifetime expired", "a"),
        id="a bundle deleted at the end of its lifetime is expired",
    ),
    pytest.param(
        [sourced(50.0), BundleDeleted(60.0, "a", "x", 6)],
        ("dropped", "no known route", "a"),
        id="a bundle deleted for want of a route is dropped",
    ),
    pytest.param(
        [sourced(50.0), BundleDeleted(60.0, "a", "x", 99)],
        ("dropped", "reason 99", "a"),
        id="a reason code that has no words is still told",
    ),
    pytest.param(
        [sourced(50.0), BundleHeld(500.0, "a", "x")],
        ("in_network", "held in a store", "a"),
        id="a bundle in a store at the end is in the network",
    ),
    pytest.param(
        [sourced(50.0), hop(110.0, "a", "b")[:1], BundleInFlight(111.5, "a", "x", "b")],
        ("in_network", "between two nodes", "a"),
        id="a bundle between two nodes at the end is in the network",
    ),
    pytest.param(
        [sourced(50.0), hop(110.0, "a", "b")[:2], FrameLost(112.0, "a", "b", "x", 1000, "noise")],
        ("dropped", "frame lost: noise", "a"),
        id="a bundle whose only frame was lost for good is dropped",
    ),
    pytest.param(
        [
            sourced(50.0),
            FrameLost(112.0, "a", "b", "x", 1000, "cut"),
            TransferFailed(113.0, "a", "x", "b", "cut"),
            BundleDeleted(300.0, "a", "x", 1),
        ],
        ("expired", "lifetime expired", "a"),
        id="a bundle given back after a lost frame ends as its last piece does",
    ),
    pytest.param(
        [
            sourced(50.0),
            hop(110.0, "a", "b"),
            BundleDeleted(120.0, "a", "x", 1),
            BundleHeld(500.0, "b", "x"),
        ],
        ("in_network", "held in a store", "b"),
        id="one copy expired, another still held: in the network",
    ),
    pytest.param(
        [
            sourced(50.0),
            hop(110.0, "a", "b"),
            hop(150.0, "b", "c"),
            delivered(153.0),
            BundleDeleted(160.0, "a", "x", 1),
            BundleHeld(500.0, "b", "x"),
        ],
        ("delivered", "delivered", "c"),
        id="delivered, whatever becomes of other copies",
    ),
    pytest.param(
        [
            sourced(50.0),
            BundleFragmented(51.0, "a", "x", ("x/0+5", "x/5+5")),
            hop(110.0, "a", "b", "x/0+5"),
            BundleHeld(500.0, "b", "x/0+5"),
            BundleDeleted(400.0, "a", "x/5+5", 1),
        ],
        ("in_network", "held in a store", "b"),
        id="a fragment that is left keeps its bundle in the network",
    ),
    pytest.param(
        [sourced(50.0)],
        ("dropped", "unaccounted", "a"),
        id="a bundle that vanishes without a trace is counted, not hidden",
    ),
]


@pytest.mark.parametrize(("events", "expected"), FATES)
def test_every_bundle_has_one_fate_and_its_cause(events, expected):
    assert _fate(*events) == expected


def test_status_reports_and_fragments_have_no_fate_of_their_own():
    events = story(
        sourced(50.0),
        sourced(55.0, "report", flow="administrative"),
        BundleFragmented(51.0, "a", "x", ("x/0+5", "x/5+5")),
    )
    result = Result.of(HEADER, events, PLAN)
    assert list(fates(result.history)) == ["x"]
    assert result.summary["bundles"]["sourced"] == 1
    assert result.summary["administrative"] == 1


# --------------------------------------------------------------------------------- breakdown


def test_a_latency_is_told_apart_into_wait_queue_airtime_and_light():
    history = history_of(SIMPLE)
    journey = journeys(history, PLAN)["x"]
    assert journey.parts == Parts(wait=88.0, queue=10.0, airtime=2.0, light=3.0)
    assert journey.parts.total_s == 103.0
    assert [(h.node, h.neighbour, h.parts.wait, h.parts.queue) for h in journey.hops] == [
        ("a", "b", 50.0, 10.0),
        ("b", "c", 38.0, 0.0),
    ]


def test_a_bundle_delivered_where_it_was_sourced_travelled_no_hop():
    journey = journeys(history_of(story(sourced(5.0, node="c"), delivered(7.0))), PLAN)["x"]
    assert (journey.hops, journey.parts) == ((), Parts(processing=2.0))


def test_an_attempt_that_failed_is_retransmission_from_its_first_bit_to_its_return():
    parts = _parts(
        sourced(100.0),
        TransferStarted(110.0, "a", "x", "b", 0, 1000),
        TransferFailed(125.0, "a", "x", "b", "cut"),
        hop(130.0, "a", "b"),
        hop(150.0, "b", "c"),
        delivered(153.0),
    )
    assert parts == Parts(wait=18.0, queue=15.0, airtime=2.0, light=3.0, retransmission=15.0)


def test_what_a_convergence_layer_needs_beyond_one_sending_is_retransmission():
    late = [
        event._replace(t_s=event.t_s + (8.0 if i == 2 else 0))
        for i, event in enumerate(hop(110.0, "a", "b"))
    ]
    parts = _parts(sourced(110.0), late, hop(150.0, "b", "c"), delivered(153.0))
    assert parts == Parts(wait=30.0, airtime=2.0, light=3.0, retransmission=8.0)


def test_a_wait_for_the_rest_of_an_ltp_block_is_queue_and_only_a_late_arrival_retransmission():
    def told(received_s):
        first, _, last = hop(110.0, "a", "b")
        block = BlockSent(115.0, "a", "b", ("y", "x"))
        rest = [hop(200.0, "b", "c"), delivered(203.0)]
        return _parts(sourced(110.0), first, block, last._replace(t_s=received_s), *rest)

    # a's five seconds with the bundle: one of airtime; b's with a contact all the time are queue
    assert told(116.0) == Parts(wait=34.0, queue=4.0 + 50.0, airtime=2.0, light=3.0)
    assert told(118.0)._replace(wait=0, queue=0) == Parts(
        airtime=2.0, light=3.0, retransmission=2.0
    )


def test_a_node_that_was_down_was_processing_and_joining_late_is_none_of_it():
    parts = _parts(
        NodeUp(0.0, "a"),
        sourced(50.0),
        NodeDown(60.0, "a", "fault"),
        NodeUp(105.0, "a"),
        hop(110.0, "a", "b"),
        hop(150.0, "b", "c"),
        delivered(153.5),
    )
    assert parts == Parts(wait=48.0, queue=5.0, airtime=2.0, light=3.0, processing=45.5)


def test_only_the_copy_that_completed_the_delivery_is_traced():
    parts = _parts(
        sourced(90.0),
        hop(110.0, "a", "b"),
        # the same copy again, suppressed at b, then forwarded once
        hop(120.0, "a", "b"),
        BundleDuplicate(122.0, "b", "x", "a"),
        hop(160.0, "b", "c"),
        delivered(163.0),
    )
    assert parts == Parts(wait=10.0 + 38.0, queue=10.0 + 10.0, airtime=2.0, light=3.0)


def test_a_reassembled_bundle_is_traced_through_its_last_fragment():
    one, two = "x/0+500", "x/500+400"
    history = history_of(
        story(
            sourced(90.0),
            BundleFragmented(100.0, "a", "x", (one, two)),
            hop(100.0, "a", "b", one, 600),
            hop(180.0, "a", "b", two, 500),
            hop(150.0, "b", "c", one, 600),
            hop(190.0, "b", "c", two, 500),
            BundleReassembled(192.5, "c", "x", (one, two)),
            delivered(192.5),
        )
    )
    journey = journeys(history, PLAN)["x"]
    # sent from a at 180 (10 s of wait, 80 s of queue), at b at 181.5, sent at 190, at c at 192.5
    assert journey.parts == Parts(wait=10.0, queue=80.0 + 8.5, airtime=1.0, light=3.0)
    assert journey.size_bytes == 500


def test_fragments_of_fragments_lead_back_to_the_source():
    parts = _parts(
        sourced(100.0),
        BundleFragmented(100.0, "a", "x", ("x/0+5", "x/5+5")),
        hop(100.0, "a", "b", "x/5+5"),
        BundleFragmented(150.0, "b", "x/5+5", ("x/5+2", "x/7+3")),
        hop(150.0, "b", "c", "x/7+3"),
        BundleReassembled(153.0, "c", "x", ("x/0+5", "x/5+2", "x/7+3")),
        delivered(153.0),
    )
    assert parts == Parts(wait=48.0, airtime=2.0, light=3.0)


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([sourced(50.0), hop(150.0, "b", "c"), delivered(153.0)], "without having come there"),
        (
            [sourced(50.0), BundleReceived(112.0, "c", "x", "b", 9), delivered(113.0)],
            "b never sent it",
        ),
        (
            [
                sourced(50.0),
                TransferStarted(110.0, "a", "x", "c", 0, 10),
                BundleReceived(112.0, "c", "x", "a", 10),
                delivered(112.0),
            ],
            "contact 0 of the plan is not a's",
        ),
    ],
)
def test_a_delivery_that_the_log_does_not_explain_is_refused_not_guessed(events, said):
    with pytest.raises(BadInput, match=said):
        _parts(*events)


@given(
    waits=st.lists(st.floats(0, 40), min_size=3, max_size=3),
    downs=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 60)), max_size=3),
    extra=st.floats(0, 5),
    cuts=st.lists(st.tuples(st.floats(100, 200), st.floats(0, 20)), max_size=2),
)
def test_the_parts_add_up_whatever_happened_on_the_way(waits, downs, extra, cuts):
    start = 100.0 + waits[0]
    there = start + 2.0 + extra
    onward = max(there, 150.0) + waits[1]
    end = onward + 3.0
    events = story(
        sourced(100.0 - waits[2]),
        hop(start, "a", "b")[:2],
        BundleReceived(there, "b", "x", "a", 1000),
        hop(onward, "b", "c"),
        *([NodeDown(t, "b", "fault"), NodeUp(t + d, "b")] for t, d in downs),
        *(
            [ContactEnded(t, "a", "b", 0, "cut"), ContactStarted(t + d, "a", "b", 0)]
            for t, d in cuts
        ),
        delivered(end),
    )
    journey = journeys(history_of(events), PLAN)["x"]
    latency = end - (100.0 - waits[2])
    assert journey.parts.total_s == pytest.approx(latency, abs=1e-6 * len(journey.hops))
    assert min(journey.parts) >= 0
    assert journey.parts.airtime == pytest.approx(2.0)


# -------------------------------------------------------------------------------------- ideal


def test_the_ideal_latency_is_that_of_an_empty_network():
    history = history_of(SIMPLE)
    assert ideal_latencies(history, PLAN, journeys(history, PLAN)) == {"x": 103.0}


def test_a_contact_cut_by_a_fault_counts_as_it_was():
    events = [e for e in SIMPLE if not isinstance(e, ContactStarted | ContactEnded)]
    events = sorted(
        [
            *events,
            ContactStarted(105.0, "a", "b", 0),
            ContactEnded(120.0, "a", "b", 0, "cut"),
            ContactStarted(130.0, "a", "b", 0),
            ContactStarted(150.0, "b", "c", 1),
        ],
        key=lambda e: e.t_s,
    )
    actual = plan_as_it_was(PLAN, history_of(events))
    assert [(c.start_s, c.end_s) for c in actual.contacts] == [
        (105.0, 120.0),
        (130.0, 200.0),  # outlasts the log: not cut
        (150.0, 400.0),
    ]
    assert actual.contacts[2] is PLAN.contacts[1]
    assert EmptyNetwork(actual).latency_s("a", "b", 119.5, 1000) == 12.5


def test_a_plan_that_came_true_is_the_plan_itself():
    assert plan_as_it_was(PLAN, history_of(SIMPLE)) is PLAN


def test_a_cut_contact_keeps_its_rates_and_light_times():
    contact = Contact("a", "b", 0.0, 600.0, (1e3, 5e3, 2e3, 2e3), (1.0, 1.4, 1.1, 1.2))
    plan = ContactPlan([contact])
    part = plan_as_it_was(
        plan,
        history_of([ContactStarted(90.0, "a", "b", 0), ContactEnded(470.0, "a", "b", 0, "cut")]),
    ).contacts[0]
    for t in (90.0, 123.4, 290.0, 470.0):
        assert part.rate_at(t) == contact.rate_at(t)
        assert part.owlt_at(t) == contact.owlt_at(t)
        assert part.last_bit_s(t, 10) == (contact.last_bit_s(t, 10) if t < 470.0 else math.inf)
    assert part.arrival_s(90.0, 1000) == contact.arrival_s(90.0, 1000)
    assert part.volume_bytes() == contact.volume_bytes(90.0, 470.0)


DAY = ContactPlan(
    [
        Contact("a", "b", 60.0, 260.0, (4000.0, 9000.0, 1000.0, 6000.0), (1.0, 1.5, 1.2)),
        Contact("a", "c", 200.0, 500.0, 6000.0, (3.0, 2.0)),
        Contact("b", "c", 220.0, 300.0, 8000.0, 1.0),
        Contact("b", "d", 350.0, 420.0, (8000.0, 500.0), 2.0),
        Contact("c", "d", 330.0, 600.0, (100.0, 9000.0, 9000.0), (2.0, 1.0)),
    ]
)


@given(st.lists(st.tuples(st.floats(0, 650), st.sampled_from([10, 1000, 20_000])), max_size=30))
def test_answers_that_were_remembered_equal_those_worked_out_anew(questions):
    remembers = EmptyNetwork(DAY)
    for at_s, size_bytes in questions:
        anew = EmptyNetwork(DAY).latency_s("a", "d", at_s, size_bytes)
        assert remembers.latency_s("a", "d", at_s, size_bytes) == pytest.approx(anew, abs=1e-6)


# ----------------------------------------------------------------------- spreads and summary


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 30)).map(lambda s: (s[0], sum(s)))),
    st.floats(-10, 140),
    st.floats(0, 140),
)
def test_spans_fill_as_much_as_a_count_of_moments_says(stretches, first, length):
    spans = Spans.of(stretches)
    last = first + length
    marks = sorted({first, last, *(min(max(t, first), last) for s in stretches for t in s)})
    filled = sum(
        b - a for a, b in pairwise(marks) if any(s <= (a + b) / 2 <= e for s, e in stretches)
    )
    assert spans.filled_s(first, last) == pytest.approx(filled, abs=1e-9)
    assert sum(b - a for a, b in spans.between(first, last)) == pytest.approx(filled, abs=1e-9)


def test_a_spread_of_nothing_says_so_and_infinity_is_left_out():
    assert spread([]) == dict.fromkeys(("mean", "p50", "p95", "p99", "max"))
    assert spread([1.0, 3.0, math.inf]) == {
        "mean": 2.0, "p50": 2.0, "p95": 2.9, "p99": 2.98, "max": 3.0
    }  # fmt: skip


def test_a_distribution_keeps_its_ends_however_many_durations_there_are():
    curve = distribution((float(n) for n in range(100_000)), points=50)
    assert len(curve) == 50
    assert curve[0] == (0.0, 1e-5)
    assert curve[-1] == (99_999.0, 1.0)


def test_a_summary_has_every_promised_key_and_its_counts_add_up():
    lost = [sourced(60.0, "y", "files"), BundleDeleted(70.0, "a", "y", 4)]
    late = [FrameLate(80.0, "b", "a", 0.25), RouteForfeited(90.0, "a", "x", "b")]
    summary = Result.of(HEADER, in_order(SIMPLE, lost, late), PLAN, wall_s=1.5).summary
    counts = summary["bundles"]
    assert counts == {"sourced": 2, "delivered": 1, "expired": 0, "dropped": 1, "in_network": 0}
    assert summary["latency_s"] == dict.fromkeys(("mean", "p50", "p95", "p99", "max"), 103.0)
    assert sum(summary["breakdown_s"].values()) == summary["latency_s"]["mean"]
    assert [flow["flow"] for flow in summary["flows"]] == ["telemetry", "files"]
    assert summary["flows"][1]["latency_s"]["p50"] is None
    assert summary["losses"] == [{"fate": "dropped", "cause": "depleted storage", "bundles": 1}]
    assert (summary["hops"], summary["transmissions"], summary["late_frames"]) == (2, 2, 1)
    assert (summary["rate"], summary["seed"], summary["wall_s"]) == ("max", 1, 1.5)


def test_a_run_of_nothing_has_a_summary_too():
    summary = Result.of(HEADER, [], ContactPlan([])).summary
    assert summary["bundles"]["sourced"] == 0
    assert summary["latency_s"]["max"] is None
    json.dumps(summary, allow_nan=False)


def test_the_bundle_table_has_one_row_a_bundle():
    table = Result.of(HEADER, in_order(SIMPLE, sourced(60.0, "y")), PLAN).bundles
    assert table.row(0, named=True) == {
        "bundle": "x",
        "flow": "telemetry",
        "source": "a",
        "destination": "c",
        "endpoint": "ipn:3.1",
        "priority": 1,
        "size_bytes": 1000,
        "payload_bytes": 900,
        "sourced_s": 50.0,
        "lifetime_s": 1000.0,
        "fate": "delivered",
        "cause": "delivered",
        "ended_at": "c",
        "ended_s": 153.0,
        "latency_s": 103.0,
        "ideal_latency_s": 103.0,
        "wait_s": 88.0,
        "queue_s": 10.0,
        "airtime_s": 2.0,
        "light_s": 3.0,
        "retransmission_s": 0.0,
        "processing_s": 0.0,
        "hops": 2,
        "path": "a > b > c",
    }
    assert table.row(1, named=True)["latency_s"] is None


def test_events_come_as_one_table_too():
    events = Result.of(HEADER, SIMPLE, PLAN).events
    assert len(events) == len(SIMPLE)
    assert events.filter(event="BundleSourced")["lifetime_s"].to_list() == [1000.0]


@pytest.mark.parametrize("missing", ["events.jsonl", "summary.json"])
def test_a_folder_that_lacks_a_file_is_bad_input(tmp_path: Path, missing: str):
    Result.of(HEADER, SIMPLE, PLAN).write(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(BadInput, match=missing):
        Result.read(tmp_path)
