"""A run's numbers as a notebook shows them: a table of HTML in which every name is escaped."""

from __future__ import annotations

from html import escape

from emulator.reports.breakdown import Parts
from emulator.reports.readable import duration_text, share_text
from emulator.reports.summary import Summary


def summary_html(summary: Summary) -> str:
    """The summary as one table."""
    counts = summary["bundles"]
    rows = [
        ("sourced", f"{counts['sourced']:,}"),
        ("delivered", share_text(counts["delivered"], counts["sourced"])),
        ("expired", f"{counts['expired']:,}"),
        ("dropped", f"{counts['dropped']:,}"),
        ("in the network", f"{counts['in_network']:,}"),
    ]
    latency, ideal = summary["latency_s"], summary["ideal_latency_s"]
    for title, key in (("median", "p50"), ("95 %", "p95"), ("slowest", "max")):
        said = f"{duration_text(latency[key])} (ideal {duration_text(ideal[key])})"
        rows.append((f"latency, {title}", said))
    breakdown = summary["breakdown_s"]
    rows += ((f"mean {part}", duration_text(breakdown[part])) for part in Parts._fields)
    title = f"{summary['scenario']}: {summary['strategy']}, seed {summary['seed']}"
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(said)}</td></tr>" for name, said in rows
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{body}</tbody></table>"
