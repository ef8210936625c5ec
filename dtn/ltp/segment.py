"""LTP segments: the five kinds of RFC 5326 §3, to octets and back.

A segment is a control octet (version 0 and a type of 0 to 15), the session it belongs to, up to 15 header and 15
trailer extensions, and the content of its type:

    0-3   red data: plain; checkpoint; checkpoint at the end of the red part; the same at the end of the block
    4, 7  green data: plain; at the end of the block
    8, 9  report on reception; its acknowledgement
    12-15 cancellation by the sender, its acknowledgement, cancellation by the receiver, its acknowledgement

`read_segment` refuses, with MalformedSegment and nothing else, every header that the RFC gives no meaning (§6): an
undefined type or version, serial numbers of zero, claims that are empty, out of order, touching or outside the bounds.
Extensions are carried and not interpreted here (§3.1.4); `dtn.ltp.authentication` makes and checks those of RFC 5327.
"""

from __future__ import annotations

from typing import NamedTuple

from dtn.errors import MalformedSegment
from dtn.ltp.sdnv import LARGEST, encode_sdnv, read_sdnv


class SegmentType:
    """The type field (§3.1.1). Bits of data types: 1 and 2 mark checkpoint and ends, 4 is green."""

    RED = 0
    RED_CHECKPOINT = 1
    RED_CHECKPOINT_EORP = 2
    RED_CHECKPOINT_EORP_EOB = 3
    GREEN = 4
    GREEN_EOB = 7
    REPORT = 8
    REPORT_ACK = 9
    CANCEL_BY_SENDER = 12
    CANCEL_ACK_TO_SENDER = 13
    CANCEL_BY_RECEIVER = 14
    CANCEL_ACK_TO_RECEIVER = 15


class CancelReason:
    """Why a session is cancelled (§3.2.4); other codes are reserved, and cancel all the same."""

    USR_CNCLD = 0
    UNREACH = 1
    RLEXC = 2
    MISCOLORED = 3
    SYS_CNCLD = 4
    RXMTCYCEXC = 5


class SessionId(NamedTuple):
    """A session: the engine that sends the block, and a number of that engine's choice."""

    originator: int
    number: int


class Extension(NamedTuple):
    """A header or trailer extension (§3.1.4)."""

    tag: int
    value: bytes


class Extensions(NamedTuple):
    """The extensions of one segment."""

    header: tuple[Extension, ...] = ()
    trailer: tuple[Extension, ...] = ()


NO_EXTENSIONS = Extensions()


class DataSegment(NamedTuple):
    """A piece of a block (§3.2.1). `checkpoint` and `report` are serial numbers, 0 where there is none."""

    type: int
    session: SessionId
    client_service: int
    offset: int
    data: bytes
    checkpoint: int = 0
    report: int = 0
    extensions: Extensions = NO_EXTENSIONS


class ReportSegment(NamedTuple):
    """What the receiver has of [lower, upper) of the red part (§3.2.2).

    `claims` are (offset, length) with offsets relative to `lower`; `checkpoint` is 0 in a report that none asked for.
    """

    session: SessionId
    serial: int
    checkpoint: int
    upper: int
    lower: int
    claims: tuple[tuple[int, int], ...]
    extensions: Extensions = NO_EXTENSIONS


class ReportAck(NamedTuple):
    """The sender has this report (§3.2.3)."""

    session: SessionId
    serial: int
    extensions: Extensions = NO_EXTENSIONS


class CancelSegment(NamedTuple):
    """The session is over (§3.2.4), says the block's sender or its receiver."""

    session: SessionId
    by_sender: bool
    reason: int
    extensions: Extensions = NO_EXTENSIONS


class CancelAck(NamedTuple):
    """The cancellation of the block's sender, or of its receiver, is known (§3.2.4)."""

    session: SessionId
    to_sender: bool
    extensions: Extensions = NO_EXTENSIONS


Segment = DataSegment | ReportSegment | ReportAck | CancelSegment | CancelAck

KEEPALIVE = bytes(4)
"""A datagram of four zero octets carries no segment (RFC 7122 §3.4)."""


def encode_segment(segment: Segment) -> bytes:
    """The octets of a segment."""
    if isinstance(segment, DataSegment):
        kind, session, service, offset, data, checkpoint, report, extensions = segment
        parts = [encode_sdnv(service), encode_sdnv(offset), encode_sdnv(len(data))]
        if checkpoint:
            parts += (encode_sdnv(checkpoint), encode_sdnv(report))
        parts.append(data)
    elif isinstance(segment, ReportSegment):
        kind, session, extensions = SegmentType.REPORT, segment.session, segment.extensions
        parts = [encode_sdnv(number) for number in segment[1:5]]
        parts.append(encode_sdnv(len(segment.claims)))
        for offset, length in segment.claims:
            parts += (encode_sdnv(offset), encode_sdnv(length))
    elif isinstance(segment, ReportAck):
        kind, session, extensions = SegmentType.REPORT_ACK, segment.session, segment.extensions
        parts = [encode_sdnv(segment.serial)]
    elif isinstance(segment, CancelSegment):
        kind = SegmentType.CANCEL_BY_SENDER if segment.by_sender else SegmentType.CANCEL_BY_RECEIVER
        session, extensions = segment.session, segment.extensions
        parts = [bytes((segment.reason,))]
    else:
        kind = (
            SegmentType.CANCEL_ACK_TO_SENDER
            if segment.to_sender
            else SegmentType.CANCEL_ACK_TO_RECEIVER
        )
        session, extensions = segment.session, segment.extensions
        parts = []
    head = bytes((kind,)) + encode_sdnv(session[0]) + encode_sdnv(session[1])
    if extensions is NO_EXTENSIONS:
        return b"".join((head, b"\0", *parts))
    counts = bytes((len(extensions.header) << 4 | len(extensions.trailer),))
    header, trailer = _join(extensions.header), _join(extensions.trailer)
    return b"".join((head, counts, header, *parts, trailer))


def decode_segment(octets: bytes) -> Segment:
    """The segment that these octets are, all of them.

    Raises:
        MalformedSegment: they are none; to be discarded (§6).
    """
    segment, end = read_segment(octets, 0)
    if end != len(octets):
        raise MalformedSegment("octets stand behind the segment", end)
    return segment


def decode_datagram(octets: bytes) -> Segment | None:
    """The one segment of a UDP datagram, or None for a keepalive (RFC 7122 §3.3, §3.4).

    Raises:
        MalformedSegment: anything else.
    """
    return None if octets == KEEPALIVE else decode_segment(octets)


def read_segment(octets: bytes, at: int) -> tuple[Segment, int]:
    """The segment that begins at `at`, and where the next one begins.

    Raises:
        MalformedSegment: what stands there is none; it says why, and where.
    """
    if at >= len(octets):
        raise MalformedSegment("no octets", at)
    control = octets[at]
    kind = control & 0x0F
    if control >> 4:
        raise MalformedSegment(f"version {control >> 4}, not 0", at)
    if kind in (5, 6, 10, 11):
        raise MalformedSegment(f"undefined segment type {kind}", at)
    originator, at = read_sdnv(octets, at + 1)
    number, at = read_sdnv(octets, at)
    session = SessionId(originator, number)
    counts, at = _read_octet(octets, at)
    header, at = _read_extensions(octets, at, counts >> 4)
    segment: Segment
    if kind <= SegmentType.GREEN_EOB:
        segment, at = _read_data(octets, at, kind, session)
    elif kind == SegmentType.REPORT:
        segment, at = _read_report(octets, at, session)
    elif kind == SegmentType.REPORT_ACK:
        serial, at = _read_serial(octets, at, "report")
        segment = ReportAck(session, serial)
    elif kind in (SegmentType.CANCEL_BY_SENDER, SegmentType.CANCEL_BY_RECEIVER):
        reason, at = _read_octet(octets, at)
        segment = CancelSegment(session, kind == SegmentType.CANCEL_BY_SENDER, reason)
    else:
        segment = CancelAck(session, kind == SegmentType.CANCEL_ACK_TO_SENDER)
    if counts:
        trailer, at = _read_extensions(octets, at, counts & 0x0F)
        segment = segment._replace(extensions=Extensions(header, trailer))
    return segment, at


def _read_data(octets: bytes, at: int, kind: int, session: SessionId) -> tuple[DataSegment, int]:
    begins = at
    service, at = read_sdnv(octets, at)
    offset, at = read_sdnv(octets, at)
    length, at = read_sdnv(octets, at)
    checkpoint = report = 0
    if SegmentType.RED < kind < SegmentType.GREEN:
        checkpoint, at = _read_serial(octets, at, "checkpoint")
        report, at = read_sdnv(octets, at)
    if offset + length > LARGEST:
        raise MalformedSegment("data beyond 64 bits", begins)
    if length > len(octets) - at:
        raise MalformedSegment(f"{len(octets) - at} octets of data where {length} are said", at)
    data = octets[at : at + length]
    return DataSegment(kind, session, service, offset, data, checkpoint, report), at + length


def _read_report(octets: bytes, at: int, session: SessionId) -> tuple[ReportSegment, int]:
    serial, at = _read_serial(octets, at, "report")
    checkpoint, at = read_sdnv(octets, at)
    upper, at = read_sdnv(octets, at)
    lower, at = read_sdnv(octets, at)
    if lower >= upper:
        raise MalformedSegment(f"bounds {lower} to {upper} hold nothing", at)
    count, at = read_sdnv(octets, at)
    if count > (len(octets) - at) // 2:
        raise MalformedSegment(f"{count} claims in {len(octets) - at} octets", at)
    claims = []
    beyond = -1  # the end of the claim before: the next begins behind it, with a gap
    for _ in range(count):
        offset, at = read_sdnv(octets, at)
        length, at = read_sdnv(octets, at)
        if not length or offset <= beyond or offset + length > upper - lower:
            raise MalformedSegment(f"claim of {length} at {offset} cannot stand", at)
        claims.append((offset, length))
        beyond = offset + length
    return ReportSegment(session, serial, checkpoint, upper, lower, tuple(claims)), at


def _read_serial(octets: bytes, at: int, what: str) -> tuple[int, int]:
    serial, end = read_sdnv(octets, at)
    if not serial:
        raise MalformedSegment(f"{what} serial number 0", at)
    return serial, end


def _read_octet(octets: bytes, at: int) -> tuple[int, int]:
    if at >= len(octets):
        raise MalformedSegment("the octets end within the header", at)
    return octets[at], at + 1


def _read_extensions(octets: bytes, at: int, count: int) -> tuple[tuple[Extension, ...], int]:
    found = []
    for _ in range(count):
        tag, at = _read_octet(octets, at)
        length, at = read_sdnv(octets, at)
        if length > len(octets) - at:
            raise MalformedSegment("the octets end within an extension", at)
        found.append(Extension(tag, octets[at : at + length]))
        at += length
    return tuple(found), at


def _join(extensions: tuple[Extension, ...]) -> bytes:
    return b"".join(
        bytes((extension.tag,)) + encode_sdnv(len(extension.value)) + extension.value
        for extension in extensions
    )
