"""Orbits about the Earth, the Moon and Mars: from a state vector or Kepler elements, integrated; from a TLE, by SGP4.

A Kepler ellipse is not good enough even for a picture: on a 12 h elliptical lunar orbit it is 85 km off within a day
and a thousand within a month. So a state is integrated (`topology.dynamics`), and elements are only a way to write a
state: osculating at the epoch, axes of the ICRF, an *illustration* of an orbit rather than one that was flown.

How right: with the Moon's gravity to degree 8 (`topology.gravity`), a month on that orbit is within 55 m (0.2 us of
light) of an integration with another formula and finer steps. J2 and C22 alone would put it 11 km away.

TLEs go through SGP4, whose error is about 1 km at the epoch and 1-3 km more each day: `TleOrbit.age_d` says how old one
is. Refused: states below the surface, orbits that meet it within the span, TLEs damaged or decayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from sgp4.api import SGP4_ERRORS, Satrec
from skyfield.sgp4lib import theta_GMST1982

from dtn.errors import InvalidValue
from topology.bodies import body_named
from topology.chebyshev import fit
from topology.constants import DAY_S
from topology.dynamics import (
    CENTRES,
    ORBIT_TOLERANCE_KM,
    PullAround,
    Trajectory,
)
from topology.ephemeris import Sky
from topology.integration import Integration, Tolerances
from topology.paths import FloatArray, State

FASTEST_KM_S = 100.0
TT_MINUS_TAI_S = 32.184
UNIX_EPOCH_JD = 2_440_587.5


def orbit_from_state(
    sky: Sky,
    body: str,
    epoch: datetime,
    position_km: Sequence[float],
    velocity_km_s: Sequence[float],
    *,
    tolerances: Tolerances | None = None,
) -> Trajectory:
    """An orbit about the Earth, the Moon or Mars, integrated from a state over the scenario's span.

    Args:
        sky: the ephemerides; the path covers their span, margin included, and the epoch.
        body: "earth" (J2, Moon, Sun), "moon" (GRAIL to degree 8, Earth, Sun) or "mars" (J2, Sun).
        epoch: when the state holds; before, in or after the scenario.
        position_km: about the body's centre, axes of the ICRF.
        velocity_km_s: likewise, not turning with the body.
        tolerances: of each step; the default keeps a month of a 12 h lunar orbit within 100 m.

    Raises:
        InvalidValue: no such orbit, it meets the surface, or the epoch lies outside the kernels.
    """
    epoch_s = sky.seconds(epoch)
    first_s, last_s = sky.kernel_span_s
    if not first_s <= epoch_s <= last_s:
        years = "outside the ephemeris, {:%Y-%m-%d} to {:%Y-%m-%d}".format(*sky.covered_utc)
        raise InvalidValue("epoch", epoch.isoformat(), years)
    state = _checked_state(body, position_km, velocity_km_s)
    start_s, end_s = min(epoch_s, sky.span_s[0]), max(epoch_s, sky.span_s[1])
    pull = PullAround(sky, body, start_s, end_s)
    radius_km = body_named(body).radius_km

    chosen = Tolerances() if tolerances is None else tolerances
    legs = [
        Integration(pull, epoch_s, state, to_s, chosen, to_ground=True)
        for to_s in (start_s, end_s)
        if to_s != epoch_s
    ]
    for leg in legs:
        at_s = np.array([leg.end_s])
        _refuse_below(sky, body, radius_km, at_s, leg.steps.positions(at_s))

    def positions(t_s: FloatArray) -> FloatArray:
        before, after = legs[0], legs[-1]
        count = int(np.searchsorted(t_s, epoch_s)) if len(legs) == 2 else 0
        parts = [(before, t_s[:count]), (after, t_s[count:])]
        return np.concatenate(
            [leg.steps.positions(part) for leg, part in parts if part.size], axis=1
        )

    longest_s = _quarter_turn_s(state, body_named(body).gm_km3_s2)
    pieces = fit(positions, start_s, end_s, tolerance_km=ORBIT_TOLERANCE_KM, longest_s=longest_s)
    at_s = pieces.epochs(16)
    _refuse_below(sky, body, radius_km, at_s, pieces.state(at_s).position_km)
    return Trajectory(pieces, sky.body(body))


def orbit_from_elements(
    sky: Sky,
    body: str,
    epoch: datetime,
    *,
    semi_major_axis_km: float,
    eccentricity: float,
    inclination_deg: float,
    ascending_node_deg: float = 0.0,
    argument_of_periapsis_deg: float = 0.0,
    mean_anomaly_deg: float = 0.0,
) -> Trajectory:
    """An orbit integrated from osculating Kepler elements, axes of the ICRF: an illustration.

    Raises:
        InvalidValue: as `orbit_from_state`, or no such ellipse.
    """
    if body not in CENTRES:
        raise InvalidValue("body", body, f"orbits go round one of: {', '.join(CENTRES)}")
    position, velocity = state_from_elements(
        body_named(body).gm_km3_s2,
        semi_major_axis_km=semi_major_axis_km,
        eccentricity=eccentricity,
        inclination_deg=inclination_deg,
        ascending_node_deg=ascending_node_deg,
        argument_of_periapsis_deg=argument_of_periapsis_deg,
        mean_anomaly_deg=mean_anomaly_deg,
    )
    return orbit_from_state(sky, body, epoch, position.tolist(), velocity.tolist())


def state_from_elements(
    gm_km3_s2: float,
    *,
    semi_major_axis_km: float,
    eccentricity: float,
    inclination_deg: float,
    ascending_node_deg: float,
    argument_of_periapsis_deg: float,
    mean_anomaly_deg: float,
) -> tuple[FloatArray, FloatArray]:
    """Position (km) and velocity (km/s), each of shape (3,), in the axes the elements refer to.

    Raises:
        InvalidValue: no such ellipse.
    """
    if not semi_major_axis_km > 0:
        raise InvalidValue("semi_major_axis_km", semi_major_axis_km, "must be above 0")
    if not 0 <= eccentricity < 1:
        mend = "0 (circle) to below 1: give an escaping orbit as position_km and velocity_km_s"
        raise InvalidValue("eccentricity", eccentricity, mend)
    anomaly = _eccentric_anomaly(np.radians(mean_anomaly_deg), eccentricity)
    root = np.sqrt(1.0 - eccentricity**2)
    radius_km = semi_major_axis_km * (1.0 - eccentricity * np.cos(anomaly))
    speed = np.sqrt(gm_km3_s2 * semi_major_axis_km) / radius_km
    in_plane = semi_major_axis_km * np.array(
        [np.cos(anomaly) - eccentricity, root * np.sin(anomaly)]
    )
    in_plane_rate = speed * np.array([-np.sin(anomaly), root * np.cos(anomaly)])
    node, inclination = np.radians(ascending_node_deg), np.radians(inclination_deg)
    argument = np.radians(argument_of_periapsis_deg)
    nodal = np.array([np.cos(node), np.sin(node), 0.0])
    across = np.array(
        [
            -np.sin(node) * np.cos(inclination),
            np.cos(node) * np.cos(inclination),
            np.sin(inclination),
        ]
    )
    to_periapsis = np.cos(argument) * nodal + np.sin(argument) * across
    onwards = np.cos(argument) * across - np.sin(argument) * nodal
    axes = np.stack([to_periapsis, onwards], axis=1)
    return axes @ in_plane, axes @ in_plane_rate


class TleOrbit:
    """An Earth satellite from a two-line element set, by SGP4.

    Args:
        sky: the ephemerides.
        line_1: the first line.
        line_2: the second line.

    Attributes:
        epoch: when the elements hold, UTC.

    Raises:
        InvalidValue: the lines are no TLE, or the satellite decays within the scenario.
    """

    def __init__(self, sky: Sky, line_1: str, line_2: str) -> None:
        for number, line in (("1", line_1), ("2", line_2)):
            _check_tle_line(number, line)
        self._sky = sky
        self._satellite = Satrec.twoline2rv(line_1, line_2)
        self._earth = sky.body("earth")
        self._orientation = sky.orientation("earth")
        start = sky.epochs.at(np.array([0.0]))
        utc_jd = UNIX_EPOCH_JD + sky.start_utc.timestamp() / DAY_S
        days = (start.whole - utc_jd) + start.tt_fraction
        # TT - UTC at the scenario's start, a whole number of leap seconds and 32.184 s
        self._tt_minus_utc_s = float(np.round(days * DAY_S - TT_MINUS_TAI_S)[0]) + TT_MINUS_TAI_S
        jd = self._satellite.jdsatepoch - utc_jd + self._satellite.jdsatepochF
        self.epoch = sky.start_utc + timedelta(days=jd)
        self.state(np.linspace(*sky.span_s, 100))

    @property
    def span_s(self) -> tuple[float, float]:
        """The scenario and its margin."""
        return self._sky.span_s

    @property
    def body(self) -> str | None:
        """None: a spacecraft stands on no surface."""
        return None

    @property
    def age_d(self) -> float:
        """Days between the elements' epoch and the farther end of the scenario."""
        start_s = self._sky.seconds(self.epoch)
        return max(abs(start_s), abs(start_s - self._sky.duration_s)) / DAY_S

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity about the solar-system barycentre."""
        t_s = np.atleast_1d(np.asarray(t_s, dtype=np.float64))
        times = self._sky.epochs.at(t_s)
        utc_fraction = times.tt_fraction - self._tt_minus_utc_s / DAY_S
        whole = np.broadcast_to(times.whole, t_s.shape).copy()
        errors, position, velocity = self._satellite.sgp4_array(whole, utc_fraction)
        if errors.any():
            at = int(np.argmax(errors != 0))
            when = f"{self._sky.utc(float(t_s[at])):%Y-%m-%d}"
            mend = f"SGP4 on {when}: {SGP4_ERRORS[int(errors[at])]}; take a newer TLE"
            raise InvalidValue("tle", self._satellite.satnum_str, mend)
        # TEME turns into ITRS by the sidereal time of 1982, and from there as a station does.
        theta, _ = theta_GMST1982(times.whole, times.ut1_fraction)
        matrix = self._orientation.rotation(t_s).matrix
        earth = self._earth.state(t_s)
        return State(
            earth.position_km + _teme_to_icrf(theta, matrix, position.T),
            earth.velocity_km_s + _teme_to_icrf(theta, matrix, velocity.T),
        )

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """None: a spacecraft has no horizon."""
        return None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """None: a spacecraft has no horizon."""
        return None


def _teme_to_icrf(theta: FloatArray, itrs: FloatArray, vector: FloatArray) -> FloatArray:
    x, y, z = vector
    sin, cos = np.sin(theta), np.cos(theta)
    turned: FloatArray = np.einsum(
        "jin,jn->in", itrs, np.array([cos * x + sin * y, cos * y - sin * x, z])
    )
    return turned


def _check_tle_line(number: str, line: str) -> None:
    """Refuse what is no line of a TLE: 69 characters, the last one a checksum."""
    if len(line) < 69 or not line.startswith(f"{number} "):
        raise InvalidValue(
            "tle", line, f"line {number} of a TLE is 69 characters, from '{number} '"
        )
    total = sum(int(c) if c.isdigit() else c == "-" for c in line[:68]) % 10
    if str(total) != line[68]:
        raise InvalidValue("tle", line, f"checksum is {line[68]}, must be {total}: copy it again")


def _checked_state(
    body: str, position_km: Sequence[float], velocity_km_s: Sequence[float]
) -> FloatArray:
    """Position and velocity as one array of six, if such an orbit can be."""
    if body not in CENTRES:
        raise InvalidValue("body", body, f"orbits go round one of: {', '.join(CENTRES)}")
    for key, vector in (("position_km", position_km), ("velocity_km_s", velocity_km_s)):
        if len(vector) != 3 or not np.isfinite(vector).all():
            raise InvalidValue(key, vector, "three finite numbers: x, y and z")
    distance_km, speed_km_s = np.linalg.norm(position_km), np.linalg.norm(velocity_km_s)
    radius_km = body_named(body).radius_km
    if distance_km < radius_km:
        mend = f"{distance_km:.1f} km from the centre lies below the surface at {radius_km:g} km"
        raise InvalidValue("position_km", list(position_km), mend)
    if speed_km_s > FASTEST_KM_S:
        mend = f"{speed_km_s:.3g} km/s is no orbit: the unit is km/s, not m/s"
        raise InvalidValue("velocity_km_s", list(velocity_km_s), mend)
    return np.array([*position_km, *velocity_km_s], dtype=np.float64)


def _refuse_below(
    sky: Sky, body: str, radius_km: float, t_s: FloatArray, position_km: FloatArray
) -> None:
    distance_km = np.linalg.norm(position_km, axis=0)
    if distance_km.min() < radius_km:
        below = distance_km < radius_km
        when = f"{sky.utc(float(t_s[np.argmax(below)])):%Y-%m-%dT%H:%MZ}"
        mend = f"it meets the surface of the {body.capitalize()} on {when}: raise its periapsis"
        raise InvalidValue("orbit", f"{distance_km.min():.0f} km from the centre", mend)


def _quarter_turn_s(state: FloatArray, gm_km3_s2: float) -> float:
    """A quarter of the osculating period, or of a circle's there if the state escapes."""
    distance_km = float(np.linalg.norm(state[:3]))
    axis_km = 1.0 / (2.0 / distance_km - float(state[3:] @ state[3:]) / gm_km3_s2)
    if not 0 < axis_km < 1e7:
        axis_km = distance_km
    return float(0.5 * np.pi * np.sqrt(axis_km**3 / gm_km3_s2))


def _eccentric_anomaly(mean_rad: float, eccentricity: float) -> float:
    """Kepler's equation E - e sin E = M, by Newton's method from a start that converges for all e."""
    mean = float(np.remainder(mean_rad + np.pi, 2.0 * np.pi) - np.pi)
    anomaly = mean + eccentricity * np.sign(mean) * 0.85  # Danby 1987
    for _ in range(50):
        step = (anomaly - eccentricity * np.sin(anomaly) - mean) / (
            1.0 - eccentricity * np.cos(anomaly)
        )
        anomaly -= step
        if abs(step) < 1e-15:
            break
    return float(anomaly)
