"""Arguments and options that several commands share.

Commands import what they need when they are called, so that `lightlag --help` is there at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dtn.errors import BadInput, Fault

if TYPE_CHECKING:
    from emulator.scenario import Scenario

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (TOML).")]


def out_folder(text: str) -> Path:
    """What was given for --out; nothing would be the folder that one is in.

    Raises:
        BadInput: nothing was given.
    """
    if not text:
        mend = 'name a folder, such as runs/mine; "." is the one you are in'
        raise BadInput(Fault("", "--out", "", mend))
    return Path(text)


def load_scenario(path: Path) -> Scenario:
    """A scenario file.

    Raises:
        BadInput: it has faults, all of which are told.
    """
    from emulator.scenario import load

    return load(path)
