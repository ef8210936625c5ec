"""A constellation of processes on this machine: `lightlag run --processes`, no docker needed.

A process a node, a Mosquitto on the loopback (else amqtt in this process, where that is installed), and this
process as the collector. It is the same program that runs in a container. The processes and their folder
end with the run.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dtn.errors import BadInput, Fault
from emulator.constellation import setup_file
from emulator.constellation.collector import Collector
from emulator.constellation.embedded_broker import EmbeddedBroker, has_amqtt
from emulator.constellation.honesty import LOOK_S, doubt_pace, honest_pace, timer_errors
from emulator.constellation.mosquitto import Mosquitto, find_mosquitto
from emulator.result import Result
from emulator.setup import Setup
from nodes.channel.broker import Broker
from nodes.channel.topics import Topics

if TYPE_CHECKING:
    from emulator.attach import Attached

READY_WITHIN_S = 60.0

Children = dict[str, subprocess.Popen[bytes]]


def run_processes(
    setup: Setup,
    rate: float,
    *,
    broker: Broker | None = None,
    strict: bool = False,
    command: str = "",
    tell: Callable[[float], object] = lambda part: None,
    attached: Attached | None = None,
) -> Result:
    """Run a setup with a process a node.

    Args:
        setup: what is to be run.
        rate: emulated seconds in a real one; not inf: processes share a real clock.
        broker: one that is there; None: one is started for the run.
        strict: whether a frame that comes too late to be held ends the run.
        command: how to do it again.
        tell: told how far it is, 0 to 1.
        attached: programs in the place of some nodes.

    Raises:
        BadInput: no broker, or a node that could not start.
        FramesLate: in a strict run.
    """
    with tempfile.TemporaryDirectory(prefix="lightlag-") as name:
        folder = Path(name)
        with _broker(broker, folder) as at:
            topics = Topics(f"{setup.name}-{folder.name[-8:]}")
            children: Children = {}
            collector = Collector(
                setup, setup_file.digest(setup), at, topics, lambda: _check(children, folder)
            )
            try:
                collector.connect()
                with constellation(setup, at, topics, folder, children, attached):
                    collector.wait_until_ready(READY_WITHIN_S)
                    if rate < math.inf:  # else nothing can be late
                        error_p99_s = timer_errors(LOOK_S).quantile_s(0.99)
                        doubt_pace(honest_pace(setup.plan, error_p99_s), rate)
                    collector.start(rate)
                    collector.wait_until_over(tell, strict=strict)
                return collector.result(command)
            finally:
                collector.close()


@contextlib.contextmanager
def constellation(
    setup: Setup,
    broker: Broker,
    topics: Topics,
    folder: Path,
    children: Children,
    attached: Attached | None = None,
) -> Iterator[None]:
    """A process for each node, as long as the block lasts; they are put into `children`."""
    homes = {member.name: folder / member.name for member in setup.members}
    for home in homes.values():
        home.mkdir(exist_ok=True)
    setup_file.save_each(setup, {name: home / "setup.json" for name, home in homes.items()})
    try:
        for member in setup.members:
            children[member.name] = start_node(setup, member.name, broker, topics, folder, attached)
        yield
        for child in children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5.0)
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            try:
                child.wait(10.0)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def start_node(
    setup: Setup,
    name: str,
    broker: Broker,
    topics: Topics,
    folder: Path,
    attached: Attached | None = None,
) -> subprocess.Popen[bytes]:
    """Start one node's process, for the first time or again."""
    home = folder / name
    is_attached = attached is not None and name in attached.names
    with (home / "log").open("ab") as log:
        return subprocess.Popen(
            [
                sys.executable,
                *("-m", "emulator.constellation.node_process", name),
                *("--setup", str(home / "setup.json")),
                *("--broker", str(broker)),
                *("--run", topics.run),
                *("--folder", str(home)),
                *(("--attach", str(attached.path)) if attached and is_attached else ()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


@contextlib.contextmanager
def _broker(given: Broker | None, folder: Path) -> Iterator[Broker]:
    if given is not None:
        yield given
        return
    if find_mosquitto() is None and has_amqtt():
        with EmbeddedBroker() as embedded:
            yield embedded.broker
        return
    with Mosquitto(folder) as mosquitto:
        yield mosquitto.broker


def _check(children: Children, folder: Path) -> None:
    """End the run if a node could not do its work.

    Raises:
        BadInput: what it said.
    """
    for name, child in children.items():
        if child.poll() not in (None, 0):
            lines = (folder / name / "log").read_text(errors="replace").strip().splitlines()
            mend = f"its process ended with {child.returncode}: {lines[-1] if lines else ''}"
            raise BadInput(Fault("", "node", name, mend))
