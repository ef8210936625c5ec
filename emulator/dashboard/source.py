"""Where the dashboard's events and its clock come from: a run in this process, or a replay."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dtn.bpa import TransmissionRequest
from dtn.contact_plan import ContactPlan
from dtn.eid import IpnEid
from dtn.errors import InvalidValue
from dtn.events import Event
from dtn.routing import load_strategy
from dtn.routing.strategy import Strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.geometry import Geometry
from nodes.applications import Receiver
from nodes.faults import LinkOutage, NodeOutage, schedule_outages
from nodes.seeding import synthetic_octets

SERVICE = "9"
"""Bundles that the dashboard sends come from and go to this service."""
FLOW = "dashboard"
PRIORITIES = (0, 1, 2)
HURRY = 1e9
"""A rate that no run can keep: it goes as fast as it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is watched.

    Args:
        name: the scenario's.
        strategy: the routing strategy's name.
        seed: of the run.
        start_utc: the instant that seconds count from, ISO 8601; "" without a date.
        duration_s: how long the run lasts.
        plan: its contact plan.
        names: its nodes.
        store_bytes: quota of each node's store, inf where it is not known.
        geometry: where they are; None: the map is a ring.
        bodies: on which body a node stands, of those that stand on one; for clouds and storms.
        strategies: that nodes may be told to follow.
    """

    name: str
    strategy: str
    seed: int
    start_utc: str
    duration_s: float
    plan: ContactPlan
    names: tuple[str, ...]
    store_bytes: dict[str, float]
    geometry: Geometry | None
    bodies: Mapping[str, str] = field(default_factory=dict)
    strategies: tuple[str, ...] = ()

    def neighbours(self, name: str) -> tuple[str, ...]:
        """Whom a node can reach through the sky: fibre, which is always there, is not asked about."""
        lit = (
            contact
            for contact in self.plan.contacts
            if contact.start_s > 0 or contact.end_s < self.duration_s
        )
        ends = {(contact.source, contact.destination) for contact in lit}
        return tuple(
            other for other in self.names if (name, other) in ends or (other, name) in ends
        )

    def stations(self) -> tuple[str, ...]:
        """The nodes that clouds can hang over."""
        return tuple(n for n in self.names if self.bodies.get(n) == "earth" and self.neighbours(n))

    def exposed(self) -> tuple[str, ...]:
        """The nodes that a storm of particles can hit: off the Earth, and with a laser."""
        return tuple(n for n in self.names if self.bodies.get(n) != "earth" and self.neighbours(n))


class Hands(Protocol):
    """What can be done to a run under way, from now on and each for a time or for good."""

    def take_down(self, node: str, for_s: float, reason: str) -> None:
        """Let a node fail."""
        ...

    def cut(self, a: str, b: str, for_s: float, reason: str) -> None:
        """Cut a link, both ways."""
        ...

    def send(
        self, source: str, destination: str, size_bytes: int, lifetime_s: float, priority: int
    ) -> None:
        """Send a bundle from one node to another."""
        ...

    def follow(self, strategy: str) -> None:
        """Let all nodes ask another strategy."""
        ...


class Source(Protocol):
    """Events so far, and the clock that they go by."""

    is_live: bool
    events: Sequence[Event]

    @property
    def hands(self) -> Hands | None:
        """What can be done to the run; None where it is over."""
        ...

    def now_s(self) -> float:
        """Where the clock stands."""
        ...

    @property
    def rate(self) -> float:
        """Emulated seconds in a real one, also while paused."""
        ...

    @property
    def is_paused(self) -> bool:
        """Whether the clock stands still."""
        ...

    def set_rate(self, rate: float) -> None:
        """Go on at another finite rate."""
        ...

    def pause(self, paused: bool) -> None:
        """Stop the clock, or let it go on."""
        ...

    def jump(self, to_s: float) -> None:
        """Go on from another moment.

        Raises:
            InvalidValue: it cannot go there.
        """
        ...


class Replay:
    """A finished run, played again.

    Args:
        events: all of its events.
        duration_s: how long it lasted.
        rate: emulated seconds in a real one.
        at_s: where to begin.
        paused: whether to begin standing still.
        clock: real seconds.
    """

    is_live = False
    hands = None

    def __init__(
        self,
        events: Sequence[Event],
        duration_s: float,
        rate: float,
        *,
        at_s: float = 0.0,
        paused: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.events = events
        self._duration_s = duration_s
        self._rate = rate
        self._clock = clock
        self._paused = paused
        self._origin = (clock(), at_s)

    def now_s(self) -> float:
        """Where the replay stands; it ends with the run."""
        real_s, emulated_s = self._origin
        if not self._paused:
            emulated_s += (self._clock() - real_s) * self._rate
        return min(emulated_s, self._duration_s)

    @property
    def rate(self) -> float:
        """Emulated seconds in a real one, also while paused."""
        return self._rate

    @property
    def is_paused(self) -> bool:
        """Whether it stands still: paused, or at its end."""
        return self._paused or self.now_s() >= self._duration_s

    def set_rate(self, rate: float) -> None:
        """Go on at another rate."""
        self._origin = (self._clock(), self.now_s())
        self._rate = rate

    def pause(self, paused: bool) -> None:
        """Stand still, or go on."""
        self._origin = (self._clock(), self.now_s())
        self._paused = paused

    def jump(self, to_s: float) -> None:
        """Go on from another moment."""
        self._origin = (self._clock(), min(max(to_s, 0.0), self._duration_s))


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
        numbers: dict[str, int],
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

    def now_s(self) -> float:
        """Where the run's clock stands."""
        hurries = self._goal_s is not None
        return min(self._loop.time() if hurries else self._loop.reading_s(), self._duration_s)

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

    def _let_follow(self, strategy: Strategy) -> None:
        for node in self._network.nodes.values():
            node.agent.routing.follow(strategy)

    def _transmit(self, source: str, destination: str, request: TransmissionRequest) -> None:
        if destination not in self._listening:
            self._listening.add(destination)
            self._network.nodes[destination].register(Receiver(SERVICE))
        self._network.nodes[source].send(request)


def is_finite_rate(rate: float) -> bool:
    """Whether a clock that people watch can go at this rate."""
    return 0 < rate < math.inf
