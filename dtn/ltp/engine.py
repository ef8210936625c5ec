"""Engine: one LTP engine's side of the link to one other engine (RFC 5326), as a machine.

Every verb takes `now_s`, the due time of what happened, and returns what is to be done, in order. It owns no clock and
no socket: `next_timer()` says when to call `on_timer`, and whoever owns the link takes one segment after the other with
`dequeue` whenever the link is free. Only then a segment exists as octets, and only then its timer starts (§6.2).

The theory: a checkpoint asks "what have you got?", a report answers, data is sent again for what the report lacks,
and the last segment of that is a checkpoint again. Checkpoints, reports and cancellations go out again when no answer
came in two light times, a span that is stretched while the peer is known to be silent (dtn.ltp.countdowns). So a block
arrives whole and once, whatever is lost, doubled or overtaken; tests try it.

Refused: segments that are none, segments of sessions that are over (data) and of engines that are not the peer, and
with `authentication` (RFC 5327) what the peer did not sign. Other extensions are carried past (§3.1.4).
Not done: discretionary checkpoints in what is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dtn.errors import InvalidValue, MalformedSegment
from dtn.ltp.authentication import Authentication
from dtn.ltp.awaiting import Awaiting, Control
from dtn.ltp.export_session import ExportSession
from dtn.ltp.exporter import Exporter
from dtn.ltp.importer import MOST_FIRST_SERIAL, Importer
from dtn.ltp.options import BUNDLE_PROTOCOL, LEAST_SEGMENT_BYTES, EngineOptions
from dtn.ltp.outputs import Output, Priority, SegmentDiscarded, Transmit
from dtn.ltp.segment import (
    CancelAck,
    CancelSegment,
    DataSegment,
    ReportAck,
    ReportSegment,
    Segment,
    SessionId,
    encode_segment,
    read_segment,
)

if TYPE_CHECKING:
    from random import Random


class Engine:
    """One side of one link. The link is down, and the peer taken to transmit, until told otherwise.

    Args:
        number: this engine's.
        peer: the other's.
        one_way_s: light time plus the latency that one end adds (AAL), of what is sent at a time.
        session_numbers: numbers for sessions; shared by all links of this engine, none twice.
        rng: for first serial numbers (§3.2.1: not to be guessed).
        options: limits.
        authentication: how segments are signed and checked; None: they are not.
    """

    def __init__(
        self,
        number: int,
        peer: int,
        one_way_s: Callable[[float], float],
        session_numbers: Iterator[int],
        rng: Random,
        options: EngineOptions | None = None,
        authentication: Authentication | None = None,
    ) -> None:
        self.number = number
        self.peer = peer
        self.options = options or EngineOptions()
        self.unauthenticated = 0
        self._authentication = authentication
        self._encode: Callable[[Segment], bytes] = encode_segment
        if authentication is not None:
            self._encode = authentication.sealed
            room_bytes = self.options.segment_bytes - authentication.overhead_bytes
            if room_bytes < LEAST_SEGMENT_BYTES:
                least = LEAST_SEGMENT_BYTES + authentication.overhead_bytes
                mend = f"authentication needs segments of at least {least} octets"
                raise InvalidValue("segment_bytes", self.options.segment_bytes, mend)
            self.options = replace(self.options, segment_bytes=room_bytes)
        self.is_link_up = False
        self._numbers = session_numbers
        self._rng = rng
        self._control = Control(one_way_s)
        self.exports = Exporter(self.options, self._control, self._encode)
        self.imports = Importer(self.options, self._control, rng)

    # --- the client -----------------------------------------------------------------------------

    def send(
        self,
        block: bytes,
        ref: int,
        now_s: float,
        *,
        red_bytes: int | None = None,
        client_service: int = BUNDLE_PROTOCOL,
    ) -> list[Output]:
        """Start transmission of a block (§4.1), all of it red unless `red_bytes` says less.

        Raises:
            InvalidValue: an empty block, or a red part longer than the block.
        """
        red = len(block) if red_bytes is None else red_bytes
        if not block:
            raise InvalidValue("block", block, "a block has at least one octet")
        if not 0 <= red <= len(block):
            raise InvalidValue("red_bytes", red, f"must lie in 0 to {len(block)}, the block's size")
        session = ExportSession(
            SessionId(self.number, next(self._numbers)),
            ref,
            block,
            red,
            client_service,
            self._rng.randint(1, MOST_FIRST_SERIAL),
            self.options.segment_bytes,
        )
        self.exports.send(session)
        return []

    def cancel(self, ref: int, reason: int, now_s: float) -> list[Output]:
        """Give a block up (§4.2); it must be one of `exports.refs`."""
        out: list[Output] = []
        self.exports.cancel(ref, reason, out)
        return out

    def accept(self, session: SessionId, now_s: float, *, is_safe: bool = True) -> list[Output]:
        """With `options.reports_wait`: the red part that was handed out is safe, or could not be kept."""
        out: list[Output] = []
        self.imports.accept(session, is_safe, out)
        return out

    # --- the link -------------------------------------------------------------------------------

    def link(self, up: bool, now_s: float) -> list[Output]:
        """The own link is up or down; while it is down nothing is de-queued, and nothing lost (§6.1, §6.4)."""
        self.is_link_up = up
        return []

    def remote(self, up: bool, now_s: float) -> list[Output]:
        """The peer begins to transmit, or stops (§6.5, §6.6): cues from the contact plan, in the peer's time."""
        if up:
            self._control.countdowns.peer_resumes(now_s)
        else:
            self._control.countdowns.peer_stops(now_s)
        return []

    def dequeue(self, now_s: float, room_bytes: float = float("inf")) -> list[Output]:
        """The link is free: the next segment as a Transmit, and what follows from its going.

        Nothing if the link is down, or nothing is queued, or what is next has more than `room_bytes` octets.
        """
        out: list[Output] = []
        if self.is_link_up and not self._dequeue_control(now_s, room_bytes, out):
            self.exports.dequeue(now_s, room_bytes, out)
        return out

    def receive(self, octets: bytes, now_s: float) -> list[Output]:
        """Octets came from the peer: whole segments, one behind the other. What is none costs itself and the rest."""
        out: list[Output] = []
        at = 0
        try:
            while at < len(octets):
                segment, end = read_segment(octets, at)
                if self._is_peers(segment, octets[at:end], out):
                    self._take(segment, now_s, out)
                at = end
        except MalformedSegment as fault:
            out.append(SegmentDiscarded(str(fault)))
        return out

    def receive_segment(self, segment: Segment, now_s: float) -> list[Output]:
        """One segment came from the peer, who is known by other means than authentication."""
        out: list[Output] = []
        self._take(segment, now_s, out)
        return out

    # --- time -----------------------------------------------------------------------------------

    @property
    def countdowns(self) -> int:
        """How many answers are waited for, suspended ones included."""
        return len(self._control.countdowns)

    def next_timer(self) -> float:
        """When to call on_timer next; inf if never."""
        return self._control.countdowns.next_s()

    def on_timer(self, now_s: float) -> list[Output]:
        """Everything whose answer is overdue is sent again, or given up (§6.7, 6.8, 6.16)."""
        out: list[Output] = []
        while (awaiting := self._control.countdowns.due(now_s)) is not None:
            assert isinstance(awaiting, Awaiting)
            segment = awaiting.segment
            is_export = isinstance(segment, DataSegment) or (
                isinstance(segment, CancelSegment) and segment.by_sender
            )
            (self.exports if is_export else self.imports).expired(awaiting, out)
        return out

    # --- inside ---------------------------------------------------------------------------------

    def _dequeue_control(self, now_s: float, room_bytes: float, out: list[Output]) -> bool:
        """Whether there is anything that goes before data, whether or not it fits."""
        queue = self._control.queue
        while queue:
            entry = queue[0]
            if isinstance(entry, Awaiting) and entry.is_over:
                queue.popleft()
                continue
            segment = entry.segment if isinstance(entry, Awaiting) else entry
            octets = self._encode(segment)
            if len(octets) <= room_bytes:
                queue.popleft()
                is_awaited = isinstance(entry, Awaiting)
                if isinstance(entry, Awaiting):
                    entry.is_queued = False
                    self._control.went(entry, now_s)
                out.append(Transmit(octets, Priority.CONTROL, segment.session, None, is_awaited))
            return True
        return False

    def _is_peers(self, segment: Segment, octets: bytes, out: list[Output]) -> bool:
        """Whether the peer sent this, as far as is asked for."""
        if self._authentication is None:
            return True
        fault = self._authentication.fault(segment, octets)
        if fault is not None:
            self.unauthenticated += 1
            out.append(SegmentDiscarded(fault))
        return fault is None

    def _take(self, segment: Segment, now_s: float, out: list[Output]) -> None:
        """Give a segment to the half that it is for; sessions of other engines are none of ours."""
        session = segment.session
        if isinstance(segment, DataSegment):
            originator = self.peer
        elif isinstance(segment, ReportSegment):
            originator = self.number
        elif isinstance(segment, ReportAck):
            originator = self.peer
        elif isinstance(segment, CancelSegment):
            originator = self.peer if segment.by_sender else self.number
        else:
            originator = self.number if segment.to_sender else self.peer
        if session.originator != originator:
            out.append(SegmentDiscarded(f"a session of engine {session.originator}"))
        elif isinstance(segment, DataSegment):
            self.imports.data(segment, now_s, out)
        elif isinstance(segment, ReportSegment):
            self.exports.report(segment, out)
        elif isinstance(segment, ReportAck):
            self.imports.report_acknowledged(segment, out)
        elif isinstance(segment, CancelSegment):
            self._control.answer(CancelAck(session, segment.by_sender))  # §6.17, known or not
            half = self.imports if segment.by_sender else self.exports
            half.peer_cancels(segment, out)
        else:
            half = self.exports if segment.to_sender else self.imports
            half.cancel_acknowledged(session)
