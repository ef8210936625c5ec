"""The latency table of a run for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from emulator.reports.decisions_view import decisions_table
from emulator.reports.energy_view import energy_table
from emulator.reports.readable import NOTHING, duration_text, share_text
from emulator.reports.summary import Flow, Summary

MOST_ROWS = 16


def summary_view(summary: Summary) -> RenderableType:
    """What a run prints at its end: the latency table, what was lost, where the time went."""
    return Group(
        _title(summary),
        latency_table(summary),
        _fates_line(summary),
        *_loss_lines(summary),
        _breakdown_line(summary),
        *_late_line(summary),
        *decisions_table(summary["decisions"]),
        *energy_table(summary["energy"]),
    )


def latency_table(summary: Summary) -> Table:
    """Latencies by flow and in all, beside the ideal median; fits 80 columns.

    Flows between many pairs of nodes have one row a flow; summary.json has every pair.
    """
    pairs = summary["flows"]
    pooled = len(pairs) > MOST_ROWS
    flows = summary["flow_totals"] if pooled else pairs
    flows = sorted(flows, key=lambda flow: (flow["flow"], flow["source"], flow["destination"]))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("flow", overflow="fold")
    if not pooled:
        table.add_column("from → to", overflow="fold")
    for column in ("sent", "arrived", "median", "95 %", "slowest", "ideal"):
        table.add_column(column, justify="right", no_wrap=True)

    def add(name: str, ends: str, of: Flow | Summary, style: str = "") -> None:
        words = [Text(name)] if pooled else [Text(name), Text(ends)]
        table.add_row(*words, *_numbers(of), style=style)

    for flow in flows[:MOST_ROWS]:
        ends = f"{flow['source']} → {flow['destination']}"
        add(flow["flow"] or NOTHING, ends, flow)
    if len(flows) > MOST_ROWS:
        table.add_row(f"and {len(flows) - MOST_ROWS} more", style="dim")
    if len(flows) != 1:
        table.add_section()
        add("all", "", summary, style="bold")
    return table


def _title(summary: Summary) -> Text:
    text = f"{summary['scenario']}: latency of delivered bundles, strategy {summary['strategy']}"
    return Text(text + "\n", style="bold")


def _numbers(of: Flow | Summary) -> list[Text]:
    counts, latency = of["bundles"], of["latency_s"]
    return [
        Text(f"{counts['sourced']:,}"),
        Text(share_text(counts["delivered"], counts["sourced"])),
        *(Text(duration_text(latency[key])) for key in ("p50", "p95", "max")),
        Text(duration_text(of["ideal_latency_s"]["p50"])),
    ]


def _fates_line(summary: Summary) -> Text:
    counts = summary["bundles"]
    return Text(
        f"\n{counts['sourced']:,} bundles: {counts['delivered']:,} delivered, "
        f"{counts['expired']:,} expired, {counts['dropped']:,} dropped, "
        f"{counts['in_network']:,} still in the network. "
        f"{summary['transmissions']:,} transmissions for {summary['hops']:,} hops."
    )


def _loss_lines(summary: Summary) -> list[Text]:
    losses = [loss for loss in summary["losses"] if loss["fate"] != "in_network"]
    if not losses:
        return []
    said = ", ".join(f"{loss['bundles']:,} {loss['cause']}" for loss in losses[:6])
    return [Text(f"Lost: {said}.", style="yellow")]


def _breakdown_line(summary: Summary) -> Text:
    parts = summary["breakdown_s"]
    said = ", ".join(f"{duration_text(s)} {part}" for part, s in parts.items() if s)
    return Text(f"A mean latency is {said}." if said else "Nothing was delivered.")


def _late_line(summary: Summary) -> list[Text]:
    late = summary["late_frames"]
    if not late:
        return []
    worst = duration_text(summary["worst_late_s"])
    return [Text(f"{late:,} frames came late, by up to {worst}: run slower.", style="bold red")]
