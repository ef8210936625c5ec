"""The table and the figure of the study in docs/studies.md, from the folder of its sweep.

    lightlag sweep scenarios/studies/all-strategies.toml --out runs/all-strategies
    python docs/study.py runs/all-strategies docs/figures

Prints the table as Markdown and draws `strategies.svg`: mean delay over all bundles against transmissions for each that
was delivered, both logarithmic, each strategy a dot with its 95 % confidence interval.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from emulator.reports.readable import duration_text

STYLE = """
text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #17202e; }
.soft { fill: #55617a; } .paper { fill: #ffffff; stroke: #dfe4ee; } .rule { stroke: #dfe4ee; }
.dot { fill: #3d7dd8; } .ci { stroke: #3d7dd8; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
text { fill: #e7ecf5; } .soft { fill: #a3afc4; } .paper { fill: #131a26; stroke: #2a3446; } .rule { stroke: #2a3446; } }
"""
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 440, 70, 150, 20, 50
TOGETHER = 4.0
"""Dots that are so near, in pixels, share a label."""
Group = dict[str, Any]


def main(sweep: Path, figures: Path) -> None:
    """Print the table, draw the figure."""
    told = json.loads((sweep / "statistics.json").read_text())
    groups = sorted(
        told["groups"], key=lambda group: group["metrics"]["restricted_delay_s"]["mean"]
    )
    decided = decision_us(pl.read_parquet(sweep / "timing.parquet"))
    print("\n".join(table(groups, decided)))
    (figures / "strategies.svg").write_text(figure(groups), encoding="utf-8")


def decision_us(timing: pl.DataFrame) -> dict[str, float]:
    """Microseconds of wall time that a decision took, by strategy."""
    summed = timing.group_by("strategy").agg(pl.sum("decisions"), pl.sum("decision_s"))
    return {row[0]: 1e6 * row[2] / max(row[1], 1) for row in summed.iter_rows()}


def table(groups: list[Group], decided: dict[str, float]) -> list[str]:
    """Markdown, a row a strategy."""
    rows = [
        "| strategy | delivered | mean delay, all bundles | against sabr | 95 % within | transmissions a delivery "
        "| stored at most | a decision |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group in groups:
        said = group["metrics"]
        less = said["restricted_delay_s"]["less_baseline"]
        rows.append(
            f"| `{group['strategy']}` | {100 * said['delivery_ratio']['mean']:.2f} % "
            f"| {span(said['restricted_delay_s'], duration_text)} | {signed(less)} "
            f"| {late(said['delay_p95_s']['mean'])} "
            f"| {span(said['overhead'], lambda value: f'{value:.2f}')} "
            f"| {said['peak_stored_bytes']['mean'] / 1e6:.0f} MB | {decided[group['strategy']]:.0f} µs |"
        )
    return rows


def late(seconds: float | None) -> str:
    """A duration; a dash where nothing was delivered."""
    return "–" if seconds is None else duration_text(seconds)


def span(said: dict[str, float], text: Callable[[float], str]) -> str:
    """A mean and its interval; a dash where nothing was delivered."""
    if said["mean"] is None:
        return "–"
    return f"{text(said['mean'])} ± {text(said['half_width'])}"


def signed(less: dict[str, float]) -> str:
    """A paired difference; what its interval cannot tell from nothing is nothing."""
    mean, half = less["mean"], less["half_width"]
    if abs(mean) <= half or mean == 0:
        return "equal" if abs(mean) < 1e-9 else "no difference shown"
    return f"{'+' if mean > 0 else '−'}{duration_text(abs(mean))} ± {duration_text(half)}"


def figure(groups: list[Group]) -> str:
    """The SVG."""
    groups = [group for group in groups if group["metrics"]["overhead"]["mean"] is not None]
    ones = [group["metrics"] for group in groups]
    across = scale([one["overhead"]["mean"] for one in ones], LEFT, WIDTH - RIGHT)
    up = scale([one["restricted_delay_s"]["mean"] for one in ones], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Mean delay against transmissions by strategy">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="6"/>',
    ]
    for value in (1, 2, 3, 5, 10, 20, 30, 50):
        if LEFT <= across(value) <= WIDTH - RIGHT:
            x = across(value)
            parts.append(f'<path class="rule" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
            parts.append(
                f'<text class="soft" x="{x:.1f}" y="{HEIGHT - 30}" text-anchor="middle">{value}</text>'
            )
    for hours in (0.25, 0.5, 1, 2, 3, 6, 12, 24):
        if TOP <= up(hours * 3600) <= HEIGHT - BOTTOM:
            y = up(hours * 3600)
            parts.append(f'<path class="rule" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            text = duration_text(hours * 3600)
            parts.append(
                f'<text class="soft" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
            )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="soft" x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">'
        "transmissions for each bundle delivered</text>"
    )
    spots: list[tuple[float, float, list[str]]] = []
    for group in groups:
        said = group["metrics"]
        mean, half = (said["restricted_delay_s"][key] for key in ("mean", "half_width"))
        x, y = across(said["overhead"]["mean"]), up(mean)
        top, bottom = up(mean + half), up(max(mean - half, 1.0))
        parts.append(f'<path class="ci" d="M{x:.1f} {bottom:.1f}V{top:.1f}"/>')
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        for at, level, names in spots:
            if abs(at - x) < TOGETHER and abs(level - y) < TOGETHER:
                names.append(group["strategy"])
                break
        else:
            spots.append((x, y, [group["strategy"]]))
    taken: list[tuple[float, float]] = []
    for x, y, names in spots:
        label = y + 4
        while any(abs(label - other) < 13 and abs(x - at) < 100 for at, other in taken):
            label -= 13
        taken.append((x, label))
        names.sort(key=lambda name: (name != "sabr", name))
        rest = len(names) - 1
        text = escape(names[0] + (f" and {rest} more" if rest else ""))
        parts.append(f'<text x="{x + 8:.1f}" y="{label:.1f}">{text}</text>')
    return "\n".join([*parts, "</svg>", ""])


def scale(values: list[float], low: float, high: float) -> Callable[[float], float]:
    """Logarithmic, with some room at both ends."""
    least, most = math.log(min(values) / 1.1), math.log(max(values) * 1.1)
    return lambda value: low + (math.log(value) - least) / (most - least) * (high - low)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
