"""Words to a running node, over a Unix socket that only its user may open: send, receive, ping.

One request a connection: a line of JSON; answers are lines of JSON.

    {"do": "send", "to": "ipn:9.1", "payload": "68656c6c6f", "lifetime_s": 3600}
        {"bundle": "ipn:7.60001/849398700000/0"}
    {"do": "receive", "service": "42"}              until the connection is closed
        {"source": "ipn:9.1", "bundle": "...", "payload": "..."}
    {"do": "ping", "to": "ipn:9.7", "size_bytes": 64}
        {"bundle": "..."}, then {"round_trip_s": 0.0021, "intact": true}
    what cannot be done: {"refused": "why"}

Bundles for a service that the node's file names wait in its store until somebody asks for them; what comes for one
that nobody has named or asked for is deleted (RFC 9171 §5.7).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dtn.bpa import TransmissionRequest
from dtn.bundle import Bundle
from dtn.eid import DtnEid, IpnEid, parse_eid
from dtn.errors import BadInput, Fault, InvalidValue

if TYPE_CHECKING:
    from emulator.outside.running import RunningNode

LONGEST_REQUEST_BYTES = 2**28
FIRST_SERVICE = 60_000
"""Services of those who send and ping without one, drawn above."""

Document = dict[str, Any]


class Mailbox:
    """An application: what came for a service, until somebody asks."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._bundles: deque[Bundle] = deque()
        self._news = asyncio.Event()

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """One more came."""
        self._bundles.append(bundle)
        self._news.set()

    async def next(self) -> Bundle:
        """The next one."""
        while not self._bundles:
            self._news.clear()
            await self._news.wait()
        return self._bundles.popleft()


class ControlServer:
    """Takes words to a node.

    Args:
        running: the node.
    """

    def __init__(self, running: RunningNode) -> None:
        self._running = running
        self._path = running.file.control
        self._server: asyncio.Server | None = None
        self._mailboxes: dict[str, Mailbox] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            BadInput: the socket cannot be made, or another node is there.
        """
        if self._path.is_socket():
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self._path))
                mend = "a node that runs answers there: stop it, or name another control socket"
                raise BadInput(
                    Fault(str(self._running.file.path), "control", str(self._path), mend)
                )
            self._path.unlink(missing_ok=True)  # of one that was killed
        mask = os.umask(0o177)  # from its first moment on nobody else may open it
        try:
            self._server = await asyncio.start_unix_server(
                self._answer, str(self._path), limit=LONGEST_REQUEST_BYTES
            )
        except OSError as fault:
            mend = f"cannot be made ({fault.strerror}): name another file"
            raise BadInput(
                Fault(str(self._running.file.path), "control", str(self._path), mend)
            ) from None
        finally:
            os.umask(mask)

    async def stop(self) -> None:
        """Listen no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            request = await reader.readline()
            gone = asyncio.ensure_future(reader.read())  # ends when the other end hangs up
            try:
                await self._converse(request, writer, gone)
            finally:
                gone.cancel()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # a line too long, or somebody who did not wait
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(
        self, request: bytes, writer: asyncio.StreamWriter, gone: asyncio.Future[bytes]
    ) -> None:
        answers = self._answers(request)
        while True:
            following = asyncio.ensure_future(anext(answers, None))
            await asyncio.wait((following, gone), return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                return
            answer = following.result()
            if answer is None:
                return
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()

    async def _answers(self, request: bytes) -> AsyncIterator[Document]:
        try:
            said: Document = json.loads(request)
            match said:
                case {"do": "send", "to": str(to), "payload": str(payload)}:
                    yield {"bundle": self._send(to, bytes.fromhex(payload), said)}
                case {"do": "receive", "service": str(service)}:
                    mailbox = self._mailbox(service)
                    while True:
                        yield _delivered(await mailbox.next())
                case {"do": "ping", "to": str(to)}:
                    async for answer in self._ping(to, said):
                        yield answer
                case _:
                    yield {"refused": "say send, receive or ping"}
        except (InvalidValue, ValueError) as bad:
            yield {"refused": bad.mend if isinstance(bad, InvalidValue) else str(bad)}

    def _send(self, to: str, payload: bytes, rest: Document) -> str:
        destination = parse_eid(to)
        if not isinstance(destination, IpnEid | DtnEid):
            raise InvalidValue(
                "to", to, "no such scheme here: write ipn:9.1, or dtn://name/service"
            )
        bundle = self._running.node.send(
            TransmissionRequest(
                service=str(rest.get("service") or FIRST_SERVICE + secrets.randbelow(5_000)),
                destination=destination,
                payload=payload,
                lifetime_s=float(rest.get("lifetime_s", 86_400.0)),
            )
        )
        assert bundle is not None  # it is up
        return bundle

    async def _ping(self, to: str, rest: Document) -> AsyncIterator[Document]:
        service = str(FIRST_SERVICE + secrets.randbelow(5_000))
        mailbox = self._mailbox(service)
        payload = secrets.token_bytes(int(rest.get("size_bytes", 64)))
        timers = self._running.timers
        sent_s = timers.time()
        yield {"bundle": self._send(to, payload, {**rest, "service": service})}
        answer = await mailbox.next()
        intact = answer.payload == payload
        yield {"round_trip_s": timers.time() - sent_s, "intact": intact}

    def _mailbox(self, service: str) -> Mailbox:
        if not service.isdecimal() or not int(service):
            raise InvalidValue(
                "service", service, "a service is a number from 1: the 42 of ipn:7.42"
            )
        if service not in self._mailboxes:
            self._mailboxes[service] = Mailbox(service)
            self._running.node.register(self._mailboxes[service])
        return self._mailboxes[service]


def _delivered(bundle: Bundle) -> Document:
    source = str(bundle.primary.source)
    return {"source": source, "bundle": str(bundle.id), "payload": bundle.payload.hex()}


def ask(path: Path, request: Document, patience_s: float | None = None) -> Iterator[Document]:
    """Say something to a running node; its answers as they come, until it has no more.

    Args:
        path: its control socket, or its file, beside which that is.
        request: what is said.
        patience_s: how long to wait for the next answer; None: for ever.

    Raises:
        BadInput: nobody is there, or it refuses.
    """
    given = path
    if path.suffix == ".toml":
        from emulator.outside.settings import load

        path = load(path).control
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(patience_s)
        try:
            connection.connect(str(path))
        except OSError as fault:
            mend = f"no node answers there ({fault.strerror}): start one by lightlag socket-node"
            raise BadInput(Fault("", "--node", str(given), mend)) from None
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as lines, contextlib.suppress(TimeoutError):
            for line in lines:
                answer: Document = json.loads(line)
                if "refused" in answer:
                    raise BadInput(Fault("", str(request["do"]), "", str(answer["refused"])))
                yield answer
