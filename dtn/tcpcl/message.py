"""The messages of TCPCLv4: what one end can say to the other.

Source: RFC 9174 sections 4.2 (contact header), 4.6 (SESS_INIT), 5 (messages) and 6.1 (SESS_TERM).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

VERSION = 4
CAN_TLS = 0x01
"""Contact header flag; the others are reserved and ignored."""

SEGMENT_END, SEGMENT_START = 0x01, 0x02
"""XFER_SEGMENT and XFER_ACK flags."""

TERM_REPLY = 0x01
"""SESS_TERM flag: this answers the peer's."""

MAX_TRANSFER_ID = 2**64 - 1


class MessageType(IntEnum):
    """The first octet of a message (§5.1, table 2)."""

    XFER_SEGMENT = 1
    XFER_ACK = 2
    XFER_REFUSE = 3
    KEEPALIVE = 4
    SESS_TERM = 5
    MSG_REJECT = 6
    SESS_INIT = 7


class TermReason(IntEnum):
    """Why a session ends (§6.1, table 10)."""

    UNKNOWN = 0
    IDLE_TIMEOUT = 1
    VERSION_MISMATCH = 2
    BUSY = 3
    CONTACT_FAILURE = 4
    RESOURCE_EXHAUSTION = 5

    @classmethod
    def _missing_(cls, value: object) -> TermReason:
        return cls.UNKNOWN


class RefuseReason(IntEnum):
    """Why a transfer is refused (§5.2.4, table 6)."""

    UNKNOWN = 0
    COMPLETED = 1
    NO_RESOURCES = 2
    RETRANSMIT = 3
    NOT_ACCEPTABLE = 4
    EXTENSION_FAILURE = 5
    SESSION_TERMINATING = 6

    @classmethod
    def _missing_(cls, value: object) -> RefuseReason:
        return cls.UNKNOWN


class RejectReason(IntEnum):
    """Why a message is rejected (§5.1.2, table 4)."""

    UNKNOWN = 0
    TYPE_UNKNOWN = 1
    UNSUPPORTED = 2
    UNEXPECTED = 3

    @classmethod
    def _missing_(cls, value: object) -> RejectReason:
        return cls.UNKNOWN


class ContactHeader(NamedTuple):
    """What each side says first (§4.2)."""

    flags: int = 0
    version: int = VERSION


class SessionInit(NamedTuple):
    """SESS_INIT (§4.6): what its sender takes. An empty `node_id` is none."""

    keepalive_s: int
    segment_mru_bytes: int
    transfer_mru_bytes: int
    node_id: str = ""
    extensions: bytes = b""


class TransferSegment(NamedTuple):
    """XFER_SEGMENT (§5.2.2); `extensions` only with START."""

    flags: int
    transfer: int
    data: bytes
    extensions: bytes = b""


class TransferAck(NamedTuple):
    """XFER_ACK (§5.2.3): so many octets of the transfer have been processed."""

    flags: int
    transfer: int
    acknowledged_bytes: int


class TransferRefuse(NamedTuple):
    """XFER_REFUSE (§5.2.4)."""

    reason: RefuseReason
    transfer: int


class Keepalive(NamedTuple):
    """KEEPALIVE (§5.1.1)."""


class SessionTerm(NamedTuple):
    """SESS_TERM (§6.1)."""

    flags: int
    reason: TermReason


class MessageReject(NamedTuple):
    """MSG_REJECT (§5.1.2, figure 21): the reason, then the first octet of the message rejected."""

    reason: RejectReason
    header: int


Message = (
    SessionInit
    | TransferSegment
    | TransferAck
    | TransferRefuse
    | Keepalive
    | SessionTerm
    | MessageReject
)
