"""compare.html: several runs side by side on one page that needs no network.

Who delivered how much and what became of the rest; how delays are spread, over *all* bundles, so that
a run that drops the late ones does not look fast; where the time went; flow by flow. Colours belong
to runs, in the order in which they were given, on every figure; causes keep those of the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
import polars as pl
from numpy.typing import NDArray

from emulator.bound.told import Certificate
from emulator.reports.breakdown import Parts
from emulator.reports.compare import QUESTIONS, bound_rows, decision_rows
from emulator.reports.figures import PALETTE, PART_COLOURS, Figure, TimeAxis, log_axis
from emulator.reports.page import card_list, chart, command, page, section, table
from emulator.reports.readable import NOTHING, duration_text, share_text
from emulator.reports.summary import Summary

MOST_RUNS = len(PALETTE)
CURVE_POINTS = 240
MOST_FLOWS = 40
_LEAST_S = 1e-3
_FATES = {
    "delivered": "#2a9d8f",
    "in_network": "#8c96a8",
    "expired": "#e08a1e",
    "dropped": "#d1495b",
}
_DELAY_LEAD = (
    "Of all bundles that were sourced, the share that had been delivered after so long. A curve that stays "
    "below the others lost bundles or had not delivered them at the end. Dotted: the ideal of the first run."
)
_DELIVERY_LEAD = "What became of every sourced bundle. What was in the network at the end might have arrived later."
_PARTS_LEAD = "Mean latency of delivered bundles, by cause. A run that gives up late bundles shortens its bar."
_FLOWS_LEAD = "Median latency of each flow, with a line to its 95th percentile."


def compare_page(
    runs: Mapping[str, tuple[Summary, pl.DataFrame]],
    bounds: Mapping[str, Certificate | None] | None = None,
) -> str:
    """The whole page.

    Args:
        runs: summary and bundle table of each, by the name that it goes by; the first MOST_RUNS are drawn.
        bounds: what `lightlag bound` found out about them, by the same names.
    """
    shown = dict(list(runs.items())[:MOST_RUNS])
    summaries = {name: summary for name, (summary, _) in shown.items()}
    drawn: dict[str, Figure] = {
        "delivery": _delivery(summaries),
        "delays": _delays({name: rows for name, (_, rows) in shown.items()}),
        "parts": _parts(summaries),
        "by-flow": _by_flow({name: rows for name, (_, rows) in shown.items()}),
    }
    body = "\n".join(
        filter(
            None,
            (
                _cards(summaries),
                _unlike(summaries),
                chart(drawn, "delays", "Delays", _DELAY_LEAD),
                chart(drawn, "delivery", "Delivery", _DELIVERY_LEAD),
                chart(drawn, "parts", "Where the time went", _PARTS_LEAD),
                chart(drawn, "by-flow", "Flow by flow", _FLOWS_LEAD, _flow_table(shown)),
                section("numbers", "In numbers", _numbers(summaries, bounds or {})),
                section("again", "Run them again", _again(summaries)),
            ),
        )
    )
    first = next(iter(summaries.values()))
    facts = (f"{len(runs)} runs", *(escape(name) for name in shown))
    places = (
        ("delays-section", "Delays"),
        ("delivery-section", "Delivery"),
        ("parts-section", "Breakdown"),
        ("by-flow-section", "Flows"),
        ("numbers", "Numbers"),
    )
    title = " and ".join(dict.fromkeys(summary["scenario"] for summary in summaries.values()))
    more = len(runs) - len(shown)
    footer = f"Made by Lightlag {escape(first['version'])}. Numbers are also in each folder's summary.json."
    return page(
        title,
        facts,
        places,
        body,
        drawn,
        footer + (f" {more} runs more are not shown." if more else ""),
    )


# ------------------------------------------------------------------------------------- figures


def _delays(runs: Mapping[str, pl.DataFrame]) -> Figure:
    data: list[Figure] = []
    every = [_LEAST_S]
    for (name, rows), colour in zip(runs.items(), PALETTE, strict=False):
        latencies_s = _finite(rows.filter(fate="delivered")["latency_s"])
        every += [float(s) for s in latencies_s[[0, -1]]] if len(latencies_s) else []
        data.append(_curve(escape(name), latencies_s, len(rows), colour, "solid"))
    first = next(iter(runs.values()))
    data.append(_curve("ideal", _finite(first["ideal_latency_s"]), len(first), "#8c96a8", "dot"))
    return {
        "data": data,
        "layout": {
            "xaxis": log_axis("delay", every),
            "yaxis": {
                "title": {"text": "share of all bundles"},
                "tickformat": ".0%",
                "range": [0, 1.02],
            },
            "height": 440,
        },
    }


def _curve(name: str, ordered_s: NDArray[np.float64], whole: int, colour: str, dash: str) -> Figure:
    """The share of `whole` that is no slower; at even steps, so that its size does not grow."""
    places = np.unique(np.linspace(0, max(len(ordered_s) - 1, 0), CURVE_POINTS).round().astype(int))
    seconds = ordered_s[places] if len(ordered_s) else ordered_s
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [_short(max(float(s), _LEAST_S)) for s in seconds],
        "y": [_short((place + 1) / whole) for place in places[: len(seconds)]],
        "text": [duration_text(float(s)) for s in seconds],
        "hovertemplate": "%{y:.1%} within %{text}",
        "line": {"color": colour, "width": 2, "dash": dash, "shape": "hv"},
    }


def _delivery(summaries: dict[str, Summary]) -> Figure:
    names = [escape(name) for name in reversed(summaries)]
    fates = [summary["bundles"] for summary in reversed(summaries.values())]
    data = [
        _bars(
            fate.replace("_", " "),
            names,
            [_short(counts[fate] / max(counts["sourced"], 1)) for counts in fates],
            [f"{counts[fate]:,} of {counts['sourced']:,}" for counts in fates],
            colour,
        )
        for fate, colour in _FATES.items()
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {
            "tickformat": ".0%",
            "range": [0, 1],
            "title": {"text": "share of sourced bundles"},
        },
        "yaxis": {"type": "category"},
        "height": 150 + 38 * len(names),
    }
    return {"data": data, "layout": layout}


def _parts(summaries: dict[str, Summary]) -> Figure:
    names = [escape(name) for name in reversed(summaries)]
    parts = [summary["breakdown_s"] for summary in reversed(summaries.values())]
    axis = TimeAxis.of(
        max((sum(s for s in means.values() if s) for means in parts), default=0.0), ""
    )
    data = [
        _bars(
            part,
            names,
            [axis.at(means[part] or 0.0) for means in parts],
            [duration_text(means[part]) for means in parts],
            PART_COLOURS[part],
        )
        for part in Parts._fields
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": f"mean latency, {axis.title.split()[0]}"}},
        "yaxis": {"type": "category"},
        "height": 150 + 38 * len(names),
    }
    return {"data": data, "layout": layout}


def _bars(name: str, y: list[str], x: list[float], text: list[str], colour: str) -> Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": y,
        "x": x,
        "text": text,
        "textposition": "none",
        "hovertemplate": "%{y}: %{text} " + name + "<extra></extra>",
        "marker": {"color": colour},
    }


def _by_flow(runs: Mapping[str, pl.DataFrame]) -> Figure:
    flows = _flows(runs)
    data: list[Figure] = []
    every = [_LEAST_S]
    for place, (name, rows) in enumerate(runs.items()):
        x: list[float] = []
        y: list[float] = []
        whisker: list[float] = []
        said: list[str] = []
        for row, flow in enumerate(flows):
            median_s, late_s, _ = _flow(rows, flow)
            if median_s is None or late_s is None:
                continue
            x.append(_short(max(median_s, _LEAST_S)))
            y.append(_short(row + (place - (len(runs) - 1) / 2) * 0.8 / max(len(runs), 1)))
            whisker.append(_short(late_s - median_s))
            said.append(
                f"{escape(flow)}: median {duration_text(median_s)}, 95 % {duration_text(late_s)}"
            )
            every += [median_s, late_s]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": escape(name),
                "x": x,
                "y": y,
                "text": said,
                "hovertemplate": "%{text}",
                "marker": {"color": PALETTE[place], "size": 9},
                "error_x": {"type": "data", "symmetric": False, "array": whisker, "arrayminus": [0] * len(x),
                            "color": PALETTE[place], "thickness": 2, "width": 4},
            }
        )  # fmt: skip
    layout = {
        "xaxis": log_axis("latency", every),
        "yaxis": {"tickvals": list(range(len(flows))), "ticktext": [escape(flow or "no flow") for flow in flows],
                  "range": [len(flows) - 0.4, -0.6], "zeroline": False},
        "height": 130 + len(flows) * (18 + 14 * len(runs)),
    }  # fmt: skip
    return {"data": data, "layout": layout}


# ------------------------------------------------------------------------------------- tables


def _cards(summaries: dict[str, Summary]) -> str:
    cards = []
    for place, (name, summary) in enumerate(summaries.items()):
        counts = summary["bundles"]
        dot = f'<span class="legend" style="background:{PALETTE[place]}"></span>'
        cards.append(
            (
                f"{dot}{escape(name)}",
                share_text(counts["delivered"], counts["sourced"]),
                f"delivered; median {duration_text(summary['latency_s']['p50'])}, "
                f"{escape(summary['strategy'])}, seed {summary['seed']}",
            )
        )
    return card_list(cards)


def _unlike(summaries: dict[str, Summary]) -> str:
    """A word of warning where runs were not given the same; "" where they were."""
    said: dict[str, set[object]] = {
        "scenarios": {summary["scenario_sha256"] for summary in summaries.values()},
        "seeds": {summary["seed"] for summary in summaries.values()},
        "lengths": {summary["duration_s"] for summary in summaries.values()},
    }
    unlike = [what for what, values in said.items() if len(values) > 1]
    if not unlike:
        return ""
    return (
        f'<p class="lead"><strong>These runs differ in their {" and ".join(unlike)}.</strong></p>'
    )


def _flow_table(runs: Mapping[str, tuple[Summary, pl.DataFrame]]) -> str:
    rows = []
    for flow in _flows({name: rows for name, (_, rows) in runs.items()}):
        cells = [escape(flow or NOTHING)]
        for _, bundles in runs.values():
            median_s, late_s, delivered = _flow(bundles, flow)
            cells += [delivered, duration_text(median_s), duration_text(late_s)]
        rows.append(cells)
    head = ["flow"]
    for name in runs:
        head += [f"{escape(name)}: delivered", "median", "95 %"]
    return table(head, rows, words=1)


def _numbers(summaries: dict[str, Summary], bounds: Mapping[str, Certificate | None]) -> str:
    rows = []
    asked = [(title, [said(one) for one in summaries.values()]) for title, said in QUESTIONS]
    asked += bound_rows([bounds.get(name) for name in summaries])
    for title, answers in (*asked, *decision_rows(list(summaries.values()))):
        same = len(set(answers)) == 1 and len(answers) > 1
        shown = (
            f'<span class="dim">{escape(answer)}</span>' if same else escape(answer)
            for answer in answers
        )
        rows.append((escape(title), *shown))
    return table(("", *map(escape, summaries)), rows, words=1)


def _again(summaries: dict[str, Summary]) -> str:
    lines = "\n".join(summary["command"] for summary in summaries.values() if summary["command"])
    return command(lines or NOTHING)


def _flows(runs: Mapping[str, pl.DataFrame]) -> list[str]:
    names: dict[str, None] = {}
    for rows in runs.values():
        names |= dict.fromkeys(rows["flow"].fill_null("").unique().sort().to_list())
    return list(names)[:MOST_FLOWS]


def _flow(rows: pl.DataFrame, flow: str) -> tuple[float | None, float | None, str]:
    """Median and 95th percentile of a flow's latencies, and the share that was delivered, in words."""
    here = rows.filter(pl.col("flow").fill_null("") == flow)
    latencies_s = _finite(here.filter(fate="delivered")["latency_s"])
    share = share_text(len(latencies_s), len(here))
    if not len(latencies_s):
        return None, None, share
    return float(np.median(latencies_s)), float(np.percentile(latencies_s, 95)), share


def _finite(seconds: pl.Series) -> NDArray[np.float64]:
    values = np.sort(seconds.drop_nulls().to_numpy().astype(np.float64))
    return values[np.isfinite(values)]


def _short(value: float) -> float:
    return float(f"{value:.4g}")
