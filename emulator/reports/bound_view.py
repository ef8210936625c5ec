"""What a report shows of `lightlag bound`: the gap to what no strategy can beat, and where more would have paid."""

from __future__ import annotations

from html import escape
from typing import cast

from emulator.bound.told import Certificate, Worth
from emulator.reports.figures import Figure, TimeAxis
from emulator.reports.page import section, table
from emulator.reports.readable import duration_text, gap_text

MOST_TABLE_ROWS = 10
BANDS = (
    (0.5, "#8f1d2c", "half the greatest and more"),
    (0.1, "#d1495b", "a tenth"),
    (0.01, "#e08a1e", "a hundredth"),
    (0.0, "#e6b422", "less"),
)
"""Least share of the greatest worth, colour, and words for both."""

PAINTED = (
    " In warm colours: contacts of which one more minute would have saved delay over all bundles, as the duals of the "
    "linear program have it; where all stays blue, more of a contact would have been worth nothing."
)
LEAD = (
    "A linear program over the contacts as they were bounds what any strategy could have done with the same bundles. "
    "The gap is by how much this run's delay is above the bound; it may be the strategy's fault or the bound's."
)


def bound_section(said: Certificate | None) -> str:
    """The section about the bound; "" where nobody asked for it."""
    if said is None:
        return ""
    count = max(said["delivered"], 1)
    rows = [
        (
            escape(said["strategy"]),
            f"{said['delivered']:,}",
            f"{said['most_delivered']:,.1f}",
            *(
                duration_text(said[key] / count)
                for key in ("delay_s", "least_delay_s", "ideal_delay_s")
            ),
            gap_text(said["gap"]),
        )
    ]
    caption = ("strategy", "delivered", "at most", "mean delay", "at least", "ideal", "gap")
    content = table(caption, rows, words=1) + _contacts_table(said) + _twins_table(said)
    return section("bound", "What could have been", content, LEAD)


def paint(chart: Figure, said: Certificate | None, axis: TimeAxis) -> Figure:
    """The contact chart with what a minute more of each contact would be worth.

    Args:
        chart: as `emulator.reports.contact_chart` draws it.
        said: what was found out; None changes nothing.
        axis: the chart's.
    """
    data = cast("list[Figure]", chart["data"])
    shown = {name for name in cast("list[str | None]", data[0]["y"]) if name}
    worth = [each for each in said["worth"] if each["seconds_of_delay"] > 0] if said else []
    if not worth:
        return chart
    greatest = max(each["seconds_of_delay"] for each in worth)
    traces: list[Figure] = []
    upper = float("inf")
    for least, colour, words in BANDS:
        band = [e for e in worth if least * greatest <= e["seconds_of_delay"] < upper]
        trace = _band(band, shown, axis, colour, f"worth {words}")
        traces += [trace] if trace["x"] else []
        upper = least * greatest
    layout = {**cast("Figure", chart["layout"]), "showlegend": True}
    return {"data": [data[0], *traces, *data[1:]], "layout": layout}


def _band(worth: list[Worth], shown: set[str], axis: TimeAxis, colour: str, name: str) -> Figure:
    x: list[float | None] = []
    y: list[str | None] = []
    text: list[str | None] = []
    for each in worth:
        pair = escape(" – ".join(sorted((each["source"], each["destination"]))))
        if pair in shown:
            saved = f"one more minute saves {duration_text(each['seconds_of_delay'])}"
            says = f"{escape(each['source'])} → {escape(each['destination'])}: {saved}"
            x += [axis.at(each["start_s"]), axis.at(each["end_s"]), None]
            y += [pair, pair, None]
            text += [says, says, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "text": text,
        "connectgaps": False,
        "line": {"color": colour, "width": 9},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _contacts_table(said: Certificate) -> str:
    rows = [
        (
            escape(f"{each['source']} → {each['destination']}"),
            duration_text(each["start_s"]),
            duration_text(each["seconds_of_delay"]),
            f"{each['bundles']:.3f}",
        )
        for each in said["worth"][:MOST_TABLE_ROWS]
    ]
    caption = ("one more minute of", "begins after", "delay saved, all bundles", "bundles more")
    return table(caption, rows, words=1) if rows else "<p>More of no contact would have helped.</p>"


def _twins_table(said: Certificate) -> str:
    rows = [
        (escape(each["node"]), duration_text(each["seconds_of_delay"]), f"{each['bundles']:.2f}")
        for each in said["twins"][:MOST_TABLE_ROWS]
    ]
    caption = ("a second one in the place of", "saves at most", "delivers more, at most")
    return table(caption, rows, words=1) if rows else ""
