"""Commands about the folder of a run: report, compare, trace, assert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.options import JsonOption
from emulator.cli.output import print_json, stdout

RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `run --out` made.")]


def report(
    folder: RunFolder,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="Also draw contacts and latencies as one SVG."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Tables and plots of one run, worked out again from its log.

    Prints the latency table and writes DIR/report.html anew: one file that needs no network.
    """
    from emulator.files import replace_text
    from emulator.reports.table import summary_view
    from emulator.result import PAGE, Result

    result = Result.read(folder)
    replace_text(folder / PAGE, result.page())
    if picture is not None:
        replace_text(picture, result.picture())
    if json:
        print_json(result.summary)
        return
    stdout().print(summary_view(result.summary))
    typer.echo(f"report: {folder / PAGE}")


def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR DIR...", help="Folders that `run --out` made.")
    ],
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="Also write plots of all runs as one page, offline."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Several runs side by side: what was delivered, how late, and where the time went.

    Where `lightlag bound` was asked for a run, also by how much it is over what no strategy can beat.
    """
    from emulator.bound.told import read as read_bound
    from emulator.reports.compare import comparison
    from emulator.result import read_bundles, read_summary

    runs = {str(folder): read_summary(folder) for folder in folders}
    bounds = {str(folder): read_bound(folder) for folder in folders}
    if page is not None:
        from emulator.files import replace_text
        from emulator.reports.compare import short_names
        from emulator.reports.compare_page import compare_page

        names = short_names(folders)
        tables = {
            names[Path(name)]: (said, read_bundles(Path(name))) for name, said in runs.items()
        }
        told = {names[Path(name)]: bound for name, bound in bounds.items()}
        replace_text(page, compare_page(tables, told))
    if json:
        print_json({name: {**said, "bound": bounds[name]} for name, said in runs.items()})
        return
    stdout().print(comparison(runs, bounds))
    if page is not None:
        typer.echo(f"page: {page}")


def trace(
    folder: RunFolder,
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="Identity or row number in bundles.csv.")
    ],
    json: JsonOption = False,
) -> None:
    """One bundle's life, hop by hop, second by second.

    Where its latency went: wait (no contact), queue, airtime, light, retransmission, processing.
    """
    from emulator.reports.trace import find_bundle, steps, trace_view
    from emulator.result import Result

    result = Result.read(folder)
    found = find_bundle(result.history, bundle)
    journey = result.journeys.get(found)
    row = result.bundles.filter(result.bundles["bundle"] == found)
    ideal_s = row["ideal_latency_s"][0] if len(row) else None
    if json:
        hops = () if journey is None else journey.hops
        print_json(
            {
                "bundle": found,
                "row": row.to_dicts()[0] if len(row) else None,
                "steps": [step._asdict() for step in steps(result.history, result.plan, found)],
                "hops": [{**hop._asdict(), "parts": hop.parts._asdict()} for hop in hops],
            }
        )
        return
    start = result.header.start_utc
    stdout().print(trace_view(result.history, result.plan, found, journey, ideal_s, start))


def assert_(
    folder: RunFolder,
    assertions: Annotated[
        list[str], typer.Argument(metavar="ASSERTION...", help="'delivered >= 99 %', and so on.")
    ],
    report_to: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Also write a JUnit report.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Ends with 0 if the run meets every assertion, else with 1: for somebody's CI.

    Names are keys of summary.json, dots lead inside: `latency_s.p95 < 2h and late_frames == 0`. Of the
    bundles, delivered, expired, dropped and in_network are shares; `flow.NAME.` asks about one flow.
    """
    from emulator.assertions import examine, junit
    from emulator.files import replace_text
    from emulator.result import read_summary

    summary = read_summary(folder)
    findings = [examine(summary, assertion) for assertion in assertions]
    if report_to is not None:
        replace_text(report_to, junit(str(folder), findings))
    if json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            said = "met    " if finding.is_met else "NOT MET"
            typer.echo(f"{said}  {finding.assertion}  ({finding.why()})")
    if not all(finding.is_met for finding in findings):
        raise SystemExit(1)
