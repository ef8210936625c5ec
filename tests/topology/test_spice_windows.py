"""Windows between orbiters against NAIF's geometry finder: run where spiceypy is installed.

The orbits go to SPICE as an SPK file (type 13, Hermite) of our own samples, so that only light and geometry are
compared: `gfoclt` finds when a sphere hides one orbiter from the other, light time iterated ("CN").
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from topology.constants import DAY_S, J2000_TDB_JD
from topology.ephemeris import KERNELS, Sky
from topology.frozen_orbit import integrated, lunar_relay
from topology.network import surroundings
from topology.orbits import orbit_from_elements
from topology.paths import Path as SkyPath
from topology.track import track
from topology.visibility import End, Surroundings
from topology.windows import Window, received, windows

spice = pytest.importorskip("spiceypy", exc_type=ImportError)
pytestmark = pytest.mark.slow

START = datetime(2026, 12, 1, tzinfo=UTC)
SPAN_S = 10 * DAY_S
CRAFT = {"leo": (-901, 399), "meo": (-902, 399), "elfo": (-903, 301), "llo": (-904, 301)}
FRONTS = {"moon": ("301", "MOON_ME_DE421"), "earth": ("399", "IAU_EARTH")}
EDGE_S = 0.05


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, SPAN_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def paths(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SkyPath]]:
    folder = tmp_path_factory.mktemp("kernels")
    paths: dict[str, SkyPath] = {
        "leo": _orbit(sky, "earth", 6_900.0, 97.0),
        "meo": _orbit(sky, "earth", 26_560.0, 55.0),
        "elfo": integrated(sky, lunar_relay(sky, 0.0)),
        "llo": _orbit(sky, "moon", 1_900.0, 80.0),
    }
    excerpt = (KERNELS / "de421_2026_2036.bsp").read_bytes()
    filled = folder / "filled.bsp"
    filled.write_bytes(excerpt + bytes(-len(excerpt) % 1024))
    spice.furnsh(str(filled))
    for kernel in ("moon_pa_de421_1900-2050.bpc", "moon_080317.tf"):
        spice.furnsh(str(KERNELS / kernel))
    spice.pdpool("BODY301_RADII", [1737.4] * 3)
    spice.pdpool("BODY399_RADII", [6378.137] * 3)  # a sphere: how it is turned does not matter
    spice.pdpool("BODY399_POLE_RA", [0.0, -0.641, 0.0])
    spice.pdpool("BODY399_POLE_DEC", [90.0, -0.557, 0.0])
    spice.pdpool("BODY399_PM", [190.147, 360.9856235, 0.0])
    file = folder / "craft.bsp"
    handle = spice.spkopn(str(file), "craft", 0)
    for name, (number, centre) in CRAFT.items():
        body = "earth" if centre == 399 else "moon"
        t_s = np.arange(-1800.0, SPAN_S + 1800.0, 30.0)
        own, about = paths[name].state(t_s), sky.body(body).state(t_s)
        states = np.concatenate(
            (own.position_km - about.position_km, own.velocity_km_s - about.velocity_km_s)
        ).T
        et = _et(sky, t_s)
        spice.spkw13(
            handle, number, centre, "J2000", et[0], et[-1], name, 7, et.size,
            np.ascontiguousarray(states), et,
        )  # fmt: skip
    spice.spkcls(handle)
    spice.furnsh(str(file))
    yield paths
    spice.kclear()


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


def _et(sky: Sky, t_s: np.ndarray) -> np.ndarray:
    whole, fraction = sky.epochs.whole_jd, sky.epochs.fraction_jd
    return ((whole - J2000_TDB_JD) + fraction) * DAY_S + t_s


def spices(sky: Sky, sender: str, receiver: str, front: str) -> list[Window]:
    """When the front body hides the sender, in the receiver's time."""
    first, last = (float(et) for et in _et(sky, np.array([0.0, SPAN_S])))
    window, found = spice.cell_double(2), spice.cell_double(20_000)
    spice.wninsd(first, last, window)
    body, frame = FRONTS[front]
    back = str(CRAFT[sender][0]), "POINT", " "
    observer = str(CRAFT[receiver][0])
    spice.gfoclt("ANY", body, "ELLIPSOID", frame, *back, "CN", observer, 60.0, window, found)
    zero = float(_et(sky, np.array([0.0]))[0])
    pairs = (spice.wnfetd(found, k) for k in range(spice.wncard(found)))
    return [(start - zero, end - zero) for start, end in pairs]


@pytest.mark.parametrize(
    ("sender", "receiver", "front"),
    [
        ("leo", "meo", "earth"),
        ("leo", "elfo", "earth"),
        ("elfo", "llo", "moon"),
        ("llo", "leo", "moon"),
        ("meo", "llo", "moon"),
    ],
)
def test_orbiters_are_hidden_when_spices_geometry_finder_says(
    sky: Sky, paths: dict[str, SkyPath], sender: str, receiver: str, front: str
) -> None:
    around = surroundings(sky, *sky.span_s, occluders=(front,))
    ends = [End(path=track(paths[name], *sky.span_s)) for name in (sender, receiver)]
    seen = windows(ends[0], ends[1], Surroundings(around.occluders), -600.0, SPAN_S)
    ours = received(ends[0], ends[1], seen)
    gaps = [(a[1], b[0]) for a, b in pairwise(ours)]
    inside = [gap for gap in gaps if gap[0] > 1.0 and gap[1] < SPAN_S - 1.0]
    theirs = [g for g in spices(sky, sender, receiver, front) if g[0] > 1.0 and g[1] < SPAN_S - 1.0]
    assert len(inside) == len(theirs) > 10
    worst_s = np.abs(np.array(inside) - np.array(theirs)).max()
    assert worst_s < EDGE_S
    print(f"{sender} to {receiver}, {front}: {2 * len(theirs)} edges, worst {worst_s * 1e3:.1f} ms")
