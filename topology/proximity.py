"""What could stand between two ends at all, and when: from looks that cost little, with all that moves to spare.

`concern` takes one look an hour at every body that could be in the way; `glance` tells from the ends' places alone
where on a grid a horizon hides them or nothing does, so that light is followed only near the edges of windows.

Most bodies are never near a given line of sight, and the Sun stands near it for a few days a month. A look at the
look's own epochs tells, because between two looks nothing strays far: a path leaves its chord by an eighth of its
greatest acceleration times the step squared (55 km for a site on the Earth, 13,000 km for a low orbit), and a distance
from a point to a segment changes by no more than their ends move.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.geometry import dot, inside, norm
from topology.paths import FloatArray
from topology.track import Track
from topology.visibility import End, HorizonMask, Occluder, Surroundings, near_true

BoolArray = npt.NDArray[np.bool_]

LOOK_S = 3600.0
_SPEED_PART = (
    1e-3  # of light's, that nothing here exceeds by far: what moves while light is under way
)
_FEW_LOOKS = 24
_FASTEST_KM_S = 200.0  # of any two things here, each other's way
_ABERRATION_RAD = 1e-3
_SPIN_RAD_S = 1e-4  # no body with sites turns as fast
_SHORT_FLIGHT_S = 30.0  # in which a low orbit leaves its tangent by 4 km, 13 us of light
_SAME_GROUND_RAD = (
    0.01  # geodetic verticals are not quite radial, and an end's place changes in a light time
)


class Glance(NamedTuple):
    """Two ends on a grid, both as they are at the grid's epochs: a tenth of the price of following the light.

    Attributes:
        heights: how far the partner is above each end's mask, in the order of `visibility.limits`, km, shape
            (horizons, N); where it matters they are not right enough.
        owlt_s: light times, shape (N,), likewise.
        open_: where these do not tell whether A can transmit to B, or how long light takes to 50 us, and next to such
            places: indices.
    """

    heights: FloatArray
    owlt_s: FloatArray
    open_: npt.NDArray[np.intp]


class Concern(NamedTuple):
    """What a pair has to be tested against.

    Attributes:
        a: who transmits; without keep-out if its partner is never near the Sun.
        b: who receives; likewise.
        around: the surroundings without what is never near.
        start_s: the first look.
        step_s: between looks.
        near: for each limit of `visibility.limits` beyond the horizons, whether it could be broken
            about each look, shape (limits, looks); None: nothing is known, test everything always.
    """

    a: End
    b: End
    around: Surroundings
    start_s: float
    step_s: float
    near: BoolArray | None

    def at(self, t_s: FloatArray) -> BoolArray | None:
        """Which limits could be broken at epochs t_s, shape (limits, N)."""
        if self.near is None:
            return None
        look = np.rint((t_s - self.start_s) / self.step_s).astype(np.intp)
        could: BoolArray = self.near.take(
            np.minimum(np.maximum(look, 0), self.near.shape[1] - 1), axis=1
        )
        return could


def never(a: End, b: End) -> bool:
    """Whether two ends can certainly not see each other: sites on one body, too far apart for their masks.

    The elevations of two places as seen from each other add up to minus the angle between their verticals.
    """
    if a.path.body is None or a.path.body != b.path.body:
        return False
    t_s = np.array([max(a.path.span_s[0], b.path.span_s[0])])
    up, other = a.path.up(t_s), b.path.up(t_s)
    if up is None or other is None:
        return False
    apart_rad = math.acos(max(-1.0, min(1.0, float(dot(up, other)[0]))))
    lowest_rad = math.radians(_lowest_deg(a) + _lowest_deg(b))
    return lowest_rad > _SAME_GROUND_RAD - apart_rad


def _lowest_deg(end: End) -> float:
    mask = end.mask
    return min(mask.elevation_deg) if isinstance(mask, HorizonMask) else mask


def _highest_deg(end: End) -> float:
    mask = end.mask
    return max(mask.elevation_deg) if isinstance(mask, HorizonMask) else mask


def glance(a: End, b: End, t_s: FloatArray, near: BoolArray | None) -> Glance:
    """What can be told without following the light.

    Light changes what is seen by little: while it is under way B moves by less than a thousandth of its way, its
    horizon turns by `_SPIN_RAD_S` times its flight, and aberration is below a thousandth too.

    Args:
        a: who transmits, its path `OnGrid`.
        b: who receives, likewise.
        t_s: the grid's epochs.
        near: what `Concern.at` says of them.
    """
    here, there = a.path.state(t_s), b.path.state(inside(t_s, b.path))
    way = there.position_km - here.position_km
    range_km = np.maximum(norm(way), 1e-6)
    owlt_s = range_km / (SPEED_OF_LIGHT_KM_S - dot(way, there.velocity_km_s) / range_km)
    heights, below = [], np.zeros(t_s.size, dtype=bool)
    above = ~below
    for end, sign, turned in ((a, 1.0, 0.0), (b, -1.0, _SPIN_RAD_S)):
        up = end.path.up(t_s)
        if up is None:
            continue
        lowest_deg, highest_deg = _lowest_deg(end), _highest_deg(end)
        height_km = sign * dot(up, way)
        spare_km = range_km * (_ABERRATION_RAD + _SPEED_PART + turned * owlt_s)
        mask_km = range_km * math.sin(math.radians(highest_deg))
        above &= height_km > mask_km + spare_km
        if lowest_deg != highest_deg:
            mask_km = range_km * math.sin(math.radians(lowest_deg))
        height_km -= mask_km
        below |= height_km < -spare_km
        heights.append(height_km)
    told = below
    if float(owlt_s.max()) < _SHORT_FLIGHT_S and near is not None:
        told = below | (above & ~near.any(axis=0))
    return Glance(np.reshape(heights, (-1, t_s.size)), owlt_s, np.flatnonzero(near_true(~told)))


def concern(a: End, b: End, around: Surroundings, first_s: float, last_s: float) -> Concern:
    """What could break the line from A to B between first_s and last_s of A's time."""
    own = a.path.body, b.path.body
    occluders = tuple(o for o in around.occluders if o.name not in own)
    paths = [a.path, b.path, *(o.path for o in occluders), *([around.sun] if around.sun else [])]
    if not all(isinstance(path, Track) for path in paths):
        return Concern(a, b, Surroundings(occluders, around.sun), first_s, LOOK_S, None)
    start_s = LOOK_S * math.floor(first_s / LOOK_S)
    looks_s = start_s + LOOK_S * np.arange(math.ceil((last_s - start_s) / LOOK_S) + 1)
    born_s = max(path.span_s[0] for path in paths)
    gone_s = min(path.span_s[1] for path in paths)
    assert isinstance(a.path, Track)
    assert isinstance(b.path, Track)
    looked = _Look(a.path, b.path, np.minimum(np.maximum(looks_s, born_s), gone_s))
    occluders = tuple(o for o in occluders if not looked.is_beyond(o))
    rows = [looked.is_near(occluder) for occluder in occluders]
    kept = tuple(o for o, near in zip(occluders, rows, strict=True) if near.any())
    near = [row for row in rows if row.any()]
    ends = []
    for end, away in ((a, 1.0), (b, -1.0)):
        shy = around.sun is not None and end.sun_keep_out_deg > 0
        if shy and isinstance(around.sun, Track):
            row = looked.is_sunward(end, away, around.sun)
            shy = bool(row.any())
            near += [row] if shy else []
        ends.append(end if shy else replace(end, sun_keep_out_deg=0.0))
    table = np.array(near) if near else np.empty((0, looks_s.size), dtype=bool)
    return Concern(ends[0], ends[1], Surroundings(kept, around.sun), start_s, LOOK_S, table)


class _Look:
    """A and B at the looks."""

    def __init__(self, a: Track, b: Track, t_s: FloatArray) -> None:
        self._a, self._b, self._t_s = a, b, t_s
        self._here = a.on_grid(LOOK_S).state(t_s).position_km
        self._there = b.on_grid(LOOK_S).state(t_s).position_km
        self._line = self._there - self._here
        self._square = np.maximum(dot(self._line, self._line), 1e-6)
        self._range_km = np.sqrt(self._square)
        self._wander_km = _moved(self._line) + a.bulge_km(LOOK_S) + b.bulge_km(LOOK_S)
        self._wander_km += _SPEED_PART * self._range_km

    def is_beyond(self, occluder: Occluder) -> bool:
        """Whether a sphere is always much farther away than the partner: a few looks tell."""
        few = slice(None, None, _FEW_LOOKS)
        away = occluder.path.state(self._t_s[few]).position_km - self._here[:, few]
        strays_km = _FASTEST_KM_S * _FEW_LOOKS * LOOK_S
        farthest_km = float(self._range_km.max()) * (1.0 + _SPEED_PART)
        return float(norm(away).min()) - strays_km > farthest_km + occluder.radius_km

    def is_near(self, occluder: Occluder) -> BoolArray:
        """Whether a sphere could touch the line, about each look."""
        path = occluder.path
        assert isinstance(path, Track)
        away = path.on_grid(LOOK_S).state(self._t_s).position_km - self._here
        along = np.minimum(np.maximum(dot(away, self._line) / self._square, 0.0), 1.0)
        missed_km = norm(away - along * self._line)
        bulge_km = self._a.bulge_km(LOOK_S) + path.bulge_km(LOOK_S)
        near: BoolArray = missed_km < (
            occluder.radius_km + self._wander_km + _moved(away) + bulge_km
        )
        return near

    def is_sunward(self, end: End, away: float, sun: Track) -> BoolArray:
        """Whether the partner could be within an end's keep-out angle of the Sun, about each look."""
        place, own = (self._here, self._a) if away > 0 else (self._there, self._b)
        to_sun = sun.on_grid(LOOK_S).state(self._t_s).position_km - place
        sun_km = norm(to_sun)
        cosine = away * dot(to_sun, self._line) / (sun_km * self._range_km)
        angle = np.arccos(np.minimum(np.maximum(cosine, -1.0), 1.0))
        turned = _turned(self._wander_km, self._range_km)
        sun_wander_km = _moved(to_sun) + own.bulge_km(LOOK_S) + sun.bulge_km(LOOK_S)
        turned += _turned(sun_wander_km, sun_km) + _ABERRATION_RAD
        near: BoolArray = angle < math.radians(end.sun_keep_out_deg) + turned
        return near


def _moved(vector: FloatArray) -> FloatArray:
    """The most that a vector changes along its chords to half-way before and after each look."""
    change = norm(vector[:, 1:] - vector[:, :-1]) / 2
    moved = np.zeros(vector.shape[1])
    moved[:-1] = change
    moved[1:] = np.maximum(moved[1:], change)
    return moved


def _turned(wander_km: FloatArray, range_km: FloatArray) -> FloatArray:
    """The most that a direction turns when its end wanders so far."""
    sine = np.minimum(wander_km / range_km, 1.0)
    return np.where(sine < 1.0, np.arcsin(sine), np.pi)
