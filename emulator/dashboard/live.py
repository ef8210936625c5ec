"""A run in this process, as the dashboard sees it: its events, its clock, and what can be done to it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from dtn.bpa import TransmissionRequest
from dtn.eid import IpnEid
from dtn.errors import InvalidValue
from dtn.events import Event
from dtn.routing import load_strategy
from dtn.routing.strategy import Strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.dashboard.messages import ClockSeen
from emulator.dashboard.source import FLOW, SERVICE, Hands
from nodes.applications import Receiver
from nodes.faults import LinkOutage, NodeOutage, schedule_outages
from nodes.seeding import synthetic_octets
from nodes.spacecraft.options import Storm

HURRY = 1e9
"""A rate that no run can keep: it goes as fast as it can."""


class Live:
    """A run in this process at a finite rate: its loop has the main thread, this object another.

    Events are read from the list that the run appends to. What is asked of the network is handed to
    its loop and happens there, in emulated time. A jump ahead is the same run, as fast as it can.

    Args:
        loop: the run's.
        network: its nodes.
        events: the list that it appends to.
        duration_s: how long it lasts.
        numbers: node number of each node.
    """

    is_live = True

    def __init__(
        self,
        loop: EmulatedLoop,
        network: Network,
        events: Sequence[Event],
        duration_s: float,
        numbers: Mapping[str, int],
    ) -> None:
        self.events = events
        self._loop = loop
        self._network = network
        self._duration_s = duration_s
        self._numbers = numbers
        self._rate = loop.rate
        self._paused = False
        self._goal_s: float | None = None
        self._sent = 0
        self._listening: set[str] = set()

    def clock(self) -> ClockSeen:
        """Where it stands, and how it goes on."""
        real_s, asked_s = time.monotonic(), self._loop.reading_s()
        reached_s = self.now_s()
        in_time = self._goal_s is None and reached_s >= min(asked_s, self._duration_s)
        pace = self._rate if in_time and not self._paused else 0.0
        return ClockSeen(real_s, reached_s, pace, self._rate, self._paused)

    def now_s(self) -> float:
        """How far the run is."""
        hurries = self._goal_s is not None
        return min(self._loop.time() if hurries else self._loop.reached_s(), self._duration_s)

    @property
    def rate(self) -> float:
        """Emulated seconds in a real one, also while paused."""
        return self._rate

    @property
    def is_paused(self) -> bool:
        """Whether the run stands still."""
        return self._paused

    def set_rate(self, rate: float) -> None:
        """Go on at another finite rate."""
        self._rate = rate
        if not self._paused and self._goal_s is None:
            self._loop.call_soon_threadsafe(self._loop.set_rate, rate)

    def pause(self, paused: bool) -> None:
        """Stand still, or go on."""
        self._paused = paused
        if self._goal_s is None:
            self._loop.call_soon_threadsafe(self._loop.set_rate, 0.0 if paused else self._rate)

    def jump(self, to_s: float) -> None:
        """Hurry ahead to a moment, and go on from there at the rate as it was, or stand still.

        Raises:
            InvalidValue: it is past.
        """
        if to_s <= self.now_s():
            mend = "a run under way goes ahead only; back when it is over"
            raise InvalidValue("to_s", to_s, mend)
        self._goal_s = min(to_s, self._duration_s)
        self._loop.call_soon_threadsafe(self._hurry, self._goal_s)

    @property
    def hands(self) -> Hands:
        """This one."""
        return self

    def take_down(self, node: str, for_s: float, reason: str) -> None:
        """Let a node fail, for a time or for good."""
        self._loop.call_soon_threadsafe(self._fail, node, None, for_s, reason)

    def cut(self, a: str, b: str, for_s: float, reason: str) -> None:
        """Cut a link, both ways, for a time or for good."""
        self._loop.call_soon_threadsafe(self._fail, a, b, for_s, reason)

    def storm(self, nodes: Sequence[str], factor: float, for_s: float) -> None:
        """Let particles hit the memories of these nodes, so many times as often."""
        self._loop.call_soon_threadsafe(self._hit, tuple(nodes), factor, for_s)

    def follow(self, strategy: str) -> None:
        """Let all nodes ask another strategy from now on."""
        found = load_strategy(strategy, "strategy")
        self._loop.call_soon_threadsafe(self._let_follow, found)

    def send(
        self, source: str, destination: str, size_bytes: int, lifetime_s: float, priority: int
    ) -> None:
        """Send a bundle from one node to another."""
        self._sent += 1
        request = TransmissionRequest(
            service=SERVICE,
            destination=IpnEid(0, self._numbers[destination], int(SERVICE)),
            payload=synthetic_octets(size_bytes, FLOW, str(self._sent)),
            lifetime_s=lifetime_s,
            priority=priority,
            flow=FLOW,
        )
        self._loop.call_soon_threadsafe(self._transmit, source, destination, request)

    # -- on the run's loop

    def _hurry(self, goal_s: float) -> None:
        self._loop.set_rate(HURRY)
        self._loop.schedule(goal_s, self._arrive, goal_s)

    def _arrive(self, goal_s: float) -> None:
        if goal_s == self._goal_s:  # else it was asked to go on to another
            self._goal_s = None
            self._loop.follow(time.monotonic(), goal_s, 0.0 if self._paused else self._rate)

    def _fail(self, node: str, other: str | None, for_s: float, reason: str) -> None:
        at_s = self._loop.time()
        outage: NodeOutage | LinkOutage
        if other is None:
            outage = NodeOutage(node=node, at_s=at_s, for_s=for_s, reason=reason)
        else:
            outage = LinkOutage(between=(node, other), at_s=at_s, for_s=for_s, reason=reason)
        schedule_outages([outage], self._network.links, self._loop)

    def _hit(self, nodes: tuple[str, ...], factor: float, for_s: float) -> None:
        now_s = self._loop.time()
        self._network.storm(Storm(nodes=nodes, at_s=now_s, until_s=now_s + for_s, factor=factor))

    def _let_follow(self, strategy: Strategy) -> None:
        for node in self._network.nodes.values():
            node.agent.routing.follow(strategy)

    def _transmit(self, source: str, destination: str, request: TransmissionRequest) -> None:
        if destination not in self._listening:
            self._listening.add(destination)
            self._network.nodes[destination].register(Receiver(SERVICE))
        self._network.nodes[source].send(request)
