"""What a scenario may say of the sky: launches, old elements, trajectory files; and what is told when it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dtn.errors import BadInput
from emulator.cli import main
from emulator.doubts import Doubt
from emulator.scenario import Scenario, load
from emulator.sky.launches import fates
from emulator.sky.scenario_sky import ScenarioSky
from topology.frozen_orbit import integrated, lunar_relay
from topology.oem import write_oem

HEAD = """
format = 1
name = "sky"
start = 2026-12-01T00:00:00Z
duration = "2d"
seed = {seed}
[[nodes]]
name = "teide"
ipn = 1
role = "earth-station"
site = {{ body = "earth", latitude_deg = 28.3, longitude_deg = -16.51, height_m = 2390 }}
[[nodes]]
name = "centre"
ipn = 9
role = "gateway"
"""
DRIVER = """
[[mass_driver]]
name = "driver"
site = {{ body = "moon", latitude_deg = -89.54, longitude_deg = 0.0 }}
azimuth_deg = {azimuth}
elevation_deg = {elevation}
muzzle_speed_m_s = {speed}
{more}
first = "6h"
period = "12h"
count = 3
satellites = {{ name = "ai", ipn = 401 }}
"""
RELAY = """
[[nodes]]
name = "relay"
ipn = 2
role = "relay"
orbit = {{ {orbit} }}
"""
TLE = (
    "1 25544U 98067A   26335.50000000  .00016717  00000-0  10270-3 0  9009",
    "2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.49000000    16",
)


def scenario(tmp_path: Path, text: str, seed: int = 1) -> Scenario:
    file = tmp_path / "sky.toml"
    file.write_text(HEAD.format(seed=seed) + text)
    return load(file)


def driver(
    azimuth: float = 270.0, elevation: float = 2.0, speed: float = 2450.0, more: str = ""
) -> str:
    return DRIVER.format(azimuth=azimuth, elevation=elevation, speed=speed, more=more)


def test_launch_tells_energy_escape_and_distances(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = scenario(tmp_path, driver())
    with pytest.raises(SystemExit) as ended:
        main(["launch", str(loaded.file), "--json"])
    assert ended.value.code in (0, None)
    told = json.loads(capsys.readouterr().out)
    assert [one["satellite"] for one in told] == ["ai-1", "ai-2", "ai-3"]
    first = told[0]
    assert first["energy_j_kg"] == pytest.approx(0.5 * 2450**2)
    assert first["escapes"]
    assert first["hits"] is None
    assert set(first["distance_km"]) == {"1", "10", "100"}
    assert first["distance_km"]["1"] < first["distance_km"]["10"] < first["distance_km"]["100"]
    with pytest.raises(SystemExit):
        main(["launch", str(loaded.file)])
    assert "escapes" in capsys.readouterr().out


def test_a_launch_that_comes_down_or_stays_is_told_before_the_run(tmp_path: Path) -> None:
    slow = scenario(tmp_path, driver(speed=1500.0))
    assert fates(slow)[0].report.impact == "moon"
    with (
        ScenarioSky(slow) as sky,
        pytest.warns(Doubt, match="hits the Moon after"),
        pytest.raises(BadInput, match="muzzle_speed_m_s"),
    ):
        sky.plan()
    bound = scenario(tmp_path, driver(azimuth=90.0, speed=2500.0))
    with ScenarioSky(bound) as sky, pytest.warns(Doubt, match=r"ai-\d, launched"):
        sky.plan()


def test_the_error_of_the_muzzle_speed_is_drawn_for_each_satellite_from_the_seed(
    tmp_path: Path,
) -> None:
    text = driver(more="muzzle_speed_error_m_s = 0.5")
    one, same, other = (
        [fate.muzzle.speed_m_s for fate in fates(scenario(tmp_path, text, seed))]
        for seed in (1, 1, 2)
    )
    assert one == same
    assert not set(one) & set(other)
    assert len(set(one)) == 3
    assert np.abs(np.array(one) - 2450.0).max() < 3.0


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (driver(elevation=-1.0), "elevation_deg"),
        (driver(speed=0.0), "muzzle_speed_m_s"),
        (driver(more="track_length_km = 1\nacceleration_limit_g = 100"), "acceleration_limit_g"),
        (RELAY.format(orbit='lagrange = { bodies = ["earth", "moon"], point = 7 }'), "point"),
        (
            RELAY.format(
                orbit='oem = "a.oem", lagrange = { bodies = ["sun", "earth"], point = 2 }'
            ),
            "orbit",
        ),
        (
            "[terminals.slow]\naperture_m = 1.0\npower_w = 1.0\ntransmit_cap_bps = 0",
            "transmit_cap_bps",
        ),
        ('[terminals.dish]\naperture_m = 34.0\npower_w = 1.0\nband = "x"', "rate_table"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(BadInput, match=key):
        scenario(tmp_path, text)


@pytest.mark.parametrize(
    ("orbit", "mend"),
    [
        ('oem = "none.oem"', "there is no such file"),
        ('oem = "short.oem"', "not all of the scenario"),
        ('spk = { file = "short.oem", target = 301 }', "is no SPK file"),
        ('lagrange = { bodies = ["moon", "earth"], point = 1 }', "heavier first"),
        (
            'body = "moon", epoch = 2026-12-01T00:00:00Z, position_km = [1000.0, 0.0, 0.0],'
            " velocity_km_s = [0.0, 1.6, 0.0]",
            "below the surface",
        ),
    ],
)
def test_a_path_that_cannot_be_is_refused_when_it_is_made(
    tmp_path: Path, orbit: str, mend: str
) -> None:
    loaded = scenario(tmp_path, RELAY.format(orbit=orbit))
    with ScenarioSky(loaded) as sky:
        relay = integrated(sky.sky, lunar_relay(sky.sky, 0.0))
        text = write_oem(sky.sky, relay, "moon", "relay", np.linspace(0.0, 40_000.0, 135))
    (tmp_path / "short.oem").write_text(text)
    with ScenarioSky(loaded) as sky, pytest.raises(BadInput, match=mend):
        sky.path("relay")


def test_a_relay_from_an_oem_is_where_the_integrated_one_is(tmp_path: Path) -> None:
    loaded = scenario(tmp_path, RELAY.format(orbit='oem = "relay.oem"'))
    t_s = np.linspace(0.0, 2 * 86_400.0, 500)
    with ScenarioSky(loaded) as sky:
        relay = integrated(sky.sky, lunar_relay(sky.sky, 0.0))
        text = write_oem(sky.sky, relay, "moon", "relay", np.linspace(-3600.0, 176_400.0, 601))
        (tmp_path / "relay.oem").write_text(text)
        away = sky.path("relay").state(t_s).position_km - relay.state(t_s).position_km
        assert np.abs(away).max() < 1e-3
        assert sky.windows("teide", "relay")


def test_elements_of_last_year_are_worth_a_word(tmp_path: Path) -> None:
    line_1 = with_checksum(TLE[0].replace("26335", "25335"))
    loaded = scenario(
        tmp_path, RELAY.format(orbit=f'tle = ["{line_1}", "{with_checksum(TLE[1])}"]')
    )
    with ScenarioSky(loaded) as sky, pytest.warns(Doubt, match="take a newer one"):
        sky.path("relay")


def test_a_command_tells_of_old_elements_in_one_line_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line_1 = with_checksum(TLE[0].replace("26335", "25335"))
    loaded = scenario(
        tmp_path, RELAY.format(orbit=f'tle = ["{line_1}", "{with_checksum(TLE[1])}"]')
    )
    with pytest.raises(SystemExit) as ended:
        main(["windows", str(loaded.file), "teide", "relay", "--json"])
    said = capsys.readouterr()
    assert not ended.value.code
    assert isinstance(json.loads(said.out), list)
    assert said.err.startswith(f"lightlag: {loaded.file}: the TLE of 25544 is 3")
    assert said.err.count("\n") == 1


def with_checksum(line: str) -> str:
    return line[:-1] + str(sum(int(c) if c.isdigit() else c == "-" for c in line[:-1]) % 10)


def test_the_suns_gravity_delays_light_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = scenario(tmp_path, "")
    rows = []
    for asked in ((), ("--shapiro",)):
        with pytest.raises(SystemExit):
            main([
                "light-time", str(loaded.file), "earth", "mars", "--at", "2026-12-01T12:00:00Z",
                "--json", *asked,
            ])  # fmt: skip
        rows += json.loads(capsys.readouterr().out)
    for key in ("transmit_s", "receive_s"):
        assert 8e-6 < rows[1][key] - rows[0][key] < 12e-6  # 2 GM/c^3 = 9.85 us times a logarithm
    assert rows[1]["range_km"] == rows[0]["range_km"]


def test_a_raised_site_looks_below_its_horizontal_plane_only_when_asked(tmp_path: Path) -> None:
    """From 5 km above the Moon the horizon is 4.35 deg down."""
    site = """
[[nodes]]
name = "ridge"
ipn = 77
role = "relay"
site = {{ body = "moon", latitude_deg = -88.0, longitude_deg = 0, height_m = 5000, dip = {dip} }}
"""
    spans_s = []
    for dip in ("false", "true"):
        loaded = scenario(tmp_path, site.format(dip=dip))
        with ScenarioSky(loaded) as sky:
            masks = {node.name: node.mask for node in sky.planned_nodes()}
        spans_s.append(masks["ridge"])
    assert spans_s[0] == 0.0
    assert spans_s[1] == pytest.approx(-4.345, abs=0.005)


def test_windows_say_how_far_each_end_keeps_from_the_sun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = scenario(tmp_path, "")
    with pytest.raises(SystemExit):
        main(["windows", str(loaded.file), "teide", "mars"])
    assert "teide 3 deg, mars 0 deg" in capsys.readouterr().out
