"""Light between two moving ends: when it arrives, how far it went, and in which direction it left.

A photon leaves A's place at t and meets B at B's place at t + owlt. Positions are barycentric (ICRF
axes), so the light time is the root of |r_B(t + owlt) - r_A(t)| = c owlt, found with Newton's method: one or
two steps, because B's speed is below 1e-3 c. Light is Newtonian here: Shapiro's delay is a
function of its own, 10-100 us between Earth and Mars, and the troposphere is left out.

Three light times have to be told apart: that of a photon A *transmits* at t (`light_time`), that of
one A *receives* at t (`light_time_received`), and distance / c at one instant (`geometric_s`). Between
Earth and Mars they differ by 70 ms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from topology.constants import GM_SUN_KM3_S2, SPEED_OF_LIGHT_KM_S
from topology.paths import FloatArray, Path, State

_SHORT_STEP_S = 1e-3  # after a step this short, an error of 1e-14 s is left
_MAX_STEPS = 12
_NEAREST_KM = 1e-6  # a satellite on its launcher is at no distance: directions need one


class Sightline(NamedTuple):
    """Photons from a source to a destination, one for each transmission time.

    Attributes:
        t_s: when each leaves, seconds, shape (N,).
        owlt_s: how long each flies, seconds, shape (N,).
        source: state of the source when it leaves.
        destination: state of the destination when it arrives.
        path_km: from source to destination along the photon's way, shape (3, N).
        range_km: its length, shape (N,).
    """

    t_s: FloatArray
    owlt_s: FloatArray
    source: State
    destination: State
    path_km: FloatArray
    range_km: FloatArray


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Scalar products of the columns of two (3, N) arrays, shape (N,)."""
    product: FloatArray = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


def norm(a: FloatArray) -> FloatArray:
    """Lengths of the columns of a (3, N) array, shape (N,)."""
    length: FloatArray = np.sqrt(dot(a, a))
    return length


def sightline(source: Path, destination: Path, t_s: FloatArray) -> Sightline:
    """Photons that leave `source` at t_s and arrive at `destination`.

    Args:
        source: who transmits.
        destination: who receives.
        t_s: transmission times, seconds from the scenario's start, shape (N,).

    Returns:
        The photons' flights; `owlt_s` is right to 1e-9 s or better where the paths are smooth.
    """
    t_s = np.asarray(t_s, dtype=float)
    start = source.state(t_s)
    guess = destination.state(inside(t_s, destination))
    path_km = guess.position_km - start.position_km
    range_km = np.maximum(norm(path_km), _NEAREST_KM)
    # where B goes meanwhile, to first order: right to 1e-8 of the light time
    opening_km_s = dot(path_km, guess.velocity_km_s) / range_km
    owlt_s = range_km / (SPEED_OF_LIGHT_KM_S - opening_km_s)
    for _ in range(_MAX_STEPS):
        end = destination.state(t_s + owlt_s)
        path_km = end.position_km - start.position_km
        range_km = np.maximum(norm(path_km), _NEAREST_KM)
        opening_km_s = dot(path_km, end.velocity_km_s) / range_km
        step_s = (range_km - SPEED_OF_LIGHT_KM_S * owlt_s) / (SPEED_OF_LIGHT_KM_S - opening_km_s)
        owlt_s = owlt_s + step_s
        # the last piece is short enough for a straight line: acceleration * step^2 / 2c of error
        position_km = end.position_km + end.velocity_km_s * step_s
        path_km = path_km + end.velocity_km_s * step_s
        if not step_s.size or float(np.max(np.abs(step_s))) < _SHORT_STEP_S:
            break
    end = State(position_km, end.velocity_km_s)
    range_km = np.maximum(SPEED_OF_LIGHT_KM_S * owlt_s, _NEAREST_KM)
    return Sightline(t_s, owlt_s, start, end, path_km, range_km)


def inside(t_s: FloatArray, path: Path) -> FloatArray:
    """The epochs, those outside the path's span moved to its end: np.clip at a third of the price."""
    first_s, last_s = path.span_s
    inside: FloatArray = np.minimum(np.maximum(t_s, first_s), last_s)
    return inside


def light_time(source: Path, destination: Path, t_transmit_s: FloatArray) -> FloatArray:
    """One-way light time of photons that leave `source` at t_transmit_s, seconds, shape (N,)."""
    return sightline(source, destination, t_transmit_s).owlt_s


def light_time_received(source: Path, destination: Path, t_receive_s: FloatArray) -> FloatArray:
    """One-way light time of photons that arrive at `destination` at t_receive_s, seconds, shape (N,).

    They left `source` at t_receive_s minus the result.
    """
    t_s = np.asarray(t_receive_s, dtype=float)
    end_km = destination.state(t_s).position_km
    guess = source.state(inside(t_s, source))
    owlt_s = norm(end_km - guess.position_km) / SPEED_OF_LIGHT_KM_S
    for _ in range(_MAX_STEPS):
        start = source.state(t_s - owlt_s)
        path_km = end_km - start.position_km
        range_km = np.maximum(norm(path_km), _NEAREST_KM)
        closing_km_s = dot(path_km, start.velocity_km_s) / range_km
        step_s = (range_km - SPEED_OF_LIGHT_KM_S * owlt_s) / (SPEED_OF_LIGHT_KM_S - closing_km_s)
        owlt_s = owlt_s + step_s
        if not step_s.size or float(np.max(np.abs(step_s))) < _SHORT_STEP_S:
            break
    return owlt_s


def geometric_s(a: Path, b: Path, t_s: FloatArray) -> FloatArray:
    """Distance at one instant over the speed of light, seconds, shape (N,): no photon's light time."""
    t_s = np.asarray(t_s, dtype=float)
    separation_km = b.state(t_s).position_km - a.state(t_s).position_km
    return norm(separation_km) / SPEED_OF_LIGHT_KM_S


def shapiro_delay_s(line: Sightline, mass: Path, gm_km3_s2: float = GM_SUN_KM3_S2) -> FloatArray:
    """What a mass adds to the light time, seconds, shape (N,): 2GM/c^3 ln((r1+r2+d)/(r1+r2-d)).

    Source: Shapiro 1964; Moyer, Formulation for Observed and Computed Values (JPL 2000), section 8.3.1.
    """
    near = norm(line.source.position_km - mass.state(line.t_s).position_km)
    arrives_s = line.t_s + line.owlt_s
    far = norm(line.destination.position_km - mass.state(arrives_s).position_km)
    ratio = (near + far + line.range_km) / (near + far - line.range_km)
    delay: FloatArray = 2 * gm_km3_s2 / SPEED_OF_LIGHT_KM_S**3 * np.log(ratio)
    return delay


def departing(line: Sightline) -> FloatArray:
    """Where the source must point its beam, in its own moving frame: unit vectors, shape (3, N).

    The photon's velocity less the source's (point-ahead): aberration, up to 20.5" on Earth.
    """
    return _aberrated(line.path_km / line.range_km, line.source.velocity_km_s, -1.0)


def arriving(line: Sightline) -> FloatArray:
    """Where the destination sees the source, in its own moving frame: unit vectors, shape (3, N)."""
    return _aberrated(-line.path_km / line.range_km, line.destination.velocity_km_s, 1.0)


def _aberrated(direction: FloatArray, velocity_km_s: FloatArray, sign: float) -> FloatArray:
    """First order in v/c; the second, 1e-8, is 2 mas."""
    seen = direction + velocity_km_s * (sign / SPEED_OF_LIGHT_KM_S)
    return seen / norm(seen)
