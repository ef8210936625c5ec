"""Connection: one program's connection to a broker, on a stock event loop in a thread of its own.

Brokers, TLS and their time-outs keep wall time, so none of it runs on the emulated loop: at rate 600
a time-out of 10 s would expire in 17 ms. The threads exchange whole messages: what is to go out is
asked of *outboxes* when there is room for it, what comes in is handed to `receive`, on the thread of
the connection.

MQTT 5, QoS 1, up to WINDOW messages on the way at once. aiomqtt does not reconnect: each attempt is
a new client, after a pause that doubles. Sessions are clean: the broker replays nothing, else it
were a hidden store-and-forward. A message that was on the way when the connection broke may have
arrived or not; it goes back to its outbox (`returned`), which sends it again if that makes sense.

aiomqtt (and paho under it) is imported in this file only, and only by programs that connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.properties import Properties

from dtn.errors import BadInput, Fault
from nodes.channel.broker import Broker

WINDOW = 64
"""Messages published and not acknowledged; Mosquitto's `max_inflight_messages` must allow it."""

KEEPALIVE_S = 5
"""A broker that is silent for twice as long is given up."""

PATIENCE_S = 10.0
"""How long a program waits for its first connection before it gives up."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0

BAD_CREDENTIALS = (134, 135, 4, 5)
"""CONNACK: bad user name or password, not authorized (MQTT 5 §3.2.2.2; 3.1.1)."""

_SILENT = logging.getLogger("lightlag.mqtt")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # what goes wrong is an event or an exception of ours


class Message(NamedTuple):
    """One message of MQTT, sent with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class Outbox(Protocol):
    """What has messages to send; called on the connection's thread."""

    def take(self) -> Message | None:
        """The next message, or None for now; `Connection.wake` says that there is one again."""

    def sent(self, message: Message) -> None:
        """The broker has it."""

    def returned(self, message: Message) -> None:
        """The connection broke: it may have arrived, or not."""


class Posts:
    """An outbox for single messages, such as a status; in order, until the broker has them."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()

    def put(self, message: Message) -> None:
        """Send it when it is its turn, from any thread; then wake the connection."""
        self._waiting.append(message)

    def take(self) -> Message | None:
        """The next message."""
        return self._waiting.popleft() if self._waiting else None

    def sent(self, message: Message) -> None:
        """The broker has it."""

    def returned(self, message: Message) -> None:
        """Once more: none of these does harm twice."""
        self._waiting.append(message)


class Connection:
    """A connection that is kept until it is closed.

    Args:
        broker: where, and as whom.
        identifier: the client's; a connection made anew then ends the old one at the broker.
        subscriptions: topics to receive.
        receive: takes topic and payload of what comes, on the connection's thread.
        outboxes: what goes out, the first before the others.
        will: what the broker says when we are gone without a word.
        changed: told when the connection is made and when it is lost, on its thread.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        identifier: str = "",
        subscriptions: Sequence[str] = (),
        receive: Callable[[str, bytes], object] = lambda topic, payload: None,
        outboxes: Sequence[Outbox] = (),
        will: Message | None = None,
        changed: Callable[[bool], object] = lambda connected: None,
    ) -> None:
        self.connections = 0
        self._broker = broker
        self._identifier = identifier
        self._subscriptions = subscriptions
        self._receive = receive
        self._outboxes = outboxes
        self._will = will
        self._changed = changed
        self._tls = _tls_context(broker)
        self._loop = asyncio.new_event_loop()
        self._something = asyncio.Event()
        self._window = asyncio.Semaphore(WINDOW)
        self._on_the_way: dict[asyncio.Task[None], tuple[Outbox, Message]] = {}
        self._woken = False
        self._closing = False
        self._settled = threading.Event()
        self._refusal = ""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self, patience_s: float = PATIENCE_S) -> None:
        """Connect, and return when that is done.

        Raises:
            BadInput: the broker cannot be reached in that time, or does not want us.
        """
        self._thread.start()
        settled = self._settled.wait(patience_s)
        if settled and not self._refusal:
            return
        self.close(0.0)
        if settled:
            mend = f"refuses user {self._broker.user!r} ({self._refusal}): check name and password"
        else:
            mend = f"cannot be reached ({self._refusal or 'no answer'}): start it, or name another"
        raise BadInput(Fault("", "--broker", str(self._broker), mend))

    def wake(self) -> None:
        """An outbox has something again; from any thread."""
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(self._wake)

    def later(self, delay_s: float, callback: Callable[[], object]) -> None:
        """Call this on the connection's thread, in so many real seconds."""
        with contextlib.suppress(RuntimeError):  # closed
            self._loop.call_soon_threadsafe(self._loop.call_later, max(delay_s, 0.0), callback)

    def every(self, period_s: float, callback: Callable[[], object]) -> None:
        """Call this on the connection's thread from now on, once in so many real seconds."""

        def turn() -> None:
            if not self._closing:
                callback()
                self._loop.call_later(period_s, turn)

        self.later(0.0, turn)

    def close(self, flush_s: float = 5.0) -> None:
        """Send what the outboxes still hold, for so long at most, and take leave."""
        self._closing = True
        if self._thread.ident is None:  # it was never started
            self._loop.close()
            return
        self._woken = False
        self.wake()
        self._thread.join(flush_s)
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._main.cancel)
            self._thread.join(2.0)

    # -- on the thread

    def _wake(self) -> None:
        self._woken = False
        self._something.set()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._main = self._loop.create_task(self._keep_connected())
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._main)
            self._loop.run_until_complete(self._loop.shutdown_default_executor())

    async def _keep_connected(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            before = self.connections
            try:
                await self._session()
                return  # closed, and everything is sent
            except aiomqtt.MqttError as fault:
                self._refused(fault)
            pause_s = FIRST_PAUSE_S if self.connections > before else pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _refused(self, fault: aiomqtt.MqttError) -> None:
        if self._settled.is_set():
            return
        self._refusal = str(fault)
        code = getattr(fault, "rc", None)
        if getattr(code, "value", code) in BAD_CREDENTIALS:
            self._settled.set()

    async def _session(self) -> None:
        """One connection from beginning to end.

        Raises:
            MqttError: it could not be made, or broke.
        """
        async with self._client() as client:
            for topic in self._subscriptions:
                await client.subscribe(topic, qos=1)
            self.connections += 1
            self._refusal = ""
            self._settled.set()
            self._changed(True)
            receiving = asyncio.create_task(self._take_in(client))
            sending = asyncio.create_task(self._send(client))
            try:
                await asyncio.wait((receiving, sending), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._changed(False)
                await self._give_back(receiving, sending)
            for task in (receiving, sending):
                if not task.cancelled():
                    task.result()  # raises what ended the connection

    async def _give_back(self, *tasks: asyncio.Task[None]) -> None:
        publications = dict(self._on_the_way)
        everything = (*tasks, *publications)
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)

    def _client(self) -> aiomqtt.Client:
        broker = self._broker
        will = self._will
        mqtt5 = broker.mqtt5
        return aiomqtt.Client(
            broker.host,
            broker.port,
            identifier=self._identifier or None,
            username=broker.user or None,
            password=broker.password or None,
            protocol=aiomqtt.ProtocolVersion.V5 if mqtt5 else aiomqtt.ProtocolVersion.V311,
            clean_start=True if mqtt5 else MQTT_CLEAN_START_FIRST_ONLY,
            clean_session=None if mqtt5 else True,
            properties=_no_session() if mqtt5 else None,
            will=will and aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retain),
            keepalive=KEEPALIVE_S,
            timeout=2.0 * KEEPALIVE_S,
            tls_context=self._tls,
            max_inflight_messages=WINDOW,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),  # else frames wait 40 ms
            logger=_SILENT,
        )

    async def _take_in(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self._receive(message.topic.value, bytes(message.payload))

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            await self._window.acquire()
            self._something.clear()
            taken = self._next()
            if taken is not None:
                task = asyncio.create_task(_publish(client, taken[1]))
                self._on_the_way[task] = taken
                task.add_done_callback(self._published)
                continue
            self._window.release()
            if self._closing and not self._on_the_way:
                return
            await self._something.wait()

    def _next(self) -> tuple[Outbox, Message] | None:
        for outbox in self._outboxes:
            message = outbox.take()
            if message is not None:
                return outbox, message
        return None

    def _published(self, task: asyncio.Task[None]) -> None:
        outbox, message = self._on_the_way.pop(task)
        self._window.release()
        if task.cancelled() or task.exception() is not None:
            outbox.returned(message)
        else:
            outbox.sent(message)
        self._something.set()


async def _publish(client: aiomqtt.Client, message: Message) -> None:
    await client.publish(message.topic, message.payload, qos=1, retain=message.retain)


def _no_session() -> Properties:
    properties = Properties(1)  # type: ignore[no-untyped-call]  # paho's; of a CONNECT packet
    properties.SessionExpiryInterval = 0
    return properties


def _tls_context(broker: Broker) -> ssl.SSLContext | None:
    if not broker.tls:
        return None
    try:
        return ssl.create_default_context(cafile=broker.ca_file)
    except ssl.SSLError as fault:
        mend = f"is no certificate ({fault.reason})"
        raise BadInput(Fault("", "--ca", str(broker.ca_file), mend)) from None
