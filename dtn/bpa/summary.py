"""Routing summaries: what a node's strategy tells a neighbour when a contact begins, as an administrative record.

RFC 9171 section 6.1 numbers the records; this one's number is of private use and its content one byte string, the
strategy's own. Nodes that do not know it ignore it (section 6.2).
"""

from __future__ import annotations

from dtn import cbor
from dtn.administrative_record import UnknownRecord, decode, encode
from dtn.bpa.request import AgentOptions, TransmissionRequest
from dtn.bundle import Bundle, BundleFlag
from dtn.eid import DtnEid, Eid, IpnEid
from dtn.errors import MalformedBundle

ROUTING_SUMMARY = 220
"""Record type, private use."""

EXPEDITED = 2


def summary_for(
    neighbour: str, content: bytes, lifetime_s: float, options: AgentOptions
) -> TransmissionRequest | None:
    """The request to tell a neighbour; None if nobody knows its endpoint."""
    keys = (key for key, name in options.names.items() if name == neighbour)
    key = next(keys, None)
    if key is None:
        return None
    destination: Eid = (
        IpnEid(key >> 32, key & 0xFFFF_FFFF, 0) if isinstance(key, int) else DtnEid(f"//{key}/")
    )
    return TransmissionRequest(
        service="0",
        destination=destination,
        payload=encode(UnknownRecord(ROUTING_SUMMARY, cbor.byte_string(content))),
        lifetime_s=lifetime_s,
        priority=EXPEDITED,
        flow="administrative",
        flags=BundleFlag.ADMINISTRATIVE_RECORD | BundleFlag.MUST_NOT_FRAGMENT,
    )


def summary_in(bundle: Bundle) -> bytes | None:
    """What a neighbour told, if this is such a record."""
    try:
        record = decode(bundle.payload)
        if not isinstance(record, UnknownRecord) or record.type != ROUTING_SUMMARY:
            return None
        return cbor.Reader(record.content).byte_string("routing summary")
    except MalformedBundle:
        return None
