"""Caller: keeps one connection to a neighbour, called again when it is lost, ever more slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from nodes.convergence.connection import Connection

CONNECT_TIMEOUT_S = 30.0


class Caller:
    """Calls one address for ever.

    Args:
        host: where to call.
        port: where to call.
        make: makes the protocol of one connection.
        delays: makes the waits between attempts, begun anew after a connection that was of use.
    """

    def __init__(
        self,
        host: str,
        port: int,
        make: Callable[[], Connection],
        delays: Callable[[], Iterator[float]],
    ) -> None:
        self._host = host
        self._port = port
        self._make = make
        self._delays = delays
        self._task = asyncio.get_running_loop().create_task(self._call())

    def stop(self) -> None:
        """Call no more; the connection there is stays."""
        self._task.cancel()

    async def _call(self) -> None:
        delays = self._delays()
        while True:
            if await self._once():
                delays = self._delays()
            await asyncio.sleep(next(delays))

    async def _once(self) -> bool:
        """One connection from its beginning to its end; whether it was of use."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, called = await loop.create_connection(self._make, self._host, self._port)
        except OSError:  # TimeoutError is one
            return False
        return await asyncio.shield(called.closed)
