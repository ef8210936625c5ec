"""Windows of Earth stations against NAIF's geometry finder, both ways: run where spiceypy is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.topology import spice_sky
from topology.constants import DAY_S
from topology.ephemeris import Sky
from topology.frozen_orbit import integrated, lunar_relay
from topology.orbits import orbit_from_elements
from topology.paths import FloatArray
from topology.paths import Path as SkyPath
from topology.sites import earth_site
from topology.track import track
from topology.visibility import End, Surroundings
from topology.windows import received, windows

spice = pytest.importorskip("spiceypy", exc_type=ImportError)
pytestmark = pytest.mark.slow

START = datetime(2026, 12, 1, tzinfo=UTC)
SPAN_S = 10 * DAY_S
STATIONS = {
    "teide": (-801, spice_sky.Station(28.30, -16.51, 2390.0), 20.0),
    "stromlo": (-802, spice_sky.Station(-35.3161, 149.0099, 805.0), 10.0),
    "table-mountain": (-803, spice_sky.Station(34.382, -117.683, 2200.0), 0.0),
}
CRAFT = {"leo": -901, "meo": -902, "elfo": -903, "moon": 301}
EDGE_S = 0.01
"""With the same UT1 on both sides; predictions of UT1 a year ahead differ by 0.2 s."""


@contextmanager
def in_spice(sky: Sky, folder: Path) -> Iterator[dict[str, SkyPath]]:
    """Paths, which SPICE knows meanwhile, as it knows the stations."""
    spice_sky.furnish(spice, folder)
    spice_sky.add_earth_axes(spice, folder, sky)
    paths: dict[str, SkyPath] = {
        "leo": _orbit(sky, 6_900.0, 97.0),
        "meo": _orbit(sky, 26_560.0, 55.0),
        "elfo": integrated(sky, lunar_relay(sky, 0.0)),
    }
    for name, path in paths.items():
        body = "moon" if name == "elfo" else "earth"
        spice_sky.add_craft(spice, folder, sky, CRAFT[name], body, path)
    for number, place, _ in STATIONS.values():
        spice_sky.add_station(spice, folder, sky, number, place)
    yield {**paths, "moon": sky.body("moon")}
    spice.kclear()


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, SPAN_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def paths(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SkyPath]]:
    with in_spice(sky, tmp_path_factory.mktemp("kernels")) as paths:
        yield paths


def _orbit(sky: Sky, axis_km: float, inclination_deg: float) -> SkyPath:
    return orbit_from_elements(
        sky,
        "earth",
        START,
        semi_major_axis_km=axis_km,
        eccentricity=0.01,
        inclination_deg=inclination_deg,
        ascending_node_deg=60.0,
    )


def edges_s(
    sky: Sky, paths: dict[str, SkyPath], station: str, target: str, *, sends: bool
) -> tuple[FloatArray, FloatArray]:
    """Edges in the station's time, ours and SPICE's."""
    number, place, mask_deg = STATIONS[station]
    site = End(path=track(earth_site(sky, *place), *sky.span_s), mask=mask_deg)
    other = End(path=track(paths[target], *sky.span_s))
    if sends:
        ours = windows(site, other, Surroundings(), 0.0, SPAN_S)
    else:
        ours = received(other, site, windows(other, site, Surroundings(), -60.0, SPAN_S))
    theirs = spice_sky.above(spice, sky, number, CRAFT[target], mask_deg, sends=sends)
    first, second = (
        np.array([edge for window in each for edge in window if 1.0 < edge < SPAN_S - 1.0])
        for each in (ours, theirs)
    )
    return first, second


@pytest.mark.parametrize("station", STATIONS)
@pytest.mark.parametrize("target", CRAFT)
@pytest.mark.parametrize("sends", [True, False])
def test_a_station_sees_what_spices_geometry_finder_says(
    sky: Sky, paths: dict[str, SkyPath], station: str, target: str, sends: bool
) -> None:
    ours, theirs = edges_s(sky, paths, station, target, sends=sends)
    assert ours.size == theirs.size >= 16
    assert np.abs(ours - theirs).max() < EDGE_S
