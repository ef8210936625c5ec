"""The route record: which nodes a bundle has visited, so that no node sends it round in circles.

Each node of contact graph routing knows only its own queues and bookings. Where many share a plan, each may find that
another would do better, and a bundle goes round: in the common 20-node scenario of the benchmarks a fifth of all hops,
without a record, are such revisits. So a bundle carries the numbers of the nodes that had it, as an array of fully
qualified node numbers in a block of private use (RFC 9171 section 9.1: types 192 to 255), and routing avoids them while
there is any other way. Nodes that do not know the block pass it on.
"""

from __future__ import annotations

from dtn import cbor
from dtn.errors import MalformedBundle

ROUTE_RECORD = 220
"""Block type, private use."""

MOST_NODES = 255
"""No hop limit allows more."""


def encode_route_record(nodes: tuple[int, ...]) -> bytes:
    """The data of the block: fully qualified node numbers in order of visit."""
    return cbor.head(4, len(nodes)) + b"".join(map(cbor.uint, nodes))


def decode_route_record(data: bytes) -> tuple[int, ...]:
    """Who has had the bundle; nobody, if the block cannot be read: it is a hint, never a fault."""
    reader = cbor.Reader(data)
    try:
        count = reader.array("route record")
        if not 0 <= count <= MOST_NODES:
            return ()
        nodes = tuple(reader.uint("node number") for _ in range(count))
        return nodes if reader.at_end() else ()
    except MalformedBundle:
        return ()
