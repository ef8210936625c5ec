"""Outgoing: the transfers that a session sends.

Source: RFC 9174 section 5.2. Bundles go one after the other, each in segments no longer than the
peer takes, without waiting for acknowledgements (pipelining, §5.2.3). How far this runs ahead of
the connection is bounded by a credit in octets, so that memory is, and so that a refusal still finds
something to stop (§5.2.4).

A bundle is done when its last octet is acknowledged, and only then.
"""

from __future__ import annotations

from collections import deque

from dtn.tcpcl.codec import segment_head
from dtn.tcpcl.extension import encode_extensions, transfer_length_item
from dtn.tcpcl.message import (
    MAX_TRANSFER_ID,
    SEGMENT_END,
    SEGMENT_START,
    MessageReject,
    MessageType,
    RefuseReason,
    RejectReason,
    TransferAck,
    TransferRefuse,
)
from dtn.tcpcl.outputs import Failed, Finished, Send, Sent


class _Transfer:
    """One bundle on its way."""

    __slots__ = ("octets", "ref", "sent_bytes", "transfer")

    def __init__(self, ref: int, transfer: int, octets: bytes) -> None:
        self.ref = ref
        self.transfer = transfer
        self.octets = memoryview(octets)
        self.sent_bytes = 0


class Outgoing:
    """The sending half of one session.

    Args:
        first_transfer: identifier of the first transfer.
        window_bytes: credit when the connection can take everything.
    """

    def __init__(self, first_transfer: int, window_bytes: int) -> None:
        self.segment_bytes = 0
        self.transfer_bytes = 0
        self._next = self._first = first_transfer
        self._window_bytes = self._credit_bytes = window_bytes
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._current: _Transfer | None = None
        self._unacknowledged: dict[int, _Transfer] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing that was begun lacks its acknowledgement."""
        return not self._unacknowledged

    @property
    def is_exhausted(self) -> bool:
        """Whether bundles wait for which no transfer identifier is left."""
        return self._next > MAX_TRANSFER_ID and bool(self._waiting)

    def put(self, ref: int, octets: bytes) -> None:
        """Queue a bundle."""
        self._waiting.append((ref, octets))

    def refill(self) -> None:
        """The connection can take a window's worth again."""
        self._credit_bytes = self._window_bytes

    def segments(self) -> list[Send | Sent]:
        """As many segments as the credit allows."""
        out: list[Send | Sent] = []
        while self._credit_bytes > 0:
            if self._current is None and not self._begin():
                break
            self._one_segment(out)
        return out

    def acknowledge(self, ack: TransferAck) -> Finished | MessageReject | None:
        """An acknowledgement came."""
        transfer = self._unacknowledged.get(ack.transfer)
        if transfer is None:
            return MessageReject(RejectReason.UNEXPECTED, MessageType.XFER_ACK)
        if ack.acknowledged_bytes > transfer.sent_bytes or (
            ack.flags & SEGMENT_END and ack.acknowledged_bytes < len(transfer.octets)
        ):
            return MessageReject(RejectReason.UNSUPPORTED, MessageType.XFER_ACK)
        if ack.acknowledged_bytes < len(transfer.octets):
            return None
        del self._unacknowledged[ack.transfer]
        return Finished(transfer.ref)

    def refuse(self, refusal: TransferRefuse) -> list[Sent | Finished | Failed | MessageReject]:
        """A refusal came: no more segments of this transfer. It may be repeated for late ones."""
        transfer = self._unacknowledged.pop(refusal.transfer, None)
        if transfer is None:
            if self._first <= refusal.transfer < self._next:
                return []
            return [MessageReject(RejectReason.UNEXPECTED, MessageType.XFER_REFUSE)]
        out: list[Sent | Finished | Failed | MessageReject] = []
        if self._current is transfer:
            self._current = None
            out.append(Sent(transfer.ref))
        if refusal.reason is RefuseReason.COMPLETED:
            return [*out, Finished(transfer.ref)]
        reason = f"refused: {refusal.reason.name.lower().replace('_', ' ')}"
        return [*out, Failed(transfer.ref, reason, refusal.reason)]

    def give_up_waiting(self, reason: str) -> list[Failed]:
        """Start no more transfers (§6.1)."""
        failed = [Failed(ref, reason) for ref, _ in self._waiting]
        self._waiting.clear()
        return failed

    def give_up(self, reason: str) -> list[Failed]:
        """Nothing more will be acknowledged."""
        failed = [Failed(transfer.ref, reason) for transfer in self._unacknowledged.values()]
        self._unacknowledged.clear()
        self._current = None
        return failed + self.give_up_waiting(reason)

    def _begin(self) -> bool:
        if not self._waiting or self._next > MAX_TRANSFER_ID:
            return False
        ref, octets = self._waiting.popleft()
        self._current = self._unacknowledged[self._next] = _Transfer(ref, self._next, octets)
        self._next += 1
        return True

    def _one_segment(self, out: list[Send | Sent]) -> None:
        transfer = self._current
        assert transfer is not None
        start = transfer.sent_bytes
        data = transfer.octets[start : start + self.segment_bytes]
        transfer.sent_bytes += len(data)
        is_last = transfer.sent_bytes == len(transfer.octets)
        flags = (SEGMENT_START if start == 0 else 0) | (SEGMENT_END if is_last else 0)
        extensions = b""
        if flags == SEGMENT_START:  # of several: say how long it will be (§5.2.5.1)
            extensions = encode_extensions((transfer_length_item(len(transfer.octets)),))
        octets = b"".join((segment_head(flags, transfer.transfer, len(data), extensions), data))
        self._credit_bytes -= len(octets)
        out.append(Send(octets))
        if is_last:
            self._current = None
            out.append(Sent(transfer.ref))
