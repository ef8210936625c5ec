"""What an LTP engine asks its surroundings to do, and the notices of RFC 5326 §7 that it gives its client."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from dtn.ltp.segment import SessionId


class Priority(IntEnum):
    """What goes first: answers and reports, then what was sent in vain, then what is new."""

    CONTROL = 0
    AGAIN = 1
    FRESH = 2


class Transmit(NamedTuple):
    """Send the octets of one segment now. `ref` names the block for data; `is_awaited`: an answer is wanted."""

    octets: bytes
    priority: Priority
    session: SessionId
    ref: int | None
    is_awaited: bool


class RedPartReceived(NamedTuple):
    """The whole red part of a block is here (§7.3); handed out once."""

    session: SessionId
    client_service: int
    data: bytes
    is_block_end: bool


class GreenPartReceived(NamedTuple):
    """Green data came (§7.2): unreliable, in the order of arrival."""

    session: SessionId
    client_service: int
    offset: int
    data: bytes
    is_block_end: bool


class InitialTransmissionCompleted(NamedTuple):
    """All of the block has been de-queued for transmission once (§7.5)."""

    ref: int


class TransmissionCompleted(NamedTuple):
    """All of the block was sent and its red part is acknowledged (§7.4)."""

    ref: int
    session: SessionId
    block_bytes: int
    resent_bytes: int


class TransmissionCancelled(NamedTuple):
    """The block's session is over before its time (§7.6); `reason` as in `CancelReason`."""

    ref: int
    session: SessionId
    reason: int
    by_peer: bool


class ReceptionCancelled(NamedTuple):
    """A block will not come (§7.7)."""

    session: SessionId
    reason: int
    by_peer: bool


class SegmentDiscarded(NamedTuple):
    """A segment was of no use: malformed, for nobody, or against what its session already knows."""

    reason: str


Output = (
    Transmit
    | RedPartReceived
    | GreenPartReceived
    | InitialTransmissionCompleted
    | TransmissionCompleted
    | TransmissionCancelled
    | ReceptionCancelled
    | SegmentDiscarded
)
