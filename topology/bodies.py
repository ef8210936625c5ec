"""The bodies of the sky: what they weigh, how large they are, where the ephemeris keeps them.

A body is a place (its path comes from `topology.ephemeris.Sky.body`), an occluder (a sphere of
`radius_km`, the equatorial radius: a limb at a pole of Mars is drawn 20 km too high, 0.1 s for a
fast orbiter) and an attractor (`gm_km3_s2`). The outer planets' systems stand at their barycentres:
Jupiter's is at most 220 km from the planet's centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dtn.errors import InvalidValue
from topology import constants as c


@dataclass(frozen=True, slots=True)
class Body:
    """One body.

    Args:
        name: as scenarios write it.
        gm_km3_s2: gravitational parameter.
        radius_km: of the sphere that hides what is behind it and that its sites stand on.
        segments: the (centre, target) segments of the ephemeris from the solar-system barycentre to
            the body.
    """

    name: str
    gm_km3_s2: float
    radius_km: float
    segments: tuple[tuple[int, int], ...]


_ALL = (
    Body("sun", c.GM_SUN_KM3_S2, c.RADIUS_SUN_KM, ((0, 10),)),
    Body("mercury", c.GM_MERCURY_KM3_S2, c.RADIUS_MERCURY_KM, ((0, 1),)),
    Body("venus", c.GM_VENUS_KM3_S2, c.RADIUS_VENUS_KM, ((0, 2),)),
    Body("earth", c.GM_EARTH_KM3_S2, c.RADIUS_EARTH_KM, ((0, 3), (3, 399))),
    Body("moon", c.GM_MOON_KM3_S2, c.RADIUS_MOON_KM, ((0, 3), (3, 301))),
    Body("mars", c.GM_MARS_KM3_S2, c.RADIUS_MARS_KM, ((0, 4),)),
    Body("jupiter", c.GM_JUPITER_KM3_S2, c.RADIUS_JUPITER_KM, ((0, 5),)),
    Body("saturn", c.GM_SATURN_KM3_S2, c.RADIUS_SATURN_KM, ((0, 6),)),
)

BODIES: Final = {body.name: body for body in _ALL}


def body_named(name: str) -> Body:
    """The body of that name.

    Raises:
        InvalidValue: there is none; the mend lists those there are.
    """
    try:
        return BODIES[name]
    except KeyError:
        raise InvalidValue("body", name, f"one of: {', '.join(BODIES)}") from None
