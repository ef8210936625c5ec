"""What the tables of a study show: which metrics, under which titles, and how they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from emulator.reports.readable import bytes_text, duration_text, energy_text


class Column(NamedTuple):
    """A metric as a table shows it."""

    metric: str
    title: str
    text: Callable[[float], str]


def share_text(value: float) -> str:
    """A share in per cent."""
    return f"{100 * value:.2f} %"


def number_text(value: float) -> str:
    """A count's mean."""
    return f"{value:.2f}"


TABLES: tuple[tuple[str, str, tuple[Column, ...]], ...] = (
    (
        "delivery",
        "Delivery and delay",
        (
            Column("delivery_ratio", "delivered", share_text),
            Column("restricted_delay_s", "restricted mean delay", duration_text),
            Column("common_delay_s", "mean delay, same bundles", duration_text),
            Column("delay_s", "mean delay, its own", duration_text),
            Column("delay_p50_s", "median", duration_text),
            Column("delay_p95_s", "95 %", duration_text),
            Column("delay_p99_s", "99 %", duration_text),
        ),
    ),
    (
        "cost",
        "What it costs",
        (
            Column("overhead", "transmissions a delivery", number_text),
            Column("hops", "hops", number_text),
            Column("contact_use", "contact use", share_text),
            Column("mean_stored_bytes", "stored, mean", bytes_text),
            Column("peak_stored_bytes", "stored, peak of a node", bytes_text),
        ),
    ),
    (
        "service",
        "What the user sees",
        (
            Column("age_s", "age of information", duration_text),
            Column("largest_gap_s", "largest gap", duration_text),
            Column("volume_bytes_per_day", "volume a day", bytes_text),
            Column("promise_error_s", "real less promised arrival", duration_text),
            Column("promises_kept", "promises kept", share_text),
        ),
    ),
    (
        "autonomy",
        "Decisions",
        (
            Column("decision_p50_s", "decision latency, median", duration_text),
            Column("decision_p95_s", "95 %", duration_text),
            Column("decision_s", "mean", duration_text),
            Column("missed_ratio", "events missed", share_text),
            Column("decision_energy_j", "energy an event", energy_text),
            Column("onboard_energy_j", "of it on board", energy_text),
            Column("home_bytes", "sent home an event", bytes_text),
        ),
    ),
)
