"""What reports say in a terminal: the latency table and the trace of a bundle."""

from __future__ import annotations

import math

import pytest
from rich.console import Console, RenderableType
from streams import PLAN, SIMPLE, delivered, hop, in_order, sourced, story

from dtn.errors import BadInput
from dtn.events import (
    EVENT_TYPES,
    BundleDeleted,
    BundleDuplicate,
    BundleFragmented,
    BundleHeld,
    BundleInFlight,
    BundleLost,
    BundleReassembled,
    FrameLate,
    FrameLost,
    JobSent,
    MemoryUpset,
    RouteComputed,
    RouteForfeited,
    SecurityOperationFailed,
    TransferFailed,
)
from emulator.log import LogHeader
from emulator.reports.compare import comparison
from emulator.reports.history import history_of
from emulator.reports.table import summary_view
from emulator.reports.trace import find_bundle, steps, trace_view
from emulator.result import Result

HEADER = LogHeader(
    scenario="two [red]hops",
    scenario_sha256="00",
    seed=1,
    strategy="sabr",
    rate=math.inf,
    version="0.1.0",
    duration_s=500.0,
)


def _lines(view: RenderableType, width: int = 80) -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(view)
    return capture.get().splitlines()


def test_a_run_ends_with_its_latency_table_losses_and_breakdown():
    lost = [sourced(60.0, "y", "[bold]files"), BundleDeleted(70.0, "a", "y", 4)]
    events = in_order(SIMPLE, lost, FrameLate(80.0, "b", "a", 0.25))
    lines = _lines(summary_view(Result.of(HEADER, events, PLAN).summary))
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert lines[0] == "two [red]hops: latency of delivered bundles, strategy sabr"
    row = next(line for line in lines if line.startswith("telemetry"))
    assert " ".join(row.split()) == "telemetry a → c 1 100 % 103 s 103 s 103 s 103 s"
    assert "[bold]files" in text
    assert "2 bundles: 1 delivered, 0 expired, 1 dropped, 0 still in the network." in text
    assert "Lost: 1 depleted storage." in text
    assert "A mean latency is 88 s wait, 10 s queue, 2 s airtime, 3 s light." in text
    assert "1 frames came late, by up to 250 ms" in text


def test_a_run_that_delivered_nothing_says_so():
    assert "Nothing was delivered." in _lines(summary_view(Result.of(HEADER, [], PLAN).summary))


def test_where_nothing_was_delivered_no_part_of_a_latency_is_told():
    some = Result.of(HEADER, story(*SIMPLE), PLAN).summary
    none = Result.of(HEADER, [], PLAN).summary
    lines = [" ".join(line.split()) for line in _lines(comparison({"some": some, "none": none}))]
    assert "mean light 3 s –" in lines
    assert not any(line.startswith("mean") and line.endswith("0 s") for line in lines)


def test_long_names_and_many_flows_fit_a_terminal():
    events = story(
        *[sourced(1.0, f"x{n}", f"a-flow-with-a-long-name-{n}", "b" * 40) for n in range(40)]
    )
    lines = _lines(summary_view(Result.of(HEADER, events, PLAN).summary))
    assert max(map(len, lines)) <= 80
    assert any("and 24 more" in line for line in lines)


def test_flows_between_many_pairs_have_one_row_a_flow():
    events = story(*[sourced(1.0, f"x{n}", node=f"n{n % 20}") for n in range(40)])
    lines = _lines(summary_view(Result.of(HEADER, events, PLAN).summary))
    rows = [" ".join(line.split()) for line in lines if line.startswith("telemetry")]
    assert rows == ["telemetry 40 0 % – – – –"]


EVERYTHING = story(
    sourced(50.0),
    JobSent(50.0, "a", "watch/a/0/earth", "x", "input"),
    RouteComputed(50.0, "a", "x", "b", 153.0, 2),
    RouteComputed(50.0, "a", "x", "b", math.inf, 0),
    RouteForfeited(51.0, "a", "x", "b"),
    TransferFailed(101.0, "a", "x", "b", "cut"),
    FrameLost(101.0, "a", "b", "x", 1000, "noise"),
    BundleFragmented(102.0, "a", "x", ("x/0+5", "x/5+5")),
    hop(110.0, "a", "b", "x/0+5"),
    BundleDuplicate(113.0, "b", "x/0+5", "a"),
    hop(150.0, "b", "c", "x/0+5"),
    BundleReassembled(153.0, "c", "x", ("x/0+5", "x/5+5")),
    delivered(153.0),
    SecurityOperationFailed(155.0, "c", "x", "bib-integrity", 1, 15, "the tag is wrong"),
    BundleDeleted(160.0, "b", "x/5+5", 1),
    MemoryUpset(161.0, "b", "x/5+5", 2),
    BundleLost(162.0, "b", "x/5+5", "processor reset"),
    BundleHeld(500.0, "b", "x/5+5"),
    BundleInFlight(500.0, "b", "x/5+5", "c"),
)


def test_a_trace_has_a_sentence_for_every_event_that_names_a_bundle():
    told = steps(history_of(EVERYTHING), PLAN, "x")
    kinds = {type(event) for event in EVERYTHING if "bundle" in event._fields}
    known = {kind for kind in EVENT_TYPES.values() if "bundle" in kind._fields}
    assert kinds == known
    assert len(told) == len([event for event in EVERYTHING if "bundle" in event._fields])
    said = [step.said for step in told]
    assert len(set(said)) >= len(known)
    assert "received from a, 1 s of light away" in said
    assert "routed via b, 2 hops, promised to arrive in 103 s" in said
    assert told[-1].piece == "5+5"


def test_a_trace_tells_when_where_and_where_the_time_went():
    result = Result.of(HEADER, SIMPLE, PLAN)
    view = trace_view(
        result.history, PLAN, "x", result.journeys["x"], 103.0, "2026-12-01T00:00:00Z"
    )
    text = "\n".join(_lines(view, 100))
    assert "delivered at c after 103 s (ideal 103 s)" in text
    assert "2026-12-01 00:01:50.000   60.000 s  a   first bit to b" in text
    hops = [" ".join(line.split()) for line in text.splitlines()]
    assert "a → b 50 s 10 s 1 s 1 s 62 s" in hops
    assert hops[-1] == "in all 88 s 10 s 2 s 3 s 103 s"


def test_a_bundle_is_found_by_its_identity_its_row_or_a_part_that_only_it_has():
    report = sourced(0.5, "ipn:1.1/4/1", flow="administrative")
    history = history_of(story(report, sourced(1.0, "ipn:1.1/5/7"), sourced(2.0, "ipn:1.1/5/8")))
    assert find_bundle(history, "2") == "ipn:1.1/5/8"
    assert find_bundle(history, "ipn:1.1/5/7") == "ipn:1.1/5/7"
    assert find_bundle(history, "ipn:1.1/5/7/0+9") == "ipn:1.1/5/7"
    assert find_bundle(history, "/8") == "ipn:1.1/5/8"
    with pytest.raises(BadInput, match=r"several bundles; give one of bundles\.csv: ipn:1\.1/4/1"):
        find_bundle(history, "ipn:1.1")
    with pytest.raises(BadInput, match="is no bundle of this run"):
        find_bundle(history, "ipn:9.9/5/7")
    with pytest.raises(BadInput, match="is no bundle of this run"):
        find_bundle(history, "33")
    with pytest.raises(BadInput, match="is no bundle of this run"):
        find_bundle(history, "")


def test_runs_stand_side_by_side():
    one = Result.of(HEADER, SIMPLE, PLAN).summary
    other = Result.of(HEADER, in_order(SIMPLE, sourced(60.0, "y")), PLAN).summary
    lines = [" ".join(line.split()) for line in _lines(comparison({"[b]sabr": one, "two": other}))]
    assert lines[0] == "[b]sabr two"
    assert "delivered 100 % 50 %" in lines
    assert "mean wait 88 s 88 s" in lines
