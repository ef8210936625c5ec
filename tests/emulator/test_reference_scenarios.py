"""The reference scenarios of the CCSDS kind: their published node counts, rates and flows, and that they work."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator import run
from emulator.scenario import load
from emulator.sky.scenario_sky import ScenarioSky

SCENARIOS = Path(__file__).parents[2] / "scenarios"
NODES = {"ccsds-earth-observation": 5, "ccsds-lunar": 12, "ccsds-mars": 12}
RATES_BPS = {
    "ccsds-earth-observation": {
        ("station-1", "satellite"): 64e3,
        ("satellite", "station-1"): 8e6,
        ("station-2", "satellite"): 512.0,
        ("satellite", "station-2"): 10e9,
    },
    "ccsds-lunar": {
        ("station-1", "gateway"): 30e6,
        ("gateway", "station-1"): 100e6,
        ("relay-1", "base"): 100e6,
        ("base", "relay-1"): 15e6,
        ("gateway", "rover"): 100e6,
    },
    "ccsds-mars": {
        ("low-relay-1", "rover-1"): 1e6,
        ("rover-1", "low-relay-1"): 15e6,
        ("high-relay", "station-1"): 30e6,
        ("station-1", "high-relay"): 30e6,
    },
}


@pytest.mark.parametrize("name", NODES)
def test_a_reference_scenario_has_the_published_nodes_and_rates(name: str) -> None:
    scenario = load(SCENARIOS / f"{name}.toml")
    assert len(scenario.nodes) == NODES[name]
    first_hours = scenario.model_copy(update={"duration_s": 10 * 3600.0})
    with ScenarioSky(first_hours) as sky:
        plan = sky.plan()
    for (source, destination), rate_bps in RATES_BPS[name].items():
        found = {
            c.rate_bps for c in plan.contacts if (c.source, c.destination) == (source, destination)
        }
        assert found <= {rate_bps}
    pairs = {(c.source, c.destination) for c in plan.contacts}
    assert len(pairs & RATES_BPS[name].keys()) >= len(RATES_BPS[name]) - 2


@pytest.mark.slow
@pytest.mark.parametrize("name", NODES)
def test_a_reference_scenario_delivers_nearly_all_that_it_could(name: str) -> None:
    result = run(SCENARIOS / f"{name}.toml")
    bundles = result.summary["bundles"]
    assert bundles["delivered"] > 0.75 * bundles["sourced"]
    assert bundles["dropped"] == 0
