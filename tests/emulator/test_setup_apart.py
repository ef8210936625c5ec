"""A setup made in a process of its own: the same, with the same faults and doubts, and gone with who asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dtn.errors import BadInput
from emulator.doubts import Doubt
from emulator.scenario import Scenario, load
from emulator.scenario.reading import from_tables
from emulator.scenario.toml import read_tables
from emulator.setup import apart, with_geometry

EARTH_MOON = Path(__file__).parents[2] / "scenarios" / "earth-moon.toml"


@pytest.fixture
def _always_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(apart, "WORTH_A_PROCESS_S", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def scenario_with(**changes: object) -> Scenario:
    return from_tables({**read_tables(EARTH_MOON), "duration": "6h", **changes}, EARTH_MOON)


@pytest.mark.usefixtures("_always_apart")
def test_another_process_makes_the_same_setup_and_tells_how_far_it_is() -> None:
    scenario = scenario_with()
    told: list[tuple[str, float]] = []
    made = apart.with_geometry_apart(scenario, lambda what, part: told.append((what, part)))
    here = with_geometry(scenario)
    assert made == here
    assert {what for what, _ in told} == {"windows", "sessions"}
    with pytest.raises(ChildProcessError):  # none is left behind
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.usefixtures("_always_apart")
def test_a_fault_found_there_is_told_here() -> None:
    nodes = [dict(node) for node in read_tables(EARTH_MOON)["nodes"]]
    for node in nodes:
        if "orbit" in node:
            node["orbit"] = {"oem": "nowhere.oem", "body": "moon"}
    with pytest.raises(BadInput, match=r"nowhere\.oem"):
        apart.with_geometry_apart(scenario_with(nodes=nodes))


def test_a_small_scenario_is_not_worth_a_process() -> None:
    scenario = load(EARTH_MOON)
    assert len(scenario.ipn_numbers()) * scenario.duration_s < apart.WORTH_A_PROCESS_S


@pytest.mark.usefixtures("_always_apart")
def test_what_was_doubted_there_is_doubted_here() -> None:
    last_year = (
        "1 25544U 98067A   25335.50000000  .00016717  00000-0  10270-3 0  9000",
        "2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.49000000    18",
    )
    nodes = [dict(node) for node in read_tables(EARTH_MOON)["nodes"]]
    for node in nodes:
        if "orbit" in node:
            node["orbit"] = {"tle": list(last_year)}
    with pytest.warns(Doubt, match="take a newer one"):
        apart.with_geometry_apart(scenario_with(nodes=nodes))
