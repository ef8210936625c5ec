"""What runs in containers needs nothing of what the image leaves out: the Dockerfile says what that is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import emulator
from dtn.contact_plan import Contact, ContactPlan
from emulator.constellation import setup_file
from emulator.setup import Demand, Member, Setup

ROOT = Path(__file__).parents[2]
LEFT_OUT = re.findall(
    r"pip uninstall -y -q (.+?) pip setuptools", (ROOT / "Dockerfile").read_text()
)
NOBODY = "mqtt://127.0.0.1:1"

WITHOUT = """
import sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {left_out!r}:
            raise ModuleNotFoundError(f"the image has no {{name}}")

sys.meta_path.insert(0, Nowhere())
from {module} import main
main(sys.argv[1:])
"""

SETUP = Setup(
    name="two",
    sha256="",
    start=None,
    duration_s=10.0,
    seed=1,
    strategy="sabr",
    plan=ContactPlan([Contact("a", "b", 0.0, 10.0, 1e6, 1.0)]),
    members=(Member(name="a", ipn=1), Member(name="b", ipn=2)),
    demands=(Demand(created_s=1.0, source="a", destination="b", size_bytes=9, lifetime_s=9.0),),
)


pytestmark = pytest.mark.slow  # an interpreter for each


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A setup, and the folder of a run."""
    path = tmp_path_factory.mktemp("image")
    setup_file.save(SETUP, path / "setup.json")
    emulator.run(SETUP, out=path / "run")
    return path


@pytest.mark.parametrize(
    ("module", "words", "code", "says"),
    [
        (
            "emulator.cli",
            ["collect", "--setup", "setup.json", "--broker", NOBODY, "--patience", "0.1"],
            2,
            "cannot be reached",
        ),
        ("emulator.cli", ["dashboard", NOBODY, "--setup", "setup.json"], 2, "cannot be reached"),
        ("emulator.cli", ["ping", "ipn:2.7", "--from", "a", "--broker", "no"], 2, "mqtt://HOST"),
        ("emulator.cli", ["assert", "run", "delivered == 1"], 0, "met"),
        ("emulator.cli", ["report", "run"], 0, "report: "),
        ("emulator.cli", ["doctor"], 0, "honest up to"),
        (
            "emulator.constellation.node_process",
            ["c", "--setup", "setup.json", "--broker", NOBODY, "--folder", "c"],
            2,
            "no such node: a, b",
        ),
        (
            "emulator.constellation.node_process",
            [
                "a",
                "--setup",
                "setup.json",
                "--broker",
                NOBODY,
                "--attach",
                "x.toml",
                "--folder",
                "a",
            ],
            2,
            "x.toml: there is no such file",
        ),
        (
            "emulator.deployment.prepare",
            ["--setup", "setup.json", "--into", "volumes", "--peer", "b=x,carrier=mtcp"],
            0,
            "prepared",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_program_of_the_image_runs_without(
    module: str, words: list[str], code: int, says: str, folder: Path
) -> None:
    (left_out,) = LEFT_OUT
    program = WITHOUT.format(left_out=set(left_out.split()), module=module)
    if words[0] == "ping":
        words = [*words, "--run", "two"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
