"""The copy count: how many copies of a bundle the receiver may still make, for strategies that count copies.

Spray-and-wait and its kin (Spyropoulos, Psounis, Raghavendra 2005) give a bundle a number of copies at its source, and
each copy that is handed on takes a part of them along. BPv7 has no field for it, so the part travels in a block of
private use (RFC 9171 section 9.1: types 192 to 255) whose data is one unsigned integer. Nodes that do not know the
block pass it on; to a bundle without it, the receiver has nothing to give away.
"""

from __future__ import annotations

from dtn import cbor
from dtn.errors import MalformedBundle

COPY_COUNT = 221
"""Block type, private use."""

MOST_COPIES = 0xFFFF_FFFF
"""More than any network has nodes."""


def encode_copy_count(tokens: int) -> bytes:
    """The data of the block."""
    return cbor.uint(tokens)


def decode_copy_count(data: bytes) -> int:
    """The copies; none, if the block cannot be read: it is a hint, never a fault."""
    reader = cbor.Reader(data)
    try:
        tokens = reader.uint("copy count")
    except MalformedBundle:
        return 0
    return tokens if reader.at_end() and tokens <= MOST_COPIES else 0
