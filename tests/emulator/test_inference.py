"""Events that satellites decide on, from a scenario to its figures: fates, latencies, placements."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from small_inference import (
    AIRTIME_S,
    ALWAYS,
    BOTH,
    GAPS,
    INPUT_BYTES,
    NUMBERS,
    OWLT_S,
    PLAN,
    both_ways,
    events,
    fly,
    medians,
    scenario,
)

import emulator
from dtn.contact_plan import ContactPlan
from dtn.events import (
    DecisionMade,
    EnergyAccounted,
    JobCreated,
    JobDropped,
    JobFinished,
    JobSent,
    PowerShed,
)
from emulator.reports.decisions import JOB_FATES, PART_COLUMNS
from emulator.result import Result

RUN = "from emulator.cli import main; main()"


def test_a_decision_takes_the_journey_there_the_computing_and_the_journey_back(
    tmp_path: Path,
) -> None:
    result = fly(tmp_path, placement='["onboard", "moon", "earth"]')
    found = medians(result)
    assert found["onboard"] == pytest.approx(1.0, abs=1e-9)
    # 1e9 operations: 1 s on board, 0.01 s at the base, 0.01 s in one of ten slots at home
    for place, owlt_s in OWLT_S.items():
        least_s = 2 * owlt_s + AIRTIME_S + 0.01
        assert least_s < found[place] < least_s + 0.01  # headers and the answer's airtime
    by_name = {one["placement"]: one for one in result.summary["decisions"]}
    assert by_name["earth"]["places"] == {"home": 72}
    assert by_name["onboard"]["energy_j"] == by_name["moon"]["energy_j"] == pytest.approx(72.0)
    assert by_name["moon"]["onboard_energy_j"] == 0.0
    assert by_name["earth"]["home_bytes"] > 72 * INPUT_BYTES
    assert 72 * 200 < by_name["onboard"]["home_bytes"] < 72 * 300  # reports
    assert by_name["moon"]["home_bytes"] < by_name["moon"]["sent_bytes"] / 100


@pytest.mark.parametrize("plan", [PLAN, GAPS], ids=["always", "gaps"])
@pytest.mark.parametrize("job", ["", 'acts_at = "home"', "runs = 5"])
def test_every_job_has_one_fate_and_every_second_of_its_latency_a_cause(
    tmp_path: Path, plan: ContactPlan, job: str
) -> None:
    result = fly(
        tmp_path,
        plan,
        placement='["onboard", "moon", "earth", "nearest", "deadline", "energy"]',
        operations="1e11",
        craft_w=0.3,
        deadline="5h",
        job=job,
        computing='queue = "edf", drop_late = true',
        more='[[faults]]\nnode = "craft"\nat = "5h"\nfor = "2h"\n\n[[faults]]\nnode = "base"\nat = "12h"\nfor = "1h"\n',
    )
    table = result.decisions
    assert len(table) == len(events(result, JobCreated)) == 6 * 72
    assert set(table["fate"]) <= set(JOB_FATES)
    assert not table["cause"].str.contains("unaccounted|refused").any()
    for one in result.summary["decisions"]:
        assert one["events"] == 72 == one["in_time"] + one["late"] + one["lost"] + one["open"]
    made = table.filter(pl.col("latency_s").is_not_null())
    assert len(made) == len({event.job for event in events(result, DecisionMade)}) > 100  # type: ignore[attr-defined]
    total_s = pl.sum_horizontal(PART_COLUMNS)
    assert made.select((total_s - pl.col("latency_s")).abs().max()).item() < 1e-5
    assert made.select(pl.min_horizontal(PART_COLUMNS).min()).item() > -1e-6
    down = table.filter(pl.col("cause") == "the satellite was down")
    assert len(down) == 6 * 6  # events at 310, 330, ... 410 min
    assert table.filter(pl.col("cause") == "node down").height > 0  # what the executors had in hand


def test_a_late_decision_and_an_event_that_nobody_decided_on_are_missed(tmp_path: Path) -> None:
    result = fly(tmp_path, placement=BOTH, deadline="150s")
    onboard, earth = result.summary["decisions"]
    assert (onboard["in_time"], onboard["missed"]) == (72, 0)
    assert (earth["late"], earth["missed"], earth["in_time"]) == (72, 72, 0)
    cut = fly(tmp_path, GAPS, placement='"moon"', deadline="10min")
    one = cut.summary["decisions"][0]
    assert one["missed"] >= one["late"] + one["lost"]
    assert one["open"] > 0  # the last ones wait for a contact that does not come


def test_a_decision_that_acts_at_home_is_in_effect_there(tmp_path: Path) -> None:
    result = fly(tmp_path, placement=BOTH, job='acts_at = "home"')
    assert {event.node for event in events(result, DecisionMade)} == {"home"}  # type: ignore[attr-defined]
    found = medians(result)
    assert found["onboard"] == pytest.approx(101.0, abs=0.01)
    assert found["earth"] == pytest.approx(OWLT_S["earth"] + AIRTIME_S + 0.01, abs=0.01)


@pytest.mark.parametrize("plan", [PLAN, GAPS], ids=["always", "gaps"])
def test_deadline_is_never_worse_than_the_best_fixed_placement(
    tmp_path: Path, plan: ContactPlan
) -> None:
    """Each placement alone, nothing at random, nobody else in the network: forecasts come true."""
    flown = {
        policy: fly(tmp_path, plan, placement=f'"{policy}"', craft_w=0.001).decisions["latency_s"]
        for policy in ("onboard", "moon", "earth", "deadline")
    }
    best = pl.DataFrame({k: v for k, v in flown.items() if k != "deadline"}).min_horizontal()
    chosen = flown["deadline"]
    if plan is GAPS:  # on board 1,000 s: neither of the fixed ones is always best
        assert any((best - flown[policy]).fill_null(-1).min() < 0 for policy in ("onboard", "moon"))  # type: ignore[operator]
    assert best.is_not_null().sum() == chosen.is_not_null().sum() > 0
    # arrivals at equal times are told apart by a few octets of headers: less than a millisecond
    assert (chosen - best).drop_nulls().max() <= 1e-3  # type: ignore[operator]


def test_energy_spends_as_little_of_its_own_as_the_deadline_allows(tmp_path: Path) -> None:
    relaxed = fly(tmp_path, placement='"energy"', deadline="1h", operations="1e12", craft_w=10)
    tight = fly(tmp_path, placement='"energy"', deadline="120s", operations="1e12", craft_w=10)
    assert set(relaxed.decisions["place"]) == {"base"}  # 1,000 J on board, 3 J to send
    assert set(tight.decisions["place"]) == {"base"}
    far = ContactPlan(both_ways("craft", "home", OWLT_S["earth"], ALWAYS))
    alone = fly(tmp_path, far, placement='"energy"', deadline="120s", operations="1e12", craft_w=10)
    assert set(alone.decisions["place"]) == {"craft"}


def test_a_queue_that_is_known_sends_the_next_one_elsewhere(tmp_path: Path) -> None:
    """Events every 20 min, jobs that take 30 min on board: every other one is better off elsewhere."""
    result = fly(
        tmp_path,
        ContactPlan(both_ways("craft", "home", 700.0, ALWAYS)),
        placement='"deadline"',
        operations="1.8e12",
        craft_w=1.0,
        deadline="2h",
    )
    places = set(result.decisions["place"])
    assert places == {"craft", "home"}
    assert result.summary["decisions"][0]["missed"] == 0


def test_a_vote_costs_its_runs_and_leaves_fewer_errors(tmp_path: Path) -> None:
    once, thrice = (
        fly(tmp_path, computing="upset_probability = 0.2", job=f"runs = {runs}") for runs in (1, 3)
    )
    a, b = once.summary["decisions"][0], thrice.summary["decisions"][0]
    assert (a["energy_j"], b["energy_j"]) == (pytest.approx(72.0), pytest.approx(216.0))
    assert medians(thrice)["onboard"] == pytest.approx(3.0)
    assert 0 < b["wrong"] < a["wrong"]


RADIATION = """spacecraft = "soft"

[spacecraft.soft.radiation]
upsets_per_bit_day = 1e-6
protection = "none"

[[faults]]
storm = "craft"
at = "12h"
for = "12h"
factor = 3
"""


def test_radiation_spoils_runs_as_often_as_its_formula_says_and_votes_mend_them(
    tmp_path: Path,
) -> None:
    """1e8 bits for 500 s at 1e-6 a bit and day: 0.44 in quiet, 0.82 in a storm three times as bad."""
    said = {"operations": "5e11", "more": RADIATION, "computing": 'memory = "12.5 MB"'}
    result = fly(tmp_path, **said)
    half = len(result.decisions) // 2
    expected = [half * (1 - math.exp(-0.5787 * factor)) for factor in (1, 3)]
    wrong = result.decisions["is_wrong"]
    for found, mean in zip((wrong[:half].sum(), wrong[half:].sum()), expected, strict=True):
        assert abs(found - mean) < 3 * math.sqrt(mean * (1 - mean / half))
    hard = fly(tmp_path, **{**said, "more": RADIATION.replace("none", "tmr")})
    assert not hard.decisions["is_wrong"].any()


POWER = """spacecraft = "small"

[spacecraft.small.power]
battery_wh = 1.0
source_w = 0.6
bus_w = 0.3
shed_computing_below = 0.95
shed_links_below = 0.0
sleep_below = 0.0
resume_margin = 0.02
"""


def test_computing_draws_what_its_jobs_do_and_stands_still_while_it_is_shed(tmp_path: Path) -> None:
    result = fly(tmp_path, craft_w=2.0, operations="2.5e11", deadline="10h", more=POWER)
    (books,) = events(result, EnergyAccounted)
    (one,) = result.summary["decisions"]
    assert one["open"] == 0
    assert one["energy_j"] == pytest.approx(72 * 250.0)
    assert books.computing_j == pytest.approx(one["energy_j"], rel=1e-6)  # type: ignore[attr-defined]
    assert len(events(result, PowerShed)) == 72
    assert one["breakdown_s"]["computing"] == pytest.approx(125.0)
    assert one["breakdown_s"]["stalled"] == pytest.approx(253.0, rel=0.01)  # 72 J at 0.285 W


def test_deadline_sees_what_power_there_will_be(tmp_path: Path) -> None:
    """A job that would stand still through a shed waits for nobody if the Earth is sooner."""
    alone = ContactPlan(both_ways("craft", "home", 600.0, ALWAYS), ipn_numbers=NUMBERS)
    said = {"craft_w": 2.0, "operations": "4.2e11", "deadline": "10h", "more": POWER}
    weak, strong = (
        fly(tmp_path, alone, placement='"deadline"', **{**said, "more": more})
        for more in (POWER, "")
    )
    assert set(strong.decisions["place"]) == {"craft"}
    assert set(weak.decisions["place"]) == {"craft", "home"}
    onboard = fly(tmp_path, alone, **said)
    assert medians(weak)["deadline"] < medians(onboard)["onboard"]


@pytest.mark.slow
def test_equal_seeds_give_equal_events_whatever_the_hash_seed(tmp_path: Path) -> None:
    file = scenario(
        tmp_path,
        placement='["onboard", "moon", "earth", "deadline"]',
        computing="upset_probability = 0.3",
        more='[[links]]\nbetween = ["craft", "home"]\nrate_bps = 1e6\nowlt_s = 100.0\n\n'
        '[[links]]\nbetween = ["craft", "base"]\nrate_bps = 1e6\nowlt_s = 2.0\n',
    )
    text = file.read_text().replace('role = "satellite"', 'role = "gateway"')
    text = text.replace('role = "moon-base"', 'role = "moon-base"\nterminals = []')
    text = "\n".join(line for line in text.split("\n") if not line.startswith("orbit"))
    file.write_text(text)
    out = tmp_path / "other"
    command = [sys.executable, "-c", RUN, "run", str(file), "--out", str(out)]
    hash_seed = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run(command, check=True, capture_output=True, env=hash_seed)
    emulator.run(file, out=tmp_path / "here")
    written = [(folder / "events.jsonl").read_bytes() for folder in (out, tmp_path / "here")]
    assert written[0] == written[1]
    again = Result.read(out)
    summary = json.loads((out / "summary.json").read_text())
    assert again.summary["decisions"] == summary["decisions"]
    assert len(pl.read_csv(out / "decisions.csv")) == 4 * 72
    assert 'id="decisions"' in (out / "report.html").read_text()


def test_bundles_that_carry_jobs_are_told_apart_in_the_log(tmp_path: Path) -> None:
    result = fly(tmp_path, placement='"earth"')
    sent = events(result, JobSent)
    assert {event.what for event in sent} == {"input", "answer"}  # type: ignore[attr-defined]
    known = set(result.bundles["bundle"])
    assert {event.bundle for event in sent} == known  # type: ignore[attr-defined]
    assert len(events(result, JobFinished)) == 72
    assert not events(result, JobDropped)
