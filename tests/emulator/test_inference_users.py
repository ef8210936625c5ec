"""Models and policies of the users, and what may not be said of jobs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from small_inference import BOTH, fly, medians, scenario

from dtn.errors import BadInput, FunctionFault
from emulator.cli import main
from emulator.scenario import load

MODEL = """
from nodes.computing import placement

def count(seen):
    return len(seen).to_bytes(4) + seen[:2]

def broken(seen):
    raise RuntimeError("no weights")

def text(seen):
    return "hello"

@placement("mine")
def mine(view, job):
    home = view.forecast(job, "earth")
    return "earth" if home.in_effect_s <= job.deadline_s else "onboard"

def nowhere(view, job):
    return "venus"

def lets_go(view, job):
    return None

def raises(view, job):
    return view.forecast(job, "mars").place
"""


def test_a_model_of_the_users_makes_the_answers_and_time_stays_virtual(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    plain, real = (
        fly(tmp_path, placement=BOTH, job=job) for job in ("", 'model = "model.py:count"')
    )
    sizes = real.bundles.filter(pl.col("flow") == "watch-answer")["payload_bytes"]
    assert sizes.max() < 60 < 200  # type: ignore[operator]  # 6 octets, not 200
    assert medians(real)["onboard"] == medians(plain)["onboard"]


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        (
            {"job": 'model = "model.py:broken"'},
            "model 'of watch' at 'craft', job watch/craft/0/onboard",
        ),
        ({"job": 'model = "model.py:text"'}, "must return bytes, not str"),
        ({"placement": '"model.py:nowhere"'}, "named 'venus', where nothing computes"),
        (
            {"placement": '"model.py:raises"'},
            "placement 'raises' at 'craft'.*no such place: 'mars'",
        ),
    ],
)
def test_a_function_that_breaks_a_rule_ends_the_run_and_is_named(
    tmp_path: Path, said: dict[str, object], rule: str
) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    with pytest.raises(FunctionFault, match=rule):
        fly(tmp_path, **said)


def test_a_policy_of_the_users_decides_by_its_forecast(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    patient = fly(tmp_path, placement='"model.py:mine"', deadline="300s")
    hasty = fly(tmp_path, placement='"model.py:mine"', deadline="150s")
    assert set(patient.decisions["place"]) == {"home"}
    assert set(hasty.decisions["place"]) == {"craft"}
    assert set(hasty.decisions["placement"]) == {"mine"}
    gone = fly(tmp_path, placement='"model.py:lets_go"').summary["decisions"][0]
    assert (gone["lost"], gone["causes"]) == (72, {"let go by its policy": 72})


@pytest.mark.parametrize(
    ("said", "key", "mend"),
    [
        ({"placement": '"dedline"'}, "job.placement", "choose one of"),
        ({"placement": '"model.py:none"'}, "job.placement", "there is no file"),
        ({"placement": '["moon", "moon"]'}, "job.placement", "named twice"),
        ({"placement": "[]"}, "job.placement", "name at least one"),
        ({"operations": "-5"}, "job.operations", "give 1 or more"),
        ({"operations": "1e13", "deadline": "10s"}, "job.operations", "no executor can ever"),
        ({"job": "runs = 2"}, "job.runs", "odd"),
        ({"job": "value = -1"}, "job.value", "give 0 or more"),
        ({"job": 'model = "nothing"'}, "job.model", "my_file.py:function"),
        ({"job": 'model = "json:nothing"'}, "job.model", "has no function"),
        ({"computing": "slots = 0"}, "computing.slots", "give 1 or more"),
        ({"craft_w": -1.0}, "computing.power_w", "give more than 0"),
        ({"computing": 'queue = "lifo"'}, "computing.queue", "use one of"),
        ({"job": "operatons = 5"}, "job.operatons", "unknown key"),
    ],
)
def test_bad_input_is_told_with_file_key_value_and_mend(
    tmp_path: Path, said: dict[str, object], key: str, mend: str
) -> None:
    file = scenario(tmp_path, **said)  # type: ignore[arg-type]
    with pytest.raises(BadInput) as caught:
        load(file)
    (fault,) = caught.value.faults
    assert (fault.file, key in fault.key, mend in fault.mend) == (str(file), True, True), str(fault)


@pytest.mark.parametrize(
    ("without", "placement", "mend"),
    [
        (("home",), '"earth"', "nothing computes there"),
        (("craft",), '"onboard"', "craft does not compute"),
        (("home", "base", "craft"), '"deadline"', "no node computes"),
    ],
)
def test_a_job_that_no_executor_can_run_is_refused(
    tmp_path: Path, without: tuple[str, ...], placement: str, mend: str
) -> None:
    file = scenario(tmp_path, placement=placement)
    parts = file.read_text().split("[[nodes]]")
    kept = [
        "\n".join(line for line in part.split("\n") if not line.startswith("computing"))
        if any(f'name = "{name}"' in part for name in without)
        else part
        for part in parts
    ]
    file.write_text("[[nodes]]".join(kept))
    with pytest.raises(BadInput, match=mend):
        load(file)
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(file)])
    assert ended.value.code == 2
