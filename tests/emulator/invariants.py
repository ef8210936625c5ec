"""What must hold of every bundle of every run."""

from __future__ import annotations

import polars as pl

from emulator.reports.bundles import PART_COLUMNS
from emulator.reports.fates import FATES, UNACCOUNTED
from emulator.result import Result

HOP_TOLERANCE_S = 1e-6


def check(result: Result) -> None:
    """What DESIGN promises of every bundle of every run."""
    table, counts = result.bundles, result.summary["bundles"]
    assert counts["sourced"] == len(table) == sum(counts[fate] for fate in FATES)
    assert not len(table.filter(cause=UNACCOUNTED))
    delivered = table.filter(fate="delivered")
    told = delivered.select(pl.sum_horizontal(PART_COLUMNS)).to_series()
    tolerance = HOP_TOLERANCE_S * delivered["hops"].clip(1)
    assert ((delivered["latency_s"] - told).abs() <= tolerance).all()
    assert (delivered["latency_s"] >= delivered["ideal_latency_s"] - tolerance).all()
    assert all((delivered[column] >= 0).all() for column in PART_COLUMNS)
    for row in delivered.filter(pl.col("hops") > 0).iter_rows(named=True):
        assert row["path"].split(" > ")[-1] == row["destination"]
