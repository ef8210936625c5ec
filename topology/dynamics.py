"""What pulls on a spacecraft, and its path integrated under that pull.

Two force models, both for a massless craft among bodies that move as DE421 says:

- `acceleration_around` one body, about its centre: its own gravity field (`topology.gravity`: J2, and GRAIL's field to
  degree 8 for the Moon), other bodies as point masses by the difference of their pull on craft and centre.
- `DeepSpace`, about the solar-system barycentre: Sun, Moon and planets as point masses, and sunlight. Light pushes
  with 1/r^2 away from the Sun, so it is a weaker Sun, exactly; shadows are left out.

The bodies come from a table of cubic Hermite polynomials at one-hour steps (5e-5 km), because the ephemeris
itself would cost 25 times the integration. Integration: scipy's DOP853 (Hairer, Norsett and Wanner, order 8),
kept as Chebyshev polynomials. Relativity (a metre a day at the Moon, less beyond) and tides are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import DOP853

from dtn.errors import InvalidValue
from topology import constants as c
from topology.bodies import body_named
from topology.chebyshev import ChebyshevPieces
from topology.ephemeris import BodyPath, Sky
from topology.gravity import field_of
from topology.paths import FloatArray, State
from topology.steps import Steps

TABLE_STEP_S = 3600.0
STORAGE_TOLERANCE_KM = 1e-3
ORBIT_TOLERANCE_KM = (
    1e-5  # velocities are slopes: at the ends of a piece a hundred times as far off
)

Acceleration = Callable[[float, FloatArray], FloatArray]


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


def grid_s(start_s: float, end_s: float, step_s: float = TABLE_STEP_S) -> FloatArray:
    """An even grid that covers start_s to end_s in steps of at most step_s."""
    return np.linspace(start_s, end_s, max(2, math.ceil((end_s - start_s) / step_s) + 1))


CENTRES = ("earth", "moon", "mars")
"""What orbits go round."""
PERTURBERS = {"earth": ("moon", "sun"), "moon": ("earth", "sun"), "mars": ("sun",)}


def acceleration_around(sky: Sky, body: str, start_s: float, end_s: float) -> Acceleration:
    """The force model about the centre of the Earth, the Moon or Mars, valid from start_s to end_s.

    Raises:
        InvalidValue: no such force model.
    """
    if body not in CENTRES:
        raise InvalidValue("body", body, f"orbits go round one of: {', '.join(CENTRES)}")
    field = field_of(body)
    masses = [body_named(name).gm_km3_s2 for name in PERTURBERS[body]]
    table = _relative_table(sky, body, PERTURBERS[body], start_s, end_s)
    gm, sqrt = field.gm_km3_s2, math.sqrt

    def acceleration(t_s: float, state: FloatArray) -> FloatArray:
        # Plain floats: three times as fast as arrays of three.
        x, y, z, vx, vy, vz = state.tolist()
        columns = table.at(t_s).tolist()
        ax, ay, az = field.unevenness(columns[:9], x, y, z)
        r2 = x * x + y * y + z * z
        central = -gm / (r2 * sqrt(r2))
        ax += central * x
        ay += central * y
        az += central * z
        at = 9
        for mass in masses:
            px, py, pz = columns[at : at + 3]
            at += 3
            dx, dy, dz = px - x, py - y, pz - z
            d2 = dx * dx + dy * dy + dz * dz
            p2 = px * px + py * py + pz * pz
            direct, indirect = mass / (d2 * sqrt(d2)), mass / (p2 * sqrt(p2))
            ax += direct * dx - indirect * px
            ay += direct * dy - indirect * py
            az += direct * dz - indirect * pz
        return np.array((vx, vy, vz, ax, ay, az))

    return acceleration


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
NEAR_MOON_KM = 60_000.0  # what the field does beyond: 1 km in a year
_MOON = DEEP_SPACE_BODIES.index("moon")


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
        self.span_s = (start_s, end_s)
        self._table = Table(
            start_s,
            step_s,
            np.concatenate([state.position_km for state in states]),
            np.concatenate([state.velocity_km_s for state in states]),
        )
        axes = sky.orientation("moon-principal").rotation(nodes_s)
        turned, turning = axes.matrix.reshape(9, -1), axes.rate.reshape(9, -1)
        self._moon_axes = Table(start_s, step_s, turned, turning)
        self._masses = np.array([body_named(name).gm_km3_s2 for name in DEEP_SPACE_BODIES])

    def away_km(self, t_s: float, position_km: FloatArray) -> FloatArray:
        """Distances from `DEEP_SPACE_BODIES`, shape (8,), at one epoch."""
        away = self._table.at(t_s).reshape(-1, 3) - position_km
        distances: FloatArray = np.linalg.norm(away, axis=1)
        return distances

    def acceleration(self, light_push_m2_kg: float) -> Acceleration:
        """The force model for a craft with that reflectivity coefficient times area over mass."""
        masses = self._masses.copy()
        # N/m^2 at 1 AU * m^2/kg = m/s^2; times AU^2 is the GM by which the Sun is lighter
        masses[0] -= c.SOLAR_PRESSURE_N_M2 * light_push_m2_kg * 1e-3 * c.AU_KM**2
        table, moon_axes, moon_field = self._table, self._moon_axes, field_of("moon")
        count, sum_of_three = len(DEEP_SPACE_BODIES), np.ones(3)
        rates = np.empty(6)

        def acceleration(t_s: float, state: FloatArray) -> FloatArray:
            away = table.at(t_s).reshape(count, 3) - state[:3]
            square = (away * away) @ sum_of_three
            rates[:3] = state[3:]
            rates[3:] = (masses / (square * np.sqrt(square))) @ away
            if square[_MOON] < NEAR_MOON_KM**2:
                x, y, z = (-away[_MOON]).tolist()
                rates[3:] += moon_field.unevenness(moon_axes.at(t_s).tolist(), x, y, z)
            return rates.copy()

        return acceleration


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


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How finely a path is integrated, per step: relative, and absolute in km and km/s."""

    relative: float = 1e-12
    position_km: float = 1e-7
    velocity_km_s: float = 1e-10


class Integration:
    """A path integrated from one epoch to another, either way, with DOP853.

    Args:
        acceleration: gives the rates of (position, velocity), shape (6,).
        start_s: epoch of the state given.
        state: position, km, and velocity, km/s, shape (6,).
        end_s: where to stop; before start_s to go back in time.
        tolerances: of each step.
        stop: asked after each step whether to end there.

    Attributes:
        end_s: the last epoch reached.
        end_state: position and velocity then, shape (6,).
        evaluations: of the acceleration.
        steps: gives the positions in between.
    """

    def __init__(
        self,
        acceleration: Acceleration,
        start_s: float,
        state: FloatArray,
        end_s: float,
        tolerances: Tolerances,
        stop: Callable[[float, FloatArray], bool] = lambda t_s, state: False,
    ) -> None:
        # atol may be an array, whatever scipy-stubs say
        absolute: Any = np.repeat([tolerances.position_km, tolerances.velocity_km_s], 3)
        solver = DOP853(
            acceleration, start_s, state, end_s, rtol=tolerances.relative, atol=absolute
        )
        epochs, states, rates = [start_s], [solver.y], [solver.f]
        while solver.status == "running":
            message = solver.step()
            if message is not None:
                raise InvalidValue("trajectory", epochs[-1], f"cannot be integrated: {message}")
            epochs.append(solver.t)
            states.append(solver.y)
            rates.append(solver.f)
            if stop(solver.t, solver.y):
                break
        self.end_s = float(epochs[-1])
        self.end_state: FloatArray = states[-1]
        self.evaluations = solver.nfev
        order = slice(None, None, 1 if end_s > start_s else -1)
        self.steps = Steps(*(np.array(each)[order] for each in (epochs, states, rates)))
