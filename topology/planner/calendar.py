"""One terminal's engagements, in its own node's time."""

from __future__ import annotations

import math
from bisect import bisect_right, insort


class Calendar:
    """Disjoint intervals in which a terminal is engaged. Intervals may touch."""

    def __init__(self) -> None:
        self._engaged: list[tuple[float, float]] = []

    def free_from(self, t_s: float) -> float:
        """The first moment at or after t_s that is free."""
        place = bisect_right(self._engaged, (t_s, math.inf)) - 1
        while 0 <= place < len(self._engaged) and self._engaged[place][1] > t_s:
            t_s = self._engaged[place][1]
            place += 1
            if place < len(self._engaged) and self._engaged[place][0] > t_s:
                break
        return t_s

    def free_until(self, t_s: float) -> float:
        """When the free time that t_s lies in ends."""
        place = bisect_right(self._engaged, (t_s, math.inf))
        return self._engaged[place][0] if place < len(self._engaged) else math.inf

    def engage(self, start_s: float, end_s: float) -> None:
        """Enter an engagement. The time must be free."""
        assert self.free_from(start_s) == start_s
        assert self.free_until(start_s) >= end_s
        insort(self._engaged, (start_s, end_s))
