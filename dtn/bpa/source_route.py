"""The source route: the contacts that a bundle is to take after the next one, for strategies that plan at the source.

Moderate source routing (Caini, Castellini, Persampieri 2022 and ION's implementations) lets the route found at the
source travel along; a node follows it while it can be followed and else routes by itself. BPv7 has no field for it:
a block of private use (RFC 9171 section 9.1: types 192 to 255) holds an array of numbers, two for each contact: the
fully qualified number of the node it leads to and its start in milliseconds of DTN time. Nodes that do not know the
block pass it on.
"""

from __future__ import annotations

from dtn import cbor
from dtn.errors import MalformedBundle

SOURCE_ROUTE = 222
"""Block type, private use."""

MOST_HOPS = 255

Hops = tuple[tuple[int, int], ...]
"""Where each contact leads to, and its start."""


def encode_source_route(hops: Hops) -> bytes:
    """The data of the block."""
    numbers = [number for hop in hops for number in hop]
    return cbor.head(4, len(numbers)) + b"".join(map(cbor.uint, numbers))


def decode_source_route(data: bytes) -> Hops:
    """The hops; none, if the block cannot be read: it is a hint, never a fault."""
    reader = cbor.Reader(data)
    try:
        count = reader.array("source route")
        if count % 2 or not 0 <= count <= 2 * MOST_HOPS:
            return ()
        hops = tuple(
            (reader.uint("node number"), reader.uint("contact start")) for _ in range(count // 2)
        )
        return hops if reader.at_end() else ()
    except MalformedBundle:
        return ()
