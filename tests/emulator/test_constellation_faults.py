"""What a user of a constellation can get wrong: one line with the mend, and exit code 2."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator.cli import main
from emulator.constellation import setup_file
from emulator.constellation.collector import Collector
from emulator.constellation.mosquitto import FLOW, Mosquitto, find_mosquitto
from emulator.constellation.processes import constellation
from emulator.deployment.prepare import password_line
from emulator.setup import Member, Setup
from nodes.channel.topics import Topics

SETUP = Setup(
    name="two",
    sha256="",
    start=None,
    duration_s=10.0,
    seed=1,
    strategy="sabr",
    plan=ContactPlan([Contact("a", "b", 0.0, 10.0, 1e6, 1.0)]),
    members=(Member(name="a", ipn=1), Member(name="b", ipn=2)),
)
NOBODY = "mqtt://127.0.0.1:1"

needs_mosquitto = pytest.mark.skipif(
    find_mosquitto() is None, reason="no mosquitto here: apt-get install mosquitto"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "setup.json"
    setup_file.save(SETUP, path)
    return path


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def the_line_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command that ends with 2 says."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def the_line_of_a_node(words: list[str]) -> str:
    """What a node's program, which is another process, says when it ends with 2."""
    program = [sys.executable, "-m", "emulator.constellation.node_process"]
    done = subprocess.run([*program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    "words",
    [
        ["collect", "--setup", "SETUP", "--broker", NOBODY, "--patience", "0.2"],
        ["control", "pause", "--broker", NOBODY, "--run", "two"],
        ["ping", "ipn:2.7", "--from", "a", "--broker", NOBODY, "--run", "two"],
    ],
    ids=lambda words: words[0],
)
def test_a_broker_that_is_not_there(
    words: list[str],
    file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("emulator.constellation.operator.PATIENCE_S", 0.2)
    line = the_line_of([str(file) if word == "SETUP" else word for word in words], capsys)
    assert line.startswith("--broker = mqtt://127.0.0.1:1: cannot be reached")
    assert line.endswith("start it, or name another")


def test_a_port_of_the_page_that_is_taken(
    file: Path, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["collect", "--setup", str(file), "--broker", NOBODY, "--page", str(taken_port)]
    line = the_line_of(words, capsys)
    assert f"--page = {taken_port}" in line or f"--page = 127.0.0.1:{taken_port}" in line
    assert "name another" in line or "another port" in line


def test_a_node_that_is_not_in_the_setup(file: Path) -> None:
    words = ["c", "--setup", str(file), "--broker", NOBODY, "--folder", str(file.parent)]
    assert the_line_of_a_node(words) == "NAME = c: the setup has no such node: a, b"


@needs_mosquitto
def test_a_wrong_password(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text(password_line("a", "right"))
    (tmp_path / "wrong").write_text("wrong\n")
    guarded = FLOW.replace("persistence", f"user root\npassword_file {passwords}\npersistence")
    monkeypatch.setattr("emulator.constellation.mosquitto.FLOW", guarded)
    monkeypatch.setattr("emulator.constellation.mosquitto.ANYBODY", "allow_anonymous false\n")
    with Mosquitto(tmp_path) as mosquitto:
        words = ["a", "--setup", str(file), "--broker", str(mosquitto.broker)]
        words += ["--user", "a", "--password-file", str(tmp_path / "wrong")]
        line = the_line_of_a_node([*words, "--folder", str(tmp_path / "a")])
    assert "refuses user 'a'" in line
    assert line.endswith("check name and password")


@needs_mosquitto
@pytest.mark.slow
def test_nodes_that_have_another_setup_are_named(tmp_path: Path) -> None:
    topics = Topics("two")
    with Mosquitto(tmp_path) as mosquitto:
        collector = Collector(SETUP, "another digest", mosquitto.broker, topics)
        collector.connect()
        try:
            with constellation(SETUP, mosquitto.broker, topics, tmp_path, {}):
                with pytest.raises(BadInput) as refused:
                    collector.wait_until_ready(60.0)
                collector.stop()
        finally:
            collector.close()
    (fault,) = refused.value.faults
    assert str(fault).startswith("nodes = a, b: have another setup than the collector")
    assert str(fault).endswith("make it anew for all")
