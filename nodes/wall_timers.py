"""WallTimers: the clock of a node that talks to the world outside, on a stock asyncio loop.

Seconds from the scenario's start, as everywhere. They begin at the reading of the machine's clock
and then go with the loop's monotonic one, so that a clock that is set does not move deadlines.
Unlike on the emulated loop, `time()` is a reading: what comes over a socket happens when it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVarTuple, Unpack

from nodes.timers import Timer

Ts = TypeVarTuple("Ts")


class WallTimers:
    """Timers at the pace of the world.

    Args:
        start: the moment that is 0.
        loop: that runs the node; the running one if None.
    """

    def __init__(self, start: datetime, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop or asyncio.get_running_loop()
        self._offset_s = (datetime.now(UTC) - start).total_seconds() - self.loop.time()

    def time(self) -> float:
        """The present, seconds from the start."""
        return self.loop.time() + self._offset_s

    def schedule(
        self, when_s: float, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts
    ) -> None:
        """Call `callback(*args)` at `when_s`."""
        self.call_at(when_s, callback, *args)

    def call_at(
        self, when_s: float, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts
    ) -> Timer:
        """Call `callback(*args)` at `when_s`, unless cancelled before."""
        return self.loop.call_at(when_s - self._offset_s, callback, *args)
