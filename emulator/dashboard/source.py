"""Where the dashboard's events and its clock come from, and what can be done to a run; and a run played again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dtn.contact_plan import ContactPlan
from dtn.events import Event
from emulator.geometry import Geometry
from nodes.spacecraft.options import Storm

SERVICE = "9"
"""Bundles that the dashboard sends come from and go to this service."""
FLOW = "dashboard"
PRIORITIES = (0, 1, 2)


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
        memories: nodes whose memory is under radiation.
        storms: of particles, that the scenario has.
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
    memories: tuple[str, ...] = ()
    storms: tuple[Storm, ...] = ()

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
        """What a storm of particles can hit: memories, and off the Earth all that has a laser."""
        return tuple(
            n
            for n in self.names
            if n in self.memories or (self.bodies.get(n) != "earth" and self.neighbours(n))
        )


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

    def storm(self, nodes: Sequence[str], factor: float, for_s: float) -> None:
        """Let particles hit the memories of these nodes, so many times as often."""
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


def is_finite_rate(rate: float) -> bool:
    """Whether a clock that people watch can go at this rate."""
    return 0 < rate < math.inf
