"""The steps of `topology.integration`, for numba: DOP853 among moving bodies round an uneven one; what comes of them.

Imported only where it runs. The same method, coefficients and step control as scipy's DOP853, and the pull of
`topology.dynamics`; sums are added in another order, so paths differ by rounding alone. A test holds both together.

Source: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I (1993), II.10; scipy's constants.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.integrate import DOP853

from dtn.compiling import cache_of, forget_older
from topology import dynamics
from topology.dynamics import Columns, Numbers, Uneven

Floats = NDArray[np.float64]

DONE = 0
GROUND = 1
FULL = 2
STUCK = 3
"""Why `advance` came back: at the end, below a surface, no room for more steps, steps too small."""

_A = np.ascontiguousarray(DOP853.A, dtype=np.float64)
_B = np.ascontiguousarray(DOP853.B, dtype=np.float64)
_C = np.ascontiguousarray(DOP853.C, dtype=np.float64)
_E3 = np.ascontiguousarray(DOP853.E3, dtype=np.float64)
_E5 = np.ascontiguousarray(DOP853.E5, dtype=np.float64)
_STAGES = 12
_SAFETY = 0.9
_LEAST_FACTOR = 0.2
_MOST_FACTOR = 10.0
_EXPONENT = -1.0 / 8.0

_compiled = njit(cache=True)
_inlined = njit(cache=True, inline="always")
"""What takes a NamedTuple in every stage: a call would count references to each of its arrays, which costs a third."""


class _Room(NamedTuple):
    """What asking for the pull writes into.

    Attributes:
        legendre: see `_legendre`, shape (N + 1, N + 1).
        columns: of the bodies' table, shape (9 + 3 B,).
    """

    legendre: Floats
    columns: Floats


@_compiled
def _legendre(w: float, out: Floats) -> None:
    """The m-th derivatives of Legendre's polynomials n at w, into out[n, m]."""
    out[0, 0] = 1.0
    for n in range(1, out.shape[0]):
        out[n, n] = (2 * n - 1) * out[n - 1, n - 1]
        out[n, n - 1] = w * out[n, n]
        for m in range(n - 1):
            out[n, m] = ((2 * n - 1) * w * out[n - 1, m] - (n + m - 1) * out[n - 2, m]) / (n - m)


@_inlined
def _feel(uneven: Uneven, room: _Room, x: float, y: float, z: float, out: Floats) -> None:
    """What the harmonics add to the pull of the point mass: see `topology.gravity`; adds to out[3:6]."""
    radius_km, cosines, sines = uneven.harmonics
    legendre, axes = room
    per_r = 1.0 / math.sqrt(x * x + y * y + z * z)
    u = (axes[0] * x + axes[1] * y + axes[2] * z) * per_r
    v = (axes[3] * x + axes[4] * y + axes[5] * z) * per_r
    w = (axes[6] * x + axes[7] * y + axes[8] * z) * per_r
    _legendre(w, legendre)
    ratio = radius_km * per_r
    power = ratio
    a_u = a_v = a_w = loss = 0.0
    for n in range(2, cosines.shape[0]):
        power *= ratio
        s_u = s_v = s_w = s_loss = 0.0
        real, imag, real_before, imag_before = 1.0, 0.0, 0.0, 0.0
        for m in range(n + 1):
            cosine, sine = cosines[n, m], sines[n, m]
            both = cosine * real + sine * imag
            s_loss += legendre[n, m] * both
            if m < n:
                s_w += legendre[n, m + 1] * both
            s_u += m * legendre[n, m] * (cosine * real_before + sine * imag_before)
            s_v += m * legendre[n, m] * (sine * real_before - cosine * imag_before)
            real_before, imag_before = real, imag
            real, imag = real * u - imag * v, real * v + imag * u
        a_u += power * s_u
        a_v += power * s_v
        a_w += power * s_w
        loss += power * (n + 1) * s_loss
    radial = -loss - (u * a_u + v * a_v + w * a_w)
    scale = uneven.gm_km3_s2 * per_r * per_r
    a_u, a_v, a_w, radial = scale * a_u, scale * a_v, scale * a_w, scale * per_r * radial
    out[3] += radial * x + a_u * axes[0] + a_v * axes[3] + a_w * axes[6]
    out[4] += radial * y + a_u * axes[1] + a_v * axes[4] + a_w * axes[7]
    out[5] += radial * z + a_u * axes[2] + a_v * axes[5] + a_w * axes[8]


@_inlined
def _look_up(table: Columns, t_s: float, columns: Floats) -> None:
    """The table's columns at one epoch."""
    place = (t_s - table.start_s) * table.per_step
    left = min(max(int(place), 0), table.cubics.shape[0] - 1)
    x = place - left
    c = table.cubics[left]
    for k in range(columns.size):
        columns[k] = c[0, k] + x * (c[1, k] + x * (c[2, k] + x * c[3, k]))


@_compiled
def _rates(pull: Numbers, room: _Room, t_s: float, state: Floats, out: Floats) -> None:
    """Rates of position and velocity, into out."""
    masses, centre, columns = pull.masses, pull.centre, room.columns
    _look_up(pull.table, t_s, columns)
    x, y, z = state[0], state[1], state[2]
    ax = ay = az = 0.0
    for k in range(masses.size):
        px, py, pz = columns[9 + 3 * k], columns[10 + 3 * k], columns[11 + 3 * k]
        dx, dy, dz = px - x, py - y, pz - z
        square = dx * dx + dy * dy + dz * dz
        direct = masses[k] / (square * math.sqrt(square))
        ax += direct * dx
        ay += direct * dy
        az += direct * dz
        if centre > 0:  # the centre falls, too
            square = px * px + py * py + pz * pz
            indirect = masses[k] / (square * math.sqrt(square))
            ax -= indirect * px
            ay -= indirect * py
            az -= indirect * pz
    uneven = pull.uneven
    if uneven.body >= 0:
        x -= columns[9 + 3 * uneven.body]
        y -= columns[10 + 3 * uneven.body]
        z -= columns[11 + 3 * uneven.body]
    square = x * x + y * y + z * z
    if centre > 0:
        central = -centre / (square * math.sqrt(square))
        ax += central * x
        ay += central * y
        az += central * z
    out[0], out[1], out[2] = state[3], state[4], state[5]
    out[3], out[4], out[5] = ax, ay, az
    if square < uneven.reach_km * uneven.reach_km:
        _feel(uneven, room, x, y, z, out)


@_compiled
def _is_below(pull: Numbers, columns: Floats, t_s: float, state: Floats) -> bool:
    """Whether a place is below a surface."""
    surfaces = pull.surfaces
    if not surfaces.shape[0]:
        return False
    _look_up(pull.table, t_s, columns)
    for row in range(surfaces.shape[0]):
        body = int(surfaces[row, 0])
        square = 0.0
        for k in range(3):
            away = state[k]
            if body >= 0:
                away -= columns[9 + 3 * body + k]
            square += away * away
        if square < surfaces[row, 1] * surfaces[row, 1]:
            return True
    return False


@_compiled
def _norm(values: Floats, scale: Floats) -> float:
    total = 0.0
    for k in range(6):
        total += (values[k] / scale[k]) ** 2
    return math.sqrt(total / 6)


@_compiled
def _first_step(
    pull: Numbers, room: _Room, t_s: float, end_s: float, y: Floats, f: Floats, tolerances: Floats
) -> float:
    """Hairer's guess of a step's length, from the rates here and at the end of a trial step."""
    scale = np.empty(6)
    for k in range(6):
        scale[k] = tolerances[k] + abs(y[k]) * tolerances[6]
    d0, d1 = _norm(y, scale), _norm(f, scale)
    longest_s = abs(end_s - t_s)
    h0 = min(1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1, longest_s)
    h = h0 if end_s > t_s else -h0
    there = np.empty(6)
    _rates(pull, room, t_s + h, y + h * f, there)
    d2 = _norm(there - f, scale) / h0
    h1 = (0.01 / max(d1, d2)) ** (-_EXPONENT) if max(d1, d2) > 1e-15 else max(1e-6, h0 * 1e-3)
    return min(100.0 * h0, h1, longest_s)


@_inlined
def _try_step(
    pull: Numbers, room: _Room, t_s: float, t_new: float, y: Floats, slopes: Floats, y_new: Floats
) -> None:
    """Where a step from t_s, y leads: y_new, and the slopes at its stages, of which the first is known."""
    h = t_new - t_s
    for s in range(1, _STAGES):
        for k in range(6):
            y_new[k] = 0.0
        for j in range(s):
            a = _A[s, j]
            if a != 0.0:
                for k in range(6):
                    y_new[k] += slopes[j, k] * a
        for k in range(6):
            y_new[k] = y[k] + y_new[k] * h
        _rates(pull, room, t_s + _C[s] * h, y_new, slopes[s])
    for k in range(6):
        rise = 0.0
        for s in range(_STAGES):
            rise += slopes[s, k] * _B[s]
        y_new[k] = y[k] + h * rise
    _rates(pull, room, t_new, y_new, slopes[_STAGES])


@_inlined
def _error(slopes: Floats, y: Floats, y_new: Floats, h_abs: float, tolerances: Floats) -> float:
    """A step's error, of what is tolerated: from the formulas of order 5 and 3 within that of order 8."""
    five = three = 0.0
    for k in range(6):
        scale = tolerances[k] + max(abs(y[k]), abs(y_new[k])) * tolerances[6]
        e5 = e3 = 0.0
        for s in range(_STAGES + 1):
            e5 += slopes[s, k] * _E5[s]
            e3 += slopes[s, k] * _E3[s]
        five += (e5 / scale) ** 2
        three += (e3 / scale) ** 2
    if not (five > 0.0 or three > 0.0):
        return 0.0
    return h_abs * five / math.sqrt((five + 0.01 * three) * 6)


@_compiled
def _growth(error: float, is_rejected: bool) -> float:
    """How much longer the step after a good one may be; after one that was cut, no longer."""
    most = 1.0 if is_rejected else _MOST_FACTOR
    return min(most, _SAFETY * error**_EXPONENT) if error > 0.0 else most


@_compiled
def advance(
    pull: Numbers,
    span: Floats,
    step_s: float,
    state: Floats,
    tolerances: Floats,
    epochs: Floats,
    states: Floats,
    rates: Floats,
) -> tuple[int, int, float]:
    """Step from span[0] to span[1], or until there is a reason to come back.

    Args:
        pull: the force model, and what a craft must not get below.
        span: first and last epoch.
        step_s: the first step's length; 0: to be found.
        state: position and velocity, shape (6,).
        tolerances: six absolute ones, and the relative one.
        epochs: room for the ends of steps.
        states: likewise.
        rates: likewise.

    Returns:
        How many epochs are known, why it came back, the next step.
    """
    room = _Room(
        np.empty(pull.uneven.harmonics.cosines.shape), np.empty(pull.table.cubics.shape[2])
    )
    slopes, y_new = np.empty((_STAGES + 1, 6)), np.empty(6)
    t_s, end_s = span[0], span[1]
    direction = 1.0 if end_s > t_s else -1.0
    y = state.copy()
    _rates(pull, room, t_s, y, slopes[0])
    h_abs = step_s
    if h_abs == 0.0:
        h_abs = _first_step(pull, room, t_s, end_s, y, slopes[0], tolerances)
    epochs[0], states[0], rates[0] = t_s, y, slopes[0]
    count = 1
    while count < epochs.size:
        least = 10.0 * abs(np.nextafter(t_s, direction * np.inf) - t_s)
        h_abs = max(h_abs, least)
        is_rejected = False
        while True:
            if h_abs < least:
                return count, STUCK, h_abs
            t_new = t_s + h_abs * direction
            if direction * (t_new - end_s) > 0:
                t_new = end_s
            h_abs = abs(t_new - t_s)
            _try_step(pull, room, t_s, t_new, y, slopes, y_new)
            error = _error(slopes, y, y_new, h_abs, tolerances)
            if error < 1.0:
                h_abs *= _growth(error, is_rejected)
                break
            if not error >= 1.0:  # not a number
                return count, STUCK, h_abs
            h_abs *= max(_LEAST_FACTOR, _SAFETY * error**_EXPONENT)
            is_rejected = True
        t_s = t_new
        y[:] = y_new
        slopes[0] = slopes[_STAGES]
        epochs[count], states[count], rates[count] = t_s, y, slopes[0]
        count += 1
        if _is_below(pull, room.columns, t_s, y):
            return count, GROUND, h_abs
        if direction * (t_s - end_s) >= 0:
            return count, DONE, h_abs
    return count, FULL, h_abs


@_compiled
def chebyshev(edges_s: Floats, coefficients_km: Floats, t_s: Floats) -> tuple[Floats, Floats]:
    """`topology.chebyshev.ChebyshevPieces.state`, to the bit."""
    position, velocity = np.empty((3, t_s.size)), np.empty((3, t_s.size))
    top = coefficients_km.shape[0] - 1
    piece = 0
    for at in range(t_s.size):
        t = t_s[at]
        if t < edges_s[piece]:
            piece = max(np.searchsorted(edges_s, t, side="right") - 1, 0)
        while piece < edges_s.size - 2 and edges_s[piece + 1] <= t:
            piece += 1
        left = edges_s[piece]
        half = 0.5 * (edges_s[piece + 1] - left)
        x = (t - left) / half - 1.0
        twice = 2.0 * x
        for k in range(3):
            w0 = w1 = d0 = d1 = 0.0
            for n in range(top, 0, -1):
                w0, w1, d0, d1 = (
                    coefficients_km[n, k, piece] + twice * w0 - w1,
                    w0,
                    2.0 * w0 + twice * d0 - d1,
                    d0,
                )
            position[k, at] = coefficients_km[0, k, piece] + x * w0 - w1
            velocity[k, at] = (w0 + x * d0 - d1) / half
    return position, velocity


forget_older(cache_of(advance), map(Path, (__file__, dynamics.__file__)))
