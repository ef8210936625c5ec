"""Two ends and what limits their view of each other, for numba: `topology.visibility`, one photon at a time.

The same limits by the same formulas. Imported only where they run, like the others of this name: nothing is written to
memory between a photon's limits, which is where arrays of them spend their time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from topology.compiling import Flags, Floats, Ints, inlined
from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.track import Cubics

Vector = tuple[float, float, float]
Six = tuple[float, float, float, float, float, float]

C = SPEED_OF_LIGHT_KM_S
HORIZON_A, HORIZON_B, LIMB, SUN_A, SUN_B = 0, 1, 2, 3, 4


class Place(NamedTuple):
    """One end.

    Attributes:
        motion: where it is.
        turning: its horizon's normal; no intervals: it is in space.
        first_s: since when it is known.
        last_s: until when.
        mask: sine of the lowest elevation.
        keep_out_rad: the smallest angle between partner and Sun; 0: any.
        bulge_km: how far it leaves its chords between two looks.
        rough: where it bends fast, shape (K, 2).
    """

    motion: Cubics
    turning: Cubics
    first_s: float
    last_s: float
    mask: float
    keep_out_rad: float
    bulge_km: float
    rough: Floats


class Bodies(NamedTuple):
    """What may stand in the way, on one grid; the last is the Sun, where it is kept away from.

    Attributes:
        start_s: the first grid point.
        step_s: the grid's step.
        tables: their cubics, shape (B, 4, 3, M).
        radii_km: shape (B,).
        bulges_km: likewise.
        first_s: since when all are known.
        last_s: until when.
    """

    start_s: float
    step_s: float
    tables: Floats
    radii_km: Floats
    bulges_km: Floats
    first_s: float
    last_s: float


@inlined
def state_at(start_s: float, step_s: float, table: Floats, t_s: float) -> Six:
    """See `topology.track.Cubics`."""
    x = (t_s - start_s) / step_s
    left = min(max(int(x), 0), table.shape[2] - 1)
    x -= left
    y0, m0, c0, d0 = table[0, 0, left], table[1, 0, left], table[2, 0, left], table[3, 0, left]
    y1, m1, c1, d1 = table[0, 1, left], table[1, 1, left], table[2, 1, left], table[3, 1, left]
    y2, m2, c2, d2 = table[0, 2, left], table[1, 2, left], table[2, 2, left], table[3, 2, left]
    per_s = 1.0 / step_s
    return (
        y0 + x * (m0 + x * (c0 + x * d0)),
        y1 + x * (m1 + x * (c1 + x * d1)),
        y2 + x * (m2 + x * (c2 + x * d2)),
        (m0 + x * (2.0 * c0 + 3.0 * x * d0)) * per_s,
        (m1 + x * (2.0 * c1 + 3.0 * x * d1)) * per_s,
        (m2 + x * (2.0 * c2 + 3.0 * x * d2)) * per_s,
    )


@inlined
def position_at(start_s: float, step_s: float, table: Floats, t_s: float) -> Vector:
    """The position of `state_at` alone."""
    x = (t_s - start_s) / step_s
    left = min(max(int(x), 0), table.shape[2] - 1)
    x -= left
    return (
        table[0, 0, left]
        + x * (table[1, 0, left] + x * (table[2, 0, left] + x * table[3, 0, left])),
        table[0, 1, left]
        + x * (table[1, 1, left] + x * (table[2, 1, left] + x * table[3, 1, left])),
        table[0, 2, left]
        + x * (table[1, 2, left] + x * (table[2, 2, left] + x * table[3, 2, left])),
    )


@inlined
def body_at(bodies: Bodies, body: int, t_s: float) -> Six:
    """`state_at` of one of the bodies: a view of its own table would cost more than the sums."""
    tables, step_s = bodies.tables, bodies.step_s
    x = (t_s - bodies.start_s) / step_s
    left = min(max(int(x), 0), tables.shape[3] - 1)
    x -= left
    y0, m0 = tables[body, 0, 0, left], tables[body, 1, 0, left]
    y1, m1 = tables[body, 0, 1, left], tables[body, 1, 1, left]
    y2, m2 = tables[body, 0, 2, left], tables[body, 1, 2, left]
    c0, d0 = tables[body, 2, 0, left], tables[body, 3, 0, left]
    c1, d1 = tables[body, 2, 1, left], tables[body, 3, 1, left]
    c2, d2 = tables[body, 2, 2, left], tables[body, 3, 2, left]
    per_s = 1.0 / step_s
    return (
        y0 + x * (m0 + x * (c0 + x * d0)),
        y1 + x * (m1 + x * (c1 + x * d1)),
        y2 + x * (m2 + x * (c2 + x * d2)),
        (m0 + x * (2.0 * c0 + 3.0 * x * d0)) * per_s,
        (m1 + x * (2.0 * c1 + 3.0 * x * d1)) * per_s,
        (m2 + x * (2.0 * c2 + 3.0 * x * d2)) * per_s,
    )


@inlined
def clipped(along: float) -> float:
    """A part of the way: from 0 to 1."""
    return min(max(along, 0.0), 1.0)


@inlined
def sight(
    a: Cubics, b: Cubics, b_first_s: float, b_last_s: float, t_s: float
) -> tuple[float, Six, Six, Vector, float]:
    """`topology.geometry.sightline`: light time, both states, the way and its length."""
    source = state_at(a.start_s, a.step_s, a.table, t_s)
    guess = state_at(b.start_s, b.step_s, b.table, min(max(t_s, b_first_s), b_last_s))
    wx, wy, wz = guess[0] - source[0], guess[1] - source[1], guess[2] - source[2]
    range_km = max(math.sqrt(wx * wx + wy * wy + wz * wz), 1e-6)
    opening = (wx * guess[3] + wy * guess[4] + wz * guess[5]) / range_km
    owlt_s = range_km / (C - opening)
    end = guess
    for _ in range(12):
        end = state_at(b.start_s, b.step_s, b.table, t_s + owlt_s)
        wx, wy, wz = end[0] - source[0], end[1] - source[1], end[2] - source[2]
        range_km = max(math.sqrt(wx * wx + wy * wy + wz * wz), 1e-6)
        opening = (wx * end[3] + wy * end[4] + wz * end[5]) / range_km
        step_s = (range_km - C * owlt_s) / (C - opening)
        owlt_s += step_s
        mx, my, mz = end[3] * step_s, end[4] * step_s, end[5] * step_s
        wx, wy, wz = wx + mx, wy + my, wz + mz
        end = (end[0] + mx, end[1] + my, end[2] + mz, end[3], end[4], end[5])
        if abs(step_s) < 1e-3:
            break
    return owlt_s, source, end, (wx, wy, wz), max(C * owlt_s, 1e-6)


@inlined
def _seen(way: Vector, range_km: float, state: Six, sign: float) -> Vector:
    """Unit vector of the partner in a moving end's sky; sign 1: it receives, -1: it transmits."""
    x = -sign * way[0] / range_km + state[3] * (sign / C)
    y = -sign * way[1] / range_km + state[4] * (sign / C)
    z = -sign * way[2] / range_km + state[5] * (sign / C)
    long = math.sqrt(x * x + y * y + z * z)
    return x / long, y / long, z / long


@inlined
def _horizon(
    end: Place, at_s: float, way: Vector, range_km: float, state: Six, sign: float
) -> float:
    x, y, z = _seen(way, range_km, state, sign)
    up = position_at(end.turning.start_s, end.turning.step_s, end.turning.table, at_s)
    return (up[0] * x + up[1] * y + up[2] * z - end.mask) * range_km


@inlined
def _limb(
    bodies: Bodies, body: int, t_s: float, owlt_s: float, source: Six, way: Vector, range_km: float
) -> float:
    """`topology.visibility._past`."""
    at = body_at(bodies, body, t_s + 0.5 * owlt_s)
    square = range_km * range_km
    x, y, z = at[0] - source[0], at[1] - source[1], at[2] - source[2]
    along = clipped((x * way[0] + y * way[1] + z * way[2]) / square)
    if owlt_s < 10.0:
        moved_s = (along - 0.5) * owlt_s
        x, y, z = x + at[3] * moved_s, y + at[4] * moved_s, z + at[5] * moved_s
    else:
        at = body_at(bodies, body, t_s + along * owlt_s)
        x, y, z = at[0] - source[0], at[1] - source[1], at[2] - source[2]
    closer = clipped((x * way[0] + y * way[1] + z * way[2]) / square)
    moved_s = (closer - along) * owlt_s
    x, y, z = x + at[3] * moved_s, y + at[4] * moved_s, z + at[5] * moved_s
    along = clipped((x * way[0] + y * way[1] + z * way[2]) / square)
    x, y, z = x - way[0] * along, y - way[1] * along, z - way[2] * along
    return math.sqrt(x * x + y * y + z * z) - bodies.radii_km[body]


@inlined
def _sun_angle(
    end: Place, bodies: Bodies, at_s: float, way: Vector, range_km: float, state: Six, sign: float
) -> float:
    x, y, z = _seen(way, range_km, state, sign)
    sun = body_at(bodies, bodies.radii_km.size - 1, at_s)
    sx, sy, sz = sun[0] - state[0], sun[1] - state[1], sun[2] - state[2]
    lag_s = math.sqrt(sx * sx + sy * sy + sz * sz) / C
    sx += (state[3] - sun[3]) * lag_s
    sy += (state[4] - sun[4]) * lag_s
    sz += (state[5] - sun[5]) * lag_s
    long = math.sqrt(sx * sx + sy * sy + sz * sz)
    x, y, z = x - sx / long, y - sy / long, z - sz / long
    return (math.sqrt(x * x + y * y + z * z) - 2 * math.sin(end.keep_out_rad / 2)) * range_km


class Pair(NamedTuple):
    """Two ends, and what counts between them.

    Attributes:
        a: who transmits.
        b: who receives.
        bodies: what may stand in the way.
        rows: kind and body of each limit, shape (K, 2).
        near: which of those beyond the horizons could be broken about each look, shape (K, looks).
        looks_s: epochs of the looks.
    """

    a: Place
    b: Place
    bodies: Bodies
    rows: Ints
    near: Flags
    looks_s: Floats


@inlined
def limits(
    pair: Pair,
    look: int,
    only: int,
    t_s: float,
    out: Floats,
) -> float:
    """Limits of the photon that leaves at t_s, into out; the light time.

    Args:
        pair: the ends and what counts.
        look: the look that counts; below 0: all are worked out.
        only: the one limit that is wanted; below 0: all.
        t_s: transmission time.
        out: shape (K,).
    """
    a, b, bodies, rows, near, _ = pair
    owlt_s, source, end, way, range_km = sight(a.motion, b.motion, b.first_s, b.last_s, t_s)
    arrives_s = t_s + owlt_s
    for row in range(rows.shape[0]):
        if only >= 0 and row != only:
            continue
        kind = rows[row, 0]
        out[row] = math.inf
        if kind >= LIMB and look >= 0 and not near[row, look]:
            continue
        if kind == HORIZON_A:
            out[row] = _horizon(a, t_s, way, range_km, source, -1.0)
        elif kind == HORIZON_B:
            out[row] = _horizon(b, arrives_s, way, range_km, end, 1.0)
        elif kind == LIMB:
            out[row] = _limb(bodies, rows[row, 1], t_s, owlt_s, source, way, range_km)
        elif kind == SUN_A:
            out[row] = _sun_angle(a, bodies, t_s, way, range_km, source, -1.0)
        else:
            out[row] = _sun_angle(b, bodies, arrives_s, way, range_km, end, 1.0)
    return owlt_s
