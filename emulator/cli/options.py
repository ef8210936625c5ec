"""Arguments and options that several commands share.

Commands import what they need when they are called, so that `lightlag --help` is there at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dtn.errors import BadInput, Fault
from emulator.cli.output import stdout_for_json

if TYPE_CHECKING:
    from emulator.scenario import Scenario


def out_folder(text: str) -> Path:
    """What was given for --out; nothing would be the folder that one is in.

    Raises:
        BadInput: nothing was given.
    """
    if not text:
        mend = 'name a folder, such as runs/mine; "." is the one you are in'
        raise BadInput(Fault("", "--out", "", mend))
    return Path(text)


def _nothing_else(context: typer.Context, json: bool) -> bool:
    if json:
        context.with_resource(stdout_for_json())
    return json


JsonOption = Annotated[
    bool,
    typer.Option("--json", callback=_nothing_else, help="Print one JSON document, nothing else."),
]
ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (TOML).")]
OutputOption = Annotated[
    Path, typer.Option("-o", "--output", metavar="FILE", help="Where to write it.")
]
OutOption = Annotated[
    Path | None,
    typer.Option(parser=out_folder, metavar="DIR", help="Write log, tables and report there."),
]
UntilOption = Annotated[
    str | None, typer.Option(metavar="TIME", help='Stop then, such as "10d" or "6h".')
]
SeedOption = Annotated[int | None, typer.Option(help="Instead of the scenario's.", min=0)]
StrategyOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="sabr, direct, ... or my_file.py:function.")
]

BrokerOption = Annotated[
    str, typer.Option("--broker", metavar="URL", help="mqtt://HOST[:PORT], mqtts:// with TLS.")
]
RunOption = Annotated[str, typer.Option("--run", metavar="NAME", help="Default: the scenario's.")]
UserOption = Annotated[str, typer.Option("--user", metavar="NAME", help="Name at the broker.")]
PasswordOption = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="Its first line.")
]
CaOption = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", help="Certificate that proves the broker.")
]
SeenAtOption = Annotated[
    str,
    typer.Option(metavar="URL", help="Where people reach the page: out of a container, elsewhere."),
]


def load_scenario(path: Path) -> Scenario:
    """A scenario file.

    Raises:
        BadInput: it has faults, all of which are told.
    """
    from emulator.scenario import load

    return load(path)
