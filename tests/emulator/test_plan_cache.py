"""Plans kept on disk: found again when nothing changed, never when something did, never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from dtn.contact_plan import Contact, ContactPlan
from emulator.scenario import load
from emulator.sky import plan_cache
from emulator.sky.scenario_sky import ScenarioSky

TEXT = """
format = 1
name = "kept"
start = 2026-12-01T00:00:00Z
duration = "6h"
[[nodes]]
name = "teide"
ipn = 1
role = "earth-station"
horizon_mask = "mask.csv"
site = { body = "earth", latitude_deg = 28.3, longitude_deg = -16.51, height_m = 2390 }
[[nodes]]
name = "base"
ipn = 3
role = "moon-base"
site = { body = "moon", latitude_deg = 0.0, longitude_deg = 0.0 }
"""
PLAN = ContactPlan((Contact("a", "b", 0.0, 0.1 + 0.2, 1e6 / 3, (1.2, 1.3)),))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "mask.csv").write_text("azimuth_deg,elevation_deg\n0,10\n180,20\n")
    return tmp_path / "cache"


def key(tmp_path: Path, text: str = TEXT) -> str:
    file = tmp_path / "kept.toml"
    file.write_text(text)
    return plan_cache.key_of(load(file))


def test_a_plan_is_read_back_exactly() -> None:
    plan_cache.keep("k", PLAN)
    assert plan_cache.find("k") == PLAN
    assert plan_cache.find("other") is None


def test_what_a_plan_does_not_follow_from_changes_no_key(tmp_path: Path) -> None:
    base = key(tmp_path)
    assert key(tmp_path) == base
    traffic = (
        '[[traffic]]\nname = "t"\napplication = "ping"\nfrom = "base"\nto = "teide"\n'
        'size = "1 kB"\nperiod = "1h"\nlifetime = "1h"\n[routing]\nstrategy = "direct"\n'
        "[spacecraft.any.power]\nbattery_wh = 1\n"
    )
    assert key(tmp_path, TEXT + traffic) == base


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("28.3", "28.4"),
        ('"6h"', '"7h"'),
        ("2026-12-01", "2026-12-02"),
        ('duration = "6h"', 'duration = "6h"\nseed = 2'),
        ("[[nodes]]", "[planner]\ndesigner = 'fair'\n[[nodes]]"),
        ("[[nodes]]", "[weather]\n[[nodes]]"),
        ("[[nodes]]", "[terminals.trunk]\npower_w = 5.0\n[[nodes]]"),
    ],
)
def test_what_a_plan_follows_from_changes_the_key(tmp_path: Path, old: str, new: str) -> None:
    assert key(tmp_path, TEXT.replace(old, new, 1)) != key(tmp_path)


def test_the_content_of_a_file_beside_the_scenario_changes_the_key(tmp_path: Path) -> None:
    before = key(tmp_path)
    (tmp_path / "mask.csv").write_text("azimuth_deg,elevation_deg\n0,10\n180,21\n")
    assert key(tmp_path) != before


def test_half_a_file_is_planned_anew(cache: Path) -> None:
    plan_cache.keep("k", PLAN)
    (file,) = (cache / "lightlag" / "plans").iterdir()
    file.write_bytes(file.read_bytes()[:-30])
    assert plan_cache.find("k") is None


def test_a_cache_that_cannot_be_written_is_none(cache: Path) -> None:
    cache.write_text("a file where a folder should be")
    plan_cache.keep("k", PLAN)
    assert plan_cache.find("k") is None


def test_only_the_newest_plans_are_kept(cache: Path) -> None:
    for number in range(plan_cache.KEPT + 3):
        plan_cache.keep(f"k{number:03d}", PLAN)
    assert len(list((cache / "lightlag" / "plans").iterdir())) == plan_cache.KEPT


def test_the_second_plan_of_a_scenario_is_the_first(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "kept.toml"
    file.write_text(TEXT)
    with ScenarioSky(load(file)) as sky:
        first = sky.plan()
    assert first.contacts
    with ScenarioSky(load(file)) as sky:
        told: list[str] = []
        assert sky.plan(lambda what, part: told.append(what)) == first
        assert not told
    for kept in (cache / "lightlag" / "plans").iterdir():
        kept.unlink()
    with ScenarioSky(load(file)) as sky:
        assert sky.plan() == first
