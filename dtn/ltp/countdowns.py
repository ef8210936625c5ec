"""Countdowns: the timers of segments that want an answer, which know when the peer is silent.

Source: RFC 5326 §6.2, 6.3, 6.15 (start), 6.5 (suspend), 6.6 (resume). One way is the light time and the additional
anticipated latency (AAL) of one end: the answer to what was sent at t is expected to leave the peer at t + one way and
to be here at t + 2 ways, the deadline. A peer that is silent at the moment when it would answer cannot: the countdown
stands still until the peer transmits again, and then runs for longer by what the answer had to wait.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable


class Countdown:
    """The timer of one transmission of one segment; `subject` is what waits for the answer."""

    __slots__ = ("answer_leaves_s", "deadline_s", "is_suspended", "subject")

    def __init__(self, subject: Hashable, sent_s: float, one_way_s: float) -> None:
        self.subject = subject
        self.answer_leaves_s = sent_s + one_way_s
        self.deadline_s = sent_s + 2 * one_way_s
        self.is_suspended = False


class Countdowns:
    """The countdowns of one engine, at most one for each subject."""

    def __init__(self) -> None:
        self.peer_is_silent = False
        self._of: dict[Hashable, Countdown] = {}
        self._heap: list[tuple[float, int, Countdown]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._of)

    def start(self, subject: Hashable, sent_s: float, one_way_s: float) -> None:
        """The subject's segment was de-queued for transmission; suspended at once if the peer is silent (§6.2)."""
        countdown = Countdown(subject, sent_s, one_way_s)
        self._of[subject] = countdown
        if self.peer_is_silent:
            countdown.is_suspended = True
        else:
            self._push(countdown)

    def stop(self, subject: Hashable) -> None:
        """The answer came, or nobody waits for it any more; no effect without a countdown."""
        self._of.pop(subject, None)

    def peer_stops(self, now_s: float) -> None:
        """The peer transmits no more: suspend what it can not have answered by now (§6.5)."""
        self.peer_is_silent = True
        for countdown in self._of.values():
            if countdown.answer_leaves_s >= now_s:
                countdown.is_suspended = True

    def peer_resumes(self, now_s: float) -> None:
        """The peer transmits again: what was suspended has longer to run by what its answer had to wait (§6.6)."""
        self.peer_is_silent = False
        for countdown in self._of.values():
            if countdown.is_suspended:
                countdown.is_suspended = False
                countdown.deadline_s += max(0.0, now_s - countdown.answer_leaves_s)
                self._push(countdown)

    def next_s(self) -> float:
        """The earliest deadline; inf if none runs."""
        heap = self._heap
        while heap and not self._is_valid(*heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else math.inf

    def due(self, now_s: float) -> Hashable | None:
        """A subject whose deadline has come, its countdown over; None if there is none."""
        if self.next_s() > now_s:
            return None
        subject = heapq.heappop(self._heap)[2].subject
        del self._of[subject]
        return subject

    def _push(self, countdown: Countdown) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (countdown.deadline_s, self._sequence, countdown))

    def _is_valid(self, deadline_s: float, sequence: int, countdown: Countdown) -> bool:
        return (
            self._of.get(countdown.subject) is countdown
            and not countdown.is_suspended
            and countdown.deadline_s == deadline_s
        )
