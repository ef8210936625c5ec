"""Reports over hand-made event streams: events in, fates, spreads and summary out."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import PLAN, SIMPLE, delivered, hop, in_order, sourced, story

from dtn.contact_plan import ContactPlan
from dtn.errors import BadInput
from dtn.events import (
    BundleDeleted,
    BundleFragmented,
    BundleHeld,
    BundleInFlight,
    Event,
    FrameLate,
    FrameLost,
    RouteForfeited,
    TransferFailed,
)
from emulator.log import LogHeader
from emulator.reports.fates import fates
from emulator.reports.history import Spans, history_of
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
