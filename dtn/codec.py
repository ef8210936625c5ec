"""Bundles to octets and back.

Source: RFC 9171 section 4; RFC 9758 section 6 for ipn endpoints; erratum 8043 for the CRC.

`decode` judges in layers and takes nothing that it need not take: cbor (well-formed), encoding
(deterministic: shortest forms, no tags, the outer array of indefinite length), codec (the fields of
the blocks, CRC values, block numbers), extension (the content of blocks 6, 7 and 10), bpsec (the
security blocks, `dtn.bpsec.structure`), rules (what RFC 9171 asks of a bundle as a whole). RFC 9171
section 5.6 step 3 has a malformed bundle deleted; section 4.1 lets a node accept some non-conforming
ones: that is `tolerant`, which leaves out the last two layers.

`encode` writes core deterministic CBOR. The blocks of a bundle that was decoded keep their octets,
so that what no node may change (the primary block, section 4.3.1) or did not change is sent on as it
came, in whatever form the standard allows it to have come, and costs no work.

`encoded_size` is arithmetic over the fields, and remembered by each block.
"""

from __future__ import annotations

import re

from dtn import cbor, extension_blocks
from dtn import rules as bundle_rules
from dtn.bpsec import structure as security
from dtn.bundle import (
    BlockType,
    Bundle,
    BundleFlag,
    CanonicalBlock,
    CreationTimestamp,
    FragmentField,
    PrimaryBlock,
)
from dtn.crc import crc_value
from dtn.eid import USUAL_IPN, Eid, eid_size, encode_eid, known_ipn, read_eid
from dtn.errors import InvalidValue, MalformedBundle

VERSION = 7
_SELF_DESCRIBED = b"\xd9\xd9\xf7"
_CRC_ZEROED = (b"", b"\x42" + bytes(2), b"\x44" + bytes(4))
"""The CRC field by CRC type with its value zero, as the CRC is computed (erratum 8043)."""


def encode(bundle: Bundle) -> bytes:
    """The octets of a bundle: an array of indefinite length, the primary block first."""
    parts = [b"\x9f", encode_primary(bundle.primary)]
    for block in bundle.blocks:
        before, after = block.framing or _frame(block)
        parts += (before, block.data, after)
    parts.append(b"\xff")
    return b"".join(parts)


def encode_primary(primary: PrimaryBlock) -> bytes:
    """The octets of a primary block: those with which it came, if it came from outside."""
    octets = primary.octets
    if octets is None:
        octets = _encode_primary(primary)
        primary.octets = octets
    return octets


def encode_block(block: CanonicalBlock) -> bytes:
    """The octets of a canonical block."""
    before, after = block.framing or _frame(block)
    return before + block.data + after


def encoded_size(bundle: Bundle) -> int:
    """Exactly len(encode(bundle)), without encoding."""
    size = bundle.size_bytes
    if not size:
        size = 2 + primary_size(bundle.primary)
        for block in bundle.blocks:
            size += block.size_bytes or block_size(block)
        bundle.size_bytes = size
    return size


def primary_size(primary: PrimaryBlock) -> int:
    """Octets of a primary block."""
    size = primary.size_bytes
    if not size:
        head_size = cbor.head_size
        time_ms, sequence = primary.creation
        size = 4  # the heads of the two arrays, version, CRC type
        size += head_size(primary.flags) + head_size(primary.lifetime_ms)
        size += eid_size(primary.destination) + eid_size(primary.source)
        size += eid_size(primary.report_to) + head_size(time_ms) + head_size(sequence)
        if primary.fragment is not None:
            size += head_size(primary.fragment[0]) + head_size(primary.fragment[1])
        size += len(_CRC_ZEROED[primary.crc_type])
        primary.size_bytes = size
    return size


def block_size(block: CanonicalBlock) -> int:
    """Octets of a canonical block."""
    size = block.size_bytes
    if not size:
        head_size = cbor.head_size
        length = len(block.data)
        size = 2 + head_size(block.type) + head_size(block.number) + head_size(block.flags)
        size += head_size(length) + length
        size += len(_CRC_ZEROED[block.crc_type])
        block.size_bytes = size
    return size


def decode(
    octets: bytes | bytearray | memoryview, *, rules: bool = True, tolerant: bool = False
) -> Bundle:
    """The bundle that these octets are, all of them.

    Args:
        octets: one encoded bundle.
        rules: whether to judge the bundle as a whole too (`dtn.rules`). RFC 9173's own examples
            break two of these rules, so a node that tests security may leave them out.
        tolerant: take, besides, integers and lengths in longer forms than needed, an outer array of
            definite length, tag 55799 before it, dtn:none as text, and a dtn node name without the
            delimiter behind it; and leave the rules out. The primary block is sent on in the octets
            in which it came all the same.

    Raises:
        MalformedBundle: they are no bundle; it says in which layer, why, and mostly where.
    """
    reader = cbor.Reader(octets if type(octets) is bytes else bytes(octets), tolerant=tolerant)
    count = _open_bundle(reader)
    primary = _read_primary(reader)
    blocks = []
    if count == cbor.INDEFINITE:
        while not reader.at_break():
            blocks.append(_read_block(reader))
    else:
        while len(blocks) < count - 1:
            blocks.append(_read_block(reader))
    if not reader.at_end():
        reader.fail("cbor", "octets stand behind the bundle")
    try:
        bundle = Bundle(primary, tuple(blocks))
    except InvalidValue as fault:
        raise _in_codec(fault, None) from None
    if not tolerant:
        bundle.size_bytes = reader.at
    if len(blocks) > 1:
        _check_extensions(bundle, tolerant)
        if not tolerant:
            security.check(bundle)
    if rules and not tolerant:
        bundle_rules.check(bundle)
    return bundle


def _open_bundle(reader: cbor.Reader) -> int:
    """Pass the outer array's head; returns its count, or INDEFINITE (RFC 9171 section 4.1)."""
    if reader.tolerant and reader.octets.startswith(_SELF_DESCRIBED):
        reader.at = len(_SELF_DESCRIBED)
    count = reader.array("bundle")
    if count != cbor.INDEFINITE and not reader.tolerant:
        reader.at = 0
        reader.fail("encoding", "a bundle must be an array of indefinite length")
    return count


_Fields = tuple[int, int, int, Eid, Eid, Eid, CreationTimestamp, int]
"""The primary block's item count, flags, CRC type, endpoints, timestamp and lifetime."""

# Most primary blocks are of this form: fewer than 24 items, ipn endpoints, shortest heads. A pattern
# takes them apart at once; all others, and all that are wrong, are read item by item.
_USUAL_PRIMARY = re.compile(
    rb"([\x88-\x8b])\x07(UINT)([\x00-\x02])(IPN)(IPN)(IPN)\x82(UINT)(UINT)(UINT)".replace(
        b"IPN", USUAL_IPN
    ).replace(b"UINT", cbor.SHORTEST_UINT)
)


def _usual_fields(reader: cbor.Reader) -> _Fields | None:
    found = _USUAL_PRIMARY.match(reader.octets, reader.at)
    if found is None:
        return None
    reader.at = found.end()
    value = cbor.uint_value
    head, flags, crc_type, destination, source, report_to, time_ms, sequence, lifetime = (
        found.groups()
    )
    return (
        head[0] - 0x80,
        value(flags),
        crc_type[0],
        known_ipn(destination),
        known_ipn(source),
        known_ipn(report_to),
        CreationTimestamp(value(time_ms), value(sequence)),
        value(lifetime),
    )


def _any_fields(reader: cbor.Reader) -> _Fields:
    count = reader.array("primary block")
    if reader.uint("version") != VERSION:
        reader.fail("codec", "version must be 7")
    flags = reader.uint("bundle processing control flags")
    crc_type = _read_crc_type(reader)
    destination = read_eid(reader, "destination")
    source = read_eid(reader, "source")
    report_to = read_eid(reader, "report-to")
    items = reader.array("creation timestamp")
    creation = CreationTimestamp(reader.uint("creation time"), reader.uint("sequence number"))
    reader.end_array(items, 2, "creation timestamp")
    lifetime_ms = reader.uint("lifetime")
    return count, flags, crc_type, destination, source, report_to, creation, lifetime_ms


def _read_primary(reader: cbor.Reader) -> PrimaryBlock:
    start = reader.at
    fields = _usual_fields(reader) or _any_fields(reader)
    count, flags, crc_type, destination, source, report_to, creation, lifetime_ms = fields
    expected = 8 + 2 * (flags & BundleFlag.FRAGMENT) + (crc_type > 0)
    if count not in (expected, cbor.INDEFINITE):
        reader.fail("codec", f"primary block must have {expected} items, has {count}")
    fragment = None
    if flags & BundleFlag.FRAGMENT:
        offset_bytes = reader.uint("fragment offset")
        fragment = FragmentField(offset_bytes, reader.uint("total length"))
    _close_block(reader, start, crc_type, count, expected)
    try:
        primary = PrimaryBlock(
            destination=destination,
            source=source,
            report_to=report_to,
            flags=flags,
            crc_type=crc_type,
            creation=creation,
            lifetime_ms=lifetime_ms,
            fragment=fragment,
        )
    except InvalidValue as fault:
        raise _in_codec(fault, start) from None
    octets = reader.octets[start : reader.at]
    primary.octets = octets
    primary.size_bytes = len(octets)
    return primary


# Likewise most blocks have small numbers and less than 64 KiB of data.
_USUAL_BLOCK = re.compile(
    rb"[\x85\x86][\x01-\x17][\x01-\x17][\x00-\x17][\x00-\x02]"
    rb"(?:[\x40-\x57]|\x58[\x18-\xff]|\x59[\x01-\xff][\x00-\xff])"
)


def _read_block(reader: cbor.Reader) -> CanonicalBlock:
    start = reader.at
    octets = reader.octets
    found = _USUAL_BLOCK.match(octets, start)
    if found is not None:
        before = found.group()
        reader.at = found.end()
        count, block_type, number, flags, crc_type = before[:5]
        count -= 0x80
        length = before[5] - 0x40 if len(before) == 6 else int.from_bytes(before[6:], "big")
        data = reader.take(length, "block-type-specific data")
    else:
        count = reader.array("block")
        block_type = reader.uint("block type")
        number = reader.uint("block number")
        flags = reader.uint("block processing control flags")
        crc_type = _read_crc_type(reader)
        data = reader.byte_string("block-type-specific data")
        before = octets[start : reader.at - len(data)]
    data_end = reader.at
    expected = 5 + (crc_type > 0)
    if count not in (expected, cbor.INDEFINITE):
        reader.fail("codec", f"a block must have {expected} items, has {count}")
    _close_block(reader, start, crc_type, count, expected)
    try:
        block = CanonicalBlock(block_type, number, flags, crc_type, data)
    except InvalidValue as fault:
        raise _in_codec(fault, start) from None
    block.framing = (before, octets[data_end : reader.at])
    block.size_bytes = reader.at - start
    return block


def _read_crc_type(reader: cbor.Reader) -> int:
    crc_type = reader.uint("CRC type")
    if crc_type > 2:
        reader.fail("codec", f"CRC type {crc_type} is not 0, 1 or 2")
    return crc_type


def _close_block(reader: cbor.Reader, start: int, crc_type: int, count: int, expected: int) -> None:
    """Read the CRC field and the break, where there are any, and check the CRC value."""
    if not crc_type:
        reader.end_array(count, expected, "block")
        return
    octets = reader.octets
    at = reader.at
    zeroed = _CRC_ZEROED[crc_type]
    field = octets[at : at + len(zeroed)]
    if field[:1] != zeroed[:1] and field:
        reader.fail("codec", f"a CRC of type {crc_type} is a byte string of {len(zeroed) - 1}")
    if len(field) < len(zeroed):
        reader.fail("cbor", "cut off in the CRC")
    reader.at = at + len(zeroed)
    if count == cbor.INDEFINITE:
        reader.end_array(count, expected, "block")
        zeroed += b"\xff"  # the break is part of the block (§4.3.1)
    if crc_value(crc_type, octets[start:at] + zeroed) != field[1:]:
        reader.at = at
        reader.fail("codec", "the CRC does not match")


def _check_extensions(bundle: Bundle, tolerant: bool) -> None:
    """At most one of each known block, and its content sound unless it is encrypted."""
    known = [block for block in bundle.blocks if block.type in extension_blocks.DECODERS]
    if len(known) > 1 and len({block.type for block in known}) != len(known):
        raise MalformedBundle("extension", "more than one block of type 6, 7 or 10")
    encrypted = extension_blocks.security_targets(bundle, BlockType.BLOCK_CONFIDENTIALITY)
    for block in known:
        if block.number not in encrypted:
            extension_blocks.DECODERS[block.type](block.data, tolerant)


def _in_codec(fault: InvalidValue, offset: int | None) -> MalformedBundle:
    return MalformedBundle("codec", f"{fault.key}: {fault.mend}", offset)


def _encode_primary(primary: PrimaryBlock) -> bytes:
    crc_type = primary.crc_type
    fragment = primary.fragment
    items = 8 + (crc_type > 0) + (2 if fragment is not None else 0)
    uint = cbor.uint
    parts = [
        bytes((0x80 | items, VERSION)),
        uint(primary.flags),
        uint(crc_type),
        encode_eid(primary.destination),
        encode_eid(primary.source),
        encode_eid(primary.report_to),
        b"\x82",
        uint(primary.creation[0]),
        uint(primary.creation[1]),
        uint(primary.lifetime_ms),
    ]
    if fragment is not None:
        parts += (uint(fragment[0]), uint(fragment[1]))
    if not crc_type:
        return b"".join(parts)
    octets = b"".join(parts)
    zeroed = _CRC_ZEROED[crc_type]
    return octets + zeroed[:1] + crc_value(crc_type, octets + zeroed)


def _frame(block: CanonicalBlock) -> tuple[bytes, bytes]:
    """The octets before and after a block's data; remembered."""
    uint = cbor.uint
    crc_type = block.crc_type
    before = b"".join(
        (
            b"\x86" if crc_type else b"\x85",
            uint(block.type),
            uint(block.number),
            uint(block.flags),
            uint(crc_type),
            cbor.head(2, len(block.data)),
        )
    )
    after = b""
    if crc_type:
        zeroed = _CRC_ZEROED[crc_type]
        after = zeroed[:1] + crc_value(crc_type, before + block.data + zeroed)
    framing = (before, after)
    block.framing = framing
    return framing
