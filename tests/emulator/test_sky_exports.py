"""The access report and the CZML scene, against the windows and contacts they tell of."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from emulator.cli import main
from emulator.scenario import load
from emulator.sky.scenario_sky import ScenarioSky

EARTH_MOON = Path(__file__).parents[2] / "scenarios" / "earth-moon.toml"


def exported(format: str, folder: Path) -> str:
    file = folder / format
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(EARTH_MOON), "--format", format, "-o", str(file)])
    assert ended.value.code in (0, None)
    return file.read_text()


def test_the_access_report_has_every_window_of_every_pair(tmp_path: Path) -> None:
    rows = list(csv.DictReader(exported("access", tmp_path).splitlines()))
    with ScenarioSky(load(EARTH_MOON)) as sky:
        names = [node.name for node in sky.planned_nodes()]
        for a in names:
            for b in names:
                told = [
                    (float(r["start_s"]), float(r["end_s"]))
                    for r in rows
                    if (r["from"], r["to"]) == (a, b)
                ]
                expected = sky.windows(a, b) if a != b else []
                assert len(told) == len(expected)
                assert np.allclose(told, expected, rtol=0, atol=1e-6)
    first = rows[0]
    assert datetime.fromisoformat(first["start_utc"]).year == 2026
    assert 1.1 < float(first["owlt_at_start_s"]) < 1.4


def test_the_scene_has_the_nodes_in_their_places_and_a_line_for_each_contact(
    tmp_path: Path,
) -> None:
    document = json.loads(exported("czml", tmp_path))
    assert document[0]["id"] == "document"
    packets = {packet["id"]: packet for packet in document}
    with ScenarioSky(load(EARTH_MOON)) as sky:
        plan = sky.plan()
        for node in sky.planned_nodes():
            samples = np.array(packets[node.name]["position"]["cartesian"]).reshape(-1, 4)
            at_s = samples[:, 0]
            there = node.path.state(at_s).position_km - sky.path("earth").state(at_s).position_km
            assert np.abs(samples[:, 1:].T / 1e3 - there).max() < 0.01
        names = {node.name for node in sky.planned_nodes()}
    for contact in plan.contacts:
        if {contact.source, contact.destination} <= names:
            line = packets[f"{contact.source}/{contact.destination}"]["polyline"]
            assert any(part["boolean"] for part in line["show"])
            assert line["positions"]["references"][0] == f"{contact.source}#position"
