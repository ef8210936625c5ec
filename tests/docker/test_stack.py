"""The constellation as a stack on a swarm of one machine, which is left again afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from constellation import IMAGE_TIME_S, copy_of_the_tree, free_port, run
from test_peer import SCENARIO

from emulator.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.realtime, pytest.mark.docker]

NAME = f"lightlag-stack-{os.getpid()}"
PATIENCE_S = 180.0


def is_in_a_swarm() -> bool:
    return run(["docker", "info", "-f", "{{.Swarm.LocalNodeState}}"]).strip() != "inactive"


@pytest.fixture
def swarm() -> Iterator[None]:
    """A swarm for the time of the test, unless the engine is in one."""
    if is_in_a_swarm():
        yield
        return
    # Docker's own choice may be somebody's network, and one choice for all what an earlier run has left
    pool = ["--default-addr-pool", f"10.{200 + os.getpid() % 50}.0.0/16"]
    here = ["--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377"]
    run(["docker", "swarm", "init", *here, *pool])
    try:
        yield
    finally:
        run(["docker", "swarm", "leave", "--force"])


def test_the_stack_runs_to_its_end(swarm: None, tmp_path: Path) -> None:
    folder = copy_of_the_tree(tmp_path / "tree")
    scenario = folder / "scenarios" / "peer.toml"
    scenario.write_text(SCENARIO)
    words = ["--build-arg", "SCENARIO=scenarios/peer.toml", "-t", NAME, str(folder)]
    run(["docker", "build", "-q", *words], timeout_s=IMAGE_TIME_S)
    file = folder / "stack.yml"
    with pytest.raises(SystemExit) as ended:
        main(["compose", str(scenario), "--swarm", "--image", NAME, "-o", str(file)])
    assert ended.value.code == 0
    port = free_port()
    pages = {"RATE": "2", "PAGE_PORT": str(port), "DASHBOARD_PORT": str(free_port())}
    deploy = ["docker", "stack", "deploy", "--resolve-image", "never", "-c", str(file), NAME]
    try:
        run(deploy, 120.0, **pages)
        wait_until_all_are_done(port)
        with urlopen(f"http://127.0.0.1:{port}/report.html", timeout=10) as page:
            assert b"telemetry" in page.read()
    except BaseException:  # whatever it was: where things stand says why
        print(run(["docker", "stack", "ps", "--no-trunc", NAME]))
        raise
    finally:
        run(["docker", "stack", "rm", NAME])
        remove_what_is_left()


def wait_until_all_are_done(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    states: dict[str, str] = {}
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/status.json", timeout=5) as page:
                states = {row["node"]: row["state"] for row in json.load(page)["nodes"]}
        except OSError:
            pass
        if set(states) == {"ground", "relay", "probe"} and set(states.values()) == {"done"}:
            return
        time.sleep(0.5)
    pytest.fail(f"not at its end within {PATIENCE_S:g} s: {states}")


def remove_what_is_left() -> None:
    """Volumes, networks and the image are the stack's as long as its containers are going."""
    volumes = [f"{NAME}_{name}" for name in ("collector", "ground", "relay", "probe")]
    label = f"label=com.docker.stack.namespace={NAME}"
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        for words in (["volume", "rm", "-f", *volumes], ["image", "rm", NAME]):
            subprocess.run(["docker", *words], capture_output=True, check=False)
        left = [
            ["network", "ls", "-q", "--filter", label],
            ["volume", "ls", "-q", "--filter", label],
        ]
        if not any(run(["docker", *words]) for words in [*left, ["image", "ls", "-q", NAME]]):
            return
        time.sleep(1.0)
