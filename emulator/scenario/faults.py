"""Every fault of a scenario file as a `Fault`: the key's path, the value, the mend in words.

pydantic says what is wrong; a person wants to know what to write instead. The path names list items
twice, by place and by name: `nodes[3] "teide".site.latitude_deg`.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dtn.errors import Fault

Location = tuple[int | str, ...]

UNITS = {
    "_deg": "degrees",
    "_m": "metres",
    "_km": "kilometres",
    "_km_s": "kilometres per second",
    "_m_s": "metres per second",
    "_w": "watts",
    "_nm": "nanometres",
    "_bps": "bit/s",
    "_s": "seconds",
    "_db": "decibels",
}
"""What the ending of a key says of its value."""

_ENDINGS = sorted(UNITS, key=len, reverse=True)


def faults_of(error: ValidationError, data: object, file: str) -> tuple[Fault, ...]:
    """The faults of a file, in its own words.

    Args:
        error: what pydantic found.
        data: the file's content as read, for the names of list items.
        file: the file's name.
    """
    model = _title_model(error)
    details = error.errors(include_url=False)
    meant = {_meant(detail, model) for detail in details if detail["type"] == "extra_forbidden"}
    mends: dict[Location, list[str]] = {}
    for detail in details:
        if not (detail["type"] == "missing" and detail["loc"] in meant):
            mends.setdefault(_written(detail["loc"], data), []).append(_mend(detail, model))
    return tuple(
        Fault(
            file,
            key_path(where, data),
            shown(_value(where, data)),
            ", or ".join(dict.fromkeys(said)),
        )
        for where, said in mends.items()
    )


def key_path(location: Location, data: object) -> str:
    """A location as a person writes it: `nodes[3] "teide".site.latitude_deg`."""
    text = ""
    for step in location:
        data = _descend(data, step)
        if isinstance(step, int):
            text += f"[{step}]"
            name = data.get("name") if isinstance(data, Mapping) else None
            if isinstance(name, str):
                text += f' "{name}"'
        else:
            text += f".{step}" if text else step
    return text


def shown(value: object) -> str:
    """A value as the file would show it, cut short."""
    match value:
        case None:
            text = ""
        case str():
            text = f'"{value}"'
        case bool():
            text = "true" if value else "false"
        case datetime():
            text = value.isoformat().replace("+00:00", "Z")
        case Mapping():
            text = "{ " + ", ".join(f"{key} = {shown(item)}" for key, item in value.items()) + " }"
        case tuple() | list():
            text = "[" + ", ".join(shown(item) for item in value) + "]"
        case _:
            text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The mend for a word that is not known."""
    words = sorted(known)
    if close := _close(word, words):
        return f'did you mean "{close[0]}"?'
    listed = ", ".join(words[:12]) + (", ..." if len(words) > 12 else "")
    return f"use one of: {listed}" if words else "leave it out"


def _descend(data: object, step: int | str) -> object:
    if isinstance(step, str):
        return data.get(step) if isinstance(data, Mapping) else None
    within = isinstance(data, list | tuple) and step < len(data)
    return data[step] if within and isinstance(data, list | tuple) else None


def _written(location: Location, data: object) -> Location:
    """A location without what pydantic adds where a value may be of several kinds: `seeds`, not `seeds.int`."""
    kept: list[int | str] = []
    for step in location:
        if isinstance(step, int) or isinstance(data, Mapping):
            kept.append(step)
            data = _descend(data, step)
    return tuple(kept)


def _value(location: Location, data: object) -> object:
    """As the file says it, before any conversion; what is wrong with all of a file has none."""
    if not location:
        return None
    for step in location:
        data = _descend(data, step)
    return data


def _mend(detail: ErrorDetails, model: type[BaseModel] | None) -> str:
    key = next((step for step in reversed(detail["loc"]) if isinstance(step, str)), "")
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return f"this key is missing: add it{_in_units(key)}"
        case "extra_forbidden":
            return _unknown_key(key, _known_keys(model, detail["loc"][:-1]))
        case "literal_error":
            return f"use one of: {context['expected']}"
        case "float_type" | "float_parsing" | "int_type" | "int_parsing" | "int_from_float":
            kind = "whole number" if detail["type"].startswith("int") else "number"
            return f"write a {kind} without quotes{_in_units(key)}"
        case "string_type":
            return "write text in quotes"
        case "tuple_type" | "list_type":
            return "write a list in brackets, such as [1, 2, 3]"
        case "too_short" | "too_long" if context.get("field_type") in ("Tuple", "List"):
            return f"write {_how_many(context)} entries"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "write a table, such as { key = value } or [section]"
        case "greater_than_equal":
            return f"give {_limit(context['ge'])} or more{_in_units(key)}"
        case "less_than_equal":
            return f"give {_limit(context['le'])} or less{_in_units(key)}"
        case "greater_than":
            return f"give more than {_limit(context['gt'])}{_in_units(key)}"
        case "less_than":
            return f"give less than {_limit(context['lt'])}{_in_units(key)}"
        case "finite_number":
            return f"give a finite number{_in_units(key)}"
        case "string_pattern_mismatch":
            return "use small letters, digits and hyphens only"
        case _:
            return detail["msg"]


def _limit(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _meant(detail: ErrorDetails, model: type[BaseModel] | None) -> Location:
    """Where an unknown key was meant to be: that key is misspelt, not missing."""
    *table, key = detail["loc"]
    known = _known_keys(model, tuple(table))
    return (*table, *(_same_stem(str(key), known) or _close(str(key), known)))


def _how_many(context: Mapping[str, Any]) -> str:
    if "min_length" in context:
        return f"at least {context['min_length']}"
    return f"at most {context['max_length']}"


def _in_units(key: str) -> str:
    unit = next((UNITS[ending] for ending in _ENDINGS if key.endswith(ending)), "")
    return f", in {unit}" if unit else ""


def _unknown_key(key: str, known: list[str]) -> str:
    if other_unit := _same_stem(key, known):
        return f"wrong unit: write {other_unit[0]}{_in_units(other_unit[0]) or ' with its unit'}"
    return f"unknown key: {did_you_mean(key, known)}"


def _same_stem(key: str, known: Iterable[str]) -> list[str]:
    """Known keys that differ from this one by their unit only: height_m for height_km."""
    stem = _stem(key)
    return [name for name in known if _stem(name) == stem and name != key][:1]


def _stem(key: str) -> str:
    ending = next((ending for ending in _ENDINGS if key.endswith(ending)), "")
    return key.removesuffix(ending)


def _close(word: str, known: Iterable[str]) -> list[str]:
    return get_close_matches(word, sorted(known), n=1, cutoff=0.6)


def _title_model(error: ValidationError) -> type[BaseModel] | None:
    from emulator.scenario.scenario import Scenario

    return Scenario if error.title == Scenario.__name__ else None


def _known_keys(model: type[BaseModel] | None, location: Location) -> list[str]:
    """The keys of the table at a location, found by walking the models' annotations."""
    annotation: Any = model
    for step in location:
        if isinstance(step, str) and _is_model(annotation):
            fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
            annotation = _bare(fields[step].annotation) if step in fields else None
        else:
            annotation = _bare(_item_type(annotation))
    if not _is_model(annotation):
        return []
    return [field.alias or name for name, field in annotation.model_fields.items()]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _item_type(annotation: Any) -> Any:
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if arguments else None


def _bare(annotation: Any) -> Any:
    """Without Annotated and without `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        kept = [part for part in get_args(annotation) if part is not type(None)]
        return _bare(kept[0])
    return annotation
