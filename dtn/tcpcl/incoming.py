"""Incoming: the transfers that a session receives, and the answers that it owes for them.

Source: RFC 9174 section 5.2. Segments of one transfer follow one another; another may begin when
it has ended or was refused. Every segment is acknowledged after it has been processed: for the last
one this means that the bundle is safe, so its acknowledgement waits for `accept`, and those of
later segments wait behind it, so that acknowledgements keep the order of segments. A refusal goes
out at once while segments still come, and is repeated for each that is late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from dtn.tcpcl.extension import TRANSFER_LENGTH, read_extensions, transfer_length
from dtn.tcpcl.message import (
    SEGMENT_END,
    SEGMENT_START,
    MessageReject,
    MessageType,
    RefuseReason,
    RejectReason,
    TransferAck,
    TransferRefuse,
    TransferSegment,
)

Answer = TransferAck | TransferRefuse


class _Owed:
    """An answer that may go out when `is_due` and nothing before it waits."""

    __slots__ = ("answer", "is_due")

    def __init__(self, answer: Answer, is_due: bool) -> None:
        self.answer = answer
        self.is_due = is_due


class Incoming:
    """The receiving half of one session.

    Args:
        transfer_mru_bytes: longer bundles are refused.
    """

    def __init__(self, transfer_mru_bytes: int) -> None:
        self._mru_bytes = transfer_mru_bytes
        self._transfer: int | None = None
        self._data = bytearray()
        self._received_bytes = 0
        self._announced_bytes: int | None = None
        self._refused: TransferRefuse | None = None
        self._owed: deque[_Owed] = deque()
        self.is_closing = False
        """Whether transfers that begin now are refused (§6.1)."""

    @property
    def owed(self) -> int:
        """Answers that wait for the user's verdict on a bundle."""
        return len(self._owed)

    @property
    def is_idle(self) -> bool:
        """Whether no transfer is under way and no answer is owed."""
        return self._transfer is None and not self._owed

    def segment(
        self, segment: TransferSegment
    ) -> tuple[Sequence[Answer | MessageReject], bytes | None]:
        """A segment came: what to answer now, and the bundle if this completes it."""
        is_last = bool(segment.flags & SEGMENT_END)
        if not self._is_expected(segment):
            return [MessageReject(RejectReason.UNEXPECTED, MessageType.XFER_SEGMENT)], None
        if segment.flags & SEGMENT_START:
            self._begin(segment)
        elif self._refused is None:
            self._go_on(segment)
        if self._refused is not None:
            refusal = self._refused
            if is_last:
                self._refused = None
            return [refusal], None
        ack = TransferAck(segment.flags, segment.transfer, self._received_bytes)
        self._owed.append(_Owed(ack, is_due=not is_last))
        if not is_last:
            return self._due(), None
        octets = bytes(self._data)
        self._forget()
        return [], octets

    def decide(self, transfer: int, refusal: RefuseReason | None) -> list[Answer]:
        """The user's verdict on a bundle; returns all answers that may go out now."""
        for owed in self._owed:
            if not owed.is_due and owed.answer.transfer == transfer:
                owed.is_due = True
                if refusal is not None:
                    owed.answer = TransferRefuse(refusal, transfer)
                break
        return self._due()

    def _due(self) -> list[Answer]:
        """Take out the answers that nothing holds back."""
        answers = []
        while self._owed and self._owed[0].is_due:
            answers.append(self._owed.popleft().answer)
        return answers

    def _is_expected(self, segment: TransferSegment) -> bool:
        """Whether it begins a transfer while none is under way, or belongs to the last one."""
        if segment.flags & SEGMENT_START:
            return self._transfer is None
        if self._refused is not None:
            return self._refused.transfer == segment.transfer
        return self._transfer == segment.transfer

    def _begin(self, segment: TransferSegment) -> None:
        self._transfer = segment.transfer
        self._refused = None
        self._announced_bytes = None
        if self.is_closing:
            self._refuse(RefuseReason.SESSION_TERMINATING)
            return
        reason = self._read_extensions(segment.extensions)
        if reason is not None:
            self._refuse(reason)
            return
        self._go_on(segment)

    def _go_on(self, segment: TransferSegment) -> None:
        self._received_bytes += len(segment.data)
        announced = self._announced_bytes
        if self._received_bytes > self._mru_bytes:
            self._refuse(RefuseReason.NO_RESOURCES)
        elif announced is not None and (
            self._received_bytes > announced
            or (segment.flags & SEGMENT_END and self._received_bytes != announced)
        ):
            self._refuse(RefuseReason.NOT_ACCEPTABLE)  # §5.2.5.1
        else:
            self._data += segment.data

    def _read_extensions(self, octets: bytes) -> RefuseReason | None:
        """Read the transfer extensions (§5.2.5); returns why they forbid to go on, if they do."""
        items = read_extensions(octets)
        if items is None:
            return RefuseReason.EXTENSION_FAILURE
        for item in items:
            if item.type == TRANSFER_LENGTH:
                total = transfer_length(item)
                if total is not None:
                    if self._announced_bytes is not None:
                        return RefuseReason.NOT_ACCEPTABLE  # no more than one (§5.2.5.1)
                    if total > self._mru_bytes:
                        return RefuseReason.NO_RESOURCES
                    self._announced_bytes = total
                    continue
            if item.is_critical:
                return RefuseReason.EXTENSION_FAILURE
        return None

    def _refuse(self, reason: RefuseReason) -> None:
        assert self._transfer is not None
        self._refused = TransferRefuse(reason, self._transfer)
        self._forget()

    def _forget(self) -> None:
        self._transfer = None
        self._data = bytearray()
        self._received_bytes = 0
