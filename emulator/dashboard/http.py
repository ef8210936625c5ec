"""A small HTTP/1.1 server on asyncio streams: just what one page needs, and strict about it.

One request a connection, but for the event stream, which stays. What a browser is told to enforce:
a content security policy that lets only this server's own files load, and nothing be framed.

Who may control: at a loopback address everyone whose request names it as its host (so that a
foreign page cannot reach it under a name of its own) and comes from the page itself; at any other
address everyone who has the token. Who may look: everyone who reaches it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from urllib.parse import parse_qs, urlsplit

from emulator.dashboard.frame import Cursor, bundle_facts, frame, node_facts, run_facts
from emulator.dashboard.metrics import metrics_text
from emulator.dashboard.session import Json, Refused, Session

FRAME_S = 0.1
"""Ten frames a second,"""
MOST_SHARE = 0.5
"""or fewer, if they took more than this share of a processor."""
PATIENCE_S = 10.0
"""A request that takes longer to come is none; a page that takes no frame for so long is gone."""
MOST_HEADERS = 60
MOST_BODY_BYTES = 16_384
MOST_PAGES = 32
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/dashboard.css": ("dashboard.css", "text/css; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/map.js": ("map.js", "text/javascript; charset=utf-8"),
    "/sky.js": ("sky.js", "text/javascript; charset=utf-8"),
    "/charts.js": ("charts.js", "text/javascript; charset=utf-8"),
    "/words.js": ("words.js", "text/javascript; charset=utf-8"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
}
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as far as this server looks at it; header names in lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class _Bad(Exception):
    """What came is no request that is answered; carries the status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Server:
    """Serves the page of one session.

    Args:
        session: what is shown.
        host: the address to bind to.
        port: 0 for any that is free.
    """

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int = 0) -> None:
        self._session = session
        self._host = host
        self._port = port
        self._pages = 0
        self._server: asyncio.Server | None = None
        self.token = "" if host in _LOOPBACK else secrets.token_urlsafe(16)

    async def start(self) -> None:
        """Listen from now on.

        Raises:
            OSError: the address is taken, or not this machine's.
        """
        self._server = await asyncio.start_server(
            self._serve, self._host, self._port, limit=MOST_BODY_BYTES
        )
        self._port = self._server.sockets[0].getsockname()[1]
        assert self._kept  # made now, so that the first page need not wait for it

    async def stop(self) -> None:
        """Listen no more; connections end with the loop's tasks."""
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        """Where the page is; the token stands behind the #, which browsers keep to themselves."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        page = f"http://{host}:{self._port}/"
        return f"{page}#token={self.token}" if self.token else page

    # -- one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._respond(reader, writer)
            writer.close()
            await writer.wait_closed()
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass  # it went away, or was too slow: nobody is there to be told
        except asyncio.CancelledError:
            pass  # the server ends; asyncio 3.11 would report the cancelled task as a failure
        finally:
            writer.transport.abort()  # nothing, if it is closed

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                request = await _read(reader)
            self._check_host(request)
            if request.path == "/stream" and request.method == "GET":
                await self._stream(writer)
                return
            status, kind, body = self._answer(request)
            await _reply(writer, status, kind, body, _takes_gzip(request))
        except _Bad as bad:
            await _reply(writer, bad.status, "text/plain; charset=utf-8", f"{bad}\n".encode())

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        """Server-sent events: a frame every tenth of a second for as long as the page stays."""
        if self._pages >= MOST_PAGES:
            raise _Bad(503, "too many pages are open")
        self._pages += 1
        try:
            writer.write(_head(200, "text/event-stream", None))
            async for text in self._frames():
                writer.write(f"data: {text}\n\n".encode())
                async with asyncio.timeout(PATIENCE_S):
                    await writer.drain()
        finally:
            self._pages -= 1

    async def _frames(self) -> AsyncIterator[str]:
        cursor, last = Cursor(), ""
        quiet, due_s = 0, time.monotonic()
        while not (self._server is None or self._server.is_serving() is False):
            busy_s = time.thread_time()
            text = _json(frame(self._session, cursor))
            busy_s = time.thread_time() - busy_s
            quiet = quiet + 1 if text == last else 0
            if not quiet or quiet % 20 == 0:  # nothing moves: a sign of life every two seconds
                yield text
            last = text
            due_s = max(
                due_s + FRAME_S, time.monotonic() + busy_s * self._pages / MOST_SHARE - busy_s
            )
            await asyncio.sleep(due_s - time.monotonic())

    # -- one answer

    def _answer(self, request: Request) -> tuple[int, str, bytes]:
        if request.path == "/control":
            return self._control(request)
        if request.method not in ("GET", "HEAD"):
            raise _Bad(405, "only GET")
        if request.path in _FILES:
            name, kind = _FILES[request.path]
            return 200, kind, (resources.files("emulator.dashboard") / "page" / name).read_bytes()
        if request.path == "/metrics":
            text = metrics_text(self._session)
            return 200, "text/plain; version=0.0.4; charset=utf-8", text.encode()
        if request.path in self._kept:
            return 200, "application/json", self._kept[request.path]
        make = self._documents.get(request.path)
        if make is None:
            raise _Bad(404, "there is no such page")
        try:
            document = make(request)
        except Refused as refused:
            raise _Bad(404, str(refused)) from None
        if document is None:
            raise _Bad(404, "there is nothing of that name")
        return 200, "application/json", _json(document).encode()

    @cached_property
    def _kept(self) -> dict[str, bytes]:
        """What does not change while this server lives."""
        geometry = self._session.subject.geometry
        facts = {**run_facts(self._session), "needs_token": bool(self.token)}
        return {
            "/run.json": _json(facts).encode(),
            "/geometry.json": (geometry.text() if geometry else "null").encode(),
        }

    @cached_property
    def _documents(self) -> dict[str, Callable[[Request], Json | None]]:
        session = self._session
        return {
            "/node.json": lambda request: node_facts(session, _asked(request, "name")),
            "/bundle.json": lambda request: bundle_facts(session, _asked(request, "id")),
        }

    def _control(self, request: Request) -> tuple[int, str, bytes]:
        if request.method != "POST":
            raise _Bad(405, "only POST")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise _Bad(415, "send application/json")
        self._check_control(request)
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            raise _Bad(400, "the body is no JSON") from None
        if not isinstance(asked, dict):
            raise _Bad(400, "the body is no JSON object")
        try:
            self._session.control(asked)
        except Refused as refused:
            raise _Bad(400, str(refused)) from None
        return 200, "application/json", b"{}"

    def _check_host(self, request: Request) -> None:
        if self.token:
            return
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname
        if name not in _LOOPBACK:
            raise _Bad(403, "open this page as 127.0.0.1 or localhost")

    def _check_control(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise _Bad(403, "another site's page may not control this")
        if self.token:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not secrets.compare_digest(given.encode(), self.token.encode()):
                raise _Bad(403, "open the page with its token to control the run")


# ------------------------------------------------------------------------------------- octets


async def _read(reader: asyncio.StreamReader) -> Request:
    """One request, within all limits.

    Raises:
        _Bad: it is none.
    """
    try:
        method, target, protocol = (await reader.readline()).decode("ascii").split()
        headers: dict[str, str] = {}
        while (line := await reader.readline()) not in (b"\r\n", b"\n"):
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(headers) >= MOST_HEADERS:
                raise ValueError(name)
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        parts = urlsplit(target)
        query = parse_qs(parts.query, max_num_fields=8)
    except ValueError:  # which a line that is too long is, too
        raise _Bad(400, "this is no request") from None
    if not protocol.startswith("HTTP/1.") or not target.startswith("/") or length < 0:
        raise _Bad(400, "this is no request")
    if length > MOST_BODY_BYTES or "transfer-encoding" in headers:
        raise _Bad(413, f"send at most {MOST_BODY_BYTES} octets, and their number")
    return Request(method, parts.path, query, headers, await reader.readexactly(length))


async def _reply(
    writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, squeeze: bool = False
) -> None:
    extra = ""
    if squeeze and len(body) > 2000:
        body, extra = _squeezed(body), "Content-Encoding: gzip\r\n"
    writer.write(_head(status, kind, len(body), extra) + body)
    async with asyncio.timeout(PATIENCE_S):
        await writer.drain()


def _head(status: int, kind: str, length: int | None, extra: str = "") -> bytes:
    size = "" if length is None else f"Content-Length: {length}\r\n"
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        f"Content-Type: {kind}\r\n{size}{extra}"
        f"Content-Security-Policy: {POLICY}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    ).encode("ascii")


@lru_cache(maxsize=8)
def _squeezed(body: bytes) -> bytes:
    return gzip.compress(body, 3, mtime=0)


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def _asked(request: Request, key: str) -> str:
    return request.query.get(key, [""])[0]


def _json(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), allow_nan=False)
