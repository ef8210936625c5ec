"""ImportSession: a block on its way in, until its sender is known to know that all of it is here.

Source: RFC 5326 §6.8 to 6.11, 6.14, 6.19 to 6.21 and the receiver's state diagrams of §8.2. The state changes by
TRANSITIONS and in no other way. Octets are kept as they came, in no buffer sized by what a header claims.

A session is finished when its red part was handed out and reports that claim all of it are acknowledged (then nothing
can be asked any more), and no green data is missing. What green data stays away for good leaves the session to
`ABANDON` it, when it has heard nothing for long.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from dtn.ltp.awaiting import Awaiting
from dtn.ltp.extents import Extents
from dtn.ltp.sdnv import sdnv_bytes
from dtn.ltp.segment import DataSegment, ReportSegment, SegmentType, SessionId


class ImportState(Enum):
    """Where a block stands on its way in."""

    RECEIVING = auto()
    DELIVERED = auto()
    """The red part was handed out; its sender may not know."""
    CANCELLING = auto()
    """Cancelled from here; the sender has not acknowledged that."""
    CLOSED = auto()


class ImportInput(Enum):
    """What happens to a block on its way in."""

    RED_COMPLETE = auto()
    FINISHED = auto()
    CANCEL = auto()
    PEER_CANCEL = auto()
    CANCEL_ACKNOWLEDGED = auto()
    CANCEL_EXHAUSTED = auto()
    ABANDON = auto()


_S, _I = ImportState, ImportInput
TRANSITIONS: dict[tuple[ImportState, ImportInput], ImportState] = {
    (_S.RECEIVING, _I.RED_COMPLETE): _S.DELIVERED,
    (_S.RECEIVING, _I.FINISHED): _S.CLOSED,
    (_S.DELIVERED, _I.FINISHED): _S.CLOSED,
    (_S.RECEIVING, _I.CANCEL): _S.CANCELLING,
    (_S.DELIVERED, _I.CANCEL): _S.CANCELLING,
    (_S.RECEIVING, _I.PEER_CANCEL): _S.CLOSED,
    (_S.DELIVERED, _I.PEER_CANCEL): _S.CLOSED,
    (_S.CANCELLING, _I.PEER_CANCEL): _S.CLOSED,
    (_S.CANCELLING, _I.CANCEL_ACKNOWLEDGED): _S.CLOSED,
    (_S.CANCELLING, _I.CANCEL_EXHAUSTED): _S.CLOSED,
    (_S.RECEIVING, _I.ABANDON): _S.CLOSED,
    (_S.DELIVERED, _I.ABANDON): _S.CLOSED,
    (_S.CANCELLING, _I.ABANDON): _S.CLOSED,
}
"""FINISHED while RECEIVING: a block without a red part."""


class Verdict(Enum):
    """What a data segment turned out to be."""

    NEW = auto()
    NOTHING_NEW = auto()
    MISCOLOURED = auto()
    CONTRADICTION = auto()
    """Against what the session knows of its ends or its client."""


class _Reported(NamedTuple):
    """A report that was issued."""

    lower: int
    awaiting: Awaiting


class ImportSession:
    """One block.

    Args:
        session_id: its session.
        client_service: for whom, as its first segment says.
        first_report: serial number of the first report, at least 1 (§3.2.2: chosen at random).
        segment_bytes: the longest segment; a report with more claims is split.
    """

    def __init__(
        self, session_id: SessionId, client_service: int, first_report: int, segment_bytes: int
    ) -> None:
        self.id = session_id
        self.client_service = client_service
        self.state = ImportState.RECEIVING
        self.red_bytes: int | None = None
        self.block_bytes: int | None = None
        self.heard_s = 0.0
        self.cancel: Awaiting | None = None
        self.held: list[Awaiting] | None = None
        """Reports that wait for the client to accept the red part; None: none has to."""
        self._segment_bytes = segment_bytes
        self._red = Extents()
        self._green = Extents()
        self._green_from: int | None = None
        self._pieces: list[tuple[int, bytes]] = []
        self._next_report = first_report
        self._reports: dict[int, _Reported] = {}
        self._by_checkpoint: dict[int, tuple[int, ...]] = {}
        self._primary_upper = 0
        self._confirmed = Extents()

    def accepts(self, event: ImportInput) -> bool:
        """Whether this can happen now."""
        return (self.state, event) in TRANSITIONS

    def apply(self, event: ImportInput) -> ImportState:
        """It happens: the new state."""
        self.state = TRANSITIONS[self.state, event]
        return self.state

    # --- data -----------------------------------------------------------------------------------

    def take(self, segment: DataSegment) -> Verdict:
        """A data segment of this session: keep what is new in it, unless it cannot be (§6.21)."""
        end = segment.offset + len(segment.data)
        if not segment.data or segment.client_service != self.client_service:
            return Verdict.CONTRADICTION
        if segment.type >= SegmentType.GREEN:
            return self._take_green(segment, end)
        return self._take_red(segment, end)

    def _take_red(self, segment: DataSegment, end: int) -> Verdict:
        if self._green_from is not None and end > self._green_from:
            return Verdict.MISCOLOURED
        known = self.red_bytes
        if segment.type >= SegmentType.RED_CHECKPOINT_EORP:
            if end < self._red.end or (known is not None and known != end):
                return Verdict.CONTRADICTION
            self.red_bytes = end
            if segment.type == SegmentType.RED_CHECKPOINT_EORP_EOB:
                self.block_bytes = end
        elif known is not None and end > known:
            return Verdict.CONTRADICTION
        new = self._red.add(segment.offset, end)
        for start, stop in new:
            piece = segment.data[start - segment.offset : stop - segment.offset]
            self._pieces.append((start, piece))
        return Verdict.NEW if new else Verdict.NOTHING_NEW

    def _take_green(self, segment: DataSegment, end: int) -> Verdict:
        if segment.offset < self._red.end:
            return Verdict.MISCOLOURED
        if self.red_bytes is not None and segment.offset < self.red_bytes:
            return Verdict.MISCOLOURED
        known = self.block_bytes
        if segment.type == SegmentType.GREEN_EOB:
            if end < self._green.end or (known is not None and known != end):
                return Verdict.CONTRADICTION
            self.block_bytes = end
        elif known is not None and end > known:
            return Verdict.CONTRADICTION
        if self._green_from is None or segment.offset < self._green_from:
            self._green_from = segment.offset
        return Verdict.NEW if self._green.add(segment.offset, end) else Verdict.NOTHING_NEW

    @property
    def is_red_complete(self) -> bool:
        """Whether the red part is known to its end and all here."""
        return bool(self.red_bytes) and self._red.covers(0, self.red_bytes or 0)

    def red_part(self) -> bytes:
        """The red part, once complete; the session keeps no octet of it."""
        self._pieces.sort()
        data = b"".join([piece for _, piece in self._pieces])
        self._pieces.clear()
        return data

    @property
    def is_finished(self) -> bool:
        """Whether nothing can come any more that matters."""
        red, block = self.red_bytes, self.block_bytes
        if block is None:
            return False
        if red is None:
            return self._green.covers(0, block)
        return self._confirmed.covers(0, red) and self._green.covers(red, block)

    # --- reports --------------------------------------------------------------------------------

    def reports_on(self, checkpoint: int) -> list[Awaiting]:
        """Reports that this checkpoint has brought about already, and that are not acknowledged (§6.8)."""
        serials = self._by_checkpoint.get(checkpoint, ())
        reported = (self._reports[serial].awaiting for serial in serials)
        return [report for report in reported if not report.is_over]

    def is_redundant(self, checkpoint: int) -> bool:
        """Whether the checkpoint was answered before."""
        return checkpoint in self._by_checkpoint

    def report(self, checkpoint: DataSegment) -> list[Awaiting]:
        """New reports that answer a checkpoint (§6.11), contiguous in their bounds; none if there is nothing to say."""
        if checkpoint.checkpoint in self._by_checkpoint:
            return []
        upper = checkpoint.offset + len(checkpoint.data)
        cause = self._reports.get(checkpoint.report)
        lower = cause.lower if cause else self._primary_upper
        if not checkpoint.report:
            self._primary_upper = max(self._primary_upper, upper)
        elif cause is None:  # a report that we never made: report on everything
            lower = 0
        if lower >= upper:
            return []
        claims = self._red.within(lower, upper)
        reports = []
        while claims:
            count = self._how_many(claims, lower)
            stop = upper if count == len(claims) else claims[count - 1][1]
            relative = tuple((start - lower, end - start) for start, end in claims[:count])
            serial = self._next_report
            self._next_report += 1
            report = Awaiting(
                ReportSegment(self.id, serial, checkpoint.checkpoint, stop, lower, relative)
            )
            self._reports[serial] = _Reported(lower, report)
            reports.append(report)
            claims, lower = claims[count:], stop
        self._by_checkpoint[checkpoint.checkpoint] = tuple(
            range(self._next_report - len(reports), self._next_report)
        )
        return reports

    def _how_many(self, claims: list[tuple[int, int]], lower: int) -> int:
        """How many of the claims fit into one report: at least one."""
        left = self._segment_bytes - 2 - sdnv_bytes(self.id.originator)
        left -= sdnv_bytes(self.id.number) + 5 * 10  # serials, bounds and count at their longest
        for place, (start, end) in enumerate(claims):
            left -= sdnv_bytes(start - lower) + sdnv_bytes(end - start)
            if left < 0:
                return max(place, 1)
        return len(claims)

    def acknowledged(self, serial: int) -> Awaiting | None:
        """The sender has this report (§6.14): returns it, if it was waited for."""
        reported = self._reports.get(serial)
        if reported is None or reported.awaiting.is_over:
            return None
        report = reported.awaiting.segment
        assert isinstance(report, ReportSegment)
        for offset, length in report.claims:
            start = report.lower + offset
            self._confirmed.add(start, start + length)
        return reported.awaiting

    def unanswered(self) -> list[Awaiting]:
        """Everything that waits for an answer."""
        waiting = [report.awaiting for report in self._reports.values()]
        if self.cancel is not None:
            waiting.append(self.cancel)
        return [awaiting for awaiting in waiting if not awaiting.is_over]

    @property
    def is_empty(self) -> bool:
        """Whether no octet of the block is here, or was."""
        return not self._red.end and not self._green.end

    def free(self) -> None:
        """Let go of what came (§6.20)."""
        self._pieces.clear()
        self._reports.clear()
        self._by_checkpoint.clear()
