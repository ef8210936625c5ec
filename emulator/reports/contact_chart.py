"""The chart of contacts: when each pair of nodes could talk, a row a pair."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from dtn.contact_plan import ContactPlan
from emulator.reports.figures import ROW_PX, Figure, TimeAxis
from emulator.reports.history import END_OF_RUN, History, Opening, Spans
from emulator.reports.links import LinkUse

MOST_ROWS = 60


def contact_chart(
    history: History, plan: ContactPlan, uses: list[LinkUse], axis: TimeAxis
) -> Figure:
    """When each pair of nodes could talk, either way; crosses where a fault cut a contact."""
    pairs = contact_rows(history, plan)
    shown = busiest(pairs, uses, MOST_ROWS)
    x: list[float | None] = []
    y: list[str | None] = []
    cut_x: list[float] = []
    cut_y: list[str] = []
    cut_text: list[str] = []
    for pair in shown:
        name = escape(" – ".join(pair))
        openings = pairs[pair]
        for start, end in merged(openings, history.end_s / 1500):
            x += [axis.at(start), axis.at(end), None]
            y += [name, name, None]
        for opening in openings:
            if opening.reason not in ("scheduled", END_OF_RUN):
                cut_x.append(axis.at(opening.end_s))
                cut_y.append(name)
                cut_text.append(escape(opening.reason))
    data: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "contact",
            "x": x,
            "y": y,
            "connectgaps": False,
            "line": {"color": "#3d7dd8", "width": 9},
            "hovertemplate": "%{y}, %{x:.3f}<extra></extra>",
        }
    ]
    if cut_x:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "cut",
                "x": cut_x,
                "y": cut_y,
                "text": cut_text,
                "hovertemplate": "%{y}: %{text}<extra></extra>",
                "marker": {"color": "#d1495b", "symbol": "x", "size": 9},
            }
        )
    return {
        "data": data,
        "layout": {
            "xaxis": {"title": {"text": axis.title}, "range": [0, axis.at(history.end_s)]},
            "yaxis": {"type": "category", "range": [len(shown) - 0.4, -0.6]},
            "showlegend": bool(cut_x),
            "height": 110 + ROW_PX * len(shown),
        },
    }


def contact_rows(history: History, plan: ContactPlan) -> dict[tuple[str, ...], list[Opening]]:
    """Contacts as they were (as planned, where the log says nothing) by pair, both ways together."""
    rows: dict[tuple[str, ...], list[Opening]] = {}
    for link, openings in history.openings.items():
        rows.setdefault(tuple(sorted(link)), []).extend(openings)
    if not rows:
        for number, contact in enumerate(plan.contacts):
            pair = tuple(sorted((contact.source, contact.destination)))
            opening = Opening(number, contact.start_s, contact.end_s, "scheduled")
            rows.setdefault(pair, []).append(opening)
    return dict(sorted(rows.items()))


def busiest(
    rows: dict[tuple[str, ...], list[Opening]], uses: list[LinkUse], most: int
) -> list[tuple[str, ...]]:
    """The pairs over which most was sent, then those with most contact; in order of name."""
    sent = dict.fromkeys(rows, 0)
    for use in uses:
        sent[tuple(sorted((use.source, use.destination)))] += use.sent_bytes
    up_s = {pair: sum(o.end_s - o.start_s for o in openings) for pair, openings in rows.items()}
    return sorted(sorted(rows, key=lambda pair: (-sent[pair], -up_s[pair], pair))[:most])


def merged(openings: Iterable[Opening], gap_s: float) -> list[tuple[float, float]]:
    """Stretches of time with a contact; gaps too small to see are closed."""
    spans = Spans.of((o.start_s, o.end_s + gap_s) for o in openings)
    return [(a, b - gap_s) for a, b in zip(spans.starts_s, spans.ends_s, strict=True)]
