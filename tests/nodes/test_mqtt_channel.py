"""What an MQTT channel does with what comes from outside, with no broker: octets in, frames out."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import BadInput, MalformedFrames
from dtn.events import Event, FrameLost
from emulator.clock import EmulatedLoop
from nodes.channel import mqtt as mqtt_channel
from nodes.channel.arrivals import REMEMBERED, Arrivals, Seen
from nodes.channel.batch import Named, decode_batch, encode_batch
from nodes.channel.broker import Broker, parse_broker
from nodes.channel.frame import Frame
from nodes.channel.mqtt import MqttChannel
from nodes.channel.topics import Topics

times = st.floats(0, 1e9)
frames = st.builds(
    lambda sequence, sent_s, light_s, content, name: Named(
        Frame("a", "b", sequence, sent_s, sent_s + light_s, len(content), content), name
    ),
    st.integers(0, 2**64 - 1),
    times,
    times,
    st.binary(max_size=50),
    st.text(max_size=10),
)


@given(st.integers(0, 2**64 - 1), st.lists(frames))
def test_a_batch_is_read_back_as_it_was_written(session: int, batch: list[Named]) -> None:
    assert decode_batch(encode_batch(session, batch), "a", "b") == (session, batch)


@given(st.lists(frames, min_size=1), st.data())
def test_a_batch_cut_anywhere_but_between_frames_is_malformed(
    batch: list[Named], data: st.DataObject
) -> None:
    octets = encode_batch(1, batch)
    whole = {len(encode_batch(1, batch[:count])) for count in range(len(batch) + 1)}
    cut = data.draw(st.integers(0, len(octets)).filter(lambda place: place not in whole))
    with pytest.raises(MalformedFrames):
        decode_batch(octets[:cut], "a", "b")


@given(st.binary(max_size=200))
def test_any_octets_are_frames_or_malformed(octets: bytes) -> None:
    with contextlib.suppress(MalformedFrames):
        decode_batch(b"\1" + octets, "a", "b")


@pytest.mark.parametrize("arrives_s", [math.nan, math.inf, -1.0])
def test_a_frame_that_arrives_never_or_before_it_was_sent_is_malformed(arrives_s: float) -> None:
    octets = encode_batch(1, [Named(Frame("a", "b", 0, 0.0, arrives_s, 0, b""), "")])
    with pytest.raises(MalformedFrames):
        decode_batch(octets, "a", "b")


@given(st.lists(st.integers(0, 60), max_size=200))
def test_of_any_sequence_of_numbers_each_is_new_once(numbers: list[int]) -> None:
    seen = Seen()
    assert [seen.is_new(n) for n in numbers] == [
        n not in numbers[:i] for i, n in enumerate(numbers)
    ]


def test_the_memory_of_frames_that_never_came_is_bounded() -> None:
    seen = Seen()
    assert all(seen.is_new(number) for number in range(1, 3 * REMEMBERED))
    assert not any(seen.is_new(number) for number in range(1, 3 * REMEMBERED))
    assert len(seen._above) <= REMEMBERED


@given(st.permutations(range(8)), st.lists(st.integers(0, 7)))
def test_whatever_comes_twice_or_out_of_order_is_handed_on_once_and_in_order(
    order: list[int], again: list[int]
) -> None:
    came: list[int] = []
    with EmulatedLoop() as loop:
        arrivals = Arrivals(loop, [].append)
        arrivals.receive = lambda frame: came.append(frame.sequence)
        for number in [*order, *again]:
            content = Frame("a", "b", number, 0.0, 1.0 + number // 2, 0, b"")
            arrivals.take_in(7, [Named(content, "")])
        loop.run()
    assert came == list(range(8))
    assert arrivals.duplicates == len(again)


def test_a_sender_that_was_started_again_counts_anew() -> None:
    came: list[int] = []
    with EmulatedLoop() as loop:
        arrivals = Arrivals(loop, [].append)
        arrivals.receive = lambda frame: came.append(frame.sequence)
        for session in (7, 8):
            arrivals.take_in(session, [Named(Frame("a", "b", 0, 0.0, 1.0, 0, b""), "")])
        loop.run()
    assert came == [0, 0]


def test_frames_from_a_node_without_a_link_and_messages_that_are_none_are_refused_and_counted() -> (
    None
):
    with EmulatedLoop() as loop:
        channel = MqttChannel("b", ["a"], Topics("t"), loop, [].append, lambda: None)
        channel.receive("mallory", encode_batch(1, []))
        channel.receive("a", b"rubbish")
        assert (channel.refused, channel.malformed) == (1, 1)


def test_without_a_connection_what_waits_longest_is_lost_when_there_is_no_more_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt_channel, "MOST_WAITING_BYTES", 10_000)
    events: list[Event] = []
    with EmulatedLoop() as loop:
        channel = MqttChannel("a", [], Topics("t"), loop, events.append, lambda: None)
        for number in range(12):
            channel.send(Frame("a", "b", number, number, 100.0, 1000, bytes(1000)), f"{number}")
        loop.run()
    assert [event.bundle for event in events if isinstance(event, FrameLost)] == ["0", "1", "2"]


def test_frames_that_wait_together_go_as_one_message_up_to_its_size() -> None:
    with EmulatedLoop() as loop:
        channel = MqttChannel("a", [], Topics("t"), loop, [].append, lambda: None)
        channel.neighbour_changed("b", True)
        for number in range(40):
            channel.send(Frame("a", "b", number, 0.0, 1.0, 4000, bytes(4000)), "")
        batches = []
        while (message := channel.take()) is not None:
            assert message.topic == "lightlag/t/link/a/b"
            batches.append(decode_batch(message.payload, "a", "b")[1])
    assert [len(batch) for batch in batches] == [15, 15, 10]
    assert [named.frame.sequence for batch in batches for named in batch] == list(range(40))


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://localhost", Broker(host="localhost", port=1883)),
        ("mqtts://broker", Broker(host="broker", port=8883, tls=True)),
        ("mqtt://me:a%2Fb@h:5", Broker(host="h", port=5, user="me", password="a/b")),
    ],
)
def test_a_broker_is_named_by_its_address(url: str, broker: Broker) -> None:
    assert parse_broker(url) == broker


@pytest.mark.parametrize("url", ["localhost", "http://localhost", "mqtt://", "mqtt://h:port"])
def test_what_is_no_address_of_a_broker_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match="--broker"):
        parse_broker(url)


def test_a_frame_waits_for_its_receiver_to_listen_as_long_as_its_light_time_lasts() -> None:
    events: list[Event] = []
    with EmulatedLoop() as loop:
        channel = MqttChannel("a", [], Topics("t"), loop, events.append, lambda: None)
        channel.send(Frame("a", "b", 0, 0.0, 1.0, 0, b""), "bundle-0")
        channel.send(Frame("a", "b", 1, 0.0, 9.0, 0, b""), "bundle-1")
        assert channel.take() is None
        loop.schedule(2.0, lambda: None)
        loop.run()
        assert channel.take() is None
        channel.neighbour_changed("b", True)
        message = channel.take()
        assert message is not None
        (sent,) = decode_batch(message.payload, "a", "b")[1]
        loop.run()
    assert sent.bundle_id == "bundle-1"
    assert events == [FrameLost(2.0, "b", "a", "bundle-0", 0, "receiver unreachable")]


def test_what_was_on_the_way_when_the_connection_broke_goes_again_before_what_came_later() -> None:
    with EmulatedLoop() as loop:
        channel = MqttChannel("a", [], Topics("t"), loop, [].append, lambda: None)
        channel.neighbour_changed("b", True)
        channel.send(Frame("a", "b", 0, 0.0, 9.0, 0, b""), "")
        message = channel.take()
        assert message is not None
        channel.send(Frame("a", "b", 1, 0.0, 9.0, 0, b""), "")
        channel.connection_changed(False)
        channel.returned(message)
        assert channel.take() is None
        channel.neighbour_changed("b", True)
        again = channel.take()
    assert again is not None
    frames = decode_batch(again.payload, "a", "b")[1]
    assert [named.frame.sequence for named in frames] == [0, 1]
