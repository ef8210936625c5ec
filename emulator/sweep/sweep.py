"""A sweep: a study from its file to a folder of results.

    cells/ADDRESS.parquet   each finished cell, named by the digest of all that it depends on
    plans/DIGEST.json       each distinct contact plan, computed once
    results.parquet         a row a cell: its metrics, or why it failed; the same however it was flown
    statistics.json         means with confidence intervals, paired differences
    timing.parquet          what each cell took here: no part of the results
    report.html

Who starts it again goes on where it stopped: what is finished is not flown again. Failed cells are.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from dtn.contact_plan import ContactPlan
from dtn.contact_plan.formats import WRITERS
from dtn.errors import BadInput, Fault
from emulator.files import replace_text
from emulator.scenario import Scenario
from emulator.setup import changed, over
from emulator.sweep.cell import (
    NO_CONTACTS,
    Cell,
    Outcome,
    Timing,
    address_of,
    code_digest,
    fly_cell,
    keep,
    kept,
    setup_digest,
)
from emulator.sweep.crew import Crew, Forecast, Here, WorkerDied
from emulator.sweep.statistics import (
    METRICS,
    Estimate,
    Window,
    delivered_by_all,
    estimate,
    metrics,
    paired,
)
from emulator.sweep.study import Study, Variant

RESULTS, TIMING, STATISTICS, PAGE = (
    "results.parquet",
    "timing.parquet",
    "statistics.json",
    "report.html",
)

NOT_GEOMETRY = frozenset(
    (
        "name",
        "description",
        "routing",
        "convergence",
        "ltp",
        "agent",
        "security",
        "traffic",
        "replay",
        "faults",
    )
)
"""What of a scenario its contact plan does not depend on. The seed: only where it draws the weather."""


NOT_PLACE = frozenset(("store_bytes", "computing"))
"""What of a node they do not depend on."""


class Progress(NamedTuple):
    """How far a sweep is.

    Args:
        what: "plans" or "cells".
        done: how many are finished.
        total: of how many.
        left_s: wall time that is left; nan if nothing is known yet.
        failed: how many cells failed.
    """

    what: str
    done: int
    total: int
    left_s: float
    failed: int


Tell = Callable[[Progress], object]


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


def sweep(
    study: Study, out: str | Path, *, crew: Crew | None = None, tell: Tell | None = None
) -> StudyResult:
    """Run what is not finished yet of a study, and write its folder.

    Args:
        study: the study.
        out: its folder; what is kept there is used.
        crew: who does the work; this process if not said.
        tell: told how far it is.

    Raises:
        BadInput: a folder that cannot be made, a scenario that cannot be planned.
    """
    folder = Path(out)
    try:
        for name in ("cells", "plans"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        mend = f"cannot be made ({fault.strerror}): name another folder"
        raise BadInput(Fault(str(folder), "--out", "", mend)) from None
    workers = crew or Here()
    say = tell or (lambda progress: None)
    plans = _plans(study, folder, workers, say)
    cells = list(_cells(study, plans))
    outcomes = _fly(cells, plans, folder, workers, say)
    result = evaluate(study, [Flown(cell, outcomes[cell.address]) for cell in cells])
    write(result, folder)
    return result


# ------------------------------------------------------------------------------------- plans


class Planned(NamedTuple):
    """A contact plan and where it is kept."""

    plan: ContactPlan
    file: Path
    digest: str


def geometry(scenario: Scenario) -> str:
    """Digest of what a scenario's contact plan depends on."""
    told = scenario.model_dump(mode="json", exclude=set(NOT_GEOMETRY))
    if "weather" not in scenario.model_fields_set:
        del told["seed"]
    for table in (*told["nodes"], *(driver["satellites"] for driver in told["mass_driver"])):
        for key in NOT_PLACE:
            table.pop(key, None)
    files = [hashlib.sha256(f.read_bytes()).hexdigest() for f in _files(told, scenario.file.parent)]
    text = json.dumps([told, files, code_digest()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _files(told: object, folder: Path) -> Iterator[Path]:
    """The files that a scenario names: horizon masks, orbits, clouds."""
    if isinstance(told, str):
        if told and "\n" not in told and (folder / told).is_file():
            yield folder / told
    elif isinstance(told, dict | list):
        for value in told.values() if isinstance(told, dict) else told:
            yield from _files(value, folder)


def _plans(study: Study, folder: Path, crew: Crew, say: Tell) -> dict[tuple[int, int], Planned]:
    """The contacts of every variant and seed, each distinct geometry planned once."""
    wanted: dict[str, Scenario] = {}
    digests: dict[tuple[int, int], str] = {}
    if study.files is not None:
        digest = _digest(study.files.plan)
        planned = {digest: _kept_plan(study.files.plan, folder, digest)}
        digests = {(0, seed): digest for seed in study.seeds}
    else:
        planned = {}
        for variant in study.variants:
            for seed in study.seeds:
                scenario = _seeded(variant, seed)
                digests[variant.number, seed] = digest = geometry(scenario)
                wanted.setdefault(digest, scenario)
        for digest in list(wanted):
            file = folder / "plans" / f"{digest[:32]}.json"
            if file.exists():
                planned[digest] = _kept_plan(ContactPlan.load(file), folder, digest)
                del wanted[digest]
    order = list(wanted)
    for done, (place, answer) in enumerate(
        crew.do(plan_contacts, [(wanted[digest],) for digest in order])
    ):
        if isinstance(answer, WorkerDied):
            raise BadInput(Fault(str(study.file), "scenario", "", f"cannot be planned: {answer}"))
        planned[order[place]] = _kept_plan(answer, folder, order[place])
        say(Progress("plans", done + 1, len(order), math.nan, 0))
    return {key: planned[digest] for key, digest in digests.items()}


def plan_contacts(scenario: Scenario) -> ContactPlan:
    """The contacts of a scenario."""
    from emulator.sky import ScenarioSky

    with ScenarioSky(scenario) as sky:
        return sky.plan()


def _kept_plan(plan: ContactPlan, folder: Path, digest: str) -> Planned:
    file = folder / "plans" / f"{digest[:32]}.json"
    if not file.exists():
        plan.save(file)
    return Planned(plan, file, _digest(plan))


def _digest(plan: ContactPlan) -> str:
    return hashlib.sha256(WRITERS["json"](plan)[0].encode()).hexdigest()


def _seeded(variant: Variant, seed: int) -> Scenario:
    assert variant.scenario is not None
    return variant.scenario.model_copy(update={"seed": seed})


# ------------------------------------------------------------------------------------- cells


def _cells(study: Study, plans: dict[tuple[int, int], Planned]) -> Iterator[Cell]:
    """Every cell, by variant, strategy, seed."""
    for variant in study.variants:
        setups = {}
        for seed in study.seeds:
            planned = plans[variant.number, seed]
            if study.files is not None:
                setup = changed(study.files, seed=seed, strategy=None, until_s=study.until_s)
            else:
                setup = over(_seeded(variant, seed), planned.plan)
            setups[seed] = replace(setup, plan=NO_CONTACTS)
        digests = {seed: setup_digest(setup) for seed, setup in setups.items()}
        for strategy in study.strategies:
            for seed in study.seeds:
                contacts = plans[variant.number, seed].digest
                yield Cell(
                    variant=variant.number,
                    strategy=strategy,
                    seed=seed,
                    setup=setups[seed],
                    contacts=contacts,
                    address=address_of(digests[seed], contacts, strategy),
                    wall_limit_s=study.wall_limit_s,
                )


def _fly(
    cells: list[Cell],
    plans: dict[tuple[int, int], Planned],
    folder: Path,
    crew: Crew,
    say: Tell,
) -> dict[str, Outcome]:
    """The outcome of every cell by its address; finished ones are taken from the folder."""
    outcomes: dict[str, Outcome] = {}
    left: dict[str, Cell] = {}
    for cell in cells:
        found = kept(_file(folder, cell))
        if found is not None:
            outcomes[cell.address] = found
        else:
            left[cell.address] = cell
    # seed by seed, so that what each strategy takes is soon known
    order = sorted(left.values(), key=lambda cell: cell.seed)
    forecast = Forecast([cell.strategy for cell in order], crew.workers)
    for cell in cells:
        if cell.address in outcomes:
            forecast.took(cell.strategy, outcomes[cell.address].timing.wall_s, now=False)
    total, failed = len(outcomes) + len(order), 0
    say(Progress("cells", len(outcomes), total, forecast.left_s, 0))
    shared = {p.digest: crew.share(p.plan, p.file) for p in plans.values()}
    tasks = [(cell, shared[cell.contacts]) for cell in order]
    for place, answer in crew.do(fly_cell, tasks):
        cell = order[place]
        if isinstance(answer, WorkerDied):
            answer = Outcome(None, Timing(0.0, 0, 0.0), str(answer))
        elif answer.measured is not None:
            keep(answer, _file(folder, cell))
        outcomes[cell.address] = answer
        failed += answer.measured is None
        forecast.took(cell.strategy, answer.timing.wall_s)
        say(Progress("cells", len(outcomes), total, forecast.left_s, failed))
    return outcomes


def _file(folder: Path, cell: Cell) -> Path:
    return folder / "cells" / f"{cell.address[:32]}.parquet"


# ------------------------------------------------------------------------------------- results


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
        part = folder / f"{name}.part"
        table.write_parquet(part)
        part.replace(folder / name)
    replace_text(folder / STATISTICS, json.dumps(result.statistics, indent=2) + "\n")
    replace_text(folder / PAGE, study_page(result))
