"""The abstract security block: the data of integrity (11) and confidentiality blocks (12).

Source: RFC 9172 section 3.6. A sequence of CBOR items, in no outer array:

    targets      array of block numbers, at least one, each once; 0 is the primary block
    context      the security context: BIB-HMAC-SHA2 1, BCB-AES-GCM 2; negative: local use
    flags        bit 0: parameters follow; the others are ignored
    source       the endpoint of the node that added the block
    parameters   array of [id, value], if flagged
    results      array with one array of [id, value] for each target, in the targets' order

It is deterministically encoded, with definite lengths throughout (RFC 9172 section 4). Values are kept
as the octets of their item: what they mean is the context's affair. RFC 9173 has two kinds, unsigned
integers and byte strings.

Refused: everything that would not come out the same when encoded again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from dtn import cbor
from dtn.eid import Eid, encode_eid, read_eid
from dtn.errors import MalformedBundle

PARAMETERS_PRESENT = 0x1
_INDEFINITE_INFO = 31
_NEGATIVE, _BYTES, _TEXT = 1, 2, 3


class Entry(NamedTuple):
    """A parameter or a result: its number in the security context, and the octets of its value."""

    id: int
    value: bytes


class AbstractSecurityBlock(NamedTuple):
    """What a security block says.

    Args:
        targets: numbers of the blocks that it protects.
        context: number of the security context.
        source: who added it.
        parameters: of the context; None where they are not flagged as present.
        results: for each target, in their order.
        other_flags: flags but for bit 0, as they came.
    """

    targets: tuple[int, ...]
    context: int
    source: Eid
    parameters: tuple[Entry, ...] | None
    results: tuple[tuple[Entry, ...], ...]
    other_flags: int = 0

    @property
    def parameter_ids(self) -> frozenset[int]:
        """The numbers of the parameters that are there."""
        return frozenset(entry.id for entry in self.parameters or ())

    def has_parameter(self, number: int) -> bool:
        """Whether a parameter is there."""
        return _value_of(self.parameters or (), number) is not None

    def uint_parameter(self, number: int, default: int) -> int | None:
        """The unsigned integer that a parameter is; the default if it is not there, None if it is none."""
        value = _value_of(self.parameters or (), number)
        return default if value is None else _uint_of(value)

    def octets_parameter(self, number: int) -> bytes | None:
        """The content of the byte string that a parameter is; None if it is not there, or none."""
        value = _value_of(self.parameters or (), number)
        return None if value is None else _octets_of(value)

    def has_result(self, target: int, number: int) -> bool:
        """Whether a result for a target is there."""
        return _value_of(self.results[self.targets.index(target)], number) is not None

    def octets_result(self, target: int, number: int) -> bytes | None:
        """The content of the byte string that a result is; None if it is not there, or none."""
        value = _value_of(self.results[self.targets.index(target)], number)
        return None if value is None else _octets_of(value)

    def without(self, target: int) -> AbstractSecurityBlock:
        """The block without the operation on this target; it may be left without any."""
        place = self.targets.index(target)
        return self._replace(
            targets=self.targets[:place] + self.targets[place + 1 :],
            results=self.results[:place] + self.results[place + 1 :],
        )


def encode(block: AbstractSecurityBlock) -> bytes:
    """The block-type-specific data."""
    flags = block.other_flags & ~PARAMETERS_PRESENT
    parts = [cbor.head(4, len(block.targets)), *map(cbor.uint, block.targets)]
    parts.append(_encode_integer(block.context))
    if block.parameters is None:
        parts += (cbor.uint(flags), encode_eid(block.source))
    else:
        parts += (cbor.uint(flags | PARAMETERS_PRESENT), encode_eid(block.source))
        parts.append(_encode_entries(block.parameters))
    parts.append(cbor.head(4, len(block.results)))
    parts += map(_encode_entries, block.results)
    return b"".join(parts)


@lru_cache(maxsize=64)
def decode(data: bytes) -> AbstractSecurityBlock:
    """What this data says; remembered for a while, as a block is read several times while its bundle is examined.

    Raises:
        MalformedBundle: layer bpsec.
    """
    reader = cbor.Reader(data)
    try:
        block = _read(reader)
    except MalformedBundle as fault:
        raise MalformedBundle("bpsec", f"{fault.layer}: {fault.reason}", fault.offset) from None
    if not block.targets:
        raise MalformedBundle("bpsec", "a security block without a target")
    if len(set(block.targets)) != len(block.targets):
        raise MalformedBundle("bpsec", "a security block names a target twice")
    if len(block.results) != len(block.targets):
        raise MalformedBundle(
            "bpsec", f"{len(block.targets)} targets, {len(block.results)} results"
        )
    return block


def _read(reader: cbor.Reader) -> AbstractSecurityBlock:
    targets = tuple(reader.uint("target") for _ in range(_count(reader, "targets")))
    context = _read_integer(reader, "security context")
    flags = reader.uint("security context flags")
    start = reader.at
    source = read_eid(reader, "security source")
    if encode_eid(source) != reader.octets[start : reader.at]:
        reader.fail("encoding", "the security source is not deterministically encoded")
    parameters = _read_entries(reader, "parameter") if flags & PARAMETERS_PRESENT else None
    results = tuple(_read_entries(reader, "result") for _ in range(_count(reader, "results")))
    if not reader.at_end():
        reader.fail("cbor", "octets stand behind the security block")
    return AbstractSecurityBlock(
        targets, context, source, parameters, results, flags & ~PARAMETERS_PRESENT
    )


def _count(reader: cbor.Reader, name: str) -> int:
    """The head of an array of definite length; each item takes an octet at least."""
    count = reader.array(name)
    if count == cbor.INDEFINITE:
        reader.fail("encoding", f"{name} must be of definite length")
    if count > len(reader.octets):
        reader.fail("cbor", f"{name} are cut off")
    return count


def _read_entries(reader: cbor.Reader, name: str) -> tuple[Entry, ...]:
    entries = []
    for _ in range(_count(reader, f"{name}s")):
        if _count(reader, name) != 2:
            reader.fail("codec", f"a {name} must be an array of 2")
        number = reader.uint(f"{name} id")
        value = reader.skip_item(name)
        if not _is_definite(value):
            reader.fail("encoding", f"a {name} must be of definite length")
        entries.append(Entry(number, value))
    if len({entry.id for entry in entries}) != len(entries):
        reader.fail("codec", f"a {name} stands twice")
    return tuple(entries)


def _is_definite(item: bytes) -> bool:
    """Whether a well-formed item has no part of indefinite length: walks from head to head."""
    at = 0
    while at < len(item):
        major, info = item[at] >> 5, item[at] & 0x1F
        if info == _INDEFINITE_INFO:
            return False
        wide = 1 << info - 24 if info >= 24 else 0
        argument = int.from_bytes(item[at + 1 : at + 1 + wide], "big") if wide else info
        at += 1 + wide + (argument if major in (_BYTES, _TEXT) else 0)
    return True


def _read_integer(reader: cbor.Reader, name: str) -> int:
    if reader.peek() >> 5 != _NEGATIVE:
        return reader.uint(name)
    octets = reader.skip_item(name)
    return -1 - cbor.uint_value(bytes((octets[0] & 0x1F,)) + octets[1:])


def _encode_integer(value: int) -> bytes:
    return cbor.uint(value) if value >= 0 else cbor.head(_NEGATIVE, -1 - value)


def _encode_entries(entries: tuple[Entry, ...]) -> bytes:
    parts = [cbor.head(4, len(entries))]
    for entry in entries:
        parts += (b"\x82", cbor.uint(entry.id), entry.value)
    return b"".join(parts)


def _value_of(entries: tuple[Entry, ...], number: int) -> bytes | None:
    return next((entry.value for entry in entries if entry.id == number), None)


def _uint_of(value: bytes) -> int | None:
    reader = cbor.Reader(value)
    try:
        number = reader.uint("value")
    except MalformedBundle:
        return None
    return number if reader.at_end() else None


def _octets_of(value: bytes) -> bytes | None:
    reader = cbor.Reader(value)
    try:
        octets = reader.byte_string("value")
    except MalformedBundle:
        return None
    return octets if reader.at_end() else None
