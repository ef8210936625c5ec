"""The bundle and its blocks as values.

Source: RFC 9171 section 4: primary block (4.3.1), canonical blocks (4.3.2), processing flags
(4.2.3, 4.2.4), creation timestamp (4.2.7).

A bundle never changes: what a node changes (hop count, age, previous node) are whole blocks, and
`Bundle.with_block` makes a new bundle that shares the others. Each block may carry what its
encoding was beside it (`octets`, `framing`, `size_bytes`: filled by `dtn.codec`, no part of
comparisons, not copied by `dataclasses.replace`). So the blocks that a node does not touch are sent
on as they came, and only those that changed are encoded again; the payload's octets are held once.

Refused: a bundle without exactly one payload block, last, number 1; block numbers used twice; a
fragment flag without its fields or the reverse; a fragment that reaches past
its whole (RFC 9171 4.1, 4.3.1, 5.9).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from dtn.eid import MAX_UINT64, Eid
from dtn.errors import InvalidValue


class BundleFlag:
    """Bundle processing control flags (RFC 9171 section 4.2.3); others are kept, not acted on."""

    FRAGMENT = 0x1
    ADMINISTRATIVE_RECORD = 0x2
    MUST_NOT_FRAGMENT = 0x4
    ACKNOWLEDGEMENT_REQUESTED = 0x20
    STATUS_TIME_REQUESTED = 0x40
    REPORT_RECEPTION = 0x4000
    REPORT_FORWARDING = 0x10000
    REPORT_DELIVERY = 0x20000
    REPORT_DELETION = 0x40000
    ANY_REPORT = REPORT_RECEPTION | REPORT_FORWARDING | REPORT_DELIVERY | REPORT_DELETION


class BlockFlag:
    """Block processing control flags (RFC 9171 section 4.2.4); others are kept, not acted on."""

    REPLICATE = 0x1
    REPORT_IF_UNPROCESSED = 0x2
    DELETE_BUNDLE_IF_UNPROCESSED = 0x4
    DISCARD_IF_UNPROCESSED = 0x10


class BlockType:
    """Block type codes (RFC 9171 section 9.1, RFC 9172 section 11.1; 193 as ION sends it)."""

    PAYLOAD = 1
    PREVIOUS_NODE = 6
    BUNDLE_AGE = 7
    HOP_COUNT = 10
    BLOCK_INTEGRITY = 11
    BLOCK_CONFIDENTIALITY = 12
    QUALITY_OF_SERVICE = 193


class CrcType:
    """CRC types (RFC 9171 section 4.2.1)."""

    NONE = 0
    CRC16_X25 = 1
    CRC32C = 2


class _PrimaryDraft:
    """A primary block while it is filled in.

    A frozen dataclass sets its fields by object.__setattr__, which takes several times as long as an assignment. Where
    hundreds of thousands are made of what is known to be good, a draft with the same slots is filled in and then
    becomes the block.
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
    crc_type: int
    creation: CreationTimestamp
    destination: Eid
    flags: int
    fragment: None
    id_text: str
    lifetime_ms: int
    octets: None
    report_to: Eid
    size_bytes: int
    source: Eid


class _BundleDraft:
    """A bundle while it is filled in."""

    __slots__ = ("_id", "blocks", "primary", "size_bytes")
    _id: None
    blocks: tuple[CanonicalBlock, ...]
    primary: PrimaryBlock
    size_bytes: int


PAYLOAD_NUMBER = 1
"""The payload block's number, always (RFC 9171 section 4.1); the primary block counts as 0."""


_CRC_TYPES = (CrcType.NONE, CrcType.CRC16_X25, CrcType.CRC32C)
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


@dataclass(frozen=True, slots=True, kw_only=True)
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

    Attributes:
        octets: its encoding, where that is known.
        size_bytes: the length of its encoding, where that is known, else 0.
        id_text: the identity of a whole bundle as text, once it has been asked for.

    Raises:
        InvalidValue: a field cannot be encoded, or flag and fragment fields disagree.
    """

    destination: Eid
    source: Eid
    report_to: Eid
    flags: int
    crc_type: int
    creation: CreationTimestamp
    lifetime_ms: int
    fragment: FragmentField | None = None
    octets: bytes | None = field(default=None, init=False, repr=False, compare=False)
    size_bytes: int = field(default=0, init=False, repr=False, compare=False)
    id_text: str = field(default="", init=False, repr=False, compare=False)

    @classmethod
    def of_checked(
        cls,
        destination: Eid,
        source: Eid,
        report_to: Eid,
        crc_type: int,
        creation: CreationTimestamp,
        lifetime_ms: int,
        id_text: str,
        size_bytes: int,
    ) -> PrimaryBlock:
        """That of a whole bundle without flags, of fields that are known to be good: nothing is checked again.

        Args:
            destination: as above, and so on.
            source: its source.
            report_to: where reports go.
            crc_type: of `CrcType`.
            creation: its timestamp.
            lifetime_ms: as above.
            id_text: its bundle's identity as text.
            size_bytes: the length of its encoding.
        """
        draft = _PrimaryDraft()
        draft.destination = destination
        draft.source = source
        draft.report_to = report_to
        draft.flags = 0
        draft.crc_type = crc_type
        draft.creation = creation
        draft.lifetime_ms = lifetime_ms
        draft.fragment = None
        draft.octets = None
        draft.size_bytes = size_bytes
        draft.id_text = id_text
        draft.__class__ = cls  # type: ignore[assignment]
        return draft  # type: ignore[return-value]

    def __post_init__(self) -> None:
        flags, fragment = self.flags, self.fragment
        time_ms, sequence = self.creation
        if (fragment is not None) != (flags & BundleFlag.FRAGMENT):
            raise InvalidValue("fragment", fragment, "stands exactly when flag 0x1 is set")
        if (flags | time_ms | sequence | self.lifetime_ms) >> 64:  # negative, or more than 64 bits
            for name in ("flags", "lifetime_ms"):
                _check_uint64(name, getattr(self, name))
            _check_uint64("creation time", time_ms)
            _check_uint64("creation sequence", sequence)
        if self.crc_type not in _CRC_TYPES:
            raise InvalidValue("CRC type", self.crc_type, _CRC_TYPES_MEAN)
        if fragment is not None:
            offset, total = fragment
            _check_uint64("total_bytes", total)
            if not 0 <= offset < total:
                raise InvalidValue(
                    "fragment offset", offset, f"must lie within the {total} octets of the whole"
                )


@dataclass(frozen=True, slots=True)
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

    type: int
    number: int
    flags: int
    crc_type: int
    data: bytes
    framing: tuple[bytes, bytes] | None = field(default=None, init=False, repr=False, compare=False)
    size_bytes: int = field(default=0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.type <= MAX_UINT64:
            raise InvalidValue("block type", self.type, "must be 1 to 2^64-1 (0 is reserved)")
        if not 0 < self.number <= MAX_UINT64:
            raise InvalidValue(
                "block number", self.number, "must be 1 to 2^64-1 (0 means the primary block)"
            )
        if self.flags >> 64:
            _check_uint64("block flags", self.flags)
        if self.crc_type not in _CRC_TYPES:
            raise InvalidValue("CRC type", self.crc_type, _CRC_TYPES_MEAN)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle: the primary block, and the canonical blocks with the payload block last.

    Raises:
        InvalidValue: no payload block as the last and only one, or a block number used twice.
    """

    primary: PrimaryBlock
    blocks: tuple[CanonicalBlock, ...]
    _id: BundleId | None = field(default=None, init=False, repr=False, compare=False)
    size_bytes: int = field(default=0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        blocks = self.blocks
        if not blocks or blocks[-1].type != BlockType.PAYLOAD:
            raise InvalidValue(
                "blocks",
                [block.type for block in blocks],
                "the last must be the payload block, type 1",
            )
        if blocks[-1].number != PAYLOAD_NUMBER:
            raise InvalidValue("payload block number", blocks[-1].number, "must be 1")
        fragment = self.primary.fragment
        if fragment is not None and fragment[0] + len(blocks[-1].data) > fragment[1]:
            raise InvalidValue("payload", len(blocks[-1].data), "the fragment exceeds the whole")
        if len(blocks) > 1:
            if len({block.number for block in blocks}) != len(blocks):
                raise InvalidValue(
                    "block numbers", [block.number for block in blocks], "must differ"
                )
            for block in blocks[:-1]:
                if block.type == BlockType.PAYLOAD:
                    raise InvalidValue(
                        "blocks", [block.type for block in blocks], "one payload block and no more"
                    )

    @classmethod
    def of_checked(
        cls, primary: PrimaryBlock, blocks: tuple[CanonicalBlock, ...], size_bytes: int = 0
    ) -> Bundle:
        """A bundle of parts that are known to fit, and its encoded size if known: nothing is checked again."""
        draft = _BundleDraft()
        draft.primary = primary
        draft.blocks = blocks
        draft._id = None
        draft.size_bytes = size_bytes
        draft.__class__ = cls  # type: ignore[assignment]
        return draft  # type: ignore[return-value]

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
            object.__setattr__(
                self, "_id", BundleId(primary.source, primary.creation, primary.fragment, length)
            )
            assert self._id is not None
        return self._id

    @property
    def id_text(self) -> str:
        """`str(bundle.id)`; that of a whole bundle is written once, however many hops it makes."""
        primary = self.primary
        if primary.fragment is not None:
            return str(self.id)
        if not primary.id_text:
            object.__setattr__(primary, "id_text", str(self.id))
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


def _check_uint64(name: str, value: int) -> None:
    if not 0 <= value <= MAX_UINT64:
        raise InvalidValue(name, value, "must be 0 to 2^64-1")
