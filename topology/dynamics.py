"""What pulls on a spacecraft, and the paths that come of it (`topology.integration`).

Two force models, both for a massless craft among bodies that move as DE421 says:

- `PullAround` one body, about its centre: its own gravity field (`topology.gravity`: J2, and GRAIL's field to
  degree 8 for the Moon), other bodies as point masses by the difference of their pull on craft and centre.
- `DeepSpace`, about the solar-system barycentre: Sun, Moon and planets as point masses, and sunlight. Light pushes
  with 1/r^2 away from the Sun, so it is a weaker Sun, exactly; shadows are left out.

The bodies come from a table of cubic Hermite polynomials at one-hour steps (5e-5 km), because the ephemeris
itself would cost 25 times the integration. Paths are
kept as Chebyshev polynomials. Relativity (a metre a day at the Moon, less beyond) and tides are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from dtn.errors import InvalidValue
from topology import constants as c
from topology.bodies import body_named
from topology.chebyshev import ChebyshevPieces
from topology.ephemeris import BodyPath, Sky
from topology.gravity import Harmonics, field_of
from topology.paths import FloatArray, State

TABLE_STEP_S = 3600.0
STORAGE_TOLERANCE_KM = 1e-3
ORBIT_TOLERANCE_KM = (
    1e-5  # velocities are slopes: at the ends of a piece a hundred times as far off
)


class Columns(NamedTuple):
    """A table for `topology.compiled_flight`.

    Attributes:
        start_s: time of the first grid point.
        per_step: grid points a second.
        cubics: coefficients of 1, x, x^2 and x^3 in each interval, x from 0 to 1, shape (M - 1, 4, K).
    """

    start_s: float
    per_step: float
    cubics: FloatArray


class Uneven(NamedTuple):
    """The one body that is more than a point mass.

    Attributes:
        body: which of the others it is; -1: the centre.
        gm_km3_s2: its gravitational parameter.
        reach_km: how far its unevenness is felt.
        harmonics: its field.
    """

    body: int
    gm_km3_s2: float
    reach_km: float
    harmonics: Harmonics


class Numbers(NamedTuple):
    """A force model for `topology.compiled_flight`.

    Attributes:
        table: axes of the uneven body, nine numbers, and places of the others, 3 B.
        masses: the others' gravitational parameters, shape (B,).
        centre: gravitational parameter of what stands at the origin and falls with it; 0: nothing does.
        uneven: whose field is felt.
        surfaces: what a craft must not get below: rows of a body (-1: the centre) and a radius.
    """

    table: Columns
    masses: FloatArray
    centre: float
    uneven: Uneven
    surfaces: FloatArray


class Pull(Protocol):
    """What pulls on a craft."""

    @property
    def compiled(self) -> bool:
        """Whether numba integrates it."""
        ...

    def __call__(self, t_s: float, state: FloatArray) -> FloatArray:
        """Rates of position and velocity, shape (6,)."""
        ...

    def is_below(self, t_s: float, state: FloatArray) -> bool:
        """Whether a craft would be below a surface."""
        ...

    @property
    def numbers(self) -> Numbers:
        """The same for numba."""
        ...


class Table:
    """Columns over time as cubic Hermite polynomials on an even grid, read one epoch at a time.

    Args:
        start_s: time of the first grid point.
        step_s: the grid's step.
        values: the columns at the grid points, shape (K, M).
        slopes: their rates per second.
    """

    def __init__(
        self, start_s: float, step_s: float, values: FloatArray, slopes: FloatArray
    ) -> None:
        self.start_s = start_s
        self._per_step = 1.0 / step_s
        rise = values[:, 1:] - values[:, :-1]
        m0, m1 = slopes[:, :-1] * step_s, slopes[:, 1:] * step_s
        cubics = np.array([values[:, :-1], m0, 3.0 * rise - 2.0 * m0 - m1, m0 + m1 - 2.0 * rise])
        self._cubics = np.ascontiguousarray(cubics.transpose(2, 0, 1))  # (M - 1, 4, K)
        self._last = self._cubics.shape[0] - 1

    def at(self, t_s: float) -> FloatArray:
        """The columns at one epoch, shape (K,)."""
        place = (t_s - self.start_s) * self._per_step
        left = min(max(int(place), 0), self._last)
        x = place - left
        square = x * x
        columns: FloatArray = np.array((1.0, x, square, square * x)).dot(self._cubics[left])
        return columns

    @property
    def numbers(self) -> Columns:
        """The same for numba."""
        return Columns(self.start_s, self._per_step, self._cubics)


def grid_s(start_s: float, end_s: float, step_s: float = TABLE_STEP_S) -> FloatArray:
    """An even grid that covers start_s to end_s in steps of at most step_s."""
    return np.linspace(start_s, end_s, max(2, math.ceil((end_s - start_s) / step_s) + 1))


CENTRES = ("earth", "moon", "mars")
"""What orbits go round."""
PERTURBERS = {"earth": ("moon", "sun"), "moon": ("earth", "sun"), "mars": ("sun",)}


class PullAround:
    """The force model about the centre of the Earth, the Moon or Mars, valid from start_s to end_s.

    Raises:
        InvalidValue: no such force model.
    """

    def __init__(self, sky: Sky, body: str, start_s: float, end_s: float) -> None:
        if body not in CENTRES:
            raise InvalidValue("body", body, f"orbits go round one of: {', '.join(CENTRES)}")
        self.compiled = sky.compiled
        self._field = field_of(body)
        self._radius_km = body_named(body).radius_km
        self._masses = [body_named(name).gm_km3_s2 for name in PERTURBERS[body]]
        self._table = _relative_table(sky, body, PERTURBERS[body], start_s, end_s)

    @property
    def numbers(self) -> Numbers:
        """See `Pull.numbers`."""
        gm = self._field.gm_km3_s2
        return Numbers(
            self._table.numbers,
            np.array(self._masses),
            gm,
            Uneven(-1, gm, math.inf, self._field.harmonics()),
            np.array([[-1.0, self._radius_km]]),
        )

    def is_below(self, t_s: float, state: FloatArray) -> bool:
        """See `Pull.is_below`."""
        del t_s
        return bool(state[:3] @ state[:3] < self._radius_km**2)

    def __call__(self, t_s: float, state: FloatArray) -> FloatArray:
        """See `Pull`."""
        # Plain floats: three times as fast as arrays of three.
        x, y, z, vx, vy, vz = state.tolist()
        columns = self._table.at(t_s).tolist()
        ax, ay, az = self._field.unevenness(columns[:9], x, y, z)
        r2 = x * x + y * y + z * z
        central = -self._field.gm_km3_s2 / (r2 * math.sqrt(r2))
        ax += central * x
        ay += central * y
        az += central * z
        at = 9
        for mass in self._masses:
            px, py, pz = columns[at : at + 3]
            at += 3
            dx, dy, dz = px - x, py - y, pz - z
            d2 = dx * dx + dy * dy + dz * dz
            p2 = px * px + py * py + pz * pz
            direct, indirect = mass / (d2 * math.sqrt(d2)), mass / (p2 * math.sqrt(p2))
            ax += direct * dx - indirect * px
            ay += direct * dy - indirect * py
            az += direct * dz - indirect * pz
        return np.array((vx, vy, vz, ax, ay, az))


def _relative_table(
    sky: Sky, body: str, perturbers: Sequence[str], start_s: float, end_s: float
) -> Table:
    """The body's axes (9 columns) and where its perturbers are from it (3 columns each)."""
    nodes_s = grid_s(start_s, end_s)
    centre = sky.body(body).state(nodes_s)
    if body == "moon":
        turned = sky.orientation("moon-principal").rotation(nodes_s)
        axes, rates = turned.matrix.reshape(9, -1), turned.rate.reshape(9, -1)
    else:
        # Round about their axis as modelled: one axis for all epochs, Earth's drifts 20" a year.
        middle_s = np.array([np.clip(0.5 * (start_s + end_s), *sky.span_s)])
        fixed = sky.orientation(body).rotation(middle_s).matrix.reshape(9, 1)
        axes = np.repeat(fixed, nodes_s.size, axis=1)
        rates = np.zeros_like(axes)
    values, slopes = [axes], [rates]
    for name in perturbers:
        state = sky.body(name).state(nodes_s)
        values.append(state.position_km - centre.position_km)
        slopes.append(state.velocity_km_s - centre.velocity_km_s)
    step_s = float(nodes_s[1] - nodes_s[0])
    return Table(float(nodes_s[0]), step_s, np.concatenate(values), np.concatenate(slopes))


DEEP_SPACE_BODIES = ("sun", "mercury", "venus", "earth", "moon", "mars", "jupiter", "saturn")
NEAR_MOON_KM = (
    300_000.0  # what the field does beyond: a metre in a year; at 60,000 km its edge costs 400
)
_MOON = DEEP_SPACE_BODIES.index("moon")
_GROUNDS = tuple(
    (DEEP_SPACE_BODIES.index(name), body_named(name).radius_km) for name in ("earth", "moon")
)


class DeepSpace:
    """Sun, Moon and planets about the solar-system barycentre, from a table that serves every craft.

    All are point masses, save the Moon to a craft within `NEAR_MOON_KM`, which feels its field: left out,
    it would bend the path of a launch by 72 km after a day.

    Args:
        sky: the ephemerides.
        start_s: first epoch.
        end_s: last epoch.
    """

    def __init__(self, sky: Sky, start_s: float, end_s: float) -> None:
        nodes_s = grid_s(start_s, end_s)
        step_s = float(nodes_s[1] - nodes_s[0])
        states = [sky.body(name).state(nodes_s) for name in DEEP_SPACE_BODIES]
        axes = sky.orientation("moon-principal").rotation(nodes_s)
        turned, turning = axes.matrix.reshape(9, -1), axes.rate.reshape(9, -1)
        self.span_s = (start_s, end_s)
        self._compiled = sky.compiled
        self._table = Table(
            start_s,
            step_s,
            np.concatenate([turned, *(state.position_km for state in states)]),
            np.concatenate([turning, *(state.velocity_km_s for state in states)]),
        )

    def pull(self, light_push_m2_kg: float) -> PullInDeepSpace:
        """The force model for a craft with that reflectivity coefficient times area over mass."""
        return PullInDeepSpace(self._table, light_push_m2_kg, compiled=self._compiled)


class PullInDeepSpace:
    """The force model about the barycentre: see `DeepSpace`.

    Args:
        table: axes of the Moon, places of `DEEP_SPACE_BODIES`.
        light_push_m2_kg: reflectivity coefficient times area over mass.
        compiled: whether numba integrates it.
    """

    def __init__(self, table: Table, light_push_m2_kg: float, *, compiled: bool) -> None:
        self.compiled = compiled
        self._table = table
        self._masses = np.array([body_named(name).gm_km3_s2 for name in DEEP_SPACE_BODIES])
        # N/m^2 at 1 AU * m^2/kg = m/s^2; times AU^2 is the GM by which the Sun is lighter
        self._masses[0] -= c.SOLAR_PRESSURE_N_M2 * light_push_m2_kg * 1e-3 * c.AU_KM**2
        self._field = field_of("moon")

    @property
    def numbers(self) -> Numbers:
        """See `Pull.numbers`."""
        return Numbers(
            self._table.numbers,
            self._masses,
            0.0,
            Uneven(_MOON, self._field.gm_km3_s2, NEAR_MOON_KM, self._field.harmonics()),
            np.array([(float(body), radius_km) for body, radius_km in _GROUNDS]),
        )

    def is_below(self, t_s: float, state: FloatArray) -> bool:
        """See `Pull.is_below`."""
        places = self._table.at(t_s)[9:].reshape(-1, 3)
        away = [float(np.linalg.norm(places[body] - state[:3])) for body, _ in _GROUNDS]
        return any(km < radius for km, (_, radius) in zip(away, _GROUNDS, strict=True))

    def __call__(self, t_s: float, state: FloatArray) -> FloatArray:
        """See `Pull`."""
        columns, rates = self._table.at(t_s), np.empty(6)
        away = columns[9:].reshape(-1, 3) - state[:3]
        square = (away * away).sum(axis=1)
        rates[:3] = state[3:]
        rates[3:] = (self._masses / (square * np.sqrt(square))) @ away
        if square[_MOON] < NEAR_MOON_KM**2:
            x, y, z = (-away[_MOON]).tolist()
            rates[3:] += self._field.unevenness(columns[:9].tolist(), x, y, z)
        return rates


@dataclass(frozen=True, slots=True)
class Trajectory:
    """An integrated path: Chebyshev polynomials about a body's centre, or about the barycentre.

    Args:
        pieces: the polynomials.
        centre: the path of the body they are about; None for the solar-system barycentre.
    """

    pieces: ChebyshevPieces
    centre: BodyPath | None

    @property
    def span_s(self) -> tuple[float, float]:
        """What was integrated."""
        return self.pieces.span_s

    @property
    def body(self) -> str | None:
        """None: a spacecraft stands on no surface."""
        return None

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity about the solar-system barycentre."""
        own = self.pieces.state(t_s)
        if self.centre is None:
            return own
        centre = self.centre.state(t_s)
        return State(own.position_km + centre.position_km, own.velocity_km_s + centre.velocity_km_s)

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """None: a spacecraft has no horizon."""
        return None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """None: a spacecraft has no horizon."""
        return None
