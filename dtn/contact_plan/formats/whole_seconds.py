"""What ION's and HDTN's plans share: node numbers, whole seconds, one rate and light time each.

What is said in whole seconds must stay inside the contact, so starts are rounded up and ends down;
light times are rounded up, so that nothing is expected before it can be there. A varying rate
becomes its mean: the volume stays. A light time that drifts by a second or more cuts the contact
(CCSDS 734.3-B-1 §2.3.1: a range promises less than one light second of displacement).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from dtn.contact_plan.contact import Contact
from dtn.contact_plan.formats.reading import whole_number
from dtn.contact_plan.plan import ContactPlan
from dtn.errors import BadInput, Fault


class Coarse(NamedTuple):
    """A contact, or a piece of one, in whole seconds and node numbers."""

    source: int
    destination: int
    start_s: int
    end_s: int
    rate_bps: float
    owlt_s: int
    confidence: float


def coarse(plan: ContactPlan, format: str) -> tuple[list[Coarse], list[str]]:
    """All contacts in whole seconds, and what was lost by that, a sentence each.

    Raises:
        BadInput: a node has no number.
    """
    numbers = numbers_of(plan, format)
    pieces: list[Coarse] = []
    lost = cut = rounded = varying = noisy = 0
    for contact in plan.contacts:
        here = [
            Coarse(
                numbers[contact.source],
                numbers[contact.destination],
                start,
                end,
                contact.volume_bytes(start, end) * 8 / (end - start),
                math.ceil(owlt),
                contact.confidence,
            )
            for start, end, owlt in _pieces(contact)
        ]
        lost += not here
        cut += len(here) > 1
        pieces += here
        owlts = contact.owlt_s if isinstance(contact.owlt_s, tuple) else (contact.owlt_s,)
        times = (contact.start_s, contact.end_s, *owlts)
        rounded += any(value != int(value) for value in times)
        varying += isinstance(contact.rate_bps, tuple)
        noisy += contact.frame_loss != 0
    notes = [
        (rounded, "times and light times are rounded to whole seconds, light times up"),
        (varying, "a varying rate is written as its mean"),
        (cut, "a contact is cut where its light time has drifted by a second"),
        (lost, "a contact shorter than a whole second is left out"),
        (noisy, "the frame loss is lost"),
    ]
    return pieces, [f"{format}: {note} ({count} contacts)" for count, note in notes if count]


def numbers_of(plan: ContactPlan, format: str) -> dict[str, int]:
    """The number of each node: from the plan, or the name itself where it is a number.

    Raises:
        BadInput: a node has none, or that of another.
    """
    numbers = dict(plan.ipn_numbers)
    owners = {number: name for name, number in numbers.items()}
    faults: list[Fault] = []
    for name in plan.nodes:
        if name in numbers:
            continue
        number = whole_number(name)
        if number is None or number < 0:
            mend = f"{format} knows nodes by number only: give it an ipn number"
            faults.append(Fault("", "node", name, mend))
        elif number in owners:
            mend = f"{owners[number]} has this number: give it an ipn number of its own"
            faults.append(Fault("", "node", name, mend))
        else:
            numbers[name] = number
            owners[number] = name
    if faults:
        raise BadInput(*faults)
    return numbers


def _pieces(contact: Contact) -> Iterator[tuple[int, int, float]]:
    """Whole seconds of a contact, cut where the light time drifts; with the longest light time."""
    start, end = math.ceil(contact.start_s), math.floor(contact.end_s)
    if start >= end:
        return
    if not isinstance(contact.owlt_s, tuple):
        yield start, end, contact.owlt_s
        return
    swing = sum(abs(b - a) for a, b in pairwise(contact.owlt_s))
    pieces = min(max(1, math.ceil(swing + 0.5)), end - start)
    edges = [start + (end - start) * piece // pieces for piece in range(pieces + 1)]
    step_s = contact.duration_s / (len(contact.owlt_s) - 1)
    for begin, stop in pairwise(edges):
        inner = [
            owlt
            for place, owlt in enumerate(contact.owlt_s)
            if begin < contact.start_s + place * step_s < stop
        ]
        yield begin, stop, max(contact.owlt_at(begin), contact.owlt_at(stop), *inner)
