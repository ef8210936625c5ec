"""Decisions as people see them: the table of a terminal, of the report page and of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from emulator.reports.decisions import DECISION_PARTS, Decisions
from emulator.reports.figures import Figure, stacked
from emulator.reports.page import table
from emulator.reports.readable import bytes_text, duration_text, energy_text, share_text
from emulator.reports.summary import Summary

DECISIONS_LEAD = (
    "From the event at the satellite until the decision about it is in effect, by where it was made. A curve ends at "
    "the share of events that were ever decided on. Placements of one traffic are given the same events, side by side."
)
DECISION_PARTS_LEAD = (
    "The journeys of input and answer by cause, and the time at the executor: waiting for a slot, computing at full "
    "speed, and stalled, what low power or heat added. Means over the decisions in effect."
)
_COLUMNS = ("events", "in time", "missed", "median", "95 %", "energy", "sent home")


def names_of(decisions: Sequence[Decisions]) -> list[str]:
    """What each is called: its placement, with its traffic where there are several."""
    several = len({one["flow"] for one in decisions}) > 1
    return [
        f"{one['flow']}, {one['placement']}" if several else one["placement"] for one in decisions
    ]


def decisions_table(decisions: Sequence[Decisions]) -> list[RenderableType]:
    """Decision latency by placement, for a terminal; nothing where nothing was to be decided."""
    if not decisions:
        return []
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("decisions", overflow="fold")
    for column in _COLUMNS:
        shown.add_column(column, justify="right", no_wrap=True)
    for name, one in zip(names_of(decisions), decisions, strict=True):
        shown.add_row(Text(name), *map(Text, _cells(one)))
    return [Text(), shown]


def decisions_html(summary: Summary) -> str:
    """The same for the report page, with where jobs went and what executors did."""
    decisions = summary["decisions"]
    if not decisions:
        return ""
    rows = []
    for name, one in zip(names_of(decisions), decisions, strict=True):
        causes = ", ".join(f"{count:,} {cause}" for cause, count in one["causes"].items())
        places = ", ".join(f"{count:,} {place}" for place, count in one["places"].items())
        wrong = f"{one['wrong']:,}"
        rows.append((escape(name), *_cells(one), wrong, escape(places), escape(causes)))
    caption = ("placement", *_COLUMNS, "wrong", "computed", "not decided on")
    uses = [
        (
            escape(use["node"]),
            f"{use['jobs']:,}",
            f"{use['dropped']:,}",
            duration_text(use["computing_s"]),
            duration_text(use["taken_s"] - use["computing_s"]),
            energy_text(use["energy_j"]),
        )
        for use in summary["executors"]
    ]
    executors = ("executor", "jobs", "dropped", "computing", "stalled", "energy")
    return table(caption, rows, words=1) + table(executors, uses, words=1)


def decision_parts_figure(decisions: Sequence[Decisions]) -> Figure:
    """Mean decision latency by placement, stacked by cause."""
    rows = [
        (name, [one["breakdown_s"][part] for part in DECISION_PARTS])
        for name, one in zip(names_of(decisions), decisions, strict=True)
    ]
    return stacked(rows, DECISION_PARTS, "mean latency of a decision")


def _cells(one: Decisions) -> list[str]:
    return [
        f"{one['events']:,}",
        share_text(one["in_time"], one["events"]),
        f"{one['missed']:,}",
        duration_text(one["latency_s"]["p50"]),
        duration_text(one["latency_s"]["p95"]),
        energy_text(one["energy_j"]),
        bytes_text(one["home_bytes"]),
    ]
