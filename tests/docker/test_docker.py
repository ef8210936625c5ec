"""A constellation in containers, on a real engine with a real broker; `make test-docker` runs these.

Base images come from `.ci/base-image` where no registry can be reached. The scenario is some hours of Earth and
Moon, from when the station sees the relay: `LIGHTLAG_DOCKER_HOURS` and `LIGHTLAG_DOCKER_RATE` say how many, and how
fast. It runs twice: left alone, it must agree with virtual time; disturbed, at half the rate, every bundle must be
accounted for.

Everything is built from a copy, under a name of its own, so that several of these can run on one engine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

import emulator
from dtn.events import BundleDelivered, NodeDown, NodeUp
from emulator.compose import compose
from emulator.result import Result
from emulator.scenario import load

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "emulator"))
from agreement import LISTED_APART, disagreements  # noqa: E402  # lies beside other tests

PROJECT = f"lightlag-test-{os.getpid()}"
CONTEXT = [
    ".dockerignore",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
]
CHANGES = (
    ('duration = "7d"', 'duration = "{hours}h"'),
    ("start = 2026-12-01T00:00:00Z", "start = 2026-12-01T03:05:00Z"),
    ('period = "5min"', 'period = "30s"'),
)
FOLDERS = ("dtn", "topology", "nodes", "emulator")
RATE = float(os.environ.get("LIGHTLAG_DOCKER_RATE", "60"))
HOURS = float(os.environ.get("LIGHTLAG_DOCKER_HOURS", "6"))
UP_WITHIN_S = float(os.environ.get("LIGHTLAG_DOCKER_UP_S", "30"))
IMAGE_TIME_S = 1800.0
MOST_MEMORY_MB = 90


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


pytestmark = [pytest.mark.slow, pytest.mark.realtime, pytest.mark.docker]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Constellation:
    """A compose project of our own."""

    def __init__(self, file: Path, project: str, rate: float = RATE) -> None:
        self.project = project
        self.rate = rate
        self.up_s = 0.0
        self._file = file
        self._port = free_port()
        self._dashboard_port = free_port()

    def compose(self, *words: str, timeout_s: float = 300.0) -> str:
        return run(
            [*command(), "-p", self.project, "-f", str(self._file), *words],
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
                *("-v", f"{self.project}_operator:/operator:ro", "lightlag/docker-test"),
                *("lightlag", *words, "--run", "earth-moon", "--broker", "mqtts://broker:8883"),
                *("--user", "operator", "--password-file", "/operator/password"),
                *("--ca", "/operator/ca.crt"),
            ]
        )

    def result(self, folder: Path) -> Result:
        """What the collector wrote at the end, for which this waits."""
        self.wait_until(
            "the end",
            lambda: all(row["state"] == "done" for row in self.nodes().values()),
            HOURS * 3600 / self.rate + 180.0,
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


@pytest.fixture(scope="module")
def compose_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compose file beside a copy of all that its image is made of; the image is built."""
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("docker")
    for name in CONTEXT:
        shutil.copy2(ROOT / name, folder)
    for name in FOLDERS:
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=leave_out)
    scenario = folder / "scenarios" / "earth-moon.toml"
    scenario.parent.mkdir()
    text = (ROOT / "scenarios" / "earth-moon.toml").read_text()
    for old, new in CHANGES:
        assert old in text
        text = text.replace(old, new.format(hours=HOURS))
    scenario.write_text(text)
    file = folder / "docker-compose.yml"
    names = tuple(load(scenario).ipn_numbers())
    file.write_text(compose("docker-test", "scenarios/earth-moon.toml", names))
    Constellation(file, PROJECT).compose("build", "prepare", timeout_s=IMAGE_TIME_S)
    return file


@contextmanager
def up(file: Path, project: str, rate: float) -> Iterator[Constellation]:
    one = Constellation(file, project, rate)
    try:
        began = time.monotonic()
        one.compose("up", "-d")
        one.wait_until("a bundle", lambda: one.events("base"), 180.0)
        one.up_s = time.monotonic() - began
        yield one
    finally:
        one.compose("down", "-v", "--timeout", "5")


@pytest.fixture(scope="module")
def left_alone(compose_file: Path) -> Iterator[Constellation]:
    with up(compose_file, f"{PROJECT}-a", RATE) as one:
        yield one


@pytest.fixture(scope="module")
def disturbed(compose_file: Path) -> Iterator[Constellation]:
    with up(compose_file, f"{PROJECT}-b", RATE / 2) as one:
        yield one


def test_it_is_up_within_half_a_minute_and_no_service_has_rights(
    left_alone: Constellation,
) -> None:
    assert left_alone.up_s < UP_WITHIN_S
    for service in ("broker", "collector", "teide"):
        (about,) = json.loads(run(["docker", "inspect", left_alone.container(service)]))
        assert about["HostConfig"]["ReadonlyRootfs"]
        assert about["HostConfig"]["CapDrop"] == ["ALL"]
        assert about["Config"]["User"] == "10001:10001"


def test_it_agrees_with_virtual_time(
    left_alone: Constellation, compose_file: Path, tmp_path: Path
) -> None:
    real = left_alone.result(tmp_path)
    rows = left_alone.nodes().values()
    exact = emulator.run(compose_file.parent / "scenarios" / "earth-moon.toml")
    assert exact.summary["bundles"]["delivered"] > 0
    assert real.summary["bundles"]["sourced"] == exact.summary["bundles"]["sourced"]
    errors_s = [float(str(row["timing_error_p99_ms"])) / 1e3 for row in rows]
    found = disagreements(exact, real, max(errors_s))
    assert len(found) <= max(LISTED_APART * exact.summary["bundles"]["sourced"], 1), found
    assert max(float(str(row["memory_mb"])) for row in rows) < MOST_MEMORY_MB


def test_an_operator_outside_pings_and_sees_every_hop(disturbed: Constellation) -> None:
    said = disturbed.lightlag("ping", "ipn:2.7", "--from", "teide", "--patience", "60")
    first, *_, last = said.splitlines()
    assert first.split()[-2:] == ["teide", "sent"]
    assert last.split()[-2:] == ["teide", "answered"]
    assert float(last.split()[0]) > 2 * 1.2  # seconds of light there and back


def test_a_node_that_is_killed_and_started_again_goes_on(disturbed: Constellation) -> None:
    before = disturbed.events("teide")
    disturbed.compose("kill", "-s", "SIGKILL", "teide")
    disturbed.wait_until("its will", lambda: disturbed.state("teide") == "dead", 20.0)
    disturbed.compose("start", "teide")
    disturbed.wait_until(
        "its return",
        lambda: disturbed.state("teide") == "running" and disturbed.events("teide") > before,
        60.0,
    )


def test_the_broker_is_killed_and_started_again_and_all_go_on(disturbed: Constellation) -> None:
    disturbed.compose("kill", "-s", "SIGKILL", "broker")
    disturbed.compose("start", "broker")
    before = {node: disturbed.events(node) for node in ("teide", "base")}
    disturbed.wait_until(
        "more events",
        lambda: all(disturbed.events(node) > count for node, count in before.items()),
        90.0,
    )


def test_a_node_whose_network_is_taken_away_comes_back_with_it(disturbed: Constellation) -> None:
    network, container = f"{disturbed.project}_links", disturbed.container("teide")
    run(["docker", "network", "disconnect", network, container])
    disturbed.wait_until("its will", lambda: disturbed.state("teide") == "dead", 30.0)
    run(["docker", "network", "connect", network, container])
    disturbed.wait_until("its return", lambda: disturbed.state("teide") == "running", 60.0)


def test_after_all_that_every_bundle_is_delivered_once_or_accounted_for(
    disturbed: Constellation, tmp_path: Path
) -> None:
    result = disturbed.result(tmp_path)
    counts = result.summary["bundles"]
    delivered = Counter(e.bundle for e in result.log if isinstance(e, BundleDelivered))
    assert set(delivered.values()) == {1}
    assert "unaccounted" not in {loss["cause"] for loss in result.summary["losses"]}
    fates = ("delivered", "expired", "dropped", "in_network")
    assert sum(counts[fate] for fate in fates) == counts["sourced"] > 0
    kinds = [type(e) for e in result.log if isinstance(e, NodeUp | NodeDown) and e.node == "teide"]
    assert kinds == [NodeUp, NodeDown, NodeUp]  # cut off from the broker, it was never down
