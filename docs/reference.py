"""Pages that are made from the program: the scenario's tables from its JSON schema, the commands from typer.

    python docs/reference.py DIR

`make docs` calls it: what the program says of itself cannot be out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from emulator.cli import app
from emulator.scenario import json_schema
from emulator.scenario.faults import UNITS

Json = dict[str, Any]

_ENDINGS = sorted(UNITS, key=len, reverse=True)
_SYMBOLS = {
    "degrees": "°",
    "metres": "m",
    "kilometres": "km",
    "kilometres per second": "km/s",
    "metres per second": "m/s",
    "watts": "W",
    "nanometres": "nm",
    "seconds": "s",
    "decibels": "dB",
}


def write(folder: Path) -> None:
    """Write all generated pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("scenario.md", scenario_page()), ("commands.md", commands_page())):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# ----------------------------------------------------------------------------------- scenario


def scenario_page() -> str:
    """Every table and key of a scenario file."""
    schema = json_schema()
    parts = [
        "# Scenario reference",
        "A scenario is one TOML file. It is strict: a key that is not on this page is a fault, never ignored, and "
        "`lightlag validate FILE` names every fault of a file at once, each with its mend. `lightlag new` writes a "
        "commented file to begin from; `lightlag schema` prints the JSON Schema that this page is made from, for "
        "editors that check and explain while you type.",
        'Durations are text with a unit (`"30d"`, `"1d 12h"`, `"90s"`, `"250ms"`), sizes too (`"20 kB"` is 20,000 '
        'bytes, `"4 KiB"` 4,096). Other numbers name their unit in their key. A *moment* is a duration from the '
        "start, or a UTC date. **Bold** keys are needed.",
    ]
    for header, model, about in _tables(schema):
        parts.append(f"## {header}")
        parts.append(_prose(about))
        parts.append(_key_table(model, schema))
    return "\n\n".join(filter(None, parts)) + "\n"


def _tables(schema: Json) -> Iterator[tuple[str, Json, str]]:
    """Each table with the header that a file gives it, in the order in which keys name them."""
    yield "The file itself", schema, str(schema.get("description", ""))
    seen: set[str] = set()
    todo: list[tuple[str, Json]] = [("", schema)]
    while todo:
        path, table = todo.pop(0)
        for key, said in table["properties"].items():
            found = _model_of(said)
            if found is None or found[0] in seen:
                continue
            name, many = found
            seen.add(name)
            full = f"{path}.{key}" if path else key
            header = {"one": f"`[{full}]`", "many": f"`[[{full}]]`", "named": f"`[{full}.NAME]`"}
            model = schema["$defs"][name]
            yield header[many], model, str(model.get("description", ""))
            todo.append((full, model))


def _model_of(said: Json) -> tuple[str, str] | None:
    """The model that a key holds, and whether one, many in a list, or many by name."""
    for part in (said, *said.get("anyOf", ()), *said.get("allOf", ())):
        if "$ref" in part:
            return part["$ref"].rpartition("/")[2], "one"
        items = part.get("items")
        if isinstance(items, dict) and "$ref" in items:
            return items["$ref"].rpartition("/")[2], "many"
        named = [part.get("additionalProperties"), *part.get("patternProperties", {}).values()]
        for values in named:
            if isinstance(values, dict) and "$ref" in values:
                return values["$ref"].rpartition("/")[2], "named"
    return None


def _key_table(table: Json, schema: Json) -> str:
    needed = set(table.get("required", ()))
    rows = ["| key | type | unit | default | |", "|-|-|-|-|-|"]
    for key, said in table["properties"].items():
        name = f"**`{key}`**" if key in needed else f"`{key}`"
        cells = (
            name,
            _type(said),
            _unit(key, said),
            _default(said, key in needed),
            said.get("description", ""),
        )
        rows.append(
            "| "
            + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
            + " |"
        )
    return "\n".join(rows)


def _type(said: Json) -> str:
    if "anyOf" in said:
        kinds = [_type(part) for part in said["anyOf"] if part.get("type") != "null"]
        if kinds == ["duration", "date"]:
            return "moment"
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in said:
        return " ".join(f"`{value}`" for value in said["enum"])
    if "const" in said:
        return f"`{said['const']}`"
    if found := _model_of(said):
        return {"one": "table", "many": "list of tables", "named": "tables by name"}[found[1]]
    if said.get("format") == "date-time":
        return "date"
    if "pattern" in said and "examples" in said:
        return "duration" if "30d" in said["examples"] else "size"
    kind = said.get("type")
    if kind == "array":
        items = said.get("prefixItems") or [said.get("items", {})]
        kinds = dict.fromkeys(_type(item) for item in items)
        count = f"{len(items)} " if "prefixItems" in said else "list of "
        return count + " and ".join(
            f"{kind}s" if " " not in kind and "`" not in kind else kind for kind in kinds
        )
    if kind == "object":
        return "text by name"
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
    }
    return words.get(str(kind), str(kind)) + _limits(said)


def _limits(said: Json) -> str:
    low = said.get("minimum", said.get("exclusiveMinimum"))
    high = said.get("maximum", said.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f", {low:.12g} to {high:.12g}"
    if low is not None:
        return f", at least {low:.12g}" if "minimum" in said else f", above {low:g}"
    return f", at most {high:g}" if high is not None else ""


def _unit(key: str, said: Json) -> str:
    kind = _type(said)
    if kind.startswith(
        ("table", "list of tables", "true", "text", "`", "duration", "size", "date", "moment")
    ):
        return ""
    if key.endswith("_m2_kg"):
        return "m²/kg"
    if key.endswith("_g"):
        return "g"
    ending = next((ending for ending in _ENDINGS if key.endswith(ending)), "")
    words = UNITS.get(ending, "")
    return _SYMBOLS.get(words, words)


def _default(said: Json, is_needed: bool) -> str:
    if is_needed:
        return ""
    value = said.get("default")
    if value is None or value in ([], {}) or isinstance(value, dict):
        return ""
    kind = _type(said)
    if kind == "duration" and isinstance(value, int | float):
        return f'`"{_in_largest(value, {"d": 86400, "h": 3600, "min": 60, "s": 1})}"`'
    if kind == "size" and isinstance(value, int):
        return f'`"{_in_largest(value, {"GB": 10**9, "MB": 10**6, "kB": 10**3, "B": 1}, " ")}"`'
    if kind == "moment" and value == 0:
        return "the start"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`{value}`".replace("'", '"')
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def _in_largest(value: float, units: dict[str, int], gap: str = "") -> str:
    unit, size = next(
        (unit, size) for unit, size in units.items() if value % size == 0 or size == 1
    )
    return f"{value / size:g}{gap}{unit}"


def _prose(text: str) -> str:
    """A docstring as Markdown: names of Python in it are for those who read the code."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


# ----------------------------------------------------------------------------------- commands


def commands_page() -> str:
    """Every command with its arguments and options."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    parts = [
        "# Command line",
        "Results go to stdout, everything else to stderr. `--json` prints one JSON document and nothing else. What was "
        "given and cannot be used ends a command with exit code 2 and a line per fault: file, key, value, mend. A "
        "failure ends with 1. `lightlag --install-completion` lets the shell complete commands, options and files.",
        "\n".join(
            f"- [`lightlag {name}`](#lightlag-{name}): {_first_sentence(command.help or '')}"
            for name, command in group.commands.items()
        ),
    ]
    for name, command in group.commands.items():
        parts.append(f"## lightlag {name}")
        parts.append(_safe(command.help or ""))
        parts.append(f"```console\n$ {str(command.epilog).removeprefix('Example: ')}\n```")
        if rows := [_row(parameter) for parameter in command.params if parameter.name != "help"]:
            parts.append("\n".join(["| | default | |", "|-|-|-|", *rows]))
    return "\n\n".join(parts) + "\n"


def _row(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    metavar = parameter.metavar or ""
    if is_option:
        plain = {int: "N", float: "X"}.get(parameter.type_descriptor.annotation, "TEXT")
        takes = "" if parameter.is_flag else f" {metavar or plain}"
        name = f"`{', '.join(sorted(parameter.opts, key=len))}{takes}`"
    else:
        name = f"`{metavar or parameter.name.upper()}`"
    value = parameter.default
    is_said = value not in (None, "", False, ()) and not callable(value)
    default = f"`{value}`" if is_said else ("needed" if parameter.required else "")
    cells = (name, default, _safe(parameter.help or ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _first_sentence(text: str) -> str:
    head = text.split("\n\n")[0]
    return _safe(head.partition(". ")[0].rstrip(".") + ".")


def _safe(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
