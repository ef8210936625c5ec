"""What is compiled and kept: a change in one file reaches the functions of the others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dtn.compiling import forget_older

COMPILED_S = 1000.0


@pytest.mark.parametrize(("changed_s", "kept"), [(COMPILED_S - 1, True), (COMPILED_S + 1, False)])
def test_what_was_compiled_before_any_of_its_files_changed_is_forgotten(
    tmp_path: Path, changed_s: float, kept: bool
) -> None:
    sources = [tmp_path / "caller.py", tmp_path / "called.py"]
    indices = [tmp_path / "caller.f-1.py311.nbi", tmp_path / "called.g-1.py311.nbi"]
    other = tmp_path / "other.h-1.py311.nbi"
    for file in (*sources, *indices, other):
        file.touch()
        os.utime(file, (COMPILED_S, COMPILED_S))
    os.utime(sources[0], (1.0, 1.0))
    os.utime(sources[1], (changed_s, changed_s))
    forget_older(tmp_path, sources)
    assert [index.exists() for index in indices] == [kept, kept]
    assert other.exists()


@pytest.mark.parametrize(
    ("module", "function", "changed"),
    [
        ("dtn.routing.compiled_routes", "_touch", "compiled_arrays"),
        ("topology.compiled_windows", "passage", "compiled_zeros"),
    ],
)
def test_kernels_whose_functions_call_each_other_look_when_they_are_imported(
    tmp_path: Path, module: str, function: str, changed: str
) -> None:
    pytest.importorskip("numba")
    program = f"""
import importlib, os
from dtn.compiling import cache_of
import {module} as kernel
cache = cache_of(kernel.{function})
cache.mkdir(parents=True, exist_ok=True)
old = cache / "{changed}.f-1.py311.nbi"
old.touch()
os.utime(old, (1.0, 1.0))
importlib.reload(kernel)
print(old.exists())
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
