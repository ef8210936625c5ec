"""Heaps and lists of moments leave and give what heapq and bisect do."""

import bisect
import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.heap import halve, places_by, pop, push, sift_in, sift_out

MOMENTS = st.sampled_from([0.0, 1.0, 1.5, 2.0, 1e9]) | st.floats(0, 10)
STEPS = st.lists(MOMENTS | st.none(), max_size=60)
"""Moments to put on the heap, and None where the least is taken off."""


@pytest.mark.parametrize(("put", "take"), [(push, pop), (sift_in, sift_out)])
@given(steps=STEPS)
def test_entries_come_off_in_order_of_their_moments_and_then_of_what_stands_second(
    steps, put, take
):
    ours, theirs = [], []
    for number, moment in enumerate(steps):
        if moment is not None:
            put(ours, (moment, -number, object()))
            heapq.heappush(theirs, (moment, -number))
        elif theirs:
            assert take(ours)[:2] == heapq.heappop(theirs)
        assert [entry[:2] for entry in ours[:1]] == theirs[:1]
    assert [take(ours)[:2] for _ in range(len(ours))] == sorted(theirs)


@given(steps=STEPS)
def test_a_heap_may_be_used_by_heapq_in_turn(steps):
    heap, sorted_ones = [], []
    for number, moment in enumerate(steps):
        if moment is None and heap:
            least = (sift_out if number % 2 else heapq.heappop)(heap)
            assert least == sorted_ones.pop(0)
        elif moment is not None:
            (sift_in if number % 2 else heapq.heappush)(heap, (moment, number))
            sorted_ones = sorted([*sorted_ones, (moment, number)])


@pytest.mark.parametrize("count", [places_by, halve])
@given(moments=st.lists(MOMENTS), t=MOMENTS)
def test_moments_up_to_a_moment_are_counted(count, moments, t):
    assert count(sorted(moments), t) == bisect.bisect_right(sorted(moments), t)


def test_what_cannot_be_ordered_stands_third_and_is_never_compared():
    heap = []
    for number in (2, 1, 3):
        sift_in(heap, (1.0, number, object()))
    assert [sift_out(heap)[1] for _ in range(3)] == [1, 2, 3]
