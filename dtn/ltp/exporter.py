"""Exporter: the half of an LTP engine that sends blocks; the sender's procedures of RFC 5326 §6."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from dtn.ltp.awaiting import Awaiting, Control
from dtn.ltp.export_session import Again, ExportInput, ExportSession, ExportState, Round
from dtn.ltp.options import EngineOptions
from dtn.ltp.outputs import (
    InitialTransmissionCompleted,
    Output,
    Priority,
    SegmentDiscarded,
    TransmissionCancelled,
    TransmissionCompleted,
    Transmit,
)
from dtn.ltp.segment import (
    CancelReason,
    CancelSegment,
    DataSegment,
    ReportAck,
    ReportSegment,
    Segment,
    SessionId,
    encode_segment,
)


class Exporter:
    """Blocks on their way out.

    Args:
        options: limits.
        control: the queue and the countdowns that it shares with the other half.
        encode: makes octets of a segment.
    """

    def __init__(
        self,
        options: EngineOptions,
        control: Control,
        encode: Callable[[Segment], bytes] = encode_segment,
    ) -> None:
        self._options = options
        self._control = control
        self._encode = encode
        self._sessions: dict[SessionId, ExportSession] = {}
        self._by_ref: dict[int, ExportSession] = {}
        self._under_way = 0
        self._waiting: deque[ExportSession] = deque()
        self._fresh: deque[ExportSession] = deque()
        self._again: deque[Awaiting | tuple[ExportSession, Again]] = deque()

    # --- what its surroundings may ask ----------------------------------------------------------

    @property
    def refs(self) -> tuple[int, ...]:
        """Blocks that are neither completed nor cancelled, in order of `send`."""
        return tuple(self._by_ref)

    def has_begun(self, ref: int) -> bool:
        """Whether any of the block was sent."""
        return self._by_ref[ref].sent_bytes > 0

    @property
    def sessions(self) -> int:
        """How many sessions are open; blocks that wait for their turn are not."""
        return len(self._sessions)

    def is_all_sent(self) -> bool:
        """Whether no block is left of which something was not sent yet."""
        return not self._waiting and not any(session.is_active for session in self._fresh)

    def owes_data(self) -> set[int]:
        """Blocks of which something is queued to be sent, for the first time or again."""
        owing = {session.ref for session in (*self._fresh, *self._waiting) if session.is_active}
        for entry in self._again:
            if isinstance(entry, Awaiting):
                if not entry.is_over:
                    owing.add(self._sessions[entry.segment.session].ref)
            elif entry[0].is_active:
                owing.add(entry[0].ref)
        return owing

    # --- verbs ----------------------------------------------------------------------------------

    def send(self, session: ExportSession) -> None:
        """Start transmission of a block (§4.1), in its turn."""
        self._by_ref[session.ref] = session
        self._waiting.append(session)
        self._admit()

    def cancel(self, ref: int, reason: int, out: list[Output]) -> None:
        """The client wants no more of this block (§4.2, §6.19)."""
        self._cancel(self._by_ref[ref], reason, out)

    def dequeue(self, now_s: float, room_bytes: float, out: list[Output]) -> None:
        """The next data segment, if there is one and it fits (§6.1): what is sent again goes first."""
        if not self._dequeue_again(now_s, room_bytes, out):
            self._dequeue_fresh(now_s, room_bytes, out)

    def report(self, report: ReportSegment, out: list[Output]) -> None:
        """A report came (§6.13): acknowledge it, whatever it is about; then send again what it lacks."""
        session = self._sessions.get(report.session)
        if session is not None and report.upper > min(session.sent_bytes, session.red_bytes):
            out.append(SegmentDiscarded("a report on what was never sent"))
            return
        self._control.answer(ReportAck(report.session, report.serial))
        if session is None or not session.is_active or report.serial in session.reports_seen:
            return  # redundant
        session.reports_seen.add(report.serial)
        self._control.settle(session.answered(report))
        gaps = session.claim(report)
        if session.is_claimed:
            self._control.settle(session.checkpoints.values())
            if session.accepts(ExportInput.RED_CLAIMED):
                self._step(session, ExportInput.RED_CLAIMED, out)
        elif gaps:
            self._send_again(session, report, gaps, out)

    def peer_cancels(self, cancel: CancelSegment, out: list[Output]) -> None:
        """The receiver wants no more of a block; the acknowledgement is the engine's (§6.17)."""
        session = self._sessions.get(cancel.session)
        if session is not None and session.accepts(ExportInput.PEER_CANCEL):
            if session.is_active:
                out.append(TransmissionCancelled(session.ref, session.id, cancel.reason, True))
            session.apply(ExportInput.PEER_CANCEL)
            self._close(session)

    def cancel_acknowledged(self, session_id: SessionId) -> None:
        """The receiver knows that the block was cancelled (§6.18)."""
        self._end_cancel(session_id, ExportInput.CANCEL_ACKNOWLEDGED)

    def expired(self, awaiting: Awaiting, out: list[Output]) -> None:
        """No answer came in time to a checkpoint (§6.7) or a cancellation (§6.16)."""
        is_cancel = isinstance(awaiting.segment, CancelSegment)
        limit = self._options.cancel_limit if is_cancel else self._options.checkpoint_limit
        if awaiting.times_again < limit:
            awaiting.times_again += 1
            if is_cancel:
                self._control.ask(awaiting)
            else:
                self._again.append(awaiting)
        elif is_cancel:
            self._end_cancel(awaiting.segment.session, ExportInput.CANCEL_EXHAUSTED)
        else:
            self._cancel(self._sessions[awaiting.segment.session], CancelReason.RLEXC, out)

    # --- procedures -----------------------------------------------------------------------------

    def _admit(self) -> None:
        """Open sessions for blocks that wait, as many as may be open."""
        while self._waiting and self._under_way < self._options.max_export_sessions:
            session = self._waiting.popleft()
            if session.is_active:
                self._under_way += 1
                self._sessions[session.id] = session
                self._fresh.append(session)

    def _dequeue_again(self, now_s: float, room_bytes: float, out: list[Output]) -> bool:
        """Whether something is to be sent again, whether or not it fits."""
        queue = self._again
        while queue:
            entry = queue[0]
            if isinstance(entry, Awaiting):
                if entry.is_over:
                    queue.popleft()
                    continue
                checkpoint: Awaiting | None = entry
                session, segment = self._sessions[entry.segment.session], entry.segment
                assert isinstance(segment, DataSegment)
            else:
                session, again = entry
                if not session.is_active:
                    queue.popleft()
                    continue
                segment = session.next_again(again)
            octets = self._encode(segment)
            if len(octets) > room_bytes:
                return True
            if isinstance(entry, Awaiting):
                queue.popleft()
                session.resent_bytes += len(segment.data)
            else:
                checkpoint = session.sent_again(again, segment)
                if not again.stretches:
                    queue.popleft()
            self._transmit(session, octets, Priority.AGAIN, checkpoint, now_s, out)
            return True
        return False

    def _dequeue_fresh(self, now_s: float, room_bytes: float, out: list[Output]) -> None:
        queue = self._fresh
        while queue and not queue[0].is_active:
            queue.popleft()
        if not queue:
            return
        session = queue[0]
        segment = session.next_fresh()
        octets = self._encode(segment)
        if len(octets) > room_bytes:
            return
        checkpoint = session.sent_fresh(segment)
        self._transmit(session, octets, Priority.FRESH, checkpoint, now_s, out)
        if session.sent_bytes == session.block_bytes:
            queue.popleft()
            out.append(InitialTransmissionCompleted(session.ref))
            self._step(session, ExportInput.END_SENT, out)

    def _transmit(
        self,
        session: ExportSession,
        octets: bytes,
        priority: Priority,
        checkpoint: Awaiting | None,
        now_s: float,
        out: list[Output],
    ) -> None:
        if checkpoint is not None:  # §6.2: the timer starts when the checkpoint is de-queued
            self._control.went(checkpoint, now_s)
        out.append(Transmit(octets, priority, session.id, session.ref, checkpoint is not None))

    def _send_again(
        self,
        session: ExportSession,
        report: ReportSegment,
        gaps: list[tuple[int, int]],
        out: list[Output],
    ) -> None:
        cause = session.rounds.get(report.checkpoint)
        depth = (cause.depth if cause else 0) + 1
        if depth > self._options.round_limit:
            self._cancel(session, CancelReason.RXMTCYCEXC, out)
            return
        around = Round(report.lower, gaps[-1][1], depth)
        self._again.append((session, Again(report.serial, around, gaps[::-1])))

    def _step(self, session: ExportSession, event: ExportInput, out: list[Output]) -> None:
        if session.apply(event) is ExportState.CLOSED:
            out.append(
                TransmissionCompleted(
                    session.ref, session.id, session.block_bytes, session.resent_bytes
                )
            )
            self._close(session)

    def _cancel(self, session: ExportSession, reason: int, out: list[Output]) -> None:
        """§6.19; a session of which nothing was sent needs no segment to end it."""
        out.append(TransmissionCancelled(session.ref, session.id, reason, False))
        session.apply(ExportInput.CANCEL)
        self._control.settle(session.checkpoints.values())
        del self._by_ref[session.ref]
        is_open = session.id in self._sessions
        if is_open:
            self._under_way -= 1
        if session.sent_bytes:
            session.cancel = Awaiting(CancelSegment(session.id, True, reason))
            self._control.ask(session.cancel)
        else:
            session.apply(ExportInput.CANCEL_EXHAUSTED)
            self._sessions.pop(session.id, None)
        session.free()
        self._admit()

    def _end_cancel(self, session_id: SessionId, event: ExportInput) -> None:
        session = self._sessions.get(session_id)
        if session is not None and session.accepts(event):
            session.apply(event)
            self._close(session)

    def _close(self, session: ExportSession) -> None:
        """§6.20: nothing of the session is left."""
        self._control.settle(session.unanswered())
        del self._sessions[session.id]
        if self._by_ref.pop(session.ref, None) is not None:
            self._under_way -= 1
        session.free()
        self._admit()
