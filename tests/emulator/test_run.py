"""Whole runs: what must hold of every bundle, and that equal seeds give equal octets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from invariants import check

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator.scenario import load
from emulator.setup import bundle_list, from_files

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture(scope="module")
def three_days() -> emulator.Result:
    """The default scenario, its first three days: one launch, all flows, no fault yet."""
    scenario = load(SCENARIOS / "moonbase-alpha.toml")
    short = scenario.model_copy(update={"duration_s": 3 * 86400.0, "faults": ()})
    return emulator.run(short)


def test_on_the_default_scenario_fates_and_breakdowns_add_up_and_no_latency_beats_the_ideal(
    three_days: emulator.Result,
) -> None:
    check(three_days)
    assert three_days.summary["bundles"]["delivered"] > 1000


@pytest.mark.slow
def test_the_same_holds_for_the_whole_default_scenario() -> None:
    result = emulator.run(SCENARIOS / "moonbase-alpha.toml")
    assert result.summary["bundles"]["sourced"] >= 20_000
    assert len(result.plan.nodes) >= 12
    check(result)


def test_on_the_default_scenario_a_satellite_joins_when_it_is_launched(
    three_days: emulator.Result,
) -> None:
    events = three_days.events.filter(pl.col("node") == "ai-1")
    assert events["t_s"][0] == 30 * 3600
    assert events.filter(pl.col("event") == "NodeUp")["t_s"].to_list() == [30 * 3600]
    mine = three_days.bundles.filter(pl.col("source") == "ai-1")
    assert mine["sourced_s"].min() == 30 * 3600


def test_every_flow_of_the_default_scenario_delivers(three_days: emulator.Result) -> None:
    names = {flow["flow"] for flow in three_days.summary["flows"]}
    wanted = {flow.name for flow in load(SCENARIOS / "moonbase-alpha.toml").traffic}
    assert names >= wanted
    assert all(flow["bundles"]["delivered"] for flow in three_days.summary["flows"])


@pytest.mark.parametrize("strategy", ["direct", "epidemic"])
def test_the_invariants_hold_under_other_strategies(strategy: str) -> None:
    result = emulator.run(SCENARIOS / "earth-moon.toml", strategy=strategy, until="2d")
    check(result)
    assert (result.summary["bundles"]["delivered"] > 0) == (strategy == "epidemic")


RUN_AND_WRITE = """
import sys, emulator
emulator.run(sys.argv[1], until="1d", out=sys.argv[2])
"""


def test_any_hash_seed_gives_the_same_octets(tmp_path: Path) -> None:
    logs = []
    for hash_seed in ("0", "4711"):
        out = tmp_path / hash_seed
        scenario = SCENARIOS / "earth-moon.toml"
        subprocess.run(
            [sys.executable, "-c", RUN_AND_WRITE, str(scenario), str(out)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
        )
        logs.append((out / "events.jsonl").read_bytes())
    assert logs[0] == logs[1]


def test_a_bundle_of_a_bundle_list_arrives_when_light_and_rate_say(tmp_path: Path) -> None:
    ContactPlan([Contact("a", "b", 10.0, 20.0, 8e6, 1.5)]).save(tmp_path / "plan.json")
    (tmp_path / "traffic.csv").write_text(
        "created_s,from,to,size_bytes,lifetime_s,flow\n0,a,b,1000000,60,bulk\n"
    )
    result = emulator.run(from_files(tmp_path / "plan.json", tmp_path / "traffic.csv"))
    (row,) = result.bundles.to_dicts()
    size_bytes = row["size_bytes"]
    assert 1_000_000 < size_bytes < 1_000_100
    # opens at 10 s, a megabyte a second, then 1.5 s of light; hop headers cost a few bytes more
    assert row["latency_s"] == pytest.approx(11.5 + size_bytes / 1e6, abs=1e-4)
    assert row["flow"] == "bulk"


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", -3), ("seed", "a"), ("seed", 1.5), ("until", 0), ("until", "soon"), ("rate", -1)],
)
def test_what_a_run_is_told_from_python_is_held_to_what_the_command_line_takes(
    key: str, value: object
) -> None:
    with pytest.raises(BadInput) as caught:
        emulator.run(SCENARIOS / "earth-moon.toml", **{key: value})  # type: ignore[arg-type]
    assert caught.value.faults[0].key == f"--{key}"


def test_a_bundle_list_tells_all_its_faults_at_once(tmp_path: Path) -> None:
    path = tmp_path / "traffic.csv"
    path.write_text(
        "created_s,from,to,size_bytes,lifetime_s,priority\n"
        "0,a,b,1000,60,1\n"
        "-1,a,b,1000,60,1\n"
        "0,a,a,1.5,60,1\n"
        "0,a,q,1000,0,9\n"
        f"0,a,b,{'9' * 5000},60,1\n"
    )
    with pytest.raises(BadInput) as caught:
        bundle_list.load(path, ("a", "b"))
    assert [fault.key for fault in caught.value.faults] == [
        "line 3, created_s",
        "line 4, to",
        "line 4, size_bytes",
        "line 5, to",
        "line 5, lifetime_s",
        "line 5, priority",
        "line 6, size_bytes",
    ]


def test_a_scenario_whose_launch_falls_back_names_the_launch(tmp_path: Path) -> None:
    text = (SCENARIOS / "moonbase-alpha.toml").read_text()
    path = tmp_path / "slow.toml"
    path.write_text(text.replace("muzzle_speed_m_s = 2450", "muzzle_speed_m_s = 1700"))
    short = load(path).model_copy(update={"duration_s": 3 * 86400.0, "faults": ()})
    with (
        pytest.warns(UserWarning, match="hits the Moon"),
        pytest.raises(BadInput, match="ai-1 hits the Moon"),
    ):
        emulator.run(short)
