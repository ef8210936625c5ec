"""Shadows against NAIF's geometry finder, the Earth and Mars flattened: run where spiceypy is installed.

The orbits go to SPICE as an SPK file of our own samples, so that only light and geometry are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from topology.constants import DAY_S, J2000_TDB_JD
from topology.ephemeris import KERNELS, Sky
from topology.illumination import Place, Span
from topology.orbits import orbit_from_elements
from topology.paths import Path
from topology.track import track

spice = pytest.importorskip("spiceypy", exc_type=ImportError)
pytestmark = pytest.mark.slow

START = datetime(2026, 9, 10, tzinfo=UTC)  # GEO is in the Earth's shadow about the equinox
SPAN_S = 10 * DAY_S
CRAFT = {
    "leo": (-911, 399, 6_900.0, 70.0),
    "geo": (-912, 399, 42_164.0, 0.1),
    "llo": (-913, 301, 1_900.0, 80.0),
    "mars-low": (-914, 4, 3_800.0, 50.0),
}
BODIES = {399: "earth", 301: "moon", 4: "mars"}
FRONTS = {
    "earth": ("399", "IAU_EARTH"),
    "moon": ("301", "MOON_ME_DE421"),
    "mars": ("499", "IAU_MARS"),
}
POOL = {
    "BODY10_RADII": [695_700.0] * 3,
    "BODY10_POLE_RA": [286.13, 0.0, 0.0],
    "BODY10_POLE_DEC": [63.87, 0.0, 0.0],
    "BODY10_PM": [84.176, 14.1844, 0.0],
    "BODY301_RADII": [1737.4] * 3,
    "BODY399_RADII": [6378.137, 6378.137, 6356.7523],
    "BODY399_POLE_RA": [0.0, -0.641, 0.0],
    "BODY399_POLE_DEC": [90.0, -0.557, 0.0],
    "BODY399_PM": [190.147, 360.9856235, 0.0],
    "BODY499_RADII": [3396.19, 3396.19, 3376.20],
    "BODY499_POLE_RA": [317.68143, -0.1061, 0.0],
    "BODY499_POLE_DEC": [52.88650, -0.0609, 0.0],
    "BODY499_PM": [176.630, 350.89198226, 0.0],
}


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, SPAN_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def paths(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("kernels")
    excerpt = (KERNELS / "de421_2026_2036.bsp").read_bytes()
    filled = folder / "filled.bsp"
    filled.write_bytes(excerpt + bytes(-len(excerpt) % 1024))
    spice.furnsh(str(filled))
    for kernel in ("moon_pa_de421_1900-2050.bpc", "moon_080317.tf"):
        spice.furnsh(str(KERNELS / kernel))
    for name, values in POOL.items():
        spice.pdpool(name, values)
    file = folder / "craft.bsp"
    handle = spice.spkopn(str(file), "craft", 0)
    paths: dict[str, Path] = {}
    t_s = np.arange(-1800.0, SPAN_S + 1800.0, 30.0)
    et = _et(sky, t_s)
    for name, (number, centre, axis_km, inclination_deg) in CRAFT.items():
        body = BODIES[centre]
        paths[name] = orbit_from_elements(
            sky, body, START, semi_major_axis_km=axis_km, eccentricity=0.001,
            inclination_deg=inclination_deg, ascending_node_deg=60.0,
        )  # fmt: skip
        own, about = paths[name].state(t_s), sky.body(body).state(t_s)
        states = np.concatenate(
            (own.position_km - about.position_km, own.velocity_km_s - about.velocity_km_s)
        ).T
        spice.spkw13(
            handle, number, centre, "J2000", et[0], et[-1], name, 7, et.size,
            np.ascontiguousarray(states), et,
        )  # fmt: skip
    spice.spkcls(handle)
    spice.furnsh(str(file))
    yield paths
    spice.kclear()


def _et(sky: Sky, t_s: np.ndarray) -> np.ndarray:
    whole, fraction = sky.epochs.whole_jd, sky.epochs.fraction_jd
    return ((whole - J2000_TDB_JD) + fraction) * DAY_S + t_s


def spices(sky: Sky, kind: str, craft: str, front: str) -> list[Span]:
    """When the body in front hides the Sun, in the craft's time."""
    first, last = (float(et) for et in _et(sky, np.array([0.0, SPAN_S])))
    window, found = spice.cell_double(2), spice.cell_double(20_000)
    spice.wninsd(first, last, window)
    body, frame = FRONTS[front]
    back = "10", "ELLIPSOID", "IAU_SUN"
    observer = str(CRAFT[craft][0])
    spice.gfoclt(kind, body, "ELLIPSOID", frame, *back, "CN", observer, 120.0, window, found)
    zero = float(_et(sky, np.array([0.0]))[0])
    pairs = (spice.wnfetd(found, k) for k in range(spice.wncard(found)))
    return [(start - zero, end - zero) for start, end in pairs]


@pytest.mark.parametrize(
    ("craft", "front", "least"),
    [("leo", "earth", 140), ("geo", "earth", 8), ("llo", "moon", 100), ("mars-low", "mars", 100)],
)
def test_shadows_begin_and_end_when_spices_geometry_finder_says(
    sky: Sky, paths: dict[str, Path], craft: str, front: str, least: int
) -> None:
    ours = Place(sky, track(paths[craft], *sky.span_s)).shade(front, 0.0, SPAN_S)
    for kind, spans in (("ANY", ours.partial), ("FULL", ours.full)):
        theirs = spices(sky, kind, craft, front)
        assert len(spans) == len(theirs) >= least
        worst_s = np.abs(np.array(spans) - np.array(theirs)).max()
        assert worst_s < 1.0
        print(f"{craft}, {front}, {kind}: {2 * len(theirs)} edges, worst {worst_s * 1e3:.1f} ms")
