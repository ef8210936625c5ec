"""Heaps of tuples that begin with a moment, of which equal ones come in any order; and sorted lists of moments.

As `heapq` and `bisect`, which compare any two objects; here the moments are compared as numbers, and what stands second
only where they are equal. That is five times as quick where this module is compiled (docs/adr/0008), and slower where
it is not: there `heapq` and `bisect` do it. Both leave the same heap, so that either may be used on it.
"""

from __future__ import annotations

from bisect import bisect_right
from heapq import heappop, heappush
from typing import Any, Final

from dtn.native import is_compiled

Entry = tuple[Any, ...]
"""A moment, then something that tells entries of the same moment apart, then anything."""

IS_COMPILED: Final = is_compiled(__name__)


def push(heap: list[Any], entry: Entry) -> None:
    """Put an entry on a heap."""
    if IS_COMPILED:
        sift_in(heap, entry)
    else:
        heappush(heap, entry)


def pop(heap: list[Any]) -> Entry:
    """Take the least entry off a heap that has one."""
    if IS_COMPILED:
        return sift_out(heap)
    least: Entry = heappop(heap)
    return least


def places_by(moments: list[float], t: float) -> int:
    """How many of these moments, which are sorted, are not after t."""
    return halve(moments, t) if IS_COMPILED else bisect_right(moments, t)


def halve(moments: list[float], t: float) -> int:
    """`places_by`: the half that has it, again and again."""
    low, high = 0, len(moments)
    while low < high:
        middle = (low + high) >> 1
        if t < moments[middle]:
            high = middle
        else:
            low = middle + 1
    return low


def sift_in(heap: list[Any], entry: Entry) -> None:
    """`push`: from the last place towards the root, as far as entries are later."""
    heap.append(entry)
    place = len(heap) - 1
    when: float = entry[0]
    while place > 0:
        above = (place - 1) >> 1
        other: Entry = heap[above]
        other_when: float = other[0]
        if other_when < when or (other_when == when and other[1] <= entry[1]):
            break
        heap[place] = other
        place = above
    heap[place] = entry


def sift_out(heap: list[Any]) -> Entry:
    """`pop`: what stood last goes from the root towards the leaves, as far as entries are earlier."""
    last: Entry = heap.pop()
    if not heap:
        return last
    least: Entry = heap[0]
    when: float = last[0]
    end = len(heap)
    place, below = 0, 1
    while below < end:
        next_one: Entry = heap[below]
        next_when: float = next_one[0]
        beside = below + 1
        if beside < end:
            other: Entry = heap[beside]
            other_when: float = other[0]
            if other_when < next_when or (other_when == next_when and other[1] < next_one[1]):
                below, next_one, next_when = beside, other, other_when
        if when < next_when or (when == next_when and last[1] <= next_one[1]):
            break
        heap[place] = next_one
        place = below
        below = 2 * place + 1
    heap[place] = last
    return least
