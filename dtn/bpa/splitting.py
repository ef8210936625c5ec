"""Proactive fragmentation (RFC 9171 section 5.8): what no remaining contact can take whole becomes two fragments.

The first is as large as the contacts allow; the rest is a bundle like any other, and may become two in its turn.
"""

from __future__ import annotations

from dtn.bpa.records import Records
from dtn.fragmentation import may_fragment, split
from dtn.routing.engine import RoutingEngine
from dtn.routing.room import SMALLEST_BYTES, room_bytes
from dtn.stored_bundle import StoredBundle


def two_of(
    record: StoredBundle, leaving_bytes: int, routing: RoutingEngine, records: Records, now_s: float
) -> tuple[StoredBundle, ...]:
    """The two fragments that take a bundle's place; none if it had better stay whole.

    Args:
        record: a bundle about which routing has just been asked.
        leaving_bytes: its encoded size as it would leave.
        routing: the node's.
        records: the node's.
        now_s: the present.
    """
    if record.sending or not may_fragment(record.bundle):
        return ()
    room = room_bytes(routing, record, leaving_bytes, now_s)
    if not SMALLEST_BYTES <= room < record.size_bytes:
        return ()
    return tuple(records.piece(piece, record) for piece in split(record.bundle, int(room)))
