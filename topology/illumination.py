"""Sunlight at a place over time: distance, the shadows of bodies, night at a site; all in one piecewise-linear profile.

At its best: the flux is right wherever a node may be, its kinks stand where shadow and horizon begin and end (to
milliseconds, as SPICE finds them), and what is left of it is so little that a node's process can carry it and
integrate it exactly without any ephemeris.

Everything is tested at consistent instants: the light that arrives at t left the Sun earlier, and a body stands in its
way where it was when the light passed it. Bodies are spheroids: along a flattened body's axis space is stretched, which
makes it a sphere and leaves lines of sight straight (a limb of the Earth moves by 21 km, 3 s for a low orbit). Of the
Sun's disc a body hides the overlap of two discs (Montenbruck and Gill, Satellite Orbits, 3.4.2), a horizon what is
below it. Several hide as if each took its share of what the others leave. There is no limb darkening and no air:
refraction would put light of about 1e-4 into the Earth's umbra and delay dusk in low orbits by a few seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from topology.bodies import body_named
from topology.constants import AU_KM, RADIUS_SUN_KM, SOLAR_CONSTANT_W_M2, SPEED_OF_LIGHT_KM_S
from topology.ephemeris import Sky
from topology.geometry import dot, light_time_received, norm
from topology.paths import FloatArray, Path
from topology.track import track
from topology.visibility import HorizonMask

SHADOWING: Final = ("earth", "moon", "mars")
FLATTENING: Final = {"earth": 1 / 298.257_223_563, "mars": 1 / 169.894}
"""WGS84; Mars: 3396.19 and 3376.20 km (IAU WGCCRE 2015). The Moon is a sphere to 1e-3."""

TOLERANCE: Final = 1e-3
"""How far the profile may be off the flux, in parts of the flux at one astronomical unit."""

_SHORT_S = 300.0  # what the tolerance amounts to in so much time, any stretch may be off
_EDGE_S = 1e-3
_SCAN_S = 600.0
_LONGEST_S = 10 * 86_400.0

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Illumination:
    """Sunlight on a surface that faces the Sun: straight lines between knots.

    Args:
        t_s: the knots' times, rising; what lies outside them is dark.
        flux_w_m2: the flux there. A light that comes on at once has two knots a moment apart.
    """

    t_s: tuple[float, ...] = ()
    flux_w_m2: tuple[float, ...] = ()


class Shade(NamedTuple):
    """When a body hides the Sun.

    Attributes:
        partial: when it hides any of the disc, penumbra included.
        full: when it hides as much as it can: all of it (umbra), or, being smaller, it stands wholly before it.
    """

    partial: list[Span]
    full: list[Span]


class Shadow:
    """A body between the Sun and an observer.

    Args:
        sky: the ephemerides.
        body: its name.
        sun: the Sun's path.
        path: the body's path.
        middle_s: an epoch at which its axis is taken; it turns by 20 arc seconds a year at most.
    """

    def __init__(self, sky: Sky, body: str, sun: Path, path: Path, middle_s: float) -> None:
        self.body = body
        self._sun = sun
        self._path = path
        self._radius_km = body_named(body).radius_km
        self._stretch = 1.0 / (1.0 - FLATTENING.get(body, 0.0))
        self._pole = np.zeros(3)
        if body in FLATTENING:
            self._pole = sky.orientation(body).rotation(np.array([middle_s])).matrix[2, :, 0]

    def angles(
        self, observer: Path, t_s: FloatArray, seen: Sunlight
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Angle between the centres, the Sun's radius and the body's, in radians, each of shape (N,)."""
        to_body = self._to(observer, t_s, seen)
        to_sun, to_body = self._stretched(seen.to_sun_km), self._stretched(to_body)
        far_km, near_km = norm(to_sun), norm(to_body)
        sun_way, body_way = to_sun / far_km, to_body / near_km
        apart = 2.0 * np.arcsin(np.minimum(0.5 * norm(sun_way - body_way), 1.0))
        # towards the body's limb the stretched Sun is a little larger than its radius
        across = sun_way - body_way * dot(sun_way, body_way)
        tilt = (self._pole @ across) / np.maximum(norm(across), 1e-15)
        sun_km = RADIUS_SUN_KM * np.sqrt(1.0 + (self._stretch**2 - 1.0) * tilt * tilt)
        inside = np.minimum(self._radius_km / near_km, 1.0)
        return apart, np.arcsin(sun_km / far_km), np.arcsin(inside)

    def _to(self, observer: Path, t_s: FloatArray, seen: Sunlight) -> FloatArray:
        """From the observer to where the body was when the light passed it."""
        position_km = seen.position_km
        away_s = norm(self._path.state(t_s).position_km - position_km) / SPEED_OF_LIGHT_KM_S
        # a body beyond the Sun hides nothing: never look further back than the light's own way
        away_s = np.minimum(away_s, seen.owlt_s)
        return self._path.state(t_s - away_s).position_km - position_km

    def _stretched(self, vectors: FloatArray) -> FloatArray:
        if self._stretch == 1.0:
            return vectors
        along = (self._stretch - 1.0) * (self._pole @ vectors)
        stretched: FloatArray = vectors + self._pole[:, None] * along
        return stretched


class Sunlight(NamedTuple):
    """The light that arrives at an observer at some epochs."""

    position_km: FloatArray
    to_sun_km: FloatArray
    owlt_s: FloatArray


class Place:
    """An observer under the Sun: where it is, what may shade it, where its horizon is.

    Args:
        sky: the ephemerides.
        path: where it is; a `Track` where speed matters.
        mask: a site's lowest free elevation, degrees, or by azimuth; nothing in space.
        bodies: names of those that may stand between it and the Sun; its own ground is its horizon.
    """

    def __init__(
        self,
        sky: Sky,
        path: Path,
        mask: float | HorizonMask = 0.0,
        bodies: Sequence[str] = SHADOWING,
    ) -> None:
        first_s, last_s = sky.span_s
        self._path = path
        self._mask = mask
        self._sun = track(sky.body("sun"), first_s, last_s)
        self._shadows = [
            Shadow(sky, name, self._sun, track(sky.body(name), first_s, last_s), 0.5 * last_s)
            for name in bodies
            if name != path.body
        ]

    def flux_w_m2(self, t_s: FloatArray) -> FloatArray:
        """Sunlight on a surface that faces the Sun, shape (N,)."""
        seen = self._sunlight(t_s)
        flux: FloatArray = SOLAR_CONSTANT_W_M2 * (AU_KM / norm(seen.to_sun_km)) ** 2
        for shadow in self._shadows:
            flux = flux * (1.0 - hidden(*shadow.angles(self._path, t_s, seen)))
        if self._path.body is not None:
            flux = flux * above(*self._over_horizon(t_s, seen))
        return flux

    def shade(self, body: str, start_s: float, end_s: float) -> Shade:
        """When a body hides the Sun, in the observer's time.

        Raises:
            StopIteration: the body is none of those that may.
        """
        shadow = next(shadow for shadow in self._shadows if shadow.body == body)
        grid_s = self._grid(start_s, end_s)

        def touched(t_s: FloatArray) -> FloatArray:
            apart, sun, disc = shadow.angles(self._path, t_s, self._sunlight(t_s))
            return sun + disc - apart

        def covered(t_s: FloatArray) -> FloatArray:
            apart, sun, disc = shadow.angles(self._path, t_s, self._sunlight(t_s))
            return np.abs(disc - sun) - apart

        grid_s = _with_closest(touched, grid_s)
        return Shade(_positive(touched, grid_s), _positive(covered, grid_s))

    def night(self, start_s: float, end_s: float) -> Shade:
        """When a site's horizon hides the Sun: any of its disc, all of it; nothing in space."""
        if self._path.body is None:
            return Shade([], [])
        grid_s = self._grid(start_s, end_s)

        def touched(t_s: FloatArray) -> FloatArray:
            height, sun = self._over_horizon(t_s, self._sunlight(t_s))
            return sun - height

        def covered(t_s: FloatArray) -> FloatArray:
            height, sun = self._over_horizon(t_s, self._sunlight(t_s))
            return -sun - height

        grid_s = _with_closest(touched, grid_s)
        return Shade(_positive(touched, grid_s), _positive(covered, grid_s))

    def profile(self, start_s: float, end_s: float, tolerance: float = TOLERANCE) -> Illumination:
        """The flux over a span as straight lines between as few knots as the tolerance allows."""
        first_s, last_s = max(start_s, self._path.span_s[0]), min(end_s, self._path.span_s[1])
        if not last_s > first_s:
            return Illumination()
        shades = [self.night(first_s, last_s)]
        shades += [self.shade(shadow.body, first_s, last_s) for shadow in self._shadows]
        edges = {first_s, last_s}
        for spans in (span for shade in shades for span in shade):
            edges.update(edge for span in spans for edge in span)
        coarse = np.linspace(first_s, last_s, 2 + int((last_s - first_s) / _LONGEST_S))
        known = np.array(sorted(edges | set(coarse.tolist())))
        known = known[np.append(True, np.diff(known) > _EDGE_S)]
        t_s = _refined(self.flux_w_m2, known, tolerance * SOLAR_CONSTANT_W_M2)
        return Illumination(tuple(t_s.tolist()), tuple(self.flux_w_m2(t_s).tolist()))

    def _sunlight(self, t_s: FloatArray) -> Sunlight:
        owlt_s = light_time_received(self._sun, self._path, t_s)
        position_km = self._path.state(t_s).position_km
        return Sunlight(
            position_km, self._sun.state(t_s - owlt_s).position_km - position_km, owlt_s
        )

    def _over_horizon(self, t_s: FloatArray, seen: Sunlight) -> tuple[FloatArray, FloatArray]:
        """Height of the Sun's centre over the mask and the radius of its disc, radians."""
        velocity = self._path.state(t_s).velocity_km_s
        apparent = seen.to_sun_km + velocity * seen.owlt_s  # aberration: 20 arc seconds
        way = apparent / norm(apparent)
        axes = self._path.horizon_axes(t_s)
        assert axes is not None
        east, north, up = (dot(axis, way) for axis in axes)
        lowest: FloatArray | float
        if isinstance(self._mask, HorizonMask):
            lowest = self._mask.at(np.arctan2(east, north))
        else:
            lowest = math.radians(self._mask)
        height = np.arctan2(up, np.hypot(east, north)) - lowest
        return height, np.arcsin(RADIUS_SUN_KM / norm(seen.to_sun_km))

    def _grid(self, start_s: float, end_s: float) -> FloatArray:
        step_s = min(_SCAN_S, getattr(self._path, "step_s", _SCAN_S))
        return np.linspace(start_s, end_s, 2 + math.ceil((end_s - start_s) / step_s))


def hidden(apart: FloatArray, sun: FloatArray, disc: FloatArray) -> FloatArray:
    """Part of the Sun's disc behind another disc, 0 to 1, shape (N,).

    Args:
        apart: angle between the centres, radians.
        sun: the Sun's angular radius.
        disc: the other's.
    """
    c = np.maximum(apart, 1e-12)
    x = (c * c + sun * sun - disc * disc) / (2.0 * c)  # from the Sun's centre to the common chord
    y = np.sqrt(np.maximum(sun * sun - x * x, 0.0))
    lens = (
        sun * sun * np.arccos(np.clip(x / sun, -1.0, 1.0))
        + disc * disc * np.arccos(np.clip((c - x) / disc, -1.0, 1.0))
        - c * y
    )
    part = np.where(apart >= sun + disc, 0.0, lens / (np.pi * sun * sun))
    inside = apart <= np.abs(disc - sun)
    part = np.where(inside, np.minimum(disc / sun, 1.0) ** 2, part)
    clipped: FloatArray = np.clip(part, 0.0, 1.0)
    return clipped


def above(height: FloatArray, sun: FloatArray) -> FloatArray:
    """Part of the Sun's disc above a horizon, 0 to 1: the height of its centre and its radius, radians."""
    x = np.clip(height / sun, -1.0, 1.0)
    part: FloatArray = 1.0 - (np.arccos(x) - x * np.sqrt(1.0 - x * x)) / np.pi
    return part


def _positive(function: Callable[[FloatArray], FloatArray], grid_s: FloatArray) -> list[Span]:
    """Spans where a function is positive, their edges found by bisection."""
    inside = function(grid_s) > 0.0
    turns = np.flatnonzero(inside[1:] != inside[:-1])
    low, high = grid_s[turns].copy(), grid_s[turns + 1].copy()
    rises = inside[turns + 1]
    while low.size and float((high - low).max()) > _EDGE_S:
        middle = 0.5 * (low + high)
        later = (function(middle) > 0.0) != rises
        low, high = np.where(later, middle, low), np.where(later, high, middle)
    edges = (0.5 * (low + high)).tolist()
    if inside[0]:
        edges.insert(0, float(grid_s[0]))
    if inside[-1]:
        edges.append(float(grid_s[-1]))
    return list(zip(edges[::2], edges[1::2], strict=True))


def _with_closest(
    function: Callable[[FloatArray], FloatArray], grid_s: FloatArray, rounds: int = 4
) -> FloatArray:
    """The grid, and the highest points of a function between its points: a short shadow has no grid point inside."""
    values = function(grid_s)
    tops = 1 + np.flatnonzero(
        (values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:]) & (values[1:-1] < 0)
    )
    left, right = grid_s[tops - 1], grid_s[tops + 1]
    parts = np.linspace(0.0, 1.0, 9)
    for _ in range(rounds if tops.size else 0):
        tries = left[:, None] + (right - left)[:, None] * parts
        best = function(tries.ravel()).reshape(tries.shape).argmax(axis=1)
        rows = np.arange(best.size)
        left, right = tries[rows, np.maximum(best - 1, 0)], tries[rows, np.minimum(best + 1, 8)]
    return np.unique(np.concatenate((grid_s, 0.5 * (left + right))))


def _refined(
    function: Callable[[FloatArray], FloatArray], edges_s: FloatArray, tolerance: float
) -> FloatArray:
    """Knots between which straight lines are nowhere farther from a function than the tolerance.

    Farther they may be where it is too short to matter: in the ten seconds of a low orbit's penumbra.
    """
    done = [edges_s]
    lefts, rights = edges_s[:-1], edges_s[1:]
    parts = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    while lefts.size:
        tries = lefts[:, None] + (rights - lefts)[:, None] * parts
        values = function(tries.ravel()).reshape(tries.shape)
        straight = values[:, :1] + (values[:, -1:] - values[:, :1]) * parts
        off = np.abs(values - straight).max(axis=1)
        bad = (off > tolerance) & (off * (rights - lefts) > tolerance * _SHORT_S)
        middles = 0.5 * (lefts + rights)[bad]
        done.append(middles)
        lefts, rights = (
            np.concatenate((lefts[bad], middles)),
            np.concatenate((middles, rights[bad])),
        )
    return np.unique(np.concatenate(done))
