"""One node in a process of its own: `lightlag node NAME`, what a container runs.

It loads the setup, says that it is ready, and waits for the collector to start the clock. Then it is
the same node as in one process: the same agent, the same links, the same loop at a rate; only its
frames go to a broker and its bundles to a file. What happens goes into its journal and from there to
the collector.

In lockstep its loop is in virtual time, and what comes in waits for its turn: it runs as far as the
collector grants, says where it stands, and waits (`emulator.constellation.lockstep`).

Killed and started again, it finds the clock, its store and its journal, and goes on. SIGTERM makes
it leave the network and stop. Everything in its folder belongs to one run: another run's clock makes
it begin anew.

It imports neither numpy nor the scenario's reader, and takes about 30 MB and the contact plan.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import queue
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeVarTuple, Unpack

from dtn.errors import BadInput, Fault, InvalidValue
from dtn.events import Event
from dtn.routing.index import index_of
from dtn.routing.strategy import Strategy
from dtn.store import MemoryStore
from emulator.build import Network, Process, find_strategy
from emulator.clock import EmulatedLoop
from emulator.constellation import setup_file
from emulator.constellation.control import Clock, LinkOrder, NodeOrder, State, Status, utc_now
from emulator.constellation.journal import Journal
from emulator.constellation.lockstep.follower import Follower
from emulator.constellation.lockstep.synchroniser import Grant, Report
from emulator.constellation.neighbourhood import speaking_links
from emulator.constellation.orders import Orders
from emulator.constellation.setup_file import SetupFile
from emulator.memory import resident_mb
from nodes.channel.broker import Broker, parse_broker
from nodes.channel.connection import Connection, Message, Outbox, Posts
from nodes.channel.mqtt import MqttChannel
from nodes.channel.topics import Topics
from nodes.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from emulator.attach import Outside

Ts = TypeVarTuple("Ts")

PATIENCE_S = 30.0
"""For the broker's first answer: containers start in any order."""

FLUSH_S = 0.1
"""How often events are sent, real seconds."""

HEARTBEAT_S = 2.0
TOLD_WITHIN_S = 60.0
"""How long it waits at the end for the collector to have everything."""

VERSION = version("lightlag")


class NodeProcess:
    """One node, from its first word to its last.

    Args:
        name: its name.
        given: the run's setup.
        broker: where the others are.
        topics: the run's.
        folder: for its store and its journal; kept over restarts.
        attach: file that names the program of others in its place.
    """

    def __init__(
        self,
        name: str,
        given: SetupFile,
        broker: Broker,
        topics: Topics,
        folder: Path,
        attach: Path | None = None,
    ) -> None:
        if all(member.name != name for member in given.setup.members):
            names = ", ".join(member.name for member in given.setup.members)
            raise BadInput(Fault("", "NAME", name, f"the setup has no such node: {names}"))
        self._name = name
        self._given = given
        self._topics = topics
        self._folder = folder
        self._attach = attach
        self._state: State = "ready"
        self._loop = EmulatedLoop(1.0)
        self._journal: Journal | None = None
        self._clock: Clock | None = None
        self._moment_s = 0.0
        """The clock's moment as this machine's monotonic clock has it."""
        self._clocked = threading.Event()
        self._finished = threading.Event()
        self._told = threading.Event()
        self._is_connected = False
        self._inbox: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        """In lockstep: what came in and waits for its turn."""
        self._follower: Follower | None = None
        self._process = secrets.token_hex(8)
        links = speaking_links(given.setup)
        self._channel = MqttChannel(
            name,
            {source for source, destination in links if destination == name},
            topics,
            self._loop,
            self._record,
            lambda: self._connection.wake(),
            hand_over=self._hand_over,
        )
        self._posts = Posts()
        self._orders = Orders(name, self._loop, topics, self._post)
        self._outboxes: list[Outbox] = [self._posts, self._channel]
        neighbours = {destination for source, destination in links if source == name}
        self._connection = self._connection_to(broker, neighbours)

    def _connection_to(self, broker: Broker, neighbours: set[str]) -> Connection:
        """Hears what is sent to this node, and whether those that it sends to are there."""
        name, topics = self._name, self._topics
        return Connection(
            broker,
            identifier=f"{topics.run}-{name}",
            subscriptions=(
                topics.link("+", name),
                topics.control("+"),
                *map(topics.status, sorted(neighbours)),
                *(topics.node(name, kind) for kind in ("order", "resend", "have", "grant")),
            ),
            receive=self._receive,
            outboxes=self._outboxes,
            will=Message(topics.status(name), Status(state="dead").octets(), retain=True),
            changed=self._connection_changed,
        )

    def run(self) -> None:
        """Take part in the run, and return when it is over.

        Raises:
            BadInput: the broker, the store or the strategy cannot be used.
        """
        strategy = find_strategy(self._given.setup, None)
        index_of(self._given.setup.plan)  # now, not when the clock runs
        with contextlib.ExitStack() as stack:
            outside = self._outside(stack)
            self._take_part(strategy, outside)

    def _outside(self, stack: contextlib.ExitStack) -> Outside | None:
        """The program in the node's place, if there is one, with its ports open as long as the stack is."""
        if self._attach is None:
            return None
        from emulator.attach import Outside, load

        attached = load(self._attach, self._given.setup).at(self._name)
        outside = Outside(
            attached, self._given.setup, self._loop, lambda line: print(line, flush=True)
        )
        stack.enter_context(outside.listening())
        return outside

    def _take_part(self, strategy: Strategy, outside: Outside | None) -> None:
        self._connection.start(PATIENCE_S)
        self._connection.every(FLUSH_S, self._flush)
        self._connection.every(HEARTBEAT_S, self._tell)
        try:
            self._clocked.wait()
            assert self._clock is not None
            self._use_folder_for(self._clock.session)
            journal = self._journal = Journal(
                self._folder / "journal.jsonl", self._topics.event(self._name)
            )
            self._outboxes.append(journal)
            journal.resend(0)  # after a restart: the collector knows what it has
            if self._clock.is_lockstep:
                self._fly_in_lockstep(strategy, journal)
                return
            self._loop.follow(self._moment_s, self._clock.emulated_s, self._clock.rate)
            # a wait for the disk would be minutes of emulated time; a process is killed, not its machine
            store = SqliteStore(self._folder / "store.sqlite", self._loop, power_safe=False)
            started = self._clock.started()
            process = Process(
                self._name, self._channel, store, past=journal.past(), started=started
            )
            if outside is not None:
                outside.starts(started)
            with contextlib.closing(store), self._loop:
                network = Network(
                    self._given.setup,
                    strategy,
                    self._loop,
                    self._record,
                    process=process,
                    outside=outside,
                )
                self._orders.network = network
                self._fly(network)
            self._take_leave()
        except (SystemExit, KeyboardInterrupt):
            self._say("stopped")
            raise
        except BadInput:
            self._say("dead")
            raise
        finally:
            self._connection.close()

    def _fly(self, network: Network) -> None:
        duration_s = self._given.setup.duration_s
        self._say("running")
        try:
            self._loop.run(duration_s, outside=True)
            self._say("ended")
            self._finished.wait(TOLD_WITHIN_S)
            self._loop.follow(time.monotonic(), duration_s, 0.0)
            self._loop.run(duration_s, outside=True)  # frames that came after the end
        except (SystemExit, KeyboardInterrupt):
            network.links.leave(self._name, "stopped")
            raise
        network.end(duration_s)

    def _fly_in_lockstep(self, strategy: Strategy, journal: Journal) -> None:
        """Run as far as is granted, again and again, until the end.

        The store is in memory: who is killed cannot come again to a past that is gone.

        Raises:
            BadInput: it was here before in this run.
        """
        if journal.count:
            mend = "in lockstep a node that was killed cannot join again: start the run anew"
            raise BadInput(Fault("", "node", self._name, mend))
        duration_s = self._given.setup.duration_s
        self._loop.follow(0.0, 0.0, math.inf)
        follower = self._follower = Follower(self._loop, self._channel.arrivals, duration_s)
        process = Process(self._name, self._channel, MemoryStore(), is_virtual=True)
        with self._loop:
            network = Network(
                self._given.setup,
                strategy,
                self._loop,
                self._record,
                tap=follower.note,
                process=process,
            )
            self._say("running")
            self._report(follower.report())
            while not follower.is_over:
                self._inbox.get()()
                report = follower.go_on()
                if report is not None:
                    self._report(report)
            network.end(duration_s)
        self._take_leave()

    def _report(self, report: Report) -> None:
        self._post(Message(self._topics.node(self._name, "report"), report.octets()))

    def _post(self, message: Message) -> None:
        self._posts.put(message)
        self._connection.wake()

    def _take_leave(self) -> None:
        self._say("done")
        self._told.wait(TOLD_WITHIN_S)

    def _use_folder_for(self, session: str) -> None:
        """Forget what is of another run."""
        mark = self._folder / "session"
        if not mark.is_file() or mark.read_text() != session:
            for file in ("journal.jsonl", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm"):
                (self._folder / file).unlink(missing_ok=True)
            mark.write_text(session)

    def _record(self, event: Event) -> None:
        assert self._journal is not None
        self._journal.append(event)

    # -- on the connection's thread

    @property
    def _is_in_lockstep(self) -> bool:
        return self._clock is not None and self._clock.is_lockstep

    def _hand_over(self, callback: Callable[[Unpack[Ts]], object], /, *args: *Ts) -> None:
        """Let something happen on the emulated loop's thread: at once, or in lockstep in its turn."""
        if self._is_in_lockstep:
            self._inbox.put(partial(callback, *args))
        else:
            self._loop.call_soon_threadsafe(callback, *args)

    def _receive(self, topic: str, payload: bytes) -> None:
        _, _, kind, *rest = topic.split("/")
        with contextlib.suppress(InvalidValue, ValueError):  # not for us to judge: costs itself
            match kind, rest[-1]:
                case "link", _:
                    self._channel.receive(rest[0], payload)
                case "control", "clock":
                    self._follow(Clock.of(payload))
                case "control", "link" if not self._is_in_lockstep:
                    self._orders.take_link(LinkOrder.of(payload))
                case "control", "finish":
                    self._finished.set()
                case "control", "stop":
                    os.kill(os.getpid(), signal.SIGTERM)  # the main thread may wait for anything
                case "node", "status":
                    listens = Status.of(payload).state not in ("dead", "stopped")
                    self._channel.neighbour_changed(rest[0], listens)
                case _, "grant":
                    self._inbox.put(partial(self._granted, Grant.of(payload)))
                case _, "order" if not self._is_in_lockstep:
                    self._orders.take(NodeOrder.of(payload))
                case _, "resend" if self._journal is not None:
                    self._journal.resend(int(payload))
                case _, "have" if self._journal is not None and self._state == "done":
                    if int(payload) >= self._journal.count:
                        self._told.set()

    def _follow(self, clock: Clock) -> None:
        known, self._clock = self._clock, clock
        if known is None:
            if clock.is_lockstep:
                self._channel.be_patient()
            self._moment_s = clock.monotonic_s()
            self._clocked.set()
        elif clock != known and clock.session == known.session:
            real_s = self._moment_s = clock.monotonic_after(known, self._moment_s)

            def change() -> None:
                self._loop.call_soon_threadsafe(
                    self._loop.follow, real_s, clock.emulated_s, clock.rate
                )

            self._connection.later(real_s - time.monotonic(), change)

    def _granted(self, grant: Grant) -> None:
        assert self._follower is not None
        self._follower.granted(grant)

    def _connection_changed(self, connected: bool) -> None:
        self._is_connected = connected
        self._channel.connection_changed(connected)
        if connected:
            self._tell()
            if self._journal is not None:
                self._journal.tick()

    def _flush(self) -> None:
        if self._journal is not None:
            self._journal.tick()
            self._connection.wake()

    def _say(self, state: State) -> None:
        self._state = state
        self._tell()
        self._flush()

    def _tell(self) -> None:
        """The status, and a sign of life for whoever watches the folder."""
        lateness = self._loop.lateness
        arrivals = self._channel.arrivals
        status = Status(
            state=self._state,
            sha256=self._given.sha256,
            version=VERSION,
            process=self._process,
            sent_at=utc_now(),
            emulated_s=self._loop.time(),
            events=0 if self._journal is None else self._journal.count,
            late_frames=arrivals.late,
            refused_frames=self._channel.refused + self._channel.malformed,
            error_p50_s=lateness.quantile_s(0.5),
            error_p99_s=lateness.quantile_s(0.99),
            memory_mb=resident_mb(),
        )
        self._post(Message(self._topics.status(self._name), status.octets(), retain=True))
        if self._is_connected:
            with contextlib.suppress(OSError):  # a disk that is full
                (self._folder / "alive").touch()


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(arguments: Sequence[str] | None = None) -> None:
    """The program: ends with 2 and a line for each fault on unusable input."""
    parser = argparse.ArgumentParser("lightlag node", description="One node as a process.")
    parser.add_argument("name")
    parser.add_argument("--setup", type=Path, required=True)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--run", default="")
    parser.add_argument("--user", default="")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--ca", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--attach", type=Path)
    said = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        given = setup_file.load(said.setup)
        broker = parse_broker(
            said.broker, user=said.user, password_file=said.password_file, ca_file=said.ca
        )
        try:
            said.folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            mend = f"cannot be made ({fault.strerror}): name another folder"
            raise BadInput(Fault("", "--folder", str(said.folder), mend)) from None
        topics = Topics(said.run or given.setup.name)
        NodeProcess(said.name, given, broker, topics, said.folder, said.attach).run()
    except BadInput as bad:
        for one in bad.faults:
            print(" ".join(str(one).splitlines()), file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
