"""Lightlag's own CSV: the JSON format as a table, read back exactly, easy to make in a spreadsheet.

    # contacts,2
    # start_utc,2026-12-01T00:00:00Z
    # ipn,teide,101
    source,destination,start_s,end_s,rate_bps,owlt_s,confidence
    teide,elfo-1,0.0,3600.0,1e6 2e6 1e6,1.28,1.0

The lines with # are optional and come first; `contacts` says how many must follow, so that a file
cut off is noticed. Columns may stand in any order; confidence may be missing, and frame_loss is there
only where there is one. Samples of a varying rate, light time or loss are separated by spaces.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime

from dtn.contact_plan.contact import Contact, Samples
from dtn.contact_plan.formats.reading import Reading, utc_text, whole_number
from dtn.contact_plan.plan import ContactPlan
from dtn.errors import BadInput, Fault

_NEEDED = ("source", "destination", "start_s", "end_s", "rate_bps", "owlt_s")
COLUMNS = (*_NEEDED, "confidence", "frame_loss")


def looks_like(text: str) -> bool:
    """Whether the first line that is no comment is this format's header."""
    for line in text.splitlines():
        if line.startswith("# contacts,"):
            return True
        if line.strip() and not line.startswith("#"):
            return {"source", "destination"} <= {cell.strip() for cell in line.split(",")}
    return False


def is_table(text: str) -> bool:
    """Whether the first line that is no comment has several cells, whatever is in them."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return "," in next(lines, "")


def read(reading: Reading, text: str) -> ContactPlan:
    """A plan from the text; faults go to `reading`."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    start_utc: datetime | None = None
    numbers: dict[str, int] = {}
    promised: int | None = None
    columns: list[str] | None = None
    contacts: list[Contact] = []
    found = 0
    try:
        for row in rows:
            where = f"line {rows.line_num}"
            if not row or not any(cell.strip() for cell in row):
                continue
            if row[0].startswith("#"):
                match [cell.strip() for cell in (row[0][1:], *row[1:])]:
                    case ["start_utc", moment]:
                        start_utc = reading.instant(where, moment)
                    case ["ipn", name, number]:
                        _number(reading, where, numbers, name, number)
                    case ["contacts", count]:
                        promised = whole_number(count)
                        if promised is None:
                            reading.fault(where, count, "say how many contacts there are")
            elif columns is None:
                columns = _header(reading, where, row)
            else:
                found += 1
                contact = _contact(reading, where, columns, row)
                if contact is not None:
                    contacts.append(contact)
    except csv.Error as fault:
        reading.fault(f"line {rows.line_num}", "", f"is not CSV ({fault}): is the file cut off?")
    if promised is not None and (promised != found or not text.endswith("\n")):
        mend = f"promises {promised} contacts, {found} are there: is the file cut off?"
        reading.fault("# contacts", promised, mend)
    return ContactPlan(contacts, start_utc, numbers)


def write(plan: ContactPlan) -> tuple[str, tuple[str, ...]]:
    """The plan as text; nothing is lost.

    Raises:
        BadInput: a node's name begins with #, or with a space.
    """
    for name in plan.nodes:
        if name.startswith("#") or name != name.strip():
            mend = "csv cannot carry a name that begins with # or has space around it"
            raise BadInput(Fault("", "node", name, mend))
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["# contacts", len(plan.contacts)])
    if plan.start_utc is not None:
        rows.writerow(["# start_utc", utc_text(plan.start_utc)])
    rows.writerows(["# ipn", name, number] for name, number in plan.ipn_numbers.items())
    columns = COLUMNS if any(contact.frame_loss for contact in plan.contacts) else COLUMNS[:-1]
    rows.writerow(columns)
    for contact in plan.contacts:
        rows.writerow([_cell(getattr(contact, column)) for column in columns])
    return text.getvalue(), ()


def _cell(value: Samples | str) -> str:
    if isinstance(value, tuple):
        return " ".join([repr(sample) for sample in value])
    return value if isinstance(value, str) else repr(value)


def _header(reading: Reading, where: str, row: list[str]) -> list[str]:
    columns = [cell.strip() for cell in row]
    for column in columns:
        if column not in COLUMNS:
            reading.fault(where, column, f"unknown column; known here: {', '.join(COLUMNS)}")
        elif columns.count(column) > 1:
            reading.fault(where, column, "this column is given twice")
    for column in _NEEDED:
        if column not in columns:
            reading.fault(where, "", f"column {column} is missing")
    return columns


def _contact(reading: Reading, where: str, columns: list[str], row: list[str]) -> Contact | None:
    if len(row) != len(columns):
        mend = f"has {len(row)} cells for {len(columns)} columns: is the file cut off?"
        reading.fault(where, ",".join(row), mend)
        return None
    cells = dict(zip(columns, row, strict=True))
    if any(column not in cells for column in _NEEDED):
        return None
    return reading.contact(
        where,
        reading.text(f"{where}.source", cells["source"].strip()),
        reading.text(f"{where}.destination", cells["destination"].strip()),
        reading.decimal(f"{where}.start_s", cells["start_s"]),
        reading.decimal(f"{where}.end_s", cells["end_s"]),
        _samples(reading, f"{where}.rate_bps", cells["rate_bps"]),
        _samples(reading, f"{where}.owlt_s", cells["owlt_s"]),
        reading.decimal(f"{where}.confidence", cells.get("confidence") or "1.0"),
        _samples(reading, f"{where}.frame_loss", cells.get("frame_loss") or "0.0"),
    )


def _samples(reading: Reading, where: str, text: str) -> Samples | None:
    parts = text.split()
    if len(parts) < 2:
        return reading.decimal(where, text)
    found = [reading.decimal(where, part) for part in parts]
    kept = tuple(sample for sample in found if sample is not None)
    return kept if len(kept) == len(found) else None


def _number(reading: Reading, where: str, numbers: dict[str, int], name: str, number: str) -> None:
    found = whole_number(number)
    if found is None or found < 0:
        reading.fault(f"{where}.ipn", number, "give a whole number from 0 up")
    elif found in numbers.values():
        reading.fault(f"{where}.ipn", number, "another node has this number")
    else:
        numbers[name] = found
