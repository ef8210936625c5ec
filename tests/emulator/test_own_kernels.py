"""A scenario with an ephemeris of the user's: the same sky from the same files; files that will not do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dtn.errors import BadInput
from emulator.scenario import load
from emulator.sky.scenario_sky import ScenarioSky
from topology.ephemeris import KERNELS

NAMES = ("mine.bsp", "moon.bpc", "moon.tf")
SHIPPED = ("de421_2026_2036.bsp", "moon_pa_de421_1900-2050.bpc", "moon_080317.tf")
SCENARIO = """
format = 1
name = "own"
start = {start}
duration = "2d"
{kernels}
[[nodes]]
name = "teide"
ipn = 1
role = "earth-station"
site = {{ body = "earth", latitude_deg = 28.3, longitude_deg = -16.5, height_m = 2390 }}

[[nodes]]
name = "base"
ipn = 2
role = "moon-base"
site = {{ body = "moon", latitude_deg = 10.0, longitude_deg = 20.0 }}
"""
TABLE = """
[kernels]
ephemeris = "mine.bsp"
moon_orientation = "moon.bpc"
moon_frames = "moon.tf"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, shipped in zip(NAMES, SHIPPED, strict=True):
        shutil.copy(KERNELS / shipped, tmp_path / name)
    return tmp_path


def written(folder: Path, kernels: str = TABLE, start: str = "2026-12-01T00:00:00Z") -> Path:
    file = folder / "own.toml"
    file.write_text(SCENARIO.format(kernels=kernels, start=start))
    return file


def fault(folder: Path, start: str = "2026-12-01T00:00:00Z") -> str:
    with pytest.raises(BadInput) as refused:
        load(written(folder, start=start))
    assert len(refused.value.faults) == 1
    return str(refused.value.faults[0])


def test_a_copy_of_the_shipped_files_gives_the_shipped_sky(folder: Path) -> None:
    with ScenarioSky(load(written(folder))) as sky:
        own = sky.windows("base", "teide")
    with ScenarioSky(load(written(folder, kernels=""))) as sky:
        assert own == sky.windows("base", "teide")
    assert own


def test_dates_outside_the_files_are_refused_with_the_years_they_cover(folder: Path) -> None:
    said = fault(folder, start="2037-06-01T00:00:00Z")
    assert "start = 2037-06-01" in said
    assert "the ephemeris covers 2026-01-01 to 2036-12-31" in said


def test_an_hour_is_kept_free_for_light_under_way(folder: Path) -> None:
    assert "2036-12-31" in fault(folder, start="2036-12-31T23:30:00Z")


@pytest.mark.parametrize(
    ("name", "octets", "key", "mend"),
    [
        ("mine.bsp", None, "kernels.ephemeris", "cannot be read: No such file"),
        ("mine.bsp", b"", "kernels.ephemeris", "is no SPK file"),
        ("mine.bsp", b"DAF/SPK but not really", "kernels.ephemeris", "is no SPK file"),
        ("moon.bpc", None, "kernels.moon_orientation", "cannot be read: No such file"),
        ("moon.bpc", b"nonsense" * 200, "kernels.moon_orientation", "is no binary PCK file"),
        ("moon.tf", b"", "kernels.moon_frames", "does not define the axes 31006 of moon.bpc"),
        ("moon.tf", b"\xff\xfe", "kernels.moon_frames", "does not define the axes 31006"),
    ],
)
def test_a_file_that_will_not_do_is_named(
    folder: Path, name: str, octets: bytes | None, key: str, mend: str
) -> None:
    if octets is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(octets)
    said = fault(folder)
    assert key in said
    assert name in said
    assert mend in said


def test_files_of_two_ephemerides_are_not_mixed(folder: Path) -> None:
    """Like DE440 in all but its numbers: its segments say so."""
    ephemeris = (folder / "mine.bsp").read_bytes()
    assert ephemeris.count(b"DE-0421LE-0421") >= 15
    (folder / "mine.bsp").write_bytes(ephemeris.replace(b"DE-0421LE-0421", b"DE-0440LE-0440"))
    said = fault(folder)
    assert "kernels.moon_orientation" in said
    assert "turns the Moon of DE421, but mine.bsp is DE440" in said


def test_a_matching_set_of_another_number_is_taken(folder: Path) -> None:
    ephemeris = (folder / "mine.bsp").read_bytes()
    (folder / "mine.bsp").write_bytes(ephemeris.replace(b"DE-0421LE-0421", b"DE-0440LE-0440"))
    frames = (folder / "moon.tf").read_bytes()
    (folder / "moon.tf").write_bytes(frames.replace(b"DE421", b"DE440"))
    with ScenarioSky(load(written(folder))) as sky:
        assert sky.windows("base", "teide")


def test_a_kernel_without_the_planets_is_refused(folder: Path) -> None:
    shutil.copy(KERNELS / SHIPPED[1], folder / "mine.bsp")
    assert "kernels.ephemeris" in fault(folder)
