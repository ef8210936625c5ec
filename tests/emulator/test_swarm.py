"""A stack for Docker Swarm: taken by docker's own reader, every service with its own secrets and no other's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import test_compose

from emulator.cli import main
from emulator.deployment.swarm import stack

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install -e '.[manifests]'")

SCENARIO = Path(__file__).parents[2] / "scenarios" / "earth-moon.toml"
IMAGE = "registry.example/three"


@pytest.fixture(scope="module")
def services() -> Mapping[str, Any]:
    text = stack(test_compose.SETUP, IMAGE, "mosquitto:2", "three.secrets").text
    found: Mapping[str, Any] = yaml.safe_load(text)["services"]
    return found


def test_a_node_has_its_own_password_and_no_other_s(services: Mapping[str, Any]) -> None:
    for node in "abc":
        passwords = [s["source"] for s in services[node]["secrets"] if "password" in s["source"]]
        assert passwords == [f"{node}.password"]
    assert {s["mode"] for service in services.values() for s in service["secrets"]} == {0o440}


def test_no_service_has_rights_and_only_pages_are_published(services: Mapping[str, Any]) -> None:
    for service in services.values():
        assert service["user"] == "10001:10001"
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert set(service["deploy"]["resources"]["limits"]) == {"memory", "pids"}
    assert {name for name, s in services.items() if "ports" in s} == {"collector", "dashboard"}


def test_the_command_writes_secrets_for_their_owner_only_and_docker_reads_the_stack(
    tmp_path: Path,
) -> None:
    file = tmp_path / "moon.yml"
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "compose",
                str(SCENARIO),
                "--swarm",
                "--image",
                "registry.example/moon",
                "-o",
                str(file),
            ]
        )
    assert ended.value.code == 0
    secrets = list((tmp_path / "moon.secrets").iterdir())
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    assert not any(path.read_text().strip() in file.read_text() for path in secrets)
    if shutil.which("docker") is None:
        pytest.skip("no docker here, whose reader of stacks could be asked")
    words = ["docker", "stack", "config", "-c", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
