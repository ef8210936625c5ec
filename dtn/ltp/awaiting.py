"""Awaiting: a segment that wants an answer (a checkpoint, a report, a cancellation), until the answer comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from dtn.ltp.countdowns import Countdowns
from dtn.ltp.segment import CancelAck, CancelSegment, DataSegment, ReportAck, ReportSegment


class Awaiting:
    """One such segment; the same octets go out again whenever its countdown is over.

    Args:
        segment: what to send.
    """

    __slots__ = ("is_over", "is_queued", "segment", "times_again")

    def __init__(self, segment: DataSegment | ReportSegment | CancelSegment) -> None:
        self.segment = segment
        self.times_again = 0
        self.is_queued = False
        self.is_over = False


class Control:
    """What both halves of an engine share: the queue that goes first, and the countdowns.

    The RFC's two queues (§3, §6.1): internal operations, here, go before application data.

    Args:
        one_way_s: light time plus the latency that one end adds (AAL), of what is sent at a time.
    """

    def __init__(self, one_way_s: Callable[[float], float]) -> None:
        self._one_way_s = one_way_s
        self.queue: deque[Awaiting | ReportAck | CancelAck] = deque()
        self.countdowns = Countdowns()

    def ask(self, awaiting: Awaiting) -> None:
        """Queue a report or a cancellation, unless it is queued."""
        if not awaiting.is_queued:
            awaiting.is_queued = True
            self.queue.append(awaiting)

    def answer(self, segment: ReportAck | CancelAck) -> None:
        """Queue an acknowledgement."""
        self.queue.append(segment)

    def went(self, awaiting: Awaiting, now_s: float) -> None:
        """It was de-queued for transmission: from now on its answer is due (§6.2, 6.3, 6.15)."""
        self.countdowns.start(awaiting, now_s, self._one_way_s(now_s))

    def settle(self, settled: Iterable[Awaiting]) -> None:
        """Nobody waits for these answers any more."""
        for awaiting in settled:
            awaiting.is_over = True
            self.countdowns.stop(awaiting)
