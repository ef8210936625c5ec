"""From a TOML file to a `Scenario`, or to every fault of the file at once."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dtn.errors import BadInput, Fault
from emulator.scenario.checks import faults_between_tables
from emulator.scenario.faults import faults_of
from emulator.scenario.tables import Scenario

JsonValue = dict[str, Any]


def load(path: str | Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        BadInput: every fault of the file, each with key, value and mend.
    """
    file = Path(path)
    return from_tables(read_tables(file), file)


def from_tables(data: dict[str, Any], file: Path) -> Scenario:
    """Check the tables of a scenario file, changed perhaps since they were read.

    Raises:
        BadInput: every fault, each with key, value and mend.
    """
    try:
        scenario = Scenario.model_validate(tupled(data))
    except ValidationError as error:
        raise BadInput(*faults_of(error, data, str(file))) from None
    scenario._file = file
    faults = faults_between_tables(scenario, str(file))
    if faults:
        raise BadInput(*faults)
    return scenario


def json_schema() -> JsonValue:
    """The format as JSON Schema (draft 2020-12), for editors that check and explain while one types."""
    schema = Scenario.model_json_schema(by_alias=True)
    text = resources.files("emulator.scenario").joinpath("descriptions.toml").read_text("utf-8")
    for model, meanings in tomllib.loads(text).items():
        table = schema if model == Scenario.__name__ else schema["$defs"].get(model, {})
        for key, meaning in meanings.items():
            if key in table.get("properties", {}):
                table["properties"][key].setdefault("description", meaning)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


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
