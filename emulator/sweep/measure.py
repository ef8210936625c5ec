"""One run, folded: a table with a row a bundle, and a few numbers of the network as a whole.

What a study compares is reckoned from this table, so that warm-up, cut-off and the set of bundles
can be chosen after the runs. Bundles that only answer others (echoes, responses) are marked: which
of them there are depends on the strategy, so they are no part of the traffic that all are given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from dtn.contact_plan import ContactPlan
from dtn.events import (
    BundleDelivered,
    BundleDuplicate,
    BundleReceived,
    BundleSourced,
    Event,
    RouteComputed,
    TransferFinished,
    TransferStarted,
)
from emulator.reports.decisions import decision_table, job_lives
from emulator.reports.fates import fate_of
from emulator.reports.history import BundleEvent, History, history_of
from emulator.reports.links import link_use
from emulator.reports.storage import stays

SCHEMA: dict[str, type[pl.DataType]] = {
    "flow": pl.String,
    "source": pl.String,
    "destination": pl.String,
    "turn": pl.Int64,
    "answer": pl.Boolean,
    "priority": pl.Int64,
    "payload_bytes": pl.Int64,
    "sourced_s": pl.Float64,
    "lifetime_s": pl.Float64,
    "fate": pl.String,
    "latency_s": pl.Float64,
    "promised_s": pl.Float64,
    "hops": pl.Int64,
    "transmissions": pl.Int64,
}
IDENTITY = ("flow", "source", "destination", "turn")
"""What names a bundle in every run with the same traffic: the turn counts those of a flow's pair."""


DECISION_SCHEMA: dict[str, type[pl.DataType]] = {
    "created_s": pl.Float64,
    "latency_s": pl.Float64,
    "is_missed": pl.Boolean,
    "energy_j": pl.Float64,
    "onboard_energy_j": pl.Float64,
    "home_bytes": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to.

    Args:
        bundles: one row a bundle, columns as in SCHEMA. `latency_s` is of the first copy and of
            the last fragment, `promised_s` the latency that the source's first route promised,
            each null where there is none.
        numbers: of the network: sent_bytes, volume_bytes, mean_stored_bytes, events, end_s.
        peak_bytes: the most that each node stored, by name.
        decisions: one row an event and placement, columns as in DECISION_SCHEMA, of those whose deadline
            came within the run or that were decided on before it. `latency_s` is null where there is none.
    """

    bundles: pl.DataFrame
    numbers: dict[str, float]
    peak_bytes: dict[str, float]
    decisions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DECISION_SCHEMA))


def measure(events: Iterable[Event], plan: ContactPlan, given: frozenset[str]) -> Measured:
    """Fold the events of a run.

    Args:
        events: in order.
        plan: its contacts.
        given: flows of the traffic that was given; bundles of others are answers.
    """
    log = list(events)
    history = history_of(log)
    names = {f"ipn:{number}": name for name, number in plan.ipn_numbers.items()}
    turns: dict[tuple[str, str, str], int] = {}
    rows = []
    for bundle, sourced in history.sourced.items():
        destination = names.get(sourced.destination.rpartition(".")[0], sourced.destination)
        stream = (sourced.flow, sourced.node, destination)
        turns[stream] = turn = turns.get(stream, -1) + 1
        rows.append(_row(bundle, sourced, history.lives[bundle], stream, turn, given))
    uses = link_use(history, plan)
    mean_bytes, peak_bytes = _storage(history)
    numbers = {
        "sent_bytes": float(sum(use.sent_bytes for use in uses)),
        "volume_bytes": sum(use.volume_bytes for use in uses),
        "mean_stored_bytes": mean_bytes,
        "events": float(history.events),
        "end_s": history.end_s,
    }
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return Measured(table, numbers, peak_bytes, _decisions(log, history, plan))


def _decisions(log: list[Event], history: History, plan: ContactPlan) -> pl.DataFrame:
    """Journeys are left out: a study compares how late decisions were, not why."""
    lives = job_lives(log)
    if not lives:
        return pl.DataFrame(schema=DECISION_SCHEMA)
    ends = {
        b: fate_of(b, history.lives[b]) for life in lives.values() for b in life.bundles.values()
    }
    table = decision_table(lives, history.sourced, ends, {}, plan.ipn_numbers, history.end_s)
    due = table.filter((pl.col("fate") != "open") | pl.col("is_missed"))
    energy = pl.col("energy_j").fill_null(0.0)
    return due.select(
        "created_s",
        "latency_s",
        "is_missed",
        energy.alias("energy_j"),
        pl.when(pl.col("is_onboard")).then(energy).otherwise(0.0).alias("onboard_energy_j"),
        "home_bytes",
    )


def _row(
    bundle: str,
    sourced: BundleSourced,
    life: list[BundleEvent],
    stream: tuple[str, str, str],
    turn: int,
    given: frozenset[str],
) -> tuple[object, ...]:
    depth = {sourced.node: 0}
    transmissions = 0
    hops: int | None = None
    latency_s: float | None = None
    promised_s: float | None = None
    for event in life:
        kind = type(event)
        if kind is TransferStarted:
            transmissions += 1
        elif isinstance(event, BundleReceived):
            if event.node not in depth:
                depth[event.node] = depth.get(event.previous, 0) + 1
        elif kind is TransferFinished or kind is BundleDuplicate:
            continue
        elif isinstance(event, RouteComputed):
            if promised_s is None and event.node == sourced.node and event.promised_s < math.inf:
                promised_s = event.promised_s - sourced.t_s
        elif isinstance(event, BundleDelivered) and latency_s is None and event.bundle == bundle:
            latency_s = event.t_s - sourced.t_s
            hops = depth.get(event.node)
    return (
        *stream,
        turn,
        sourced.flow not in given,
        sourced.priority,
        sourced.payload_bytes,
        sourced.t_s,
        sourced.lifetime_s,
        fate_of(bundle, life).name,
        latency_s,
        promised_s,
        hops,
        transmissions,
    )


def _storage(history: History) -> tuple[float, dict[str, float]]:
    """Bytes stored in the whole network on average over time, and the most at each node."""
    by_node: dict[str, list[tuple[float, int]]] = {}
    byte_seconds = 0.0
    for stay in stays(history):
        byte_seconds += stay.size_bytes * (stay.until_s - stay.from_s)
        changes = by_node.setdefault(stay.node, [])
        changes += ((stay.from_s, stay.size_bytes), (stay.until_s, -stay.size_bytes))
    peaks = {}
    for node in sorted(by_node):
        changes = sorted(by_node[node])  # at equal times what leaves makes room for what comes
        peaks[node] = float(np.cumsum([change for _, change in changes]).max())
    return byte_seconds / history.end_s if history.end_s > 0 else 0.0, peaks
