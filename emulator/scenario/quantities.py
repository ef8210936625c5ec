"""Quantities of a scenario file: durations, sizes, dates and moments, each written with its unit.

A number without a unit is refused wherever its key does not name the unit: `duration = 30` could
mean anything, `duration = "30d"` and `height_m = 30` can not.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from emulator.scenario.table import mend

SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
BYTES_PER_UNIT = {
    **{"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"KiB": 2**10, "MiB": 2**20, "GiB": 2**30},
}
Positive = Annotated[float, Field(gt=0)]
"""A number above 0, its unit in its key."""

_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-zµ]+)\s*")


def parse_duration_s(text: str) -> float:
    """Seconds from "30d", "6h", "90s" or "1d 12h".

    Raises:
        ValueError: no duration; the message is the mend.
    """
    return _sum_of_parts(text, SECONDS_PER_UNIT, 'such as "30d", "6h", "90s" or "1d 12h"')


def parse_size_bytes(text: str) -> int:
    """Bytes from "800 B", "20 kB" (1000) or "4 KiB" (1024).

    Raises:
        ValueError: no size; the message is the mend.
    """
    return round(_sum_of_parts(text, BYTES_PER_UNIT, 'such as "800 B", "20 kB" or "4 MiB"'))


def _sum_of_parts(text: str, units: dict[str, float] | dict[str, int], example: str) -> float:
    total = 0.0
    place = 0
    while place < len(text) or place == 0:
        part = _PART.match(text, place)
        if part is None:
            raise ValueError(f"write a number and a unit, {example}")
        if part[2] not in units:
            raise ValueError(f"unknown unit {part[2]!r}: use one of {', '.join(units)}, {example}")
        total += float(part[1]) * units[part[2]]
        place = part.end()
    return total


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        raise mend('write a duration in quotes with its unit, such as "30d"')
    return _or_mend(parse_duration_s, value)


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        raise mend('write a size in quotes with its unit, such as "20 kB"')
    return _or_mend(parse_size_bytes, value)


def _date(value: Any) -> Any:
    if not isinstance(value, datetime):
        raise mend("write a UTC date and time without quotes, such as 2026-12-01T00:00:00Z")
    if value.tzinfo is None:
        raise mend(f"say which time zone: {value.isoformat()}Z is UTC")
    return value.astimezone(UTC)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return _date(value)
    if isinstance(value, str):
        return _or_mend(parse_duration_s, value)
    raise mend('write a duration from the start, such as "3d 6h", or a UTC date and time')


def _or_mend(parse: Any, value: str) -> Any:
    try:
        return parse(value)
    except ValueError as fault:
        raise mend(str(fault)) from None


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^(\s*\d+(\.\d+)?\s*(ms|s|min|h|d)\s*)+$",
    "examples": ["30d", "6h", "90s"],
}
_DATE_SCHEMA = {"type": "string", "format": "date-time"}

Seconds = Annotated[
    float, Field(ge=0), BeforeValidator(_duration), WithJsonSchema(_DURATION_SCHEMA)
]
"""A duration, "30d" in the file, seconds in the model."""

PositiveSeconds = Annotated[
    float, Field(gt=0), BeforeValidator(_duration), WithJsonSchema(_DURATION_SCHEMA)
]
"""A duration longer than nothing."""

Bytes = Annotated[
    int,
    Field(gt=0),
    BeforeValidator(_size),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(\s*\d+(\.\d+)?\s*([kMGT]?B|[KMG]iB)\s*)+$",
            "examples": ["800 B", "20 kB", "4 MiB"],
        }
    ),
]
"""A size, "20 kB" in the file, bytes in the model."""

Utc = Annotated[datetime, BeforeValidator(_date), WithJsonSchema(_DATE_SCHEMA)]
"""An aware date, kept in UTC."""

Moment = Annotated[
    float | datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, _DATE_SCHEMA]}),
]
"""A duration from the scenario's start, or a date."""
