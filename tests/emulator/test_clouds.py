"""Clouds in a scenario: who has them, what they cut, and what the plan knows of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator import run
from emulator.scenario import load
from emulator.sky.scenario_sky import ScenarioSky
from emulator.sky.weather import clouds, cuts

TEXT = """
format = 1
name = "cloudy"
start = 2026-12-01T00:00:00Z
duration = "2d"
seed = 3
{weather}
[[nodes]]
name = "teide"
ipn = 1
role = "earth-station"
site = {{ body = "earth", latitude_deg = 28.3, longitude_deg = -16.51, height_m = 2390 }}
[[nodes]]
name = "goldstone"
ipn = 2
role = "earth-station"
terminals = ["x-band-ground"]
site = {{ body = "earth", latitude_deg = 35.4, longitude_deg = -116.9 }}
[[nodes]]
name = "base"
ipn = 3
role = "moon-base"
terminals = ["trunk", "x-band-flight"]
site = {{ body = "moon", latitude_deg = 0.0, longitude_deg = 0.0 }}
[[traffic]]
name = "telemetry"
application = "telemetry"
from = "base"
to = "teide"
size = "1 kB"
period = "10min"
lifetime = "1h"
"""


def scenario_file(tmp_path: Path, weather: str) -> Path:
    file = tmp_path / "cloudy.toml"
    file.write_text(TEXT.format(weather=weather))
    return file


def test_clouds_hang_over_optical_stations_only(tmp_path: Path) -> None:
    spells = clouds(load(scenario_file(tmp_path, "[weather]\nclear_fraction = 0.0")))
    assert spells == {"teide": [(0.0, 2 * 86_400.0)]}
    assert clouds(load(scenario_file(tmp_path, ""))) == {}


def test_a_cloud_cuts_what_leaves_under_it_and_what_would_arrive_under_it(tmp_path: Path) -> None:
    (tmp_path / "clouds.csv").write_text(
        "site,from,to\nteide,2026-12-01T00:10:00Z,2026-12-01T00:20:00Z\n"
    )
    loaded = load(scenario_file(tmp_path, '[weather]\ncloud = "clouds.csv"'))
    plan = ContactPlan(
        (
            Contact("teide", "base", 0.0, 900.0, 1e6, 1.25),
            Contact("base", "teide", 0.0, 3600.0, 1e6, 1.25),
            Contact("base", "goldstone", 0.0, 3600.0, 1e6, 1.25),
        )
    )
    cut = {
        outage.between: (outage.at_s, outage.at_s + outage.for_s) for outage in cuts(loaded, plan)
    }
    assert cut == {("teide", "base"): (600.0, 900.0), ("base", "teide"): (598.75, 1198.75)}


def test_a_perfect_forecast_plans_round_the_clouds_and_none_is_caught_by_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "clouds.csv").write_text(
        "site,from,to\nteide,2026-12-01T00:00:00Z,2026-12-01T06:00:00Z\n"
    )
    weather = '[weather]\ncloud = "clouds.csv"\nforecast = "{}"'
    results = {}
    for forecast in ("none", "perfect"):
        file = scenario_file(tmp_path, weather.format(forecast))
        with ScenarioSky(load(file)) as sky:
            contacts = sky.plan().contacts
        starts = [c.start_s for c in contacts if c.destination == "teide"]
        radio = [c for c in contacts if c.destination == "goldstone"]
        results[forecast] = min(starts), len(radio) > 0
        bundles = run(file).bundles
        delivered_s = (bundles["sourced_s"] + bundles["latency_s"]).drop_nulls()
        assert float(delivered_s.min()) > 6 * 3600.0 - 2.0  # type: ignore[arg-type]
    assert results["perfect"][0] > 6 * 3600.0 - 2.0 > results["none"][0]
    assert all(has_radio for _, has_radio in results.values())


@pytest.mark.parametrize(
    ("line", "mend"),
    [
        ("teyde,2026-12-01T00:00:00Z,2026-12-01T06:00:00Z", 'did you mean "teide"'),
        ("teide,yesterday,2026-12-01T06:00:00Z", "write UTC dates"),
        ("teide,2026-12-01T06:00:00Z,2026-12-01T00:00:00Z", "ends after it began"),
        ("teide", "write three values"),
    ],
)
def test_every_bad_line_of_observed_clouds_is_reported(
    tmp_path: Path, line: str, mend: str
) -> None:
    (tmp_path / "clouds.csv").write_text(f"site,from,to\n{line}\n")
    loaded = load(scenario_file(tmp_path, '[weather]\ncloud = "clouds.csv"'))
    with pytest.raises(BadInput, match=mend):
        clouds(loaded)


def test_weather_over_a_station_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"weather.sites.base"):
        load(scenario_file(tmp_path, "[weather.sites.base]\nclear_fraction = 0.9"))


def test_rates_of_the_users_replace_the_link_budget(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("range_km,elevation_deg,rate_bps\n500000,0,1000000\n")
    file = scenario_file(
        tmp_path,
        '[terminals.optical-ground]\nrate_file = "rates.csv"\n'
        '[terminals.trunk]\nrate_file = "rates.csv"\n',
    )
    with ScenarioSky(load(file)) as sky:
        rates = {c.rate_bps for c in sky.plan().contacts if c.destination == "teide"}
    assert rates == {1e6}
    (tmp_path / "rates.csv").write_text("range_km,elevation_deg,rate_bps\n500000,0,0\n")
    with pytest.raises(BadInput, match="line 2"), ScenarioSky(load(file)) as sky:
        sky.plan()
