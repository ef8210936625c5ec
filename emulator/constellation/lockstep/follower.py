"""Follower: one node that runs as far as it is granted."""

from __future__ import annotations

import math

from emulator.clock import EmulatedLoop
from emulator.constellation.lockstep.synchroniser import Grant, Report
from nodes.channel.arrivals import Arrivals
from nodes.channel.frame import Frame


class Follower:
    """The node half of lockstep.

    Args:
        loop: the node's, in virtual time.
        arrivals: what has come to it.
        duration_s: where the run ends.
    """

    def __init__(self, loop: EmulatedLoop, arrivals: Arrivals, duration_s: float) -> None:
        self.is_over = False
        self._loop = loop
        self._arrivals = arrivals
        self._duration_s = duration_s
        self._counts: dict[str, int] = {}
        self._sent: dict[str, tuple[int, float]] = {}
        self._grant: Grant | None = None

    def note(self, frame: Frame) -> None:
        """A frame leaves."""
        to = frame.destination
        count = self._counts[to] = self._counts.get(to, 0) + 1
        _, first_s = self._sent.get(to, (0, math.inf))
        self._sent[to] = count, min(first_s, frame.arrives_s)

    def granted(self, grant: Grant) -> None:
        """It may run so far."""
        self._grant = grant

    def report(self) -> Report:
        """Where it stands."""
        sent, self._sent = self._sent, {}
        return Report(next_s=self._loop.next_due_s(), sent=sent)

    def go_on(self) -> Report | None:
        """Run as far as was granted, if every frame that it must have is here.

        Returns:
            What to say; None while there is nothing to say.
        """
        grant = self._grant
        if grant is None or any(
            self._arrivals.came[neighbour] < count for neighbour, count in grant.frames.items()
        ):
            return None
        self._grant = None
        if grant.is_last:
            self.is_over = True
            return None
        self._loop.run(min(math.nextafter(grant.horizon_s, 0.0), self._duration_s))
        return self.report()
