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

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from dtn.errors import BadInput, Fault
from emulator.setup import changed, over
from emulator.sweep.cell import (
    NO_CONTACTS,
    Cell,
    Outcome,
    Timing,
    address_of,
    fly_cell,
    keep,
    kept,
    setup_digest,
)
from emulator.sweep.crew import Crew, Here, WorkerDied
from emulator.sweep.plans import Planned, plans_of, seeded
from emulator.sweep.progress import Forecast, Progress, Tell
from emulator.sweep.results import Flown, StudyResult, evaluate, write
from emulator.sweep.study import Study


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
    plans = plans_of(study, folder, workers, say)
    cells = list(_cells(study, plans))
    outcomes = _fly(cells, plans, folder, workers, say)
    result = evaluate(study, [Flown(cell, outcomes[cell.address]) for cell in cells])
    write(result, folder)
    return result


def _cells(study: Study, plans: dict[tuple[int, int], Planned]) -> Iterator[Cell]:
    """Every cell, by variant, strategy, seed."""
    for variant in study.variants:
        setups = {}
        for seed in study.seeds:
            planned = plans[variant.number, seed]
            if study.files is not None:
                setup = changed(study.files, seed=seed, strategy=None, until_s=study.until_s)
            else:
                setup = over(seeded(variant, seed), planned.plan)
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
    with closing(crew.do(fly_cell, tasks)) as flown:
        for place, answer in flown:
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
