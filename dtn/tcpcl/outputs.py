"""What a TCPCL session asks its surroundings to do, and tells them."""

from __future__ import annotations

from typing import NamedTuple

from dtn.tcpcl.message import MessageReject, RefuseReason


class Send(NamedTuple):
    """Write these octets to the connection, in one go."""

    octets: bytes


class StartTls(NamedTuple):
    """Begin the TLS handshake, the active side as client; then call `secured` (§4.4)."""


class Established(NamedTuple):
    """The session is up (§4.7).

    Args:
        node_id: of the peer, as text; empty if it did not say.
        keepalive_s: the interval that both keep; 0 is none.
        segment_bytes: the longest segment that will be sent.
        transfer_bytes: the longest bundle that the peer takes.
    """

    node_id: str
    keepalive_s: int
    segment_bytes: int
    transfer_bytes: int


class Received(NamedTuple):
    """A bundle came in whole: answer with `accept` or `refuse` once its fate is known."""

    transfer: int
    octets: bytes


class Sent(NamedTuple):
    """The last segment of a bundle is out: another can be taken."""

    ref: int


class Finished(NamedTuple):
    """The peer has acknowledged a bundle to its last octet, or had it already."""

    ref: int


class Failed(NamedTuple):
    """A bundle was refused, or the session ended before it was acknowledged.

    Args:
        ref: by which it was sent.
        reason: in words.
        refused: the peer's reason, if it refused it.
    """

    ref: int
    reason: str
    refused: RefuseReason | None = None


class Rejected(NamedTuple):
    """The peer rejected a message of this side: the two disagree about the protocol."""

    reject: MessageReject


class Ending(NamedTuple):
    """No more bundles are taken; comes before the failures that this brings about."""

    reason: str


class Ended(NamedTuple):
    """The session is over: close the connection when everything sent is out."""

    reason: str


Output = (
    Send | StartTls | Established | Received | Sent | Finished | Failed | Rejected | Ending | Ended
)
