"""ExportSession: a block on its way out, from the first segment to the report that claims the last of its red part.

Source: RFC 5326 §6.12, 6.13, 6.19, 6.20 and the sender's state diagrams of §8.1. The state changes by TRANSITIONS and
in no other way. What the receiver has claimed stays claimed (§6.22: claims are binding).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from dtn.ltp.awaiting import Awaiting
from dtn.ltp.extents import Extents
from dtn.ltp.sdnv import sdnv_bytes
from dtn.ltp.segment import DataSegment, ReportSegment, SegmentType, SessionId


class ExportState(Enum):
    """Where a block stands on its way out."""

    SENDING = auto()
    """Not all of it has been sent once."""
    CLAIMED = auto()
    """Not all of it has been sent once, but its red part is there: green data is left."""
    WAITING = auto()
    """All of it has been sent once; not all of its red part is claimed."""
    CANCELLING = auto()
    """Cancelled from here; the receiver has not acknowledged that."""
    CLOSED = auto()


class ExportInput(Enum):
    """What happens to a block on its way out."""

    END_SENT = auto()
    RED_CLAIMED = auto()
    CANCEL = auto()
    PEER_CANCEL = auto()
    CANCEL_ACKNOWLEDGED = auto()
    CANCEL_EXHAUSTED = auto()


_S, _I = ExportState, ExportInput
TRANSITIONS: dict[tuple[ExportState, ExportInput], ExportState] = {
    (_S.SENDING, _I.END_SENT): _S.WAITING,
    (_S.SENDING, _I.RED_CLAIMED): _S.CLAIMED,
    (_S.CLAIMED, _I.END_SENT): _S.CLOSED,
    (_S.WAITING, _I.RED_CLAIMED): _S.CLOSED,
    (_S.SENDING, _I.CANCEL): _S.CANCELLING,
    (_S.CLAIMED, _I.CANCEL): _S.CANCELLING,
    (_S.WAITING, _I.CANCEL): _S.CANCELLING,
    (_S.SENDING, _I.PEER_CANCEL): _S.CLOSED,
    (_S.CLAIMED, _I.PEER_CANCEL): _S.CLOSED,
    (_S.WAITING, _I.PEER_CANCEL): _S.CLOSED,
    (_S.CANCELLING, _I.PEER_CANCEL): _S.CLOSED,
    (_S.CANCELLING, _I.CANCEL_ACKNOWLEDGED): _S.CLOSED,
    (_S.CANCELLING, _I.CANCEL_EXHAUSTED): _S.CLOSED,
}
"""What is not here cannot happen: the engine asks `accepts` where the peer decides."""


class Round(NamedTuple):
    """A checkpoint's place in the session: the bounds that its report should have, and how many rounds led to it."""

    lower: int
    upper: int
    depth: int


class Again(NamedTuple):
    """What a report demands to be sent again: stretches of the red part, the first of them at the end of the list."""

    report: int
    round: Round
    stretches: list[tuple[int, int]]


class ExportSession:
    """One block.

    Args:
        session_id: its session.
        ref: the client's name for it.
        block: its octets.
        red_bytes: how many of them, from the first, must arrive.
        client_service: for whom.
        first_checkpoint: serial number of the first checkpoint, at least 1 (§3.2.1: chosen at random).
        segment_bytes: the longest segment, header included.
    """

    def __init__(
        self,
        session_id: SessionId,
        ref: int,
        block: bytes,
        red_bytes: int,
        client_service: int,
        first_checkpoint: int,
        segment_bytes: int,
    ) -> None:
        self.id = session_id
        self.ref = ref
        self.block = block
        self.block_bytes = len(block)
        self.red_bytes = red_bytes
        self.state = ExportState.SENDING
        self.sent_bytes = 0
        self.resent_bytes = 0
        self.checkpoints: dict[int, Awaiting] = {}
        self.rounds: dict[int, Round] = {}
        self.reports_seen: set[int] = set()
        self.cancel: Awaiting | None = None
        self._client_service = client_service
        self._next_checkpoint = first_checkpoint
        self._claimed = Extents()
        header = 2 + sdnv_bytes(session_id.originator) + sdnv_bytes(session_id.number)
        header += sdnv_bytes(client_service) + sdnv_bytes(len(block)) + sdnv_bytes(segment_bytes)
        self._data_bytes = segment_bytes - header
        self._checkpoint_bytes = sdnv_bytes(first_checkpoint + 2**16)
        if red_bytes == 0:
            self.apply(ExportInput.RED_CLAIMED)

    def accepts(self, event: ExportInput) -> bool:
        """Whether this can happen now."""
        return (self.state, event) in TRANSITIONS

    def apply(self, event: ExportInput) -> ExportState:
        """It happens: the new state."""
        self.state = TRANSITIONS[self.state, event]
        return self.state

    @property
    def is_active(self) -> bool:
        """Whether its data is still wanted."""
        return self.state not in (ExportState.CANCELLING, ExportState.CLOSED)

    def next_fresh(self) -> DataSegment:
        """The first segment that has not been sent; the last of the red part is a checkpoint (§6.1)."""
        start = self.sent_bytes
        if start < self.red_bytes:
            return self._red(start, self.red_bytes, 0, is_last=True)
        end = min(start + self._data_bytes, self.block_bytes)
        kind = SegmentType.GREEN_EOB if end == self.block_bytes else SegmentType.GREEN
        return DataSegment(kind, self.id, self._client_service, start, self.block[start:end])

    def next_again(self, again: Again) -> DataSegment:
        """The first segment of what a report demands once more; the last of all is a checkpoint (§6.13)."""
        start, end = again.stretches[-1]
        return self._red(start, end, again.report, is_last=len(again.stretches) == 1)

    def _red(self, start: int, end: int, report: int, *, is_last: bool) -> DataSegment:
        """A piece of [start, end) of the red part; if `is_last`, the piece that reaches `end` is a checkpoint."""
        room = self._data_bytes
        if is_last and end - start <= room:
            room -= self._checkpoint_bytes + sdnv_bytes(report)
        if end - start > room:
            end = start + min(room, end - start - 1)
        elif is_last:
            kind = SegmentType.RED_CHECKPOINT
            if end == self.block_bytes:
                kind = SegmentType.RED_CHECKPOINT_EORP_EOB
            elif end == self.red_bytes:
                kind = SegmentType.RED_CHECKPOINT_EORP
            serial = self._next_checkpoint
            data = self.block[start:end]
            return DataSegment(kind, self.id, self._client_service, start, data, serial, report)
        data = self.block[start:end]
        return DataSegment(SegmentType.RED, self.id, self._client_service, start, data)

    def sent_fresh(self, segment: DataSegment) -> Awaiting | None:
        """What `next_fresh` named was de-queued; returns the checkpoint, if it is one."""
        self.sent_bytes = segment.offset + len(segment.data)
        return self._await(segment, Round(0, self.red_bytes, 0))

    def sent_again(self, again: Again, segment: DataSegment) -> Awaiting | None:
        """What `next_again` named was de-queued; returns the checkpoint, if it is one."""
        start, end = again.stretches.pop()
        start += len(segment.data)
        self.resent_bytes += len(segment.data)
        if start < end:
            again.stretches.append((start, end))
        return self._await(segment, again.round)

    def _await(self, segment: DataSegment, around: Round) -> Awaiting | None:
        if not segment.checkpoint:
            return None
        self._next_checkpoint += 1
        self.rounds[segment.checkpoint] = around
        checkpoint = self.checkpoints[segment.checkpoint] = Awaiting(segment)
        return checkpoint

    def answered(self, report: ReportSegment) -> list[Awaiting]:
        """The checkpoints that need no other report: its own, and those with nothing outside its bounds."""
        found = []
        for serial in tuple(self.checkpoints):
            lower, upper, _ = self.rounds[serial]
            if serial == report.checkpoint or (report.lower <= lower and upper <= report.upper):
                found.append(self.checkpoints.pop(serial))
        return found

    def unanswered(self) -> list[Awaiting]:
        """Everything that waits for an answer."""
        waiting = [*self.checkpoints.values()]
        return waiting if self.cancel is None else [*waiting, self.cancel]

    def claim(self, report: ReportSegment) -> list[tuple[int, int]]:
        """Book what the report claims; returns what lies in its bounds and nobody has claimed yet."""
        for offset, length in report.claims:
            start = report.lower + offset
            self._claimed.add(start, start + length)
        return self._claimed.gaps(report.lower, report.upper)

    @property
    def is_claimed(self) -> bool:
        """Whether the receiver has claimed all of the red part."""
        return self._claimed.covers(0, self.red_bytes)

    def free(self) -> None:
        """Let go of the block and of what waits for answers (§6.12)."""
        self.block = b""
        self.checkpoints.clear()
