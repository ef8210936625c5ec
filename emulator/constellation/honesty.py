"""Honesty: how fast a constellation may run on this machine before its timers show.

A frame is held until it arrives, so whatever a machine does late within the light time of a hop does not show. At a
rate of k a light time lasts a k-th of it in real seconds; the highest honest rate is that at which one timer in a
hundred is as late as the least light time is long.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from dtn.contact_plan import ContactPlan
from emulator.clock import EmulatedLoop
from emulator.doubts import doubt
from emulator.lateness import Lateness

TICK_S = 0.001
LOOK_S = 0.3
"""How long timers are measured before a run."""


class Pace(NamedTuple):
    """What is honest for a plan on this machine.

    Args:
        rate: the highest; emulated seconds in a real one.
        link: whose light time is the least.
        light_s: that light time.
        error_p99_s: how late one timer in a hundred is, real seconds.
    """

    rate: float
    link: tuple[str, str]
    light_s: float
    error_p99_s: float

    def __str__(self) -> str:
        source, destination = self.link
        return (
            f"honest up to --rate {self.rate:.3g}: light from {source} to {destination} takes "
            f"{self.light_s:.3g} s, and timers here are late by {self.error_p99_s * 1e3:.2g} ms (1 in 100)"
        )


def timer_errors(lasts_s: float) -> Lateness:
    """How late timers of this machine are, measured for so long: one a millisecond."""
    with EmulatedLoop(1.0) as loop:
        for tick in range(round(lasts_s / TICK_S)):
            loop.schedule(tick * TICK_S, _nothing)
        loop.run(lasts_s)
        return loop.lateness


def honest_pace(plan: ContactPlan, error_p99_s: float) -> Pace | None:
    """The highest honest rate for a plan; None if it has no contacts."""
    if not plan.contacts:
        return None
    contact = min(plan.contacts, key=lambda each: _least(each.owlt_s))
    light_s = _least(contact.owlt_s)
    rate = light_s / max(error_p99_s, 1e-6)
    return Pace(rate, (contact.source, contact.destination), light_s, error_p99_s)


def _least(owlt_s: float | tuple[float, ...]) -> float:
    return min(owlt_s) if isinstance(owlt_s, tuple) else owlt_s


def _nothing() -> None:
    pass


def doubt_pace(pace: Pace | None, rate: float) -> None:
    """Warn if a rate is more than is honest."""
    if pace is not None and pace.rate < rate < math.inf:
        late_s = pace.error_p99_s * rate - pace.light_s
        doubt(
            f"rate {rate:g} is more than this machine keeps: {pace}; "
            f"beyond it frames come late, here by {late_s:.2g} s of emulated time"
        )
