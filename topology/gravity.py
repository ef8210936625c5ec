"""Gravity fields of uneven bodies: what they add to the pull of a point mass.

At its best: the Moon as GRAIL weighed it, in the axes it was weighed in, cheap enough that nothing tempts anyone to do
with less; no special place (the poles are as good as any); one formula for every degree; the coefficients a file with
a source, not numbers in the code.

`SphericalHarmonics` is Pines's form of the potential (AIAA Journal 11, 1973, 1508), which has no singular point: with
s, t, w the direction's cosines and A_nm the m-th derivatives of the normalised Legendre polynomials,

    U = GM/r sum_n (R/r)^n sum_m A_nm(w) Re[(C_nm - i S_nm) (s + i t)^m]

A_nm is a polynomial of w, so a field is one table of numbers by (n, m, power of w), and the pull a few products of
small matrices: 8 us at degree 8; where numba is there, `topology.compiled_flight` does it by recursion in 0.3 us.
`Oblate` is the first of its terms alone.

The Moon's field is GRGM900C's to degree 8 (`kernels/moon_gravity_degree_8.csv`), written in the Moon's principal axes:
not those of maps and sites, 875 m away at the surface. DE421 gives the principal axes here; GRAIL's analysts had
DE430's, a few metres away.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.polynomial import polynomial
from numpy.polynomial.legendre import leg2poly

from topology import constants as c
from topology.paths import FloatArray

MOON_FIELD_FILE: Final = FilePath(__file__).parent / "kernels" / "moon_gravity_degree_8.csv"

Vector = tuple[float, float, float]


class Coefficient(NamedTuple):
    """C and S of one degree and order, fully normalised."""

    c: float
    s: float


class Harmonics(NamedTuple):
    """A field's numbers, for `topology.compiled_flight`: unnormalised coefficients by degree and order."""

    radius_km: float
    cosines: FloatArray
    sines: FloatArray


class Field(Protocol):
    """A body's gravity."""

    @property
    def gm_km3_s2(self) -> float:
        """Gravitational parameter."""
        ...

    def harmonics(self) -> Harmonics:
        """Its coefficients."""
        ...

    def unevenness(self, axes: Sequence[float], x: float, y: float, z: float) -> Vector:
        """What the field adds to the pull of the point mass, km/s^2.

        Args:
            axes: the body's axes, nine numbers by rows.
            x: place from the body's centre, km; all vectors in the axes that the rows are written in.
            y: likewise.
            z: likewise.
        """
        ...


@dataclass(frozen=True, slots=True)
class Oblate:
    """A flattened body: its J2 alone.

    Args:
        gm_km3_s2: gravitational parameter.
        radius_km: reference radius of the harmonics.
        j2: unnormalised.
    """

    gm_km3_s2: float
    radius_km: float
    j2: float

    def harmonics(self) -> Harmonics:
        """See `Field.harmonics`."""
        cosines = np.zeros((3, 3))
        cosines[2, 0] = -self.j2
        return Harmonics(self.radius_km, cosines, np.zeros((3, 3)))

    def unevenness(self, axes: Sequence[float], x: float, y: float, z: float) -> Vector:
        """-3/2 GM J2 R^2 / r^5 [(1 - 5 w^2/r^2) r + 2 w z^]: see `Field.unevenness`."""
        zx, zy, zz = axes[6:9]
        r2 = x * x + y * y + z * z
        w = zx * x + zy * y + zz * z
        scale = 1.5 * self.gm_km3_s2 * self.radius_km * self.radius_km * self.j2
        scale /= r2 * r2 * math.sqrt(r2)
        radial, along = scale * (5.0 * w * w / r2 - 1.0), -2.0 * scale * w
        return radial * x + along * zx, radial * y + along * zy, radial * z + along * zz


class SphericalHarmonics:
    """A field by its harmonics from degree 2 on.

    Args:
        gm_km3_s2: gravitational parameter.
        radius_km: reference radius of the harmonics.
        coefficients: fully normalised, by degree and order; what is not given is zero.
    """

    def __init__(
        self,
        gm_km3_s2: float,
        radius_km: float,
        coefficients: Mapping[tuple[int, int], Coefficient],
    ) -> None:
        self.gm_km3_s2 = gm_km3_s2
        self.radius_km = radius_km
        self.degree = max(n for n, _ in coefficients)
        size = self.degree + 1
        self._plain = np.zeros((2, size, size))
        table = np.zeros((2, self.degree - 1, size, size))  # for C and S: degree, order, power of w
        for (n, m), both in coefficients.items():
            powers = polynomial.polyder(leg2poly([0.0] * n + [1.0]), m)
            table[:, n - 2, m, : powers.size] = np.outer(both, _norm(n, m) * powers)
            self._plain[:, n, m] = np.array(both) * _norm(n, m)
        # The slopes along s, t and w, and r times the loss outwards: each a sum over (R/r)^n, powers of w, turns' real
        # parts with C and imaginary parts with S; along s and t, one turn less: i turns C into -S.
        across = np.zeros_like(table)
        across[:, :, :-1] = table[:, :, 1:] * np.arange(1.0, size)[:, None]
        along = np.zeros_like(table)
        along[..., :-1] = table[..., 1:] * np.arange(1.0, size)
        loss = table * (np.arange(2.0, size) + 1.0)[:, None, None]
        parts = np.array((across, (across[1], -across[0]), along, loss))
        self._parts = np.ascontiguousarray(np.moveaxis(parts, 2, -1)).reshape(-1, self.degree - 1)

    def harmonics(self) -> Harmonics:
        """See `Field.harmonics`."""
        return Harmonics(self.radius_km, *self._plain)

    def unevenness(self, axes: Sequence[float], x: float, y: float, z: float) -> Vector:
        """See `Field.unevenness`."""
        xx, xy, xz, yx, yy, yz, zx, zy, zz = axes
        r2 = x * x + y * y + z * z
        per_r = 1.0 / math.sqrt(r2)
        u, v = (xx * x + xy * y + xz * z) * per_r, (yx * x + yy * y + yz * z) * per_r
        w = (zx * x + zy * y + zz * z) * per_r
        size = self.degree + 1
        ratio, turn = self.radius_km * per_r, complex(u, v)
        ratios, heights, turns = [ratio * ratio], [1.0], [1.0 + 0.0j]
        for _ in range(2, self.degree):
            ratios.append(ratios[-1] * ratio)
        for _ in range(self.degree):
            heights.append(heights[-1] * w)
            turns.append(turns[-1] * turn)
        of_turns = self._parts.dot(np.array(ratios)).reshape(8 * size, size).dot(np.array(heights))
        all_turns = np.array(turns)
        parts = of_turns.reshape(4, 2 * size).dot(np.concatenate((all_turns.real, all_turns.imag)))
        a_u, a_v, a_w, loss = parts.tolist()
        radial = -loss - (u * a_u + v * a_v + w * a_w)
        scale = self.gm_km3_s2 / r2
        a_u, a_v, a_w, radial = scale * a_u, scale * a_v, scale * a_w, scale * per_r * radial
        return (
            radial * x + a_u * xx + a_v * yx + a_w * zx,
            radial * y + a_u * xy + a_v * yy + a_w * zy,
            radial * z + a_u * xz + a_v * yz + a_w * zz,
        )


def _norm(n: int, m: int) -> float:
    """What turns an unnormalised Legendre function into a fully normalised one."""
    twice = 1 if m == 0 else 2
    return math.sqrt(twice * (2 * n + 1) * math.factorial(n - m) / math.factorial(n + m))


def read_coefficients(text: str) -> dict[tuple[int, int], Coefficient]:
    """Coefficients from lines of degree, order, C and S; comments begin with #, a header names the columns."""
    rows = [line.split(",") for line in text.splitlines() if line[:1].isdigit()]
    return {
        (int(n), int(m)): Coefficient(float(cosine), float(sine)) for n, m, cosine, sine in rows
    }


@functools.cache
def field_of(body: str) -> Field:
    """The gravity field of the Earth, the Moon or Mars."""
    match body:
        case "earth":
            return Oblate(c.GM_EARTH_KM3_S2, c.EARTH_GRAVITY_RADIUS_KM, c.EARTH_J2)
        case "mars":
            return Oblate(c.GM_MARS_KM3_S2, c.MARS_GRAVITY_RADIUS_KM, c.MARS_J2)
        case "moon":
            coefficients = read_coefficients(MOON_FIELD_FILE.read_text())
            # DE421's mass, which the Moon's and the Earth's paths were integrated with: 2e-8 more than GRAIL's
            return SphericalHarmonics(c.GM_MOON_KM3_S2, c.MOON_GRAVITY_RADIUS_KM, coefficients)
        case _:
            raise KeyError(body)
