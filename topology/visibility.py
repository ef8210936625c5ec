"""What keeps two ends from seeing each other: horizons, bodies in the way, the Sun near the line.

Everything is tested at the instant when the photon is there: the transmitter's horizon when it
leaves, the receiver's when it arrives, each against the direction in that end's own moving frame
(aberration moves an edge by up to 1.4 s); a body in the way stands where it is when the photon passes
it (the Moon moves 38 km while light crosses from the Earth). Bodies are spheres; their air bends and
takes no light here. A site's own body is its horizon, never an occluder; the horizon is a mask over
the local horizontal plane: constant, or by azimuth.

A terminal must not look near the Sun, and each end has its own limit: from Mars, the Earth passes
near the Sun at opposition too.

`limits` says how far inside each limit a photon is, `clearance` the least of them, positive where all are kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from dtn.errors import InvalidValue
from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.geometry import Sightline, arriving, departing, dot, norm, sightline
from topology.paths import FloatArray, Path, State

if TYPE_CHECKING:
    from topology.compiled_visibility import Bodies


@dataclass(frozen=True, slots=True)
class HorizonMask:
    """The lowest elevation a site can look at, by azimuth: straight lines between the points.

    Args:
        azimuth_deg: from north by east, in [0, 360), rising.
        elevation_deg: the lowest free elevation there.

    Raises:
        InvalidValue: no points, not rising, or outside the sky.
    """

    azimuth_deg: tuple[float, ...]
    elevation_deg: tuple[float, ...]

    def __post_init__(self) -> None:
        azimuths = self.azimuth_deg
        if not azimuths or len(azimuths) != len(self.elevation_deg):
            raise InvalidValue("horizon_mask", azimuths, "give one elevation for each azimuth")
        rising = all(a < b for a, b in pairwise(azimuths))
        if not rising or azimuths[0] < 0 or azimuths[-1] >= 360:
            raise InvalidValue("azimuth_deg", azimuths, "must rise within [0, 360)")
        for elevation in self.elevation_deg:
            _check_elevation("elevation_deg", elevation)

    def at(self, azimuth_rad: FloatArray) -> FloatArray:
        """Lowest free elevation at azimuths, radians."""
        lowest: FloatArray = np.interp(
            np.degrees(azimuth_rad), self.azimuth_deg, self.elevation_deg, period=360.0
        )
        return np.radians(lowest)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a link: where it is and where it may look.

    Args:
        path: its path (a `Track` where speed matters).
        mask: the lowest elevation of a site, degrees, or by azimuth; nothing in space.
        sun_keep_out_deg: the smallest angle between partner and Sun that its terminal bears; 0 = any.

    Raises:
        InvalidValue: an angle outside its range.
    """

    path: Path
    mask: float | HorizonMask = 0.0
    sun_keep_out_deg: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.mask, HorizonMask):
            _check_elevation("mask_deg", self.mask)
        if not 0 <= self.sun_keep_out_deg < 180:
            raise InvalidValue("sun_keep_out_deg", self.sun_keep_out_deg, "give 0 to 180 degrees")


class Occluder(NamedTuple):
    """A sphere that hides what is behind it."""

    name: str
    path: Path
    radius_km: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What may stand in the way of every link of a scenario.

    Args:
        occluders: spheres that hide what is behind them.
        sun: the path of the Sun, for the keep-out angles; None: no angle is tested.
    """

    occluders: tuple[Occluder, ...] = ()
    sun: Path | None = None
    stacked: list[Bodies | None] = field(default_factory=list, repr=False, compare=False)
    """Room for what `topology.scan` makes of them."""


def elevation_rad(path: Path, t_s: FloatArray, direction: FloatArray) -> FloatArray | None:
    """Elevation of unit directions above a site's horizontal plane, shape (N,); None in space."""
    up = path.up(t_s)
    return None if up is None else np.arcsin(np.clip(dot(up, direction), -1.0, 1.0))


def sun_angle_rad(state: State, sun: Path, t_s: FloatArray, direction: FloatArray) -> FloatArray:
    """Angle between unit directions and the Sun as the moving observer sees it, shape (N,)."""
    # half the chord: exact for small angles, where the arc cosine is not
    half = norm(direction - _to_sun(state, sun, t_s)) / 2
    angle: FloatArray = 2 * np.arcsin(np.minimum(half, 1.0))
    return angle


def _to_sun(state: State, sun: Path, t_s: FloatArray) -> FloatArray:
    """Where a moving observer sees the Sun: unit vectors, shape (3, N)."""
    now = sun.state(t_s)
    to_sun = now.position_km - state.position_km
    # the Sun moves 13 m/s: a straight line over its light time is enough
    seen = to_sun + (state.velocity_km_s - now.velocity_km_s) * (norm(to_sun) / SPEED_OF_LIGHT_KM_S)
    return seen / norm(seen)


def limits(
    line: Sightline,
    a: End,
    b: End,
    around: Surroundings,
    near: npt.NDArray[np.bool_] | None = None,
    *,
    even_below: bool = False,
) -> FloatArray:
    """How far photons from A to B are inside each limit: a row for each, positive where it is kept.

    Args:
        line: the photons.
        a: who transmits.
        b: who receives.
        around: occluders and Sun.
        near: which of the limits beyond the horizons could be broken by which photon, shape
            (limits, N); None: any.
        even_below: work the others out below a horizon, too: between samples both may change sign.

    Returns:
        Shape (limits, N), all in km at the partner's or the occluder's distance, so that a fast partner
        nearby gives smooth functions of time: first the horizons (height over the mask), then the
        occluders (distance from the limb), then the Sun's angles. What cannot matter, because
        the partner is below a horizon or nothing is near, is infinite.
    """
    kinds = _kinds(a, b, around)
    horizons = sum(isinstance(kind, _Horizon) for kind in kinds)
    found = np.full((max(len(kinds), 1), line.t_s.size), np.inf)
    for row, kind in enumerate(kinds[:horizons]):
        found[row] = kind.limit(line)
    up = None
    if horizons and not even_below:
        up = near_true(found[:horizons].min(axis=0) > 0)
        if not up.any():
            return found
    part, open_ = line, None
    if up is not None and not up.all():
        open_ = np.flatnonzero(up)
        part = _take(line, open_)
    for row, kind in enumerate(kinds[horizons:]):
        values = found[horizons + row]
        if near is None:
            values[slice(None) if open_ is None else open_] = kind.limit(part)
            continue
        wanted = np.flatnonzero(near[row] if open_ is None else near[row, open_])
        if wanted.size == part.t_s.size:
            values[slice(None) if open_ is None else open_] = kind.limit(part)
        elif wanted.size:
            values[wanted if open_ is None else open_[wanted]] = kind.limit(_take(part, wanted))
    return found


def limits_of(
    line: Sightline, a: End, b: End, around: Surroundings, rows: npt.NDArray[np.intp]
) -> FloatArray:
    """One limit of each photon, shape (N,): of the rows of `limits`, the one that `rows` says for it."""
    found = np.full(line.t_s.size, np.inf)
    for row, kind in enumerate(_kinds(a, b, around)):
        wanted = np.flatnonzero(rows == row)
        if wanted.size == found.size:
            return kind.limit(line)
        if wanted.size:
            found[wanted] = kind.limit(_take(line, wanted))
    return found


class _Horizon(NamedTuple):
    """Height over an end's mask, at its partner's distance."""

    end: End
    receives: bool

    def limit(self, line: Sightline) -> FloatArray:
        if self.receives:
            at_s, direction = line.t_s + line.owlt_s, arriving(line)
        else:
            at_s, direction = line.t_s, departing(line)
        height: FloatArray = _above_mask(self.end, at_s, direction) * line.range_km
        return height


class _Limb(NamedTuple):
    """Distance of a photon's way from a body's limb."""

    occluder: Occluder

    def limit(self, line: Sightline) -> FloatArray:
        return _past(self.occluder, line)


class _SunAngle(NamedTuple):
    """Distance of the partner from the Sun in an end's sky, at the partner's distance."""

    end: End
    receives: bool
    sun: Path

    def limit(self, line: Sightline) -> FloatArray:
        """Chord of the angle between partner and Sun less the shortest, at the partner's distance, km."""
        if self.receives:
            at_s, state, direction = line.t_s + line.owlt_s, line.destination, arriving(line)
        else:
            at_s, state, direction = line.t_s, line.source, departing(line)
        apart = norm(direction - _to_sun(state, self.sun, at_s))
        shortest = 2 * math.sin(math.radians(self.end.sun_keep_out_deg) / 2)
        return (apart - shortest) * line.range_km


_Kind = _Horizon | _Limb | _SunAngle


def _kinds(a: End, b: End, around: Surroundings) -> list[_Kind]:
    """The limits of a pair, in the order of the rows of `limits`."""
    ends = ((a, False), (b, True))
    kinds: list[_Kind] = [
        _Horizon(end, receives) for end, receives in ends if end.path.body is not None
    ]
    kinds += [_Limb(o) for o in around.occluders if o.name not in (a.path.body, b.path.body)]
    if around.sun is not None:
        kinds += [
            _SunAngle(end, receives, around.sun)
            for end, receives in ends
            if end.sun_keep_out_deg > 0
        ]
    return kinds


def clearance(a: End, b: End, around: Surroundings, t_s: FloatArray) -> FloatArray:
    """The least of all `limits` for photons that leave A at t_s for B, shape (N,).

    Positive: A can transmit to B. Kilometres of different things, so mostly its sign and zeros mean something.
    """
    t_s = np.asarray(t_s, dtype=float)
    least: FloatArray = limits(sightline(a.path, b.path, t_s), a, b, around).min(axis=0)
    return least


def visible(a: End, b: End, around: Surroundings, t_s: FloatArray) -> Sequence[bool]:
    """Whether A can transmit to B at t_s."""
    seen: list[bool] = (clearance(a, b, around, t_s) >= 0).tolist()
    return seen


def _above_mask(end: End, t_s: FloatArray, direction: FloatArray) -> FloatArray:
    """Sine of the elevation less that of the mask."""
    if isinstance(end.mask, HorizonMask):
        axes = end.path.horizon_axes(t_s)
        assert axes is not None
        east, north, up = (dot(axis, direction) for axis in axes)
        above: FloatArray = up - np.sin(end.mask.at(np.arctan2(east, north)))
        return above
    up_axis = end.path.up(t_s)
    assert up_axis is not None
    return dot(up_axis, direction) - math.sin(math.radians(end.mask))


def _past(occluder: Occluder, line: Sightline) -> FloatArray:
    """Distance of the occluder's surface from the photon's way when it passes, km.

    The photon passes the occluder's centre at t + s owlt, s in [0, 1]; the occluder's place there
    decides s again. Each round leaves v/c of the error: after the second, 1e-8 of the light time.
    """
    middle_s = line.t_s + 0.5 * line.owlt_s
    state = occluder.path.state(middle_s)
    relative = state.position_km - line.source.position_km
    squared = line.range_km**2
    along = _part(dot(relative, line.path_km) / squared)
    if not along.size or float(np.max(line.owlt_s)) < 10.0:
        # bodies fall 3e-3 km at most off the straight line in 5 s
        relative = relative + state.velocity_km_s * ((along - 0.5) * line.owlt_s)
    else:
        state = occluder.path.state(line.t_s + along * line.owlt_s)
        relative = state.position_km - line.source.position_km
    closer = _part(dot(relative, line.path_km) / squared)
    relative = relative + state.velocity_km_s * ((closer - along) * line.owlt_s)
    along = _part(dot(relative, line.path_km) / squared)
    missed_km = norm(relative - line.path_km * along)
    return missed_km - occluder.radius_km


def _part(along: FloatArray) -> FloatArray:
    """Kept between 0 and 1: np.clip at a third of the price."""
    part: FloatArray = np.minimum(np.maximum(along, 0.0), 1.0)
    return part


def near_true(flags: np.ndarray) -> np.ndarray:
    """The flags, and three places on either side: enough for polynomials of degree 5 across the edges."""
    near = flags.copy()
    for shift in (1, 2, 3):
        near[shift:] |= flags[:-shift]
        near[:-shift] |= flags[shift:]
    return near


def _take(line: Sightline, places: np.ndarray) -> Sightline:
    source, destination = (
        State(state.position_km[:, places], state.velocity_km_s[:, places])
        for state in (line.source, line.destination)
    )
    return Sightline(
        line.t_s[places],
        line.owlt_s[places],
        source,
        destination,
        line.path_km[:, places],
        line.range_km[places],
    )


def _check_elevation(key: str, degrees: float) -> None:
    if not -90 <= degrees < 90:
        raise InvalidValue(key, degrees, "give an elevation of -90 to 90 degrees")
