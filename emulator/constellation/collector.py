"""Collector: starts the clock of a constellation of processes and gathers what happens to its nodes.

    wait_until_ready   the barrier: every node is there, and has the same setup
    start              the clock, which all follow from a moment shortly ahead
    wait_until_over    every node's clock has reached the end, and its events are here
    stop               instead: the run ends here
    result             as `emulator.run` gives it

In lockstep (rate inf) there is no clock to follow: the collector grants each node how far it may run
(`emulator.constellation.lockstep`), and a node that dies ends the run.

It asks for every event that it lacks, so that neither broker nor collector can lose one. Started
again in mid-run, it finds the clock at the broker and has everything told anew.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from dtn.errors import BadInput, Fault, FramesLate, InvalidValue
from emulator.constellation.control import Clock, Status
from emulator.constellation.lockstep.synchroniser import Report, Synchroniser
from emulator.constellation.neighbourhood import who_may_go_dark
from emulator.log import LogHeader, events_of
from emulator.merging import merged
from emulator.result import Result
from emulator.setup import Setup
from nodes.channel.broker import Broker
from nodes.channel.connection import PATIENCE_S, Connection, Message, Posts
from nodes.channel.topics import Topics

TICK_S = 0.25
AHEAD_S = 0.5
"""The clock starts so long after it is set, so that every node has heard of it."""

TOLD_WITHIN_S = 60.0
ABSENT = frozenset(("dead", "stopped"))

ON_THE_WAY_S = 0.5
"""How long frames may still be on their way when the last node has ended, real seconds."""


OFFSETS = 30
"""Words of a node that say how its clock stands to ours: a minute of them."""


@dataclass(slots=True)
class Station:
    """What is known of one node.

    Args:
        status: what it said last.
        lines: its events, in order, with none missing.
        heard_at: when it said something, `time.monotonic`.
        offsets_s: its clock less ours less the message's time, of its last words.
        deaths_s: when its process died, by the run's clock.
    """

    status: Status | None = None
    lines: list[str] = field(default_factory=list)
    heard_at: float = 0.0
    offsets_s: deque[float] = field(default_factory=lambda: deque(maxlen=OFFSETS))
    deaths_s: list[float] = field(default_factory=list)
    is_told_all: bool = False

    @property
    def offset_s(self) -> float | None:
        """Its clock less ours, as the quickest of its last messages has it: a clock that steps is seen to."""
        return max(self.offsets_s, default=None)


class Collector:
    """The collector of one run.

    Args:
        setup: what is run.
        sha256: its digest, which every node must have.
        broker: where the nodes are.
        topics: the run's.
        check: called now and then while waiting; raises what ends the run.
    """

    def __init__(
        self,
        setup: Setup,
        sha256: str,
        broker: Broker,
        topics: Topics,
        check: Callable[[], object] = lambda: None,
    ) -> None:
        self.setup = setup
        self.stations = {member.name: Station() for member in setup.members}
        self.clock: Clock | None = None
        self.rate = 0.0
        self._sha256 = sha256
        self._topics = topics
        self._check = check
        self._began = time.perf_counter()
        self._changed = threading.Condition()
        self._is_over = False
        self._is_stopped = False
        self._synchroniser: Synchroniser | None = None
        self._broken: set[str] = set()
        """In lockstep: who lost a connection, or died; what it had to hear may be lost."""
        self._posts = Posts()
        self._connection = Connection(
            broker,
            identifier=f"{topics.run}-collector",
            subscriptions=(
                topics.event("+"),
                topics.status("+"),
                topics.control("clock"),
                topics.node("+", "report"),
            ),
            receive=self._receive,
            outboxes=(self._posts,),
            changed=self._connection_changed,
        )

    def connect(self, patience_s: float = PATIENCE_S) -> None:
        """Listen.

        Raises:
            BadInput: the broker cannot be used.
        """
        self._connection.start(patience_s)
        self._connection.every(TICK_S, self._tick)

    def close(self) -> None:
        """Take leave; the clock is taken away with the run."""
        if self._is_over or self._is_stopped:
            self._post(self._topics.control("clock"), b"", retain=True)
            for name in self.stations:
                self._post(self._topics.status(name), b"", retain=True)
        self._connection.close()

    def wait_until_ready(self, patience_s: float) -> None:
        """The barrier.

        Raises:
            BadInput: nodes did not come, or have another setup.
        """
        self._wait(lambda: not self._missing(), patience_s)
        missing = self._missing()
        if missing:
            mend = f"did not come within {patience_s:g} s: look at their logs"
            raise BadInput(Fault("", "nodes", ", ".join(missing), mend))
        others = [name for name, one in self._statuses() if one.sha256 != self._sha256]
        if others:
            mend = (
                f"have another setup than the collector ({self._sha256[:12]}): make it anew for all"
            )
            raise BadInput(Fault("", "nodes", ", ".join(others), mend))

    def start(self, rate: float, ahead_s: float = AHEAD_S) -> None:
        """Start the clock, or go on with that of a run that is under way.

        Args:
            rate: emulated seconds in a real one; inf: lockstep.
            ahead_s: real seconds from now until it starts.

        Raises:
            BadInput: lockstep over a plan that leaves no lookahead, or with a run under way.
        """
        self.rate = rate
        if rate == math.inf:
            if self.clock is not None:
                mend = "a run in lockstep cannot be taken over: start all its nodes anew"
                raise BadInput(Fault("", "--rate", "lockstep", mend))
            setup = self.setup
            self._synchroniser = Synchroniser(
                setup.plan, self.stations, setup.duration_s, who_may_go_dark(setup)
            )
        if self.clock is None:
            self.set_clock(0.0, rate, ahead_s)
        else:
            self.rate = self.clock.rate

    def set_clock(self, emulated_s: float, rate: float, ahead_s: float) -> None:
        """Let every node's clock show this, so long from now, and go on at this rate."""
        at = datetime.now(UTC) + timedelta(seconds=ahead_s)
        session = self.clock.session if self.clock else secrets.token_hex(8)
        self.clock = Clock(
            session=session, start_at=at.isoformat(), emulated_s=emulated_s, rate=rate
        )
        self._post(self._topics.control("clock"), self.clock.octets(), retain=True)

    def wait_until_over(
        self, tell: Callable[[float], object] = lambda part: None, *, strict: bool = False
    ) -> None:
        """Wait for the end of the run, and until every event is here.

        Raises:
            FramesLate: in a strict run.
        """
        assert self.clock is not None

        def has_ended() -> bool:
            tell(min(max(self.emulated_s() / self.setup.duration_s, 0.0), 1.0))
            late = {name: one.late_frames for name, one in self._statuses() if one.late_frames}
            if strict and late:
                said = ", ".join(f"{name} {count}" for name, count in late.items())
                raise FramesLate(f"frames came too late to be held: {said}; lower --rate")
            if self._synchroniser is not None:
                self._check_lockstep()
            finished = {"ended", "done"}
            if self.emulated_s() >= self.setup.duration_s:
                finished |= ABSENT  # who is not back by now does not come back
            return all(one.state in finished for _, one in self._statuses())

        def is_told_all() -> bool:
            stations = self.stations.values()
            return all(
                one.is_told_all or one.status is None or one.status.state in ABSENT
                for one in stations
            )

        self._wait(has_ended, float("inf"))
        time.sleep(ON_THE_WAY_S)
        self._post(self._topics.control("finish"), b"{}")
        self._wait(is_told_all, TOLD_WITHIN_S)
        self._is_over = True

    def stop(self) -> None:
        """End the run here, for all: nodes leave, and the clock is taken away."""
        self._is_stopped = True
        self._post(self._topics.control("stop"), b"{}")

    def emulated_s(self) -> float:
        """Where the clock of the run stands."""
        if self.clock is None:
            return 0.0
        if self._synchroniser is not None:
            return self._synchroniser.emulated_s
        return min(max(self.clock.reading_s(), 0.0), self.setup.duration_s)

    def result(self, command: str = "") -> Result:
        """What came of it, so far."""
        setup = self.setup
        header = LogHeader(
            scenario=setup.name,
            scenario_sha256=setup.sha256,
            seed=setup.seed,
            strategy=setup.strategy,
            rate=self.rate,
            version=version("lightlag"),
            duration_s=setup.duration_s,
            start_utc=setup.start.isoformat() if setup.start else "",
            ltp_sessions=setup.ltp.engine.max_export_sessions if setup.ltp else 0,
        )
        logs = {
            name: tuple(events_of(Path(name), list(station.lines)))
            for name, station in self.stations.items()
        }
        deaths = {name: station.deaths_s for name, station in self.stations.items()}
        ends_s = setup.duration_s if self._is_over else self.emulated_s()
        log = merged(logs, deaths, setup.plan, ends_s, is_over=self._is_over)
        wall_s = time.perf_counter() - self._began
        return Result.of(header, log, setup.plan, wall_s=wall_s, command=command)

    # -- inside

    def _missing(self) -> list[str]:
        return [
            name
            for name, station in self.stations.items()
            if station.status is None or station.status.state in ABSENT
        ]

    def _statuses(self) -> list[tuple[str, Status]]:
        return [(name, one.status or Status(state="dead")) for name, one in self.stations.items()]

    def _wait(self, is_so: Callable[[], bool], patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not is_so() and time.monotonic() < deadline:
            self._check()
            with self._changed:
                self._changed.wait(TICK_S)

    def _check_lockstep(self) -> None:
        """In lockstep a message that is lost, or a node that dies, would be waited for for ever: end it for all.

        Raises:
            BadInput: that happened.
        """
        if self._broken:
            self.stop()
            mend = "lost to a run in lockstep, where all wait for each: look at the logs, and start anew"
            raise BadInput(Fault("", "connection", ", ".join(sorted(self._broken)), mend))

    def _post(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._posts.put(Message(topic, payload, retain))
        self._connection.wake()

    # -- on the connection's thread

    def _connection_changed(self, connected: bool) -> None:
        if not connected and self._synchroniser is not None:
            self._broken.add("broker")
        if connected and self.clock is not None:  # a broker started anew has forgotten it
            self._post(self._topics.control("clock"), self.clock.octets(), retain=True)

    def _receive(self, topic: str, payload: bytes) -> None:
        parts = topic.split("/")
        with contextlib.suppress(InvalidValue, ValueError):
            if parts[2] == "control":
                clock = Clock.of(payload)
                if self.clock is None or clock.session == self.clock.session:
                    self.clock = clock  # an operator's doing, or a run under way
            elif parts[3] in self.stations and payload:
                station = self.stations[parts[3]]
                if parts[2] == "event":
                    self._take_events(parts[3], station, payload)
                elif parts[4] == "report":
                    self._grant(parts[3], Report.of(payload))
                else:
                    self._take_status(parts[3], station, Status.of(payload))
        with self._changed:
            self._changed.notify_all()

    def _grant(self, node: str, report: Report) -> None:
        """In lockstep: who may go on now."""
        if self._synchroniser is not None:
            for name, grant in self._synchroniser.reported(node, report).items():
                self._post(self._topics.node(name, "grant"), grant.octets())

    def _take_events(self, name: str, station: Station, payload: bytes) -> None:
        number, _, text = payload.decode().partition("\n")
        lines = text.split("\n")[:-1]
        known = len(station.lines) - int(number)
        if known < 0:
            self._post(self._topics.node(name, "resend"), b"%d" % len(station.lines))
        else:
            station.lines += lines[known:]

    def _take_status(self, name: str, station: Station, status: Status) -> None:
        if self._synchroniser is not None and status.state in ABSENT:
            self._broken.add(name)
        if status.state == "dead":
            if station.status is None or station.status.state in ("dead", "stopped", "done"):
                return
            if self.clock is not None and station.status.state != "ready":
                station.deaths_s.append(self.emulated_s())
            station.status = replace(station.status, state="dead")
            return
        known = station.status
        if known is not None and known.state == "dead" and known.process == status.process:
            del station.deaths_s[-1:]  # cut off, not dead
        station.status = status
        station.heard_at = time.monotonic()
        sent_at = datetime.fromisoformat(status.sent_at)
        station.offsets_s.append((sent_at - datetime.now(UTC)).total_seconds())

    def _tick(self) -> None:
        """Say to those who are done what is here; ask for what is not."""
        for name, station in self.stations.items():
            status = station.status
            if status is None or status.state != "done" or station.is_told_all:
                continue
            if len(station.lines) >= status.events:
                station.is_told_all = True
                self._post(self._topics.node(name, "have"), b"%d" % len(station.lines))
            else:
                self._post(self._topics.node(name, "resend"), b"%d" % len(station.lines))
