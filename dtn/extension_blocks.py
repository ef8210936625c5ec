"""The extension blocks of RFC 9171 section 4.4 and the quality-of-service block: their data, in and out.

    6    Previous Node (4.4.1)   the node that forwarded the bundle to this one
    7    Bundle Age (4.4.2)      milliseconds since creation, for nodes without a clock
    10   Hop Count (4.4.3)       the limit, 1 to 255, and the hops made so far
    193  quality of service      as ION sends it: an array of four unsigned integers

BPv7 has no priority of its own. ION carries it in block 193 (whose least form is 84 00 00 00 00):
flags, of which 1 asks for the bundle to go over every route (critical); priority, 0 bulk to
2 expedited; an ordinal within expedited traffic; and a label. A node that does not know the block
passes it on, and so the content of a block 193 that came in is judged only where it is read.

Refused: data that is not exactly one CBOR item of the right kind; a hop limit outside 1 to 255.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from dtn import cbor
from dtn.bundle import BlockType, Bundle
from dtn.eid import MAX_UINT64, Eid, encode_eid, read_eid
from dtn.errors import InvalidValue, MalformedBundle

MAX_HOP_LIMIT = 255
_CRITICAL = 1


class HopCount(NamedTuple):
    """Hop limit and count (RFC 9171 section 4.4.3): deleted when the count exceeds the limit."""

    hop_limit: int
    hop_count: int


class QualityOfService(NamedTuple):
    """What block 193 says.

    Args:
        priority: 0 bulk, 1 normal, 2 expedited.
        critical: whether a copy should go over every route.
        ordinal: rank among expedited bundles, 0 to 254.
        label: the application's own mark, 0 for none.
        other_flags: flags but for critical, kept.
    """

    priority: int = 1
    critical: bool = False
    ordinal: int = 0
    label: int = 0
    other_flags: int = 0


def encode_previous_node(node_id: Eid) -> bytes:
    """The data of a Previous Node block."""
    return encode_eid(node_id)


def decode_previous_node(data: bytes, tolerant: bool = False) -> Eid:
    """The node that a Previous Node block names.

    Raises:
        MalformedBundle: layer extension.
    """
    reader = cbor.Reader(data, tolerant=tolerant)
    try:
        eid = read_eid(reader, "previous node")
    except MalformedBundle as fault:
        raise _in_extension(fault) from None
    return _whole(reader, eid, "previous node")


def encode_bundle_age(age_ms: int) -> bytes:
    """The data of a Bundle Age block.

    An age beyond 2^64-1 stays there: one that came in near it must not harm the node that adds to it.

    Raises:
        InvalidValue: the age is negative.
    """
    if age_ms < 0:
        raise InvalidValue("age_ms", age_ms, "must not be negative")
    return cbor.uint(min(age_ms, MAX_UINT64))


def decode_bundle_age(data: bytes, tolerant: bool = False) -> int:
    """The age in milliseconds.

    Raises:
        MalformedBundle: layer extension.
    """
    reader = cbor.Reader(data, tolerant=tolerant)
    try:
        age_ms = reader.uint("bundle age")
    except MalformedBundle as fault:
        raise _in_extension(fault) from None
    return _whole(reader, age_ms, "bundle age")


def encode_hop_count(limit: int, count: int) -> bytes:
    """The data of a Hop Count block.

    Raises:
        InvalidValue: the limit is not 1 to 255, or the count is negative.
    """
    if not 1 <= limit <= MAX_HOP_LIMIT:
        raise InvalidValue("hop limit", limit, "must be 1 to 255")
    if not 0 <= count <= MAX_UINT64:
        raise InvalidValue("hop count", count, "must be 0 to 2^64-1")
    return b"\x82" + cbor.uint(limit) + cbor.uint(count)


def decode_hop_count(data: bytes, tolerant: bool = False) -> HopCount:
    """The hop limit and the hops made.

    Raises:
        MalformedBundle: layer extension.
    """
    reader = cbor.Reader(data, tolerant=tolerant)
    try:
        items = reader.array("hop count")
        hops = HopCount(reader.uint("hop limit"), reader.uint("hop count"))
        reader.end_array(items, 2, "hop count")
    except MalformedBundle as fault:
        raise _in_extension(fault) from None
    if not 1 <= hops.hop_limit <= MAX_HOP_LIMIT:
        raise MalformedBundle("extension", f"hop limit {hops.hop_limit} is not 1 to 255")
    return _whole(reader, hops, "hop count")


def encode_quality_of_service(quality: QualityOfService) -> bytes:
    """The data of a quality-of-service block.

    Raises:
        InvalidValue: a number in it cannot be encoded.
    """
    flags = quality.other_flags | (_CRITICAL if quality.critical else 0)
    numbers = (flags, quality.priority, quality.ordinal, quality.label)
    for name, number in zip(("flags", "priority", "ordinal", "label"), numbers, strict=True):
        if not 0 <= number <= MAX_UINT64:
            raise InvalidValue(name, number, "must be 0 to 2^64-1")
    return b"\x84" + b"".join(map(cbor.uint, numbers))


def decode_quality_of_service(data: bytes, tolerant: bool = False) -> QualityOfService:
    """What a quality-of-service block says.

    Raises:
        MalformedBundle: layer extension.
    """
    reader = cbor.Reader(data, tolerant=tolerant)
    try:
        items = reader.array("quality of service")
        flags = reader.uint("flags")
        priority = reader.uint("priority")
        ordinal = reader.uint("ordinal")
        label = reader.uint("label")
        reader.end_array(items, 4, "quality of service")
    except MalformedBundle as fault:
        raise _in_extension(fault) from None
    critical = bool(flags & _CRITICAL)
    quality = QualityOfService(priority, critical, ordinal, label, flags & ~_CRITICAL)
    return _whole(reader, quality, "quality of service")


DECODERS: Mapping[int, Callable[[bytes, bool], object]] = {
    BlockType.PREVIOUS_NODE: decode_previous_node,
    BlockType.BUNDLE_AGE: decode_bundle_age,
    BlockType.HOP_COUNT: decode_hop_count,
}
"""The blocks that every node must know, at most one of each in a bundle (RFC 9171 section 4.4)."""


def security_targets(bundle: Bundle, block_type: int) -> frozenset[int]:
    """The numbers of the blocks at which the security blocks of this type aim.

    An abstract security block starts with the array of its targets (RFC 9172 section 3.6). One that
    cannot be read, because it is encrypted or broken, adds none.
    """
    targets: set[int] = set()
    for block in bundle.blocks:
        if block.type != block_type:
            continue
        reader = cbor.Reader(block.data)
        try:
            count = reader.array("targets")
            numbers = [reader.uint("target") for _ in range(min(count, len(block.data)))]
        except MalformedBundle:
            continue
        targets.update(numbers)
    return frozenset(targets)


T = TypeVar("T")


def _whole(reader: cbor.Reader, value: T, name: str) -> T:
    """The value, if nothing stands behind it (RFC 9171 section 4.4: data is one CBOR item)."""
    if not reader.at_end():
        raise MalformedBundle("extension", f"octets stand behind the {name}")
    return value


def _in_extension(fault: MalformedBundle) -> MalformedBundle:
    return MalformedBundle("extension", f"{fault.layer}: {fault.reason}")
