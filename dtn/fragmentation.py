"""Fragmentation and reassembly.

Source: RFC 9171 section 5.8 (fragmentation) and 5.9 (reassembly).

A fragment is a bundle whose payload is a piece of the original application data unit; its offset
counts from the start of that unit, also if what was fragmented was a fragment already. The fragment
with offset 0 carries all blocks; every other one those whose flags ask to be replicated and, as
every fragment travels on its own, Bundle Age, Hop Count and quality of service.

Reassembly goes by material extents: of each fragment counts what no earlier one has brought, so
that duplicates and overlaps do no harm. Fragments belong together that have one source (compared
as decoded), one creation timestamp and one total length. Nothing is allocated by the total that
they claim, only by what they bring.

Refused: to fragment a bundle that must not be, or below the size that its blocks need.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable

from dtn import codec
from dtn.bundle import (
    BlockFlag,
    BlockType,
    Bundle,
    BundleFlag,
    CanonicalBlock,
    CrcType,
    CreationTimestamp,
    FragmentField,
)
from dtn.eid import Eid
from dtn.errors import InvalidValue

_IN_EVERY_FRAGMENT = (BlockType.BUNDLE_AGE, BlockType.HOP_COUNT, BlockType.QUALITY_OF_SERVICE)
# The longest string that a head of so many octets can announce.
_LONGEST_BY_HEAD = ((1, 23), (2, 0xFF), (3, 0xFFFF), (5, 0xFFFF_FFFF), (9, 0xFFFF_FFFF_FFFF_FFFF))

FragmentKey = tuple[Eid, CreationTimestamp, int]
"""What fragments of one unit have in common: source, timestamp, total length."""


def may_fragment(bundle: Bundle) -> bool:
    """Whether the bundle may be fragmented at all (RFC 9171 section 5.8, 4.2.3)."""
    primary = bundle.primary
    return not (
        primary.flags & BundleFlag.MUST_NOT_FRAGMENT
        or primary.source.is_null
        or len(bundle.payload) < 2
    )


def fragment(bundle: Bundle, max_bytes: int) -> tuple[Bundle, ...]:
    """The bundle in pieces, each of which encodes to at most `max_bytes`; itself alone if it fits.

    Raises:
        InvalidValue: it must not be fragmented, or `max_bytes` leaves no room for payload.
    """
    if codec.encoded_size(bundle) <= max_bytes:
        return (bundle,)
    if not may_fragment(bundle):
        raise InvalidValue("bundle", str(bundle.id), f"exceeds {max_bytes} octets, must stay whole")
    payload = bundle.payload
    start = 0
    pieces: list[Bundle] = []
    while start < len(payload):
        room = _room(_piece(bundle, start, b""), max_bytes)
        if room < 1:
            raise InvalidValue(
                "max_bytes", max_bytes, "leaves no room beside the blocks' own octets"
            )
        pieces.append(_piece(bundle, start, payload[start : start + room]))
        start += room
    return tuple(pieces)


def split(bundle: Bundle, first_bytes: int) -> tuple[Bundle, Bundle]:
    """The bundle in two (RFC 9171 section 5.8): as much as encodes to `first_bytes`, and the rest.

    Raises:
        InvalidValue: it must not be fragmented, fits whole, or `first_bytes` leaves no room for payload.
    """
    if not may_fragment(bundle):
        raise InvalidValue("bundle", str(bundle.id), "must stay whole")
    payload = bundle.payload
    room = _room(_piece(bundle, 0, b""), first_bytes)
    if not 0 < room < len(payload):
        raise InvalidValue("first_bytes", first_bytes, "leaves nothing for one of the two")
    return _piece(bundle, 0, payload[:room]), _piece(bundle, room, payload[room:])


def _piece(bundle: Bundle, start: int, data: bytes) -> Bundle:
    """The fragment of this bundle that begins `start` octets into its payload."""
    primary = bundle.primary
    whole = primary.fragment or FragmentField(0, len(bundle.payload))
    # The integrity block that stood in for a CRC stays with the first fragment (section 4.3.1).
    crc_type = CrcType.CRC32C if start and primary.crc_type == CrcType.NONE else primary.crc_type
    piece_primary = primary.with_fields(
        crc_type=crc_type,
        flags=primary.flags | BundleFlag.FRAGMENT,
        fragment=FragmentField(whole.offset_bytes + start, whole.total_bytes),
    )
    others = bundle.blocks[:-1]
    if start:
        others = tuple(
            block
            for block in others
            if block.flags & BlockFlag.REPLICATE or block.type in _IN_EVERY_FRAGMENT
        )
    return Bundle(piece_primary, (*others, bundle.blocks[-1].with_fields(data=data)))


def _room(empty: Bundle, max_bytes: int) -> int:
    """How much payload fits into this bundle, which has none yet."""
    left = max_bytes - (codec.encoded_size(empty) - 1)  # the head of the payload counts below
    return max(min(left - head_bytes, longest) for head_bytes, longest in _LONGEST_BY_HEAD)


class Reassembly:
    """Fragments of one application data unit on their way to be whole again.

    `add` each as it comes; `covered_bytes` of `total_bytes` are there.
    """

    __slots__ = ("_extents", "_first", "covered_bytes", "key", "total_bytes")

    def __init__(self, key: FragmentKey) -> None:
        self.key = key
        self.total_bytes = key[2]
        self.covered_bytes = 0
        self._extents: list[tuple[int, bytes]] = []  # material, by offset, disjoint
        self._first: Bundle | None = None

    def add(self, piece: Bundle) -> bool:
        """Take a fragment; returns whether it brought anything new.

        Raises:
            InvalidValue: it belongs to another unit, or is no fragment.
        """
        if fragment_key(piece) != self.key:
            raise InvalidValue("fragment", str(piece.id), f"is no piece of {self.key}")
        field = piece.primary.fragment
        assert field is not None
        new = self._material(field.offset_bytes, piece.payload)
        for extent in new:
            insort(self._extents, extent)
            self.covered_bytes += len(extent[1])
        if field.offset_bytes == 0 and self._first is None:
            self._first = piece
        return bool(new)

    def _material(self, start: int, data: bytes) -> list[tuple[int, bytes]]:
        """The parts of these octets that are not there yet (RFC 9171 section 5.9)."""
        end = start + len(data)
        extents = self._extents
        place = max(bisect_right(extents, start, key=_offset_of) - 1, 0)
        at = start
        new = []
        while at < end:
            if place == len(extents) or extents[place][0] >= end:
                new.append((at, data[at - start :]))
                break
            there, held = extents[place]
            if at < there:
                new.append((at, data[at - start : there - start]))
            at = max(at, there + len(held))
            place += 1
        return new

    def whole(self) -> Bundle | None:
        """The bundle, once every octet and the fragment with offset 0 are there."""
        first = self._first
        if first is None or self.covered_bytes < self.total_bytes:
            return None
        payload = b"".join(data for _, data in self._extents)
        primary = first.primary.with_fields(
            flags=first.primary.flags & ~BundleFlag.FRAGMENT, fragment=None
        )
        last: CanonicalBlock = first.blocks[-1].with_fields(data=payload)
        return Bundle(primary, (*first.blocks[:-1], last))


def fragment_key(piece: Bundle) -> FragmentKey:
    """What a fragment has in common with the others of its unit.

    Raises:
        InvalidValue: it is no fragment.
    """
    primary = piece.primary
    if primary.fragment is None:
        raise InvalidValue("fragment", str(piece.id), "is a whole bundle")
    return (primary.source, primary.creation, primary.fragment.total_bytes)


def reassemble(fragments: Iterable[Bundle]) -> Bundle | None:
    """The bundle that these fragments make up, earlier ones winning where they overlap.

    Fragments of several units are kept apart; the first unit that is whole is returned, and None if
    none is.

    Raises:
        InvalidValue: one of them is a whole bundle.
    """
    units: dict[FragmentKey, Reassembly] = {}
    for piece in fragments:
        key = fragment_key(piece)
        units.setdefault(key, Reassembly(key)).add(piece)
    return next((whole for unit in units.values() if (whole := unit.whole()) is not None), None)


def _offset_of(extent: tuple[int, bytes]) -> int:
    return extent[0]
