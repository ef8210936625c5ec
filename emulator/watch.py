"""The watch: a strategy that does not come back from a decision ends the run and is named.

A thread looks on in wall time; nothing of what it sees enters the events, so a run that ends well is the same with and
without it. In a process's main thread a signal breaks in, which ends sleeps and waits as well; elsewhere Python code is
met at its next step, and a strategy that sleeps when it wakes.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from dtn.errors import StrategyFault
from dtn.routing.strategy import Strategy

DECISION_LIMIT_S = 30.0
"""Wall time that one decision, or one call of a hook, may take."""

LOOKS = 4
"""Looks in that time."""


class _TooLong(BaseException):
    """Raised inside the strategy; no `except Exception` of its own keeps it going."""


class _Guard:
    """What is being asked, seen by the thread that looks on."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.calls = 0
        self.asked = ("-", "-")
        self.is_asked = False
        self._thread_id = threading.get_ident()
        self._by_signal = (
            os.name == "posix" and threading.current_thread() is threading.main_thread()
        )
        self._over = threading.Event()

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function under watch: its first argument is the view, its second what it is about."""

        @functools.wraps(function)
        def watched(view: Any, about: Any, *more: Any) -> Any:
            self.calls += 1
            self.asked = (view.node, getattr(about, "id", "-"))
            self.is_asked = True
            try:
                return function(view, about, *more)
            finally:
                self.is_asked = False

        return watched

    def look_on(self) -> None:
        """Until the run is over: break in where one call has gone on for all of the time allowed."""
        seen, looks = -1, 0
        while not self._over.wait(self.limit_s / LOOKS):
            looks = looks + 1 if self.is_asked and self.calls == seen else 0
            seen = self.calls
            if looks >= LOOKS:
                self._break_in()
                return

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let the signal through, where there are signals and this is the thread that gets them."""
        if not self._by_signal:
            yield
            return

        def break_in(number: int, frame: FrameType | None) -> None:
            if self.is_asked:
                raise _TooLong

        before = signal.signal(signal.SIGUSR2, break_in)
        try:
            yield
        finally:
            signal.signal(signal.SIGUSR2, before)

    def _break_in(self) -> None:
        if self._by_signal:
            signal.pthread_kill(self._thread_id, signal.SIGUSR2)
        else:
            thread = ctypes.c_ulong(self._thread_id)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_TooLong))

    def stop(self) -> None:
        """The run is over."""
        self._over.set()


@contextmanager
def watched(strategy: Strategy, limit_s: float = DECISION_LIMIT_S) -> Iterator[Strategy]:
    """The strategy under watch, for a run in this thread.

    Args:
        strategy: what is to be watched.
        limit_s: wall time that one call may take; inf: any.

    Raises:
        StrategyFault: a call took longer.
    """
    if limit_s == math.inf:
        yield strategy
        return
    guard = _Guard(limit_s)
    traits = {
        name: guard.around(trait) if callable(trait) else trait
        for name, trait in strategy.traits.items()
    }
    thread = threading.Thread(target=guard.look_on, name="watch", daemon=True)
    thread.start()
    try:
        with guard.listening():
            yield replace(strategy, decide=guard.around(strategy.decide), traits=traits)
    except _TooLong:
        rule = f"did not come back within {limit_s:g} s"
        raise StrategyFault(strategy.name, *guard.asked, rule) from None
    finally:
        guard.stop()
        thread.join()
