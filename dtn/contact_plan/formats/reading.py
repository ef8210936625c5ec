"""What the readers of all formats share.

Faults gathered instead of thrown, and values checked by name.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from dtn.contact_plan.contact import Contact, Samples
from dtn.errors import BadInput, Fault, InvalidValue

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Reading:
    """One file being read: its name for the messages, and the faults found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def fault(self, key: str, value: object, mend: str) -> None:
        """Note one fault and go on."""
        self.faults.append(Fault(self.file, key, shown(value), mend))

    def close(self) -> None:
        """End of the file.

        Raises:
            BadInput: there were faults; it carries all of them.
        """
        if self.faults:
            raise BadInput(*self.faults)

    def keys(
        self, where: str, given: Mapping[str, Json], known: Collection[str], needed: Collection[str]
    ) -> bool:
        """Whether an object has all keys it needs; unknown ones are faults too."""
        for key in given:
            if key not in known:
                self.fault(_path(where, key), "", f"unknown key; known here: {', '.join(known)}")
        missing = [key for key in needed if key not in given]
        for key in missing:
            self.fault(_path(where, key), "", "is missing")
        return not missing

    def text(self, where: str, value: Json) -> str | None:
        """A string that is not empty."""
        if isinstance(value, str) and value:
            return value
        self.fault(where, value, "give a name in quotes")
        return None

    def whole(self, where: str, value: Json, least: int = 0) -> int | None:
        """A whole number, in the range of floats."""
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and value >= least
            and _finite(value)
        ):
            return value
        self.fault(where, value, f"give a whole number from {least} up")
        return None

    def number(self, where: str, value: Json) -> float | None:
        """A finite number."""
        if isinstance(value, int | float) and not isinstance(value, bool) and _finite(value):
            return value
        self.fault(where, value, "give a finite number")
        return None

    def decimal(self, where: str, text: str) -> float | None:
        """A finite number from text; plain digits stay a whole number."""
        try:
            whole = whole_number(text.strip())
            value = float(text) if whole is None else whole
        except ValueError:
            value = math.nan
        if _finite(value):
            return value
        self.fault(where, text, "give a finite number")
        return None

    def samples(self, where: str, value: Json) -> Samples | None:
        """A number, or a list of at least two."""
        if not isinstance(value, list):
            return self.number(where, value)
        if len(value) < 2:
            self.fault(where, value, "give a number, or at least two samples")
            return None
        found = [self.number(f"{where}[{place}]", sample) for place, sample in enumerate(value)]
        kept = tuple(sample for sample in found if sample is not None)
        return kept if len(kept) == len(found) else None

    def instant(self, where: str, value: Json) -> datetime | None:
        """A moment in UTC, RFC 3339 with its offset."""
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fault(where, value, "give a UTC date and time such as 2026-12-01T00:00:00Z")
            return None
        return moment.astimezone(UTC)

    def contact(self, where: str, *fields: Samples | str | None) -> Contact | None:
        """A contact from its fields in order, None among them for those already found wanting."""
        if any(value is None for value in fields):
            return None
        try:
            return Contact(*fields)  # type: ignore[arg-type]  # the caller read each field as its type
        except InvalidValue as invalid:
            self.fault(_path(where, invalid.key), invalid.value, invalid.mend)
            return None


def whole_number(text: str) -> int | None:
    """The whole number that ASCII digits say, 300 at most, with or without a sign; None if it is none."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= 300
    return int(text) if is_number else None


def shown(value: object) -> str:
    """A value as a message shows it: short."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def utc_text(moment: datetime) -> str:
    """An aware moment as RFC 3339 text in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer past the range of floats
        return False
