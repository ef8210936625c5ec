"""Session: one TCPCLv4 session as a machine without sockets, clock or tasks.

Source: RFC 9174. Three drive it: its user (`send`, `accept`, `refuse`, `terminate`), the connection
(`connected`, `secured`, `receive`, `writable`, `disconnected`) and time (`on_timer`, when
`next_timer` says). Every verb takes `now_s` and returns what is to be done, in order.

At its best: a bundle is `Finished` only when the peer has said that it has it, and said so to the
peer only when the user has accepted it; whatever octets come, the answer is one that the RFC
gives and memory is bounded by what was agreed; two machines joined by a for-loop are a test.

What a session refuses is in the tables: messages where they are not expected (`table.EXPECTED`),
streams that cannot be read (`_FLAWS`). A stream in which the reader has lost its place ends the
session at once, since nothing after it can be understood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dtn.tcpcl.codec import Flaw, MalformedMessage, MessageReader, encode
from dtn.tcpcl.incoming import Incoming
from dtn.tcpcl.message import (
    CAN_TLS,
    TERM_REPLY,
    VERSION,
    ContactHeader,
    Keepalive,
    Message,
    MessageReject,
    MessageType,
    RefuseReason,
    RejectReason,
    SessionInit,
    SessionTerm,
    TermReason,
    TransferAck,
    TransferRefuse,
    TransferSegment,
)
from dtn.tcpcl.negotiation import objection, offer
from dtn.tcpcl.options import SessionOptions
from dtn.tcpcl.outgoing import Outgoing
from dtn.tcpcl.outputs import (
    Ended,
    Ending,
    Established,
    Failed,
    Output,
    Received,
    Rejected,
    Send,
    StartTls,
)
from dtn.tcpcl.table import EXPECTED, TRANSITIONS, Happening, State

IDLE_INTERVALS = 2
"""A peer that was silent for so many keepalive intervals is gone (§5.1.1)."""

NO_SESSION = "no session"


class Session:
    """One end of a session.

    Args:
        options: what this end offers and demands.
        is_active: whether this end made the TCP connection.
    """

    def __init__(self, options: SessionOptions, *, is_active: bool) -> None:
        self.options = options
        self.is_active = is_active
        self.state = State.IDLE
        self._reader = MessageReader(options.segment_mru_bytes)
        self._incoming = Incoming(options.transfer_mru_bytes)
        self._outgoing = Outgoing(options.first_transfer, options.window_bytes)
        self._keepalive_s = 0
        self._heard_s = self._spoke_s = self._progress_s = 0.0
        self._contact_deadline_s = math.inf
        self._said_term = self._heard_term = False
        self._why = ""

    # --- the user -------------------------------------------------------------------------------

    def send(self, ref: int, octets: bytes, now_s: float) -> list[Output]:
        """Send a bundle: `Sent` when it is out, then `Finished` or `Failed`."""
        if self.state is not State.ESTABLISHED:
            return [Failed(ref, NO_SESSION)]
        if len(octets) > self._outgoing.transfer_bytes:
            most = self._outgoing.transfer_bytes
            return [Failed(ref, f"longer than the peer takes: {most}", RefuseReason.NO_RESOURCES)]
        if self._outgoing.is_idle:
            self._progress_s = now_s
        self._outgoing.put(ref, octets)
        return self._segments(now_s)

    def accept(self, transfer: int, now_s: float) -> list[Output]:
        """A bundle that was `Received` is safe: acknowledge it."""
        return self._decide(transfer, None, now_s)

    def refuse(self, transfer: int, reason: RefuseReason, now_s: float) -> list[Output]:
        """A bundle that was `Received` cannot be kept."""
        return self._decide(transfer, reason, now_s)

    def terminate(self, reason: TermReason, now_s: float) -> list[Output]:
        """End the session: finish what was begun, begin nothing more (§6.1)."""
        match self.state:
            case State.NEGOTIATING | State.ESTABLISHED:
                return self._say_term(reason, 0, now_s) + self._over_if_done()
            case State.ENDING | State.ENDED:
                return []
            case _:  # no SESS_TERM before the contact headers are through
                return self._over(_words(reason))

    # --- the connection -------------------------------------------------------------------------

    def connected(self, now_s: float) -> list[Output]:
        """TCP is connected: the active side speaks first (§4.1)."""
        self._move(Happening.CONNECTED)
        self._contact_deadline_s = now_s + self.options.contact_timeout_s
        return [self._say_hello(now_s)] if self.is_active else []

    def secured(self, now_s: float) -> list[Output]:
        """The TLS handshake is done (§4.4)."""
        if self.state is not State.SECURING:
            return []
        self._move(Happening.SECURED)
        return self._negotiate(now_s)

    def receive(self, octets: bytes, now_s: float) -> list[Output]:
        """Octets came in, cut anywhere."""
        if self.state is State.ENDED:
            return []
        self._heard_s = now_s
        self._reader.feed(octets)
        out: list[Output] = []
        try:
            if self.state is State.CONTACT:
                out += self._read_header(now_s)
            self._read_messages(out, now_s)
        except MalformedMessage as fault:
            out += self._lost_place(fault, now_s)
        return out

    def writable(self, now_s: float) -> list[Output]:
        """The connection has taken what it was given: go on with the bundles."""
        self._outgoing.refill()
        return self._segments(now_s)

    def disconnected(self, now_s: float, reason: str = "connection lost") -> list[Output]:
        """TCP is gone: what is not acknowledged has failed (§6.1)."""
        return self._over(reason)

    @property
    def owed(self) -> int:
        """Answers held back until the user has decided on what it `Received`."""
        return self._incoming.owed

    # --- time -----------------------------------------------------------------------------------

    def next_timer(self) -> float:
        """When to call on_timer next; inf if never."""
        match self.state:
            case State.CONTACT | State.SECURING | State.NEGOTIATING:
                return self._contact_deadline_s
            case State.ESTABLISHED | State.ENDING:
                return min(self._keepalive_due_s(), self._silence_due_s(), self._stall_due_s())
            case _:
                return math.inf

    def on_timer(self, now_s: float) -> list[Output]:
        """Everything whose time has come."""
        out: list[Output] = []
        match self.state:
            case State.CONTACT | State.SECURING if now_s >= self._contact_deadline_s:
                return self._over("contact timeout")
            case State.NEGOTIATING if now_s >= self._contact_deadline_s:
                return self._break_off(TermReason.CONTACT_FAILURE, "contact timeout", now_s)
            case State.ESTABLISHED | State.ENDING:
                if now_s >= min(self._silence_due_s(), self._stall_due_s()):
                    if self.state is State.ENDING:
                        return self._over("peer does not finish")
                    out += self._say_term(TermReason.IDLE_TIMEOUT, 0, now_s)
                elif now_s >= self._keepalive_due_s():
                    out.append(self._say(Keepalive(), now_s))
        return out

    def _keepalive_due_s(self) -> float:
        return self._spoke_s + self._keepalive_s if self._keepalive_s else math.inf

    def _silence_due_s(self) -> float:
        """When a silent peer is given up; not while it waits for this side's verdict."""
        if not self._keepalive_s or self._incoming.owed or self.state is State.ENDING:
            return math.inf
        return self._heard_s + IDLE_INTERVALS * self._keepalive_s

    def _stall_due_s(self) -> float:
        """When transfers, or the end of the session, that do not get on are given up."""
        if self.state is State.ENDING:
            return self._progress_s + self.options.ending_timeout_s
        if self._outgoing.is_idle:
            return math.inf
        return self._progress_s + self.options.acknowledgement_timeout_s

    # --- contact and negotiation (§4) -----------------------------------------------------------

    def _read_header(self, now_s: float) -> list[Output]:
        header = self._reader.contact_header()
        if header is None:
            return []
        out: list[Output] = [] if self.is_active else [self._say_hello(now_s)]
        if header.version != VERSION:
            if self.is_active:
                return self._over("version mismatch")
            self._move(Happening.HEADERS_AGREE)
            out += self._break_off(TermReason.VERSION_MISMATCH, "version mismatch", now_s)
            return out
        if self.options.can_tls and header.flags & CAN_TLS:
            self._move(Happening.TLS_AGREED)
            return [*out, StartTls()]
        self._move(Happening.HEADERS_AGREE)
        if self.options.requires_tls:
            return out + self._break_off(TermReason.CONTACT_FAILURE, "peer has no TLS", now_s)
        return out + self._negotiate(now_s)

    def _negotiate(self, now_s: float) -> list[Output]:
        return [self._say_init(now_s)] if self.is_active else []

    def _session_init(self, init: SessionInit, now_s: float) -> list[Output]:
        reason = objection(init, self.options.expected_node_id)
        if reason:
            return self._break_off(TermReason.CONTACT_FAILURE, reason, now_s)
        out: list[Output] = [] if self.is_active else [self._say_init(now_s)]
        self._move(Happening.INITIALISED)
        self._keepalive_s = min(self.options.keepalive_s, init.keepalive_s)
        self._outgoing.segment_bytes = min(self.options.segment_bytes, init.segment_mru_bytes)
        self._outgoing.transfer_bytes = init.transfer_mru_bytes
        out.append(
            Established(
                init.node_id,
                self._keepalive_s,
                self._outgoing.segment_bytes,
                self._outgoing.transfer_bytes,
            )
        )
        return out

    # --- messages (§5, §6) ----------------------------------------------------------------------

    def _read_messages(self, out: list[Output], now_s: float) -> None:
        """Handle what has come whole; what it led to counts even if what follows is rubbish."""
        while self.state in _READING and (message := self._reader.message()) is not None:
            kind, handle = _HANDLERS[type(message)]
            if self.state in EXPECTED[kind]:
                out += handle(self, message, now_s)
            else:
                out.append(self._say(MessageReject(RejectReason.UNEXPECTED, kind), now_s))
        if self.state is State.SECURING and self._reader.pending_bytes:
            # what came before the handshake would be taken for what came through it
            out += self._over("octets before the TLS handshake")

    def _segment(self, segment: TransferSegment, now_s: float) -> list[Output]:
        self._progress_s = now_s
        answers, octets = self._incoming.segment(segment)
        out: list[Output] = [self._say(answer, now_s) for answer in answers]
        if octets is not None:
            out.append(Received(segment.transfer, octets))
        return out + self._over_if_done()

    def _ack(self, ack: TransferAck, now_s: float) -> list[Output]:
        self._progress_s = now_s
        outcome = self._outgoing.acknowledge(ack)
        if isinstance(outcome, MessageReject):
            return [self._say(outcome, now_s)]
        return ([] if outcome is None else [outcome]) + self._over_if_done()

    def _refusal(self, refusal: TransferRefuse, now_s: float) -> list[Output]:
        out: list[Output] = [
            self._say(outcome, now_s) if isinstance(outcome, MessageReject) else outcome
            for outcome in self._outgoing.refuse(refusal)
        ]
        return out + self._segments(now_s) + self._over_if_done()

    def _keepalive(self, message: Keepalive, now_s: float) -> list[Output]:
        return []

    def _term(self, term: SessionTerm, now_s: float) -> list[Output]:
        self._heard_term = True
        out: list[Output] = []
        if not self._said_term:
            out += self._say_term(term.reason, TERM_REPLY, now_s)
        return out + self._over_if_done()

    def _reject(self, reject: MessageReject, now_s: float) -> list[Output]:
        """The peer does not follow: what was sent cannot be relied on, so begin afresh."""
        return [Rejected(reject), *self.terminate(TermReason.UNKNOWN, now_s)]

    def _lost_place(self, fault: MalformedMessage, now_s: float) -> list[Output]:
        """The stream cannot be read any further (§5.1.2, §4.6)."""
        if fault.flaw is Flaw.MAGIC or self.state is State.SECURING:
            return self._over(fault.flaw.value)
        if fault.flaw is Flaw.TYPE:
            reject = MessageReject(RejectReason.TYPE_UNKNOWN, fault.header)
            return [self._say(reject, now_s), *self._over(fault.flaw.value)]
        if fault.header == MessageType.XFER_SEGMENT:
            return self._break_off(TermReason.RESOURCE_EXHAUSTION, fault.flaw.value, now_s)
        return self._break_off(TermReason.CONTACT_FAILURE, fault.flaw.value, now_s)

    # --- doing ----------------------------------------------------------------------------------

    def _decide(self, transfer: int, refusal: RefuseReason | None, now_s: float) -> list[Output]:
        if self.state is State.ENDED:
            return []
        self._heard_s = max(self._heard_s, now_s)  # silence counts from here
        answers = self._incoming.decide(transfer, refusal)
        out: list[Output] = [self._say(answer, now_s) for answer in answers]
        return out + self._over_if_done()

    def _segments(self, now_s: float) -> list[Output]:
        if self.state not in _TRANSFERRING:
            return []
        out: list[Output] = list(self._outgoing.segments())
        if out:
            self._spoke_s = now_s
        if self._outgoing.is_exhausted and self.state is State.ESTABLISHED:
            out += self._say_term(TermReason.RESOURCE_EXHAUSTION, 0, now_s)
        return out

    def _say(self, message: ContactHeader | Message, now_s: float) -> Output:
        self._spoke_s = now_s
        return Send(encode(message))

    def _say_hello(self, now_s: float) -> Output:
        return self._say(ContactHeader(CAN_TLS if self.options.can_tls else 0), now_s)

    def _say_init(self, now_s: float) -> Output:
        return self._say(offer(self.options), now_s)

    def _say_term(self, reason: TermReason, flags: int, now_s: float) -> list[Output]:
        """Say SESS_TERM and begin nothing more."""
        self._said_term = True
        self._why = _words(reason)
        self._progress_s = now_s
        self._incoming.is_closing = True
        self._move(Happening.TERM)
        out: list[Output] = [self._say(SessionTerm(flags, reason), now_s), Ending(self._why)]
        out += self._outgoing.give_up_waiting("session terminating")
        return out

    def _break_off(self, reason: TermReason, why: str, now_s: float) -> list[Output]:
        """Say SESS_TERM, if that is still to be said, and close without waiting."""
        out: list[Output] = []
        if not self._said_term:
            out += self._say_term(reason, 0, now_s)
        return out + self._over(why)

    def _over_if_done(self) -> list[Output]:
        if (
            self._said_term
            and self._heard_term
            and self._incoming.is_idle
            and self._outgoing.is_idle
        ):
            return self._over(self._why)
        return []

    def _over(self, reason: str) -> list[Output]:
        if self.state is State.ENDED:
            return []
        was_up = self.state is State.ESTABLISHED
        self._move(Happening.OVER)
        out: list[Output] = [Ending(reason)] if was_up else []
        return [*out, *self._outgoing.give_up(reason), Ended(reason)]

    def _move(self, happening: Happening) -> None:
        """The one place where the state changes."""
        self.state = TRANSITIONS[self.state, happening]


_TRANSFERRING = frozenset({State.ESTABLISHED, State.ENDING})
_READING = _TRANSFERRING | {State.NEGOTIATING}

_Handler = Callable[..., Sequence[Output]]

_HANDLERS: dict[type[Message], tuple[MessageType, _Handler]] = {
    SessionInit: (MessageType.SESS_INIT, Session._session_init),
    TransferSegment: (MessageType.XFER_SEGMENT, Session._segment),
    TransferAck: (MessageType.XFER_ACK, Session._ack),
    TransferRefuse: (MessageType.XFER_REFUSE, Session._refusal),
    Keepalive: (MessageType.KEEPALIVE, Session._keepalive),
    SessionTerm: (MessageType.SESS_TERM, Session._term),
    MessageReject: (MessageType.MSG_REJECT, Session._reject),
}


def _words(reason: TermReason) -> str:
    return reason.name.lower().replace("_", " ")
