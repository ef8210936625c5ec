"""From a TOML file to a `Scenario`, or to every fault of the file at once."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dtn.errors import BadInput
from emulator.scenario.checks import faults_between_tables
from emulator.scenario.faults import faults_of
from emulator.scenario.scenario import Scenario
from emulator.scenario.toml import read_tables, tupled

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
