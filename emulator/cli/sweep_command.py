"""The command that runs studies: sweep."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from emulator.cli.options import JsonOption, out_folder
from emulator.cli.output import print_json, stderr, stdout

if TYPE_CHECKING:
    from emulator.sweep.progress import Tell
    from emulator.sweep.results import StudyResult


def sweep(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study file (TOML).")],
    out: Annotated[
        Path | None,
        typer.Option(
            parser=out_folder,
            metavar="DIR",
            help="Where results go; default runs/NAME of the study.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on this machine; default: one a core.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="A Dask scheduler, instead of this machine."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run a study: strategies x parameters x seeds, with confidence intervals and a report.

    What is finished is kept: stopped and started again, a sweep goes on. A strategy that fails marks
    its cell failed, and the others go on. The results do not depend on who computed them.
    """
    from emulator.sweep.crew import crew
    from emulator.sweep.results import PAGE
    from emulator.sweep.study import load
    from emulator.sweep.sweep import sweep as run_study

    loaded = load(study)
    folder = out or Path("runs") / loaded.name
    try:
        with ended_by_signals(), crew(scheduler, workers) as hands, _bar() as tell:
            result = run_study(loaded, folder, crew=hands, tell=tell)
    except SystemExit:
        typer.echo(
            f"stopped: what is finished is kept in {folder}; started again, it goes on", err=True
        )
        raise
    if json:
        print_json(result.statistics)
    else:
        stdout().print(_table(result))
        for flown in result.failed:
            cell = flown.cell
            where = result.study.variants[cell.variant].label
            place = f"{cell.strategy}, seed {cell.seed}" + (f", {where}" if where else "")
            typer.echo(f"failed: {place}: {flown.outcome.failure}")
        typer.echo(f"\nreport: {folder / PAGE}")
    if result.failed:
        raise typer.Exit(1)


STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends what runs; those after it must not interrupt the tidying up."""
    before = [(number, signal.signal(number, _stop)) for number in STOPPING]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    for other in STOPPING:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


@contextmanager
def _bar() -> Iterator[Tell]:
    """A progress bar on stderr with the time that is left; silent where nobody watches."""
    from emulator.reports.readable import duration_text
    from emulator.sweep.progress import Progress as Told

    console = stderr()
    bar = Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", left="")

        def tell(told: Told) -> None:
            left = "" if math.isnan(told.left_s) else f"{duration_text(told.left_s)} left"
            failed = f", {told.failed} failed" if told.failed else ""
            what = {"plans": "planning contacts", "cells": "running"}[told.what]
            bar.update(
                task,
                description=what,
                completed=told.done,
                total=told.total,
                left=f"{left}{failed}",
            )

        yield tell


def _table(result: StudyResult) -> Table:
    from emulator.reports.readable import NOTHING, duration_text
    from emulator.sweep.columns import number_text, share_text
    from emulator.sweep.statistics import estimate

    study = result.study
    table = Table(box=None, pad_edge=False, header_style="bold")
    if len(study.variants) > 1:
        table.add_column("parameters", no_wrap=True)
    table.add_column("strategy", no_wrap=True)
    columns = {
        "delivery_ratio": ("delivered", share_text),
        "restricted_delay_s": ("restricted mean delay", duration_text),
        "common_delay_s": ("mean delay, same bundles", duration_text),
        "overhead": ("transmissions a delivery", number_text),
        "hops": ("hops", number_text),
    }
    for title, _ in columns.values():
        table.add_column(title, justify="right")
    for variant in study.variants:
        for strategy in study.strategies:
            rows = result.results.filter(
                variant=variant.number, strategy=strategy, status="finished"
            )
            cells = []
            for name, (_, text) in columns.items():
                found = estimate(rows[name].to_list())
                known = NOTHING if math.isnan(found.mean) else text(found.mean)
                sure = "" if math.isnan(found.half_width) else f" ± {text(found.half_width)}"
                cells.append(known + sure)
            first = [Text(variant.label)] if len(study.variants) > 1 else []
            table.add_row(*first, Text(strategy.rpartition(":")[2]), *cells)
    return table
