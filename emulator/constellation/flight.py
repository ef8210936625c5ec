"""Flight: a constellation of processes under way on this machine, and hands to break it.

For tests, ours and other people's (the fixture `constellation` of `emulator.pytest_plugin`): a broker, a process a
node, a collector; nodes can be killed and started again, the broker too, and an operator has what it always has. In
the end there is a `Result`, whatever happened in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator.constellation import setup_file
from emulator.constellation.collector import Collector
from emulator.constellation.mosquitto import Mosquitto
from emulator.constellation.operator import Operator
from emulator.constellation.processes import READY_WITHIN_S, Children, constellation, start_node
from emulator.result import Result
from emulator.setup import Setup
from nodes.channel.topics import Topics

LOOK_S = 0.01
WAITS_S = 60.0


class Flight:
    """A constellation under way; a context manager, at whose beginning the clock starts.

    Args:
        setup: what is run.
        rate: emulated seconds in a real one.
        folder: for stores, journals and logs.

    Raises:
        BadInput: there is no broker on this machine, or a node cannot start.
    """

    def __init__(self, setup: Setup, rate: float, folder: Path) -> None:
        self.setup = setup
        self.rate = rate
        self.folder = folder
        self.mosquitto = Mosquitto(folder)
        self.topics = Topics(f"{setup.name}-{folder.name}")
        self.children: Children = {}
        self.collector = Collector(
            setup, setup_file.digest(setup), self.mosquitto.broker, self.topics
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.mosquitto)
            self.collector.connect()
            stack.callback(self.collector.close)
            at = self.mosquitto.broker
            stack.enter_context(
                constellation(self.setup, at, self.topics, self.folder, self.children)
            )
            self.collector.wait_until_ready(READY_WITHIN_S)
            self.collector.start(self.rate)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, fault, traceback)

    @property
    def now_s(self) -> float:
        """Where the clock stands."""
        return self.collector.emulated_s()

    def wait_for_s(self, emulated_s: float) -> None:
        """Return when the clock has come so far."""
        while self.now_s < emulated_s:
            time.sleep(LOOK_S)

    def wait_until(self, is_so: Callable[[], object], patience_s: float = WAITS_S) -> None:
        """Return when it is so.

        Raises:
            TimeoutError: it was not, in so many real seconds.
        """
        deadline = time.monotonic() + patience_s
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {patience_s:g} s")
            time.sleep(LOOK_S)

    def operator(self) -> Operator:
        """An operator's connection, to be used in a `with` block."""
        return Operator(self.mosquitto.broker, self.topics)

    def kill(self, name: str) -> None:
        """End a node's process without a word."""
        self.children[name].kill()
        self.children[name].wait()

    def start(self, name: str) -> None:
        """Start a node's process again; returns when it runs."""
        before = self._process_of(name)
        broker = self.mosquitto.broker
        self.children[name] = start_node(self.setup, name, broker, self.topics, self.folder)
        self.wait_until(
            lambda: self._process_of(name) != before and self.state(name) in ("running", "ended")
        )

    def state(self, name: str) -> str:
        """What a node last said of itself, or the broker of it."""
        status = self.collector.stations[name].status
        return "" if status is None else status.state

    def finish(self) -> Result:
        """Wait for the end of the run, and say what came of it."""
        self.collector.wait_until_over()
        return self.collector.result()

    def error_p99_s(self) -> float:
        """The timing error of the worst node, real seconds: one timer in a hundred is later."""
        statuses = [station.status for station in self.collector.stations.values()]
        return max(status.error_p99_s for status in statuses if status)

    def _process_of(self, name: str) -> str:
        status = self.collector.stations[name].status
        return "" if status is None else status.process
