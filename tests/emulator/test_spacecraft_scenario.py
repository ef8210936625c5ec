"""Spacecraft in scenarios: their tables, their sunlight, campaigns and shells."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from craft_runs import DAY_S

from dtn.errors import BadInput
from emulator.scenario import load
from emulator.scenario.reading import from_tables
from emulator.setup.spacecraft import spacecraft_of

TABLES: dict[str, Any] = {
    "format": 1,
    "name": "sunny",
    "duration": "1d",
    "spacecraft": {
        "small": {
            "power": {"battery_wh": 100, "panel_m2": 0.5, "panel_efficiency": 0.3, "source_w": 7.0},
            "heat": {"radiator_m2": 1.0},
            "radiation": {"protection": "tmr", "scrub": "10min"},
        },
        "base": {"power": {"battery_wh": 1000, "source_w": 100.0}},
    },
    "nodes": [
        {
            "name": "base",
            "ipn": 2,
            "role": "moon-base",
            "spacecraft": "base",
            "site": {"body": "moon", "latitude_deg": -30, "longitude_deg": 0},
        },
        {
            "name": "orbiter",
            "ipn": 3,
            "role": "relay",
            "spacecraft": "small",
        },
    ],
    "mass_driver": [
        {
            "name": "driver",
            "site": {"body": "moon", "latitude_deg": -89.54, "longitude_deg": 0.0},
            "azimuth_deg": 270,
            "elevation_deg": 2,
            "muzzle_speed_m_s": 2450,
            "first": "2h",
            "period": "6h",
            "count": 2,
            "satellites": {"name": "ai", "ipn": 401},
            "energy": {"node": "base", "satellite_kg": 100, "charging_w": 25_000},
        }
    ],
    "faults": [{"storm": "o*", "factor": 30, "at": "2h", "for": "1h"}],
}


def tables(tmp_path: Path, *changes: tuple[str, Any]) -> dict[str, Any]:
    """The tables with values changed by paths such as "spacecraft.small.power.battery_wh"."""
    from datetime import UTC, datetime

    start = datetime(2026, 12, 1, tzinfo=UTC)
    data: dict[str, Any] = json.loads(json.dumps(TABLES))
    data["start"] = start
    data["nodes"][1]["orbit"] = {
        "body": "moon",
        "epoch": start,
        "elements": {"semi_major_axis_km": 2000, "eccentricity": 0.01, "inclination_deg": 20},
    }
    for path, value in changes:
        *way, last = path.split(".")
        place: Any = data
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return data


def test_a_scenarios_spacecraft_get_their_sunlight_from_the_sky(tmp_path: Path) -> None:
    scenario = from_tables(tables(tmp_path), tmp_path / "sunny.toml")
    found = spacecraft_of(scenario)
    assert set(found) == {"base", "orbiter"}
    power = found["orbiter"].power
    assert power is not None
    assert power.battery_j == 100 * 3600.0
    full_w = 0.5 * 0.3 * 1361.0 / 0.986**2 + 7.0  # December: 0.986 au
    assert max(power.incoming_w) == pytest.approx(full_w, rel=5e-3)
    assert min(power.incoming_w) == pytest.approx(7.0)
    base = found["base"].power
    assert base is not None
    assert base.incoming_w == (100.0,)


@pytest.mark.parametrize(
    ("path", "value", "key", "mend"),
    [
        ("spacecraft.small.power.battery_wh", -5, "spacecraft.small.power.battery_wh", "more than 0"),
        (
            "spacecraft.small.power.panel_efficiency",
            1.4,
            "spacecraft.small.power.panel_efficiency",
            "no more than the Sun gives",
        ),
        ("spacecraft.small.power.panel_m2", -1, "spacecraft.small.power.panel_m2", "0 or more"),
        ("spacecraft.small.power.shed_links_below", 0.7, "spacecraft.small.power", "must not rise"),
        ("spacecraft.small.power.resume_margin", 0.8, "spacecraft.small.power", "full battery"),
        ("spacecraft.small.power.batery_wh", 1, "spacecraft.small.power.batery_wh", "battery_wh"),
        ("spacecraft.small.heat.emissivity", 1.2, "spacecraft.small.heat.emissivity", "1 or less"),
        ("spacecraft.small.heat.sink_k", 400, "spacecraft.small.heat", "above sink_k"),
        ("spacecraft.small.radiation.protection", "edac", "protection", "none"),
        ("spacecraft.small.radiation.scrub", 60, "scrub", "duration in quotes"),
        ("nodes.1.spacecraft", "smal", 'nodes[1] "orbiter".spacecraft', 'did you mean "small"'),
        ("mass_driver.0.energy.node", "bse", "energy.node", 'did you mean "base"'),
        ("mass_driver.0.loss_rate", 1.5, "loss_rate", "1 or less"),
        ("mass_driver.0.campaigns", 3, 'mass_driver[0] "driver"', "campaign_period"),
        ("spacecraft.base.power", None, "energy.node", "power table"),
        ("faults.0.storm", "z*", "faults[0].storm", "no such node"),
        ("faults.0.factor", None, "faults[0]", "a storm has a factor"),
    ],
)  # fmt: skip
def test_a_fault_of_a_spacecraft_is_told_with_its_key_its_value_and_a_mend(
    tmp_path: Path, path: str, value: Any, key: str, mend: str
) -> None:
    file = tmp_path / "sunny.toml"
    with pytest.raises(BadInput) as caught:
        from_tables(tables(tmp_path, (path, value)), file)
    (fault,) = caught.value.faults
    assert str(file) == fault.file
    assert key in fault.key
    assert mend in fault.mend


def test_campaigns_follow_each_other_and_some_satellites_are_dead_on_arrival(
    tmp_path: Path,
) -> None:
    from emulator.setup.spacecraft import losses_of

    scenario = from_tables(
        tables(
            tmp_path,
            ("duration", "20d"),
            ("mass_driver.0.campaigns", 6),
            ("mass_driver.0.campaign_period", "3d"),
            ("mass_driver.0.loss_rate", 0.5),
        ),
        tmp_path / "sunny.toml",
    )
    launches = scenario.launches()
    assert [launch.name for launch in launches] == [f"ai-{k}" for k in range(1, 13)]
    assert launches[2].t_s - launches[0].t_s == 3 * DAY_S
    dead = {outage.node for outage in losses_of(scenario)}
    assert 1 <= len(dead) <= 11
    assert dead == {outage.node for outage in losses_of(scenario)}


def test_a_shell_is_a_walker_pattern_of_nodes_that_fly_at_its_height(tmp_path: Path) -> None:
    from emulator.sky.scenario_sky import ScenarioSky

    data = tables(tmp_path)
    data["shells"] = [
        {
            "name": "leo", "ipn": 1001, "planes": 3, "per_plane": 4, "phasing": 1,
            "altitude_km": 1200, "inclination_deg": 53, "terminals": ["inter-satellite"],
        }
    ]  # fmt: skip
    scenario = from_tables(data, tmp_path / "sunny.toml")
    leo = [node for node in scenario.nodes if node.name.startswith("leo-")]
    assert [node.ipn for node in leo] == list(range(1001, 1013))
    with ScenarioSky(scenario) as sky:
        import numpy as np

        t_s = np.linspace(0.0, 6000.0, 50)
        earth = sky.sky.body("earth").state(t_s).position_km
        places = [sky.path(node.name).state(t_s).position_km - earth for node in leo]
        heights = np.linalg.norm(places, axis=1) - 6378.137
        assert np.abs(heights - 1200.0).max() < 25.0  # the Earth's bulge moves them
        apart = np.linalg.norm(places[0] - places[1], axis=0)
        assert np.abs(apart - 2 * 7578.0 * math.sin(math.pi / 4)).max() < 60.0
        normals = [np.cross(p[:, 0], p[:, 5]) for p in (places[0], places[4])]
        tilt = [n / np.linalg.norm(n) for n in normals]
        cosine = math.cos(math.radians(53)) ** 2 + math.sin(math.radians(53)) ** 2 * math.cos(
            2 * math.pi / 3
        )
        assert float(tilt[0] @ tilt[1]) == pytest.approx(cosine, abs=0.01)


def test_the_default_scenario_still_loads() -> None:
    assert load(Path(__file__).parents[2] / "scenarios" / "moonbase-alpha.toml").nodes
