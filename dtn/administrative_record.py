"""Administrative records: what bundle protocol agents tell each other, in the payload of a bundle.

Source: RFC 9171 section 6.1. One type is defined, the bundle status report (1); reason codes 0 to 11
stand in figure 4 of section 6.1.1, 12 to 16 in RFC 9172 section 11.2.

A record is an array of its type and its content. The content of a status report is an array of the
status (at least four items: received, forwarded, delivered, deleted; each an array of a boolean and,
if the subject asked for times, the time), the reason, the source and the timestamp of the subject
and, only if the subject was a fragment, its offset and the length of its payload.

A record is judged only by the administrative element to which it is delivered: a node that forwards
the bundle passes it on, whatever it holds. A record of unknown type is kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dtn import cbor
from dtn.bundle import Bundle, BundleFlag, CreationTimestamp
from dtn.eid import Eid, encode_eid, read_eid
from dtn.errors import MalformedBundle

STATUS_REPORT = 1
_STATUS_ITEMS = 4


class Reason:
    """Status report reason codes (RFC 9171 section 6.1.1; from 12 on RFC 9172 section 11.2)."""

    NO_INFORMATION = 0
    LIFETIME_EXPIRED = 1
    FORWARDED_OVER_UNIDIRECTIONAL_LINK = 2
    TRANSMISSION_CANCELED = 3
    DEPLETED_STORAGE = 4
    DESTINATION_UNAVAILABLE = 5
    NO_KNOWN_ROUTE = 6
    NO_TIMELY_CONTACT = 7
    BLOCK_UNINTELLIGIBLE = 8
    HOP_LIMIT_EXCEEDED = 9
    TRAFFIC_PARED = 10
    BLOCK_UNSUPPORTED = 11
    MISSING_SECURITY_OPERATION = 12
    UNKNOWN_SECURITY_OPERATION = 13
    UNEXPECTED_SECURITY_OPERATION = 14
    FAILED_SECURITY_OPERATION = 15
    CONFLICTING_SECURITY_OPERATION = 16


class Status(NamedTuple):
    """Whether something happened to the subject, and when, if it asked to be told."""

    asserted: bool = False
    time_ms: int | None = None


NOT_ASSERTED = Status()


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """A bundle status report.

    Args:
        received: by the reporting node.
        forwarded: by it.
        delivered: there.
        deleted: there.
        reason: of `Reason`, or unknown.
        source: the subject's source.
        creation: the subject's timestamp.
        fragment_offset: of the subject, if it was a fragment.
        payload_bytes: length of the subject's payload, if it was a fragment.
    """

    received: Status = NOT_ASSERTED
    forwarded: Status = NOT_ASSERTED
    delivered: Status = NOT_ASSERTED
    deleted: Status = NOT_ASSERTED
    reason: int = Reason.NO_INFORMATION
    source: Eid
    creation: CreationTimestamp
    fragment_offset: int | None = None
    payload_bytes: int | None = None


class UnknownRecord(NamedTuple):
    """A record of a type that is not known here: to be ignored (RFC 9171 section 6.2)."""

    type: int
    content: bytes


AdministrativeRecord = StatusReport | UnknownRecord


def report_about(
    subject: Bundle,
    time_ms: int,
    *,
    received: bool = False,
    forwarded: bool = False,
    delivered: bool = False,
    deleted: bool = False,
    reason: int = Reason.NO_INFORMATION,
) -> StatusReport:
    """A report about this bundle, with times only if it asked for them (RFC 9171 section 6.1.1).

    Args:
        subject: the bundle that is reported about.
        time_ms: DTN time of what happened.
        received: assert that it was received.
        forwarded: assert that it was forwarded.
        delivered: assert that it was delivered.
        deleted: assert that it was deleted.
        reason: why.
    """
    primary = subject.primary
    when = time_ms if primary.flags & BundleFlag.STATUS_TIME_REQUESTED else None
    asserted = Status(True, when)
    fragment = primary.fragment
    return StatusReport(
        received=asserted if received else NOT_ASSERTED,
        forwarded=asserted if forwarded else NOT_ASSERTED,
        delivered=asserted if delivered else NOT_ASSERTED,
        deleted=asserted if deleted else NOT_ASSERTED,
        reason=reason,
        source=primary.source,
        creation=primary.creation,
        fragment_offset=None if fragment is None else fragment.offset_bytes,
        payload_bytes=None if fragment is None else len(subject.payload),
    )


def encode(record: AdministrativeRecord) -> bytes:
    """The payload that carries the record."""
    if isinstance(record, UnknownRecord):
        return b"\x82" + cbor.uint(record.type) + record.content
    uint = cbor.uint
    parts = [b"\x82", uint(STATUS_REPORT)]
    parts.append(b"\x84" if record.fragment_offset is None else b"\x86")
    parts.append(bytes((0x80 | _STATUS_ITEMS,)))
    statuses = (record.received, record.forwarded, record.delivered, record.deleted)
    parts.extend(map(_encode_status, statuses))
    parts += (uint(record.reason), encode_eid(record.source), b"\x82")
    parts += (uint(record.creation.time_ms), uint(record.creation.sequence))
    if record.fragment_offset is not None:
        parts += (uint(record.fragment_offset), uint(record.payload_bytes or 0))
    return b"".join(parts)


def decode(payload: bytes) -> AdministrativeRecord:
    """The record that a payload carries.

    Raises:
        MalformedBundle: it carries none; layer administrative.
    """
    reader = cbor.Reader(payload)
    try:
        count = reader.array("administrative record")
        record_type = reader.uint("record type")
        record: AdministrativeRecord
        if record_type == STATUS_REPORT:
            record = _read_status_report(reader)
        else:
            record = UnknownRecord(record_type, reader.skip_item("record content"))
        reader.end_array(count, 2, "administrative record")
        if not reader.at_end():
            reader.fail("cbor", "octets stand behind the record")
    except MalformedBundle as fault:
        reason = f"{fault.layer}: {fault.reason}"
        raise MalformedBundle("administrative", reason, fault.offset) from None
    return record


def _encode_status(status: Status) -> bytes:
    if not status.asserted:
        return b"\x81\xf4"
    if status.time_ms is None:
        return b"\x81\xf5"
    return b"\x82\xf5" + cbor.uint(status.time_ms)


def _read_status_report(reader: cbor.Reader) -> StatusReport:
    count = reader.array("status report")
    statuses = _read_statuses(reader)
    reason = reader.uint("reason code")
    source = read_eid(reader, "subject's source")
    items = reader.array("subject's timestamp")
    creation = CreationTimestamp(reader.uint("creation time"), reader.uint("sequence number"))
    reader.end_array(items, 2, "subject's timestamp")
    fragment_offset = payload_bytes = None
    if count == 4 or (count == cbor.INDEFINITE and reader.at_break()):
        count = 4
    else:
        fragment_offset = reader.uint("subject's fragment offset")
        payload_bytes = reader.uint("subject's payload length")
        reader.end_array(count, 6, "status report")
    return StatusReport(
        received=statuses[0],
        forwarded=statuses[1],
        delivered=statuses[2],
        deleted=statuses[3],
        reason=reason,
        source=source,
        creation=creation,
        fragment_offset=fragment_offset,
        payload_bytes=payload_bytes,
    )


def _read_statuses(reader: cbor.Reader) -> list[Status]:
    """At least four; later ones have no meaning yet, but must look like statuses."""
    count = reader.array("status information")
    statuses: list[Status] = []
    while count != len(statuses):
        if count == cbor.INDEFINITE and reader.at_break():
            break
        statuses.append(_read_status(reader))
    if len(statuses) < _STATUS_ITEMS:
        reader.fail("codec", f"status information must have at least {_STATUS_ITEMS} items")
    return statuses


def _read_status(reader: cbor.Reader) -> Status:
    count = reader.array("status")
    asserted = reader.boolean("status indicator")
    if count == 1 or (count == cbor.INDEFINITE and reader.at_break()):
        return Status(asserted)
    if not asserted:
        reader.fail("codec", "a status that is not asserted has no time")
    time_ms = reader.uint("time of status")
    reader.end_array(count, 2, "status")
    return Status(asserted, time_ms)
