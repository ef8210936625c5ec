"""The dashboard in a process of its own, and what passes between it and the run that it shows.

A run's process has one thread that works and one processor that it needs. So it only hands on its events, as they are
in memory, and its clock, twenty times a second; to fold them, to draw and to serve is the other process's business
(`emulator.dashboard.told`). Orders come back the same way. Nothing that is handed on changes the run: its log is the
one it would have written unwatched.

At its best: an event costs the run half a microsecond.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from dtn.errors import BadInput, Fault, InvalidValue
from dtn.events import Event
from emulator.dashboard.live import Live
from emulator.dashboard.messages import (
    NUMBERS,
    PATIENCE_S,
    TELL_S,
    Answer,
    Listening,
    News,
    Order,
    Over,
    Row,
    Unheard,
)
from emulator.dashboard.source import Subject

MOST_ROWS = 4000
"""Events of one message: making it takes a thousandth of a second or two, in which the run stands still."""
VERBS = ("set_rate", "pause", "jump", "take_down", "cut", "send", "storm", "follow")
"""What may be ordered: methods of `Live`."""


class Apart:
    """The page's process, for the time of a `with` block; it ends with this one, however that ends.

    Args:
        subject: what is shown.
        host: the address to bind to.
        port: 0 for any that is free.

    Raises:
        BadInput: it cannot listen there.
    """

    def __init__(self, subject: Subject, host: str = "127.0.0.1", port: int = 0) -> None:
        self._first = (subject, host, port)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._handed_on = 0

    def __enter__(self) -> Self:
        mine, its = socket.socketpair()
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "emulator.dashboard.told", str(its.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(its.fileno(),),
                start_new_session=True,  # Control-C is for the run
            )
        self._pipe: Connection[object, object] = Connection(mine.detach())
        try:
            self._pipe.send(self._first)
            said = self._pipe.recv()
        except (OSError, EOFError):
            said = Unheard((Fault("", "dashboard", "", "its process has ended; see above"),))
        if not isinstance(said, Listening):
            self.__exit__(None, None, None)
            assert isinstance(said, Unheard)
            raise BadInput(*said.faults)
        self.url, self.token = said
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rest()
        self._pipe.close()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def show(self, live: Live) -> None:
        """Hand on what happens in a run from now on, and do to it what is ordered."""
        self._live = live
        self._thread = threading.Thread(target=self._keep_telling, name="telling", daemon=True)
        self._thread.start()

    def finish(self, ended_s: float) -> None:
        """The run is over; the page goes on as a replay."""
        self._rest()
        with suppress(OSError):
            self._hand_on()
            self._pipe.send(Over(ended_s, self._live.rate))

    def wait(self) -> None:
        """Until the page's process ends, which it does not of itself."""
        self._process.wait()

    def _rest(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    # -- on its thread

    def _keep_telling(self) -> None:
        with suppress(OSError, EOFError):  # the page is gone: the run goes on
            while not self._over.is_set():
                if self._pipe.poll(TELL_S):
                    order = self._pipe.recv()
                    assert isinstance(order, Order)
                    self._pipe.send(self._obeyed(order))
                self._hand_on()

    def _obeyed(self, order: Order) -> Answer:
        if order.verb not in VERBS:
            return Answer(("do", order.verb, "is nothing that can be ordered"))
        verb: Callable[..., object] = getattr(self._live, order.verb)
        try:
            verb(*order.about)
        except InvalidValue as bad:
            return Answer((bad.key, bad.value, bad.mend))
        return Answer(None)

    def _hand_on(self) -> None:
        """The clock is read first: all that happened by then is among the events."""
        clock = self._live.clock()
        events, at = self._live.events, self._handed_on
        end = self._handed_on = len(events)
        while end - at > MOST_ROWS:
            self._pipe.send(News(_rows(events[at : at + MOST_ROWS]), None))
            at += MOST_ROWS
        self._pipe.send(News(_rows(events[at:end]), clock))


def _rows(events: Sequence[Event]) -> list[Row]:
    numbers = NUMBERS
    return [(numbers[type(event)], *event) for event in events]
