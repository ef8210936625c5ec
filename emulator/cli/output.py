"""What commands print: JSON or tables on stdout, faults and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

from dtn.errors import BadInput
from emulator.files import writing

WIDE = 110
"""Columns of what goes to a file or a pipe."""

Json = dict[str, "Json"] | list["Json"] | str | float | int | bool | None


def stdout() -> Console:
    """Where tables go; as wide as the terminal, or WIDE where there is none."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE)


def stderr() -> Console:
    """Where progress and remarks go."""
    return Console(file=sys.stderr)


def plain_table(*columns: str, words: int = 1, title: str | None = None) -> Table:
    """A table without lines, whose first `words` columns are text; what does not fit is folded, never cut."""
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 1),
        header_style="bold",
        title=title,
        title_justify="left",
        title_style="bold",
    )
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < words else "right", overflow="fold")
    return table


_kept_for_json: list[TextIO] = []


@contextmanager
def stdout_for_json() -> Iterator[None]:
    """Only JSON goes to stdout meanwhile: what a strategy of the user's prints goes to stderr."""
    _kept_for_json.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _kept_for_json.pop()


def json_stream() -> TextIO:
    """Where JSON goes: stdout, even while what others print there goes to stderr."""
    return _kept_for_json[-1] if _kept_for_json else sys.stdout


def print_json(document: object) -> None:
    """One JSON document on stdout; no NaN or Infinity, which are not JSON."""
    out = json_stream()
    json.dump(document, out, indent=2, allow_nan=False)
    out.write("\n")
    out.flush()


def print_faults(bad: BadInput) -> None:
    """One line per fault on stderr."""
    for fault in bad.faults:
        print(" ".join(str(fault).splitlines()), file=sys.stderr)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody but its owner can read."""
    with writing(path):
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
