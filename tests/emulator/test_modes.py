"""One scenario, several clocks: what happens is the same.

Virtual time, scaled time in one process, here; a process a node in `test_processes`, lockstep in `test_lockstep`,
a container a node in `tests/docker`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import emulator
from emulator.result import Result
from emulator.scenario import load
from emulator.setup import changed, from_scenario

SCENARIO = Path(__file__).parents[2] / "scenarios" / "earth-moon.toml"
HOURS = 6


@pytest.fixture(scope="module")
def runs() -> tuple[Result, Result]:
    whole = from_scenario(load(SCENARIO))
    setup = changed(whole, seed=None, strategy=None, until_s=HOURS * 3600.0)
    return emulator.run(setup), emulator.run(setup, rate=36_000)


@pytest.mark.slow
def test_scaled_in_one_process_is_virtual_time_event_for_event(runs: tuple[Result, Result]) -> None:
    exact, scaled = runs
    assert exact.summary["bundles"]["delivered"] == 72
    assert scaled.log == exact.log
    assert scaled.summary["late_frames"] == 0
