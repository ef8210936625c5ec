"""Files that are whole or not there: written beside their name, then moved onto it; files beside others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dtn.errors import BadInput, Fault


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What goes wrong meanwhile is told of this file.

    Raises:
        BadInput: it cannot be written there.
    """
    try:
        yield
    except OSError as fault:
        mend = f"cannot be written: {fault.strerror}"
        raise BadInput(Fault(str(path), "", "", mend)) from None


def replace_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8 with plain line ends; a reader never sees half of it.

    Raises:
        BadInput: it cannot be written there.
    """
    replace_octets(path, text.encode())


def replace_octets(path: Path, octets: bytes) -> None:
    """Write a file; a reader never sees half of it.

    Raises:
        BadInput: it cannot be written there.
    """
    part = path.parent / f"{path.name}.part"
    with writing(path):
        try:
            part.write_bytes(octets)
            part.replace(path)
        finally:
            if part.is_file():
                part.unlink()


def beside(file: Path, spec: str) -> str:
    """The file of `my_file.py:function` is looked for where the command runs, then beside the file that names it."""
    path, colon, function = spec.rpartition(":")
    found = file.parent / path
    if colon and not Path(path).is_file() and found.is_file():
        return f"{found}:{function}"
    return spec


def digest_of(*files: Path) -> str:
    """SHA-256 of the files one after the other, hexadecimal."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
