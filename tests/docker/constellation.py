"""A constellation in containers, for tests: a compose project of its own, on a real engine.

Base images come from `.ci/base-image` where no registry can be reached. Everything is built from a copy, so that
several can run on one engine, and what changes meanwhile in the tree does not matter.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from emulator.result import Result

ROOT = Path(__file__).parents[2]
CONTEXT = [
    ".dockerignore",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
]
FOLDERS = ("dtn", "topology", "nodes", "emulator")
IMAGE_TIME_S = 1800.0


def why_not() -> str:
    """Why these tests cannot run here; "" if they can."""
    if shutil.which("docker") is None:
        return "no docker here"
    engine = subprocess.run(["docker", "info"], capture_output=True, check=False)
    if engine.returncode:
        return "no docker engine answers here"
    return "" if command() else "neither docker compose nor docker-compose here"


def command() -> list[str]:
    for words in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(words[0])
            and not subprocess.run([*words, "version"], capture_output=True, check=False).returncode
        ):
            return words
    return []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Constellation:
    """A compose project of our own."""

    def __init__(
        self,
        file: Path,
        project: str,
        image: str,
        run: str,
        rate: float,
        hours: float,
        *more: Path,
    ) -> None:
        self.project = project
        self.rate = rate
        self._image = image
        self._run = run
        self._lasts_s = hours * 3600 / rate
        self.up_s = 0.0
        self._files = [word for each in (file, *more) for word in ("-f", str(each))]
        self._port = free_port()
        self._dashboard_port = free_port()

    def compose(self, *words: str, timeout_s: float = 300.0) -> str:
        return run(
            [*command(), "-p", self.project, *self._files, *words],
            timeout_s=timeout_s,
            RATE=f"{self.rate:g}",
            PAGE_PORT=str(self._port),
            DASHBOARD_PORT=str(self._dashboard_port),
        )

    def container(self, service: str) -> str:
        return self.compose("ps", "-q", service).strip()

    def nodes(self) -> dict[str, dict[str, object]]:
        with urlopen(f"http://127.0.0.1:{self._port}/status.json", timeout=5) as page:
            return {row["node"]: row for row in json.load(page)["nodes"]}

    def dashboard(self, path: str) -> dict[str, list[dict[str, object]]]:
        """A document of the dashboard's, when it is there."""
        found: list[bytes] = []

        def ask() -> bool:
            with urlopen(f"http://127.0.0.1:{self._dashboard_port}{path}", timeout=5) as page:
                found.append(page.read())
            return True

        self.wait_until("the dashboard", ask, 60.0)
        document: dict[str, list[dict[str, object]]] = json.loads(found[0])
        return document

    def state(self, node: str) -> object:
        return self.nodes()[node]["state"]

    def events(self, node: str) -> int:
        return int(str(self.nodes()[node]["events"]))

    def wait_until(self, what: str, is_so: Callable[[], object], patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                if is_so():
                    return
            except OSError:
                pass
            time.sleep(0.2)
        pytest.fail(f"not within {patience_s:g} s: {what}\n{self.compose('logs', '--tail', '20')}")

    def lightlag(self, *words: str) -> str:
        """A command of an operator's, inside the constellation's network."""
        return run(
            [
                *("docker", "run", "--rm", "--network", f"{self.project}_links"),
                *("-v", f"{self.project}_operator:/operator:ro", self._image),
                *("lightlag", *words, "--run", self._run, "--broker", "mqtts://broker:8883"),
                *("--user", "operator", "--password-file", "/operator/password"),
                *("--ca", "/operator/ca.crt"),
            ]
        )

    def result(self, folder: Path) -> Result:
        """What the collector wrote at the end, for which this waits."""
        self.wait_until(
            "the end",
            lambda: all(row["state"] == "done" for row in self.nodes().values()),
            self._lasts_s + 180.0,
        )
        out = folder / "run"
        words = ["docker", "cp", f"{self.container('collector')}:/var/lib/lightlag/run", str(out)]
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline and not (out / "report.html").is_file():
            shutil.rmtree(out, ignore_errors=True)  # what was copied while it was being written
            subprocess.run(words, capture_output=True, check=False)
            time.sleep(0.5)
        return Result.read(out)


def run(words: list[str], timeout_s: float = 120.0, **variables: str) -> str:
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def copy_of_the_tree(folder: Path) -> Path:
    """All that an image is made of, without scenarios; returns the folder."""
    if reason := why_not():
        pytest.skip(reason)
    folder.mkdir(exist_ok=True)
    for name in CONTEXT:
        shutil.copy2(ROOT / name, folder)
    for name in FOLDERS:
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
    (folder / "scenarios").mkdir()
    return folder


@contextmanager
def up(one: Constellation, node: str, *first: str) -> Iterator[Constellation]:
    """A constellation as long as the block lasts, from the first event of a node on; some services go first."""
    try:
        for service in first:
            one.compose("up", "-d", service)
        began = time.monotonic()
        one.compose("up", "-d")
        one.wait_until("a bundle", lambda: one.events(node), 180.0)
        one.up_s = time.monotonic() - began
        yield one
    finally:
        one.compose("down", "-v", "--timeout", "5")
