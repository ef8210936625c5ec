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
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from constellation import IMAGE_TIME_S, Constellation, copy_of_the_tree, run, up

import emulator
from dtn.events import BundleDelivered, NodeDown, NodeUp
from emulator.deployment.compose import compose
from emulator.scenario import load

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "emulator"))
from agreement import LISTED_APART, disagreements  # noqa: E402  # lies beside other tests

PROJECT = f"lightlag-test-{os.getpid()}"
CHANGES = (
    ('duration = "7d"', 'duration = "{hours}h"'),
    ("start = 2026-12-01T00:00:00Z", "start = 2026-12-01T03:05:00Z"),
    ('period = "5min"', 'period = "30s"'),
)
RATE = float(os.environ.get("LIGHTLAG_DOCKER_RATE", "60"))
HOURS = float(os.environ.get("LIGHTLAG_DOCKER_HOURS", "6"))
UP_WITHIN_S = float(os.environ.get("LIGHTLAG_DOCKER_UP_S", "30"))
MOST_MEMORY_MB = 90


SMALL_DISK = """\
services:
  holder:  # keeps the disk while nobody else has it
    image: lightlag/docker-test
    command: ["sleep", "7200"]
    network_mode: none
    volumes: ["relay:/held"]
volumes:
  relay: { driver_opts: { type: tmpfs, device: tmpfs, o: "size=32m,mode=0755" } }
"""
FILL = """\
with open("/held/filler", "wb", buffering=0) as file:
    for size in (1 << 20, 1 << 10, 1):
        try:
            while True:
                file.write(bytes(size))
        except OSError as fault:
            print(fault.strerror)
"""

pytestmark = [pytest.mark.slow, pytest.mark.realtime, pytest.mark.docker]


@pytest.fixture(scope="module")
def compose_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compose file beside a copy of all that its image is made of; the image is built."""
    folder = copy_of_the_tree(tmp_path_factory.mktemp("docker"))
    scenario = folder / "scenarios" / "earth-moon.toml"
    text = (ROOT / "scenarios" / "earth-moon.toml").read_text()
    for old, new in CHANGES:
        assert old in text
        text = text.replace(old, new.format(hours=HOURS))
    scenario.write_text(text)
    file = folder / "docker-compose.yml"
    names = tuple(load(scenario).ipn_numbers())
    file.write_text(compose("docker-test", "scenarios/earth-moon.toml", names))
    a_constellation(file, PROJECT).compose("build", "prepare", timeout_s=IMAGE_TIME_S)
    return file


def a_constellation(file: Path, project: str, rate: float = RATE, *more: Path) -> Constellation:
    image = "lightlag/docker-test"
    return Constellation(file, project, image, "earth-moon", rate, HOURS, *more)


@pytest.fixture(scope="module")
def left_alone(compose_file: Path) -> Iterator[Constellation]:
    with up(a_constellation(compose_file, f"{PROJECT}-a"), "base") as one:
        yield one


@pytest.fixture(scope="module")
def disturbed(compose_file: Path) -> Iterator[Constellation]:
    small = compose_file.parent / "small-disk.yml"
    small.write_text(SMALL_DISK)
    one = a_constellation(compose_file, f"{PROJECT}-b", RATE / 2, small)
    with up(one, "base", "holder"):
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


def test_its_dashboard_has_the_map_of_the_run_and_can_change_the_strategy(
    disturbed: Constellation,
) -> None:
    drawn = disturbed.dashboard("/geometry.json")
    assert {track["name"] for track in drawn["nodes"]} == {"teide", "base", "relay"}
    assert "direct" in disturbed.dashboard("/run.json")["strategies"]


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


def test_a_node_whose_disk_is_full_ends_in_words_and_goes_on_when_there_is_room(
    disturbed: Constellation,
) -> None:
    disturbed.compose("exec", "-T", "holder", "python3", "-c", FILL)
    says = "No space left on device): make room, and start the node again"
    disturbed.wait_until("its word", lambda: says in disturbed.compose("logs", "relay"), 90.0)
    disturbed.wait_until("its end", lambda: disturbed.state("relay") == "dead", 30.0)
    before = disturbed.events("relay")
    disturbed.compose("exec", "-T", "holder", "rm", "/held/filler")
    disturbed.wait_until(
        "its return",
        lambda: disturbed.state("relay") == "running" and disturbed.events("relay") > before,
        150.0,
    )


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
