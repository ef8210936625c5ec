"""A constellation under way as the dashboard's source: its events and its clock, from the broker.

It listens beside the collector and takes nothing from it: a gap in a node's events, or their beginning
for one who comes late, it has told again (`resend`; the collector knows what it has). Events of
different nodes come a little apart, so the picture stands `BEHIND_S` behind the clock and is in order.

What is done at the page goes to the nodes as an operator's orders do, on a thread of its own: an order
may take seconds. Outages for a time are taken back when the run's clock says so.
"""

from __future__ import annotations

import contextlib
import heapq
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from operator import methodcaller
from pathlib import Path
from types import TracebackType
from typing import Self

from dtn.errors import BadInput, InvalidValue, LightlagError
from dtn.events import Event
from emulator.constellation.control import Clock
from emulator.constellation.operator import Operator
from emulator.dashboard.source import SERVICE, Hands
from emulator.log import events_of
from emulator.setup import Setup
from nodes.channel.broker import Broker
from nodes.channel.connection import PATIENCE_S, Connection, Message, Posts
from nodes.channel.topics import Topics
from nodes.seeding import synthetic_octets

BEHIND_S = 1.0
"""Real time by which the picture is late."""
TICK_S = 0.25
BEGINNINGS_WITHIN_S = 5.0
"""How long the beginnings of all nodes' events are waited for, real time; a node that is down has none."""

Undo = tuple[float, int, Callable[[Operator], object]]


class Remote:
    """A run of processes; a context manager.

    Args:
        setup: what is run.
        broker: where it is.
        topics: the run's.
    """

    is_live = True

    def __init__(self, setup: Setup, broker: Broker, topics: Topics) -> None:
        self._events: list[Event] = []
        self.events: Sequence[Event] = self._events
        self._duration_s = setup.duration_s
        self._numbers = {member.name: member.ipn for member in setup.members}
        self._broker, self._topics = broker, topics
        self._clock: Clock | None = None
        self._last_rate = 1.0
        self._began_s = 0.0
        self._known = dict.fromkeys(self._numbers, 0)
        self._asked = dict.fromkeys(self._numbers, False)
        self._waiting: list[tuple[float, int, Event]] = []
        self._count = 0
        self._lock = threading.Lock()
        self._posts = Posts()
        self._connection = Connection(
            broker,
            subscriptions=(topics.control("clock"), topics.event("+"), topics.status("+")),
            receive=self._receive,
            outboxes=(self._posts,),
        )
        self._orders: queue.SimpleQueue[Callable[[Operator], object] | None] = queue.SimpleQueue()
        self._undone: list[Undo] = []
        self._worker = threading.Thread(target=self._obey, name="orders", daemon=True)

    def __enter__(self) -> Self:
        self._connection.start(PATIENCE_S)
        self._began_s = time.monotonic()
        self._connection.every(TICK_S, self._tick)
        for name in self._numbers:
            self._ask(name)
        self._worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._orders.put(None)
        self._connection.close()

    # -- the source

    def now_s(self) -> float:
        """Where the picture stands; what has happened by then is among the events."""
        clock = self._clock
        if clock is None or not self._has_beginnings():
            return 0.0
        now_s = min(max(clock.reading_s() - BEHIND_S * clock.rate, 0.0), self._duration_s)
        with self._lock:
            while self._waiting and self._waiting[0][0] <= now_s:
                self._events.append(heapq.heappop(self._waiting)[2])
        return now_s

    @property
    def rate(self) -> float:
        """Emulated seconds in a real one, also while paused."""
        return self._last_rate

    @property
    def is_paused(self) -> bool:
        """Whether it stands still, has not begun, or is over."""
        return self._clock is None or self._clock.rate == 0 or self.now_s() >= self._duration_s

    @property
    def hands(self) -> Hands:
        """This one."""
        return self

    def set_rate(self, rate: float) -> None:
        """Go on at another rate."""
        self._last_rate = rate
        self._orders.put(lambda operator: operator.set_rate(rate))

    def pause(self, paused: bool) -> None:
        """Stop the clock of all nodes, or let it go on."""
        rate = 0.0 if paused else self._last_rate
        self._orders.put(lambda operator: operator.set_rate(rate))

    def jump(self, to_s: float) -> None:
        """Refused: many processes share a real clock.

        Raises:
            InvalidValue: always.
        """
        raise InvalidValue("to_s", to_s, "a constellation shares a real clock: raise its rate")

    # -- the hands

    def take_down(self, node: str, for_s: float, reason: str) -> None:
        """Let a node leave the network, for a time or for good; the log says "order"."""
        self._orders.put(lambda operator: operator.set_node(node, is_up=False))
        self._later(for_s, lambda operator: operator.set_node(node, is_up=True))

    def cut(self, a: str, b: str, for_s: float, reason: str) -> None:
        """Cut a link, both ways, for a time or for good; the log says "order"."""
        self._orders.put(lambda operator: operator.set_link(a, b, is_cut=True))
        self._later(for_s, lambda operator: operator.set_link(a, b, is_cut=False))

    def send(
        self, source: str, destination: str, size_bytes: int, lifetime_s: float, priority: int
    ) -> None:
        """Let a node send a bundle; over the broker all of them are of normal priority."""
        eid = f"ipn:{self._numbers[destination]}.{SERVICE}"
        payload = synthetic_octets(size_bytes, "dashboard", eid)
        self._orders.put(lambda operator: operator.send(source, eid, bytes(payload), lifetime_s))

    def storm(self, nodes: Sequence[str], factor: float, for_s: float) -> None:
        """Let particles hit the memories of these nodes, so many times as often."""
        for name in nodes:
            self._orders.put(methodcaller("storm", name, factor, for_s))

    def follow(self, strategy: str) -> None:
        """Let all nodes ask another strategy, until they are started again."""
        for name in self._numbers:
            self._orders.put(methodcaller("follow", name, strategy))

    def orders_done(self) -> None:
        """Wait until all orders so far have been carried out, or refused."""
        done = threading.Event()
        self._orders.put(lambda operator: done.set())
        done.wait()

    def _later(self, for_s: float, undo: Callable[[Operator], object]) -> None:
        until_s = self._reading_s() + for_s
        if until_s < self._duration_s:
            with self._lock:
                self._count += 1
                heapq.heappush(self._undone, (until_s, self._count, undo))

    def _has_beginnings(self) -> bool:
        """Whether nodes have told what was before; else it would come behind what they tell now."""
        late = time.monotonic() > self._began_s + BEGINNINGS_WITHIN_S
        return late or all(self._known.values())

    def _reading_s(self) -> float:
        return self._clock.reading_s() if self._clock else 0.0

    def _obey(self) -> None:
        """Carry out orders, one after another, with one operator's connection."""
        while (order := self._orders.get()) is not None:
            try:
                with Operator(self._broker, self._topics) as operator:
                    order(operator)
            except LightlagError as fault:
                print(f"lightlag: {fault}", file=sys.stderr)

    # -- on the connection's thread

    def _receive(self, topic: str, payload: bytes) -> None:
        parts = topic.split("/")
        with contextlib.suppress(InvalidValue, BadInput, ValueError):
            if parts[2] == "control" and payload:
                self._clock = Clock.of(payload)
                self._last_rate = self._clock.rate or self._last_rate
            elif parts[2] == "event" and parts[3] in self._known:
                self._take(parts[3], payload)

    def _take(self, name: str, payload: bytes) -> None:
        number, _, text = payload.decode().partition("\n")
        lines = text.split("\n")[:-1]
        known = self._known[name] - int(number)
        if known < 0:
            self._ask(name)
            return
        fresh = lines[known:]
        self._known[name] += len(fresh)
        self._asked[name] = False
        self._add(events_of(Path(name), fresh))

    def _add(self, fresh: Iterator[Event]) -> None:
        with self._lock:
            for event in fresh:
                self._count += 1
                heapq.heappush(self._waiting, (event.t_s, self._count, event))

    def _ask(self, name: str) -> None:
        """Have a node's events told from the first that is missing here; once, until some come."""
        if not self._asked[name]:
            self._asked[name] = True
            topic = self._topics.node(name, "resend")
            self._posts.put(Message(topic, b"%d" % self._known[name]))
            self._connection.wake()

    def _tick(self) -> None:
        now_s = self._reading_s()
        with self._lock:
            while self._undone and self._undone[0][0] <= now_s:
                self._orders.put(heapq.heappop(self._undone)[2])
