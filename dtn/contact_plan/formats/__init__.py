"""The files that contact plans come in: one module a format, the format told from the content.

    json   Lightlag's own, everything, exactly         csv   the same as a table
    ion    ionadmin commands of ION                    hdtn  HDTN's JSON
    tvg    time-varying graph JSON of dtn-tvg-util, aiodtnsim and pydtnsim

A reader gathers every fault of a file (key or line, value, mend) and raises them as one BadInput. A
writer returns the text and a sentence for each thing the format could not say. Files are written
whole or not at all: beside the path first, then moved onto it.
"""

from __future__ import annotations

import json as json_text
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dtn.contact_plan.formats import csv, hdtn, ion, json, tvg
from dtn.contact_plan.formats.reading import Json, Reading
from dtn.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from dtn.contact_plan.plan import ContactPlan

WRITERS: dict[str, Callable[[ContactPlan], tuple[str, tuple[str, ...]]]] = {
    "json": json.write,
    "csv": csv.write,
    "ion": ion.write,
    "hdtn": hdtn.write,
    "tvg": tvg.write,
}


def load(path: Path) -> ContactPlan:
    """Read a plan in any of the formats.

    Raises:
        BadInput: the file cannot be read, its format cannot be told, or it has faults: all of them.
    """
    reading = Reading(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise BadInput(Fault(str(path), "", "", f"cannot be read: {fault.strerror}")) from fault
    except UnicodeDecodeError as fault:
        raise BadInput(
            Fault(str(path), "", "", f"is not UTF-8 text (octet {fault.start})")
        ) from fault
    plan = _parse(reading, text)
    reading.close()
    return plan


def save(plan: ContactPlan, path: Path, format: str = "json") -> tuple[str, ...]:
    """Write a plan whole or not at all.

    Returns:
        What the format could not say, a sentence each.

    Raises:
        BadInput: the format is unknown or cannot carry this plan, or the file cannot be written.
    """
    if format not in WRITERS:
        raise BadInput(Fault(str(path), "format", format, f"choose one of {', '.join(WRITERS)}"))
    try:
        text, notes = WRITERS[format](plan)
    except BadInput as fault:
        raise BadInput(*[replace(one, file=str(path)) for one in fault.faults]) from fault
    beside = path.parent / f".{path.name}.{os.getpid()}"
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as fault:
        beside.unlink(missing_ok=True)
        raise BadInput(Fault(str(path), "", "", f"cannot be written: {fault.strerror}")) from fault
    return notes


def _parse(reading: Reading, text: str) -> ContactPlan:
    if text.lstrip()[:1] in ("{", "["):
        document = _document(reading, text)
        if tvg.looks_like(document):
            return tvg.read(reading, document)
        if hdtn.looks_like(document):
            return hdtn.read(reading, document)
        return json.read(reading, document)
    if csv.looks_like(text):
        return csv.read(reading, text)
    if ion.looks_like(text):
        return ion.read(reading, text)
    if csv.is_table(text):  # of other columns: the reader says which it needs
        return csv.read(reading, text)
    raise BadInput(
        Fault(reading.file, "", "", "is no contact plan: give json, csv, ion, hdtn or tvg")
    )


def _document(reading: Reading, text: str) -> dict[str, Json]:
    """The JSON object in the text; a key given twice is a fault, and so are NaN and Infinity."""

    def once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for key, value in pairs:
            if key in found:
                reading.fault(key, value, "is given twice")
            found[key] = value
        return found

    try:
        document = json_text.loads(text, object_pairs_hook=once)
    except json_text.JSONDecodeError as fault:
        at_end = fault.msg.startswith("Unterminated") or not text[fault.pos :].strip()
        cut = ": the file ends too early, as if cut off" if at_end else ""
        where = f"line {fault.lineno} column {fault.colno}"
        raise BadInput(Fault(reading.file, where, "", f"is not JSON ({fault.msg}){cut}")) from fault
    except ValueError as fault:  # a number of thousands of digits
        raise BadInput(Fault(reading.file, "", "", f"is not JSON ({fault})")) from fault
    except RecursionError as fault:
        raise BadInput(
            Fault(reading.file, "", "", "is nested too deeply for a contact plan")
        ) from fault
    if not isinstance(document, dict):
        raise BadInput(Fault(reading.file, "", "", "is JSON, but no object with contacts or edges"))
    return document
