"""Two LTP engines in a for-loop: what one sends the other receives, unless the test says otherwise."""

import heapq
import itertools
import random

from dtn.ltp.engine import Engine
from dtn.ltp.options import EngineOptions
from dtn.ltp.outputs import RedPartReceived, Transmit
from dtn.ltp.segment import decode_segment

LIGHT_S = 600.0
AAL_S = 2.0


def engine(number, peer, *, seed=1, one_way_s=LIGHT_S + AAL_S, up=True, **options):
    """One engine, its link up."""
    made = Engine(
        number,
        peer,
        lambda now_s: one_way_s,
        itertools.count(100 * number),
        random.Random(seed + number),
        EngineOptions(**options),
    )
    made.link(up, 0.0)
    return made


def taken(side, now_s=0.0):
    """Everything that is queued, as segments."""
    return [decode_segment(output.octets) for output in drained(side, now_s) if is_transmit(output)]


def drained(side, now_s=0.0):
    """De-queue until nothing is left."""
    outputs = []
    while more := side.dequeue(now_s):
        outputs += more
    return outputs


def is_transmit(output):
    return isinstance(output, Transmit)


def of(kind, outputs):
    return [output for output in outputs if isinstance(output, kind)]


def give(side, segments, now_s=0.0):
    """The engine receives segments; returns all its outputs."""
    return [out for segment in segments for out in side.receive_segment(segment, now_s)]


class Pair:
    """Engine 1 sends blocks to engine 2 in virtual time over a link of a given light time and no airtime.

    `fate(segment, nth)` says when the nth segment on the way arrives: a list of delays beyond the light time,
    empty for a loss, with more than one entry for duplicates.
    """

    def __init__(self, fate=lambda segment, nth: [0.0], light_s=LIGHT_S, **options):
        self.fate = fate
        self.light_s = light_s
        one_way_s = light_s + options.pop("aal_s", AAL_S)
        self.sides = [
            engine(1, 2, one_way_s=one_way_s, **options),
            engine(2, 1, one_way_s=one_way_s, **options),
        ]
        self.now_s = 0.0
        self.outputs = ([], [])
        self.sent = []
        self._heap = []
        self._count = itertools.count()
        self._nth = itertools.count()

    def run(self, until_s=float("inf")):
        """Until nothing is under way and no timer runs."""
        while True:
            for place, side in enumerate(self.sides):
                self._carry(place, drained(side, self.now_s))
            timers = [side.next_timer() for side in self.sides]
            next_s = min(timers + [entry[0] for entry in self._heap[:1]])
            if next_s == float("inf") or next_s > until_s:
                return self
            self.now_s = next_s
            while self._heap and self._heap[0][0] <= next_s:
                _, _, place, octets = heapq.heappop(self._heap)
                self._carry(place, self.sides[place].receive(octets, next_s))
            for place, side in enumerate(self.sides):
                if side.next_timer() <= next_s:
                    self._carry(place, side.on_timer(next_s))

    def _carry(self, place, outputs):
        for output in outputs:
            if not is_transmit(output):
                self.outputs[place].append((self.now_s, output))
                continue
            segment = decode_segment(output.octets)
            self.sent.append((self.now_s, place, segment))
            for delay_s in self.fate(segment, next(self._nth)):
                arrives_s = self.now_s + self.light_s + delay_s
                heapq.heappush(self._heap, (arrives_s, next(self._count), 1 - place, output.octets))

    def of(self, place, kind):
        return [output for _, output in self.outputs[place] if isinstance(output, kind)]

    def blocks(self):
        return [output.data for output in self.of(1, RedPartReceived)]
