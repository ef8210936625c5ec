"""The command that bounds what any strategy could have done: bound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from emulator.cli.options import JsonOption
from emulator.cli.output import print_json, stdout

if TYPE_CHECKING:
    from emulator.bound.told import Certificate, Twin, Worth

SHOWN = 10


def bound(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders that `run --out` made.")
    ],
    pieces: Annotated[
        int, typer.Option(min=1, help="Into how many pieces contacts are cut; more is sharper.")
    ] = 4000,
    json: JsonOption = False,
) -> None:
    """What no strategy can beat: the least delay, and the most that could be delivered.

    A linear program over the contacts as they were, for the traffic of each run. Its duals tell what
    one more minute of a contact would be worth, or one more station. Writes DIR/bound.json, and the report anew.
    """
    from emulator.bound.certificate import certify
    from emulator.bound.told import write
    from emulator.files import replace_text
    from emulator.result import PAGE, Result

    found: dict[str, Certificate] = {}
    for folder in folders:
        result = Result.read(folder)
        found[str(folder)] = said = certify(result, pieces).certificate
        write(said, folder)
        replace_text(folder / PAGE, replace(result, bound=said).page())
    if json:
        print_json(found)
        return
    stdout().print(_bounds_table(found))
    for name, said in found.items():
        if said["worth"]:
            stdout().print(_worth_table(name, said["worth"]))
            stdout().print(_twins_table(name, said["twins"]))


def _bounds_table(found: dict[str, Certificate]) -> Table:
    """What each run did, beside what it could have done."""
    from emulator.reports.readable import duration_text, gap_text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    for title in ("delivered", "at most", "mean delay", "at least", "ideal", "gap"):
        table.add_column(title, justify="right")
    for name, said in found.items():
        count = said["delivered"]
        delays = [said["delay_s"], said["least_delay_s"], said["ideal_delay_s"]]
        means = [duration_text(delay / count) if count else "–" for delay in delays]
        table.add_row(
            Text(f"{name} ({said['strategy']})"),
            f"{said['delivered']:,}",
            f"{said['most_delivered']:,.1f}",
            *means,
            gap_text(said["gap"]),
        )
    return table


def _worth_table(name: str, worth: list[Worth]) -> Table:
    """The contacts that would gain most by a minute."""
    from emulator.reports.readable import duration_text, moment_text

    columns = ("contact", "from", "to", "begins", "delay saved", "bundles more")
    table = _titled(f"one more minute, {name}", columns)
    for contact in worth[:SHOWN]:
        table.add_row(
            str(contact["contact"]),
            contact["source"],
            contact["destination"],
            moment_text(contact["start_s"], ""),
            duration_text(contact["seconds_of_delay"]),
            f"{contact['bundles']:.3f}",
        )
    return table


def _twins_table(name: str, twins: list[Twin]) -> Table:
    """The nodes that would gain most by a twin."""
    from emulator.reports.readable import duration_text

    columns = ("node", "delay saved, at most", "bundles more, at most")
    table = _titled(f"a second one like it, {name}", columns)
    for twin in twins[:SHOWN]:
        saved = duration_text(twin["seconds_of_delay"])
        table.add_row(twin["node"], saved, f"{twin['bundles']:.2f}")
    return table


def _titled(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title=title)
    for column in columns:
        table.add_column(column)
    return table
