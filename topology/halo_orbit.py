"""A near-rectilinear halo orbit about the second Earth-Moon Lagrange point: nine revolutions in two months of phases.

The orbit of the Gateway: low over the Moon's north pole every six and a half days, and for most of that time high over
the south, always in sight of the Earth (Zimovan-Spreen, Howell and Davis, "Near rectilinear halo orbits and nearby
higher-period dynamical structures", CMDA 132:28, 2020; Lee, "Gateway destination orbit model: a continuous 15 year NRHO
reference trajectory", NASA JSC 2019).

At its best: a path that a craft without thrust would fly, in the same forces and ephemerides as everything else here,
with nothing taken from a table of somebody's. Found in two steps:

- In the circular restricted problem, the halo whose period is 2/9 of the time between two new moons: state at apolune
  (x, z, y'), corrected until it crosses the plane of symmetry at right angles half a period later.
- Its points, five a revolution and none at a perilune, set upon the Moon as it really moves, are moved as little as
  makes the path continuous among Earth, Moon (GRAIL to degree 8) and Sun: multiple shooting, least-norm Newton steps
  until the pieces meet to a millimetre.

Real halos are only nearly periodic: one revolution differs from the next by some hundred km. They are unstable: the
state to a metre at one perilune does not tell the one after next, so a path is written down, not a state.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.integrate import solve_ivp

from dtn.errors import InvalidValue
from topology.chebyshev import fit
from topology.constants import DAY_S, GM_EARTH_KM3_S2, GM_MOON_KM3_S2
from topology.dynamics import (
    ORBIT_TOLERANCE_KM,
    Pull,
    PullAround,
    Trajectory,
)
from topology.ephemeris import Sky
from topology.integration import Integration, Tolerances
from topology.paths import FloatArray

SYNODIC_MONTH_S: Final = 29.530_589 * DAY_S
SIDEREAL_MONTH_S: Final = 27.321_662 * DAY_S
PERIOD_S: Final = SYNODIC_MONTH_S * 2.0 / 9.0
MASS_RATIO: Final = GM_MOON_KM3_S2 / (GM_EARTH_KM3_S2 + GM_MOON_KM3_S2)
MEETING: Final = np.repeat([1e-6, 1e-9], 3)
"""Pieces of the path meet to this: km, km/s."""

_APOLUNE_GUESS = (
    1.0218,
    -0.1820,
    -0.1031,
)  # x, z, y' near the halo sought: any near-rectilinear one does
_PHASES = (0.0, 0.2, 0.4, 0.6, 0.8)  # of a revolution, from apolune
_SCALES = np.repeat([1.0, 1e-5], 3)  # km and km/s of like weight: about what they are at apolune
_NUDGES = np.repeat([1e-2, 1e-5], 3)
_MOST_STEPS = 20
_SHOTS = Tolerances(relative=1e-11, position_km=1e-7, velocity_km_s=1e-10)


def near_rectilinear_halo(sky: Sky, start_s: float, revolutions: int) -> Trajectory:
    """The southern 9:2 halo, from an apolune on, integrated for whole revolutions.

    Args:
        sky: the ephemerides.
        start_s: an apolune, about: seconds from the scenario's start.
        revolutions: how many; `PERIOD_S` each.

    Raises:
        InvalidValue: no path was found, or the span leaves the kernels.
    """
    turns = np.add.outer(np.arange(revolutions), _PHASES).ravel()
    t_s = start_s + PERIOD_S * np.append(turns, float(revolutions))
    pull = PullAround(sky, "moon", float(t_s[0]), float(t_s[-1]))
    once = _restricted_halo()
    halo = np.vstack((np.tile(once, (revolutions, 1)), once[:1]))
    states = _joined(pull, t_s, _set_upon_the_moon(sky, t_s, halo))
    legs = [
        Integration(pull, float(begin_s), state, float(end_s), Tolerances())
        for begin_s, end_s, state in zip(t_s[:-1], t_s[1:], states[:-1], strict=True)
    ]

    def positions(at_s: FloatArray) -> FloatArray:
        found = np.empty((3, at_s.size))
        of = np.clip(np.searchsorted(t_s, at_s, side="right") - 1, 0, len(legs) - 1)
        for place in np.unique(of):
            found[:, of == place] = legs[place].steps.positions(at_s[of == place])
        return found

    pieces = fit(
        positions,
        float(t_s[0]),
        float(t_s[-1]),
        tolerance_km=ORBIT_TOLERANCE_KM,
        longest_s=PERIOD_S / 5,
    )
    return Trajectory(pieces, sky.body("moon"))


def _restricted_rates(_: float, state: FloatArray) -> FloatArray:
    """The circular restricted problem, in turning axes; lengths in distances of the bodies, a month is 2 pi."""
    x, y, z, vx, vy, vz = state
    earth, moon = x + MASS_RATIO, x - 1.0 + MASS_RATIO
    aside = y * y + z * z
    by_earth = (1.0 - MASS_RATIO) / (earth * earth + aside) ** 1.5
    by_moon = MASS_RATIO / (moon * moon + aside) ** 1.5
    both = by_earth + by_moon
    return np.array(
        (
            vx,
            vy,
            vz,
            x + 2.0 * vy - by_earth * earth - by_moon * moon,
            y - 2.0 * vx - both * y,
            -both * z,
        )
    )


def _restricted_halo() -> FloatArray:
    """States of the restricted problem's halo at `_PHASES`, shape (5, 6)."""
    per_second = 2.0 * math.pi / SIDEREAL_MONTH_S
    half = 0.5 * PERIOD_S * per_second

    def flown(unknown: FloatArray, times: FloatArray) -> FloatArray:
        x, z, speed = unknown
        begin = (x, 0.0, z, 0.0, speed, 0.0)
        end = float(times[-1])
        found = solve_ivp(
            _restricted_rates, (0.0, end), begin, "DOP853", times, rtol=1e-12, atol=1e-13
        )
        states: FloatArray = found.y.T
        return states

    unknown = np.array(_APOLUNE_GUESS)
    for _ in range(_MOST_STEPS):
        missed = flown(unknown, np.array([half]))[0, [1, 3, 5]]  # y, x', z' at perilune
        if np.abs(missed).max() < 1e-11:
            break
        slopes = np.empty((3, 3))
        for column, nudge in enumerate(np.eye(3) * 1e-8):
            slopes[:, column] = flown(unknown + nudge, np.array([half]))[0, [1, 3, 5]] - missed
        unknown = unknown - np.linalg.solve(slopes * 1e8, missed)
    else:
        raise InvalidValue(
            "halo", float(np.abs(missed).max()), "the restricted problem's was not found"
        )
    return flown(unknown, 2.0 * half * np.array(_PHASES))


def _set_upon_the_moon(sky: Sky, t_s: FloatArray, halo: FloatArray) -> FloatArray:
    """States of the restricted problem about the real Moon, axes of the ICRF, shape (N, 6)."""
    earth, moon = sky.body("earth").state(t_s), sky.body("moon").state(t_s)
    line = (moon.position_km - earth.position_km).T
    rate = (moon.velocity_km_s - earth.velocity_km_s).T
    apart_km = np.linalg.norm(line, axis=1)[:, None]
    along = line / apart_km
    spin = np.cross(line, rate)
    normal = spin / np.linalg.norm(spin, axis=1)[:, None]
    axes = np.array((along, np.cross(normal, along), normal))
    place = apart_km * np.einsum("nk,kni->ni", halo[:, :3] - (1.0 - MASS_RATIO, 0.0, 0.0), axes)
    widening = (rate * along).sum(axis=1)[:, None] / apart_km
    moved = (
        apart_km * (2.0 * math.pi / SIDEREAL_MONTH_S) * np.einsum("nk,kni->ni", halo[:, 3:], axes)
    )
    return np.hstack((place, moved + widening * place + np.cross(spin / apart_km**2, place)))


def _joined(pull: Pull, t_s: FloatArray, states: FloatArray) -> FloatArray:
    """States near those given from which each piece ends where the next begins, shape (N, 6).

    Raises:
        InvalidValue: Newton's method does not get there.
    """
    pieces = t_s.size - 1
    for _ in range(_MOST_STEPS):
        ends = _ends(pull, t_s, states[:-1])
        missed = ends - states[1:]
        if (np.abs(missed) < MEETING).all():
            return states
        slopes = np.zeros((6 * pieces, 6 * (pieces + 1)))
        for column in range(6):
            nudged = states[:-1].copy()
            nudged[:, column] += _NUDGES[column]
            moved = (_ends(pull, t_s, nudged) - ends) / _NUDGES[column]
            for piece in range(pieces):
                rows = slice(6 * piece, 6 * piece + 6)
                slopes[rows, 6 * piece + column] = moved[piece] * _SCALES[column] / _SCALES
        slopes[:, 6:] -= np.eye(6 * pieces)
        change = np.linalg.lstsq(slopes, -(missed / _SCALES).ravel(), rcond=None)[0]
        states = states + change.reshape(-1, 6) * _SCALES
    raise InvalidValue(
        "halo", float(np.abs(missed).max()), "its pieces do not meet: take another date"
    )


def _ends(pull: Pull, t_s: FloatArray, states: FloatArray) -> FloatArray:
    """Where each piece ends, shape (N, 6)."""
    return np.array(
        [
            Integration(pull, float(begin_s), state, float(end_s), _SHOTS).end_state
            for begin_s, end_s, state in zip(t_s[:-1], t_s[1:], states, strict=True)
        ]
    )
