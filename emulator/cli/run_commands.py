"""The command that runs a scenario, or a plan and a bundle list."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dtn.errors import BadInput, Fault
from emulator.cli.options import (
    JsonOption,
    OutOption,
    SeedOption,
    StrategyOption,
    UntilOption,
    load_scenario,
)
from emulator.cli.output import print_json, stdout

if TYPE_CHECKING:
    from emulator.scenario import Scenario
    from emulator.setup import Setup

RateOption = Annotated[
    str,
    typer.Option(
        "--rate",
        metavar="max|K|lockstep",
        help="Emulated seconds in a real one; max; with --processes a number or lockstep.",
    ),
]


def run(
    context: typer.Context,
    scenario: Annotated[
        Path | None, typer.Argument(metavar="SCENARIO", help="A scenario file (TOML).")
    ] = None,
    rate: RateOption = "max",
    seed: SeedOption = None,
    until: UntilOption = None,
    strategy: StrategyOption = None,
    out: OutOption = None,
    capture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.pcap", help="Write what crosses the links, for Wireshark."),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A contact plan, instead of a scenario.")
    ] = None,
    traffic: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The bundle list for --plan (CSV).")
    ] = None,
    nodes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Names of --plan's numbers (CSV).")
    ] = None,
    processes: Annotated[
        bool, typer.Option("--processes", help="A process a node, Mosquitto between them.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --processes: end when a frame comes too late.")
    ] = False,
    attach: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Programs in the place of nodes (TOML); with --rate 1."),
    ] = None,
    sky_at: Annotated[
        str | None,
        typer.Option("--sky-at", metavar="UTC", help="Begin under the sky of this date instead."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run a scenario, print the table of latencies, and write what happened to a folder.

    The folder gets events.jsonl, summary.json, bundles.csv, contact_plan.json and report.html. Same
    scenario, same seed: same events, to the octet.

    With --plan and --traffic no scenario and no ephemerides are needed. The plan is JSON, CSV, ION,
    HDTN or TVG; the bundle list is a CSV file: created_s,from,to,size_bytes,lifetime_s[,priority,flow].
    Where the plan only has numbers or only names, --nodes gives the other (CSV: name,ipn).
    """
    from emulator.cli.progress import progress
    from emulator.one_process import rate_of, until_seconds
    from emulator.one_process import run as run_it
    from emulator.reports.table import summary_view

    if processes:
        rate_of(rate, processes=True)
    given = _given(scenario, sky_at, plan, traffic, nodes)
    with progress(given.start, given.duration_s, until_seconds(until)) as tell:
        result = run_it(
            given,
            rate=rate,
            seed=seed,
            until=until,
            strategy=strategy,
            out=out,
            capture=capture,
            progress=tell,
            processes=processes,
            strict=strict,
            attach=attach,
        )
    if isinstance(context.obj, list):
        context.obj.append(result)  # the end of the process frees it, see `emulator.cli.main`
    if json:
        print_json(result.summary)
        return
    stdout().print(summary_view(result.summary))
    if out is not None:
        typer.echo(f"\nreport: {out / 'report.html'}")


def _given(
    scenario: Path | None,
    sky_at: str | None,
    plan: Path | None,
    traffic: Path | None,
    nodes: Path | None,
) -> Scenario | Setup:
    """What is to be run: a scenario, or a plan and its traffic.

    Raises:
        BadInput: neither or both, or files with faults.
    """
    from emulator.setup import from_files

    if plan is None and traffic is None and nodes is None:
        if scenario is None:
            mend = "name a scenario file, such as scenarios/moonbase-alpha.toml"
            raise BadInput(Fault("", "SCENARIO", "", mend))
        return load_scenario(scenario) if sky_at is None else _under(scenario, sky_at)
    if scenario is not None or plan is None or traffic is None:
        mend = "give a SCENARIO, or --plan FILE and --traffic FILE together"
        raise BadInput(Fault("", "arguments", "", mend))
    if sky_at is not None:
        mend = "goes with a SCENARIO: a contact plan has its sky already"
        raise BadInput(Fault("", "--sky-at", sky_at, mend))
    return from_files(plan, traffic, nodes)


def _under(file: Path, sky_at: str) -> Scenario:
    """The scenario as if it began at this date.

    Raises:
        BadInput: no date, or one at which the scenario cannot begin.
    """
    from emulator.scenario.reading import from_tables
    from emulator.scenario.toml import read_tables

    try:
        start = datetime.fromisoformat(sky_at)
    except ValueError:
        start = None
    if start is None or start.tzinfo is None:
        mend = "write a UTC date such as 2027-03-01T12:00:00Z"
        raise BadInput(Fault("", "--sky-at", sky_at, mend))
    scenario = from_tables({**read_tables(file), "start": start.astimezone(UTC)}, file)
    scenario._sky_at = sky_at
    return scenario
