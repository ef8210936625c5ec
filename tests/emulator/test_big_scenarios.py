"""Interplanetary Starlink, and Mars in conjunction with and without a relay off the line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from skyfield.api import load as skyfield
from skyfield.api import load_file

import emulator
from emulator.scenario import load
from topology.ephemeris import KERNELS

SCENARIOS = Path(__file__).parents[2] / "scenarios"
DAY_S = 86_400.0
KEEP_OUT_DEG = 3.0


def test_interplanetary_starlink_has_a_hundred_nodes_and_a_week() -> None:
    scenario = load(SCENARIOS / "interplanetary-starlink.toml")
    names = list(scenario.ipn_numbers())
    assert len(names) == 100
    assert scenario.duration_s == 7 * DAY_S
    assert sum(name.startswith("ai-") for name in names) >= 36
    assert sum(name.startswith("leo-") for name in names) >= 36


def keep_out_days() -> tuple[float, float]:
    """When the Sun is too near to the line, days from the start: by skyfield, from either end."""
    scenario = load(SCENARIOS / "mars-conjunction.toml")
    timescale = skyfield.timescale(builtin=True)
    days = np.arange(0.0, scenario.duration_s / DAY_S, 1 / 96)
    times = timescale.from_datetimes([scenario.start + timedelta(days=day) for day in days])
    kernel = load_file(str(KERNELS / "de421_2026_2036.bsp"))
    try:
        sun, earth, mars = kernel["sun"], kernel["earth"], kernel["mars barycenter"]
        near = np.zeros(days.size, dtype=bool)
        for here, there in ((earth, mars), (mars, earth)):
            at = here.at(times)
            angle = at.observe(there).separation_from(at.observe(sun))
            near |= angle.degrees < KEEP_OUT_DEG
    finally:
        kernel.close()
    inside = days[near]
    assert inside.size == pytest.approx((inside[-1] - inside[0]) * 96 + 1)  # one stretch
    return float(inside[0]), float(inside[-1])


def deliveries_d(result: emulator.Result, flow: str) -> np.ndarray:
    """When its bundles were delivered, days from the start."""
    mine = result.bundles.filter((pl.col("flow") == flow) & (pl.col("fate") == "delivered"))
    return np.sort((mine["sourced_s"] + mine["latency_s"]).to_numpy() / DAY_S)


@pytest.fixture(scope="module")
def conjunctions() -> dict[str, emulator.Result]:
    names = ("mars-conjunction", "mars-conjunction-relay")
    return {name: emulator.run(SCENARIOS / f"{name}.toml") for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("flow", ["mars-telemetry", "mars-commands"])
def test_without_a_relay_nothing_passes_while_the_keep_out_lasts_and_with_one_all_does(
    conjunctions: dict[str, emulator.Result], flow: str
) -> None:
    from_d, until_d = keep_out_days()
    assert 30.0 < until_d - from_d < 45.0
    alone = deliveries_d(conjunctions["mars-conjunction"], flow)
    gap = int(np.argmax(np.diff(alone)))
    last_d, next_d = alone[gap], alone[gap + 1]
    # stations see Mars for half of the day only, and light takes 20 minutes
    assert from_d - 1.0 < last_d < from_d + 0.05
    assert until_d < next_d < until_d + 1.0
    relayed = deliveries_d(conjunctions["mars-conjunction-relay"], flow)
    inside = relayed[(relayed > from_d) & (relayed < until_d)]
    assert np.diff(relayed).max() < 1.5
    assert inside.size > 0.9 * relayed.size * (until_d - from_d) / 52.0


@pytest.mark.slow
def test_the_report_tells_of_the_conjunction(
    conjunctions: dict[str, emulator.Result], tmp_path: Path
) -> None:
    alone, relayed = conjunctions.values()
    assert {loss["cause"] for loss in alone.summary["losses"]} == {"lifetime expired"}
    assert alone.summary["bundles"]["expired"] > 0.5 * alone.summary["bundles"]["sourced"]
    lost = relayed.summary["bundles"]["expired"]
    assert lost < 0.05 * relayed.summary["bundles"]["sourced"]
    page = relayed.page()
    assert "relay-l4" in page
    assert 'id="contacts-section"' in page
