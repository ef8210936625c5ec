"""The tables of TOML files, of scenarios and of others, as they are read: unchecked."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from dtn.errors import BadInput, Fault


def read_tables(file: Path) -> dict[str, Any]:
    """The tables of a TOML file, unchecked.

    Raises:
        BadInput: there is no such file, or it is no TOML.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(Fault(str(file), "", "", "there is no such file: check its name")) from None
    except IsADirectoryError:
        raise BadInput(Fault(str(file), "", "", "is a folder: name a scenario file")) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise BadInput(Fault(str(file), "", "", f"cannot be read as UTF-8 text: {fault}")) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise BadInput(_no_toml(file, text, str(fault))) from None


def _no_toml(file: Path, text: str, message: str) -> Fault:
    """Quote the line that the parser names as "... (at line 3, column 5)"."""
    reason, _, place = message.rpartition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    if len(words) != 4:
        return Fault(str(file), "", "", f"this is no TOML: {message}")
    lines = text.splitlines()
    number = int(words[1])
    line = lines[number - 1].strip() if number <= len(lines) else ""
    return Fault(str(file), f"line {number}, column {words[3]}", line, f"this is no TOML: {reason}")


def tupled(value: Any) -> Any:
    """Lists as tuples: a scenario is immutable."""
    if isinstance(value, dict):
        return {key: tupled(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(tupled(item) for item in value)
    return value
