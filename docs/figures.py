"""The figures of the documentation, from three days of `moonbase-alpha`: `make figures`.

    python docs/figures.py DIR

light-time   how long light takes to the Moon and to Mars, over ten weeks and over four years
pointing     what one relay sees, and what its terminals were given to do
rate         how fast light carries bits over which distance, for pairs of terminals
journey      one bundle from the Moon to Mars in space and time
breakdown    where the time of each flow went

SVG written by hand, as `emulator.reports.picture` does: the same run gives the same octets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import numpy as np
import polars as pl

import emulator
from emulator.reports.breakdown import Parts
from emulator.reports.figures import PALETTE, PART_COLOURS
from emulator.reports.readable import duration_text, rate_text
from emulator.result import Result
from emulator.scenario import Scenario, load
from emulator.sky.scenario_sky import ScenarioSky
from topology.ephemeris import Sky
from topology.geometry import light_time
from topology.laser import rate_bps
from topology.terminal import PRESETS

ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "scenarios" / "moonbase-alpha.toml"
DAYS = 3
WIDTH = 860
LEFT, RIGHT = 140, 24
STYLE = """
text { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #17202e; }
.soft { fill: #55617a; } .head { font-size: 14px; font-weight: 600; } .name { text-anchor: end; }
.paper { fill: #ffffff; stroke: #dfe4ee; } .rule { stroke: #dfe4ee; } .seen { fill: #b9cdf0; }
@media (prefers-color-scheme: dark) {
text { fill: #e7ecf5; } .soft { fill: #a3afc4; } .paper { fill: #131a26; stroke: #2a3446; }
.rule { stroke: #2a3446; } .seen { fill: #35507d; } }
"""

Scale = Callable[[float], float]


def main(folder: Path) -> None:
    """Draw all figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    scenario = load(SCENARIO).model_copy(update={"duration_s": DAYS * 86_400.0})
    result = emulator.run(scenario)
    drawn = {
        "light-time": light_times(),
        "pointing": pointing(scenario, result, "elfo-1"),
        "rate": rates(),
        "journey": journey(result),
        "breakdown": breakdown(result),
    }
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


# ----------------------------------------------------------------------------------- the figures


def light_times() -> str:
    """One-way light time from the Earth's centre to the Moon's and to that of Mars."""
    parts: list[str] = []
    panels = (
        ("To the Moon, seconds", "moon", 70.0, 0.25, 1.0, (1.20, 1.25, 1.30, 1.35), 7.0),
        ("To Mars, minutes", "mars", 1500.0, 5.0, 60.0, (5, 10, 15, 20), 182.625),
    )
    start = datetime(2026, 12, 1, tzinfo=UTC)
    for place, (title, body, days, step, unit_s, marks, every) in enumerate(panels):
        top = 50.0 + place * 190
        t_s = np.arange(0.0, days * 86_400.0 + 1, step * 86_400.0)
        sky = Sky(start, days * 86_400.0 + 3_600.0)
        with sky:
            owlt = light_time(sky.body("earth"), sky.body(body), t_s) / unit_s
        low, high = min(owlt.min(), marks[0]), max(owlt.max(), marks[-1])
        x, y = _linear(0, days * 86_400, LEFT, WIDTH - RIGHT), _linear(low, high, top + 120, top)
        parts.append(_text(LEFT, top - 14, title, "head"))
        for mark in marks:
            parts += [_line(LEFT, y(mark), WIDTH - RIGHT, y(mark)), _name(y(mark) + 4, f"{mark:g}")]
        for day in np.arange(0.0, days + 0.01, every):
            date = start + timedelta(days=float(day))
            parts.append(
                _text(
                    x(day * 86_400),
                    top + 138,
                    f"{date:%Y-%m-%d}" if every > 30 else f"{date:%d %b}",
                    "soft",
                    "middle",
                )
            )
        parts.append(_curve([(x(t), y(s)) for t, s in zip(t_s, owlt, strict=True)], PALETTE[place]))
    return _svg(420, "One-way light time to the Moon and to Mars", parts)


def pointing(scenario: Scenario, result: Result, node: str) -> str:
    """Windows of one node (pale), and its contacts (solid): a terminal has one partner at a time."""
    with ScenarioSky(scenario) as sky:
        partners = sorted({c.destination for c in result.plan.contacts if c.source == node})
        rows = [(name, list(sky.windows(node, name))) for name in partners]
    end_s = 86_400.0
    rows = [(name, windows) for name, windows in rows if windows and windows[0][0] < end_s]
    x = _linear(0.0, end_s, LEFT, WIDTH - RIGHT)
    top, parts = (
        62.0,
        [_text(24, 34, f"A day of {node}: whom it sees (pale), with whom it speaks", "head")],
    )
    bottom = top + 26 * len(rows)
    for hour in range(0, 25, 3):
        parts += [_line(x(hour * 3600), top, x(hour * 3600), bottom),
                  _text(x(hour * 3600), bottom + 18, f"{hour} h", "soft", "middle")]  # fmt: skip
    for place, (name, windows) in enumerate(rows):
        y = top + 26 * place
        parts.append(_name(y + 17, name))
        parts += [
            _bar(x, a, min(b, end_s), y + 4, 18, "", 'class="seen"')
            for a, b in windows
            if a < end_s
        ]
        for contact in result.plan.contacts:
            if (contact.source, contact.destination) == (node, name) and contact.start_s < end_s:
                colour = PALETTE[place % len(PALETTE)]
                parts.append(_bar(x, contact.start_s, min(contact.end_s, end_s), y + 8, 10, colour))
    return _svg(bottom + 40, f"Windows and contacts of {node}", parts)


def rates() -> str:
    """Data rate of pairs of terminals over the distance."""
    pairs = (("optical-ground", "deep-space"), ("trunk", "trunk"), ("lunar", "lunar"))
    ranges_km = np.logspace(3, 9, 240)
    x = _linear(3, 9, LEFT, WIDTH - RIGHT)
    y = _linear(3, 9, 380, 56)
    parts = [_text(24, 34, "What a link carries, by its length", "head")]
    for power in range(3, 10):
        parts += [_line(x(power), 56, x(power), 380), _line(LEFT, y(power), WIDTH - RIGHT, y(power)),
                  _text(x(power), 398, _distance(10.0**power) if power < 9 else "", "soft", "middle"),
                  _name(y(power) + 4, rate_text(10.0**power))]  # fmt: skip
    known = (("Moon", 384_400.0), ("Mars, near", 5.5e7), ("Mars, far", 4.0e8))
    for where, km in known:
        parts += [_line(x(np.log10(km)), 56, x(np.log10(km)), 380, 'stroke-dasharray="3 4"'),
                  _text(x(np.log10(km)) - 5, 370, where, "soft", "end")]  # fmt: skip
    for place, (a, b) in enumerate(pairs):
        bps = rate_bps(PRESETS[a], PRESETS[b], ranges_km)
        points = [
            (x(np.log10(km)), y(np.log10(r)))
            for km, r in zip(ranges_km, bps, strict=True)
            if r > 1e3
        ]
        parts.append(_curve(points, PALETTE[place]))
        parts.append(
            f'<rect x="{LEFT + 12}" y="{308 + 18 * place}" width="14" height="4" fill="{PALETTE[place]}"/>'
        )
        parts.append(_text(LEFT + 32, 314 + 18 * place, f"{a} to {b}", "soft"))
    return _svg(416, "Data rate over distance", parts)


def journey(result: Result) -> str:
    """A bundle from the Moon to Mars that waited longer than it flew: nodes down, time across."""
    rows = result.bundles.filter(
        (pl.col("flow") == "base-to-mars") & (pl.col("fate") == "delivered")
    )
    row = rows.filter(pl.col("wait_s") > pl.col("light_s")).row(0, named=True)
    hops = result.journeys[row["bundle"]].hops
    nodes = [hops[0].node, *(hop.neighbour for hop in hops)]
    began_s, ended_s = float(row["sourced_s"]), hops[-1].received_s
    x = _linear(0.0, ended_s - began_s, LEFT, WIDTH - RIGHT - 10)
    top, gap = 70.0, 52.0
    bottom = top + gap * (len(nodes) - 1)
    parts = [
        _text(
            24,
            34,
            f"One bundle, {duration_text(ended_s - began_s)} from {nodes[0]} to {nodes[-1]}",
            "head",
        )
    ]
    for minute in range(0, int((ended_s - began_s) // 60) + 1, 5):
        parts += [_line(x(minute * 60), top - 14, x(minute * 60), bottom + 14),
                  _text(x(minute * 60), bottom + 32, f"{minute} min", "soft", "middle")]  # fmt: skip
    for place, name in enumerate(nodes):
        parts.append(_name(top + gap * place + 4, name))
    for place, hop in enumerate(hops):
        y = top + gap * place
        came, started, received = (
            x(t - began_s) for t in (hop.came_s, hop.started_s, hop.received_s)
        )
        colour = PART_COLOURS["wait" if hop.parts.wait >= hop.parts.queue else "queue"]
        parts.append(_thick(came, y, started, y, colour, 7))
        parts.append(_thick(started, y, received, y + gap, PART_COLOURS["light"], 3))
        if hop.parts.light > 30:
            parts.append(
                _text(
                    (started + received) / 2 - 8,
                    y + gap / 2 + 18,
                    f"light, {duration_text(hop.parts.light)}",
                    "soft",
                    "end",
                )
            )
        if hop.started_s - hop.came_s > 60:
            parts.append(
                _text(
                    (came + started) / 2,
                    y - 9,
                    f"wait, {duration_text(hop.started_s - hop.came_s)}",
                    "soft",
                    "middle",
                )
            )
    parts.append(
        f'<circle cx="{x(ended_s - began_s):.1f}" cy="{bottom:.1f}" r="5" fill="{PART_COLOURS["airtime"]}"/>'
    )
    return _svg(bottom + 56, "The journey of one bundle in space and time", parts)


def breakdown(result: Result) -> str:
    """Mean latency of each flow by cause, as shares: the means stand beside."""
    flows = sorted(
        (flow for flow in result.summary["flows"] if flow["bundles"]["delivered"]),
        key=lambda flow: (flow["flow"], flow["source"], flow["destination"]),
    )
    table = result.bundles.filter(fate="delivered")
    names = list(dict.fromkeys(flow["flow"] for flow in flows))
    x = _linear(0.0, 1.0, LEFT + 20, WIDTH - 110)
    top = 84.0
    parts = [_text(24, 34, "Where the time of a mean latency went, by flow", "head")]
    for place, part in enumerate(Parts._fields):
        parts.append(
            f'<rect x="{LEFT + 20 + 112 * place}" y="50" width="12" height="12" rx="3" fill="{PART_COLOURS[part]}"/>'
        )
        parts.append(_text(LEFT + 38 + 112 * place, 61, part, "soft"))
    for place, name in enumerate(names):
        y = top + 28 * place
        means = {part: _mean(table.filter(flow=name)[f"{part}_s"]) for part in Parts._fields}
        total, at = sum(means.values()), 0.0
        parts.append(
            f'<text class="name soft" x="{LEFT + 10}" y="{y + 14:.1f}">{escape(name)}</text>'
        )
        for part, mean in means.items():
            parts.append(_bar(x, at, at + mean / total, y, 20, PART_COLOURS[part]))
            at += mean / total
        parts.append(_text(WIDTH - 100, y + 14, duration_text(total), "soft"))
    return _svg(top + 28 * len(names) + 16, "Breakdown of latency by flow", parts)


# ----------------------------------------------------------------------------------- pieces of SVG


def _linear(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _svg(height: float, title: str, parts: Iterable[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}">\n<style>{STYLE}</style>\n'
        f'<rect class="paper" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="12"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "") -> str:
    place = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{place}>{escape(text)}</text>'


def _name(y: float, text: str) -> str:
    return f'<text class="name soft" x="{LEFT - 10}" y="{y:.1f}">{escape(text)}</text>'


def _line(x0: float, y0: float, x1: float, y1: float, more: str = "") -> str:
    return f'<line class="rule" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" {more}/>'


def _thick(x0: float, y0: float, x1: float, y1: float, colour: str, width: float) -> str:
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" '
        f'stroke-width="{width}" stroke-linecap="round"/>'
    )


def _bar(
    x: Scale, start: float, end: float, y: float, height: float, colour: str, kind: str = ""
) -> str:
    look = kind or f'fill="{colour}"'
    width = max(x(end) - x(start), 0.6)
    return f'<rect {look} x="{x(start):.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}"/>'


def _curve(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'


def _distance(km: float) -> str:
    return f"{km:,.0f} km" if km < 1e6 else f"{km / 1e6:,.0f} million km"


def _mean(values: pl.Series) -> float:
    mean = values.mean()
    return mean if isinstance(mean, float) else 0.0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
