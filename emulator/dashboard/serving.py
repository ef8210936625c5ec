"""Serving: the dashboard's HTTP server, on a stock loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from dtn.errors import BadInput, Fault
from emulator.dashboard.http import Server
from emulator.dashboard.session import Session


class Serving:
    """The server for the time of a `with` block.

    Args:
        session: what is shown.
        host: the address to bind to.
        port: 0 for any that is free.

    Raises:
        BadInput: it cannot listen there.
    """

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = Server(session, host, port)
        self._where = (host, port)
        self._stop: Callable[[], object] = self._ignore
        self._thread = threading.Thread(target=self._run, name="dashboard", daemon=True)
        self._ready = threading.Event()
        self._fault: OSError | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return self._server.url

    @property
    def token(self) -> str:
        """What controls need; "" where they need nothing."""
        return self._server.token

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._fault is not None:
            self._thread.join()
            host, port = self._where
            mend = f"cannot listen there ({self._fault.strerror}): choose another with --port or --host"
            raise BadInput(Fault("", "--port", f"{host}:{port}", mend))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self._thread.join()

    def _ignore(self) -> None:
        """Nothing listens yet."""

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        """Serve until told to stop; open connections end with the loop."""
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop = partial(loop.call_soon_threadsafe, over.set)
        try:
            await self._server.start()
        except OSError as fault:
            self._fault = fault
            return
        finally:
            self._ready.set()
        await over.wait()
        await self._server.stop()
