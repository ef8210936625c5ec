"""EmulatedLoop: an asyncio event loop whose rate is the clock of the whole emulation.

    rate = inf   virtual time: the clock jumps to the next entry
    rate = k     scaled time: k emulated seconds pass in a real one; sockets and threads are served
    rate = 1     real time

One agenda (`nodes.agenda`) holds everything that is to run: light entries (`schedule`, the hot path),
asyncio's timers and its `call_soon`. Its order is total: equal times are first-in first-out; stock
asyncio fires equal deadlines in heap order.

The present is the due time of the entry that runs, at every rate. A machine that is late therefore
delays the story and does not change it: the same callbacks run in the same order at the same
emulated times in virtual, scaled and real time. How late they were is measured (`lateness`). What
comes from outside (a socket, another thread) happens at the reading of the clock when it is noticed
or, where the loop is late, before what comes next: a late loop is not deaf.

Time counts from 0 and `_clock_resolution` is 1e-6: stock loops hang past 2**24 s, where
t + 1e-9 == t. Waiting: epoll is late by a thousandth of what it waits for and rounds up to
milliseconds, so a long wait is taken in shrinking parts and the last millisecond is slept.

It refuses threads in virtual time (`run_in_executor`): the emulated clock would run on by hours
during one call. asyncio's private names are used in this file only; tests cover them on each
supported Python.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable
from concurrent.futures import Executor
from contextvars import Context
from heapq import heapify
from types import TracebackType
from typing import Any, Self, TypeVar, TypeVarTuple, Unpack

from dtn.errors import InvalidValue, LightlagError
from dtn.heap import pop
from emulator.lateness import Lateness
from nodes.agenda import Agenda

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

FOREVER_S = sys.float_info.max
"""Entries due at inf never run."""

BATCH = 1000
"""Entries run between two looks at the outside world."""

PROGRESS_INTERVAL_S = 0.1
"""Real time between two calls of the progress callback."""

LAST_MILLISECOND_S = 1e-3
"""Below this a wait is slept: epoll counts in whole milliseconds."""

CANCELLED_BEFORE_CLEANING = 100
"""The heap is cleaned when this many entries, and more than half of it, are cancelled."""


class DeadlockError(LightlagError):
    """Virtual time has nothing left to wait for, yet the awaited future is not done."""


class EmulatedLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that runs at a rate.

    Args:
        rate: emulated seconds in a real one; inf jumps from entry to entry.
        on_progress: called with the emulated time about every tenth of a real second.

    Raises:
        InvalidValue: the rate is not a positive number.
    """

    _closed = True  # asyncio's own: until __init__ has opened it
    _stopping: bool  # asyncio's own, unknown to its type stubs
    _selector: selectors.BaseSelector
    _process_events: Callable[[object], None]
    _write_to_self: Callable[[], None]
    _check_closed: Callable[[], None]

    def __init__(
        self, rate: float = math.inf, *, on_progress: Callable[[float], object] | None = None
    ) -> None:
        _check_rate(rate)
        self._rate = rate
        self._on_progress = on_progress
        self._progress_due = 0.0
        self.agenda = Agenda()
        self._inbox: deque[asyncio.Handle] = deque()
        self._until_s = FOREVER_S
        self._bounded = False
        self._outside = False
        self._origin: tuple[float, float] | None = (
            None  # a real and the emulated time that belongs to it
        )
        self._failure: BaseException | None = None
        self._cancelled_entries = 0
        self.lateness = Lateness()
        super().__init__(selectors.DefaultSelector())
        self._clock_resolution = 1e-6

    # -- the clock

    @property
    def rate(self) -> float:
        """Emulated seconds in a real one; 0 while paused."""
        return self._rate

    def set_rate(self, rate: float) -> None:
        """Go on at another finite rate, or pause with 0; virtual time stays virtual."""
        if math.inf in (rate, self._rate):
            raise InvalidValue("rate", rate, "virtual time cannot be entered or left in mid-run")
        if rate:
            _check_rate(rate)
        self._origin = (time.monotonic(), self.reading_s())
        self.agenda.is_halted = True
        self._rate = rate

    def follow(self, real_s: float, emulated_s: float, rate: float) -> None:
        """Keep pace with a clock that other processes share; 0 is a pause.

        Args:
            real_s: a moment of `time.monotonic`, past or to come.
            emulated_s: what the clock shows then.
            rate: its pace from then on; inf: virtual time, from `emulated_s`.
        """
        if rate == math.inf and self._origin is None:
            self.agenda.now_s, self._rate = emulated_s, rate
            return
        if rate:
            _check_rate(rate)
        if self._origin is None:  # nothing has run: begin where that clock stands
            self.agenda.now_s = max(emulated_s + (time.monotonic() - real_s) * rate, 0.0)
        if not rate:  # what has run here has run: a pause must not be before it
            emulated_s = max(emulated_s, self.agenda.now_s)
        self._origin = (real_s, emulated_s)
        self.agenda.is_halted = True
        self._rate = rate

    def time(self) -> float:
        """The present: the due time of the entry that runs."""
        return self.agenda.now_s

    def reading_s(self) -> float:
        """Where the clock stands, ahead of a late loop; in virtual time the present."""
        if self._origin is None or self._rate == math.inf:
            return self.agenda.now_s
        real, emulated = self._origin
        return emulated + (time.monotonic() - real) * self._rate

    def reached_s(self) -> float:
        """How far the story is told: the reading, or where a late loop stands. Any thread may ask."""
        reading_s = self.reading_s()
        try:
            return min(reading_s, self.agenda.next_s())
        except IndexError:  # its last entry was taken between two looks
            return reading_s

    def next_due_s(self) -> float:
        """When the next entry is due; inf if there is none."""
        entries = self.agenda.entries
        while entries and entries[0][2] is None and entries[0][3][0].cancelled():
            self._cancelled_entries -= isinstance(pop(entries)[3][0], asyncio.TimerHandle)
        return self.agenda.next_s()

    # -- running

    def run(self, until_s: float = math.inf, *, outside: bool = False) -> float:
        """Run until nothing is left to wait for, or until `until_s`, and return the time reached.

        Everything due at `until_s` itself still runs. An exception that a callback let out ends
        the run and is raised.

        Args:
            until_s: the last moment, seconds from the scenario's start.
            outside: other threads may bring more to do (at a finite rate), so that an empty heap
                is not the end.
        """
        self._until_s = min(until_s, FOREVER_S)
        self._outside = outside
        self._bounded = True
        try:
            self.run_forever()
        finally:
            self._bounded = False
            self._until_s = FOREVER_S
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        self._report_progress()
        return self.agenda.now_s

    def _run_once(self) -> None:
        """One turn of `run_forever`: what came from outside, then a batch of what is due."""
        virtual = self._rate == math.inf
        if self._origin is None:
            self._origin = (time.monotonic(), self.agenda.now_s)
        patience_s = 0.0 if virtual or self._stopping else self._patience_s()
        self._process_events(self._selector.select(patience_s))
        while self._inbox:
            self._push_handle(self._outside_s(), self._inbox.popleft())
        ran = self._run_due(self._until_s if virtual else min(self.reading_s(), self._until_s))
        if self._on_progress is not None and time.monotonic() >= self._progress_due:
            self._report_progress()
        if not (ran or self._stopping):
            self._end_if_nothing_is_left(virtual)

    def _run_due(self, horizon_s: float) -> int:
        """Run what is due by the horizon, in order; at most a batch, and not past a change of pace."""
        agenda = self.agenda
        agenda.is_halted = self._stopping
        if self._rate == math.inf:
            return self._run_virtual(horizon_s)
        entries = agenda.entries
        ran = 0
        while entries and entries[0][0] <= horizon_s:
            when_s, _, callback, args = pop(entries)
            if callback is not None:
                agenda.now_s = when_s
                self._note_lateness(when_s)
                callback(*args)
            elif not self._run_handle(when_s, args[0]):
                continue
            ran += 1
            if ran >= BATCH or agenda.is_halted:
                break
        return ran

    def _run_virtual(self, horizon_s: float) -> int:
        """The same in virtual time, where nothing is late."""
        agenda, entries = self.agenda, self.agenda.entries
        ran = 0
        while ran < BATCH:
            ran += agenda.run(horizon_s, BATCH - ran)
            if agenda.is_halted or ran >= BATCH or not entries or entries[0][0] > horizon_s:
                break
            when_s, _, _, args = pop(entries)  # one of asyncio's
            self._run_handle(when_s, args[0])
            ran += 1
            if agenda.is_halted:
                break
        return ran

    def _run_handle(self, when_s: float, handle: asyncio.Handle) -> bool:
        """Run one of asyncio's entries; a cancelled one does not move the time."""
        timer = isinstance(handle, asyncio.TimerHandle)
        if handle.cancelled():
            self._cancelled_entries -= timer
            return False
        self.agenda.now_s = when_s
        if timer:
            handle._scheduled = False  # type: ignore[attr-defined]  # so that cancel() is not counted
            if self._rate != math.inf:
                self._note_lateness(when_s)
        handle._run()
        return True

    def _end_if_nothing_is_left(self, virtual: bool) -> None:
        agenda, entries = self.agenda, self.agenda.entries
        if entries and entries[0][0] <= self._until_s:
            return
        if not virtual and self.reading_s() < self._until_s and (entries or self._is_served()):
            return
        if not self._bounded:
            raise DeadlockError(f"at {agenda.now_s} s nothing is left to wait for")
        if self._until_s < FOREVER_S and (entries or not virtual):
            agenda.now_s = max(agenda.now_s, self._until_s)
        self._stopping = True

    def _is_served(self) -> bool:
        """Whether something outside may bring more: not the pipe that only wakes the selector."""
        return not self._bounded or self._outside or len(self._selector.get_map()) > 1

    def _patience_s(self) -> float:
        """Real seconds to wait for the outside; the last millisecond before a due time is slept."""
        if not self.agenda.entries and not self._is_served():
            return 0.0
        ahead_s = min(self.agenda.next_s(), self._until_s) - self.reading_s()
        if ahead_s <= 0:
            return 0.0
        wait_s = ahead_s / self._rate if self._rate else math.inf
        if wait_s < LAST_MILLISECOND_S:
            time.sleep(wait_s)
            return 0.0
        if wait_s < 0.02:
            return math.floor(wait_s * 1e3) * 1e-3 - 1e-6
        return min(wait_s * 0.9, 1.0)

    def _note_lateness(self, when_s: float) -> None:
        if self._rate:
            self.lateness.note((self.reading_s() - when_s) / self._rate)

    def _report_progress(self) -> None:
        self._progress_due = time.monotonic() + PROGRESS_INTERVAL_S
        if self._on_progress is not None:
            self._on_progress(self.agenda.now_s)

    def stop(self) -> None:
        """As asyncio's: what runs now is the last."""
        self.agenda.is_halted = True
        super().stop()

    # -- what is to run

    def schedule(
        self, when_s: float, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts
    ) -> None:
        """Call `callback(*args)` at `when_s`, or now if that is past; a failure ends the run."""
        self.agenda.add(when_s, callback, args)

    def schedule_all(
        self, callback: Callable[[T], object], calls: Iterable[tuple[float, T]]
    ) -> None:
        """As `schedule` for each of the calls; see `Agenda.schedule_all`."""
        self.agenda.schedule_all(callback, calls)

    def schedule_arrival(
        self, when_s: float, order: int, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts
    ) -> None:
        """Call `callback(*args)` at `when_s` after all else that is due then; see `Agenda.add_arrival`."""
        self.agenda.add_arrival(when_s, order, callback, args)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As asyncio's; equal times are first-in first-out."""
        self._check_closed()
        if not when >= self.agenda.now_s:
            when = self.agenda.not_before_now(when)
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined]  # asyncio's own: counted when cancelled
        self._push_handle(when, handle)
        return handle

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """As asyncio's: after everything else that is due now."""
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._push_handle(self.agenda.now_s, handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """As asyncio's: runs when the loop notices it, however late the loop is."""
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._inbox.append(handle)
        self._write_to_self()
        return handle

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As asyncio's at a finite rate; refused in virtual time, where no thread can keep up."""
        if self._rate == math.inf:
            raise RuntimeError(
                "virtual time has no threads: call it inline, or run at a finite rate"
            )
        return super().run_in_executor(executor, func, *args)

    def _add_callback(self, handle: asyncio.Handle) -> None:
        """Take in a socket that is ready, or a signal (asyncio calls this)."""
        if handle._callback == self._read_from_self:  # type: ignore[attr-defined]  # asyncio's own
            handle._run()  # else the pipe stays ready, and before the clock's start nobody would sleep
        elif not handle.cancelled():
            self._push_handle(self._outside_s(), handle)

    def _outside_s(self) -> float:
        """When something from outside happens: now, or next where the loop is late, never last."""
        return max(min(self.reading_s(), self.agenda.next_s()), self.agenda.now_s)

    def _push_handle(self, when_s: float, handle: asyncio.Handle) -> None:
        self.agenda.add(when_s, None, (handle,))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Called by asyncio's timers when cancelled: clean the heap when they are most of it."""
        if not handle._scheduled:  # type: ignore[attr-defined]  # asyncio's own
            return
        self._cancelled_entries += 1
        entries = self.agenda.entries
        if self._cancelled_entries > max(CANCELLED_BEFORE_CLEANING, len(entries) // 2):
            # in place: _run_due holds on to the list; this handle is marked only after we return
            entries[:] = [
                entry
                for entry in entries
                if entry[2] is not None
                or not (entry[3][0] is handle or _is_cancelled_timer(entry[3][0]))
            ]
            heapify(entries)
            self._cancelled_entries = 0

    # -- failing and closing

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """As asyncio's; a failure that nobody waits for ends a `run` when it happens."""
        task = super().create_task(coro, name=name, context=context)
        task.add_done_callback(self._look_at_task)
        return task

    def _look_at_task(self, task: asyncio.Task[Any]) -> None:
        if self._bounded and not task.cancelled() and _is_unseen(task):
            self.call_soon(self._end_for, task)  # after those who wait for it

    def _end_for(self, task: asyncio.Task[Any]) -> None:
        if _is_unseen(task):
            self.call_exception_handler({"message": "a task failed", "exception": task.exception()})

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """End the `run`, which raises the uncaught failure; elsewhere log it as asyncio does."""
        failure = context.get("exception")
        if not self._bounded or not isinstance(failure, BaseException):
            super().default_exception_handler(context)
            return
        if self._failure is None:
            self._failure = failure
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancel the tasks that are left, see them end without time moving on, and close."""
        try:
            self._until_s = self.agenda.now_s
            left = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
            for task in left:
                task.cancel()
            if left:
                self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self.run_until_complete(self.shutdown_asyncgens())
        finally:
            self.agenda.entries.clear()
            self.close()


def _is_cancelled_timer(handle: asyncio.Handle) -> bool:
    return handle.cancelled() and isinstance(handle, asyncio.TimerHandle)


def _is_unseen(task: asyncio.Task[Any]) -> bool:
    """Whether the task failed and nobody has asked how."""
    return bool(task._log_traceback)  # asyncio's own


def _check_rate(rate: float) -> None:
    if not rate > 0:
        raise InvalidValue("rate", rate, "give max, 1 for real time, or another positive number")
