"""Mosquitto, on this machine's loopback for as long as a run or a test lasts.

Its default of 1000 queued messages a client, beyond which it drops without a word (QoS 1 included),
is taken away: what waits is bounded by our own channels. Nothing is written to disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from dtn.errors import BadInput, Fault
from nodes.channel.broker import Broker

UP_WITHIN_S = 5.0
ANYBODY = "allow_anonymous true\n"
"""On the loopback, for as long as a run lasts."""

FLOW = """\
per_listener_settings false
persistence false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
set_tcp_nodelay true
log_type error
log_type warning
"""
"""What a broker of ours is told wherever it runs."""


def find_mosquitto() -> str | None:
    """The program, also where a user's path does not lead."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("mosquitto", path=path)


class Mosquitto:
    """A broker of our own; a context manager.

    Args:
        folder: for its configuration and its log.

    Raises:
        BadInput: this machine has none, or it does not start.
    """

    def __init__(self, folder: Path) -> None:
        program = find_mosquitto()
        if program is None:
            mend = "there is none on this machine: install the package mosquitto, or pip install 'lightlag[broker]'"
            raise BadInput(Fault("", "mosquitto", "", mend))
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.broker = Broker(host="127.0.0.1", port=free_port())

    def start(self) -> None:
        """Start it, again on the same port, and wait until it listens."""
        config = self._folder / "mosquitto.conf"
        listener = f"listener {self.broker.port} {self.broker.host}\n{ANYBODY}"
        config.write_text(listener + FLOW, encoding="utf-8")
        log = self._folder / "mosquitto.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._program, "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        patience = time.monotonic() + UP_WITHIN_S
        while self._process.poll() is None and time.monotonic() < patience:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.broker.host, self.broker.port), 0.2),
            ):
                return
            time.sleep(0.01)
        self.stop()
        said = " ".join(log.read_text(errors="replace").split()[-30:])
        raise BadInput(Fault("", "mosquitto", "", f"does not start: {said}"))

    def kill(self) -> None:
        """End it without a word to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def free_port() -> int:
    """A port on the loopback that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
