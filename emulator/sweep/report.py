"""report.html of a study: who delivers how much, how late, at which cost, and how sure that is.

Bars have whiskers: 95 % confidence intervals over seeds. Tables say what the metrics mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from emulator.reports.figures import Figure, log_axis
from emulator.reports.page import card_list, chart, page, section, table
from emulator.reports.readable import NOTHING, bytes_text, duration_text
from emulator.sweep.cell import mean_decision_us
from emulator.sweep.columns import TABLES, Column
from emulator.sweep.measure import Measured
from emulator.sweep.statistics import (
    METRICS,
    Estimate,
    Window,
    estimate,
    horizons_s,
    latencies_s,
    paired,
    survival,
)

if TYPE_CHECKING:
    from emulator.sweep.results import StudyResult
    from emulator.sweep.study import Variant

COLOURS = ("#3d7dd8", "#e08a1e", "#2a9d8f", "#d1495b", "#8a6bbf", "#c2569b", "#5a8f29", "#8a6d3b",
           "#5f7285", "#b3a125", "#1f9ec4", "#a34a28", "#6b6bd1", "#3f8f6b")  # fmt: skip
CURVE_POINTS = 150


def study_page(result: StudyResult) -> str:
    """The whole page as HTML."""
    study = result.study
    drawn: dict[str, Figure] = {}
    body = [_cards(result)]
    for variant in study.variants:
        body += _variant(result, variant, drawn)
    body.append(section("decisions", "Decision time", _decisions(result), _DECISION_LEAD))
    body.append(section("failures", "What failed", _failures(result)))
    body.append(section("meaning", "What the numbers mean", _meanings()))
    first = study.variants[0].number
    places = [
        (f"ratio-{first}-section", "Delivered"),
        (f"restricted-{first}-section", "Delay"),
        (f"cost-{first}", "Cost"),
        (f"paired-{first}", "Pair by pair"),
        ("decisions", "Decision time"),
        ("failures", "Failures"),
        ("meaning", "Meaning"),
    ]
    facts = [
        f"{len(study.strategies)} strategies",
        f"{len(study.seeds)} seeds",
        f"{len(study.variants)} combinations of parameters",
        f"{duration_text(study.duration_s)} emulated",
        f"warm-up {duration_text(study.warm_up_s)}, cut-off {duration_text(study.cut_off_s)}",
    ]
    if study.description:
        facts.insert(0, escape(study.description))
    return page(
        study.name,
        facts,
        places,
        "\n".join(body),
        drawn,
        f"Made by Lightlag {escape(version('lightlag'))}. Numbers are also in results.parquet and "
        "statistics.json.",
    )


def _variant(result: StudyResult, variant: Variant, drawn: dict[str, Figure]) -> list[str]:
    """Figures and tables of one combination of parameters; what it draws goes into drawn."""
    number, label = variant.number, variant.label
    runs = _Runs(result, number)
    if not any(runs.finished(strategy) for strategy in result.study.strategies):
        return []
    suffix = f": {escape(label)}" if label else ""
    drawn[f"ratio-{number}"] = _bars(runs, "delivery_ratio", "delivered of what was sourced", "~%")
    drawn[f"later-{number}"] = _later_curves(runs)
    drawn[f"restricted-{number}"] = _bars(
        runs, "restricted_delay_s", "restricted mean delay, hours", "", 3600.0
    )
    drawn[f"overhead-{number}"] = _bars(runs, "overhead", "transmissions a delivery", "")
    body = [
        chart(drawn, f"ratio-{number}", f"Delivered{suffix}", _RATIO_LEAD),
        chart(drawn, f"restricted-{number}", f"Delay{suffix}", _DELAY_LEAD),
        chart(drawn, f"later-{number}", f"Still under way{suffix}", _LATER_LEAD),
        chart(drawn, f"overhead-{number}", f"Overhead{suffix}", ""),
    ]
    for key, title, columns in TABLES:
        if all(_is_empty(runs, column.metric) for column in columns):
            continue
        body.append(section(f"{key}-{number}", f"{title}{suffix}", _table(runs, columns)))
    body.append(section(f"paired-{number}", f"Pair by pair{suffix}", _paired(runs), _PAIRED_LEAD))
    body.append(section(f"peaks-{number}", f"Peak storage by node{suffix}", _peaks(runs)))
    return body


_RATIO_LEAD = "Of the bundles that count. Whiskers: 95 % confidence interval over seeds."
_DELAY_LEAD = (
    "A bundle that was not delivered counts as late as it could be observed: to the end of its "
    "lifetime or of the run. A strategy that drops late bundles gains nothing by it."
)
_LATER_LEAD = (
    "Share of bundles not delivered within a time (Kaplan and Meier), all seeds together. What was "
    "not delivered is censored at the end of its observation, not when it was dropped."
)
_PAIRED_LEAD = (
    "Differences to the baseline, seed by seed, over the same traffic. An interval that holds "
    "0 is no difference that these runs could show; such differences are grey."
)
_DECISION_LEAD = "Wall time on the machine that ran the cells; no part of the results."


class _Runs:
    """The runs of one combination of parameters, by strategy."""

    def __init__(self, result: StudyResult, variant: int) -> None:
        self.study = result.study
        self.variant = variant
        self._rows = result.results.filter(variant=variant, status="finished")
        self._cells = [flown for flown in result.cells if flown.cell.variant == variant]

    def finished(self, strategy: str) -> list[Measured]:
        measured = (f.outcome.measured for f in self._cells if f.cell.strategy == strategy)
        return [one for one in measured if one is not None]

    def values(self, strategy: str, metric: str) -> dict[int, float]:
        rows = self._rows.filter(strategy=strategy)
        return dict(zip(rows["seed"].to_list(), rows[metric].to_list(), strict=True))

    def estimate(self, strategy: str, metric: str) -> Estimate:
        return estimate(self.values(strategy, metric).values())


def _cards(result: StudyResult) -> str:
    failed = len(result.failed)
    counted = Window(result.study.warm_up_s, result.study.duration_s - result.study.cut_off_s)
    measured = [f.outcome.measured for f in result.cells if f.outcome.measured is not None]
    bundles = sum(len(counted.of(one.bundles)) for one in measured)
    wall_s = sum(flown.outcome.timing.wall_s for flown in result.cells)
    state = f'<span class="{"bad" if failed else "good"}">{failed}</span>'
    return card_list(
        [
            ("Runs", f"{len(result.cells)}", f"{len(measured)} finished"),
            ("Failed", state, "see what failed" if failed else "none"),
            ("Bundles counted", f"{bundles:,}", "over all runs"),
            ("Work", duration_text(wall_s), "of one core, when they were run"),
        ]
    )


def _bars(runs: _Runs, metric: str, title: str, tickformat: str, unit: float = 1.0) -> Figure:
    names, means, halves = [], [], []
    for strategy in reversed(runs.study.strategies):  # plotly draws the first at the bottom
        found = runs.estimate(strategy, metric)
        if not math.isnan(found.mean):
            names.append(escape(_short_name(strategy)))
            means.append(_digits(found.mean / unit))
            halves.append(0.0 if math.isnan(found.half_width) else _digits(found.half_width / unit))
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": means,
                "y": names,
                "error_x": {"type": "data", "array": halves, "color": "#8c96a8", "thickness": 1.5},
                "hovertemplate": "%{y}: %{x}<extra></extra>",
                "marker": {"color": "#3d7dd8"},
            }
        ],
        "layout": {
            "xaxis": {"title": {"text": title}, "tickformat": tickformat, "rangemode": "tozero"},
            "yaxis": {"type": "category"},
            "showlegend": False,
            "height": 110 + 30 * len(names),
        },
    }


def _later_curves(runs: _Runs) -> Figure:
    data: list[Figure] = []
    every = [1.0]
    window = Window(runs.study.warm_up_s, runs.study.duration_s - runs.study.cut_off_s)
    for place, strategy in enumerate(runs.study.strategies):
        late, horizon = [np.empty(0)], [np.empty(0)]
        for measured in runs.finished(strategy):
            bundles = window.of(measured.bundles)
            late.append(latencies_s(bundles))
            horizon.append(horizons_s(bundles, measured.numbers["end_s"]))
        curve = survival(np.concatenate(late), np.concatenate(horizon))
        if not len(curve.times_s):
            continue
        keep = np.unique(np.linspace(0, len(curve.times_s) - 1, CURVE_POINTS).astype(int))
        seconds = np.maximum(curve.times_s[keep], 1e-3)
        every += [float(seconds[0]), float(seconds[-1])]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape(_short_name(strategy)),
                "x": [_digits(t) for t in seconds],
                "y": [_digits(share) for share in curve.later[keep]],
                "text": [duration_text(float(t)) for t in seconds],
                "hovertemplate": "%{y:.2%} later than %{text}",
                "line": {"color": COLOURS[place % len(COLOURS)], "width": 2, "shape": "hv"},
            }
        )
    return {
        "data": data,
        "layout": {
            "xaxis": log_axis("delay", every),
            "yaxis": {"title": {"text": "share still under way"}, "tickformat": ".0%"},
            "height": 460,
        },
    }


def _is_empty(runs: _Runs, metric: str) -> bool:
    return all(math.isnan(runs.estimate(name, metric).mean) for name in runs.study.strategies)


def _table(runs: _Runs, columns: Sequence[Column]) -> str:
    caption = ("strategy", *(column.title for column in columns))
    rows = []
    for strategy in runs.study.strategies:
        cells = []
        for column in columns:
            found = runs.estimate(strategy, column.metric)
            cells.append(_estimate_text(found, column.text))
        rows.append((escape(_short_name(strategy)), *cells))
    return table(caption, rows, words=1)


def _estimate_text(found: Estimate, text: Callable[[float], str]) -> str:
    if math.isnan(found.mean):
        return NOTHING
    if math.isnan(found.half_width):
        return escape(_signed(found.mean, text))
    return escape(f"{_signed(found.mean, text)} ± {text(found.half_width)}")


def _signed(value: float, text: Callable[[float], str]) -> str:
    return f"-{text(-value)}" if value < 0 else text(value)


def _paired(runs: _Runs) -> str:
    baseline = runs.study.baseline
    columns = [
        column
        for _, _, group in TABLES
        for column in group
        if column.metric
        in ("delivery_ratio", "restricted_delay_s", "common_delay_s", "overhead", "age_s")
    ]
    rows = []
    for strategy in runs.study.strategies:
        if strategy == baseline:
            continue
        cells = []
        for column in columns:
            found = paired(
                runs.values(strategy, column.metric), runs.values(baseline, column.metric)
            )
            said = _estimate_text(found, column.text)
            unsure = not abs(found.mean) > found.half_width
            cells.append(f'<span class="dim">{said}</span>' if unsure else said)
        rows.append((escape(_short_name(strategy)), *cells))
    caption = (f"less {escape(_short_name(baseline))}", *(column.title for column in columns))
    return table(caption, rows, words=1)


def _peaks(runs: _Runs) -> str:
    strategies = [strategy for strategy in runs.study.strategies if runs.finished(strategy)]
    nodes = sorted({n for s in strategies for one in runs.finished(s) for n in one.peak_bytes})
    rows = []
    for node in nodes:
        peaks = [
            max(one.peak_bytes.get(node, 0.0) for one in runs.finished(strategy))
            for strategy in strategies
        ]
        rows.append((escape(node), *(bytes_text(peak) for peak in peaks)))
    caption = ("node, most over all seeds", *(escape(_short_name(s)) for s in strategies))
    return table(caption, rows, words=1)


def _decisions(result: StudyResult) -> str:
    rows = []
    for strategy in result.study.strategies:
        timings = [f.outcome.timing for f in result.cells if f.cell.strategy == strategy]
        mean_us = mean_decision_us(timings)
        count = sum(timing.decisions for timing in timings)
        wall_s = sum(timing.wall_s for timing in timings) / max(len(timings), 1)
        shown = NOTHING if math.isnan(mean_us) else f"{mean_us:.1f} µs"
        rows.append((escape(_short_name(strategy)), f"{count:,}", shown, duration_text(wall_s)))
    return table(("strategy", "decisions", "each, mean", "a run, mean"), rows, words=1)


def _failures(result: StudyResult) -> str:
    if not result.failed:
        return "<p>No run failed.</p>"
    rows = [
        (
            escape(flown.cell.strategy),
            escape(result.study.variants[flown.cell.variant].label or NOTHING),
            str(flown.cell.seed),
            escape(flown.outcome.failure),
        )
        for flown in result.failed
    ]
    return table(("strategy", "parameters", "seed", "why"), rows, words=4)


def _meanings() -> str:
    rows = [(escape(name), escape(meaning)) for name, meaning in METRICS.items()]
    return table(("in results.parquet", "what it is"), rows, words=2)


def _short_name(strategy: str) -> str:
    """A file strategy by its function."""
    return strategy.rpartition(":")[2]


def _digits(value: float | np.floating) -> float:
    return float(f"{value:.5g}")
