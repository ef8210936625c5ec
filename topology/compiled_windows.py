"""The scan of `topology.windows`, for numba: one pair of tracks from its grid to the edges of its windows.

Imported only where it runs; one file, because numba's cache knows a function by its own file alone. The same limits
by the same formulas as `topology.visibility`, `topology.proximity` and `topology.zeros`, one photon at a time instead
of all at once: nothing is written to memory between them. Edges are the same to a microsecond; property tests hold
both together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.track import Cubics

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Vector = tuple[float, float, float]
_compiled = njit(cache=True, error_model="numpy", nogil=True)  # pairs are looked at side by side
_inlined = njit(cache=True, error_model="numpy", forceinline=True)
Six = tuple[float, float, float, float, float, float]

C = SPEED_OF_LIGHT_KM_S
LOOK_S = 3600.0
_FEW_LOOKS = 24
_STRAYS_KM = 200.0 * _FEW_LOOKS * LOOK_S
_PART = 1e-3  # what moves while light is under way, and aberration: `topology.proximity`
_SPIN_RAD_S = 1e-4
_SHORT_FLIGHT_S = 30.0
_EDGE_S = 1e-3
_SHORTEST_S = 0.1
_PIECES = 8
_DEPTH = 12
_LEAST = -1
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


@_inlined
def _state(start_s: float, step_s: float, table: Floats, t_s: float) -> Six:
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


@_inlined
def _place(start_s: float, step_s: float, table: Floats, t_s: float) -> Vector:
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


@_inlined
def _body(bodies: Bodies, body: int, t_s: float) -> Six:
    """`_state` of one of the bodies: a view of its own table would cost more than the sums."""
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


@_inlined
def _part(along: float) -> float:
    return min(max(along, 0.0), 1.0)


@_inlined
def _sight(
    a: Cubics, b: Cubics, b_first_s: float, b_last_s: float, t_s: float
) -> tuple[float, Six, Six, Vector, float]:
    """`topology.geometry.sightline`: light time, both states, the way and its length."""
    source = _state(a.start_s, a.step_s, a.table, t_s)
    guess = _state(b.start_s, b.step_s, b.table, min(max(t_s, b_first_s), b_last_s))
    wx, wy, wz = guess[0] - source[0], guess[1] - source[1], guess[2] - source[2]
    range_km = max(math.sqrt(wx * wx + wy * wy + wz * wz), 1e-6)
    opening = (wx * guess[3] + wy * guess[4] + wz * guess[5]) / range_km
    owlt_s = range_km / (C - opening)
    end = guess
    for _ in range(12):
        end = _state(b.start_s, b.step_s, b.table, t_s + owlt_s)
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


@_inlined
def _seen(way: Vector, range_km: float, state: Six, sign: float) -> Vector:
    """Unit vector of the partner in a moving end's sky; sign 1: it receives, -1: it transmits."""
    x = -sign * way[0] / range_km + state[3] * (sign / C)
    y = -sign * way[1] / range_km + state[4] * (sign / C)
    z = -sign * way[2] / range_km + state[5] * (sign / C)
    long = math.sqrt(x * x + y * y + z * z)
    return x / long, y / long, z / long


@_inlined
def _horizon(
    end: Place, at_s: float, way: Vector, range_km: float, state: Six, sign: float
) -> float:
    x, y, z = _seen(way, range_km, state, sign)
    up = _place(end.turning.start_s, end.turning.step_s, end.turning.table, at_s)
    return (up[0] * x + up[1] * y + up[2] * z - end.mask) * range_km


@_inlined
def _limb(
    bodies: Bodies, body: int, t_s: float, owlt_s: float, source: Six, way: Vector, range_km: float
) -> float:
    """`topology.visibility._past`."""
    at = _body(bodies, body, t_s + 0.5 * owlt_s)
    square = range_km * range_km
    x, y, z = at[0] - source[0], at[1] - source[1], at[2] - source[2]
    along = _part((x * way[0] + y * way[1] + z * way[2]) / square)
    if owlt_s < 10.0:
        moved_s = (along - 0.5) * owlt_s
        x, y, z = x + at[3] * moved_s, y + at[4] * moved_s, z + at[5] * moved_s
    else:
        at = _body(bodies, body, t_s + along * owlt_s)
        x, y, z = at[0] - source[0], at[1] - source[1], at[2] - source[2]
    closer = _part((x * way[0] + y * way[1] + z * way[2]) / square)
    moved_s = (closer - along) * owlt_s
    x, y, z = x + at[3] * moved_s, y + at[4] * moved_s, z + at[5] * moved_s
    along = _part((x * way[0] + y * way[1] + z * way[2]) / square)
    x, y, z = x - way[0] * along, y - way[1] * along, z - way[2] * along
    return math.sqrt(x * x + y * y + z * z) - bodies.radii_km[body]


@_inlined
def _sun_angle(
    end: Place, bodies: Bodies, at_s: float, way: Vector, range_km: float, state: Six, sign: float
) -> float:
    x, y, z = _seen(way, range_km, state, sign)
    sun = _body(bodies, bodies.radii_km.size - 1, at_s)
    sx, sy, sz = sun[0] - state[0], sun[1] - state[1], sun[2] - state[2]
    lag_s = math.sqrt(sx * sx + sy * sy + sz * sz) / C
    sx += (state[3] - sun[3]) * lag_s
    sy += (state[4] - sun[4]) * lag_s
    sz += (state[5] - sun[5]) * lag_s
    long = math.sqrt(sx * sx + sy * sy + sz * sz)
    x, y, z = x - sx / long, y - sy / long, z - sz / long
    return (math.sqrt(x * x + y * y + z * z) - 2 * math.sin(end.keep_out_rad / 2)) * range_km


@_inlined
def _limits(
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
    owlt_s, source, end, way, range_km = _sight(a.motion, b.motion, b.first_s, b.last_s, t_s)
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


@_inlined
def _distance(table: Floats, k: int) -> float:
    return math.sqrt(table[0, k] ** 2 + table[1, k] ** 2 + table[2, k] ** 2)


@_inlined
def _moved(table: Floats, k: int) -> float:
    """`topology.proximity._moved`."""
    before = after = 0.0
    if k:
        before = math.sqrt(
            (table[0, k] - table[0, k - 1]) ** 2
            + (table[1, k] - table[1, k - 1]) ** 2
            + (table[2, k] - table[2, k - 1]) ** 2
        )
    if k < table.shape[1] - 1:
        after = math.sqrt(
            (table[0, k + 1] - table[0, k]) ** 2
            + (table[1, k + 1] - table[1, k]) ** 2
            + (table[2, k + 1] - table[2, k]) ** 2
        )
    return max(before, after) / 2


@_inlined
def _turned(wander_km: float, range_km: float) -> float:
    sine = wander_km / range_km
    return math.asin(sine) if sine < 1.0 else math.pi


@_compiled
def _concern(
    a: Place, b: Place, bodies: Bodies, wanted: Flags, looks_s: Floats
) -> tuple[Ints, Flags]:
    """`topology.proximity.concern`: kinds and bodies of the limits that count, and when they do.

    Args:
        a: who transmits.
        b: who receives.
        bodies: what may stand in the way.
        wanted: which of them may, shape (B,).
        looks_s: epochs of the looks.

    Returns:
        Shape (K, 2); shape (K, looks).
    """
    count, sun = looks_s.size, bodies.radii_km.size - 1
    here, line, away = np.empty((3, count)), np.empty((3, count)), np.empty((3, count))
    born_s = max(a.first_s, b.first_s, bodies.first_s)
    gone_s = min(a.last_s, b.last_s, bodies.last_s)
    wander_km = np.empty(count)
    farthest_km = 0.0
    for k in range(count):
        t_s = min(max(looks_s[k], born_s), gone_s)
        p = _place(a.motion.start_s, a.motion.step_s, a.motion.table, t_s)
        q = _place(b.motion.start_s, b.motion.step_s, b.motion.table, t_s)
        for i in range(3):
            here[i, k] = p[i]
            line[i, k] = q[i] - p[i]
        farthest_km = max(farthest_km, _distance(line, k))
    for k in range(count):
        wander_km[k] = _moved(line, k) + a.bulge_km + b.bulge_km + _PART * _distance(line, k)
    rows = np.empty((bodies.radii_km.size + 4, 2), dtype=np.int64)
    near = np.zeros((bodies.radii_km.size + 4, count), dtype=np.bool_)
    kept = 0
    for kind, end in ((HORIZON_A, a), (HORIZON_B, b)):
        if end.turning.table.shape[2]:
            rows[kept] = kind, -1
            kept += 1
    for body in range(wanted.size):
        if not wanted[body]:
            continue
        table = bodies.tables[body]
        nearest_km = math.inf
        for k in range(0, count, _FEW_LOOKS):
            p = _place(bodies.start_s, bodies.step_s, table, min(max(looks_s[k], born_s), gone_s))
            x, y, z = p[0] - here[0, k], p[1] - here[1, k], p[2] - here[2, k]
            nearest_km = min(nearest_km, math.sqrt(x * x + y * y + z * z))
        if nearest_km - _STRAYS_KM > farthest_km * (1.0 + _PART) + bodies.radii_km[body]:
            continue
        for k in range(count):
            p = _place(bodies.start_s, bodies.step_s, table, min(max(looks_s[k], born_s), gone_s))
            for i in range(3):
                away[i, k] = p[i] - here[i, k]
        spare_km = bodies.radii_km[body] + a.bulge_km + bodies.bulges_km[body]
        is_ever = False
        for k in range(count):
            x, y, z = line[0, k], line[1, k], line[2, k]
            square = max(x * x + y * y + z * z, 1e-6)
            along = _part((away[0, k] * x + away[1, k] * y + away[2, k] * z) / square)
            x, y, z = away[0, k] - along * x, away[1, k] - along * y, away[2, k] - along * z
            missed_km = math.sqrt(x * x + y * y + z * z)
            near[kept, k] = missed_km < spare_km + wander_km[k] + _moved(away, k)
            is_ever |= near[kept, k]
        if is_ever:
            rows[kept] = LIMB, body
            kept += 1
    for kind, end, sign in ((SUN_A, a, 1.0), (SUN_B, b, -1.0)):
        if not end.keep_out_rad > 0:
            continue
        for k in range(count):
            t_s = min(max(looks_s[k], born_s), gone_s)
            p = _place(bodies.start_s, bodies.step_s, bodies.tables[sun], t_s)
            for i in range(3):
                away[i, k] = p[i] - here[i, k] - (0.0 if sign > 0 else line[i, k])
        is_ever = False
        for k in range(count):
            range_km, sun_km = max(_distance(line, k), 1e-3), _distance(away, k)
            cosine = away[0, k] * line[0, k] + away[1, k] * line[1, k] + away[2, k] * line[2, k]
            cosine *= sign / (sun_km * range_km)
            wander = _moved(away, k) + end.bulge_km + bodies.bulges_km[sun]
            turned = _turned(wander_km[k], range_km) + _turned(wander, sun_km) + _PART
            near[kept, k] = math.acos(min(max(cosine, -1.0), 1.0)) < end.keep_out_rad + turned
            is_ever |= near[kept, k]
        if is_ever:
            rows[kept] = kind, -1
            kept += 1
    return rows[:kept], near[:kept]


@_inlined
def _glance(
    a: Place, b: Place, rows: Ints, is_near: bool, t_s: float, out: Floats
) -> tuple[bool, float]:
    """`topology.proximity.glance` at one epoch: whether it tells, and about the light time; heights into out."""
    p = _place(a.motion.start_s, a.motion.step_s, a.motion.table, t_s)
    q = _state(
        b.motion.start_s, b.motion.step_s, b.motion.table, min(max(t_s, b.first_s), b.last_s)
    )
    x, y, z = q[0] - p[0], q[1] - p[1], q[2] - p[2]
    range_km = max(math.sqrt(x * x + y * y + z * z), 1e-6)
    owlt_s = range_km / (C - (x * q[3] + y * q[4] + z * q[5]) / range_km)
    is_below, is_above = False, True
    for row in range(rows.shape[0]):
        kind = rows[row, 0]
        out[row] = math.inf
        if kind > HORIZON_B:
            continue
        if kind == HORIZON_A:
            up = _place(a.turning.start_s, a.turning.step_s, a.turning.table, t_s)
            height_km = up[0] * x + up[1] * y + up[2] * z - a.mask * range_km
            spare_km = 2 * _PART * range_km
        else:
            up = _place(b.turning.start_s, b.turning.step_s, b.turning.table, t_s)
            height_km = -(up[0] * x + up[1] * y + up[2] * z) - b.mask * range_km
            spare_km = (2 * _PART + _SPIN_RAD_S * owlt_s) * range_km
        out[row] = height_km
        is_below |= height_km < -spare_km
        is_above &= height_km > spare_km
    is_told = is_below or (is_above and not is_near and owlt_s < _SHORT_FLIGHT_S)
    return is_told, owlt_s


@_inlined
def _look(start_s: float, looks: int, t_s: float) -> int:
    return min(max(int(np.rint((t_s - start_s) / LOOK_S)), 0), looks - 1)


@_compiled
def _mark_rough(rough: Floats, at_s: Floats, cells: Flags) -> None:
    """Cells in which a path bends too fast for the grid's step."""
    for row in range(rough.shape[0]):
        begin = np.searchsorted(at_s, rough[row, 0])
        stop = np.searchsorted(at_s, rough[row, 1])
        for cell in range(max(begin - 1, 0), min(stop + 1, cells.size)):
            cells[cell] = True


@_compiled
def _told_by_bends(
    values: Floats, count: int, closed: Flags, unclear: Flags, crossed: Flags
) -> None:
    """`topology.zeros._told_by_bends` of one row of samples, shape (K, count)."""
    closed[: count - 1] = False
    unclear[: count - 1] = False
    crossed[: count - 1] = False
    for k in range(values.shape[0]):
        one = values[k]
        before = abs(one[2] - 2 * one[1] + one[0])
        if not before < math.inf:
            before = 0.0
        for i in range(count - 1):
            after = before
            if i + 2 < count:
                after = abs(one[i + 2] - 2 * one[i + 1] + one[i])
                if not after < math.inf:
                    after = 0.0
            here, there = one[i], one[i + 1]
            is_near = min(abs(here), abs(there)) <= max(before, after) / 2
            changes = (here >= 0) != (there >= 0)
            if (is_near and not changes) or (changes and crossed[i]):
                unclear[i] = True
            if changes:
                crossed[i] = True
            if not (is_near or changes or there >= 0):
                closed[i] = True
            before = after


@_compiled
def _interpolated(times: Floats, values: Floats, first: int, near_s: float) -> tuple[float, float]:
    """Zero and slope of the polynomial through six samples: see `topology.zeros._interpolated_zero`."""
    factors, nodes = np.empty(6), np.empty(6)
    scale_s = times[first + 5] - times[first]
    for k in range(6):
        factors[k] = values[first + k]
        nodes[k] = (times[first + k] - times[first]) / scale_s
    for order in range(1, 6):
        for k in range(5, order - 1, -1):
            factors[k] = (factors[k] - factors[k - 1]) / (nodes[k] - nodes[k - order])
    x = (near_s - times[first]) / scale_s
    slope = 0.0
    for _ in range(3):
        value, slope = factors[5], 0.0
        for k in range(4, -1, -1):
            slope = value + slope * (x - nodes[k])
            value = factors[k] + value * (x - nodes[k])
        if slope == 0.0 or not abs(slope) < math.inf:
            return math.nan, 0.0
        x -= value / slope
    return times[first] + x * scale_s, slope / scale_s


@_inlined
def _value(
    pair: Pair,
    which: int,
    t_s: float,
    out: Floats,
) -> float:
    """One limit, or the least of all."""
    look = -1 if which >= 0 else _look(pair.looks_s[0], pair.looks_s.size, t_s)
    _limits(pair, look, which, t_s, out)
    return out[which] if which >= 0 else out.min()


@_compiled
def _root(
    pair: Pair,
    times: Floats,
    values: Floats,
    cell: int,
    count: int,
    is_sure: bool,
    out: Floats,
) -> float:
    """The zero in a cell of a row of samples: guessed from a polynomial, proved by a change of sign within EDGE_S."""
    low_s, high_s = times[cell], times[cell + 1]
    which = _LEAST
    if is_sure:
        negative = cell if values[:, cell].min() < 0 else cell + 1
        which = int(np.argmin(values[:, negative]))
        low, high = values[which, cell], values[which, cell + 1]
    else:
        low, high = values[:, cell].min(), values[:, cell + 1].min()
    part = low / (low - high)
    guess_s = low_s + (high_s - low_s) * (part if abs(part) < math.inf else 0.5)
    slope = (high - low) / (high_s - low_s)
    if is_sure and count >= 6:
        first = min(max(cell - 2, 0), count - 6)
        found_s, found_slope = _interpolated(times, values[which], first, guess_s)
        if low_s < found_s < high_s:
            guess_s, slope = found_s, found_slope
    is_low_positive = low >= 0
    before_s = before = math.nan
    for turn in range(80):
        value = _value(pair, which, guess_s, out)
        if (value >= 0) == is_low_positive:
            low_s, low = guess_s, value
        else:
            high_s, high = guess_s, value
        if high_s - low_s <= _EDGE_S:
            part = low / (low - high)
            return low_s + (high_s - low_s) * (part if 0.0 <= part <= 1.0 else 0.5)
        if turn:
            slope = (value - before) / (guess_s - before_s)
        before_s, before = guess_s, value
        step_s = -value / slope if slope != 0.0 else math.nan
        if abs(step_s) < 0.5 * _EDGE_S:  # a look beyond the zero proves it
            step_s += 0.45 * _EDGE_S if guess_s == low_s else -0.45 * _EDGE_S
        if turn > 8 or not low_s < guess_s + step_s < high_s:
            guess_s = 0.5 * (low_s + high_s)
        else:
            guess_s += step_s
    return 0.5 * (low_s + high_s)


@_compiled
def _edges(
    pair: Pair,
    t_s: Floats,
    values: Floats,
    rough: Flags,
    edges: Floats,
) -> int:
    """`topology.zeros.zeros` of a pair: how many zeros, in order, go into edges; one too many where room ran out."""
    size, kinds = t_s.size, values.shape[0]
    closed, unclear = np.empty(size, dtype=np.bool_), np.empty(size, dtype=np.bool_)
    crossed, out = np.empty(size, dtype=np.bool_), np.empty(kinds)
    _told_by_bends(values, size, closed, unclear, crossed)
    # cells cut in eight, those that were cut again below them
    parts_s, parts = np.empty((_DEPTH, _PIECES + 1)), np.empty((_DEPTH, kinds, _PIECES + 1))
    shut = np.empty((_DEPTH, _PIECES), dtype=np.bool_)
    open_ = np.empty((_DEPTH, _PIECES), dtype=np.bool_)
    seen, place = np.empty(_PIECES, dtype=np.bool_), np.empty(_DEPTH, dtype=np.int64)
    found = 0
    for cell in range(size - 1):
        if rough[cell]:
            closed[cell], unclear[cell] = False, True
        if closed[cell]:
            continue
        if not unclear[cell]:
            if (values[:, cell].min() >= 0) != (values[:, cell + 1].min() >= 0):
                if found == edges.size:
                    return found + 1
                edges[found] = _root(pair, t_s, values, cell, size, True, out)
                found += 1
            continue
        depth = 0
        _cut(
            pair,
            t_s[cell],
            t_s[cell + 1],
            values[:, cell],
            values[:, cell + 1],
            parts_s[0],
            parts[0],
            out,
        )
        _told_by_bends(parts[0], _PIECES + 1, shut[0], open_[0], seen)
        place[0] = 0
        while depth >= 0:
            at = place[depth]
            if at == _PIECES:
                depth -= 1
                continue
            place[depth] += 1
            if shut[depth, at]:
                continue
            times, here = parts_s[depth], parts[depth]
            is_fine = times[at + 1] - times[at] <= _SHORTEST_S or depth == _DEPTH - 1
            if open_[depth, at] and not is_fine:
                depth += 1
                _cut(
                    pair,
                    times[at],
                    times[at + 1],
                    here[:, at],
                    here[:, at + 1],
                    parts_s[depth],
                    parts[depth],
                    out,
                )
                _told_by_bends(parts[depth], _PIECES + 1, shut[depth], open_[depth], seen)
                place[depth] = 0
            elif (here[:, at].min() >= 0) != (here[:, at + 1].min() >= 0):
                if found == edges.size:
                    return found + 1
                edges[found] = _root(
                    pair,
                    times,
                    here,
                    at,
                    _PIECES + 1,
                    not is_fine,
                    out,
                )
                found += 1
    return found


@_compiled
def _cut(
    pair: Pair,
    low_s: float,
    high_s: float,
    low: Floats,
    high: Floats,
    times: Floats,
    values: Floats,
    out: Floats,
) -> None:
    """A cell in eight: epochs and limits at both ends and between."""
    for piece in range(_PIECES + 1):
        times[piece] = low_s + piece * ((high_s - low_s) / _PIECES)
    times[_PIECES] = high_s
    values[:, 0] = low
    values[:, _PIECES] = high
    for piece in range(1, _PIECES):
        look = _look(pair.looks_s[0], pair.looks_s.size, times[piece])
        _limits(pair, look, -1, times[piece], out)
        values[:, piece] = out


@_compiled
def passage(
    a: Place, b: Place, bodies: Bodies, wanted: Flags, t_s: Floats
) -> tuple[Floats, bool, Floats]:
    """When A can transmit to B.

    Args:
        a: who transmits.
        b: who receives.
        bodies: what may stand in the way.
        wanted: which of them may, shape (B,): not the Sun that is only kept away from, nor the ends' own ground.
        t_s: the grid, its first and last epoch included.

    Returns:
        Epochs at which visibility changes, whether it is there at first, and light times at the grid.
    """
    count = t_s.size
    start_s = LOOK_S * math.floor(t_s[0] / LOOK_S)
    looks = math.ceil((t_s[count - 1] - start_s) / LOOK_S) + 1
    looks_s = start_s + LOOK_S * np.arange(looks)
    rows, near = _concern(a, b, bodies, wanted, looks_s)
    pair = Pair(a, b, bodies, rows, near, looks_s)
    is_near = np.zeros(looks, dtype=np.bool_)
    for row in range(rows.shape[0]):
        for look in range(looks):
            is_near[look] |= near[row, look]
    values, owlt_s = np.empty((rows.shape[0], count)), np.empty(count)
    out = np.empty(rows.shape[0])
    told = np.zeros(count, dtype=np.bool_)
    for k in range(1, count - 1):
        look = _look(start_s, looks, t_s[k])
        told[k], owlt_s[k] = _glance(a, b, rows, is_near[look], t_s[k], out)
        values[:, k] = out
    for k in range(count):
        is_open = k == 0 or k == count - 1
        for other in range(max(k - 3, 1), min(k + 4, count - 1)):
            is_open |= not told[other]
        if is_open:
            look = _look(start_s, looks, t_s[k])
            owlt_s[k] = _limits(pair, look, -1, t_s[k], out)
            values[:, k] = out
    if not rows.shape[0]:
        return np.empty(0), True, owlt_s
    rough = np.zeros(count - 1, dtype=np.bool_)
    _mark_rough(a.rough, t_s, rough)
    _mark_rough(b.rough, t_s + owlt_s, rough)
    room = 2 * count
    while True:
        edges = np.empty(room)
        found = _edges(pair, t_s, values, rough, edges)
        if found <= room:
            return edges[:found], values[:, 0].min() >= 0, owlt_s
        room *= 8


@_compiled
def light_times(
    a: Place, b: Place, starts_s: Floats, ends_s: Floats, first_step_s: float, aim_s: float
) -> tuple[Floats, Ints]:
    """`topology.planner.contacts._light_times`: evenly spaced light times of each piece, the fewest that suffice.

    Args:
        a: who transmits.
        b: who receives.
        starts_s: when each piece begins.
        ends_s: when it ends.
        first_step_s: about the step to begin with.
        aim_s: what straight lines between samples may be off by.

    Returns:
        All samples, piece after piece, and how many each has.
    """
    counts = np.empty(starts_s.size, dtype=np.int64)
    room = np.empty(1024)
    used = 0
    for piece in range(starts_s.size):
        begin_s, length_s = starts_s[piece], ends_s[piece] - starts_s[piece]
        cells = max(1, int(np.rint(length_s / first_step_s)))
        while True:
            quarters = 4 * cells
            while used + quarters + 1 > room.size:
                room = np.concatenate((room, np.empty(room.size)))
            light = room[used : used + quarters + 1]
            step_s = length_s / quarters
            for k in range(quarters + 1):
                t_s = ends_s[piece] if k == quarters else k * step_s + begin_s
                light[k] = _sight(a.motion, b.motion, b.first_s, b.last_s, t_s)[0]
            error_s = 0.0
            for cell in range(cells):
                low, rise = light[4 * cell], light[4 * cell + 4] - light[4 * cell]
                for k in range(1, 4):
                    error_s = max(error_s, abs(light[4 * cell + k] - low - rise * (k / 4)))
            if error_s <= aim_s:
                break
            cells = max(cells + 1, math.ceil(cells * math.sqrt(error_s / aim_s)))
        for cell in range(cells + 1):
            room[used + cell] = light[4 * cell]
        counts[piece] = cells + 1
        used += cells + 1
    return room[:used], counts
