"""Lightlag's own JSON: everything a plan has, read back exactly.

    {"format": "lightlag-contact-plan", "version": 1, "start_utc": "2026-12-01T00:00:00Z",
     "ipn_numbers": {"teide": 101, "elfo-1": 201},
     "contacts": [{"source": "teide", "destination": "elfo-1", "start_s": 0.0, "end_s": 3600.0,
                   "rate_bps": [1e6, 2e6, 1e6], "owlt_s": 1.28, "confidence": 1.0, "frame_loss": 0.0}]}

Seconds count from start_utc (which may be missing, or null), rates are bits a second, light times
seconds; each of these, and the frame loss, is a number or samples evenly spaced from start to end. A
confidence of 1 may be left out, and so may a frame loss of 0. Nothing else may stand in the file: a
misspelt key is a fault, not a comment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from dtn.contact_plan.contact import Contact, Samples
from dtn.contact_plan.formats.reading import Json, Reading, utc_text
from dtn.contact_plan.plan import ContactPlan

FORMAT = "lightlag-contact-plan"
_TOP = ("format", "version", "start_utc", "ipn_numbers", "contacts")
_NEEDED = ("source", "destination", "start_s", "end_s", "rate_bps", "owlt_s")
_CONTACT = (*_NEEDED, "confidence", "frame_loss")


def read(reading: Reading, document: dict[str, Json]) -> ContactPlan:
    """A plan from the parsed document; faults go to `reading`."""
    reading.keys("", document, _TOP, ("contacts",))
    if document.get("format", FORMAT) != FORMAT:
        reading.fault("format", document["format"], f'say "{FORMAT}", or leave it out')
    if document.get("version", 1) != 1:
        reading.fault("version", document["version"], "this release reads version 1")
    start = document.get("start_utc")
    start_utc = None if start is None else reading.instant("start_utc", start)
    contacts = []
    given = document.get("contacts", [])
    if not isinstance(given, list):
        reading.fault("contacts", given, "give a list of contacts")
        given = []
    for place, item in enumerate(given):
        contact = _contact(reading, f"contacts[{place}]", item)
        if contact is not None:
            contacts.append(contact)
    return ContactPlan(contacts, start_utc, _numbers(reading, document.get("ipn_numbers", {})))


def write(plan: ContactPlan) -> tuple[str, tuple[str, ...]]:
    """The plan as text, one contact a line; nothing is lost."""
    return "".join(_lines(plan)), ()


def _lines(plan: ContactPlan) -> Iterator[str]:
    start = "null" if plan.start_utc is None else json.dumps(utc_text(plan.start_utc))
    yield f'{{"format": "{FORMAT}", "version": 1, "start_utc": {start},\n'
    yield f' "ipn_numbers": {json.dumps(dict(plan.ipn_numbers))},\n "contacts": [\n'
    yield ",\n".join(f"  {json.dumps(_as_object(contact))}" for contact in plan.contacts)
    yield "\n ]}\n"


def _as_object(contact: Contact) -> dict[str, Samples | str]:
    item: dict[str, Samples | str] = {key: getattr(contact, key) for key in _CONTACT}
    if contact.confidence == 1:
        del item["confidence"]
    if contact.frame_loss == 0:
        del item["frame_loss"]
    return item


def _contact(reading: Reading, where: str, item: Json) -> Contact | None:
    if not isinstance(item, dict):
        reading.fault(
            where, item, "give an object with source, destination, start_s, end_s, rate_bps, owlt_s"
        )
        return None
    if not reading.keys(where, item, _CONTACT, _NEEDED):
        return None
    return reading.contact(
        where,
        reading.text(f"{where}.source", item["source"]),
        reading.text(f"{where}.destination", item["destination"]),
        reading.number(f"{where}.start_s", item["start_s"]),
        reading.number(f"{where}.end_s", item["end_s"]),
        reading.samples(f"{where}.rate_bps", item["rate_bps"]),
        reading.samples(f"{where}.owlt_s", item["owlt_s"]),
        reading.number(f"{where}.confidence", item.get("confidence", 1.0)),
        reading.samples(f"{where}.frame_loss", item.get("frame_loss", 0.0)),
    )


def _numbers(reading: Reading, given: Json) -> dict[str, int]:
    if not isinstance(given, dict):
        reading.fault("ipn_numbers", given, "give an object of node names and numbers")
        return {}
    numbers: dict[str, int] = {}
    for name, value in given.items():
        number = reading.whole(f"ipn_numbers.{name}", value)
        if number in numbers.values():
            reading.fault(f"ipn_numbers.{name}", number, "another node has this number")
        elif number is not None:
            numbers[name] = number
    return numbers
