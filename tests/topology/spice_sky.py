"""NAIF's own library with our sky in it: kernels, craft and stations as SPK, the Earth's axes as a binary PCK.

So a comparison is of geometry and light alone: skyfield turns the Earth for both sides (at every epoch afresh here,
with nutation in full), the integrated orbits are shared.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
from skyfield.api import wgs84
from skyfield.framelib import itrs

from topology.constants import DAY_S, J2000_TDB_JD
from topology.ephemeris import KERNELS, Sky
from topology.paths import FloatArray
from topology.paths import Path as SkyPath
from topology.sites import horizon_axes_at
from topology.windows import Window

STEP_S = 30.0
MARGIN_S = 1800.0
EARTH_AXES = 1_401_000
_TURN_S = 1800.0
_DEGREE = 11


class Station(NamedTuple):
    """A place on the Earth: degrees, metres."""

    latitude_deg: float
    longitude_deg: float
    height_m: float


def et(sky: Sky, t_s: FloatArray) -> FloatArray:
    """SPICE's seconds of seconds from the scenario's start."""
    whole, fraction = sky.epochs.whole_jd, sky.epochs.fraction_jd
    return ((whole - J2000_TDB_JD) + fraction) * DAY_S + t_s


def furnish(spice: ModuleType, folder: Path) -> None:
    """The shipped kernels; SPICE reads whole records of 1024 bytes, and the excerpt's last is not filled up."""
    excerpt = (KERNELS / "de421_2026_2036.bsp").read_bytes()
    filled = folder / "filled.bsp"
    filled.write_bytes(excerpt + bytes(-len(excerpt) % 1024))
    spice.furnsh(str(filled))
    for kernel in ("moon_pa_de421_1900-2050.bpc", "moon_080317.tf"):
        spice.furnsh(str(KERNELS / kernel))


def add_craft(
    spice: ModuleType, folder: Path, sky: Sky, number: int, body: str, path: SkyPath
) -> None:
    """A path as an SPK file about a body (type 13: Hermite polynomials of degree 7)."""
    t_s = np.arange(-MARGIN_S, sky.duration_s + MARGIN_S, STEP_S)
    own, about = path.state(t_s), sky.body(body).state(t_s)
    away = own.position_km - about.position_km, own.velocity_km_s - about.velocity_km_s
    _write(spice, folder, sky, number, {"earth": 399, "moon": 301}[body], t_s, np.vstack(away))


def add_station(spice: ModuleType, folder: Path, sky: Sky, number: int, place: Station) -> None:
    """A station as an SPK file by skyfield, and its horizon as the frame TOPO<number>: z is up."""
    t_s = np.arange(-MARGIN_S, sky.duration_s + MARGIN_S, STEP_S)
    here = wgs84.latlon(*place).at(sky.epochs.at(t_s))
    _write(
        spice, folder, sky, number, 399, t_s, np.vstack((here.position.km, here.velocity.km_per_s))
    )
    key = 1_402_000 - number
    axes = horizon_axes_at(place.latitude_deg, place.longitude_deg).ravel()
    spice.lmpool(
        [
            f"FRAME_TOPO{-number} = {key}",
            f"FRAME_{key}_NAME = 'TOPO{-number}'",
            f"FRAME_{key}_CLASS = 4",
            f"FRAME_{key}_CLASS_ID = {key}",
            f"FRAME_{key}_CENTER = {number}",  # at another centre the axes would be those of a light time ago
            f"TKFRAME_{key}_RELATIVE = 'SKYFIELD_ITRS'",
            f"TKFRAME_{key}_SPEC = 'MATRIX'",
        ]
    )
    spice.pdpool(f"TKFRAME_{key}_MATRIX", axes)


def add_earth_axes(spice: ModuleType, folder: Path, sky: Sky) -> None:
    """Skyfield's ITRS as a binary PCK (type 2: Chebyshev polynomials of Euler's angles)."""
    begin_s = -2 * MARGIN_S
    count = int(np.ceil((sky.duration_s + 2 * MARGIN_S - begin_s) / _TURN_S))
    places = -np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
    middles = begin_s + _TURN_S * (np.arange(count) + 0.5)
    t_s = (middles[:, None] + 0.5 * _TURN_S * places).ravel()
    matrix = np.ascontiguousarray(np.moveaxis(itrs.rotation_at(sky.epochs.at(t_s)), -1, 0))
    angles = np.unwrap([spice.m2eul(one, 3, 1, 3)[::-1] for one in matrix], axis=0)
    values = angles.reshape(count, _DEGREE + 1, 3)
    fitted = np.linalg.solve(np.polynomial.chebyshev.chebvander(places, _DEGREE), values)
    file = str(folder / "earth.bpc")
    handle = spice.pckopn(file, "earth", 0)
    first, last = et(sky, np.array([begin_s, begin_s + count * _TURN_S]))
    coefficients = np.ascontiguousarray(fitted.transpose(0, 2, 1)).ravel()
    spice.pckw02(
        handle,
        EARTH_AXES,
        "J2000",
        first,
        last,
        "itrs",
        _TURN_S,
        count,
        _DEGREE,
        coefficients,
        first,
    )
    spice.pckcls(handle)
    spice.furnsh(file)
    spice.lmpool(
        [
            f"FRAME_SKYFIELD_ITRS = {EARTH_AXES}",
            f"FRAME_{EARTH_AXES}_NAME = 'SKYFIELD_ITRS'",
            f"FRAME_{EARTH_AXES}_CLASS = 2",
            f"FRAME_{EARTH_AXES}_CLASS_ID = {EARTH_AXES}",
            f"FRAME_{EARTH_AXES}_CENTER = 399",
        ]
    )


def above(
    spice: ModuleType, sky: Sky, station: int, target: int, mask_deg: float, *, sends: bool
) -> list[Window]:
    """When a target is above a station's mask, in the station's time: gfposc, converged, with aberration."""
    first, last = (float(at) for at in et(sky, np.array([0.0, sky.duration_s])))
    window, found = spice.cell_double(2), spice.cell_double(20_000)
    spice.wninsd(first, last, window)
    spice.gfposc(
        str(target), f"TOPO{-station}", "XCN+S" if sends else "CN+S", str(station), "LATITUDINAL",
        "LATITUDE", ">", float(np.radians(mask_deg)), 0.0, 90.0, 10_000, window, found,
    )  # fmt: skip
    zero = float(et(sky, np.array([0.0]))[0])
    pairs = (spice.wnfetd(found, k) for k in range(spice.wncard(found)))
    return [(start - zero, end - zero) for start, end in pairs]


def _write(
    spice: ModuleType,
    folder: Path,
    sky: Sky,
    number: int,
    centre: int,
    t_s: FloatArray,
    states: FloatArray,
) -> None:
    file = str(folder / f"{-number}.bsp")
    handle = spice.spkopn(file, "ours", 0)
    at = et(sky, t_s)
    spice.spkw13(
        handle, number, centre, "J2000", at[0], at[-1], "ours", 7, at.size,
        np.ascontiguousarray(states.T), at,
    )  # fmt: skip
    spice.spkcls(handle)
    spice.furnsh(file)
