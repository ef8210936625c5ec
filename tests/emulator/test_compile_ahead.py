"""Compiling ahead of time: after it no run has to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytestmark = pytest.mark.slow

NEEDED = ("answer", "best_routes", "passage", "light_times", "advance", "chebyshev")
"""What the search, the scan and the integration are entered by."""


def test_all_that_is_compiled_is_kept_for_the_next_process(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-m", "emulator.compile_ahead"], env=environment, check=True, timeout=500
    )
    kept = {file.name.split("-")[0].split(".")[-1] for file in tmp_path.rglob("*.nbi")}
    assert kept.issuperset(NEEDED)
