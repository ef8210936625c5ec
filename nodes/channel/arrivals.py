"""Arrivals: frames from other processes, each once, in order, held until their time.

MQTT's QoS 1 may bring a message twice and, over a connection made anew, out of order. A frame's
sequence number says whether it came before; its arrival time says when it is due, and frames due at
one moment have the order that they have in one process. A frame that comes too late to be held is
handed on at once, with the time at which that was, and `FrameLate` says how late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from dtn.events import BundleInFlight, Event, FrameLate, FrameLost
from nodes.channel.batch import Named
from nodes.channel.channel import Receive
from nodes.channel.frame import Frame, arrival_order
from nodes.channel.local import RECEIVER_DOWN
from nodes.timers import ArrivalTimers

REMEMBERED = 4096
"""Frames after one that never came for which its absence is remembered."""


class Seen:
    """Which frames of one sender's session have come: all below `floor`, and those above it."""

    def __init__(self) -> None:
        self._floor = 0
        self._above: set[int] = set()

    def is_new(self, sequence: int) -> bool:
        """Whether this one has not come yet; from now on it has."""
        above = self._above
        if sequence < self._floor or sequence in above:
            return False
        above.add(sequence)
        if len(above) > REMEMBERED:
            self._floor = min(above)
        while self._floor in above:
            above.remove(self._floor)
            self._floor += 1
        return True


class Arrivals:
    """Frames on their way to one node.

    Args:
        timers: the loop, on whose thread everything here is called.
        record: takes events.
    """

    def __init__(self, timers: ArrivalTimers, record: Callable[[Event], object]) -> None:
        self.receive: Receive | None = None
        self.see: Callable[[Frame, str], object] | None = None
        """Takes signs, whether the node is up or not."""
        self.duplicates = 0
        self.late = 0
        self.came: Counter[str] = Counter()
        """How many frames of each neighbour have come, each once."""
        self._timers = timers
        self._record = record
        self._seen: dict[tuple[str, bool], tuple[int, Seen]] = {}
        self._held: list[tuple[float, int, int, Named]] = []
        self._count = count()

    def take_in(self, session: int, frames: list[Named]) -> None:
        """Frames of one link came."""
        now_s = self._timers.time()
        for named in frames:
            frame = named.frame
            link = (frame.source, bool(named.sign))
            if not self._seen_of(link, session).is_new(frame.sequence):
                self.duplicates += 1
                continue
            self.came[frame.source] += 1
            if named.sign:
                self._timers.schedule(max(frame.arrives_s, now_s), self._show, named)
            elif frame.arrives_s >= now_s:
                number = next(self._count)  # the same frame of two sessions: as they came
                heappush(self._held, (frame.arrives_s, arrival_order(frame), number, named))
                self._timers.schedule_arrival(frame.arrives_s, number, self._due)
            else:
                self.late += 1
                late_s = now_s - frame.arrives_s
                self._record(FrameLate(now_s, frame.destination, frame.source, late_s))
                self._arrive(named._replace(frame=frame._replace(arrives_s=now_s)))

    def end(self, now_s: float) -> None:
        """The run is over: say what is still on its way."""
        for *_, (frame, bundle_id, _) in sorted(self._held):
            if bundle_id:
                event = BundleInFlight(now_s, frame.source, bundle_id, frame.destination)
                self._record(event)
        self._held.clear()

    def _seen_of(self, link: tuple[str, bool], session: int) -> Seen:
        """Of a neighbour's frames, or of its signs, which it counts apart."""
        known = self._seen.get(link)
        if known is None or known[0] != session:
            known = self._seen[link] = (session, Seen())
        return known[1]

    def _show(self, named: Named) -> None:
        if self.see is not None:
            self.see(named.frame, named.sign)

    def _due(self) -> None:
        """The next goes on: one call for each frame."""
        self._arrive(heappop(self._held)[-1])

    def _arrive(self, named: Named) -> None:
        frame = named.frame
        if self.receive is not None:
            self.receive(frame)
            return
        lost = FrameLost(
            frame.arrives_s,
            frame.destination,
            frame.source,
            named.bundle_id,
            frame.size_bytes,
            RECEIVER_DOWN,
        )
        self._record(lost)
