"""Places on the ground: Earth (WGS84, ITRS axes), Moon (mean-Earth axes) and Mars (IAU axes).

Latitude is geodetic on the Earth and planetocentric on Moon and Mars; longitude is east-positive.
Heights on the Earth are above the WGS84 ellipsoid (a map's height above the sea differs by up to
100 m, 0.3 us); on the Moon above the sphere of 1737.4 km; on Mars above the sphere of 3396.19 km,
*not* above the areoid of MOLA. The horizon is the plane through the site: no terrain, and no dip unless it is asked for
(`dip_deg`). On the airless worlds this flatters a site near the pole.
"""

from __future__ import annotations

import math

import numpy as np
from skyfield.api import wgs84

from dtn.errors import InvalidValue
from topology.bodies import body_named
from topology.ephemeris import Sky
from topology.paths import FloatArray, State

DEEPEST_M = -12_000.0  # below any ground there is, on any of the three
HIGHEST_M = 30_000.0  # above Olympus Mons


class Site:
    """A place that turns with its body. Make one with `site`, or with the function of its body.

    Args:
        sky: the ephemerides.
        body: "earth", "moon" or "mars".
        fixed_km: where it is in body-fixed axes, shape (3,).
        axes: its east, north and up in body-fixed axes, the rows of a (3, 3) array.
    """

    def __init__(self, sky: Sky, body: str, fixed_km: FloatArray, axes: FloatArray) -> None:
        self._sky = sky
        self._centre = sky.body(body)
        self._orientation = sky.orientation(body)
        self._body = body
        self.fixed_km = fixed_km
        self.axes = axes

    @property
    def span_s(self) -> tuple[float, float]:
        """The scenario and its margin."""
        return self._sky.span_s

    @property
    def body(self) -> str | None:
        """The body it stands on."""
        return self._body

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity, the body's spin included."""
        t_s = np.atleast_1d(t_s)
        centre = self._centre.state(t_s)
        matrix, rate = self._orientation.rotation(t_s)
        return State(
            centre.position_km + np.einsum("jin,j->in", matrix, self.fixed_km),
            centre.velocity_km_s + np.einsum("jin,j->in", rate, self.fixed_km),
        )

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """Unit normal of the horizon, shape (3, N)."""
        matrix = self._orientation.rotation(np.atleast_1d(t_s)).matrix
        up: FloatArray = np.einsum("jin,j->in", matrix, self.axes[2])
        return up

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """East, north and up, shape (3, 3, N)."""
        matrix = self._orientation.rotation(np.atleast_1d(t_s)).matrix
        axes: FloatArray = np.einsum("jin,kj->kin", matrix, self.axes)
        return axes


def site(
    sky: Sky, body: str, latitude_deg: float, longitude_deg: float, height_m: float = 0.0
) -> Site:
    """A site on the Earth, the Moon or Mars.

    Raises:
        InvalidValue: no such place: the key is the one of the scenario's `site` table.
    """
    if not -90.0 <= latitude_deg <= 90.0:
        raise InvalidValue("latitude_deg", latitude_deg, "from -90 (south pole) to 90 (north pole)")
    if not -180.0 <= longitude_deg <= 360.0:
        raise InvalidValue("longitude_deg", longitude_deg, "from -180 to 360, east positive")
    if not DEEPEST_M <= height_m <= HIGHEST_M:
        mend = f"metres above the surface, from {DEEPEST_M:g} to {HIGHEST_M:g}"
        raise InvalidValue("height_m", height_m, mend)
    axes = horizon_axes_at(latitude_deg, longitude_deg)
    if body == "earth":
        fixed_km = np.asarray(wgs84.latlon(latitude_deg, longitude_deg, height_m).itrs_xyz.km)
    elif body in ("moon", "mars"):
        fixed_km = (body_named(body).radius_km + height_m / 1e3) * axes[2]
    else:
        raise InvalidValue("body", body, "sites stand on one of: earth, moon, mars")
    return Site(sky, body, fixed_km, axes)


def earth_site(sky: Sky, latitude_deg: float, longitude_deg: float, height_m: float = 0.0) -> Site:
    """A site on the Earth: geodetic latitude, height above the WGS84 ellipsoid."""
    return site(sky, "earth", latitude_deg, longitude_deg, height_m)


def moon_site(sky: Sky, latitude_deg: float, longitude_deg: float, height_m: float = 0.0) -> Site:
    """A site on the Moon, mean-Earth axes, height above the sphere of 1737.4 km."""
    return site(sky, "moon", latitude_deg, longitude_deg, height_m)


def mars_site(sky: Sky, latitude_deg: float, longitude_deg: float, height_m: float = 0.0) -> Site:
    """A site on Mars, IAU axes, height above the sphere of 3396.19 km."""
    return site(sky, "mars", latitude_deg, longitude_deg, height_m)


def dip_deg(body: str, height_m: float) -> float:
    """How far a smooth horizon lies below the horizontal plane of a place so high above it: cos dip = R / (R + h)."""
    radius_km = body_named(body).radius_km
    return math.degrees(math.acos(radius_km / (radius_km + max(height_m, 0.0) / 1e3)))


def horizon_axes_at(latitude_deg: float, longitude_deg: float) -> FloatArray:
    """East, north and up of a place in its body's axes: the rows of a (3, 3) array.

    At a pole the longitude still says which way "east" is.
    """
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    sin_p, cos_p = np.sin(latitude), np.cos(latitude)
    sin_l, cos_l = np.sin(longitude), np.cos(longitude)
    return np.array(
        [
            [-sin_l, cos_l, 0.0],
            [-sin_p * cos_l, -sin_p * sin_l, cos_p],
            [cos_p * cos_l, cos_p * sin_l, sin_p],
        ]
    )


def azimuth_elevation_deg(
    horizon_axes: FloatArray, direction: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Azimuth (from north through east, 0 to 360) and elevation of directions seen from a site.

    Args:
        horizon_axes: east, north and up, shape (3, 3, N), as `Path.horizon_axes` gives them.
        direction: vectors of any length in ICRF axes, shape (3, N).
    """
    east, north, up = np.einsum("kin,in->kn", horizon_axes, direction)
    azimuth = np.degrees(np.arctan2(east, north)) % 360.0
    return azimuth, np.degrees(np.arctan2(up, np.hypot(east, north)))
