"""One link through Mosquitto on the loopback, beside what a bare aiomqtt publisher and subscriber reach.

    .venv/bin/python benchmarks/mqtt_link.py

Sender and receiver are processes, as nodes are; each figure is the best of some turns, bare and ours in turn, so that
other work on the machine hits both alike.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from pathlib import Path

import aiomqtt

from emulator.clock import EmulatedLoop
from emulator.constellation.mosquitto import Mosquitto
from nodes.channel.broker import Broker
from nodes.channel.connection import WINDOW, Connection
from nodes.channel.frame import Frame
from nodes.channel.mqtt import MqttChannel
from nodes.channel.topics import Topics

TURNS = 3
TOPICS = Topics("bench")
LINK = TOPICS.link("a", "b")
Told = "Queue[float]"


def bare_sender(broker: Broker, size_bytes: int, count: int) -> None:
    async def send() -> None:
        async with aiomqtt.Client(
            broker.host,
            broker.port,
            protocol=aiomqtt.ProtocolVersion.V5,
            max_inflight_messages=WINDOW,
            logger=logging.getLogger("silent"),
        ) as client:
            window = asyncio.Semaphore(WINDOW)

            async def publish() -> None:
                async with window:
                    await client.publish(LINK, bytes(size_bytes), qos=1)

            async with asyncio.TaskGroup() as group:
                for _ in range(count):
                    await window.acquire()
                    window.release()
                    group.create_task(publish())

    logging.getLogger("silent").setLevel(logging.CRITICAL)
    asyncio.run(send())


def bare_receiver(broker: Broker, count: int, told: Queue[float]) -> None:
    async def receive() -> None:
        async with aiomqtt.Client(
            broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5
        ) as client:
            await client.subscribe(LINK, qos=1)
            told.put(0.0)
            began = 0.0
            taken = 0
            async for _ in client.messages:
                began = began or time.perf_counter()
                taken += 1
                if taken == count:
                    told.put(time.perf_counter() - began)
                    return

    asyncio.run(receive())


def our_sender(broker: Broker, size_bytes: int, count: int) -> None:
    loop = EmulatedLoop(1.0)
    channel = MqttChannel("a", (), TOPICS, loop, lambda event: None, lambda: connection.wake())
    connection = Connection(broker, outboxes=(channel,), changed=channel.connection_changed)
    connection.start()
    channel.neighbour_changed("b", True)
    content = bytes(size_bytes)
    for number in range(count):
        channel.send(Frame("a", "b", number, 0.0, 0.0, size_bytes, content), "")
    connection.close(120.0)
    loop.close()


def our_receiver(broker: Broker, count: int, told: Queue[float]) -> None:
    loop = EmulatedLoop(1.0)
    channel = MqttChannel("b", ("a",), TOPICS, loop, lambda event: None, lambda: None)
    taken = 0
    began = 0.0
    over = threading.Event()

    def take(frame: Frame) -> None:
        nonlocal taken, began
        began = began or time.perf_counter()
        taken += 1
        if taken == count:
            told.put(time.perf_counter() - began)
            over.set()
            loop.stop()

    channel.attach("b", take)
    connection = Connection(
        broker, subscriptions=(LINK,), receive=lambda topic, payload: channel.receive("a", payload)
    )
    connection.start()
    told.put(0.0)
    loop.run(600.0, outside=True)
    connection.close(0.1)
    loop.close()


def seconds(
    sender: Callable[[Broker, int, int], None],
    receiver: Callable[[Broker, int, Queue[float]], None],
    broker: Broker,
    size_bytes: int,
    count: int,
) -> float:
    """From the first frame to the last, where they arrive."""
    spawn = multiprocessing.get_context("spawn")
    told: Queue[float] = spawn.Queue()
    receiving = spawn.Process(target=receiver, args=(broker, count, told))
    sending = spawn.Process(target=sender, args=(broker, size_bytes, count))
    receiving.start()
    told.get(timeout=60)
    sending.start()
    took_s = told.get(timeout=300)
    sending.join()
    receiving.join()
    return took_s


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Mosquitto(Path(folder)) as mosquitto:
        at = mosquitto.broker
        print(
            f"{'size':>8} {'bare/s':>9} {'ours/s':>9} {'bare MB/s':>10} {'ours MB/s':>10} {'ours/bare':>10}"
        )
        for size_bytes, count in ((100, 40_000), (4096, 10_000), (65_536, 3_000)):
            bare_s, ours_s = [], []
            for _ in range(TURNS):
                bare_s.append(seconds(bare_sender, bare_receiver, at, size_bytes, count))
                ours_s.append(seconds(our_sender, our_receiver, at, size_bytes, count))
            bare, ours = count / min(bare_s), count / min(ours_s)
            print(
                f"{size_bytes:8} {bare:9,.0f} {ours:9,.0f} {bare * size_bytes / 1e6:10.1f} "
                f"{ours * size_bytes / 1e6:10.1f} {ours / bare:10.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
