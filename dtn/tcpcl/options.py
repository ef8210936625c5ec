"""SessionOptions: what one end of a TCPCL session offers and demands."""

from __future__ import annotations

from dataclasses import dataclass

from dtn.eid import parse_eid
from dtn.errors import InvalidValue

LONGEST_WAIT_S = 60.0
"""The most a contact timeout may be (RFC 9174 §4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How one end is set up.

    Args:
        node_id: an endpoint of this node, as text; empty says nothing.
        expected_node_id: an endpoint of the only node that may be at the other end; empty: any.
        keepalive_s: interval offered; the smaller of both holds, 0 is none.
        segment_mru_bytes: the longest segment taken.
        transfer_mru_bytes: the longest bundle taken.
        segment_bytes: the longest segment sent, if the peer takes it.
        window_bytes: segments given to the connection before it asks for more.
        contact_timeout_s: from the connection to the session.
        ending_timeout_s: without progress, from SESS_TERM to the end.
        acknowledgement_timeout_s: without any, while bundles are on their way.
        can_tls: whether TLS is offered.
        requires_tls: whether a session without it is refused.
        first_transfer: identifier of the first transfer.

    Raises:
        InvalidValue: a field cannot be what it claims.
    """

    node_id: str
    expected_node_id: str = ""
    keepalive_s: int = 30
    segment_mru_bytes: int = 2**20
    transfer_mru_bytes: int = 2**28
    segment_bytes: int = 2**16
    window_bytes: int = 2**18
    contact_timeout_s: float = 30.0
    ending_timeout_s: float = 10.0
    acknowledgement_timeout_s: float = 120.0
    can_tls: bool = False
    requires_tls: bool = False
    first_transfer: int = 0

    def __post_init__(self) -> None:
        for key in ("node_id", "expected_node_id"):
            text = getattr(self, key)
            if text and (parse_eid(text).node is None or parse_eid(text).is_local_node):
                raise InvalidValue(key, text, "must name a node, such as ipn:7.0")
        if not 0 <= self.keepalive_s <= 0xFFFF:
            raise InvalidValue("keepalive_s", self.keepalive_s, "must be 0 to 65535")
        for key in ("segment_mru_bytes", "transfer_mru_bytes", "segment_bytes", "window_bytes"):
            if getattr(self, key) <= 0:
                raise InvalidValue(key, getattr(self, key), "must be positive")
        if not 0 < self.contact_timeout_s <= LONGEST_WAIT_S:
            raise InvalidValue("contact_timeout_s", self.contact_timeout_s, "must be 0 to 60")
        if self.requires_tls and not self.can_tls:
            raise InvalidValue("requires_tls", True, "needs can_tls too")
