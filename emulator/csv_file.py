"""CSV files of the user's, and what is wrong with them that is the same for all."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from dtn.errors import BadInput, Fault


@contextmanager
def reading(path: Path) -> Iterator[TextIO]:
    """The open file; what cannot be read of it meanwhile is told of it.

    Raises:
        BadInput: there is no such file, or it is no CSV.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except FileNotFoundError:
        raise BadInput(Fault(str(path), "", "", "there is no such file: check its name")) from None
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise BadInput(Fault(str(path), "", "", f"cannot be read as CSV: {fault}")) from None


def rows_below(header: Sequence[str], path: Path) -> list[list[str]]:
    """The lines below the first, which has to be this header.

    Raises:
        BadInput: it is not, or the file cannot be read.
    """
    with reading(path) as file:
        first, *rows = list(csv.reader(file)) or [[]]
    if first != list(header):
        raise BadInput(Fault(str(path), "line 1", ",".join(first), f"write {','.join(header)}"))
    return rows
