"""How Earth, Moon and Mars are turned: rotations from ICRF to body-fixed axes, and their rates.

- **Earth**, ITRS: precession and nutation (IAU 2006/2000A) and Earth rotation angle through
  skyfield, UT1 from the table in skyfield's wheel, no polar motion (at most 0.4", 12 m). Nutation
  costs 1,365 sines an epoch, so the slow part is computed every three hours and splined, and the
  spin is put back exactly: below 1 mm.
- **Moon**, mean-Earth axes of DE421 (`MOON_ME_DE421`) from JPL's binary kernel. Not the principal
  axes, which lie 875 m away, nor the IAU polynomials, 131 m.
- **Mars**, the IAU model of pck00011 with its three leading terms, within 17 m of the whole model.

All epochs are TDB seconds from the scenario's start.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from scipy.interpolate import CubicSpline
from skyfield.planetarylib import Frame
from skyfield.timelib import Time, Timescale

from topology.constants import DAY_S, DAYS_PER_JULIAN_CENTURY, J2000_TDB_JD
from topology.paths import FloatArray

EARTH_SPIN_RAD_S = 7.292_115_146_7e-5  # mean sidereal rate, IERS; any residue is splined
NUTATION_STEP_S = 10_800.0


class Rotation(NamedTuple):
    """Rotation matrices from ICRF to body-fixed axes and their rates per second, each (3, 3, N)."""

    matrix: FloatArray
    rate: FloatArray


class Orientation(Protocol):
    """How a body is turned."""

    def rotation(self, t_s: FloatArray) -> Rotation:
        """ICRF to body-fixed axes at the epochs t_s, shape (N,)."""
        ...


class Epochs(NamedTuple):
    """The scenario's start as a two-part TDB Julian date, so that no digit of a second is lost."""

    timescale: Timescale
    whole_jd: float
    fraction_jd: float

    def at(self, t_s: FloatArray) -> Time:
        """Skyfield's times of the epochs t_s."""
        return self.timescale.tdb_jd(self.whole_jd, self.fraction_jd + np.asarray(t_s) / DAY_S)

    def days_from_j2000(self, t_s: FloatArray) -> FloatArray:
        """TDB days since J2000 of the epochs t_s."""
        return (self.whole_jd - J2000_TDB_JD) + (self.fraction_jd + np.asarray(t_s) / DAY_S)


class EarthOrientation:
    """ITRS axes of the Earth, nutation splined over a span."""

    def __init__(self, epochs: Epochs, span_s: tuple[float, float]) -> None:
        first, last = span_s
        nodes = max(8, int(np.ceil((last - first) / NUTATION_STEP_S)) + 1)
        node_s = np.linspace(first, last, nodes)
        times = epochs.at(node_s)
        angle_rad = np.unwrap(times.gast * (np.pi / 12.0))
        turn = np.round((EARTH_SPIN_RAD_S * (node_s - first) - angle_rad) / (2.0 * np.pi))
        angle_rad = angle_rad + 2.0 * np.pi * turn  # three hours are less than a turn apart
        self._residue = CubicSpline(node_s, angle_rad - EARTH_SPIN_RAD_S * (node_s - first))
        self._equator = CubicSpline(node_s, np.moveaxis(times.M, -1, 0))
        self._first_s = first

    def rotation(self, t_s: FloatArray) -> Rotation:
        """ICRF to ITRS."""
        t_s = np.asarray(t_s, dtype=np.float64)
        angle = EARTH_SPIN_RAD_S * (t_s - self._first_s) + self._residue(t_s)
        spin = EARTH_SPIN_RAD_S + self._residue(t_s, 1)
        equator = np.moveaxis(self._equator(t_s), 0, -1)
        equator_rate = np.moveaxis(self._equator(t_s, 1), 0, -1)
        matrix = _turned_about_z(angle, equator)
        rate = _turned_about_z(angle, equator_rate) + _spin_term(spin, matrix)
        return Rotation(matrix, rate)


class MoonOrientation:
    """Mean-Earth axes of the Moon from a binary kernel, by skyfield."""

    def __init__(self, epochs: Epochs, frame: Frame) -> None:
        self._epochs = epochs
        self._frame = frame

    def rotation(self, t_s: FloatArray) -> Rotation:
        """ICRF to the Moon's axes."""
        matrix, rate_per_day = self._frame.rotation_and_rate_at(self._epochs.at(t_s))
        return Rotation(matrix, rate_per_day / DAY_S)


class MarsOrientation:
    """IAU axes of Mars: R = Rz(W) Rx(90 - Dec) Rz(90 + RA). The pole's own rate is left out."""

    def __init__(self, epochs: Epochs) -> None:
        self._epochs = epochs

    def rotation(self, t_s: FloatArray) -> Rotation:
        """ICRF to Mars-fixed axes."""
        days = self._epochs.days_from_j2000(t_s)
        centuries = days / DAYS_PER_JULIAN_CENTURY

        def wave(phase_deg: float) -> FloatArray:
            return np.radians(phase_deg + 0.504_261_5 * centuries)

        # pck00011 (IAU WGCCRE 2015), the largest periodic term of each; degrees
        ra = 317.269_202 - 0.109_275_47 * centuries + 0.419_057 * np.sin(wave(79.398_797))
        dec = 54.432_516 - 0.058_271_05 * centuries + 1.591_274 * np.cos(wave(166.325_722))
        w = 176.049_863 + 350.891_982_443_297 * days + 0.584_542 * np.sin(wave(95.391_654))
        matrix = pole_rotation(np.radians(ra), np.radians(dec), np.radians(w))
        spin = np.full_like(days, np.radians(350.891_982_443_297) / DAY_S)
        return Rotation(matrix, _spin_term(spin, matrix))


def pole_rotation(ra_rad: FloatArray, dec_rad: FloatArray, w_rad: FloatArray) -> FloatArray:
    """Rz(W) Rx(90 - Dec) Rz(90 + RA): ICRF to the axes of a body with that pole, (3, 3, N)."""
    sin_a, cos_a = np.sin(ra_rad), np.cos(ra_rad)
    sin_d, cos_d = np.sin(dec_rad), np.cos(dec_rad)
    zero = np.zeros_like(sin_a)
    node_axes = np.array(
        [
            [-sin_a, cos_a, zero],
            [-cos_a * sin_d, -sin_a * sin_d, cos_d],
            [cos_a * cos_d, sin_a * cos_d, sin_d],
        ]
    )
    return _turned_about_z(w_rad, node_axes)


def _turned_about_z(angle_rad: FloatArray, matrix: FloatArray) -> FloatArray:
    """Rz(angle) times the matrices, shape (3, 3, N)."""
    sin, cos = np.sin(angle_rad), np.cos(angle_rad)
    turned = np.empty_like(matrix)
    turned[0] = cos * matrix[0] + sin * matrix[1]
    turned[1] = cos * matrix[1] - sin * matrix[0]
    turned[2] = matrix[2]
    return turned


def _spin_term(spin_rad_s: FloatArray, matrix: FloatArray) -> FloatArray:
    """The rate of Rz(angle) M by its angle alone."""
    rate = np.zeros_like(matrix)
    rate[0] = spin_rad_s * matrix[1]
    rate[1] = -spin_rad_s * matrix[0]
    return rate
