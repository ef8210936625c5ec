"""Timers: the clock as a node sees it; an `emulator.clock.EmulatedLoop` is one, at any rate.

Time is in seconds from the scenario's start. While a callback runs, `time()` is the moment that it
was due, however late the machine: a slow machine delays the story and does not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")


class Timer(Protocol):
    """A callback that may still be called off."""

    def cancel(self) -> None:
        """Call it off; no effect once it has run."""


class Clock(Protocol):
    """When it is, and calls to come. Equal times are first-in first-out; a `nodes.agenda.Agenda` is one, too."""

    def time(self) -> float:
        """The present, seconds from the scenario's start."""

    def schedule(
        self, when_s: float, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts
    ) -> None:
        """Call `callback(*args)` at `when_s`, or now if that is past: the hot path, no way back."""


class Timers(Clock, Protocol):
    """A clock whose calls may be called off."""

    def call_at(
        self, when_s: float, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts
    ) -> Timer:
        """Call `callback(*args)` at `when_s`, unless cancelled before."""


class ArrivalTimers(Timers, Protocol):
    """Timers that also hold what is on its way from other nodes."""

    def schedule_arrival(
        self, when_s: float, order: int, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts
    ) -> None:
        """Call `callback(*args)` at `when_s` after all else that is due then; arrivals go by `order`."""
