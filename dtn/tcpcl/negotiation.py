"""SESS_INIT: what this end says of itself, and what it makes of the peer's.

Source: RFC 9174 sections 4.6 to 4.8.
"""

from __future__ import annotations

from dtn.eid import parse_eid
from dtn.errors import InvalidValue
from dtn.tcpcl.extension import read_extensions
from dtn.tcpcl.message import SessionInit
from dtn.tcpcl.options import SessionOptions


def offer(options: SessionOptions) -> SessionInit:
    """What this end takes."""
    return SessionInit(
        options.keepalive_s,
        options.segment_mru_bytes,
        options.transfer_mru_bytes,
        options.node_id,
    )


def objection(init: SessionInit, expected_node_id: str) -> str:
    """Why there can be no session with a peer that says this; empty if there can."""
    items = read_extensions(init.extensions)
    if items is None:
        return "session extensions cannot be read"
    if any(item.is_critical for item in items):
        return "critical session extension"  # none is known (§4.8)
    if init.segment_mru_bytes == 0:
        return "peer takes no segments"
    if not _may_be(init.node_id, expected_node_id):
        return f"peer is {init.node_id!r}"
    return ""


def _may_be(node_id: str, expected_node_id: str) -> bool:
    """Whether the peer may be who it says (an identifier of "this node" says nobody)."""
    try:
        peer = parse_eid(node_id)
    except InvalidValue:
        return not expected_node_id
    if peer.is_local_node:
        return False
    return not expected_node_id or peer.node == parse_eid(expected_node_id).node
