"""How far a sweep is, and how long it still takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Progress(NamedTuple):
    """How far a sweep is.

    Args:
        what: "plans" or "cells".
        done: how many are finished.
        total: of how many.
        left_s: wall time that is left; nan if nothing is known yet.
        failed: how many cells failed.
    """

    what: str
    done: int
    total: int
    left_s: float
    failed: int


Tell = Callable[[Progress], object]


class Forecast:
    """The wall time that is left, from what tasks of a kind have taken so far.

    Args:
        kinds: of every task that is still to be done.
        workers: how many are done at once.
    """

    def __init__(self, kinds: Sequence[str], workers: int) -> None:
        self._left: dict[str, int] = {}
        for kind in kinds:
            self._left[kind] = self._left.get(kind, 0) + 1
        self._took: dict[str, list[float]] = {}
        self._workers = workers

    def took(self, kind: str, wall_s: float, *, now: bool = True) -> None:
        """A task of a kind took so long; now, or in an earlier sweep."""
        self._took.setdefault(kind, []).append(wall_s)
        if now:
            self._left[kind] -= 1

    @property
    def left_s(self) -> float:
        """Seconds that are left; nan as long as nothing is known."""
        known = [wall_s for times in self._took.values() for wall_s in times]
        if not known:
            return math.nan
        mean_s = sum(known) / len(known)
        total_s = 0.0
        for kind, count in self._left.items():
            times = self._took.get(kind)
            total_s += count * (sum(times) / len(times) if times else mean_s)
        return total_s / self._workers
