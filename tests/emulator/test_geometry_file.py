"""geometry.json: positions for drawing, as near to the ephemerides as it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dtn.errors import BadInput
from emulator.cli import app
from emulator.geometry import (
    OBLIQUITY_RAD,
    TOLERANCE_KM,
    Geometry,
    beside,
    geometry_of,
    read_geometry,
)
from emulator.scenario import load
from emulator.sky.scenario_sky import ScenarioSky

SCENARIO = Path(__file__).parents[2] / "scenarios" / "earth-moon.toml"


@pytest.fixture(scope="module")
def sky() -> Iterator[ScenarioSky]:
    with ScenarioSky(load(SCENARIO)) as sky:
        yield sky


@pytest.fixture(scope="module")
def geometry(sky: ScenarioSky) -> Geometry:
    return geometry_of(sky)


@pytest.mark.parametrize("name", ["teide", "base", "relay", "moon", "earth", "mars"])
def test_a_track_passes_where_the_ephemeris_says(
    sky: ScenarioSky, geometry: Geometry, name: str
) -> None:
    (track,) = (t for t in (*geometry.bodies, *geometry.nodes) if t.name == name)
    km = np.array(track.km, dtype=np.float64).reshape(-1, 3)
    places = np.unique(np.linspace(0, len(km) - 1, 25).astype(int))
    at_s = track.start_s + track.step_s * places
    icrf = sky.path(name).state(at_s).position_km - sky.path(track.parent).state(at_s).position_km
    cos, sin = np.cos(OBLIQUITY_RAD), np.sin(OBLIQUITY_RAD)
    turned = np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]]) @ icrf
    assert np.abs(km[places] - turned.T).max() <= 0.5 + 1e-6
    assert track.error_km <= TOLERANCE_KM


def test_the_planets_move_in_the_drawings_plane(geometry: Geometry) -> None:
    (earth,) = (track for track in geometry.bodies if track.name == "earth")
    km = np.array(earth.km, dtype=np.float64).reshape(-1, 3)
    assert np.abs(km[:, 2]).max() < 1e-3 * np.linalg.norm(km[0])


def test_it_reads_back_equal(geometry: Geometry, tmp_path: Path) -> None:
    (tmp_path / "geometry.json").write_text(geometry.text())
    assert read_geometry(tmp_path / "geometry.json") == geometry
    assert read_geometry(tmp_path / "none.json") is None


def test_a_constellations_setup_file_has_its_geometry_beside_it(
    geometry: Geometry, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["setup", str(SCENARIO), "-o", str(tmp_path / "run.json")])
    assert done.exit_code == 0, done.output
    assert read_geometry(beside(tmp_path / "run.json")) == geometry


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"radii_km": [], "bodies": [], "nodes": []}'])
def test_a_file_that_is_no_geometry_is_bad_input(text: str, tmp_path: Path) -> None:
    (tmp_path / "geometry.json").write_text(text)
    with pytest.raises(BadInput, match="no geometry"):
        read_geometry(tmp_path / "geometry.json")
