"""The watch: a strategy that does not come back from a decision ends the run and is named.

A thread looks on, at the processor time of the one that asks and at the clock on the wall: who only waits for a busy
machine's processor is left alone, who sleeps is not, though for longer. Nothing of what it sees enters the events, so a
run that ends well is the same with and without it. In a process's main thread a signal breaks in, which ends sleeps and
waits as well; elsewhere Python code is met at its next step, and a strategy that sleeps when it wakes. One that
catches whatever breaks in is broken in upon again and again, until it is met outside of its `try`; one that holds out
takes the process with it, after last words and with exit code 2: a sweep goes on without that cell.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from dtn.errors import StrategyFault
from dtn.routing.kernel import is_loading
from dtn.routing.strategy import BundleView, Decision, Decisions, Drop, Hold, Send, Strategy, View
from dtn.routing.verdict import listed

DECISION_LIMIT_S = 30.0
"""Processor time that one decision, or one call of a hook, may take."""

ASLEEP = 10
"""So many times as much wall time it may take, if it hardly uses the processor."""

LEAST_SHARE = 0.01
"""Who gets less of a processor than this sleeps; on a machine with a hundred others at work one gets about so much."""

LOOKS = 4
"""Looks in that time."""

BREAK_INS = 100
"""How often a call that catches what breaks in is broken in upon, before its process is ended."""

BETWEEN_BREAK_INS_S = 0.02
"""Wall time that it is given to come to its end."""


class BreakIn(BaseException):
    """Raised inside the strategy from outside; no `except Exception` of its own keeps it going."""


class _TooLong(BreakIn):
    """The strategy did not come back."""


class _Guard:
    """What is being asked, seen by the thread that looks on."""

    def __init__(self, strategy: str, limit_s: float) -> None:
        self.strategy = strategy
        self.limit_s = limit_s
        self.calls = 0
        self.asked = ("-", "-")
        self.is_asked = False
        self.rule = ""
        self._thread_id = threading.get_ident()
        self._by_signal = (
            os.name == "posix" and threading.current_thread() is threading.main_thread()
        )
        self._over = threading.Event()
        self._processor_s = _processor_clock(self._thread_id)

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function under watch: its first argument is the view, its second what it is about."""

        @functools.wraps(function)
        def watched(view: Any, about: Any, *more: Any) -> Any:
            self.calls += 1
            self.asked = (view.node, getattr(about, "id", "-"))
            self.is_asked = True
            try:
                return function(view, about, *more)
            except (Exception, KeyboardInterrupt, BreakIn):
                raise
            except SystemExit as end:  # a fault like others: no end of a sweep without a word
                raise RuntimeError(f"asked the program to end: {end!r}") from end
            except BaseException as fault:
                raise RuntimeError(f"{fault!r}, which is no Exception") from fault
            finally:
                self.is_asked = False

        return watched

    def judged(self, decide: Callable[[View, BundleView], Decisions]) -> Callable[..., Decisions]:
        """The strategy, whose answers lead on: a hold that ends now would be asked about for ever."""

        @functools.wraps(decide)
        def judged(view: View, bundle: BundleView) -> Decisions:
            answer = decide(view, bundle)
            if type(answer) is not Send:
                for one in listed(answer) or ():
                    rule = _broken_by(one, view.now_s)
                    if rule:
                        raise StrategyFault(self.strategy, view.node, bundle.id, rule)
            return answer

        return judged

    def look_on(self) -> None:
        """Until the run is over: break in where one call has gone on for all of the time allowed."""
        seen, since_s, since_cpu_s = -1, 0.0, 0.0
        while not self._over.wait(self.limit_s / LOOKS):
            calls, now_s, now_cpu_s = self.calls, time.monotonic(), self._processor_s()
            used_s, passed_s = now_cpu_s - since_cpu_s, now_s - since_s
            if not self.is_asked or calls != seen or is_loading():
                seen, since_s, since_cpu_s = calls, now_s, now_cpu_s
            elif used_s >= self.limit_s:
                return self._end(f"{self.limit_s:g} s of processor time")
            elif passed_s >= ASLEEP * self.limit_s and used_s < LEAST_SHARE * passed_s:
                return self._end(f"{ASLEEP * self.limit_s:g} s")

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

    def _end(self, limit: str) -> None:
        """End the call that goes on; its process, if nothing else helps."""
        self.rule = f"did not come back within {limit}"
        ended = self.calls
        for _ in range(BREAK_INS):
            if not self.is_asked or self.calls != ended:
                return
            self._break_in()
            if self._over.wait(BETWEEN_BREAK_INS_S):
                return
        fault = StrategyFault(
            self.strategy, *self.asked, f"{self.rule}, and catches all that would end it"
        )
        print(fault, file=sys.stderr, flush=True)
        os._exit(2)

    def _break_in(self) -> None:
        if self._by_signal:
            signal.pthread_kill(self._thread_id, signal.SIGUSR2)
        else:
            thread = ctypes.c_ulong(self._thread_id)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_TooLong))

    def stop(self) -> None:
        """The run is over."""
        self._over.set()


def _broken_by(decision: Decision, now_s: float) -> str:
    """The rule that a decision breaks; "" if none."""
    if isinstance(decision, Hold) and not decision.until_s > now_s:
        return f"holds until {decision.until_s!r} s, which is not after now, {now_s!r} s"
    if isinstance(decision, Drop) and decision.reason not in range(256):
        return f"drops with reason {decision.reason!r}: give a reason code of RFC 9171 section 9.5"
    return ""


def _processor_clock(thread_id: int) -> Callable[[], float]:
    """The processor time of a thread, to be asked from another; wall time where no such clock is."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic
    clock = time.pthread_getcpuclockid(thread_id)
    return lambda: time.clock_gettime(clock)


@contextmanager
def watched(strategy: Strategy, limit_s: float = DECISION_LIMIT_S) -> Iterator[Strategy]:
    """The strategy under watch, for a run in this thread.

    Args:
        strategy: what is to be watched.
        limit_s: processor time that one call may take, and a tenth of the time that it may sleep; inf: any.

    Raises:
        StrategyFault: a call took longer.
    """
    if limit_s == math.inf:
        yield strategy
        return
    guard = _Guard(strategy.name, limit_s)
    traits = {
        name: guard.around(trait) if callable(trait) else trait
        for name, trait in strategy.traits.items()
    }
    thread = threading.Thread(target=guard.look_on, name="watch", daemon=True)
    thread.start()
    try:
        with guard.listening():
            yield replace(
                strategy, decide=guard.judged(guard.around(strategy.decide)), traits=traits
            )
    except _TooLong:
        raise StrategyFault(strategy.name, *guard.asked, guard.rule) from None
    finally:
        guard.stop()
        thread.join()
