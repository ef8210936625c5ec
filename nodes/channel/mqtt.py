"""MqttChannel: frames between nodes in different processes, as messages of MQTT.

The sender has stamped the arrival; the receiver holds the frame until then, so that what the broker
takes is hidden inside the light time. Each link has its topic. Small frames that wait together go
as one message, and the more waits the more goes together, so that a batch costs no time.

A frame goes out when its receiver listens: the broker forgets what nobody has subscribed to. So it
waits for a connection, and for the receiver's status on that connection, as long as its light time
lasts; when it is due, it is lost (`FrameLost`). What was on the way when a connection broke goes out
again, with its number, by which the receiver knows it if it came before.

In lockstep (`be_patient`) nobody is late: a frame waits for its receiver as long as it takes.

What waits is bounded: beyond MOST_WAITING_BYTES the sending loop is stopped until the broker has
taken some, and is late for it, which `FrameLate` will show; of what nobody listens to, that which
waits longest is lost.

It refuses frames from nodes that have no link to this one, and messages that are no frames; both
are counted.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Collection
from itertools import islice
from typing import Protocol, TypeVarTuple, Unpack

from dtn.errors import MalformedFrames
from dtn.events import BundleInFlight, Event, FrameLost
from nodes.channel.arrivals import Arrivals
from nodes.channel.batch import FRAME_OVERHEAD_BYTES, Named, decode_batch, encode_batch
from nodes.channel.channel import Receive
from nodes.channel.connection import Message
from nodes.channel.frame import Frame
from nodes.channel.topics import Topics
from nodes.timers import ArrivalTimers

Ts = TypeVarTuple("Ts")

MOST_WAITING_BYTES = 32_000_000
BATCH_BYTES = 64_000
"""A message is closed when it has so many octets."""

BATCH_FRAMES = 1000

UNREACHABLE = "receiver unreachable"


class HandOver(Protocol):
    """Calls something on the thread of the emulated loop."""

    def __call__(self, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts) -> object:
        """Call `callback(*args)` there."""


class SharedTimers(ArrivalTimers, Protocol):
    """The emulated loop as other threads may use it."""

    def reading_s(self) -> float:
        """Where the clock stands."""

    def call_soon_threadsafe(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts) -> object:
        """Call it on the loop's thread."""


class MqttChannel:
    """The channel of one node; an outbox of its connection.

    Args:
        node: its name.
        sources: names of the nodes that have a link to it.
        topics: the run's.
        timers: the loop.
        record: takes events.
        wake: tells the connection that something waits.
        hand_over: calls something on the loop's thread; None: as soon as the loop notices.
    """

    def __init__(
        self,
        node: str,
        sources: Collection[str],
        topics: Topics,
        timers: SharedTimers,
        record: Callable[[Event], object],
        wake: Callable[[], object],
        *,
        hand_over: HandOver | None = None,
    ) -> None:
        self.arrivals = Arrivals(timers, record)
        self.refused = 0
        self.malformed = 0
        self.node = node
        self._sources = frozenset(sources)
        self._topics = topics
        self._timers = timers
        self._record = record
        self._wake = wake
        self._hand_over: HandOver = hand_over or timers.call_soon_threadsafe
        self._is_patient = False
        self._session = secrets.randbits(64)
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Named]] = {}
        self._waiting_bytes = 0
        self._on_the_way: dict[int, list[Named]] = {}
        self._listening: set[str] = set()

    # -- on the emulated loop

    def attach(self, node: str, receive: Receive) -> None:
        """The node is up: hand it what arrives from now on."""
        assert node == self.node
        self.arrivals.receive = receive

    def detach(self, node: str) -> None:
        """The node is down: what arrives from now on is lost."""
        self.arrivals.receive = None

    def send(self, frame: Frame, bundle_id: str) -> None:
        """Give a frame to the broker, or wait until there is room for it."""
        self._put(Named(frame, bundle_id))

    def show(self, frame: Frame, sign: str) -> None:
        """Give a sign to the broker: a frame that carries nothing, counted apart from those that do."""
        self._put(Named(frame, "", sign))

    def _put(self, named: Named) -> None:
        frame = named.frame
        with self._changed:
            self._waiting.setdefault(frame.destination, deque()).append(named)
            self._waiting_bytes += _octets(frame)
            while self._waiting_bytes > MOST_WAITING_BYTES:
                if not self._lose_the_oldest():
                    self._wake()
                    self._changed.wait()
        self._wake()

    def be_patient(self) -> None:
        """Let frames wait for their receivers beyond their light time."""
        self._is_patient = True

    def end(self, now_s: float) -> None:
        """The run is over: say what is still on its way to this node, or was not sent."""
        self.arrivals.end(now_s)
        with self._changed:
            for frames in self._waiting.values():
                for frame, bundle_id, _ in frames:
                    if bundle_id:
                        self._record(
                            BundleInFlight(now_s, frame.source, bundle_id, frame.destination)
                        )
            self._waiting.clear()
            self._waiting_bytes = 0

    def _lose_the_oldest(self) -> bool:
        """Of what nobody listens to; False if there is none."""
        if self._is_patient:
            return False
        unheard = [
            frames
            for destination, frames in self._waiting.items()
            if frames and destination not in self._listening
        ]
        if not unheard:
            return False
        frames = min(unheard, key=lambda each: each[0].frame.sent_s)
        named = frames.popleft()
        self._waiting_bytes -= _octets(named.frame)
        self._lose(named)
        return True

    def _lose(self, named: Named) -> None:
        frame = named.frame
        t_s = max(frame.arrives_s, self._timers.time())
        lost = FrameLost(
            t_s,
            frame.destination,
            frame.source,
            named.bundle_id,
            frame.size_bytes,
            UNREACHABLE,
        )
        self._timers.schedule(t_s, self._record, lost)

    # -- on the connection's thread

    def connection_changed(self, connected: bool) -> None:
        """The connection was made, or is lost: who listens is to be heard anew."""
        if not connected:
            with self._changed:
                self._listening.clear()
                self._changed.notify_all()

    def neighbour_changed(self, node: str, listens: bool) -> None:
        """A neighbour has said that it is there, or the broker that it is not."""
        with self._changed:
            if listens:
                self._listening.add(node)
            else:
                self._listening.discard(node)
            self._changed.notify_all()
        self._wake()

    def take(self) -> Message | None:
        """The next frames that go to one neighbour together."""
        with self._changed:
            for destination, frames in self._waiting.items():
                if not frames:
                    continue
                if destination not in self._listening:
                    self._give_up_what_is_past(frames)
                    continue
                batch = self._batch(frames)
                self._waiting[destination] = self._waiting.pop(destination)  # the others' turn
                topic = self._topics.link(self.node, destination)
                message = Message(topic, encode_batch(self._session, batch))
                self._on_the_way[id(message)] = batch
                self._changed.notify_all()
                return message
        return None

    def sent(self, message: Message) -> None:
        """The broker has these."""
        with self._changed:
            del self._on_the_way[id(message)]

    def returned(self, message: Message) -> None:
        """The connection broke: once more, before what came later."""
        with self._changed:
            batch = self._on_the_way.pop(id(message))
            waiting = self._waiting.setdefault(batch[0].frame.destination, deque())
            waiting.extend(batch)
            self._waiting[batch[0].frame.destination] = deque(
                sorted(waiting, key=lambda named: (named.frame.sent_s, named.frame.sequence))
            )
            self._waiting_bytes += sum(_octets(named.frame) for named in batch)

    def receive(self, source: str, payload: bytes) -> None:
        """A message came on the link from this node."""
        if source not in self._sources:
            self.refused += 1
            return
        try:
            session, frames = decode_batch(payload, source, self.node)
        except MalformedFrames:
            self.malformed += 1
            return
        self._hand_over(self.arrivals.take_in, session, frames)

    def _batch(self, frames: deque[Named]) -> list[Named]:
        size_bytes = 0
        count = 0
        for frame, *_ in islice(frames, BATCH_FRAMES):
            size_bytes += _octets(frame)
            if count and size_bytes > BATCH_BYTES:
                size_bytes -= _octets(frame)
                break
            count += 1
        self._waiting_bytes -= size_bytes
        return [frames.popleft() for _ in range(count)]

    def _give_up_what_is_past(self, frames: deque[Named]) -> None:
        """Nobody listened before these were due: they are lost. Links do not reorder much."""
        if self._is_patient:
            return
        now_s = self._timers.reading_s()
        while frames and frames[0].frame.arrives_s <= now_s:
            named = frames.popleft()
            self._waiting_bytes -= _octets(named.frame)
            self._hand_over(self._lose, named)


def _octets(frame: Frame) -> int:
    return frame.size_bytes + FRAME_OVERHEAD_BYTES
