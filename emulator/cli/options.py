"""Arguments and options that several commands share.

Commands import what they need when they are called, so that `lightlag --help` is there at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from emulator.scenario import Scenario

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (TOML).")]


def load_scenario(path: Path) -> Scenario:
    """A scenario file.

    Raises:
        BadInput: it has faults, all of which are told.
    """
    from emulator.scenario import load

    return load(path)
