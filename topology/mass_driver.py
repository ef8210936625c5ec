"""A mass driver on the Moon: satellites leave its muzzle and fly where gravity and sunlight take them.

A launch is a site, an azimuth, an elevation, a muzzle speed and a date. The muzzle turns with the Moon (`v = R^T
(speed u) + dR^T x`); from there the path is integrated about the solar-system barycentre among Sun, Moon and planets,
with the Moon's gravity to degree 8 while it is near and with solar radiation pressure (`topology.dynamics.DeepSpace`),
and kept as Chebyshev polynomials true to 1 m. It begins at the launch: before it, a satellite is nowhere.

`report` says before a run what becomes of a satellite: whether it meets the Moon or the Earth, whether it leaves them,
how close it comes and how far it is after 1, 10 and 100 days. Lunar escape takes 2.376 km/s, but less than 2.4 km/s, or
a launch against the Moon's motion below 3.4 km/s, stays bound to the Earth.

What is left out: finer gravity, terrain around the muzzle, shadow, thrust. None of it matters beside the
muzzle: an error of 1 cm/s moves the satellite by thousands of km in a year.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dtn.errors import InvalidValue
from topology import constants as c
from topology.bodies import body_named
from topology.chebyshev import fit
from topology.constants import DAY_S
from topology.dynamics import (
    STORAGE_TOLERANCE_KM,
    DeepSpace,
    Trajectory,
)
from topology.ephemeris import Sky
from topology.integration import Integration, Tolerances
from topology.paths import FloatArray
from topology.sites import Site

LONGEST_PIECE_S = 20 * DAY_S
LEFT_KM = 2.0e6  # beyond the Hill sphere of the Earth, 1.5e6 km: the Sun has it
REPORT_DAYS = (1, 10, 100)
WATCHED_D = 180.0
STANDARD_GRAVITY_M_S2 = 9.806_65


@dataclass(frozen=True, slots=True, kw_only=True)
class Muzzle:
    """How a mass driver points and pushes.

    Args:
        azimuth_deg: from the site's north through east.
        elevation_deg: above the horizontal.
        speed_m_s: relative to the ground.

    Raises:
        InvalidValue: a launch into the ground, or at no speed.
    """

    azimuth_deg: float
    elevation_deg: float
    speed_m_s: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.azimuth_deg):
            raise InvalidValue("azimuth_deg", self.azimuth_deg, "degrees from north through east")
        if not 0 <= self.elevation_deg <= 90:
            mend = "0 (level) to 90 (straight up): below 0 it launches into the ground"
            raise InvalidValue("elevation_deg", self.elevation_deg, mend)
        if not 0 < self.speed_m_s <= 50_000:
            mend = "above 0, at most 50000 m/s; 2376 m/s leave the Moon"
            raise InvalidValue("muzzle_speed_m_s", self.speed_m_s, mend)

    def track_length_km(self, acceleration_g: float) -> float:
        """The length that reaches the speed at a steady acceleration: v^2 / 2a."""
        return self.speed_m_s**2 / (2.0 * acceleration_g * STANDARD_GRAVITY_M_S2) / 1e3

    def acceleration_g(self, track_length_km: float) -> float:
        """The steady acceleration that reaches the speed on a track of that length."""
        return self.speed_m_s**2 / (2.0 * track_length_km * 1e3) / STANDARD_GRAVITY_M_S2

    @property
    def energy_j_kg(self) -> float:
        """Kinetic energy at the muzzle."""
        return 0.5 * self.speed_m_s**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sail:
    """How sunlight pushes a satellite.

    Args:
        area_to_mass_m2_kg: 0.01 for a compact craft, 0.5 for one that is all solar array.
        reflectivity: pressure coefficient: 1 absorbs all light, 2 mirrors it back.
    """

    area_to_mass_m2_kg: float = 0.05
    reflectivity: float = 1.3

    @property
    def push_m2_kg(self) -> float:
        """The product that the acceleration is proportional to."""
        return self.area_to_mass_m2_kg * self.reflectivity


def muzzle_state(site: Site, muzzle: Muzzle, at_s: float) -> FloatArray:
    """Position (km) and velocity (km/s) at the launch about the solar-system barycentre, shape (6,)."""
    t_s = np.array([at_s])
    state = site.state(t_s)
    axes = site.horizon_axes(t_s)
    if axes is None:  # a Site always has a horizon; the protocol of paths does not know it
        raise InvalidValue("site", site.body, "a mass driver stands on the ground")
    azimuth, elevation = np.radians(muzzle.azimuth_deg), np.radians(muzzle.elevation_deg)
    level = np.sin(azimuth) * axes[0] + np.cos(azimuth) * axes[1]
    direction = np.cos(elevation) * level + np.sin(elevation) * axes[2]
    velocity = state.velocity_km_s + muzzle.speed_m_s / 1e3 * direction
    return np.concatenate([state.position_km[:, 0], velocity[:, 0]])


def launch(
    deep_space: DeepSpace,
    site: Site,
    muzzle: Muzzle,
    at_s: float,
    end_s: float,
    *,
    sail: Sail | None = None,
    tolerances: Tolerances | None = None,
) -> Trajectory:
    """The path of a satellite from its launch until end_s, or until it meets the Earth or the Moon.

    Args:
        deep_space: the masses it flies among; one for all the launches of a scenario.
        site: where the mass driver stands.
        muzzle: how it points and pushes.
        at_s: when the satellite leaves the muzzle.
        end_s: until when the path is needed.
        sail: how sunlight pushes it.
        tolerances: of each step of the integration.

    Raises:
        InvalidValue: the launch lies outside the masses' table, or not before end_s.
    """
    first_s, last_s = deep_space.span_s
    if not first_s <= at_s < end_s <= last_s:
        mend = f"the launch must lie between {first_s:g} s and the end of what is asked for"
        raise InvalidValue("launch", at_s, mend)
    push = (Sail() if sail is None else sail).push_m2_kg
    flight = Integration(
        deep_space.pull(push),
        at_s,
        muzzle_state(site, muzzle, at_s),
        end_s,
        Tolerances(1e-11, 1e-4, 1e-10) if tolerances is None else tolerances,
        to_ground=True,
    )
    pieces = fit(
        flight.steps.positions,
        at_s,
        flight.end_s,
        tolerance_km=STORAGE_TOLERANCE_KM,
        longest_s=LONGEST_PIECE_S,
    )
    return Trajectory(pieces, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchReport:
    """What becomes of one launched satellite.

    Args:
        at_s: the launch, from the scenario's start.
        watched_d: for how long it was followed.
        impact: the body it meets ("moon", "earth"), or None.
        impact_s: when.
        escapes: whether it has left the Earth and the Moon: beyond 2e6 km when last seen.
        energy_j_kg: at the muzzle, kinetic, per kilogram.
        c3_km2_s2: twice the energy about the Earth per kilogram when it was last seen within 2e6 km;
            above 0 it leaves.
        closest_earth_km: least distance from the Earth's centre.
        closest_moon_km: least distance from the Moon's centre once it has come back towards it; None: never.
        distance_km: from the Earth's centre after days, for those days that it was followed.
    """

    at_s: float
    watched_d: float
    impact: str | None
    impact_s: float | None
    escapes: bool
    energy_j_kg: float
    c3_km2_s2: float
    closest_earth_km: float
    closest_moon_km: float | None
    distance_km: dict[int, float]

    @property
    def verdict(self) -> str:
        """One line: hits, escapes or stays."""
        if self.impact is not None and self.impact_s is not None:
            days = (self.impact_s - self.at_s) / DAY_S
            return f"hits the {self.impact.capitalize()} after {days:.2f} d"
        if self.escapes:
            return "leaves the Earth and the Moon"
        return f"is still within {LEFT_KM:.0f} km of the Earth after {self.watched_d:.0f} d"


def report(sky: Sky, path: Trajectory, muzzle: Muzzle) -> LaunchReport:
    """Follow a launched satellite, as far as its path goes, and tell what becomes of it.

    For a verdict on its escape the path has to last about 180 days (`WATCHED_D`).
    """
    at_s, end_s = path.span_s
    epochs = np.append(path.pieces.epochs(64), end_s)
    own, earth, moon = (p.state(epochs) for p in (path, sky.body("earth"), sky.body("moon")))
    from_earth = np.linalg.norm(own.position_km - earth.position_km, axis=0)
    from_moon = np.linalg.norm(own.position_km - moon.position_km, axis=0)
    impact = None
    for name, distance in (("earth", from_earth), ("moon", from_moon)):
        if distance[-1] < body_named(name).radius_km:
            impact = name
    turned = np.flatnonzero(np.diff(from_moon) < 0.0)
    speed = np.linalg.norm(own.velocity_km_s - earth.velocity_km_s, axis=0)
    near = np.flatnonzero(from_earth < LEFT_KM)[-1]
    c3 = speed[near] ** 2 - 2.0 * (c.GM_EARTH_KM3_S2 + c.GM_MOON_KM3_S2) / from_earth[near]
    return LaunchReport(
        at_s=at_s,
        watched_d=(end_s - at_s) / DAY_S,
        impact=impact,
        impact_s=end_s if impact else None,
        escapes=impact is None and bool(from_earth[-1] > LEFT_KM),
        energy_j_kg=muzzle.energy_j_kg,
        c3_km2_s2=float(c3),
        closest_earth_km=float(from_earth.min()),
        closest_moon_km=float(from_moon[turned[0] :].min()) if turned.size else None,
        distance_km={
            days: _distance_km(sky, path, at_s + days * DAY_S)
            for days in REPORT_DAYS
            if at_s + days * DAY_S <= end_s
        },
    )


def _distance_km(sky: Sky, path: Trajectory, t_s: float) -> float:
    at = np.array([t_s])
    away = path.state(at).position_km - sky.body("earth").state(at).position_km
    return float(np.linalg.norm(away))
