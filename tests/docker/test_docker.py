"""A constellation in containers, on a real engine with a real broker; `make test-docker` runs these.

Base images come from `.ci/base-image` where no registry can be reached. The scenario is six hours
of Earth and Moon at rate 60, cut to what a test may take by `LIGHTLAG_DOCKER_RATE`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

import emulator
from emulator.compose import compose
from emulator.result import Result
from emulator.scenario import load
from emulator.setup import changed, from_scenario

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "emulator"))
from agreement import LISTED_APART, disagreements  # noqa: E402  # lies beside other tests

PROJECT = "lightlag-test"
PORT = "18080"
RATE = float(os.environ.get("LIGHTLAG_DOCKER_RATE", "60"))
HOURS = float(os.environ.get("LIGHTLAG_DOCKER_HOURS", "6"))
UP_WITHIN_S = 30.0
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


pytestmark = [pytest.mark.slow, pytest.mark.docker]


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    if reason := why_not():
        pytest.skip(reason)


class Constellation:
    """A compose project of our own."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.folder = folder
        self.words = [*command(), "-p", PROJECT, "-f", str(file)]

    def compose(self, *words: str, timeout_s: float = 300.0) -> str:
        done = subprocess.run(
            [*self.words, *words],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env={**os.environ, "RATE": f"{RATE:g}", "PAGE_PORT": PORT},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def status(self) -> dict[str, object]:
        with urlopen(f"http://127.0.0.1:{PORT}/status.json", timeout=5) as page:
            said: dict[str, object] = json.load(page)
            return said

    def nodes(self) -> dict[str, dict[str, object]]:
        rows = self.status()["nodes"]
        assert isinstance(rows, list)
        return {row["node"]: row for row in rows}

    def wait_until(self, what: str, is_so: object, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                if is_so():  # type: ignore[operator]
                    return
            except OSError:
                pass
            time.sleep(0.5)
        pytest.fail(f"not within {patience_s:g} s: {what}\n{self.compose('logs', '--tail', '20')}")

    def result(self) -> Result:
        out = self.folder / "run"
        container = self.compose("ps", "-q", "collector").strip()
        subprocess.run(
            ["docker", "cp", f"{container}:/var/lib/lightlag/run", str(out)],
            check=True,
            capture_output=True,
        )
        return Result.read(out)


@pytest.fixture(scope="module")
def constellation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Constellation]:
    """Six hours of Earth and Moon, built and up."""
    folder = tmp_path_factory.mktemp("docker")
    text = (ROOT / "scenarios" / "earth-moon.toml").read_text()
    scenario = ROOT / "scenarios" / ".docker-test.toml"
    scenario.write_text(text.replace('duration = "7d"', f'duration = "{HOURS}h"'))
    file = ROOT / ".docker-test.yml"
    names = tuple(load(scenario).ipn_numbers())
    file.write_text(compose("docker-test", f"scenarios/{scenario.name}", names))
    project = Constellation(folder, file)
    try:
        project.compose("build", "prepare", timeout_s=IMAGE_TIME_S)
        began = time.monotonic()
        project.compose("up", "-d")
        project.wait_until("a bundle", lambda: project.nodes()["base"]["events"], 120.0)
        project.up_s = time.monotonic() - began  # type: ignore[attr-defined]
        yield project
    finally:
        project.compose("down", "-v", "--timeout", "5")
        scenario.unlink()
        file.unlink()


def test_the_root_s_compose_file_is_that_of_the_default_scenario() -> None:
    scenario = load(ROOT / "scenarios" / "moonbase-alpha.toml")
    text = compose(scenario.name, "scenarios/moonbase-alpha.toml", tuple(scenario.ipn_numbers()))
    assert (ROOT / "docker-compose.yml").read_text() == text


def test_it_is_up_within_half_a_minute_and_no_service_has_rights(
    constellation: Constellation,
) -> None:
    assert constellation.up_s < UP_WITHIN_S  # type: ignore[attr-defined]
    for service in ("broker", "collector", "teide"):
        container = constellation.compose("ps", "-q", service).strip()
        inspected = subprocess.run(
            ["docker", "inspect", container], capture_output=True, check=True
        )
        (about,) = json.loads(inspected.stdout)
        assert about["HostConfig"]["ReadonlyRootfs"]
        assert about["HostConfig"]["CapDrop"] == ["ALL"]
        assert about["Config"]["User"] == "10001:10001"


def test_a_node_that_is_killed_and_started_again_goes_on(constellation: Constellation) -> None:
    before = constellation.nodes()["teide"]["events"]
    constellation.compose("kill", "-s", "SIGKILL", "teide")
    constellation.wait_until(
        "its will", lambda: constellation.nodes()["teide"]["state"] == "dead", 20
    )
    constellation.compose("start", "teide")
    constellation.wait_until(
        "its return",
        lambda: (
            constellation.nodes()["teide"]["state"] == "running"
            and constellation.nodes()["teide"]["events"] > before
        ),  # type: ignore[operator]
        60.0,
    )


def test_it_agrees_with_virtual_time(constellation: Constellation) -> None:
    seconds = HOURS * 3600 / RATE
    constellation.wait_until(
        "the end",
        lambda: all(row["state"] == "done" for row in constellation.nodes().values()),
        seconds + 120.0,
    )
    errors_s = [
        float(str(row["timing_error_p99_ms"])) / 1e3 for row in constellation.nodes().values()
    ]
    memory_mb = [float(str(row["memory_mb"])) for row in constellation.nodes().values()]
    time.sleep(3.0)  # the collector writes its folder
    real = constellation.result()
    whole = from_scenario(load(ROOT / "scenarios" / "earth-moon.toml"))
    exact = emulator.run(changed(whole, seed=None, strategy=None, until_s=HOURS * 3600))
    found = disagreements(exact, real, max(errors_s))
    assert real.summary["bundles"]["sourced"] == exact.summary["bundles"]["sourced"]
    assert len(found) <= max(LISTED_APART * exact.summary["bundles"]["sourced"], 1), found
    assert max(memory_mb) < 90
