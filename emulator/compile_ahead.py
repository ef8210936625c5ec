"""Compile ahead of time what can be compiled: python -m emulator.compile_ahead.

Modules of the hot path are compiled by mypyc and a C compiler, where there are both (`emulator.compile_modules`).

The search, the scan for windows and the integration of orbits have forms that numba compiles, each where it is first
needed, and keeps beside the source (or in the user's cache, where that may not be written): about a minute of the first
run that needs them all. Here they are needed at once, by the scenario that `lightlag new` writes, each in a process of
its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path


def compile_ahead() -> int:
    """All parts side by side; returns how many have failed."""
    from dtn.routing.kernel import IS_AVAILABLE

    if not IS_AVAILABLE:
        print("numba is not installed: search, windows and orbits stay as they are")
    parts = [
        subprocess.Popen([sys.executable, "-m", "emulator.compile_ahead", part])
        for part in PARTS
        if IS_AVAILABLE or part not in BY_NUMBA
    ]
    return sum(part.wait() != 0 for part in parts)


def need_modules() -> None:
    """Compile the modules of the hot path."""
    from emulator.compile_modules import compile_modules

    compile_modules()


def need_search() -> None:
    """Search for a route in every way there is."""
    from dtn.contact_plan import Contact, ContactPlan
    from dtn.routing import kernel
    from dtn.routing.index import index_of

    kernel.WORTH_COMPILING = 0
    kernel.kernel_of(index_of(ContactPlan([Contact("a", "b", 0.0, 1.0, 1e6, 1.0)])))


def need_sky() -> None:
    """Plan the contacts of the scenario that `lightlag new` writes, as if they were many."""
    from emulator.scenario import load
    from emulator.sky import scenario_sky as whole_sky
    from topology import chebyshev, scan

    whole_sky.WORTH_COMPILING = chebyshev.WORTH_COMPILING = scan.WORTH_COMPILING = 0
    template = resources.files("emulator.scenario") / "template.toml"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # a plan that is known needs nothing
        file = Path(folder) / "scenario.toml"
        file.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
        with whole_sky.ScenarioSky(load(file)) as sky:
            sky.plan()


BY_NUMBA = {"search": need_search, "sky": need_sky}
PARTS = {"modules": need_modules, **BY_NUMBA}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        PARTS[sys.argv[1]]()
    else:
        sys.exit(compile_ahead())
