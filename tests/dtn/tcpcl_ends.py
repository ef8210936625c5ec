"""Ends of TCPCL sessions for tests: joined by a for-loop, or alone against octets put together by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dtn.tcpcl import Session, SessionOptions, State
from dtn.tcpcl.codec import MessageReader, encode
from dtn.tcpcl.message import ContactHeader, Message, SessionInit, TransferSegment
from dtn.tcpcl.outputs import Ended, Established, Output, Received, Send

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "data" / "vectors_tcpcl_ltp.json").read_text()
)
KNOWN = {vector["id"]: bytes.fromhex(vector["hex"]) for vector in VECTORS["tcpcl_messages"]}
HELLO = encode(ContactHeader())
INIT = encode(SessionInit(20, 2**20, 2**28, "ipn:2.0"))
WHOLE = 3  # START and END
START, MIDDLE, END = 2, 0, 1


class End:
    """One session and everything that it put out, in order; time is what the test says it is."""

    def __init__(self, *, active: bool = True, accepts: bool = True, **options: Any) -> None:
        options.setdefault("node_id", "ipn:1.0" if active else "ipn:2.0")
        self.session = Session(SessionOptions(**options), is_active=active)
        self.accepts = accepts
        self.now_s = 0.0
        self.outputs: list[Output] = []
        self.bundles: list[bytes] = []
        self.unsent = b""
        self._read = 0

    @property
    def state(self) -> State:
        return self.session.state

    def do(self, outputs: list[Output]) -> list[Output]:
        """Note what was put out; accept what came in."""
        for output in outputs:
            self.outputs.append(output)
            if isinstance(output, Send):
                self.unsent += output.octets
            elif isinstance(output, Received):
                self.bundles.append(output.octets)
                if self.accepts:
                    self.do(self.session.accept(output.transfer, self.now_s))
        return outputs

    def connect(self) -> None:
        self.do(self.session.connected(self.now_s))

    def hear(self, *things: bytes | Message | ContactHeader) -> list[Message]:
        """Octets or messages come in; returns what is answered, as messages."""
        for thing in things:
            octets = thing if isinstance(thing, bytes) else encode(thing)
            self.do(self.session.receive(octets, self.now_s))
        return self.said()

    def said(self) -> list[Message]:
        """What it sent since it was asked last, as messages (after its contact header)."""
        octets, self.unsent = self.unsent, b""
        return messages(octets)

    def send(self, ref: int, octets: bytes) -> None:
        self.do(self.session.send(ref, octets, self.now_s))

    def wait(self, until_s: float) -> None:
        """Time passes; timers fire."""
        while (due_s := self.session.next_timer()) <= until_s:
            self.now_s = due_s
            self.do(self.session.on_timer(due_s))
        self.now_s = until_s

    def happened(self, *kinds: type) -> list[Output]:
        return [output for output in self.outputs if isinstance(output, kinds)]

    @property
    def over(self) -> str | None:
        """Why the session ended; None if it did not."""
        ended = self.happened(Ended)
        assert len(ended) <= 1
        return ended[0].reason if ended else None


def messages(octets: bytes) -> list[Message]:
    """Octets as messages, a contact header in front left out."""
    reader = MessageReader(2**30)
    reader.feed(octets)
    if octets[:4] == b"dtn!":
        reader.contact_header()
    found = []
    while (message := reader.message()) is not None:
        found.append(message)
    assert reader.pending_bytes == 0
    return found


def established(*, active: bool = True, **options: Any) -> End:
    """An end in an established session with a peer that is the test itself."""
    end = End(active=active, **options)
    end.connect()
    end.hear(HELLO, INIT)
    assert end.happened(Established)
    assert end.state is State.ESTABLISHED
    return end


def segment(flags: int, transfer: int, data: bytes, extensions: bytes = b"") -> TransferSegment:
    return TransferSegment(flags, transfer, data, extensions)


class Pair:
    """Two ends joined by a for-loop, which carries octets in pieces of any size."""

    def __init__(self, active: End, passive: End, piece_bytes: int = 2**30) -> None:
        self.active, self.passive = active, passive
        self.piece_bytes = piece_bytes
        active.connect()
        passive.connect()
        self.join()

    def join(self) -> Pair:
        """Carry octets until both have nothing more to say."""
        moved = True
        while moved:
            moved = False
            for end, other in ((self.active, self.passive), (self.passive, self.active)):
                octets, end.unsent = end.unsent, b""
                for at in range(0, len(octets), self.piece_bytes):
                    piece = octets[at : at + self.piece_bytes]
                    other.do(other.session.receive(piece, other.now_s))
                if octets or end.do(end.session.writable(end.now_s)):
                    moved = True
        return self

    def wait(self, until_s: float) -> None:
        """Time passes for both, in order of their timers."""
        ends = (self.active, self.passive)
        while (due_s := min(end.session.next_timer() for end in ends)) <= until_s:
            for end in ends:
                end.now_s = due_s
                end.do(end.session.on_timer(due_s))
            self.join()
        for end in ends:
            end.now_s = until_s


def joined(piece_bytes=2**30, active=(), passive=()):
    return Pair(End(active=True, **dict(active)), End(active=False, **dict(passive)), piece_bytes)
