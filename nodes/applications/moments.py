"""When an application acts: moments as iterators, and how they are followed.

Periodic moments are first + k x period, never a sum of steps: 10,000 additions of 0.1 s are off by
1.6e-10 s. The on-off process is the usual model of bursts (exponential spells of speech and of
silence, Brady 1969): its spells are drawn, what it does within a spell is periodic.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import count

from nodes.timers import Timers


def periodic(first_s: float, period_s: float, until_s: float = math.inf) -> Iterator[float]:
    """first, first + period, ... before `until_s`."""
    for turn in count():
        moment_s = first_s + turn * period_s
        if moment_s >= until_s:
            return
        yield moment_s


def poisson(
    first_s: float, mean_s: float, rng: random.Random, until_s: float = math.inf
) -> Iterator[float]:
    """A Poisson process from `first_s` on: independent gaps, exponential with this mean."""
    moment_s = first_s
    while True:
        moment_s += rng.expovariate(1 / mean_s)
        if moment_s >= until_s:
            return
        yield moment_s


def on_off(
    first_s: float,
    period_s: float,
    mean_on_s: float,
    mean_off_s: float,
    rng: random.Random,
    until_s: float = math.inf,
) -> Iterator[float]:
    """Bursts from `first_s` on: within a spell one moment a period, then silence.

    Args:
        first_s: when the first spell begins, with a moment.
        period_s: from moment to moment within a spell.
        mean_on_s: mean length of a spell, exponential; each has at least the moment it begins with.
        mean_off_s: mean silence between two spells, exponential.
        rng: draws the lengths.
        until_s: no moment from then on.
    """
    begins_s = first_s
    while begins_s < until_s:
        ends_s = begins_s + rng.expovariate(1 / mean_on_s)
        yield begins_s
        yield from periodic(begins_s + period_s, period_s, min(ends_s, until_s))
        begins_s = ends_s + rng.expovariate(1 / mean_off_s)


def follow(timers: Timers, moments: Iterator[float], act: Callable[[float], object]) -> None:
    """Call `act(moment_s)` at each of the moments, which must not go back."""
    moment_s = next(moments, None)
    if moment_s is not None:
        timers.schedule(moment_s, _act_and_go_on, timers, moments, act, moment_s)


def _act_and_go_on(
    timers: Timers, moments: Iterator[float], act: Callable[[float], object], moment_s: float
) -> None:
    act(moment_s)
    follow(timers, moments, act)
