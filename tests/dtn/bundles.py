"""Bundles for tests: as values, as hypothesis strategies, and as octets put together by hand.

What is put together by hand is encoded by cbor2, so that no test of the codec leans on the codec.
"""

import json
from pathlib import Path
from typing import Any

import cbor2
from hypothesis import strategies as st

from dtn.bundle import (
    Bundle,
    BundleFlag,
    CanonicalBlock,
    CreationTimestamp,
    FragmentField,
    PrimaryBlock,
)
from dtn.crc import crc_value
from dtn.eid import NULL_EID, DtnEid, Eid, IpnEid, UnknownEid, parse_eid

DATA = Path(__file__).parent.parent / "data"
VECTORS: dict[str, Any] = json.loads((DATA / "vectors_bpv7.json").read_text())
SECURITY_VECTORS: dict[str, Any] = json.loads((DATA / "vectors_bpsec.json").read_text())

UINT64 = st.integers(0, 2**64 - 1)
UINT32 = st.integers(0, 2**32 - 1)
_REG_NAME = "abcXYZ019-._~!$&'()*+,;="


def a_primary(
    source: str = "ipn:201.1",
    destination: str = "ipn:101.7",
    report_to: str = "ipn:201.0",
    flags: int = 0,
    crc_type: int = 1,
    time_ms: int = 849_312_000_000,
    sequence: int = 3,
    lifetime_ms: int = 86_400_000,
    fragment: FragmentField | None = None,
) -> PrimaryBlock:
    """A primary block with everything as usual, but for what is said."""
    return PrimaryBlock(
        destination=parse_eid(destination),
        source=parse_eid(source),
        report_to=parse_eid(report_to),
        flags=flags | (BundleFlag.FRAGMENT if fragment else 0),
        crc_type=crc_type,
        creation=CreationTimestamp(time_ms, sequence),
        lifetime_ms=lifetime_ms,
        fragment=fragment,
    )


def a_bundle(
    payload: bytes = b"hello", *others: CanonicalBlock, payload_crc: int = 1, **primary: Any
) -> Bundle:
    """A bundle with this payload and these other blocks."""
    last = CanonicalBlock(1, 1, 0, payload_crc, payload)
    return Bundle(a_primary(**primary), (*others, last))


def eids() -> st.SearchStrategy[Eid]:
    """Every kind of endpoint identifier."""
    ipn = st.builds(IpnEid, UINT32, UINT32, UINT64, st.sampled_from((2, 3)))
    small = st.builds(IpnEid, st.just(0), st.integers(0, 300), st.integers(0, 300))
    name = st.text(_REG_NAME, max_size=30)
    demux = st.text([chr(octet) for octet in range(0x21, 0x7F)], max_size=30)
    dtn = st.builds(lambda node, service: DtnEid(f"//{node}/{service}"), name, demux)
    contents = st.sampled_from(([], [1, [2, "x"]], {"a": b"b"}, -1, "text", b"octets", True))
    unknown = st.builds(UnknownEid, st.integers(3, 2**64 - 1), contents.map(cbor2.dumps))
    return st.one_of(small, ipn, dtn, unknown, st.just(NULL_EID))


@st.composite
def bundles(draw: st.DrawFn, max_payload: int = 300) -> Bundle:
    """Any bundle that the codec layer takes, in definite form; not all keep the rules."""
    payload = draw(st.binary(max_size=max_payload))
    fragment = None
    if draw(st.booleans()):
        offset = draw(st.integers(0, 2**63))
        fragment = FragmentField(offset, offset + len(payload) + draw(st.integers(1, 2**20)))
    primary = PrimaryBlock(
        destination=draw(eids()),
        source=draw(eids()),
        report_to=draw(eids()),
        flags=draw(UINT64) & ~1 | (fragment is not None),
        crc_type=draw(st.integers(0, 2)),
        creation=CreationTimestamp(draw(UINT64), draw(UINT64)),
        lifetime_ms=draw(UINT64),
        fragment=fragment,
    )
    numbers = draw(st.lists(st.integers(2, 2**64 - 1), max_size=4, unique=True))
    types = st.integers(13, 2**64 - 1)  # 11 and 12 are security blocks, whose content is judged
    data = st.binary(max_size=40)
    others = [
        CanonicalBlock(draw(types), number, draw(UINT64), draw(st.integers(0, 2)), draw(data))
        for number in numbers
    ]
    last = CanonicalBlock(1, 1, draw(UINT64), draw(st.integers(0, 2)), payload)
    return Bundle(primary, (*others, last))


def seal(*items: bytes, crc_type: int = 0, indefinite: bool = False) -> bytes:
    """A block of these encoded items, and its CRC where there is one."""
    size = (0, 2, 4)[crc_type]
    count = len(items) + bool(size)
    head = b"\x9f" if indefinite else bytes((0x80 + count,))
    tail = b"\xff" if indefinite else b""
    body = head + b"".join(items)
    if not size:
        return body + tail
    body += bytes((0x40 + size,))
    return body + crc_value(crc_type, body + bytes(size) + tail) + tail


PRIMARY_FIELDS = (7, 0, 1, [2, [101, 7]], [2, [201, 1]], [2, [201, 0]], [849312000000, 3], 86400000)
PAYLOAD_FIELDS = (1, 1, 0, 1, b"hello")


def block_octets(fields: tuple[Any, ...], crc_at: int, *, indefinite: bool = False) -> bytes:
    """A block of these fields; a field that is a `Raw` stands as it is."""
    crc_type = fields[crc_at] if fields[crc_at] in (1, 2) else 0
    items = [field.octets if isinstance(field, Raw) else cbor2.dumps(field) for field in fields]
    return seal(*items, crc_type=crc_type, indefinite=indefinite)


class Raw:
    """Octets that stand in the place of a field."""

    def __init__(self, text: str) -> None:
        self.octets = bytes.fromhex(text)

    def __repr__(self) -> str:
        return f"Raw({self.octets.hex()})"


def primary_octets(*, indefinite: bool = False, **changed: Any) -> bytes:
    """A primary block, with these fields changed: `f0` the version to `f9`."""
    fields = list(PRIMARY_FIELDS)
    for name, value in sorted(changed.items()):
        place = int(name[1:])
        fields[place : place + 1] = [value]
    return block_octets(tuple(fields), 2, indefinite=indefinite)


def canonical_octets(
    block_type: Any = 1,
    number: Any = 1,
    flags: Any = 0,
    crc_type: Any = 1,
    data: Any = b"hello",
    *,
    indefinite: bool = False,
) -> bytes:
    """A canonical block of these fields."""
    fields = (block_type, number, flags, crc_type, data)
    return block_octets(fields, 3, indefinite=indefinite)


def bundle_octets(*blocks: bytes) -> bytes:
    """A bundle of these encoded blocks; without any, of the usual ones."""
    return b"\x9f" + b"".join(blocks or (primary_octets(), canonical_octets())) + b"\xff"
