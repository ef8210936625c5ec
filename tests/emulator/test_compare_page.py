"""compare.html: several runs on one page, offline, safe against names, and fair to who loses bundles."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from streams import PLAN, SIMPLE, delivered, hop, sourced, story

from dtn.errors import BadInput
from dtn.events import Event
from emulator.cli import main
from emulator.log import LogHeader
from emulator.reports.compare import short_names
from emulator.reports.compare_page import MOST_RUNS, compare_page
from emulator.result import Result, read_bundles, read_summary

EVIL = "</script><img src=x onerror=alert(1)>'\"&"
HALF = story(
    sourced(50.0), hop(110.0, "a", "b"), hop(150.0, "b", "c"), delivered(153.0), sourced(60.0, "y")
)
"""The simple story, and a bundle that stays where it was sourced."""


def _result(events: list[Event], strategy: str = "sabr", seed: int = 1) -> Result:
    header = LogHeader(
        scenario="two-hops",
        scenario_sha256="00",
        seed=seed,
        strategy=strategy,
        rate=math.inf,
        version="0.1.0",
        duration_s=500.0,
        start_utc="",
    )
    return Result.of(header, events, PLAN, command="lightlag run x.toml --seed 1")


def _figures(page: str) -> dict[str, dict[str, list[dict[str, list[float]]]]]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page)
    assert found is not None
    figures: dict[str, dict[str, list[dict[str, list[float]]]]] = json.loads(found[1])
    return figures


def _page(**results: Result) -> str:
    return compare_page({name: (r.summary, r.bundles) for name, r in results.items()})


def test_delays_are_shares_of_all_bundles_so_that_losing_some_does_not_look_fast() -> None:
    curves = _figures(_page(whole=_result(SIMPLE), half=_result(HALF)))["delays"]["data"]
    whole, half, _ideal = curves
    assert whole["y"][-1] == 1.0
    assert half["y"][-1] == 0.5
    assert whole["x"][-1] == half["x"][-1] == pytest.approx(103.0)


def test_bars_of_each_run_add_up_to_what_was_sourced_and_to_the_mean_latency() -> None:
    figures = _figures(_page(whole=_result(SIMPLE), half=_result(HALF)))
    shares = [sum(bar["x"][place] for bar in figures["delivery"]["data"]) for place in (0, 1)]
    assert shares == pytest.approx([1.0, 1.0])
    latency = [sum(bar["x"][place] for bar in figures["parts"]["data"]) for place in (0, 1)]
    assert latency == pytest.approx([103.0, 103.0], rel=1e-3)


def test_runs_that_were_not_given_the_same_are_called_so() -> None:
    alike = _page(a=_result(SIMPLE), b=_result(SIMPLE, "epidemic"))
    assert "These runs differ" not in alike
    page = _page(a=_result(SIMPLE), b=_result(SIMPLE, seed=2))
    assert "These runs differ in their seeds." in page


def test_no_name_becomes_markup_and_nothing_is_loaded() -> None:
    result = _result([e._replace(flow=EVIL) if hasattr(e, "flow") else e for e in SIMPLE], EVIL)
    page = compare_page(
        {EVIL: (result.summary, result.bundles), "b": (result.summary, result.bundles)}
    )
    assert "<img" not in page
    assert "default-src 'none'" in page


def test_of_more_runs_than_there_are_colours_the_page_says_how_many_it_leaves_out() -> None:
    results = {f"r{number}": _result(SIMPLE) for number in range(MOST_RUNS + 2)}
    page = _page(**results)
    assert "2 runs more are not shown" in page
    assert len(_figures(page)["delays"]["data"]) == MOST_RUNS + 1


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["runs/a", "runs/b"], ["a", "b"]),
        (["x/1/run", "x/2/run"], ["1/run", "2/run"]),
        (["run", "old/run"], ["run", "old/run"]),
        (["/same/run", "/same/run"], ["run"]),
    ],
)
def test_runs_go_by_as_much_of_their_folders_as_tells_them_apart(
    folders: list[str], names: list[str]
) -> None:
    assert list(short_names(map(Path, folders)).values()) == names


def test_compare_writes_the_page_from_what_runs_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, result in (("one", _result(SIMPLE)), ("two", _result(HALF))):
        result.write(tmp_path / name)
    page = tmp_path / "compare.html"
    folders = [str(tmp_path / "one"), str(tmp_path / "two")]
    with pytest.raises(SystemExit) as ended:
        main(["compare", *folders, "--page", str(page)])
    assert ended.value.code == 0
    assert f"page: {page}" in capsys.readouterr().out
    again = {Path(f).name: (read_summary(Path(f)), read_bundles(Path(f))) for f in folders}
    assert page.read_text() == compare_page(again)


@pytest.mark.parametrize("text", ["", "bundle,flow\nx,y\n", "\x00\xff"])
def test_a_table_that_is_none_is_told_with_its_file_and_mend(tmp_path: Path, text: str) -> None:
    (tmp_path / "bundles.csv").write_text(text)
    with pytest.raises(BadInput, match=r"bundles\.csv.*run"):
        read_bundles(tmp_path)


def test_a_run_without_bundles_has_a_page_too() -> None:
    nothing = _result(story())
    assert "Delays" in _page(nothing=nothing, something=_result(SIMPLE))
