"""Several runs side by side: the same questions, a column a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from emulator.reports.breakdown import Parts
from emulator.reports.decisions import Decisions
from emulator.reports.readable import NOTHING, bytes_text, duration_text, energy_text, share_text
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

_DECISION_ROWS: tuple[tuple[str, Callable[[Decisions], str]], ...] = (
    ("in time", lambda d: share_text(d["in_time"], d["events"])),
    ("missed", lambda d: f"{d['missed']:,}"),
    ("median", lambda d: duration_text(d["latency_s"]["p50"])),
    ("95 %", lambda d: duration_text(d["latency_s"]["p95"])),
    ("energy", lambda d: energy_text(d["energy_j"])),
    ("sent home", lambda d: bytes_text(d["home_bytes"])),
)


def comparison(runs: Mapping[str, Summary]) -> Table:
    """A table with a column a run; rows in which all runs say the same are dim.

    Latencies are of delivered bundles: a run that delivers less may look faster, so the share that
    was delivered stands above them.

    Args:
        runs: summaries by the name that heads their column.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for name in runs:
        table.add_column(Text(name), justify="right", overflow="fold")
    for title, said in QUESTIONS:
        _add(table, title, [said(summary) for summary in runs.values()])
    for part in Parts._fields:
        shares = [summary["breakdown_s"][part] for summary in runs.values()]
        _add(table, f"  mean {part}", [duration_text(share) for share in shares])
    for title, answers in decision_rows(list(runs.values())):
        _add(table, title, answers)
    return table


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
