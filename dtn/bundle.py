"""The bundle and its blocks as values.

Source: RFC 9171 section 4: primary block (4.3.1), canonical blocks (4.3.2), processing flags
(4.2.3, 4.2.4), creation timestamp (4.2.7).

A bundle never changes: what a node changes (hop count, age, previous node) are whole blocks, and
`Bundle.with_block` makes a new bundle that shares the others. Each block may carry what its
encoding was beside it (`octets`, `framing`, `size_bytes`: filled by `dtn.codec`, no part of
comparisons, not copied by `with_fields`). So the blocks that a node does not touch are sent
on as they came, and only those that changed are encoded again; the payload's octets are held once.

Refused: a bundle without exactly one payload block, last, number 1; block numbers used twice; a
fragment flag without its fields or the reverse; a fragment that reaches past
its whole (RFC 9171 4.1, 4.3.1, 5.9).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from dtn.eid import MAX_UINT64, Eid
from dtn.errors import InvalidValue


class BundleFlag:
    """Bundle processing control flags (RFC 9171 section 4.2.3); others are kept, not acted on."""

    FRAGMENT: Final = 0x1
    ADMINISTRATIVE_RECORD: Final = 0x2
    MUST_NOT_FRAGMENT: Final = 0x4
    ACKNOWLEDGEMENT_REQUESTED: Final = 0x20
    STATUS_TIME_REQUESTED: Final = 0x40
    REPORT_RECEPTION: Final = 0x4000
    REPORT_FORWARDING: Final = 0x10000
    REPORT_DELIVERY: Final = 0x20000
    REPORT_DELETION: Final = 0x40000
    ANY_REPORT: Final = REPORT_RECEPTION | REPORT_FORWARDING | REPORT_DELIVERY | REPORT_DELETION


class BlockFlag:
    """Block processing control flags (RFC 9171 section 4.2.4); others are kept, not acted on."""

    REPLICATE: Final = 0x1
    REPORT_IF_UNPROCESSED: Final = 0x2
    DELETE_BUNDLE_IF_UNPROCESSED: Final = 0x4
    DISCARD_IF_UNPROCESSED: Final = 0x10


class BlockType:
    """Block type codes (RFC 9171 section 9.1, RFC 9172 section 11.1; 193 as ION sends it)."""

    PAYLOAD: Final = 1
    PREVIOUS_NODE: Final = 6
    BUNDLE_AGE: Final = 7
    HOP_COUNT: Final = 10
    BLOCK_INTEGRITY: Final = 11
    BLOCK_CONFIDENTIALITY: Final = 12
    QUALITY_OF_SERVICE: Final = 193


class CrcType:
    """CRC types (RFC 9171 section 4.2.1)."""

    NONE: Final = 0
    CRC16_X25: Final = 1
    CRC32C: Final = 2


PAYLOAD_NUMBER: Final = 1
"""The payload block's number, always (RFC 9171 section 4.1); the primary block counts as 0."""


_CRC_TYPES_MEAN = "must be 0 (none), 1 (CRC-16/X-25) or 2 (CRC-32C)"


class CreationTimestamp(NamedTuple):
    """When it was created: milliseconds since 2000-01-01 UTC (0: no clock), and a count."""

    time_ms: int
    sequence: int


class FragmentField(NamedTuple):
    """Where a fragment's payload lies in the original application data unit."""

    offset_bytes: int
    total_bytes: int


class BundleId(NamedTuple):
    """What a bundle is known by (RFC 9171 section 4.3.1); a fragment also by place and length."""

    source: Eid
    creation: CreationTimestamp
    fragment: FragmentField | None = None
    payload_bytes: int | None = None

    def __str__(self) -> str:
        whole = f"{self.source}/{self.creation.time_ms}/{self.creation.sequence}"
        return (
            whole
            if self.fragment is None
            else f"{whole}/{self.fragment.offset_bytes}+{self.payload_bytes}"
        )


class PrimaryBlock:
    """The primary block: immutable from creation to delivery (RFC 9171 section 4.3.1).

    Args:
        destination: endpoint it is for.
        source: endpoint it is from; may be the null endpoint.
        report_to: endpoint to which status reports go.
        flags: of `BundleFlag`.
        crc_type: of `CrcType`.
        creation: its timestamp.
        lifetime_ms: milliseconds after its creation time after which it is expired.
        fragment: present exactly when the fragment flag is set.
        size_bytes: the length of its encoding, where that is known, else 0.
        id_text: the identity of a whole bundle as text, where that is known.

    Attributes:
        octets: its encoding, where that is known.

    Raises:
        InvalidValue: a field cannot be encoded, or flag and fragment fields disagree.
    """

    __slots__ = (
        "crc_type",
        "creation",
        "destination",
        "flags",
        "fragment",
        "id_text",
        "lifetime_ms",
        "octets",
        "report_to",
        "size_bytes",
        "source",
    )

    def __init__(
        self,
        *,
        destination: Eid,
        source: Eid,
        report_to: Eid,
        flags: int,
        crc_type: int,
        creation: CreationTimestamp,
        lifetime_ms: int,
        fragment: FragmentField | None = None,
        size_bytes: int = 0,
        id_text: str = "",
    ) -> None:
        self.destination: Final = destination
        self.source: Final = source
        self.report_to: Final = report_to
        self.flags: Final = flags
        self.crc_type: Final = crc_type
        self.creation: Final = creation
        self.lifetime_ms: Final = lifetime_ms
        self.fragment: Final = fragment
        self.octets: bytes | None = None
        self.size_bytes = size_bytes
        self.id_text = id_text
        time_ms, sequence = creation
        if (fragment is not None) != (flags & BundleFlag.FRAGMENT):
            raise InvalidValue("fragment", fragment, "stands exactly when flag 0x1 is set")
        if (flags | time_ms | sequence | lifetime_ms) >> 64:  # negative, or more than 64 bits
            _check_uint64("flags", flags)
            _check_uint64("lifetime_ms", lifetime_ms)
            _check_uint64("creation time", time_ms)
            _check_uint64("creation sequence", sequence)
        if not CrcType.NONE <= crc_type <= CrcType.CRC32C:
            raise InvalidValue("CRC type", crc_type, _CRC_TYPES_MEAN)
        if fragment is not None:
            offset, total = fragment
            _check_uint64("total_bytes", total)
            if not 0 <= offset < total:
                raise InvalidValue(
                    "fragment offset", offset, f"must lie within the {total} octets of the whole"
                )

    def with_fields(self, **changed: Any) -> PrimaryBlock:
        """The block with other values in these fields; what is known of its encoding does not go with it."""
        return PrimaryBlock(**dict(zip(_PRIMARY_FIELDS, self._fields(), strict=True)) | changed)

    def _fields(self) -> tuple[Any, ...]:
        return (
            self.destination,
            self.source,
            self.report_to,
            self.flags,
            self.crc_type,
            self.creation,
            self.lifetime_ms,
            self.fragment,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrimaryBlock):
            return NotImplemented
        return self is other or self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return _told("PrimaryBlock", _PRIMARY_FIELDS, self._fields())


class CanonicalBlock:
    """Any block but the primary (RFC 9171 section 4.3.2).

    Args:
        type: of `BlockType`, or unknown.
        number: unique in its bundle, from 1.
        flags: of `BlockFlag`.
        crc_type: of `CrcType`.
        data: the block-type-specific data: the content of its byte string.

    Attributes:
        framing: the octets before and after the data in its encoding, where these are known.
        size_bytes: the length of its encoding, where that is known, else 0.

    Raises:
        InvalidValue: a field cannot be encoded.
    """

    __slots__ = ("crc_type", "data", "flags", "framing", "number", "size_bytes", "type")

    def __init__(self, type: int, number: int, flags: int, crc_type: int, data: bytes) -> None:
        self.type: Final = type
        self.number: Final = number
        self.flags: Final = flags
        self.crc_type: Final = crc_type
        self.data: Final = data
        self.framing: tuple[bytes, bytes] | None = None
        self.size_bytes = 0
        if not 0 < type <= MAX_UINT64:
            raise InvalidValue("block type", type, "must be 1 to 2^64-1 (0 is reserved)")
        if not 0 < number <= MAX_UINT64:
            raise InvalidValue(
                "block number", number, "must be 1 to 2^64-1 (0 means the primary block)"
            )
        if flags >> 64:
            _check_uint64("block flags", flags)
        if not CrcType.NONE <= crc_type <= CrcType.CRC32C:
            raise InvalidValue("CRC type", crc_type, _CRC_TYPES_MEAN)

    def with_fields(self, **changed: Any) -> CanonicalBlock:
        """The block with other values in these fields; what is known of its encoding does not go with it."""
        return CanonicalBlock(**dict(zip(_BLOCK_FIELDS, self._fields(), strict=True)) | changed)

    def _fields(self) -> tuple[Any, ...]:
        return self.type, self.number, self.flags, self.crc_type, self.data

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CanonicalBlock):
            return NotImplemented
        return self is other or self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return _told("CanonicalBlock", _BLOCK_FIELDS, self._fields())


class Bundle:
    """A bundle: the primary block, and the canonical blocks with the payload block last.

    Args:
        primary: the primary block.
        blocks: the others.
        size_bytes: the length of its encoding, where that is known, else 0.

    Raises:
        InvalidValue: no payload block as the last and only one, or a block number used twice.
    """

    __slots__ = ("_id", "blocks", "primary", "size_bytes")

    def __init__(
        self, primary: PrimaryBlock, blocks: tuple[CanonicalBlock, ...], size_bytes: int = 0
    ) -> None:
        self.primary: Final = primary
        self.blocks: Final = blocks
        self.size_bytes = size_bytes
        self._id: BundleId | None = None
        if not blocks or blocks[-1].type != BlockType.PAYLOAD:
            raise InvalidValue(
                "blocks",
                [block.type for block in blocks],
                "the last must be the payload block, type 1",
            )
        if blocks[-1].number != PAYLOAD_NUMBER:
            raise InvalidValue("payload block number", blocks[-1].number, "must be 1")
        fragment = primary.fragment
        if fragment is not None and fragment[0] + len(blocks[-1].data) > fragment[1]:
            raise InvalidValue("payload", len(blocks[-1].data), "the fragment exceeds the whole")
        if len(blocks) > 1:
            _check_numbers(blocks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bundle):
            return NotImplemented
        return self is other or (self.primary == other.primary and self.blocks == other.blocks)

    def __hash__(self) -> int:
        return hash((self.primary, self.blocks))

    def __repr__(self) -> str:
        return _told("Bundle", ("primary", "blocks"), (self.primary, self.blocks))

    @property
    def payload(self) -> bytes:
        """The payload block's data: the application data unit, or a fragment's part of it."""
        return self.blocks[-1].data

    @property
    def id(self) -> BundleId:
        """What the bundle is known by."""
        if self._id is None:
            primary = self.primary
            length = None if primary.fragment is None else len(self.payload)
            self._id = BundleId(primary.source, primary.creation, primary.fragment, length)
        return self._id

    @property
    def id_text(self) -> str:
        """`str(bundle.id)`; that of a whole bundle is written once, however many hops it makes."""
        primary = self.primary
        if primary.fragment is not None:
            return str(self.id)
        if not primary.id_text:
            primary.id_text = str(self.id)
        return primary.id_text

    @property
    def is_administrative(self) -> bool:
        """Whether the payload is an administrative record."""
        return bool(self.primary.flags & BundleFlag.ADMINISTRATIVE_RECORD)

    def block(self, block_type: int) -> CanonicalBlock | None:
        """The first block of this type, or None."""
        for block in self.blocks:
            if block.type == block_type:
                return block
        return None

    def with_block(
        self, block_type: int, data: bytes, *, flags: int = 0, crc_type: int = 0
    ) -> Bundle:
        """The bundle with this data in its block of this type, whose other fields stay.

        Where there is none, one is inserted at the front, under the lowest free number, with
        `flags` and `crc_type`. All other blocks are shared.
        """
        for place, old in enumerate(self.blocks):
            if old.type == block_type:
                new = CanonicalBlock(block_type, old.number, old.flags, old.crc_type, data)
                return Bundle(self.primary, (*self.blocks[:place], new, *self.blocks[place + 1 :]))
        new = CanonicalBlock(block_type, free_number(self.blocks), flags, crc_type, data)
        return Bundle(self.primary, (new, *self.blocks))

    def without_block(self, block_type: int) -> Bundle:
        """The bundle without its blocks of this type; itself if it has none."""
        kept = tuple(block for block in self.blocks if block.type != block_type)
        return self if len(kept) == len(self.blocks) else Bundle(self.primary, kept)


def free_number(blocks: Iterable[CanonicalBlock]) -> int:
    """The lowest block number from 2 that none of these blocks has."""
    taken = {block.number for block in blocks}
    number = PAYLOAD_NUMBER + 1
    while number in taken:
        number += 1
    return number


_PRIMARY_FIELDS = (
    "destination",
    "source",
    "report_to",
    "flags",
    "crc_type",
    "creation",
    "lifetime_ms",
    "fragment",
)
_BLOCK_FIELDS = ("type", "number", "flags", "crc_type", "data")


def _told(name: str, fields: tuple[str, ...], values: tuple[object, ...]) -> str:
    """As a value shows itself."""
    said = ", ".join(f"{key}={value!r}" for key, value in zip(fields, values, strict=True))
    return f"{name}({said})"


def _check_numbers(blocks: tuple[CanonicalBlock, ...]) -> None:
    """Block numbers must differ, and only the last block be a payload block."""
    if len({block.number for block in blocks}) != len(blocks):
        raise InvalidValue("block numbers", [block.number for block in blocks], "must differ")
    for block in blocks[:-1]:
        if block.type == BlockType.PAYLOAD:
            raise InvalidValue(
                "blocks", [block.type for block in blocks], "one payload block and no more"
            )


def _check_uint64(name: str, value: int) -> None:
    if not 0 <= value <= MAX_UINT64:
        raise InvalidValue(name, value, "must be 0 to 2^64-1")
