"""A run as one picture: its contacts above, its latencies below; SVG written by hand, no browser.

For a README or a paper. The picture carries both its light and its dark colours and takes the ones
that its reader's system asks for. Like the page it is aggregated: its size does not grow with the
number of bundles.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

import polars as pl

from dtn.contact_plan import ContactPlan
from emulator.reports.contact_chart import busiest, contact_rows, merged
from emulator.reports.figures import PALETTE, PART_COLOURS, TimeAxis
from emulator.reports.history import History
from emulator.reports.latency import distribution
from emulator.reports.links import link_use
from emulator.reports.readable import duration_text, share_text
from emulator.reports.summary import Summary

WIDTH = 960
MARGIN = 24
LEFT = 230
ROW = 16
CURVES = 260
MOST_PAIRS = 26
MOST_FLOWS = 6
_TICKS_S = ((0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"),
            (3600.0, "1 h"), (36_000.0, "10 h"), (86_400.0, "1 d"), (864_000.0, "10 d"))  # fmt: skip

_STYLE = """
text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #17202e; }
.title { font-size: 20px; font-weight: 650; } .soft { fill: #55617a; } .name { text-anchor: end; }
.head { font-size: 14px; font-weight: 600; }
.paper { fill: #ffffff; stroke: #dfe4ee; } .rule { stroke: #dfe4ee; } .up { fill: #3d7dd8; }
@media (prefers-color-scheme: dark) {
text { fill: #e7ecf5; } .soft { fill: #a3afc4; } .paper { fill: #131a26; stroke: #2a3446; }
.rule { stroke: #2a3446; } .up { fill: #6ea3f2; } }
"""


def picture(summary: Summary, plan: ContactPlan, history: History, bundles: pl.DataFrame) -> str:
    """The picture as an SVG document."""
    pairs = contact_rows(history, plan)
    shown = busiest(pairs, link_use(history, plan), MOST_PAIRS)
    top = 96
    chart_height = ROW * max(len(shown), 1)
    curves_top = top + chart_height + 84
    height = curves_top + CURVES + 92
    end_s = max(history.end_s, summary["duration_s"], 1e-9)
    axis = TimeAxis.of(end_s, summary["start_utc"])
    parts = [
        f'<rect class="paper" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="14"/>',
        _text(MARGIN, 40, summary["scenario"], "title"),
        _text(MARGIN, 62, _facts(summary), "soft"),
        _text(MARGIN, top - 8, "Contacts", "head"),
        *_time_ticks(axis, end_s, top, chart_height),
    ]
    for place, pair in enumerate(shown):
        y = top + place * ROW
        parts.append(_text(LEFT - 10, y + 12, " – ".join(pair), "name soft"))
        for start_s, stop_s in merged(pairs[pair], end_s / 700):
            x = _across(start_s / end_s)
            width = max(_across(stop_s / end_s) - x, 0.6)
            parts.append(
                f'<rect class="up" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="9"/>'
            )
    parts += _curves(bundles.filter(fate="delivered"), curves_top)
    parts += _legend(summary, curves_top + CURVES + 44)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(summary["scenario"])}: contacts and '
        f'latencies">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def _facts(summary: Summary) -> str:
    counts, latency = summary["bundles"], summary["latency_s"]
    delivered = share_text(counts["delivered"], counts["sourced"])
    return (
        f"{duration_text(summary['duration_s'])} of network, {counts['sourced']:,} bundles, "
        f"{delivered} delivered; median latency {duration_text(latency['p50'])}, "
        f"ideal {duration_text(summary['ideal_latency_s']['p50'])}; "
        f"strategy {summary['strategy']}, seed {summary['seed']}"
    )


def _time_ticks(axis: TimeAxis, end_s: float, top: float, height: float) -> Iterable[str]:
    units = end_s / axis.unit_s
    step = next((s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500) if units / s <= 12), 1000)
    for tick in range(0, math.floor(units) + 1, step):
        x = _across(tick / units)
        yield _line(x, top, x, top + height)
        yield _text(x, top + height + 16, str(tick), "soft", "middle")
    yield _text(WIDTH - MARGIN, top + height + 34, axis.title, "soft", "end")


def _curves(delivered: pl.DataFrame, top: float) -> Iterable[str]:
    """The cumulative distributions of latency, one a flow, and the ideal, on a log axis."""
    yield _text(MARGIN, top - 12, "Latency: share delivered by then", "head")
    if not len(delivered):
        yield _text(LEFT, top + 40, "nothing was delivered", "soft")
        return
    flows = sorted(delivered.partition_by("flow", maintain_order=True), key=lambda rows: -len(rows))
    curves = [
        (str(rows["flow"][0]) or "no flow", rows["latency_s"], colour, "")
        for rows, colour in zip(flows[:MOST_FLOWS], PALETTE, strict=False)
    ]
    curves.append(("ideal, all flows", delivered["ideal_latency_s"], PART_COLOURS["wait"], "3 3"))
    known = [s for _, seconds, _, _ in curves for s in seconds.drop_nulls() if math.isfinite(s)]
    low, high = math.log10(max(min(known), 0.1) / 1.5), math.log10(max(*known, 1.0) * 1.3)
    for seconds, text in _TICKS_S:
        share = (math.log10(seconds) - low) / (high - low)
        if 0 <= share <= 1:
            x = _across(share)
            yield _line(x, top, x, top + CURVES)
            yield _text(x, top + CURVES + 16, text, "soft", "middle")
    for percent in range(0, 101, 25):
        y = top + CURVES * (1 - percent / 100)
        yield _line(LEFT, y, WIDTH - MARGIN, y)
        yield _text(LEFT - 10, y + 4, f"{percent} %", "name soft")
    for place, (name, values, colour, dashes) in enumerate(curves):
        points = " ".join(
            f"{_across((math.log10(max(s, 10**low)) - low) / (high - low)):.1f},"
            f"{top + CURVES * (1 - share):.1f}"
            for s, share in distribution(values.drop_nulls().to_list(), 160)
        )
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        yield (
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="2" stroke-linejoin="round"{dash}/>'
        )
        y = top + 16 + place * 18
        yield f'<rect x="{MARGIN}" y="{y - 9}" width="14" height="4" fill="{colour}"/>'
        yield _text(MARGIN + 20, y - 3, name[:20], "soft")


def _legend(summary: Summary, y: float) -> Iterable[str]:
    """Where a mean latency goes, as one stacked bar with its words."""
    parts = {part: seconds for part, seconds in summary["breakdown_s"].items() if seconds}
    total = sum(parts.values())
    yield _text(MARGIN, y + 9, "A mean latency", "head")
    x = float(LEFT)
    for part, seconds in parts.items():
        width = max((WIDTH - MARGIN - LEFT) * seconds / total, 1.0)
        yield (
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="12" '
            f'fill="{PART_COLOURS[part]}"/>'
        )
        x += width
    said = ", ".join(f"{duration_text(seconds)} {part}" for part, seconds in parts.items())
    yield _text(LEFT, y + 30, said, "soft")


def _across(share: float) -> float:
    return LEFT + (WIDTH - MARGIN - LEFT) * share


def _line(x0: float, y0: float, x1: float, y1: float) -> str:
    return f'<line class="rule" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str, anchor: str = "") -> str:
    place = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{place}>{escape(text)}</text>'
