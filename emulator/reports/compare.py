"""Several runs side by side: the same questions, a column a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from emulator.bound.told import Certificate
from emulator.reports.breakdown import Parts
from emulator.reports.decisions import Decisions
from emulator.reports.readable import (
    NOTHING,
    bytes_text,
    duration_text,
    energy_text,
    gap_text,
    share_text,
)
from emulator.reports.summary import Summary

QUESTIONS: tuple[tuple[str, Callable[[Summary], str]], ...] = (
    ("scenario", lambda s: s["scenario"]),
    ("strategy", lambda s: s["strategy"]),
    ("seed", lambda s: str(s["seed"])),
    ("bundles sourced", lambda s: f"{s['bundles']['sourced']:,}"),
    ("delivered", lambda s: share_text(s["bundles"]["delivered"], s["bundles"]["sourced"])),
    ("expired", lambda s: f"{s['bundles']['expired']:,}"),
    ("dropped", lambda s: f"{s['bundles']['dropped']:,}"),
    ("in the network", lambda s: f"{s['bundles']['in_network']:,}"),
    ("mean latency", lambda s: duration_text(s["latency_s"]["mean"])),
    ("median", lambda s: duration_text(s["latency_s"]["p50"])),
    ("95 %", lambda s: duration_text(s["latency_s"]["p95"])),
    ("99 %", lambda s: duration_text(s["latency_s"]["p99"])),
    ("slowest", lambda s: duration_text(s["latency_s"]["max"])),
    ("ideal mean", lambda s: duration_text(s["ideal_latency_s"]["mean"])),
    ("hops", lambda s: f"{s['hops']:,}"),
    ("transmissions", lambda s: f"{s['transmissions']:,}"),
    ("wall time", lambda s: duration_text(s["wall_s"])),
)

_BOUND_ROWS: tuple[tuple[str, Callable[[Certificate], str]], ...] = (
    ("least mean latency (bound)", lambda c: duration_text(c["least_delay_s"] / c["delivered"])),
    ("over the bound", lambda c: gap_text(c["gap"])),
    ("at most deliverable", lambda c: share_text(c["most_delivered"], c["sourced"])),
)

_DECISION_ROWS: tuple[tuple[str, Callable[[Decisions], str]], ...] = (
    ("in time", lambda d: share_text(d["in_time"], d["events"])),
    ("missed", lambda d: f"{d['missed']:,}"),
    ("median", lambda d: duration_text(d["latency_s"]["p50"])),
    ("95 %", lambda d: duration_text(d["latency_s"]["p95"])),
    ("energy", lambda d: energy_text(d["energy_j"])),
    ("sent home", lambda d: bytes_text(d["home_bytes"])),
)


def short_names(folders: Iterable[Path]) -> dict[Path, str]:
    """What to call runs on a page: as many of the last parts of their folders as tell them apart."""
    paths = list(dict.fromkeys(folders))
    most = max((len(path.parts) for path in paths), default=0)
    for count in range(1, most):
        names = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(names)) == len(paths):
            return dict(zip(paths, names, strict=True))
    return {path: str(path) for path in paths}


def comparison(
    runs: Mapping[str, Summary], bounds: Mapping[str, Certificate | None] | None = None
) -> Table:
    """A table with a column a run; rows in which all runs say the same are dim.

    Latencies are of delivered bundles: a run that delivers less may look faster, so the share that
    was delivered stands above them.

    Args:
        runs: summaries by the name that heads their column.
        bounds: what `lightlag bound` found out about them; rows of it where anything is known of any.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for name in runs:
        table.add_column(Text(name), justify="right", overflow="fold")
    for title, said in QUESTIONS:
        _add(table, title, [said(summary) for summary in runs.values()])
    for title, answers in bound_rows([(bounds or {}).get(name) for name in runs]):
        _add(table, title, answers)
    for part in Parts._fields:
        shares = [summary["breakdown_s"][part] for summary in runs.values()]
        _add(table, f"  mean {part}", [duration_text(share) for share in shares])
    for title, answers in decision_rows(list(runs.values())):
        _add(table, title, answers)
    return table


def bound_rows(
    bounds: Sequence[Certificate | None],
) -> Iterator[tuple[str, list[str]]]:
    """Title and answers of the rows that set each run beside what no strategy can beat; none if nothing is known."""
    if any(bounds):
        for title, said in _BOUND_ROWS:
            answers = [said(c) if c is not None and c["delivered"] else NOTHING for c in bounds]
            yield title, answers


def decision_rows(runs: Sequence[Summary]) -> Iterator[tuple[str, list[str]]]:
    """Title and answers of the rows for each placement that any of the runs has, in order of appearance."""
    known = [{(one["flow"], one["placement"]): one for one in run["decisions"]} for run in runs]
    for flow, placement in dict.fromkeys(key for of_run in known for key in of_run):
        ones = [of_run.get((flow, placement)) for of_run in known]
        for title, said in _DECISION_ROWS:
            answers = [NOTHING if one is None else said(one) for one in ones]
            yield f"{flow}, {placement}: {title}", answers


def _add(table: Table, title: str, answers: list[str]) -> None:
    same = len(set(answers)) == 1 and len(answers) > 1
    table.add_row(title, *map(Text, answers), style="dim" if same else None)
