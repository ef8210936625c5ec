"""Extents: which parts of a block are there, as disjoint stretches of octets in ascending order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

Stretch = tuple[int, int]
"""From the first octet up to, and without, the second."""


class Extents:
    """A set of octets, merged where they touch. Octets that come in order cost one comparison."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, start: int, end: int) -> list[Stretch]:
        """Put [start, end) in; returns the parts that were not there before."""
        starts, ends = self._starts, self._ends
        if starts and ends[-1] == start < end:
            ends[-1] = end
            return [(start, end)]
        new = self.gaps(start, end)
        if new:
            first = bisect_left(ends, start)
            last = bisect_right(starts, end)
            if first < last:
                start = min(start, starts[first])
                end = max(end, ends[last - 1])
            starts[first:last] = [start]
            ends[first:last] = [end]
        return new

    def gaps(self, start: int, end: int) -> list[Stretch]:
        """What [start, end) lacks."""
        found = []
        for has_start, has_end in self.within(start, end):
            if has_start > start:
                found.append((start, has_start))
            start = has_end
        if start < end:
            found.append((start, end))
        return found

    def within(self, start: int, end: int) -> list[Stretch]:
        """What [start, end) has."""
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end, first)
        return [
            (max(self._starts[place], start), min(self._ends[place], end))
            for place in range(first, last)
        ]

    def covers(self, start: int, end: int) -> bool:
        """Whether all of [start, end) is there."""
        place = bisect_right(self._starts, start) - 1
        return start >= end or (place >= 0 and self._ends[place] >= end)

    @property
    def end(self) -> int:
        """The end of the last stretch; 0 if there is none."""
        return self._ends[-1] if self._ends else 0
