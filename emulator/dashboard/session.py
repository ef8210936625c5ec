"""Session: one picture of the network that all who watch share, and what they may ask of it.

It lives in the server's thread. The picture is brought up to now when somebody looks. A jump back begins
the fold anew; `epoch` tells pages that what they have gathered is void.
"""

from __future__ import annotations

import math
import time
from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from dtn.contact_plan import ContactPlan
from dtn.errors import InvalidValue
from dtn.events import Event
from emulator.dashboard.fold import Delivery, Fold
from emulator.dashboard.source import PRIORITIES, Hands, Replay, Source, Subject, is_finite_rate
from emulator.reports.history import history_of
from emulator.reports.ideal import EmptyNetwork
from emulator.reports.trace import Step, steps
from nodes.spacecraft.options import Storm

IDEALS_S = 0.03
"""Real time for ideal latencies at one look at a replay; what is left waits for the next."""
LIVE_SHARE = 0.1
"""Of real time, for ideal latencies beside a live run, which needs a processor too."""
PACE_S = 1.0
"""Real time over which the pace is measured,"""
IN_TIME = 0.85
"""and the part of the rate above which it is taken for the rate."""
MOST_BEHIND = 100
"""Deliveries of a live run whose ideals are still to be found; of more, only every so many are looked at."""
LARGEST_BUNDLE_BYTES = 100_000_000
MOST_STEPS = 400
MAXIMUM_RATE = 1e7
MAXIMUM_FACTOR = 1e6

Json = dict[str, object]


class Refused(Exception):
    """What was asked cannot be done; the message is for the one who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """A fault that somebody at a page caused: a node down, or a link cut when `other` is named."""

    node: str
    other: str
    from_s: float
    until_s: float


class Session:
    """The picture of one run.

    Args:
        subject: what is watched.
        source: where events come from.
    """

    def __init__(self, subject: Subject, source: Source) -> None:
        self.subject = subject
        self.source = source
        self.epoch = 0
        self.strategy = subject.strategy
        self.injections: list[Injection] = []
        self.storms = list(subject.storms)
        self.ideals_s: list[float] = []
        self.fold = Fold(subject.plan, subject.names)
        plan = (
            subject.plan
        )  # searches write into their plan's index, and the run's thread searches too
        self._network = EmptyNetwork(
            ContactPlan(plan.contacts, start_utc=plan.start_utc, ipn_numbers=plan.ipn_numbers)
        )
        self._ideals: dict[str, float] = {}
        self._next = 0
        self._rest_until_s = 0.0
        self._looks: deque[tuple[float, float]] = deque()

    def look(self) -> float:
        """Bring the picture up to now, and return when that is."""
        now_s = self.source.now_s()
        self.fold.follow(self.source.events, now_s)
        self._find_ideals()
        real_s, looks = time.monotonic(), self._looks
        looks.append((real_s, now_s))
        while looks[0][0] < real_s - PACE_S:
            looks.popleft()
        return now_s

    def pace(self) -> float:
        """Emulated seconds in a real one as they go by: less than the rate where a run is late, more in a hurry."""
        rate = 0.0 if self.source.is_paused else self.source.rate
        (real_s, then_s), (until_s, now_s) = self._looks[0], self._looks[-1]
        if until_s - real_s < PACE_S / 2:
            return rate
        measured = (now_s - then_s) / (until_s - real_s)
        return rate if IN_TIME * rate <= measured <= rate / IN_TIME else measured

    def _find_ideals(self) -> None:
        """Go on with the ideal latencies of what was delivered, for as long as that may take now."""
        began_s = time.perf_counter()
        is_live, deliveries = self.source.is_live, self.fold.deliveries
        if is_live and began_s < self._rest_until_s:
            return
        for_s = 0.0 if is_live else IDEALS_S
        while self._next < len(deliveries):
            insort(self.ideals_s, self._ideal_s(deliveries[self._next]))
            self._next += max((len(deliveries) - self._next) // MOST_BEHIND, 1) if is_live else 1
            if time.perf_counter() - began_s > for_s:
                break
        ended_s = time.perf_counter()
        self._rest_until_s = ended_s + (ended_s - began_s) / LIVE_SHARE

    def _ideal_s(self, delivery: Delivery) -> float:
        sourced = delivery.sourced
        if sourced.node == delivery.node:
            return 0.0
        found = self._ideals.get(sourced.bundle)
        if found is None:
            found = self._ideals[sourced.bundle] = self._network.latency_s(
                sourced.node, delivery.node, sourced.t_s, sourced.size_bytes
            )
        return found

    @property
    def knows_all_ideals(self) -> bool:
        """Whether there is nothing more to be found now."""
        return self._next >= len(self.fold.deliveries)

    def finish(self, source: Replay) -> None:
        """The run is over: from now on it is a replay, standing at its end."""
        self.source = source

    # -- what is asked

    def trace(self, bundle: str) -> tuple[list[Step], bool]:
        """A bundle's life so far, and whether that is all of it.

        Raises:
            Refused: nothing is known of it.
        """
        events = islice(self.source.events, self.fold.count)
        seen = list(_about(events, bundle)) if bundle else []
        if not seen:
            raise Refused("no such bundle in this run so far")
        history = history_of(seen)
        if bundle not in history.lives:
            bundle = next(iter(history.lives))
        if bundle not in history.sourced:
            raise Refused("its source is not in the log")
        said = steps(history, self.subject.plan, bundle)
        return said[:MOST_STEPS], len(said) <= MOST_STEPS

    def control(self, asked: Mapping[str, object]) -> None:
        """Do what a page asks.

        Raises:
            Refused: it cannot be done, and why.
        """
        try:
            self._do(asked)
        except InvalidValue as bad:
            raise Refused(f"{bad.key}: {bad.mend}") from None
        if asked.get("do") in ("pause", "play", "rate", "jump"):
            self._looks.clear()

    def _do(self, asked: Mapping[str, object]) -> None:
        match asked.get("do"):
            case "pause":
                self.source.pause(True)
            case "play":
                if isinstance(self.source, Replay) and self.look() >= self.subject.duration_s:
                    self._jump(0.0)
                self.source.pause(False)
            case "rate":
                rate = _number(asked, "rate")
                if not is_finite_rate(rate) or rate > MAXIMUM_RATE:
                    raise Refused("rate: give a number above 0, at most 10,000,000")
                self.source.set_rate(rate)
            case "jump":
                self._jump(_number(asked, "to_s"))
            case "node-down":
                node, for_s = self._node(asked, "node"), _duration(asked, "for_s")
                self._hands().take_down(node, for_s, "node down")
                self._note(node, "", for_s)
            case "cut":
                a, b = self._node(asked, "a"), self._node(asked, "b")
                if a == b:
                    raise Refused("b: a link has two different ends")
                self._cut(a, (b,), _duration(asked, "for_s"), "link cut")
            case "cloud":
                station = self._node(asked, "node")
                if station not in self.subject.stations():
                    raise Refused("node: clouds hang over stations on the Earth")
                for_s = _duration(asked, "for_s")
                self._cut(station, self.subject.neighbours(station), for_s, "clouds")
            case "storm":
                self._storm(_duration(asked, "for_s"), _number({"factor": 100, **asked}, "factor"))
            case "strategy":
                name = asked.get("strategy")
                if not isinstance(name, str) or name not in self.subject.strategies:
                    raise Refused(f"strategy: one of {', '.join(self.subject.strategies)}")
                self._hands().follow(name)
                self.strategy = name
            case "send":
                self._send(asked)
            case _:
                raise Refused(
                    "do: one of pause, play, rate, jump, node-down, cut, cloud, storm, strategy, send"
                )

    def _send(self, asked: Mapping[str, object]) -> None:
        source, destination = self._node(asked, "from"), self._node(asked, "to")
        size_bytes, priority = int(_number(asked, "size_bytes")), int(_number(asked, "priority"))
        if source == destination:
            raise Refused("to: choose another node than the source")
        if not 1 <= size_bytes <= LARGEST_BUNDLE_BYTES:
            raise Refused("size_bytes: from 1 byte to 100 MB")
        if priority not in PRIORITIES:
            raise Refused("priority: 0 bulk, 1 normal or 2 expedited")
        lifetime_s = _duration(asked, "lifetime_s")
        if lifetime_s > timedelta(days=3650).total_seconds():
            raise Refused("lifetime_s: at most ten years")
        hands = self._hands()
        if not self.fold.nodes[source].is_up:
            raise Refused(f"from: {source} is down and sends nothing")
        hands.send(source, destination, size_bytes, lifetime_s, priority)

    def _storm(self, for_s: float, factor: float) -> None:
        """Memories take upsets; who has none that is known sleeps until it is over, as spacecraft do."""
        exposed, memories = self.subject.exposed(), self.subject.memories
        if not exposed:
            raise Refused("no node of this run is off the Earth")
        if not 1 <= factor <= MAXIMUM_FACTOR:
            raise Refused("factor: from 1 to 1,000,000 times as many upsets")
        if memories:
            self._hands().storm(memories, factor, for_s)
        for node in exposed:
            if node not in memories:
                self._hands().take_down(node, for_s, "storm")
                self._note(node, "", for_s)
        now_s = self.source.now_s()
        self.storms.append(Storm(nodes=exposed, at_s=now_s, until_s=now_s + for_s, factor=factor))

    def _jump(self, to_s: float) -> None:
        now_s = self.source.now_s()
        self.source.jump(to_s)
        if to_s < now_s:
            self.fold = Fold(self.subject.plan, self.subject.names)
            self.ideals_s, self._next = [], 0
        self.epoch += 1

    def _hands(self) -> Hands:
        hands = self.source.hands
        if hands is None:
            raise Refused("this is a replay: what happened has happened")
        return hands

    def _cut(self, node: str, others: Iterable[str], for_s: float, reason: str) -> None:
        for other in others:
            self._hands().cut(node, other, for_s, reason)
            self._note(node, other, for_s)

    def _note(self, node: str, other: str, for_s: float) -> None:
        now_s = self.source.now_s()
        self.injections.append(
            Injection(node=node, other=other, from_s=now_s, until_s=now_s + for_s)
        )

    def _node(self, asked: Mapping[str, object], key: str) -> str:
        name = asked.get(key)
        if not isinstance(name, str) or name not in self.subject.names:
            raise Refused(f"{key}: no node is called so")
        return name


def _about(events: Iterable[Event], bundle: str) -> Iterator[Event]:
    """The events that name a bundle or a fragment of it."""
    pieces = f"{bundle}/"
    for event in events:
        named = getattr(event, "bundle", None)
        if named is not None and (named == bundle or named.startswith(pieces)):
            yield event


def _number(asked: Mapping[str, object], key: str) -> float:
    value = asked.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"{key}: give a number")
    return float(value)


def _duration(asked: Mapping[str, object], key: str) -> float:
    """Seconds above zero; null stands for ever."""
    if asked.get(key, 0) is None:
        return math.inf
    value = _number(asked, key)
    if value <= 0:
        raise Refused(f"{key}: give seconds, more than 0")
    return value
