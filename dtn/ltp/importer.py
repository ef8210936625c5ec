"""Importer: the half of an LTP engine that receives blocks; the receiver's procedures of RFC 5326 §6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dtn.ltp.awaiting import Awaiting, Control
from dtn.ltp.extents import Extents
from dtn.ltp.import_session import ImportInput, ImportSession, Verdict
from dtn.ltp.options import EngineOptions
from dtn.ltp.outputs import (
    GreenPartReceived,
    Output,
    ReceptionCancelled,
    RedPartReceived,
    SegmentDiscarded,
)
from dtn.ltp.segment import (
    CancelReason,
    CancelSegment,
    DataSegment,
    ReportAck,
    SegmentType,
    SessionId,
)

if TYPE_CHECKING:
    from random import Random

MOST_FIRST_SERIAL = 2**14 - 1
"""First serial numbers are drawn from 1 to here: two octets on the wire."""


class Importer:
    """Blocks on their way in.

    Args:
        options: limits.
        control: the queue and the countdowns that it shares with the other half.
        rng: for first serial numbers.
    """

    def __init__(self, options: EngineOptions, control: Control, rng: Random) -> None:
        self._options = options
        self._control = control
        self._rng = rng
        self._sessions: dict[SessionId, ImportSession] = {}
        self._closed = Extents()

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return len(self._sessions)

    # --- verbs ----------------------------------------------------------------------------------

    def data(self, segment: DataSegment, now_s: float, out: list[Output]) -> None:
        """A piece of a block came (§6.9 to 6.11, 6.21)."""
        session = self._sessions.get(segment.session)
        if session is None:
            session = self._open(segment, now_s, out)
        if session is None or not session.accepts(ImportInput.CANCEL):
            return
        session.heard_s = now_s
        verdict = session.take(segment)
        if verdict is Verdict.MISCOLOURED:
            self._cancel(session, CancelReason.MISCOLORED, out)
        elif verdict is Verdict.CONTRADICTION:
            out.append(SegmentDiscarded("data that contradicts what its session knows"))
            self._forget_if_empty(session)
        elif segment.type >= SegmentType.GREEN:
            if verdict is Verdict.NEW:
                self._green(session, segment, out)
        else:
            self._red(session, segment, out)

    def accept(self, session_id: SessionId, is_safe: bool, out: list[Output]) -> None:
        """The client has the red part safe: reports may go. Or it could not keep it: cancel."""
        session = self._sessions.get(session_id)
        if session is None or session.held is None:
            return
        held, session.held = session.held, None
        if is_safe:
            for report in held:
                self._control.ask(report)
        elif session.accepts(ImportInput.CANCEL):
            self._cancel(session, CancelReason.SYS_CNCLD, out)

    def report_acknowledged(self, ack: ReportAck, out: list[Output]) -> None:
        """The sender has a report (§6.14)."""
        session = self._sessions.get(ack.session)
        report = session.acknowledged(ack.serial) if session is not None else None
        if session is not None and report is not None:
            self._control.settle((report,))
            self._finish(session)

    def peer_cancels(self, cancel: CancelSegment, out: list[Output]) -> None:
        """The sender gives a block up; the acknowledgement is the engine's (§6.17)."""
        session = self._sessions.get(cancel.session)
        if session is None:
            self._closed.add(cancel.session.number, cancel.session.number + 1)
            return
        if session.accepts(ImportInput.RED_COMPLETE):
            out.append(ReceptionCancelled(session.id, cancel.reason, True))
        self._end(session, ImportInput.PEER_CANCEL)

    def cancel_acknowledged(self, session_id: SessionId) -> None:
        """The sender knows that its block was cancelled (§6.18)."""
        session = self._sessions.get(session_id)
        if session is not None and session.accepts(ImportInput.CANCEL_ACKNOWLEDGED):
            self._end(session, ImportInput.CANCEL_ACKNOWLEDGED)

    def expired(self, awaiting: Awaiting, out: list[Output]) -> None:
        """No answer came in time to a report (§6.8) or a cancellation (§6.16)."""
        session = self._sessions[awaiting.segment.session]
        if not isinstance(awaiting.segment, CancelSegment):
            self._ask_again(session, awaiting, out)
        elif awaiting.times_again < self._options.cancel_limit:
            awaiting.times_again += 1
            self._control.ask(awaiting)
        else:
            self._end(session, ImportInput.CANCEL_EXHAUSTED)

    # --- procedures -----------------------------------------------------------------------------

    def _open(self, segment: DataSegment, now_s: float, out: list[Output]) -> ImportSession | None:
        """A session for the first segment of a block; none for one that was here before (§9.2: replay)."""
        number = segment.session.number
        if self._closed.covers(number, number + 1):
            return None
        self._abandon(now_s, out)
        if len(self._sessions) >= self._options.max_import_sessions:
            out.append(SegmentDiscarded("too many blocks at once"))
            return None
        first = self._rng.randint(1, MOST_FIRST_SERIAL)
        session = ImportSession(
            segment.session, segment.client_service, first, self._options.segment_bytes
        )
        session.heard_s = now_s
        self._sessions[session.id] = session
        if segment.client_service not in self._options.client_services:
            self._cancel(session, CancelReason.UNREACH, out)
        return session

    def _abandon(self, now_s: float, out: list[Output]) -> None:
        """Make room: close sessions, oldest first, that nobody has spoken of for long."""
        for session in tuple(self._sessions.values()):
            if now_s - session.heard_s <= self._options.abandon_s:
                return
            if session.accepts(ImportInput.RED_COMPLETE):
                out.append(ReceptionCancelled(session.id, CancelReason.SYS_CNCLD, False))
            self._end(session, ImportInput.ABANDON)

    def _red(self, session: ImportSession, segment: DataSegment, out: list[Output]) -> None:
        if session.is_red_complete and session.accepts(ImportInput.RED_COMPLETE):
            session.apply(ImportInput.RED_COMPLETE)  # §6.9
            session.held = [] if self._options.reports_wait else None
            out.append(
                RedPartReceived(
                    session.id,
                    session.client_service,
                    session.red_part(),
                    session.block_bytes == session.red_bytes,
                )
            )
        if not segment.checkpoint:
            return
        if session.held is not None:
            session.held += session.report(segment)
        elif session.is_redundant(segment.checkpoint):
            for report in session.reports_on(segment.checkpoint):
                if not report.is_queued:
                    self._control.countdowns.stop(report)
                    self._ask_again(session, report, out)
        else:
            for report in session.report(segment):
                self._control.ask(report)

    def _green(self, session: ImportSession, segment: DataSegment, out: list[Output]) -> None:
        """§6.10."""
        is_end = segment.type == SegmentType.GREEN_EOB
        out.append(
            GreenPartReceived(
                session.id, session.client_service, segment.offset, segment.data, is_end
            )
        )
        self._finish(session)

    def _ask_again(self, session: ImportSession, report: Awaiting, out: list[Output]) -> None:
        """§6.8: send a report once more, but not for ever."""
        if not session.accepts(ImportInput.CANCEL):
            return
        if report.times_again < self._options.report_limit:
            report.times_again += 1
            self._control.ask(report)
        else:
            self._cancel(session, CancelReason.RLEXC, out)

    def _cancel(self, session: ImportSession, reason: int, out: list[Output]) -> None:
        """§6.19."""
        out.append(ReceptionCancelled(session.id, reason, False))
        session.apply(ImportInput.CANCEL)
        self._control.settle(session.unanswered())
        session.free()
        session.cancel = Awaiting(CancelSegment(session.id, False, reason))
        self._control.ask(session.cancel)

    def _forget_if_empty(self, session: ImportSession) -> None:
        """A segment that was of no use opens no session (§6)."""
        if session.is_empty:
            del self._sessions[session.id]

    def _finish(self, session: ImportSession) -> None:
        if session.is_finished:
            self._end(session, ImportInput.FINISHED)

    def _end(self, session: ImportSession, event: ImportInput) -> None:
        """§6.20: nothing of the session is left but that it has been."""
        session.apply(event)
        self._control.settle(session.unanswered())
        session.free()
        del self._sessions[session.id]
        self._closed.add(session.id.number, session.id.number + 1)
