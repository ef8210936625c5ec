"""Energy as people see it: a table for the terminal and the report page, and the charge over time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from emulator.reports.energy import EnergyBooks, Launched, NodeEnergy, NodeUpsets
from emulator.reports.figures import MOST_FLOWS, PALETTE, Figure, TimeAxis
from emulator.reports.page import section, table
from emulator.reports.readable import NOTHING, duration_text, energy_text, share_text
from emulator.reports.summary import Summary

ENERGY_LEAD = (
    "Charge of the batteries, for the nodes that came nearest to empty. A node that runs low sheds computing and "
    "launching, then its links, then it sleeps."
)
MOST_NODES = 8
MOST_ROWS = 200
_COLUMNS = ("came in", "bus", "terminals", "computing", "mass driver", "lost", "spilled",
            "least charge", "without computing", "without links", "asleep")  # fmt: skip


def energy_table(energy: Sequence[NodeEnergy]) -> list[RenderableType]:
    """What nodes used, for a terminal: those that came nearest to empty; nothing where all are on mains."""
    if not energy:
        return []
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("energy", overflow="fold")
    for column in ("came in", "used", "computing", "least", "short for"):
        shown.add_column(column, justify="right", no_wrap=True)
    nodes = sorted(energy, key=lambda row: (row["least_charge"], row["node"]))
    for row in nodes[:MOST_NODES]:
        used_j = row["bus_j"] + row["terminal_j"] + row["computing_j"] + row["mass_driver_j"]
        short_s = row["shed_s"]["computing"]
        shown.add_row(
            Text(row["node"]),
            energy_text(row["incoming_j"]),
            energy_text(used_j),
            energy_text(row["computing_j"]),
            share_text(row["least_charge"], 1.0),
            duration_text(short_s) if short_s else NOTHING,
        )
    if len(nodes) > MOST_NODES:
        shown.add_row(f"and {len(nodes) - MOST_NODES} more", style="dim")
    return [Text(), shown]


def energy_html(summary: Summary) -> str:
    """Accounts, upsets and launches for the report page."""
    rows = [
        (
            escape(row["node"]),
            *(
                energy_text(joules)
                for joules in (
                    row["incoming_j"],
                    row["bus_j"],
                    row["terminal_j"],
                    row["computing_j"],
                    row["mass_driver_j"],
                    row["charging_loss_j"],
                    row["spilled_j"],
                )
            ),
            share_text(row["least_charge"], 1.0),
            *(
                duration_text(row["shed_s"][what]) if row["shed_s"][what] else NOTHING
                for what in ("computing", "links", "everything")
            ),
        )
        for row in summary["energy"][:MOST_ROWS]
    ]
    shown = table(("node", *_COLUMNS), rows, words=1) if rows else ""
    return shown + _launches_html(summary["launches"]) + upsets_html(summary["upsets"])


def _launches_html(launches: Sequence[Launched]) -> str:
    late = [launch for launch in launches if launch["late_s"] > 1.0]
    if not launches:
        return ""
    worst_s = max(launch["late_s"] for launch in launches)
    energy = energy_text(sum(launch["energy_j"] for launch in launches))
    delay = f", {len(late):,} late, by up to {duration_text(worst_s)}" if late else ", none late"
    return (
        f"<p>{len(launches):,} launch{'es' if len(launches) > 1 else ''} took {energy}{delay}.</p>"
    )


def upsets_html(upsets: Sequence[NodeUpsets]) -> str:
    """What particles did to memory."""
    if not upsets:
        return ""
    rows = [
        (
            escape(row["node"]),
            f"{row['bit_days']:.3g}",
            *(
                f"{row[key]:,}"
                for key in ("flips", "mended", "left", "bundles", "frames", "resets")
            ),
        )
        for row in upsets[:MOST_ROWS]
    ]
    caption = ("memory of", "bit days", "flips", "mended", "left", "bundles spoilt",
               "frames spoilt", "resets")  # fmt: skip
    return table(caption, rows, words=1)


def upsets_section(upsets: Sequence[NodeUpsets]) -> str:
    """A section of their own, where no battery has one; "" without any."""
    return section("energy-section", "Memory", upsets_html(upsets)) if upsets else ""


def charge_lines(books: EnergyBooks, axis: TimeAxis) -> Figure | None:
    """Charge over time, part of the battery; None where nobody has one."""
    with_battery = [row for row in books.nodes if row["capacity_j"] > 0]
    if not with_battery:
        return None
    lowest = sorted(with_battery, key=lambda row: (row["least_charge"], row["node"]))[:MOST_FLOWS]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": escape(row["node"]),
                "x": [axis.at(t_s) for t_s in books.samples[row["node"]].t_s],
                "y": [
                    float(f"{charge_j / row['capacity_j']:.4g}")
                    for charge_j in books.samples[row["node"]].charge_j
                ],
                "line": {"color": colour, "width": 1.5},
                "hovertemplate": "%{y:.0%}",
            }
            for row, colour in zip(lowest, PALETTE, strict=False)
        ],
        "layout": {
            "xaxis": {"title": {"text": axis.title}},
            "yaxis": {"title": {"text": "charge"}, "tickformat": ".0%", "range": [0, 1.02]},
            "hovermode": "x unified",
            "height": 380,
        },
    }
