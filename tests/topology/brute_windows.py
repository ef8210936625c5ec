"""Whether light gets from A to B, worked out the long way: no grid, no spline, no series, by other formulas.

Sites stand where skyfield puts them at every single epoch, nutation in full; light time is iterated until it stands
still; aberration is special relativity's; the occluder's place is sought along the photon's way until it stands still.
Only the integrated orbits are shared with the code under test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from skyfield.api import wgs84
from skyfield.framelib import itrs

from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.ephemeris import Sky
from topology.orientation import Orientation
from topology.paths import FloatArray, Path

BODIES = {"sun": 695_700.0, "earth": 6_378.137, "moon": 1_737.4, "mars": 3_396.19}


@dataclass(frozen=True)
class Place:
    """An end: its place and velocity about the barycentre, and its vertical if it stands on a body."""

    at: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    up: Callable[[FloatArray], FloatArray] | None = None
    body: str = ""
    mask_deg: float = 0.0
    keep_out_deg: float = 0.0


def station(
    sky: Sky, latitude_deg: float, longitude_deg: float, mask_deg: float, keep_out_deg: float
) -> Place:
    topos = wgs84.latlon(latitude_deg, longitude_deg, 2000.0)
    earth = sky.body("earth")
    vertical = np.array(
        [
            math.cos(math.radians(latitude_deg)) * math.cos(math.radians(longitude_deg)),
            math.cos(math.radians(latitude_deg)) * math.sin(math.radians(longitude_deg)),
            math.sin(math.radians(latitude_deg)),
        ]
    )

    def at(t_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        here, centre = topos.at(sky.epochs.at(t_s)), earth.state(t_s)
        return centre.position_km + here.position.km, centre.velocity_km_s + here.velocity.km_per_s

    def up(t_s: FloatArray) -> FloatArray:
        matrix = itrs.rotation_at(sky.epochs.at(t_s))
        turned: FloatArray = np.einsum("jin,j->in", matrix, vertical)
        return turned

    return Place(at, up, "earth", mask_deg, keep_out_deg)


def on_sphere(
    sky: Sky,
    body: str,
    orientation: Orientation,
    latitude_deg: float,
    longitude_deg: float,
    mask_deg: float,
    keep_out_deg: float,
) -> Place:
    lat, lon = math.radians(latitude_deg), math.radians(longitude_deg)
    vertical = np.array(
        [math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)]
    )

    def at(t_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        turned, centre = orientation.rotation(t_s), sky.body(body).state(t_s)
        away = BODIES[body] * vertical
        return (
            centre.position_km + np.einsum("jin,j->in", turned.matrix, away),
            centre.velocity_km_s + np.einsum("jin,j->in", turned.rate, away),
        )

    def up(t_s: FloatArray) -> FloatArray:
        turned: FloatArray = np.einsum("jin,j->in", orientation.rotation(t_s).matrix, vertical)
        return turned

    return Place(at, up, body, mask_deg, keep_out_deg)


def craft(path: Path, keep_out_deg: float = 0.0) -> Place:
    def at(t_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        state = path.state(t_s)
        return state.position_km, state.velocity_km_s

    return Place(at, keep_out_deg=keep_out_deg)


def gets_through(sky: Sky, a: Place, b: Place, t_s: FloatArray) -> np.ndarray:
    """Whether what A sends at t_s reaches B, shape (N,)."""
    start, start_v = a.at(t_s)
    light_s = np.zeros_like(t_s)
    for _ in range(8):
        end, end_v = b.at(t_s + light_s)
        light_s = np.linalg.norm(end - start, axis=0) / SPEED_OF_LIGHT_KM_S
    ray = (end - start) / np.linalg.norm(end - start, axis=0)
    free = np.ones(t_s.shape, dtype=bool)
    sides = ((a, t_s, start, start_v, ray), (b, t_s + light_s, end, end_v, -ray))
    for number, (place, at_s, here, velocity, direction) in enumerate(sides):
        # what leaves points like what would arrive from there with the velocity the other way round
        moving = -velocity if number == 0 else velocity
        seen = _aberrated(direction, moving)
        if place.up is not None:
            above = (place.up(at_s) * seen).sum(axis=0)
            free &= above >= math.sin(math.radians(place.mask_deg))
        if place.keep_out_deg:
            sun_light_s = np.zeros_like(t_s)
            for _ in range(3):
                to_sun = sky.body("sun").state(at_s - sun_light_s).position_km - here
                sun_light_s = np.linalg.norm(to_sun, axis=0) / SPEED_OF_LIGHT_KM_S
            sun = _aberrated(to_sun / np.linalg.norm(to_sun, axis=0), velocity)
            cosine = (sun * seen).sum(axis=0)
            free &= cosine <= math.cos(math.radians(place.keep_out_deg))
    for body, radius_km in BODIES.items():
        if body in (a.body, b.body):
            continue
        part = np.full_like(t_s, 0.5)
        for _ in range(5):
            centre = sky.body(body).state(t_s + part * light_s).position_km
            part = ((centre - start) * ray).sum(axis=0) / (light_s * SPEED_OF_LIGHT_KM_S)
            part = np.clip(part, 0.0, 1.0)
        missed = np.linalg.norm(centre - start - part * (end - start), axis=0)
        free &= missed >= radius_km
    return free


def _aberrated(direction: FloatArray, velocity_km_s: FloatArray) -> FloatArray:
    """Where a moving observer sees what is in a direction; special relativity."""
    beta = velocity_km_s / SPEED_OF_LIGHT_KM_S
    gamma = 1 / np.sqrt(1 - (beta * beta).sum(axis=0))
    along = (direction * beta).sum(axis=0)
    seen = direction / gamma + beta * (1 + gamma / (gamma + 1) * along)
    turned: FloatArray = seen / (1 + along)
    return turned
