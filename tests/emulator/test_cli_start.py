"""The command line is there at once: it loads what a command needs when that command is called."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"numpy", "scipy", "skyfield", "polars", "plotly", "networkx", "aiomqtt"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "light-time"),
        (["run"], "Example: lightlag run"),
        (["doctor"], "Example: lightlag doctor"),
        (["control"], "Example: lightlag control"),
    ],
)
def test_help_is_shown_without_loading_what_only_a_run_needs(words: list[str], said: str) -> None:
    program = (
        "import sys; from emulator.cli import main\n"
        f"try: main([*{words!r}, '--help'])\n"
        f"finally: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said in " ".join(done.stdout.split())
    assert done.stderr.strip() == "[]"
