"""The contract of channels, which every one of them keeps: in process, and over a broker."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Protocol

import pytest
from brokers import mosquitto, needs_mosquitto

from dtn.events import BundleInFlight, Event, FrameLate, FrameLost
from emulator.clock import EmulatedLoop
from emulator.constellation.mosquitto import Mosquitto
from nodes.channel.channel import Channel, Receive
from nodes.channel.connection import Connection, Message, Posts
from nodes.channel.frame import Frame
from nodes.channel.local import LocalChannel
from nodes.channel.mqtt import MqttChannel
from nodes.channel.topics import Topics

__all__ = ["mosquitto"]

RATE = 20.0
LIGHT_S = 1.0
"""A twentieth of a real second: far longer than a message takes, even on a busy machine."""

runs = count()


class Ends(Protocol):
    """Two ends of a link on one loop: frames go from a to b."""

    loop: EmulatedLoop
    a: Channel
    b: Channel
    events: list[Event]

    def run(self, until_s: float) -> None: ...
    def end(self, now_s: float) -> None: ...


class LocalEnds:
    def __init__(self, loop: EmulatedLoop) -> None:
        self.loop = loop
        self.events: list[Event] = []
        self._channel = LocalChannel(loop, self.events.append)
        self.a = self.b = self._channel

    def run(self, until_s: float) -> None:
        self.loop.run(until_s)

    def end(self, now_s: float) -> None:
        self._channel.end(now_s)


class MqttEnds:
    def __init__(self, loop: EmulatedLoop, mosquitto: Mosquitto) -> None:
        self.loop = loop
        self.events: list[Event] = []
        topics = Topics(f"test-{next(runs)}")
        self.connections: list[Connection] = []
        self._heard = threading.Event()
        ends = []
        for name, sources in (("a", ()), ("b", ("a",))):
            channel = MqttChannel(name, sources, topics, loop, self.events.append, self._wake)
            ends.append(channel)
            posts = Posts()
            self.connections.append(
                Connection(
                    mosquitto.broker,
                    subscriptions=(topics.link("+", name), topics.status("+")),
                    receive=receiver(channel, self._heard),
                    outboxes=(posts, channel),
                    changed=announcer(channel, posts, Message(topics.status(name), b"here")),
                )
            )
        self.a, self.b = ends
        self.topics = topics
        for connection in reversed(self.connections):
            connection.start()
        assert self._heard.wait(10.0)  # a knows that b listens

    def _wake(self) -> None:
        for connection in self.connections:
            connection.wake()

    def run(self, until_s: float) -> None:
        self.loop.run(until_s, outside=True)

    def end(self, now_s: float) -> None:
        self.a.end(now_s)
        self.b.end(now_s)

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


def receiver(channel: MqttChannel, heard: threading.Event) -> Callable[[str, bytes], None]:
    def receive(topic: str, payload: bytes) -> None:
        _, _, kind, node, _ = topic.split("/")
        if kind == "link":
            channel.receive(node, payload)
        else:
            channel.neighbour_changed(node, True)
            if channel.node == "a" and node == "b":
                heard.set()

    return receive


def announcer(channel: MqttChannel, posts: Posts, status: Message) -> Callable[[bool], None]:
    def changed(connected: bool) -> None:
        channel.connection_changed(connected)
        if connected:
            posts.put(status._replace(retain=True))

    return changed


@contextmanager
def mqtt_ends(mosquitto: Mosquitto) -> Iterator[MqttEnds]:
    with EmulatedLoop(RATE) as loop:
        ends = MqttEnds(loop, mosquitto)
        try:
            yield ends
        finally:
            ends.close()


@pytest.fixture(params=["local", pytest.param("mqtt", marks=needs_mosquitto)])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    if request.param == "local":
        with EmulatedLoop(math.inf) as loop:
            yield LocalEnds(loop)
    else:
        with mqtt_ends(request.getfixturevalue("mosquitto")) as both:
            yield both


def frame(sequence: int, sent_s: float, arrives_s: float, content: bytes = b"octets") -> Frame:
    return Frame("a", "b", sequence, sent_s, arrives_s, len(content), content)


def noting(loop: EmulatedLoop, into: list[tuple[float, Frame]]) -> Receive:
    return lambda one: into.append((loop.time(), one))


# ------------------------------------------------------------------------------- the contract


def test_a_frame_comes_as_it_was_sent_at_its_arrival_time(ends: Ends) -> None:
    came: list[tuple[float, Frame]] = []
    ends.b.attach("b", noting(ends.loop, came))
    sent = frame(0, 0.0, LIGHT_S, bytes(range(256)) * 300)
    ends.a.send(sent, "ipn:1.1/1/1")
    ends.run(2 * LIGHT_S)
    assert came == [(LIGHT_S, sent)]
    assert ends.events == []


def test_frames_come_in_order_of_arrival_and_at_one_moment_in_order_of_sending(ends: Ends) -> None:
    came: list[tuple[float, Frame]] = []
    ends.b.attach("b", noting(ends.loop, came))
    arrivals_s = [2.0, 1.5, 1.5, 1.0, 1.5, 2.0]
    sent = [frame(number, 0.0, s, bytes([number])) for number, s in enumerate(arrivals_s)]
    for one in sent:
        ends.a.send(one, "")
    ends.run(3.0)
    assert came == [(sent[n].arrives_s, sent[n]) for n in (3, 1, 2, 4, 0, 5)]


def test_frames_sent_one_after_the_other_come_each_at_its_time(ends: Ends) -> None:
    came: list[tuple[float, Frame]] = []
    ends.b.attach("b", noting(ends.loop, came))
    sent = [frame(n, n * 0.01, n * 0.01 + LIGHT_S, b"x" * n) for n in range(100)]
    for one in sent:
        ends.loop.schedule(one.sent_s, ends.a.send, one, "")
    ends.run(3.0)
    assert came == [(one.arrives_s, one) for one in sent]


def test_a_frame_to_a_node_that_is_down_is_lost_and_named(ends: Ends) -> None:
    ends.b.attach("b", lambda one: None)
    ends.loop.schedule(0.5, ends.b.detach, "b")
    ends.a.send(frame(0, 0.0, LIGHT_S), "ipn:1.1/1/1")
    ends.run(2 * LIGHT_S)
    assert ends.events == [FrameLost(LIGHT_S, "b", "a", "ipn:1.1/1/1", 6, "receiver down")]


def test_a_node_that_comes_up_takes_what_arrives_from_then_on(ends: Ends) -> None:
    came: list[tuple[float, Frame]] = []
    for number, arrives_s in enumerate((1.0, 2.0)):
        ends.a.send(frame(number, 0.0, arrives_s), f"bundle-{number}")
    ends.loop.schedule(1.5, ends.b.attach, "b", noting(ends.loop, came))
    ends.run(3.0)
    assert [at_s for at_s, _ in came] == [2.0]
    assert [type(event) for event in ends.events] == [FrameLost]


def test_what_is_on_its_way_at_the_end_is_named_but_for_segments(ends: Ends) -> None:
    ends.b.attach("b", lambda one: None)
    ends.a.send(frame(0, 0.0, 100.0), "ipn:1.1/1/1")
    ends.a.send(frame(1, 0.0, 100.0), "")
    ends.run(1.0)
    ends.end(1.0)
    assert ends.events == [BundleInFlight(1.0, "a", "ipn:1.1/1/1", "b")]


# ------------------------------------------------------------------------- over a broker only


@pytest.fixture
def both(mosquitto: Mosquitto) -> Iterator[MqttEnds]:
    with mqtt_ends(mosquitto) as ends:
        yield ends


@needs_mosquitto
def test_a_frame_that_comes_too_late_to_be_held_is_handed_on_and_counted(both: MqttEnds) -> None:
    came: list[tuple[float, Frame]] = []
    both.b.attach("b", noting(both.loop, came))
    both.a.send(frame(0, 0.0, 1e-6), "bundle")
    both.run(2.0)
    (late,) = both.events
    assert isinstance(late, FrameLate)
    assert came == [(late.t_s, frame(0, 0.0, late.t_s))]
    assert late.late_s == pytest.approx(late.t_s - 1e-6)


@needs_mosquitto
def test_a_small_frame_does_not_wait_for_company(both: MqttEnds) -> None:
    both.b.attach("b", lambda one: None)
    both.a.send(frame(0, 0.0, 0.9), "bundle")
    both.run(2.0)
    assert both.events == []


@needs_mosquitto
def test_frames_go_out_again_after_the_broker_was_killed_if_their_light_time_lasts(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker, mqtt_ends(broker) as both:
        came: list[tuple[float, Frame]] = []
        both.b.attach("b", noting(both.loop, came))
        broker.kill()
        hopeless, hopeful = frame(0, 0.0, 0.1), frame(1, 0.0, 20.0)
        both.a.send(hopeless, "bundle-0")
        both.a.send(hopeful, "bundle-1")
        both.loop.schedule(1.0, broker.start)
        both.run(21.0)
        assert came == [(20.0, hopeful)]
        assert [event.reason for event in both.events if isinstance(event, FrameLost)] == [
            "receiver unreachable"
        ]
