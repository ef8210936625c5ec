"""report.html: one run as one page that needs no network and no server.

Every name from a scenario or a bundle is escaped; see `page` for what the page may do.
"""

from __future__ import annotations

from html import escape

import polars as pl

from dtn.contact_plan import ContactPlan
from emulator.bound.told import Certificate
from emulator.geometry import Geometry
from emulator.reports import figures
from emulator.reports.bound_view import PAINTED, bound_section, paint
from emulator.reports.breakdown import Parts
from emulator.reports.contact_chart import MOST_ROWS, contact_chart, contact_rows
from emulator.reports.decisions_view import (
    DECISION_PARTS_LEAD,
    DECISIONS_LEAD,
    decision_parts_figure,
    decisions_html,
)
from emulator.reports.energy import EnergyBooks
from emulator.reports.energy_view import ENERGY_LEAD, charge_lines, energy_html, upsets_section
from emulator.reports.figures import Figure, TimeAxis
from emulator.reports.geometry_map import geometry_map
from emulator.reports.history import History
from emulator.reports.links import link_use
from emulator.reports.page import card_list, chart, command, page, section, table
from emulator.reports.plan_age import plan_age_section
from emulator.reports.readable import (
    NOTHING,
    bytes_text,
    duration_text,
    moment_text,
    rate_text,
    share_text,
)
from emulator.reports.summary import Flow, Summary

MOST_TABLE_ROWS = 200
_MEANING = {
    "wait": "no contact to the next node",
    "queue": "a contact, but others went first",
    "airtime": "from the first bit sent to the last",
    "light": "the flight at the speed of light",
    "retransmission": "what was lost and sent again",
    "processing": "a node that was down or computing",
}


def report_page(
    summary: Summary,
    plan: ContactPlan,
    history: History,
    bundles: pl.DataFrame,
    decided: pl.DataFrame,
    energy: EnergyBooks,
    geometry: Geometry | None = None,
    bound: Certificate | None = None,
) -> str:
    """The whole page as HTML.

    Args:
        summary: the run's numbers.
        plan: its contact plan.
        history: its events, grouped.
        bundles: its bundle table.
        decided: its decision table.
        energy: accounts of its nodes' energy.
        geometry: where its nodes and bodies were, if that is known.
        bound: what no strategy could have beaten, if somebody asked.
    """
    drawn = _drawn(summary, plan, history, bundles, decided, energy, geometry, bound)
    sections = [
        section("flows", "Latency by flow", _flow_table(summary["flows"])),
        chart(drawn, "latency", "How latency is spread", _LATENCY_LEAD),
        chart(drawn, "breakdown", "Where the time went", _BREAKDOWN_LEAD, _parts_table(summary)),
        chart(drawn, "ideal", "Against the ideal", _IDEAL_LEAD),
        chart(drawn, "decisions", "Decisions", DECISIONS_LEAD, decisions_html(summary)),
        chart(drawn, "decision-parts", "Where decisions waited", DECISION_PARTS_LEAD),
        chart(drawn, "energy", "Energy", ENERGY_LEAD, energy_html(summary))
        or upsets_section(summary["upsets"]),
        chart(
            drawn,
            "contacts",
            "Contacts",
            _contacts_lead(history, plan) + (PAINTED if bound and bound["worth"] else ""),
        ),
        bound_section(bound),
        plan_age_section(history),
        chart(drawn, "links", "Link use", _LINKS_LEAD, _ltp_table(summary)),
        chart(drawn, "storage", "Storage", _STORAGE_LEAD),
        chart(drawn, "hops", "Hops", _hops_lead(summary)),
        chart(drawn, "map", "Where everything was", _MAP_LEAD),
        section("losses", "What was lost, and why", _loss_table(summary, bundles)),
        section("again", "Run it again", _again(summary)),
    ]
    return _page(summary, "\n".join(filter(None, sections)), drawn)


def _drawn(
    summary: Summary,
    plan: ContactPlan,
    history: History,
    bundles: pl.DataFrame,
    decided: pl.DataFrame,
    energy: EnergyBooks,
    geometry: Geometry | None,
    bound: Certificate | None,
) -> dict[str, Figure]:
    """The figures that this run has, by name: see `report_page`."""
    axis = TimeAxis.of(history.end_s, summary["start_utc"])
    uses = link_use(history, plan)
    drawn: dict[str, Figure] = {
        "contacts": paint(contact_chart(history, plan, uses, axis), bound, axis),
        "links": figures.link_bars(uses),
        "storage": figures.storage_lines(history, axis),
    }
    if geometry is not None:
        drawn["map"] = geometry_map(geometry, history.end_s)
    if summary["bundles"]["delivered"]:
        drawn["latency"] = figures.latency_by_flow(bundles)
        drawn["breakdown"] = figures.breakdown_by_flow(bundles)
        drawn["ideal"] = figures.actual_against_ideal(bundles)
        drawn["hops"] = figures.hop_bars(bundles)
    charge = charge_lines(energy, axis)
    if charge is not None:
        drawn["energy"] = charge
    if len(decided):
        drawn["decisions"] = figures.decisions_by_placement(decided)
        drawn["decision-parts"] = decision_parts_figure(summary["decisions"])
    return drawn


_LATENCY_LEAD = "From the source's request to the delivery, for delivered bundles."
_BREAKDOWN_LEAD = (
    "Each delivered bundle is traced back from its destination to its source; every second of its "
    "latency has one cause. Means over the bundles of a flow."
)
_IDEAL_LEAD = (
    "The ideal is the earliest arrival over the contacts as they really were, in an empty network. "
    "On the dashed line a bundle could not have been faster; above it, it queued or took a "
    "slower way."
)
_LINKS_LEAD = "What was sent over each link, of what it could have carried while it was up."
_MAP_LEAD = (
    "The run from the ecliptic's north, true to scale; a dot stands where a thing was at the end. "
    "Left about the Earth, right about the Sun."
)
_STORAGE_LEAD = "The most that a node's store held at any moment, for the nodes that held most."


def _contacts_lead(history: History, plan: ContactPlan) -> str:
    rows = len(contact_rows(history, plan))
    more = f" The {MOST_ROWS} busiest of {rows} pairs." if rows > MOST_ROWS else ""
    return f"When two nodes could talk, one way or both.{more}"


def _hops_lead(summary: Summary) -> str:
    hops, sent = summary["hops"], summary["transmissions"]
    return f"{sent:,} transmissions were started for {hops:,} hops to nodes new to the bundle."


# ------------------------------------------------------------------------------------- the page


def _page(summary: Summary, body: str, drawn: dict[str, Figure]) -> str:
    until = moment_text(summary["duration_s"], summary["start_utc"])
    span = f"{moment_text(0.0, summary['start_utc'])[:-4]} to {until[:-4]} UTC"
    if not summary["start_utc"]:
        span = duration_text(summary["duration_s"])
    facts = (
        span,
        f"strategy {escape(summary['strategy'])}",
        f"seed {summary['seed']}",
        f"{summary['events']:,} events",
        f"{summary['wall_s']:.1f} s of wall time",
    )
    places = (
        ("flows", "Latency"),
        ("breakdown-section", "Breakdown"),
        ("decisions-section", "Decisions"),
        ("energy-section", "Energy"),
        ("contacts-section", "Contacts"),
        ("losses", "Losses"),
        ("again", "Run it again"),
    )
    return page(
        summary["scenario"],
        facts,
        places,
        f"{_cards(summary)}\n{body}",
        drawn,
        f"Made by Lightlag {escape(summary['version'])}. Times are emulated unless they say wall.\n"
        "Numbers are also in summary.json and bundles.csv, every event in events.jsonl.",
    )


def _cards(summary: Summary) -> str:
    counts = summary["bundles"]
    lost = counts["expired"] + counts["dropped"]
    latency, ideal = summary["latency_s"], summary["ideal_latency_s"]
    late = summary["late_frames"]
    cards = [
        ("Bundles sourced", f"{counts['sourced']:,}", f"{counts['in_network']:,} in the network"),
        (
            "Delivered",
            share_text(counts["delivered"], counts["sourced"]),
            f"{counts['delivered']:,} bundles",
        ),
        (
            "Lost",
            f'<span class="{"bad" if lost else "good"}">{lost:,}</span>',
            f"{counts['expired']:,} expired, {counts['dropped']:,} dropped",
        ),
        ("Median latency", duration_text(latency["p50"]), f"ideal {duration_text(ideal['p50'])}"),
        ("95th percentile", duration_text(latency["p95"]), f"ideal {duration_text(ideal['p95'])}"),
    ]
    if late:
        worst = duration_text(summary["worst_late_s"])
        cards.append(("Late frames", f'<span class="bad">{late:,}</span>', f"by up to {worst}"))
    return card_list(cards)


# ------------------------------------------------------------------------------------- tables


def _flow_table(flows: list[Flow]) -> str:
    if not flows:
        return "<p>Nothing was sent.</p>"
    rows = []
    ordered = sorted(flows, key=lambda flow: (flow["flow"], flow["source"], flow["destination"]))
    for flow in ordered[:MOST_TABLE_ROWS]:
        counts, latency, ideal = flow["bundles"], flow["latency_s"], flow["ideal_latency_s"]
        rows.append(
            (
                f"{escape(flow['flow'] or NOTHING)}<small>"
                f"{escape(flow['source'])} → {escape(flow['destination'])}</small>",
                f"{counts['sourced']:,}",
                share_text(counts["delivered"], counts["sourced"]),
                f"{counts['expired'] + counts['dropped']:,}",
                f"{counts['in_network']:,}",
                *(duration_text(latency[key]) for key in ("p50", "p95", "max")),
                duration_text(ideal["p50"]),
            )
        )
    caption = ("flow", "sourced", "delivered", "lost", "in network",
               "median", "95 %", "slowest", "ideal median")  # fmt: skip
    more = len(flows) - MOST_TABLE_ROWS
    note = f"<p>And {more} more, in summary.json.</p>" if more > 0 else ""
    return table(caption, rows, words=1) + note


def _parts_table(summary: Summary) -> str:
    parts = summary["breakdown_s"]
    total = sum(seconds for seconds in parts.values() if seconds)
    rows = [
        (
            f'<span class="legend" style="background:{figures.PART_COLOURS[part]}"></span>{part}',
            _MEANING[part],
            duration_text(parts[part]),
            share_text(parts[part] or 0.0, total),
        )
        for part in Parts._fields
    ]
    return table(("cause", "", "mean", "share"), rows, words=2)


def _ltp_table(summary: Summary) -> str:
    """What LTP carried, beside what its sessions let it carry at most; "" without LTP."""
    links = summary["ltp_links"]
    if not links:
        return ""
    rows = []
    for link in links[:MOST_TABLE_ROWS]:
        bound_bps = link["goodput_bound_bps"]
        carried_bytes = link["blocks"] * link["mean_block_bytes"]
        rows.append(
            (
                escape(f"{link['source']} → {link['destination']}"),
                f"{link['blocks']:,}",
                bytes_text(link["mean_block_bytes"]),
                share_text(link["resent_bytes"], carried_bytes),
                duration_text(link["round_trip_s"]),
                NOTHING if bound_bps is None else rate_text(bound_bps),
                rate_text(link["rate_bps"]),
                rate_text(link["goodput_bps"]),
            )
        )
    caption = ("LTP link", "blocks", "mean block", "sent again", "round trip",
               "bound by sessions", "link's rate", "goodput while up")  # fmt: skip
    sessions = links[0]["sessions"]
    note = (
        f"<p>{sessions:,} blocks may be under way at once on a link: it carries at most "
        "sessions × block / round trip, however fast it is.</p>"
    )
    return table(caption, rows, words=1) + note


def _loss_table(summary: Summary, bundles: pl.DataFrame) -> str:
    lost = bundles.filter(pl.col("fate").is_in(["expired", "dropped"]))
    if not len(lost):
        left = summary["bundles"]["in_network"]
        rest = f" {left:,} bundles were still under way at the end." if left else ""
        return f"<p>No bundle was lost.{rest}</p>"
    counted = lost.group_by("fate", "cause", "flow", "ended_at").len()
    counted = counted.sort(
        ["len", "fate", "cause", "flow", "ended_at"], descending=[True] + [False] * 4
    )
    rows = [
        (escape(fate), escape(cause), escape(flow or NOTHING), escape(node), f"{count:,}")
        for fate, cause, flow, node, count in counted.head(MOST_TABLE_ROWS).iter_rows()
    ]
    return table(("fate", "cause", "flow", "at", "bundles"), rows, words=4)


def _again(summary: Summary) -> str:
    typed = summary["command"] or (
        f"lightlag run SCENARIO --seed {summary['seed']} --strategy {summary['strategy']}"
    )
    return (
        f"{command(typed)}"
        f"<p>Lightlag {escape(summary['version'])}, seed {summary['seed']}, scenario digest "
        f"{escape(summary['scenario_sha256'][:16]) or NOTHING}. The same seed gives the same "
        "events.jsonl, octet by octet.</p>"
    )
