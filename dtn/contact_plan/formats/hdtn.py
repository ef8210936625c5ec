"""HDTN's JSON (nasa/HDTN module/router/contact_plans): node numbers, whole seconds, bits a second.

    {"contacts": [{"contact": 0, "source": 10, "dest": 2, "startTime": 0, "endTime": 2000,
                   "rateBitsPerSec": 1000000000, "owlt": 1}]}

HDTN reads a decimal as 0, so decimals are faults here. Times are seconds from the start of the run,
or Unix seconds (read so if all of them are past 2001): then the first start dates the plan. A rate
of 0 means unlimited and is read as the 1 Gbit/s that HDTN's routing reckons with. `rate`, in
Mbit/s, is the deprecated way to say rateBitsPerSec. There is no confidence.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from dtn.contact_plan.contact import Contact
from dtn.contact_plan.formats.reading import Json, Reading
from dtn.contact_plan.formats.whole_seconds import coarse
from dtn.contact_plan.plan import ContactPlan

UNLIMITED_BPS = 1_000_000_000
UNIX_S = 1_000_000_000
_KEYS = (
    "contact",
    "source",
    "dest",
    "startTime",
    "endTime",
    "rateBitsPerSec",
    "owlt",
    "rate",
    "finalDestination",
    "finalDest",
)
_NEEDED = ("source", "dest", "startTime", "endTime", "owlt")


def looks_like(document: dict[str, Json]) -> bool:
    """Whether the document has contacts with HDTN's keys."""
    contacts = document.get("contacts")
    return isinstance(contacts, list) and any(
        isinstance(item, dict) and not {"dest", "startTime", "rateBitsPerSec"}.isdisjoint(item)
        for item in contacts
    )


def read(reading: Reading, document: dict[str, Json]) -> ContactPlan:
    """A plan from the parsed document; faults go to `reading`."""
    given = document.get("contacts")
    assert isinstance(given, list)
    contacts = []
    for place, item in enumerate(given):
        contact = _contact(reading, f"contacts[{place}]", item)
        if contact is not None:
            contacts.append(contact)
    start_utc = None
    first = min((contact.start_s for contact in contacts), default=0.0)
    if first >= UNIX_S:
        try:
            start_utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=first)
        except OverflowError:
            reading.fault("contacts", first, "is no date: Unix seconds end with the year 9999")
        contacts = [
            Contact(
                c.source, c.destination, c.start_s - first, c.end_s - first, c.rate_bps, c.owlt_s
            )
            for c in contacts
        ]
    names = {name for contact in contacts for name in (contact.source, contact.destination)}
    return ContactPlan(contacts, start_utc, {name: int(name) for name in sorted(names, key=int)})


def write(plan: ContactPlan) -> tuple[str, tuple[str, ...]]:
    """The plan as text, and what HDTN's format cannot say.

    Raises:
        BadInput: a node has no number.
    """
    pieces, notes = coarse(plan, "hdtn")
    if plan.start_utc is not None:
        notes.append("hdtn: the date of the start is lost")
    if any(contact.confidence != 1 for contact in plan.contacts):
        notes.append("hdtn: the confidence of contacts is lost")
    lines: list[str] = []
    for piece in pieces:
        item = {
            "contact": len(lines),
            "source": piece.source,
            "dest": piece.destination,
            "startTime": piece.start_s,
            "endTime": piece.end_s,
            "rateBitsPerSec": max(1, int(piece.rate_bps)),
            "owlt": piece.owlt_s,
        }
        lines.append(f"  {json.dumps(item)}")
    return '{"contacts": [\n' + ",\n".join(lines) + "\n]}\n", tuple(notes)


def _contact(reading: Reading, where: str, item: Json) -> Contact | None:
    if not isinstance(item, dict):
        reading.fault(where, item, f"give an object with {', '.join(_NEEDED)}, rateBitsPerSec")
        return None
    if not reading.keys(where, item, _KEYS, _NEEDED):
        return None
    values = {key: reading.whole(f"{where}.{key}", item[key]) for key in _NEEDED}
    if "rateBitsPerSec" in item:
        rate = reading.whole(f"{where}.rateBitsPerSec", item["rateBitsPerSec"])
    elif "rate" in item:
        rate = reading.whole(f"{where}.rate", item["rate"])
        rate = None if rate is None else rate * 1_000_000
    else:
        reading.fault(f"{where}.rateBitsPerSec", "", "is missing")
        rate = None
    source, destination = values["source"], values["dest"]
    return reading.contact(
        where,
        None if source is None else str(source),
        None if destination is None else str(destination),
        values["startTime"],
        values["endTime"],
        UNLIMITED_BPS if rate == 0 else rate,
        values["owlt"],
    )
