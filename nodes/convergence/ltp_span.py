"""Span: LTP between one node and one neighbour: engine, link and clock put together.

The engine says what to send; the span takes one segment after the other from it as long as a contact is open, puts the
airtime and light time of the contact on them, and loses some by chance. Reports to the neighbour go out on the same
contact, before data. The contact plan's way back says when the neighbour can answer at all.

A block that has not begun when its contact ends is given back, for routing to find a better way; one that has begun
stays in its session until the next contact. It is given back too when no later contact could end it: nothing of the own
transmissions is left, or no report can come any more. Towards a neighbour that never transmits blocks go green: nobody
could report, so they are through when they are out, as without LTP.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from dtn.bpa.outputs import Transmit
from dtn.contact_plan import Contact
from dtn.contact_plan.contact import TIME_TOLERANCE_S
from dtn.events import BlockSent, Event, SegmentLost, SessionCancelled, SessionCompleted
from dtn.ltp.engine import Engine
from dtn.ltp.outputs import (
    GreenPartReceived,
    InitialTransmissionCompleted,
    Output,
    Priority,
    RedPartReceived,
    SegmentDiscarded,
    TransmissionCancelled,
    TransmissionCompleted,
)
from dtn.ltp.outputs import Transmit as TransmitSegment
from dtn.ltp.segment import CancelReason, SessionId
from nodes.channel.channel import Channel
from nodes.channel.frame import Frame
from nodes.convergence.blocks import Aggregation, block_of, bundles_in
from nodes.convergence.burst import Burst
from nodes.convergence.convergence_layer import ConvergenceUser
from nodes.convergence.ltp_options import LtpOptions
from nodes.convergence.noise import Noise
from nodes.convergence.way_back import WayBack
from nodes.timers import Timers

CONTACT_CUT = "contact cut"
NOISE = "noise"
REASONS = {
    CancelReason.USR_CNCLD: "cancelled by the client",
    CancelReason.UNREACH: "client service unreachable",
    CancelReason.RLEXC: "no answer within the retransmission limit",
    CancelReason.MISCOLORED: "miscoloured segment",
    CancelReason.SYS_CNCLD: "no contact left to end it",
    CancelReason.RXMTCYCEXC: "too many rounds of retransmission",
}


class Span:
    """LTP between `node` and `neighbour`.

    Args:
        node: the transmitting node.
        neighbour: the receiving node.
        make_engine: makes the engine, given the anticipated one-way time of what is sent at a time.
        contacts: the plan's, by number.
        back: those of them from the neighbour to the node.
        out_ends_s: when the last contact to the neighbour ends.
        user: the node, told what becomes of its bundles.
        timers: the loop.
        channel: carries the frames.
        record: takes events.
        options: segments, blocks, losses.
        noise: takes segments of this link.
    """

    def __init__(
        self,
        node: str,
        neighbour: str,
        make_engine: Callable[[Callable[[float], float]], Engine],
        contacts: tuple[Contact, ...],
        back: Sequence[Contact],
        out_ends_s: float,
        user: ConvergenceUser,
        timers: Timers,
        channel: Channel,
        record: Callable[[Event], object],
        options: LtpOptions,
        noise: Noise,
    ) -> None:
        self._node = node
        self._neighbour = neighbour
        self._contacts = contacts
        self._user = user
        self._timers = timers
        self._channel = channel
        self._record = record
        self._options = options
        self._noise = noise
        self._engine = make_engine(self._one_way_s)
        self._out_ends_s = out_ends_s
        self._back = WayBack(back)
        self._number: int | None = None
        self._last_contact = 0
        self._on_air: Burst | None = None
        self._gathering = Aggregation(options.aggregation_bytes, options.aggregation_s)
        self._blocks: dict[int, list[Transmit]] = {}
        self._red: set[int] = set()
        self._last_ref = 0
        self._owes_ready = False
        self._sequence = 0
        self._green: tuple[SessionId, bytearray] | None = None
        self._armed_s = math.inf

    # --- verbs ----------------------------------------------------------------------------------

    def open(self, number: int, now_s: float) -> None:
        """A contact to the neighbour is open."""
        self._follow(now_s)
        self._number = self._last_contact = number
        self._engine.link(True, now_s)
        self._go_on(now_s)

    def transmit(self, request: Transmit, now_s: float) -> None:
        """A bundle more, for this block or the next."""
        self._follow(now_s)
        self._owes_ready = True
        self._gathering.add(request, now_s)
        if self._gathering.is_full:
            self._close_block(now_s)
        self._go_on(now_s)
        self._say_ready(now_s)

    def close(self, number: int, now_s: float) -> list[Transmit]:
        """The contact is over: returns what is given back."""
        given_back = []
        burst = self._on_air
        if burst is not None and burst.contact == number:
            self._on_air = None
            given_back += self._cut(burst, now_s)
        if self._number != number:
            return given_back
        self._number = None
        self._engine.link(False, now_s)
        exports = self._engine.exports
        given_back += self._gathering.take()
        refs = {ref for ref in exports.refs if not exports.has_begun(ref)}
        if self._out_ends_s <= now_s + TIME_TOLERANCE_S:
            refs |= exports.owes_data()
        for ref in sorted(refs):
            given_back += self._give_up(ref, now_s)
        self._arm()
        return given_back

    def receive(self, frame: Frame) -> None:
        """Segments came from the neighbour."""
        now_s = frame.arrives_s
        self._follow(now_s)
        assert isinstance(frame.content, bytes)
        outputs = self._engine.receive(frame.content, now_s)
        self._carry(outputs, now_s, light_s=frame.arrives_s - frame.sent_s)
        self._go_on(now_s)

    # --- blocks ---------------------------------------------------------------------------------

    def _close_block(self, now_s: float) -> None:
        requests = self._gathering.take()
        block = block_of(requests)
        self._last_ref += 1
        self._blocks[self._last_ref] = requests
        can_report = now_s + self._one_way_s(now_s) < self._back.ends_s
        if can_report:
            self._red.add(self._last_ref)
        red_bytes = len(block) if can_report else 0
        self._engine.send(block, self._last_ref, now_s, red_bytes=red_bytes)

    def _take_block(self, ref: int) -> list[Transmit]:
        """The bundles of a block that is over."""
        self._red.discard(ref)
        return self._blocks.pop(ref)

    def _give_up(self, ref: int, now_s: float) -> list[Transmit]:
        """Cancel a block that cannot be ended; returns its bundles."""
        for output in self._engine.cancel(ref, CancelReason.SYS_CNCLD, now_s):
            if isinstance(output, TransmissionCancelled):
                self._record_cancelled(output, now_s)
        return self._take_block(ref)

    def _fail(self, refs: Iterable[int], now_s: float) -> None:
        for ref in refs:
            for request in self._give_up(ref, now_s):
                self._user.transfer_failed(request.transfer, REASONS[CancelReason.SYS_CNCLD], now_s)

    def _carry(self, outputs: list[Output], now_s: float, light_s: float = 0.0) -> None:
        """What the engine says, to the node and to the log."""
        for output in outputs:
            if isinstance(output, RedPartReceived):
                self._red_received(output, now_s, light_s)
            elif isinstance(output, GreenPartReceived):
                self._gather_green(output, now_s, light_s)
            elif isinstance(output, InitialTransmissionCompleted):
                bundles = tuple(request.bundle_id for request in self._blocks[output.ref])
                self._record(BlockSent(now_s, self._node, self._neighbour, bundles))
            elif isinstance(output, TransmissionCompleted):
                self._completed(output, now_s)
            elif isinstance(output, TransmissionCancelled):
                self._record_cancelled(output, now_s)
                why = REASONS.get(output.reason, f"reason {output.reason}")
                for request in self._take_block(output.ref):
                    self._user.transfer_failed(request.transfer, why, now_s)
            elif isinstance(output, SegmentDiscarded):
                self._record(
                    SegmentLost(now_s, self._node, self._neighbour, f"discarded: {output.reason}")
                )

    def _completed(self, output: TransmissionCompleted, now_s: float) -> None:
        requests = self._take_block(output.ref)
        self._record(
            SessionCompleted(
                now_s,
                self._node,
                self._neighbour,
                _text(output.session),
                len(requests),
                output.block_bytes,
                output.resent_bytes,
            )
        )
        for request in requests:
            self._user.transfer_finished(request.transfer, now_s)

    def _record_cancelled(self, output: TransmissionCancelled, now_s: float) -> None:
        session = _text(output.session)
        by = self._neighbour if output.by_peer else self._node
        self._record(
            SessionCancelled(now_s, self._node, self._neighbour, session, output.reason, by)
        )

    def _red_received(self, part: RedPartReceived, now_s: float, light_s: float) -> None:
        """Hand the bundles out; the report waits until every one of them is safe."""
        bundles = tuple(bundles_in(part.data))
        answers: list[bool] = []

        def acknowledge(is_safe: bool) -> None:
            answers.append(is_safe)
            if len(answers) == len(bundles):
                at_s = self._timers.time()
                outputs = self._engine.accept(part.session, at_s, is_safe=all(answers))
                self._carry(outputs, at_s)
                self._go_on(at_s)

        for octets in bundles:
            self._user.received(octets, self._neighbour, now_s, len(octets), light_s, acknowledge)

    def _gather_green(self, part: GreenPartReceived, now_s: float, light_s: float) -> None:
        """A green block counts if every segment comes, in order: links do not reorder."""
        if part.offset == 0:
            self._green = (part.session, bytearray())
        if self._green is None or self._green[0] != part.session:
            return
        gathered = self._green[1]
        if part.offset != len(gathered):
            self._green = None
            return
        gathered += part.data
        if part.is_block_end:
            self._green = None
            for octets in bundles_in(bytes(gathered)):
                self._user.received(octets, self._neighbour, now_s, len(octets), light_s)

    # --- the link -------------------------------------------------------------------------------

    def _one_way_s(self, t_s: float) -> float:
        """Light time, what each end adds, and one longest segment before each of question and answer."""
        contact = self._contacts[self._last_contact]
        bits = 8 * self._options.engine.segment_bytes
        rate_bps = max(contact.rate_at(t_s), 1.0)
        airtimes_s = bits / rate_bps + bits / self._back.least_rate_bps
        return contact.owlt_at(t_s) + self._options.aal_s + self._options.burst_s + airtimes_s

    def _go_on(self, now_s: float) -> None:
        if self._blocks and self._number is None and self._out_ends_s <= now_s:
            self._fail(sorted(self._engine.exports.owes_data()), now_s)
        self._pump(now_s)
        self._arm()

    def _pump(self, now_s: float) -> None:
        """Put the next segments on the air, if a contact is open and the air is free."""
        if self._number is None or self._on_air is not None:
            return
        contact = self._contacts[self._number]
        room_bytes = contact.volume_bytes(now_s)
        most_bytes = contact.rate_at(now_s) * self._options.burst_s / 8
        segments: list[bytes] = []
        notices: list[Output] = []
        size_bytes = 0
        while True:
            outputs = self._engine.dequeue(now_s, room_bytes - size_bytes)
            if not outputs:
                break
            first = outputs[0]
            assert isinstance(first, TransmitSegment)
            segments.append(first.octets)
            size_bytes += len(first.octets)
            notices = outputs[1:]
            is_plain = first.priority is not Priority.CONTROL and not first.is_awaited
            if notices or not is_plain or size_bytes >= most_bytes:
                break
        if segments:
            ends_s = contact.last_bit_s(now_s, size_bytes)
            ends_s = min(ends_s, contact.end_s)
            burst = Burst(self._number, tuple(segments), now_s, ends_s, notices)
            self._on_air = burst
            self._timers.schedule(ends_s, self._burst_out, burst)

    def _burst_out(self, burst: Burst) -> None:
        if self._on_air is not burst:
            return  # cut short before
        now_s = burst.ends_s
        self._on_air = None
        self._follow(now_s)
        self._emit(burst.segments, burst.contact, now_s)
        self._carry(burst.notices, now_s)
        self._say_ready(now_s)
        self._go_on(now_s)

    def _cut(self, burst: Burst, now_s: float) -> list[Transmit]:
        """The contact is over with this burst on the air: what is out is out, the rest is lost."""
        if burst.ends_s <= now_s + TIME_TOLERANCE_S:
            self._emit(burst.segments, burst.contact, burst.ends_s)
            self._carry(burst.notices, now_s)
            return []
        whole = burst.whole_by(now_s, self._contacts[burst.contact])
        self._emit(burst.segments[:whole], burst.contact, now_s)
        for _ in burst.segments[whole:]:
            self._record(SegmentLost(now_s, self._node, self._neighbour, CONTACT_CUT))
        given_back = []
        for notice in burst.notices:  # a green block that ends in vain
            if isinstance(notice, TransmissionCompleted):
                given_back += self._take_block(notice.ref)
        return given_back

    def _emit(self, segments: tuple[bytes, ...], number: int, sent_s: float) -> None:
        """Segments are out: they arrive a light time later, but for those that noise takes."""
        contact = self._contacts[number]
        arrives_s = sent_s + contact.owlt_at(sent_s)
        heard = [s for s in segments if not self._noise.takes(contact, sent_s)]
        event = SegmentLost(arrives_s, self._neighbour, self._node, NOISE)
        for _ in range(len(segments) - len(heard)):
            self._timers.schedule(arrives_s, self._record, event)
        if not heard:
            return
        octets = b"".join(heard)
        frame = Frame(
            self._node, self._neighbour, self._sequence, sent_s, arrives_s, len(octets), octets
        )
        self._sequence += 1
        self._channel.send(frame, "")

    def _say_ready(self, now_s: float) -> None:
        """Ask for the next bundle when all that there is has been sent once."""
        if self._owes_ready and self._number is not None and self._engine.exports.is_all_sent():
            self._owes_ready = False
            self._user.link_ready(self._neighbour, now_s)

    # --- time -----------------------------------------------------------------------------------

    def _follow(self, now_s: float) -> None:
        """Tell the engine what the plan says of the neighbour up to now (RFC 5326 §6.5, 6.6)."""
        for cue in self._back.passed(now_s):
            self._engine.remote(cue.up, cue.at_s)

    def _next_s(self) -> float:
        """When something is due: an answer, a cue that moves one, a block, or the end of all hope."""
        due_s = min(self._engine.next_timer(), self._gathering.due_s)
        if self._engine.countdowns:
            due_s = min(due_s, self._back.next_cue_s)
        if self._red:
            due_s = min(due_s, self._hopeless_s())
        return due_s

    def _hopeless_s(self) -> float:
        """From when no report can come any more."""
        heard_s = self._back.heard_until_s
        return heard_s + self._options.aal_s if heard_s > -math.inf else math.inf

    def _arm(self) -> None:
        due_s = self._next_s()
        if due_s < self._armed_s:
            self._armed_s = due_s
            self._timers.schedule(due_s, self._on_timer, due_s)

    def _on_timer(self, due_s: float) -> None:
        if due_s != self._armed_s:
            return  # an earlier one came between and set its own
        self._armed_s = math.inf
        self._follow(due_s)
        self._carry(self._engine.on_timer(due_s), due_s)
        if self._gathering.due_s <= due_s:
            self._close_block(due_s)
        if self._red and self._hopeless_s() <= due_s:
            self._fail(sorted(self._red), due_s)
        self._go_on(due_s)


def _text(session: SessionId) -> str:
    return f"{session.originator}.{session.number}"
