"""An independent pull of the Moon: GRAIL's field to degree 8, by the recursions of Cunningham (1970).

Source: Montenbruck and Gill, Satellite Orbits (2000), section 3.2.4. Written for the tests, from another formula and
unnormalised coefficients, not the form of `topology.gravity`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, sqrt

import numpy as np

from topology.constants import GM_MOON_KM3_S2
from topology.ephemeris import Sky
from topology.gravity import MOON_FIELD_FILE
from topology.paths import FloatArray

RADIUS_KM = 1738.0


def coefficients(degree: int) -> dict[tuple[int, int], complex]:
    """Unnormalised C + iS by (degree, order), the point mass included."""
    table: dict[tuple[int, int], complex] = {(0, 0): 1.0 + 0.0j}
    for line in MOON_FIELD_FILE.read_text().splitlines()[3:]:
        n_text, m_text, c_text, s_text = line.split(",")
        n, m = int(n_text), int(m_text)
        if n <= degree:
            twice = 1 if m == 0 else 2
            norm = sqrt(twice * (2 * n + 1) * factorial(n - m) / factorial(n + m))
            table[n, m] = norm * (float(c_text) + 1j * float(s_text))
    return table


def pull(table: dict[tuple[int, int], complex], fixed_km: FloatArray) -> FloatArray:
    """Acceleration in body-fixed axes, km/s^2, shape (3,)."""
    degree = max(n for n, _ in table)
    x, y, z = (float(q) for q in fixed_km)
    r2 = x * x + y * y + z * z
    ratio = RADIUS_KM / r2
    x0, y0, z0, rho = ratio * x, ratio * y, ratio * z, ratio * RADIUS_KM
    solid: dict[tuple[int, int], complex] = {(0, 0): RADIUS_KM / sqrt(r2) + 0j}
    for m in range(degree + 2):
        if m:
            solid[m, m] = (2 * m - 1) * (x0 + 1j * y0) * solid[m - 1, m - 1]
        for n in range(m + 1, degree + 2):
            lower = solid.get((n - 2, m), 0j) if n >= 2 else 0j
            step = (2 * n - 1) * z0 * solid[n - 1, m] - (n + m - 1) * rho * lower
            solid[n, m] = step / (n - m)
    ax = ay = az = 0.0
    for (n, m), cs in table.items():
        c, s = cs.real, cs.imag
        up = solid[n + 1, m + 1]
        az -= (n - m + 1) * (c * solid[n + 1, m].real + s * solid[n + 1, m].imag)
        if m == 0:
            ax -= c * up.real
            ay -= c * up.imag
        else:
            down = (n - m + 2) * (n - m + 1) * solid[n + 1, m - 1]
            ax += 0.5 * (-c * up.real - s * up.imag + c * down.real + s * down.imag)
            ay += 0.5 * (-c * up.imag + s * up.real - c * down.imag + s * down.real)
    return GM_MOON_KM3_S2 / RADIUS_KM**2 * np.array([ax, ay, az])


def acceleration(
    sky: Sky, degree: int, third_bodies: dict[str, float]
) -> Callable[[float, FloatArray], FloatArray]:
    """Rates of position and velocity about the Moon, ephemeris asked afresh at every evaluation."""
    table = coefficients(degree)
    orientation = sky.orientation("moon-principal")

    def rates(t_s: float, state: FloatArray) -> FloatArray:
        at = np.array([t_s])
        matrix = orientation.rotation(at).matrix[..., 0]
        total = matrix.T @ pull(table, matrix @ state[:3])
        moon = sky.body("moon").state(at).position_km[:, 0]
        for name, gm in third_bodies.items():
            there = sky.body(name).state(at).position_km[:, 0] - moon
            away = there - state[:3]
            total += gm * (away / np.linalg.norm(away) ** 3 - there / np.linalg.norm(there) ** 3)
        return np.concatenate([state[3:], total])

    return rates
