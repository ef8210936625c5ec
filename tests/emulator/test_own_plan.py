"""Runs over a plan and a bundle list of the user's: every format, from file to summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator.cli import main
from emulator.setup import from_files, node_map

# node 1 to 2 to 3: light of 2 s and 1 s, a thousand bytes a second, the second hop opens at 60 s
ION = """\
@ 2026/12/01-00:00:00
a contact +0 +50 1 2 1000
a contact +60 +120 2 3 1000
a range +0 +50 1 2 2
a range +60 +120 2 3 1
"""
HDTN = json.dumps(
    {
        "contacts": [
            {"contact": 0, "source": 1, "dest": 2, "startTime": 0, "endTime": 50,
             "rateBitsPerSec": 8000, "owlt": 2},
            {"contact": 1, "source": 2, "dest": 3, "startTime": 60, "endTime": 120,
             "rateBitsPerSec": 8000, "owlt": 1},
        ]
    }
)  # fmt: skip
CSV = """\
source,destination,start_s,end_s,rate_bps,owlt_s
sender,relay,0,50,8000,2
relay,taker,60,120,8000,1
"""
JSON = json.dumps(
    {
        "contacts": [
            {"source": "sender", "destination": "relay", "start_s": 0, "end_s": 50,
             "rate_bps": 8000, "owlt_s": 2},
            {"source": "relay", "destination": "taker", "start_s": 60, "end_s": 120,
             "rate_bps": 8000, "owlt_s": 1},
        ]
    }
)  # fmt: skip
MAP = "name,ipn\nsender,1\nrelay,2\ntaker,3\n"
TRAFFIC = "created_s,from,to,size_bytes,lifetime_s,flow\n5,sender,taker,2000,600,letter\n"


def write(tmp_path: Path, plan: str, traffic: str = TRAFFIC, nodes: str | None = MAP) -> list[str]:
    arguments = []
    for option, text in (("--plan", plan), ("--traffic", traffic), ("--nodes", nodes)):
        if text is not None:
            (tmp_path / option[2:]).write_text(text)
            arguments += [option, str(tmp_path / option[2:])]
    return arguments


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    with pytest.raises(SystemExit) as done:
        main(["run", *arguments, "--json"])
    assert not done.value.code
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def tvg() -> str:
    """The same as TVG, by our writer, which other tests hold against the format's own readers."""
    from dtn.contact_plan.formats import WRITERS
    from dtn.contact_plan.formats.csv import read
    from dtn.contact_plan.formats.reading import Reading

    return WRITERS["tvg"](read(Reading(""), CSV))[0]


@pytest.mark.parametrize("form", ["ion", "hdtn", "csv", "json", "tvg"])
def test_every_format_gives_the_same_run(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {"ion": ION, "hdtn": HDTN, "csv": CSV, "json": JSON, "tvg": tvg()}[form]
    out = tmp_path / "out"
    summary = run([*write(tmp_path, plan), "--out", str(out)], capsys)
    (flow,) = summary["flows"]  # type: ignore[misc]
    assert (flow["flow"], flow["source"], flow["destination"]) == ("letter", "sender", "taker")
    # created at 5 s, waits at the relay until 60 s, two seconds of airtime and a bit, one of light
    assert flow["latency_s"]["mean"] == pytest.approx(60 - 5 + 2 + 1, abs=0.2)
    kept = ContactPlan.load(out / "contact_plan.json")
    assert kept.ipn_numbers == {"sender": 1, "relay": 2, "taker": 3}
    assert "--nodes" in str(summary["command"])


def test_without_a_map_the_nodes_of_an_ion_plan_are_called_by_their_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    traffic = TRAFFIC.replace("sender,taker", "1,3")
    summary = run(write(tmp_path, ION, traffic, None), capsys)
    assert summary["bundles"]["delivered"] == 1  # type: ignore[index]


def test_nodes_without_numbers_get_free_ones_and_keep_their_names(tmp_path: Path) -> None:
    write(tmp_path, CSV, nodes=None)
    setup = from_files(tmp_path / "plan", tmp_path / "traffic")
    assert setup.plan.ipn_numbers == {"relay": 1, "sender": 2, "taker": 3}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("sender,relay,50,60,8000,2\n", []),
        ("sender,relay,0,50,8000,2\n", ["sender to relay overlap from 0 s on"]),
        ("sender,relay,10,20,8000,2\nsender,relay,30,40,8000,2\n", ["overlap from 10 s on"]),
    ],
)
def test_contacts_of_one_pair_that_overlap_are_a_doubt_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, says: list[str]
) -> None:
    words = write(tmp_path, CSV + more, nodes=None)
    with pytest.raises(SystemExit):
        main(["run", *words])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(says)
    assert all(said in line for said, line in zip(says, lines, strict=True))


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        ("ipn,name\n", "line 1", "write name,ipn"),
        ("name,ipn\na,0\n", "line 2", "from 1 to"),
        (f"name,ipn\na,{5000 * '9'}\n", "line 2", "from 1 to"),
        ("name,ipn\na,1\na,2\n", "line 3", "there already"),
        ("name,ipn\na,1\nb,1\n", "line 3", "another node"),
        ("name,ipn\na\n", "line 2", "a name and a number"),
    ],
)
def test_a_map_tells_the_line_of_each_fault(tmp_path: Path, text: str, key: str, mend: str) -> None:
    file = tmp_path / "nodes.csv"
    file.write_text(text)
    with pytest.raises(BadInput, match=mend) as caught:
        node_map.load(file)
    assert caught.value.faults[0].key == key


def test_a_map_that_calls_one_number_by_the_name_of_another_is_refused() -> None:
    plan = ContactPlan([Contact("10", "2", 0.0, 9.0, 8e3, 1.0)], None, {"10": 10, "2": 2})
    with pytest.raises(BadInput, match="that is 10 in the plan"):
        node_map.named(plan, {"2": 10, "10": 2})


@pytest.mark.parametrize("number", [0, 2**32])
def test_a_number_that_no_node_can_have_is_refused(tmp_path: Path, number: int) -> None:
    plan, traffic = tmp_path / "plan.json", tmp_path / "traffic.csv"
    ContactPlan([Contact("a", "b", 0.0, 9.0, 8e3, 1.0)], None, {"a": number, "b": 2}).save(plan)
    traffic.write_text("created_s,from,to,size_bytes,lifetime_s\n0,a,b,100,9\n")
    with pytest.raises(BadInput, match=f'number of "a" = {number}: a node number is') as caught:
        from_files(plan, traffic)
    assert caught.value.faults[0].file == str(plan)


def test_a_map_that_makes_two_nodes_one_is_refused() -> None:
    plan = ContactPlan((), None, {"base": 7, "other": 8})
    with pytest.raises(BadInput, match="that is base in the plan"):
        node_map.named(plan, {"other": 7})
