"""PlanUpdate: news of the contact plan as a bundle's payload, so that they travel over the network that they are about.

A node knows a *version* of the plan. An update leads from one version to the next: which contacts it is not to count
on any more, and which there are that it did not know. Updates may overtake one another; each waits for the one before.

The payload is CBOR, unsigned integers in arrays, shortest form:

    update    = [1, version, known since, [withdrawn contact ...], [announced contact ...]]
    withdrawn = [from, to, start]
    announced = [from, to, start, end, rate in bit/s, light time]

Nodes by their numbers, times in microseconds from the plan's start, rate and light time those of the contact's start:
how they vary within it follows from ephemerides that everyone has. No standard says how contact plans are distributed:
CCSDS leaves it to network management (734.3-B-1 section 1.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from dtn import cbor
from dtn.contact_plan.contact import Contact, Samples
from dtn.errors import MalformedBundle

FORMAT = 1
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class NamedContact:
    """A contact as an update names it: by its nodes' numbers and its start, microseconds."""

    source: int
    destination: int
    start_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanUpdate:
    """What changes from the version before.

    Args:
        version: to which it leads; the plan that nodes begin with is version 0.
        known_us: since when its origin has known it, microseconds from the plan's start.
        withdrawn: contacts not to be counted on.
        announced: contacts that were not known.
    """

    version: int
    known_us: int
    withdrawn: tuple[NamedContact, ...] = ()
    announced: tuple[NamedContact, ...] = ()


def named(contact: Contact, numbers: dict[str, int]) -> NamedContact:
    """How an update names a contact; `numbers` are those of the nodes."""
    ends = numbers[contact.source], numbers[contact.destination]
    return NamedContact(*ends, round(contact.start_s * MICROSECONDS))


def encode_update(
    version: int,
    known_s: float,
    withdrawn: list[Contact],
    announced: list[Contact],
    numbers: dict[str, int],
) -> bytes:
    """The payload of an update."""
    known_us = round(known_s * MICROSECONDS)
    head = cbor.head(4, 5) + b"".join(map(cbor.uint, (FORMAT, version, known_us)))
    gone = [_integers(_name(contact, numbers)) for contact in withdrawn]
    new = [
        _integers(
            (
                *_name(contact, numbers),
                round(contact.end_s * MICROSECONDS),
                round(_first(contact.rate_bps)),
                round(_first(contact.owlt_s) * MICROSECONDS),
            )
        )
        for contact in announced
    ]
    return b"".join((head, cbor.head(4, len(gone)), *gone, cbor.head(4, len(new)), *new))


def decode_update(octets: bytes) -> PlanUpdate | None:
    """What an update says; None for octets that are none, or of a format that is not known."""
    reader = cbor.Reader(octets)
    try:
        if reader.array("update") != 5 or reader.uint("format") != FORMAT:
            return None
        version, known_us = reader.uint("version"), reader.uint("known since")
        withdrawn = tuple(_read(reader, 3) for _ in range(reader.array("withdrawn")))
        announced = tuple(_read(reader, 6) for _ in range(reader.array("announced")))
        if not reader.at_end():
            return None
    except MalformedBundle:
        return None
    return PlanUpdate(version=version, known_us=known_us, withdrawn=withdrawn, announced=announced)


def _read(reader: cbor.Reader, length: int) -> NamedContact:
    if reader.array("contact") != length:
        reader.fail("codec", f"a contact of {length} integers is due here")
    values = [reader.uint("contact") for _ in range(length)]
    return NamedContact(*values[:3])


def _name(contact: Contact, numbers: dict[str, int]) -> tuple[int, int, int]:
    name = named(contact, numbers)
    return name.source, name.destination, name.start_us


def _integers(values: tuple[int, ...]) -> bytes:
    return cbor.head(4, len(values)) + b"".join(map(cbor.uint, values))


def _first(value: float | Samples) -> float:
    return value[0] if isinstance(value, tuple) else value
