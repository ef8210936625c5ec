"""The bundle table: one row a sourced bundle, with its fate, latency, ideal latency and breakdown."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from emulator.reports.breakdown import Journey, Parts
from emulator.reports.fates import Fate
from emulator.reports.history import History

PART_COLUMNS = tuple(f"{part}_s" for part in Parts._fields)

_SCHEMA: dict[str, type[pl.DataType]] = {
    "bundle": pl.String,
    "flow": pl.String,
    "source": pl.String,
    "destination": pl.String,
    "endpoint": pl.String,
    "priority": pl.Int64,
    "size_bytes": pl.Int64,
    "payload_bytes": pl.Int64,
    "sourced_s": pl.Float64,
    "lifetime_s": pl.Float64,
    "fate": pl.String,
    "cause": pl.String,
    "ended_at": pl.String,
    "ended_s": pl.Float64,
    "latency_s": pl.Float64,
    "ideal_latency_s": pl.Float64,
    **dict.fromkeys(PART_COLUMNS, pl.Float64),
    "hops": pl.Int64,
    "path": pl.String,
}


def bundle_table(
    history: History,
    fates: Mapping[str, Fate],
    journeys: Mapping[str, Journey],
    ideals: Mapping[str, float],
    ipn_numbers: Mapping[str, int],
) -> pl.DataFrame:
    """Set the reports side by side, in the order in which the bundles were sourced.

    Columns: `bundle` (identity), `flow`, `source` and `destination` (nodes), `endpoint`, `priority`,
    `size_bytes` (encoded), `payload_bytes`, `sourced_s`, `lifetime_s`, `fate`, `cause`, `ended_at`
    (node), `ended_s`, and for delivered bundles `latency_s`, `ideal_latency_s`, the six parts of
    the breakdown, `hops` and `path` (nodes in order).
    """
    rows = []
    names = {f"ipn:{number}": name for name, number in ipn_numbers.items()}
    for bundle, fate in fates.items():
        sourced = history.sourced[bundle]
        journey = journeys.get(bundle)
        rows.append(
            (
                bundle,
                sourced.flow,
                sourced.node,
                names.get(sourced.destination.rpartition(".")[0], sourced.destination),
                sourced.destination,
                sourced.priority,
                sourced.size_bytes,
                sourced.payload_bytes,
                sourced.t_s,
                sourced.lifetime_s,
                fate.name,
                fate.cause,
                fate.node,
                fate.t_s,
                fate.t_s - sourced.t_s if journey else None,
                ideals.get(bundle),
                *(journey.parts if journey else (None,) * len(PART_COLUMNS)),
                len(journey.hops) if journey else None,
                _path(sourced.node, journey) if journey else None,
            )
        )
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _path(source: str, journey: Journey) -> str:
    return " > ".join((source, *(hop.neighbour for hop in journey.hops)))
