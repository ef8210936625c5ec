"""The figures of the report page, as plotly takes them: plain data and layout, no plotly import.

Everything is aggregated here: a figure's size does not grow with the number of bundles, so a run of
a hundred thousand opens as fast as one of ten. Names are escaped; plotly reads text as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from emulator.reports.breakdown import Parts
from emulator.reports.bundles import PART_COLUMNS
from emulator.reports.history import History
from emulator.reports.latency import distribution
from emulator.reports.links import LinkUse
from emulator.reports.readable import bytes_text, duration_text, share_text, start_of
from emulator.reports.storage import stored_bytes

Figure = dict[str, object]

PART_COLOURS = {
    "wait": "#8c96a8",
    "queue": "#e08a1e",
    "airtime": "#2a9d8f",
    "light": "#e6b422",
    "retransmission": "#d1495b",
    "processing": "#8a6bbf",
    "waiting": "#c2569b",
    "computing": "#3d7dd8",
    "stalled": "#5a8f29",
}
PALETTE = ("#3d7dd8", "#e08a1e", "#2a9d8f", "#d1495b", "#8a6bbf", "#c2569b", "#5a8f29", "#8a6d3b")
MOST_FLOWS = len(PALETTE)
ROW_PX = 22

_TICKS_S = (1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0, 86_400.0, 864_000.0, 8.64e6)
_TICK_TEXTS = ("1 ms", "10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h", "1 d",
               "10 d", "100 d")  # fmt: skip
_LEAST_S = 1e-3


class TimeAxis(NamedTuple):
    """An axis of emulated time in the unit that suits the run."""

    unit_s: float
    title: str

    @classmethod
    def of(cls, duration_s: float, start_utc: str) -> TimeAxis:
        """Days, hours, minutes or seconds from the start."""
        units = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))
        unit_s, name = next((u for u in units if duration_s >= 3 * u[0]), units[-1])
        start = start_of(start_utc)
        since = start.strftime("%Y-%m-%d %H:%M UTC") if start else "the start"
        return cls(unit_s, f"{name} since {since}")

    def at(self, t_s: float) -> float:
        """A moment on this axis."""
        return float(f"{t_s / self.unit_s:.6g}")


def latency_by_flow(bundles: pl.DataFrame) -> Figure:
    """Cumulative distribution of the latency: one curve a flow, and the ideal of all."""
    delivered = bundles.filter(fate="delivered")
    data: list[Figure] = []
    for (name, rows), colour in zip(_flows(delivered), PALETTE, strict=False):
        data.append(curve(escape(name or "no flow"), rows["latency_s"], colour, "solid"))
    data.append(curve("ideal, all flows", delivered["ideal_latency_s"], "#8c96a8", "dot"))
    return {
        "data": data,
        "layout": {
            "xaxis": log_axis("latency", [_LEAST_S, *delivered["latency_s"]]),
            "yaxis": {"title": {"text": "share delivered by then"}, "tickformat": ".0%"},
            "height": 420,
        },
    }


def curve(name: str, durations_s: pl.Series, colour: str, dash: str) -> Figure:
    """One cumulative distribution."""
    points = distribution(durations_s.drop_nulls().to_list())
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [_short(max(seconds, _LEAST_S)) for seconds, _ in points],
        "y": [_short(share) for _, share in points],
        "text": [duration_text(seconds) for seconds, _ in points],
        "hovertemplate": "%{y:.1%} within %{text}",
        "line": {"color": colour, "width": 2, "dash": dash, "shape": "hv"},
    }


def breakdown_by_flow(bundles: pl.DataFrame) -> Figure:
    """Mean latency of each flow, stacked by cause."""
    flows = [
        (name or "no flow", [_mean(rows[column]) for column in PART_COLUMNS])
        for name, rows in _flows(bundles.filter(fate="delivered"))
    ]
    return stacked(flows, Parts._fields, "mean latency of a delivered bundle")


def stacked(rows: list[tuple[str, list[float]]], parts: Sequence[str], title: str) -> Figure:
    """Bars of seconds, each stacked by cause; the first row is on top."""
    bars = [(escape(name), seconds) for name, seconds in reversed(rows)]  # plotly draws upwards
    axis = TimeAxis.of(max((sum(seconds) for _, seconds in bars), default=0.0), "")
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": part,
            "y": [name for name, _ in bars],
            "x": [axis.at(seconds[place]) for _, seconds in bars],
            "text": [duration_text(seconds[place]) for _, seconds in bars],
            "textposition": "none",
            "hovertemplate": "%{y}: %{text} " + part + "<extra></extra>",
            "marker": {"color": PART_COLOURS[part]},
        }
        for place, part in enumerate(parts)
    ]
    unit = axis.title.split()[0]
    return {
        "data": data,
        "layout": {
            "barmode": "stack",
            "xaxis": {"title": {"text": f"{title}, {unit}"}},
            "yaxis": {"type": "category"},
            "height": 140 + 34 * len(bars),
        },
    }


def decisions_by_placement(decided: pl.DataFrame) -> Figure:
    """Share of events decided on by when, one curve a placement; it ends at the share that ever was."""
    data: list[Figure] = []
    latest_s = [_LEAST_S, *decided["latency_s"].drop_nulls()]
    groups = decided.partition_by("flow", "placement", maintain_order=True)
    for number, rows in enumerate(groups):
        line = curve(
            escape(placement_name(decided, rows)),
            rows["latency_s"],
            PALETTE[number % len(PALETTE)],
            "solid",
        )
        share = rows["latency_s"].count() / len(rows)
        line["y"] = [_short(y * share) for y in cast("list[float]", line["y"])]
        data.append(line)
    return {
        "data": data,
        "layout": {
            "xaxis": log_axis("from the event to the decision in effect", latest_s),
            "yaxis": {
                "title": {"text": "share of events decided on"},
                "tickformat": ".0%",
                "range": [0, 1.02],
            },
            "height": 420,
        },
    }


def placement_name(decided: pl.DataFrame, rows: pl.DataFrame) -> str:
    """What a placement is called: with its traffic, where there are several."""
    placement = str(rows["placement"][0])
    several = decided["flow"].n_unique() > 1
    return f"{rows['flow'][0]}, {placement}" if several else placement


def actual_against_ideal(bundles: pl.DataFrame, cells: int = 56) -> Figure:
    """How many bundles had which latency where the ideal was which: a density, both axes log."""
    delivered = bundles.filter(fate="delivered")
    ideal = np.maximum(delivered["ideal_latency_s"].to_numpy(), _LEAST_S)
    actual = np.maximum(delivered["latency_s"].to_numpy(), _LEAST_S)
    known = np.isfinite(ideal)
    both = np.concatenate((ideal[known], actual[known], [1.0]))
    first, last = np.log10(both.min() / 1.3), np.log10(both.max() * 1.3)
    edges = np.logspace(first, last, cells + 1)
    counts, _, _ = np.histogram2d(actual[known], ideal[known], bins=(edges, edges))
    shown = [[_short(np.log10(n)) if n else None for n in row] for row in counts]
    axis = [_short(edge) for edge in edges]
    return {
        "data": [
            {
                "type": "heatmap",
                "x": axis,
                "y": axis,
                "z": shown,
                "text": [[f"{int(n)} bundles" if n else "" for n in row] for row in counts],
                "hovertemplate": "%{text}<extra></extra>",
                "hoverongaps": False,
                "colorscale": [[0, "#9cc3f5"], [0.5, "#3d7dd8"], [1, "#b3356b"]],
                "showscale": False,
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "as fast as light and contacts allow",
                "x": [axis[0], axis[-1]],
                "y": [axis[0], axis[-1]],
                "line": {"color": "#e08a1e", "width": 1.5, "dash": "dash"},
                "hoverinfo": "skip",
            },
        ],
        "layout": {
            "xaxis": log_axis("ideal latency", both),
            "yaxis": log_axis("latency", both),
            "showlegend": False,
            "height": 460,
        },
    }


def link_bars(uses: list[LinkUse], most: int = 30) -> Figure:
    """Share of its volume that each link carried, the busiest links."""
    shown = [use for use in uses if use.volume_bytes > 0][:most]
    shown.sort(key=lambda use: -use.sent_bytes / use.volume_bytes)
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [_short(use.sent_bytes / use.volume_bytes) for use in shown],
                "y": [escape(f"{use.source} → {use.destination}") for use in shown],
                "text": [
                    f"{bytes_text(use.sent_bytes)} of {bytes_text(use.volume_bytes)}, "
                    f"{share_text(use.sent_bytes, use.volume_bytes)}; "
                    f"{use.transfers} transfers, up {duration_text(use.up_s)}"
                    for use in shown
                ],
                "textposition": "none",
                "hovertemplate": "%{y}<br>%{text}<extra></extra>",
                "marker": {"color": "#2a9d8f"},
            }
        ],
        "layout": {
            "xaxis": {
                "title": {"text": "share of the link's volume that was sent"},
                "tickformat": "~%",
                "rangemode": "tozero",
            },
            "yaxis": {"type": "category", "range": [len(shown) - 0.4, -0.6]},
            "showlegend": False,
            "height": 110 + ROW_PX * len(shown),
        },
    }


def storage_lines(history: History, axis: TimeAxis, bins: int = 360) -> Figure:
    """The most that each node held, over time; the nodes that held most."""
    edges = np.linspace(0.0, max(history.end_s, 1e-3), bins + 1)
    held = stored_bytes(history, edges)
    busiest = sorted(held, key=lambda node: (-held[node].max(), node))[:MOST_FLOWS]
    times = [axis.at(edge) for edge in edges[:-1]]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape(node),
                "x": times,
                "y": [_short(value) for value in held[node]],
                "line": {"color": colour, "width": 1.5, "shape": "hv"},
                "hovertemplate": "%{y:.3s}B",
            }
            for node, colour in zip(busiest, PALETTE, strict=False)
        ],
        "layout": {
            "xaxis": {"title": {"text": axis.title}},
            "yaxis": {
                "title": {"text": "held"},
                "tickformat": "~s",
                "ticksuffix": "B",
                "rangemode": "tozero",
            },
            "hovermode": "x unified",
            "height": 380,
        },
    }


def hop_bars(bundles: pl.DataFrame) -> Figure:
    """How many hops delivered bundles took."""
    counts = bundles["hops"].drop_nulls().value_counts().sort("hops")
    return {
        "data": [
            {
                "type": "bar",
                "x": counts["hops"].to_list(),
                "y": counts["count"].to_list(),
                "marker": {"color": "#3d7dd8"},
                "hovertemplate": "%{y} bundles took %{x} hops<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": {"text": "hops"}, "dtick": 1},
            "yaxis": {"title": {"text": "bundles delivered"}},
            "showlegend": False,
            "height": 320,
        },
    }


def _flows(delivered: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Delivered bundles by flow, those with most bundles first; no more than there are colours."""
    parts = delivered.partition_by("flow", maintain_order=True)
    parts.sort(key=lambda rows: -len(rows))
    return [(str(rows["flow"][0]), rows) for rows in parts[:MOST_FLOWS]]


def log_axis(title: str, seconds: Iterable[float] | NDArray[np.float64]) -> Figure:
    """A logarithmic axis of durations, wide enough for all of these."""
    values = np.fromiter(seconds, dtype=np.float64)
    # Powers of ten, but the ticks are the durations that people know.
    top = max(float(values.max()), 1.0) * 1.3 if len(values) else 1.0
    low = values[values > _LEAST_S].min() / 1.3 if (values > _LEAST_S).any() else _LEAST_S
    return {
        "title": {"text": title},
        "type": "log",
        "range": [_short(np.log10(low)), _short(np.log10(top))],
        "tickvals": list(_TICKS_S),
        "ticktext": list(_TICK_TEXTS),
    }


def _mean(values: pl.Series) -> float:
    mean = values.drop_nulls().mean()
    return mean if isinstance(mean, float) else 0.0


def _short(value: float | np.floating) -> float:
    """Four digits are more than a screen can show."""
    return float(f"{value:.4g}")
