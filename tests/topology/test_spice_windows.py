"""Windows between orbiters against NAIF's geometry finder: run where spiceypy is installed.

The orbits go to SPICE as an SPK file (type 13, Hermite) of our own samples, so that only light and geometry are
compared: `gfoclt` finds when a sphere hides one orbiter from the other, light time iterated ("CN").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.topology import spice_sky
from topology.constants import DAY_S
from topology.ephemeris import Sky
from topology.frozen_orbit import integrated, lunar_relay
from topology.network import surroundings
from topology.orbits import orbit_from_elements
from topology.paths import FloatArray
from topology.paths import Path as SkyPath
from topology.track import track
from topology.visibility import End, Surroundings
from topology.windows import Window, received, windows

spice = pytest.importorskip("spiceypy", exc_type=ImportError)
pytestmark = pytest.mark.slow

START = datetime(2026, 12, 1, tzinfo=UTC)
SPAN_S = 10 * DAY_S
CRAFT = {
    "leo": (-901, "earth"),
    "meo": (-902, "earth"),
    "elfo": (-903, "moon"),
    "llo": (-904, "moon"),
}
FRONTS = {"moon": ("301", "MOON_ME_DE421"), "earth": ("399", "IAU_EARTH")}
EDGE_S = 0.05


@contextmanager
def in_spice(sky: Sky, folder: Path) -> Iterator[dict[str, SkyPath]]:
    """Paths, which SPICE knows meanwhile."""
    paths: dict[str, SkyPath] = {
        "leo": _orbit(sky, "earth", 6_900.0, 97.0),
        "meo": _orbit(sky, "earth", 26_560.0, 55.0),
        "elfo": integrated(sky, lunar_relay(sky, 0.0)),
        "llo": _orbit(sky, "moon", 1_900.0, 80.0),
    }
    spice_sky.furnish(spice, folder)
    spice.pdpool("BODY301_RADII", [1737.4] * 3)
    spice.pdpool("BODY399_RADII", [6378.137] * 3)  # a sphere: how it is turned does not matter
    spice.pdpool("BODY399_POLE_RA", [0.0, -0.641, 0.0])
    spice.pdpool("BODY399_POLE_DEC", [90.0, -0.557, 0.0])
    spice.pdpool("BODY399_PM", [190.147, 360.9856235, 0.0])
    for name, (number, body) in CRAFT.items():
        spice_sky.add_craft(spice, folder, sky, number, body, paths[name])
    yield paths
    spice.kclear()


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, SPAN_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def paths(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SkyPath]]:
    with in_spice(sky, tmp_path_factory.mktemp("kernels")) as paths:
        yield paths


def _orbit(sky: Sky, body: str, axis_km: float, inclination_deg: float) -> SkyPath:
    return orbit_from_elements(
        sky,
        body,
        START,
        semi_major_axis_km=axis_km,
        eccentricity=0.01,
        inclination_deg=inclination_deg,
        ascending_node_deg=60.0,
    )


def spices(sky: Sky, sender: str, receiver: str, front: str) -> list[Window]:
    """When the front body hides the sender, in the receiver's time."""
    first, last = (float(et) for et in spice_sky.et(sky, np.array([0.0, SPAN_S])))
    window, found = spice.cell_double(2), spice.cell_double(20_000)
    spice.wninsd(first, last, window)
    body, frame = FRONTS[front]
    back = str(CRAFT[sender][0]), "POINT", " "
    observer = str(CRAFT[receiver][0])
    spice.gfoclt("ANY", body, "ELLIPSOID", frame, *back, "CN", observer, 60.0, window, found)
    zero = float(spice_sky.et(sky, np.array([0.0]))[0])
    pairs = (spice.wnfetd(found, k) for k in range(spice.wncard(found)))
    return [(start - zero, end - zero) for start, end in pairs]


PAIRS = [
    ("leo", "meo", "earth"),
    ("leo", "elfo", "earth"),
    ("elfo", "llo", "moon"),
    ("llo", "leo", "moon"),
    ("meo", "llo", "moon"),
]


def gaps_s(
    sky: Sky, paths: dict[str, SkyPath], sender: str, receiver: str, front: str
) -> tuple[FloatArray, FloatArray]:
    """When the front body hides the sender, ours and SPICE's, shapes (N, 2)."""
    around = surroundings(sky, *sky.span_s, occluders=(front,))
    ends = [End(path=track(paths[name], *sky.span_s)) for name in (sender, receiver)]
    seen = windows(ends[0], ends[1], Surroundings(around.occluders), -600.0, SPAN_S)
    ours = [(a[1], b[0]) for a, b in pairwise(received(ends[0], ends[1], seen))]
    theirs = spices(sky, sender, receiver, front)
    first, second = (
        np.array([gap for gap in gaps if gap[0] > 1.0 and gap[1] < SPAN_S - 1.0])
        for gaps in (ours, theirs)
    )
    return first, second


@pytest.mark.parametrize(("sender", "receiver", "front"), PAIRS)
def test_orbiters_are_hidden_when_spices_geometry_finder_says(
    sky: Sky, paths: dict[str, SkyPath], sender: str, receiver: str, front: str
) -> None:
    ours, theirs = gaps_s(sky, paths, sender, receiver, front)
    assert len(ours) == len(theirs) > 10
    assert np.abs(ours - theirs).max() < EDGE_S
