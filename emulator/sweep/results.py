"""What came of a study: its table of runs, its statistics, and the folder that keeps them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from emulator.files import replace_octets, replace_text
from emulator.sweep.cell import Cell, Outcome, parquet
from emulator.sweep.statistics import (
    METRICS,
    Estimate,
    Window,
    delivered_by_all,
    estimate,
    metrics,
    paired,
)
from emulator.sweep.study import Study

RESULTS, TIMING, STATISTICS, PAGE = (
    "results.parquet",
    "timing.parquet",
    "statistics.json",
    "report.html",
)


@dataclass(frozen=True, slots=True)
class Flown:
    """A cell with what came of it."""

    cell: Cell
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """What came of a study.

    Args:
        study: the study.
        cells: every cell with its outcome, by variant, strategy and seed in the study's order.
        results: a row a cell: variant, strategy, seed, status, failure, then METRICS.
        statistics: what statistics.json says.
    """

    study: Study
    cells: tuple[Flown, ...]
    results: pl.DataFrame
    statistics: dict[str, object]

    @property
    def failed(self) -> list[Flown]:
        """The cells that failed."""
        return [flown for flown in self.cells if flown.outcome.measured is None]


def evaluate(study: Study, cells: list[Flown]) -> StudyResult:
    """Metrics, estimates and paired differences of cells that were flown.

    The set of bundles that all delivered is taken over the strategies that did not fail for that
    seed and those parameters.
    """
    rows: list[dict[str, object]] = []
    by_run: dict[tuple[int, int], list[Flown]] = {}
    for flown in cells:
        by_run.setdefault((flown.cell.variant, flown.cell.seed), []).append(flown)
    common = {}
    for key, group in by_run.items():
        runs = [f.outcome.measured for f in group if f.outcome.measured is not None]
        common[key] = delivered_by_all(runs, window_of(study)) if runs else None
    for flown in cells:
        cell, measured = flown.cell, flown.outcome.measured
        row: dict[str, object] = {
            "variant": cell.variant,
            "parameters": study.variants[cell.variant].label,
            "strategy": cell.strategy,
            "seed": cell.seed,
            "status": "failed" if measured is None else "finished",
            "failure": flown.outcome.failure,
        }
        if measured is not None:
            row |= metrics(measured, window_of(study), common[cell.variant, cell.seed])
        rows.append(row)
    schema: dict[str, type[pl.DataType]] = {
        "variant": pl.Int64,
        "parameters": pl.String,
        "strategy": pl.String,
        "seed": pl.Int64,
        "status": pl.String,
        "failure": pl.String,
        **dict.fromkeys(METRICS, pl.Float64),
    }
    results = pl.DataFrame(rows, schema=schema)
    return StudyResult(
        study=study,
        cells=tuple(cells),
        results=results,
        statistics=_statistics(study, results),
    )


def window_of(study: Study) -> Window:
    """Which bundles of a study's runs count."""
    return Window(study.warm_up_s, study.duration_s - study.cut_off_s)


def _statistics(study: Study, results: pl.DataFrame) -> dict[str, object]:
    groups = []
    for variant in study.variants:
        base = _by_seed(results, variant.number, study.baseline)
        for strategy in study.strategies:
            values = _by_seed(results, variant.number, strategy)
            groups.append(
                {
                    "parameters": dict(variant.parameters),
                    "strategy": strategy,
                    "finished": len(values["delivery_ratio"]),
                    "failed": len(study.seeds) - len(values["delivery_ratio"]),
                    "metrics": {
                        name: {
                            **_told(estimate(values[name].values())),
                            "less_baseline": _told(paired(values[name], base[name])),
                        }
                        for name in METRICS
                    },
                }
            )
    return {
        "study": study.name,
        "baseline": study.baseline,
        "seeds": list(study.seeds),
        "warm_up_s": study.warm_up_s,
        "cut_off_s": study.cut_off_s,
        "confidence": 0.95,
        "groups": groups,
    }


def _by_seed(results: pl.DataFrame, variant: int, strategy: str) -> dict[str, dict[int, float]]:
    """Each metric's value by seed, of finished cells."""
    rows = results.filter(variant=variant, strategy=strategy, status="finished")
    seeds = rows["seed"].to_list()
    return {name: dict(zip(seeds, rows[name].to_list(), strict=True)) for name in METRICS}


def _told(found: Estimate) -> dict[str, float | int | None]:
    return {
        "mean": None if math.isnan(found.mean) else found.mean,
        "half_width": None if math.isnan(found.half_width) else found.half_width,
        "runs": found.runs,
    }


def write(result: StudyResult, folder: Path) -> None:
    """Write results, statistics, timing and report; each is whole or not there."""
    from emulator.sweep.report import study_page

    timing = pl.DataFrame(
        {
            "variant": [f.cell.variant for f in result.cells],
            "strategy": [f.cell.strategy for f in result.cells],
            "seed": [f.cell.seed for f in result.cells],
            "wall_s": [f.outcome.timing.wall_s for f in result.cells],
            "decisions": [f.outcome.timing.decisions for f in result.cells],
            "decision_s": [f.outcome.timing.decision_s for f in result.cells],
        }
    )
    for table, name in ((result.results, RESULTS), (timing, TIMING)):
        replace_octets(folder / name, parquet(table))
    replace_text(folder / STATISTICS, json.dumps(result.statistics, indent=2) + "\n")
    replace_text(folder / PAGE, study_page(result))
