"""Operator: hands from outside on a constellation under way, over its broker.

Pause it or change its pace, cut and mend links, take nodes down and up, send a bundle, listen for
one, ping. Orders go to the nodes, which do what a fault or an application of theirs would do; what
comes of it stands in the log as everything else does. A node answers each order: the broker forgets
what is said to a node that has just lost its connection, so that an order is given again until then.
"""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import NamedTuple, Self

from dtn.errors import BadInput, Fault, InvalidValue
from emulator.constellation.control import (
    Answer,
    Clock,
    Delivered,
    Document,
    LinkOrder,
    NodeOrder,
    Status,
)
from nodes.channel.broker import Broker
from nodes.channel.connection import Connection, Message, Posts
from nodes.channel.topics import Topics

AHEAD_S = 0.5
"""An order about the clock is for a moment so far ahead that all have heard of it."""

PATIENCE_S = 5.0
STATUS_WITHIN_S = 1.0
"""How long the broker may take to tell which nodes there are."""

EVENTS_WITHIN_S = 0.5
"""How long after an answer the last event on its way may come."""

ANSWER_WITHIN_S = 20.0
AGAIN_S = 1.0
"""An order that is not answered so soon is given again."""

FIRST_SERVICE = 60_000
"""Operators' own services, of which each takes one at random."""


class Hop(NamedTuple):
    """Where a ping or its echo was when, by the run's clock."""

    node: str
    t_s: float
    what: str


class Operator:
    """An operator's connection; a context manager.

    Args:
        broker: where the constellation is.
        topics: the run's.
    """

    def __init__(self, broker: Broker, topics: Topics) -> None:
        self._topics = topics
        self._posts = Posts()
        self._heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._connection = Connection(
            broker,
            subscriptions=(
                topics.control("clock"),
                topics.status("+"),
                topics.event("+"),
                topics.node("+", "delivered"),
                topics.node("+", "answer"),
            ),
            receive=lambda topic, payload: self._heard.put((topic, payload)),
            outboxes=(self._posts,),
        )
        self._clock: Clock | None = None
        self._answers: dict[str, Answer] = {}
        self.nodes: dict[str, Status] = {}

    def __enter__(self) -> Self:
        self._connection.start(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while self._clock is None and time.monotonic() < deadline:
            self._take(0.2)
        if self._clock is None:
            self._connection.close()
            mend = "no such run has begun at this broker: give the name that its nodes have"
            raise BadInput(Fault("", "--run", self._topics.run, mend))
        if self._clock.is_lockstep:
            self._connection.close()
            mend = "is in lockstep, and takes no orders: its log is that of one process; run it at a rate"
            raise BadInput(Fault("", "--run", self._topics.run, mend))
        self._take_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def set_rate(self, rate: float) -> None:
        """Change the pace of the clock; 0 is a pause."""
        self._take_all()
        assert self._clock is not None
        at = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
        emulated_s = self._clock.reading_s() + AHEAD_S * self._clock.rate
        clock = replace(self._clock, start_at=at.isoformat(), emulated_s=emulated_s, rate=rate)
        self._say(self._topics.control("clock"), clock, retain=True)

    def set_link(self, a: str, b: str, *, is_cut: bool) -> None:
        """Cut a link both ways, or mend it."""
        self._known(a)
        self._known(b)
        self._say(self._topics.control("link"), LinkOrder(a=a, b=b, is_cut=is_cut))

    def set_node(self, node: str, *, is_up: bool) -> None:
        """Take a node out of the network, or let it join again."""
        self._order(node, NodeOrder(number=_number(), do="up" if is_up else "down"))

    def storm(self, node: str, factor: float, for_s: float) -> None:
        """Let particles hit a node's memory so many times as often, for a time; inf: for good."""
        order = NodeOrder(number=_number(), do="storm", factor=factor, for_s=for_s)
        self._order(node, order)

    def follow(self, node: str, strategy: str) -> None:
        """Let a node ask another strategy, of those that come with Lightlag."""
        self._order(node, NodeOrder(number=_number(), do="follow", strategy=strategy))

    def send(self, node: str, destination: str, payload: bytes, lifetime_s: float) -> str:
        """Let a node send a bundle; returns the service that it comes from."""
        service = str(FIRST_SERVICE + secrets.randbelow(5_000))
        order = NodeOrder(
            number=_number(),
            do="send",
            destination=destination,
            service=service,
            payload=payload.hex(),
            lifetime_s=lifetime_s,
        )
        self._order(node, order)
        return service

    def receive(self, node: str, service: str) -> Generator[Delivered, None, None]:
        """What comes for a service of a node from now on."""
        self._order(node, NodeOrder(number=_number(), do="listen", service=service))
        while True:
            for _, document in self._next(1.0):
                if isinstance(document, Delivered) and document.service == service:
                    yield document

    def ping(self, node: str, destination: str, patience_s: float) -> Iterator[Hop]:
        """Send a bundle to a node's echo and tell where it and its answer go; ends with the answer.

        Args:
            node: who sends.
            destination: the endpoint of an echo, `ipn:2.7`.
            patience_s: how long to wait, real seconds.
        """
        service = self.send(node, destination, secrets.token_bytes(16), 86400.0)
        followed: set[str] = set()
        answered: Hop | None = None
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            for row, document in self._next(0.2):
                if isinstance(document, Delivered) and document.service == service:
                    answered = Hop(node, document.emulated_s, "answered")
                    deadline = min(deadline, time.monotonic() + EVENTS_WITHIN_S)
                bundle = str(row.get("bundle", ""))
                ends = (str(row.get("source", "")), str(row.get("destination", "")))
                if any(end.endswith(f".{service}") for end in ends):
                    followed.add(bundle)
                if bundle in followed and row["event"] in STATIONS:
                    yield Hop(str(row["node"]), float(str(row["t_s"])), STATIONS[str(row["event"])])
        if answered is not None:
            yield answered

    # -- inside

    def _known(self, node: str) -> None:
        self._take_all()
        deadline = time.monotonic() + STATUS_WITHIN_S
        while node not in self.nodes and time.monotonic() < deadline:
            self._take(0.1)
        if node not in self.nodes:
            mend = f"the run has no such node: {', '.join(sorted(self.nodes))}"
            raise BadInput(Fault("", "node", node, mend))

    def _order(self, node: str, order: NodeOrder) -> None:
        """Give an order until it is answered.

        Raises:
            BadInput: it is refused, or nobody answers.
        """
        self._known(node)
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while (now := time.monotonic()) < deadline and order.number not in self._answers:
            self._say(self._topics.node(node, "order"), order)
            again = now + AGAIN_S
            while time.monotonic() < again and order.number not in self._answers:
                self._take(AGAIN_S / 10)
        answer = self._answers.pop(order.number, None)
        if answer is None:
            mend = f"does not answer within {ANSWER_WITHIN_S:g} s: look at its log"
            raise BadInput(Fault("", "node", node, mend))
        if answer.refusal:
            raise BadInput(Fault("", "node", node, answer.refusal))

    def _say(self, topic: str, document: Document, *, retain: bool = False) -> None:
        self._posts.put(Message(topic, document.octets(), retain))
        self._connection.wake()

    def _take_all(self) -> None:
        while not self._heard.empty():
            self._take(0.0)

    def _next(self, patience_s: float) -> Iterator[tuple[dict[str, object], Delivered | None]]:
        heard = self._take(patience_s)
        if heard is None:
            return
        topic, payload = heard
        with contextlib.suppress(InvalidValue, ValueError):
            if topic.endswith("/delivered"):
                yield {}, Delivered.of(payload)
            elif "/event/" in topic:
                for line in payload.decode().split("\n")[1:-1]:
                    yield json.loads(line), None

    def _take(self, patience_s: float) -> tuple[str, bytes] | None:
        try:
            topic, payload = self._heard.get(timeout=max(patience_s, 0.001))
        except queue.Empty:
            return None
        with contextlib.suppress(InvalidValue):
            if topic == self._topics.control("clock"):
                self._clock = Clock.of(payload)
            elif topic.endswith("/answer"):
                answer = Answer.of(payload)
                self._answers[answer.number] = answer
            elif topic.endswith("/status"):
                self.nodes[topic.split("/")[3]] = Status.of(payload)
        return topic, payload


def _number() -> str:
    return secrets.token_hex(8)


STATIONS = {
    "BundleSourced": "sent",
    "BundleReceived": "received",
    "BundleDelivered": "delivered",
    "BundleDeleted": "deleted",
    "FrameLost": "lost",
}
"""Events that a ping shows, and what it calls them."""
