"""The process that shows a run of another process, which tells it what happens (`emulator.dashboard.apart`).

python -m emulator.dashboard.told FD: started by the run, with a socket to it. It ends when the run's process does.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from dtn.errors import BadInput, InvalidValue
from dtn.events import Event
from emulator.dashboard.messages import (
    KINDS,
    PATIENCE_S,
    TELL_S,
    About,
    Answer,
    ClockSeen,
    Listening,
    News,
    Order,
    Over,
    Row,
    Unheard,
)
from emulator.dashboard.serving import Serving
from emulator.dashboard.session import Session
from emulator.dashboard.source import Hands, Replay, Subject

BEHIND_S = 2 * TELL_S
"""Real time by which the picture is late, so that what it shows has been told."""
NICE = 5
"""Where processors are few, the run goes first."""

_GONE = Answer(("run", "", "it is over, or does not answer"))


class Told:
    """A run in another process as a source.

    Args:
        pipe: to that process.
        duration_s: how long the run lasts.
    """

    is_live = True

    def __init__(self, pipe: Connection[object, object], duration_s: float) -> None:
        self._events: list[Event] = []
        self.events: Sequence[Event] = self._events
        self._pipe = pipe
        self._duration_s = duration_s
        self._clock = ClockSeen(time.monotonic(), 0.0, 0.0, 1.0, False)
        self._now_s = 0.0
        self._texts: dict[object, object] = {}
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._ordering = threading.Lock()

    # -- what the run tells, on the thread that listens

    def take(self, said: News | Answer) -> None:
        """Something was told."""
        if isinstance(said, Answer):
            self._answers.put(said)
            return
        self._events += map(self._event_of, said.rows)
        if said.clock is not None:
            self._clock = said.clock

    def finish(self) -> None:
        """Nothing more will be told, nor answered."""
        self._answers.put(_GONE)

    def _event_of(self, row: Row) -> Event:
        """The event, with one copy of each text: a log names few, often."""
        texts = self._texts
        kind = KINDS[int(str(row[0]))]
        return kind._make(
            texts.setdefault(field, field) if type(field) is str else field for field in row[1:]
        )

    # -- the source

    def now_s(self) -> float:
        """Where the picture stands; what has happened by then is among the events."""
        clock = self._clock
        since_s = time.monotonic() - clock.real_s - BEHIND_S
        now_s = clock.reached_s + since_s * clock.pace
        self._now_s = max(self._now_s, min(now_s, self._duration_s))
        return self._now_s

    @property
    def rate(self) -> float:
        """Emulated seconds in a real one, also while paused."""
        return self._clock.rate

    @property
    def is_paused(self) -> bool:
        """Whether the run stands still."""
        return self._clock.is_paused

    def set_rate(self, rate: float) -> None:
        """Go on at another finite rate."""
        self._order("set_rate", rate)

    def pause(self, paused: bool) -> None:
        """Stand still, or go on."""
        self._order("pause", paused)

    def jump(self, to_s: float) -> None:
        """Hurry ahead to a moment.

        Raises:
            InvalidValue: it is past.
        """
        self._order("jump", to_s)

    @property
    def hands(self) -> Hands:
        """This one."""
        return self

    def take_down(self, node: str, for_s: float, reason: str) -> None:
        """Let a node fail, for a time or for good."""
        self._order("take_down", node, for_s, reason)

    def cut(self, a: str, b: str, for_s: float, reason: str) -> None:
        """Cut a link, both ways, for a time or for good."""
        self._order("cut", a, b, for_s, reason)

    def storm(self, nodes: Sequence[str], factor: float, for_s: float) -> None:
        """Let particles hit the memories of these nodes, so many times as often."""
        self._order("storm", tuple(nodes), factor, for_s)

    def follow(self, strategy: str) -> None:
        """Let all nodes ask another strategy from now on."""
        self._order("follow", strategy)

    def send(
        self, source: str, destination: str, size_bytes: int, lifetime_s: float, priority: int
    ) -> None:
        """Send a bundle from one node to another."""
        self._order("send", source, destination, size_bytes, lifetime_s, priority)

    def _order(self, verb: str, *about: About) -> None:
        """Have the run do it.

        Raises:
            InvalidValue: it cannot be done.
        """
        answer = _GONE
        with self._ordering, suppress(OSError, queue.Empty):
            while not self._answers.empty():  # one that came too late for its order
                self._answers.get_nowait()
            self._pipe.send(Order(verb, about))
            answer = self._answers.get(timeout=PATIENCE_S)
        if answer.refused is not None:
            raise InvalidValue(*answer.refused)


def show(pipe: Connection[object, object]) -> None:
    """Show what is told over the pipe, until it is closed."""
    first = pipe.recv()
    assert isinstance(first, tuple)
    subject, host, port = first
    assert isinstance(subject, Subject)
    told = Told(pipe, subject.duration_s)
    session = Session(subject, told)
    try:
        with Serving(session, host, port) as serving:
            pipe.send(Listening(serving.url, serving.token))
            while True:
                said = pipe.recv()
                if isinstance(said, Over):
                    replay = Replay(
                        told.events, subject.duration_s, said.rate, at_s=said.ended_s, paused=True
                    )
                    session.finish(replay)
                    told.finish()
                else:
                    assert isinstance(said, News | Answer)
                    told.take(said)
    except BadInput as bad:
        pipe.send(Unheard(tuple(bad.faults)))


def main() -> None:
    """What runs as this process; see above."""
    os.nice(NICE)
    with Connection(int(sys.argv[1])) as pipe, suppress(EOFError, OSError):
        show(pipe)


if __name__ == "__main__":
    main()
