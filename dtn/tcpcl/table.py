"""The states of a TCPCLv4 session, what leads from one to the next, and which messages each takes.

Source: RFC 9174 sections 3.1 and 4 to 6. The active side (which made the TCP connection) and the
passive one share this table; they differ only in who speaks first.
"""

from __future__ import annotations

from enum import Enum

from dtn.tcpcl.message import MessageType


class State(Enum):
    """Where a session stands."""

    IDLE = "made, not connected"
    CONTACT = "contact headers are exchanged"
    SECURING = "TLS handshake"
    NEGOTIATING = "SESS_INIT are exchanged"
    ESTABLISHED = "bundles go both ways"
    ENDING = "transfers are finished, none is started"
    ENDED = "the connection is to be closed"


class Happening(Enum):
    """What moves a session from one state to the next."""

    CONNECTED = "TCP is connected"
    HEADERS_AGREE = "both contact headers are there, without TLS"
    TLS_AGREED = "both contact headers are there, with TLS"
    SECURED = "the TLS handshake is done"
    INITIALISED = "both SESS_INIT are there"
    TERM = "a SESS_TERM was sent or came"
    OVER = "nothing is left to do, or TCP is gone"


TRANSITIONS: dict[tuple[State, Happening], State] = {
    (State.IDLE, Happening.CONNECTED): State.CONTACT,
    (State.CONTACT, Happening.HEADERS_AGREE): State.NEGOTIATING,
    (State.CONTACT, Happening.TLS_AGREED): State.SECURING,
    (State.SECURING, Happening.SECURED): State.NEGOTIATING,
    (State.NEGOTIATING, Happening.INITIALISED): State.ESTABLISHED,
    (State.NEGOTIATING, Happening.TERM): State.ENDING,
    (State.ESTABLISHED, Happening.TERM): State.ENDING,
    (State.IDLE, Happening.OVER): State.ENDED,
    (State.CONTACT, Happening.OVER): State.ENDED,
    (State.SECURING, Happening.OVER): State.ENDED,
    (State.NEGOTIATING, Happening.OVER): State.ENDED,
    (State.ESTABLISHED, Happening.OVER): State.ENDED,
    (State.ENDING, Happening.OVER): State.ENDED,
}
"""A pair that is not here cannot happen."""

_IN_SESSION = frozenset({State.ESTABLISHED, State.ENDING})
_FROM_INIT = _IN_SESSION | {State.NEGOTIATING}

EXPECTED: dict[MessageType, frozenset[State]] = {
    MessageType.SESS_INIT: frozenset({State.NEGOTIATING}),
    MessageType.XFER_SEGMENT: _IN_SESSION,
    MessageType.XFER_ACK: _IN_SESSION,
    MessageType.XFER_REFUSE: _IN_SESSION,
    MessageType.KEEPALIVE: _IN_SESSION,
    MessageType.SESS_TERM: _FROM_INIT,
    MessageType.MSG_REJECT: _FROM_INIT,
}
"""Where a message is expected; elsewhere it is rejected, reason 3 (§5.1.2)."""
