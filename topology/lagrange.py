"""Lagrange points: where a small body keeps its place beside two large ones, as far as they go round each other evenly.

The collinear points are the roots of the quintic of the circular restricted problem, scaled by the distance there is at
the moment; L4 and L5 stand 60 degrees before and behind in the plane of the moment. No craft sits on one (they go
round them on halo or Lissajous orbits, hundreds of thousands of km away): a place for illustration.
"""

from __future__ import annotations

import numpy as np

from dtn.errors import InvalidValue
from topology.bodies import body_named
from topology.constants import GM_EARTH_KM3_S2, GM_MOON_KM3_S2
from topology.ephemeris import Sky
from topology.paths import FloatArray, State

_DIFFERENCE_S = 60.0


class LagrangePoint:
    """One of the five points of two bodies.

    Args:
        sky: the ephemerides.
        bodies: the heavier, then the lighter; "earth" beside the Sun stands for Earth and Moon together.
        point: 1 (between), 2 (beyond the lighter), 3 (beyond the heavier), 4 (ahead), 5 (behind).

    Raises:
        InvalidValue: no such bodies or point.
    """

    def __init__(self, sky: Sky, bodies: tuple[str, str], point: int) -> None:
        heavy, light = (body_named(name) for name in bodies)
        if point not in (1, 2, 3, 4, 5):
            raise InvalidValue("point", point, "one of 1 to 5")
        mass = light.gm_km3_s2
        self._pair = light.name == "earth" and heavy.name == "sun"
        if self._pair:
            mass += GM_MOON_KM3_S2
        if not heavy.gm_km3_s2 > 25 * mass:
            raise InvalidValue("bodies", list(bodies), "name the heavier first, such as sun, earth")
        self._heavy, self._light = sky.body(heavy.name), sky.body(light.name)
        self._moon = sky.body("moon")
        self._part = mass / (mass + heavy.gm_km3_s2)
        self._point = point
        self._along = _collinear(self._part, point) if point <= 3 else 0.5 - self._part
        self._sky = sky

    @property
    def span_s(self) -> tuple[float, float]:
        """The scenario and its margin."""
        return self._sky.span_s

    @property
    def body(self) -> str | None:
        """None: it stands on no surface."""
        return None

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity about the solar-system barycentre."""
        t_s = np.atleast_1d(np.asarray(t_s, dtype=np.float64))
        before, after = self._place(t_s - _DIFFERENCE_S), self._place(t_s + _DIFFERENCE_S)
        return State(self._place(t_s), (after - before) / (2 * _DIFFERENCE_S))

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """None: it has no horizon."""
        return None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """None: it has no horizon."""
        return None

    def _place(self, t_s: FloatArray) -> FloatArray:
        heavy, light = self._heavy.state(t_s), self._light.state(t_s)
        position, velocity = light.position_km, light.velocity_km_s
        if self._pair:
            moon = self._moon.state(t_s)
            part = GM_MOON_KM3_S2 / (GM_EARTH_KM3_S2 + GM_MOON_KM3_S2)
            position = position + part * (moon.position_km - position)
            velocity = velocity + part * (moon.velocity_km_s - velocity)
        line = position - heavy.position_km
        # along the line from the centre of mass, in distances of the two
        place: FloatArray = heavy.position_km + (self._part + self._along) * line
        if self._point >= 4:
            normal = np.cross(line, velocity - heavy.velocity_km_s, axis=0)
            onward = np.cross(normal / np.linalg.norm(normal, axis=0), line, axis=0)
            place = place + (1 if self._point == 4 else -1) * np.sqrt(0.75) * onward
        return place


def _collinear(part: float, point: int) -> float:
    """The root of the restricted problem's force on the line, from the centre of mass, in distances of the two."""
    bounds = {
        1: (-part + 1e-6, 1 - part - 1e-6),
        2: (1 - part + 1e-6, 2.0),
        3: (-2.0, -part - 1e-6),
    }
    low, high = bounds[point]

    def force(x: float) -> float:
        heavy, light = x + part, x - 1 + part
        return x - (1 - part) * heavy / abs(heavy) ** 3 - part * light / abs(light) ** 3

    # rising over each interval: gravity beside the bodies, the centrifugal force far away
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if force(middle) < 0 else (low, middle)
    return 0.5 * (low + high)
