"""The scenario reader: what is good loads, what is bad is named with file, key, value and mend."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import BadInput
from emulator import scenario as scenarios
from emulator.scenario.quantities import SECONDS_PER_UNIT

SCENARIOS = Path(__file__).parents[2] / "scenarios"

GOOD = """\
format = 1
name = "small"
start = 2026-12-01T00:00:00Z
duration = "1d"

[[nodes]]
name = "teide"
ipn = 1
role = "earth-station"
site = { body = "earth", latitude_deg = 28.3, longitude_deg = -16.51, height_m = 2390 }

[[nodes]]
name = "base"
ipn = 2
role = "moon-base"
site = { body = "moon", latitude_deg = -89.54, longitude_deg = 0 }

[[traffic]]
name = "telemetry"
application = "telemetry"
from = "base"
to = "teide"
size = "4 kB"
period = "5min"
lifetime = "6h"
"""

TWIN = """\
[[nodes]]
name = "teide"
ipn = 3
role = "gateway"

"""

DRIVER = """\
[[mass_driver]]
name = "driver"
site = { body = "moon", latitude_deg = -89.54, longitude_deg = 0 }
azimuth_deg = 270
elevation_deg = 2
muzzle_speed_m_s = 2450
first = "6h"
period = "12h"
count = 2
satellites = { name = "ai", ipn = 401 }

"""

# what replaces what, then: key path, part of the value, part of the mend
GATEWAY = '[[nodes]]\nname = "office"\nipn = 3\nrole = "gateway"\n'
BAD = [
    ("format = 1", "format = 2", "format", "2", "use one of: 1"),
    ('"small"', '"Small Net"', "name", "Small Net", "small letters"),
    ("height_m", "hieght_m", 'nodes[0] "teide".site.hieght_m', "2390", 'did you mean "height_m"'),
    (
        "height_m",
        "height_km",
        'nodes[0] "teide".site.height_km',
        "2390",
        "write height_m, in metres",
    ),
    ('duration = "1d"', 'durration = "1d"', "durration", "1d", 'did you mean "duration"'),
    ('duration = "1d"', "duration = 86400", "duration", "86400", "with its unit"),
    ('"1d"', '"1 fortnight"', "duration", "1 fortnight", "unknown unit 'fortnight'"),
    ('"1d"', '"0d"', "duration", "0d", "more than 0"),
    ('"4 kB"', '"4 furlongs"', 'traffic[0] "telemetry".size', "4 furlongs", "unknown unit"),
    ("28.3,", "91.0,", 'nodes[0] "teide".site.latitude_deg', "91.0", "90 or less, in degrees"),
    ("28.3,", '"28.3",', 'nodes[0] "teide".site.latitude_deg', '"28.3"', "without quotes"),
    ("latitude_deg = 28.3, ", "", 'nodes[0] "teide".site.latitude_deg', "", "missing: add it"),
    ("[[traffic]]", TWIN + "[[traffic]]", 'nodes[2] "teide".name', "teide", "taken by nodes[0]"),
    ("ipn = 2", "ipn = 1", 'nodes[1] "base".ipn', "1", "taken by nodes[0]"),
    ("ipn = 2", "ipn = 0", 'nodes[1] "base".ipn', "0", "1 or more"),
    ('"moon-base"', '"moonbase"', 'nodes[1] "base".role', "moonbase", "'moon-base'"),
    ("ipn = 2", 'ipn = 2\nterminals = ["trnk"]', 'nodes[1] "base".terminals[0]', "trnk", '"trunk"'),
    ('to = "teide"', 'to = "tiede"', 'traffic[0] "telemetry".to', "tiede", 'did you mean "teide"'),
    ('from = "base"', 'from = "ai-*"', 'traffic[0] "telemetry".from', "ai-*", "no such node"),
    ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00", "start", "2026-12-01", "time zone"),
    ("2026-12-01T00:00:00Z", "2051-12-01T00:00:00Z", "start", "2051-12-01", "2026-01-01 to 2037"),
    ('"1d"', '"9999d"', "duration", "9999d", "end sooner"),
    ("format = 1", "format = = 1", "line 1, column 10", "format = = 1", "no TOML"),
    ("[[traffic]]", "[trafic]", "trafic", "", 'did you mean "traffic"'),
    (
        "[[traffic]]",
        '[planner]\ndesigner = "fairr"\n[[traffic]]',
        "planner.designer",
        "fairr",
        'did you mean "fair"',
    ),
    (
        "[[traffic]]",
        '[[faults]]\nnode = "tide"\nat = "2h"\nfor = "1h"\n[[traffic]]',
        "faults[0].node",
        "tide",
        'did you mean "teide"',
    ),
    (
        "[[traffic]]",
        '[[faults]]\nlink = ["teide", "base"]\nat = "2d"\nfor = "1h"\n[[traffic]]',
        "faults[0].at",
        "172800",
        "within the scenario's duration",
    ),
    (
        "[[traffic]]",
        '[[faults]]\nat = "2h"\nfor = "1h"\n[[traffic]]',
        "faults[0]",
        "",
        "say what fails",
    ),
    (
        "[[traffic]]",
        '[[links]]\nbetween = ["base", "base"]\nrate_bps = 1e6\nowlt_s = 0\n[[traffic]]',
        "links[0].between",
        "base",
        "two different nodes",
    ),
    (
        "[[traffic]]",
        2 * ('[[links]]\nbetween = ["teide", "base"]\nrate_bps = 1e6\nowlt_s = 2\n')
        + "[[traffic]]",
        "links[1].between",
        "base",
        "links[0] joins the same two",
    ),
    (
        "[[traffic]]",
        '[[links]]\nbetween = ["teide", "base"]\nrate_bps = inf\nowlt_s = 2\n[[traffic]]',
        "links[0].rate_bps",
        "inf",
        "a finite number, in bit/s",
    ),
    (
        "[[traffic]]",
        GATEWAY + '[[faults]]\nlink = ["teide", "office"]\nat = "1h"\nfor = "1h"\n[[traffic]]',
        "faults[0].link",
        "office",
        "never meet",
    ),
    (
        "[[traffic]]",
        GATEWAY.replace('"gateway"', '"gateway"\nmask_deg = 5') + "[[traffic]]",
        'nodes[2] "office"',
        "",
        "for a site",
    ),
    ("ipn = 2", "ipn = 4294967296", 'nodes[1] "base".ipn', "4294967296", "4294967295 or less"),
    ('to = "teide"', 'to = "base"', 'traffic[0] "telemetry".to', "base", "to another node"),
    ('"5min"', '"0.0001ms"', 'traffic[0] "telemetry".period', "1e-07s", "8.6e+11 bundles"),
    (
        "[[traffic]]",
        DRIVER.replace('"6h"', '"9d"') + "[[traffic]]",
        'mass_driver[0] "driver".first',
        "777600",
        "within the scenario's duration",
    ),
    (
        "[[traffic]]",
        DRIVER.replace("ipn = 401", "ipn = 2") + "[[traffic]]",
        'mass_driver[0] "driver".satellites.ipn',
        "2",
        "taken by nodes[",
    ),
    (
        "[[traffic]]",
        DRIVER.replace("elevation_deg = 2", "elevation_deg = -2") + "[[traffic]]",
        'mass_driver[0] "driver".elevation_deg',
        "-2",
        "0 or more, in degrees",
    ),
    (
        "[[traffic]]",
        "[terminals.trunk]\nobscuration_m = 9.0\n[[traffic]]",
        "terminals.trunk.obscuration_m",
        "9.0",
        "less than the aperture",
    ),
    (
        "[[traffic]]",
        "[terminals.new]\npower_w = 9.0\n[[traffic]]",
        "terminals.new.aperture_m",
        "",
        "missing: add it, in metres",
    ),
    (
        'site = { body = "moon"',
        'orbit = { body = "moon" }\nsite = { body = "moon"',
        'nodes[1] "base".orbit',
        "moon",
        "position_km with velocity_km_s",
    ),
]


def written(folder: Path, text: str) -> Path:
    path = folder / "net.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["moonbase-alpha", "earth-moon"])
def test_a_shipped_scenario_loads(name: str) -> None:
    assert scenarios.load(SCENARIOS / f"{name}.toml").name == name


def test_the_template_of_new_loads() -> None:
    template = Path(scenarios.__file__).with_name("template.toml")
    assert scenarios.load(template).name == "my-network"


def test_the_smallest_scenario_stays_under_forty_lines() -> None:
    assert len((SCENARIOS / "earth-moon.toml").read_text().splitlines()) < 40


@pytest.mark.parametrize(("old", "new", "key", "value", "mend"), BAD)
def test_a_bad_scenario_gives_one_fault_with_file_key_value_and_mend(
    tmp_path: Path, old: str, new: str, key: str, value: str, mend: str
) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(BadInput) as caught:
        scenarios.load(path)
    (fault,) = caught.value.faults
    assert fault.file == str(path)
    assert fault.key == key
    assert value in fault.value
    assert mend in fault.mend


def test_all_faults_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("28.3,", "91,").replace('"1d"', '"1x"').replace('"4 kB"', "4")
    with pytest.raises(BadInput) as caught:
        scenarios.load(written(tmp_path, text))
    keys = [fault.key for fault in caught.value.faults]
    assert keys == ["duration", 'nodes[0] "teide".site.latitude_deg', 'traffic[0] "telemetry".size']


def test_a_file_that_is_not_there_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        scenarios.load(tmp_path / "nothing.toml")


def test_a_role_fills_in_what_a_node_leaves_out_and_yields_to_what_it_says(tmp_path: Path) -> None:
    loaded = scenarios.load(written(tmp_path, GOOD.replace("ipn = 2", "ipn = 2\nmask_deg = 5")))
    teide, base = loaded.nodes
    assert (teide.mask_deg, teide.terminals) == (20.0, ("optical-ground",))
    assert base.mask_deg == 5.0


def test_a_terminal_table_changes_only_the_keys_it_names(tmp_path: Path) -> None:
    text = GOOD + "\n[terminals.trunk]\npower_w = 9.0\n"
    before = scenarios.load(written(tmp_path, GOOD)).terminals["trunk"]
    after = scenarios.load(written(tmp_path, text)).terminals["trunk"]
    assert after.power_w == 9.0
    assert after.aperture_m == before.aperture_m


def test_a_mass_driver_names_and_numbers_what_it_launches_within_the_scenario() -> None:
    loaded = scenarios.load(SCENARIOS / "moonbase-alpha.toml")
    launches = loaded.launches()
    assert [(launch.name, launch.ipn) for launch in launches][:2] == [("ai-1", 401), ("ai-2", 402)]
    assert len(launches) >= 6
    assert launches[1].t_s - launches[0].t_s == 4 * 86400
    assert set(loaded.ipn_numbers()) >= {"ai-1", "teide", "mission-control"}


def test_dates_are_kept_in_utc(tmp_path: Path) -> None:
    text = GOOD.replace("2026-12-01T00:00:00Z", "2026-12-01T02:00:00+02:00")
    assert scenarios.load(written(tmp_path, text)).start == datetime(2026, 12, 1, tzinfo=UTC)


def test_the_json_schema_describes_the_format_by_the_keys_of_the_file() -> None:
    schema = scenarios.json_schema()
    assert schema["additionalProperties"] is False
    assert {"format", "duration", "nodes", "mass_driver", "traffic"} <= set(schema["properties"])
    node = schema["$defs"]["Node"]
    assert set(node["required"]) == {"name", "ipn", "role"}
    assert node["properties"]["store"]["examples"]


@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.sampled_from(sorted(SECONDS_PER_UNIT))),
        min_size=1,
        max_size=4,
    )
)
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    text = " ".join(f"{number}{unit}" for number, unit in parts)
    expected = sum(number * SECONDS_PER_UNIT[unit] for number, unit in parts)
    assert scenarios.parse_duration_s(text) == pytest.approx(expected)


def test_the_json_schema_is_closed_and_every_reference_in_it_leads_somewhere() -> None:
    schema = scenarios.json_schema()
    tables = [schema, *schema["$defs"].values()]
    assert all(table["additionalProperties"] is False for table in tables)
    assert all(set(table.get("required", ())) <= set(table["properties"]) for table in tables)
    text = json.dumps(schema)
    references = set(re.findall(r'"\$ref": "#/\$defs/(\w+)"', text))
    assert references == set(schema["$defs"])


def test_every_key_of_the_format_is_explained_in_its_schema() -> None:
    schema = scenarios.json_schema()
    tables = {"Scenario": schema, **schema["$defs"]}
    bare = [
        f"[{model}] {key}"
        for model, table in tables.items()
        for key, said in table.get("properties", {}).items()
        if not said.get("description")
    ]
    assert bare == [], "explain them in emulator/scenario/descriptions.toml"


def test_no_explanation_is_of_a_key_that_is_gone() -> None:
    schema = scenarios.json_schema()
    tables = {"Scenario": schema, **schema["$defs"]}
    text = resources.files("emulator.scenario").joinpath("descriptions.toml").read_text("utf-8")
    for model, meanings in tomllib.loads(text).items():
        assert set(meanings) <= set(tables[model]["properties"]), model
