"""What could stand between two ends at all, and when, for numba: `topology.proximity`, look by look."""

from __future__ import annotations

import math

import numpy as np

from topology.compiled_visibility import (
    HORIZON_A,
    HORIZON_B,
    LIMB,
    SUN_A,
    SUN_B,
    Bodies,
    C,
    Place,
    clipped,
    position_at,
    state_at,
)
from topology.compiling import Flags, Floats, Ints, compiled, inlined
from topology.proximity import LOOK_S

_FEW_LOOKS = 24
_STRAYS_KM = 200.0 * _FEW_LOOKS * LOOK_S
_PART = 1e-3  # what moves while light is under way, and aberration: `topology.proximity`
_SPIN_RAD_S = 1e-4
_SHORT_FLIGHT_S = 30.0


@inlined
def _distance(table: Floats, k: int) -> float:
    return math.sqrt(table[0, k] ** 2 + table[1, k] ** 2 + table[2, k] ** 2)


@inlined
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


@inlined
def _turned(wander_km: float, range_km: float) -> float:
    sine = wander_km / range_km
    return math.asin(sine) if sine < 1.0 else math.pi


@inlined
def _look_at(bodies: Bodies, body: int, at_s: Floats, here: Floats, away: Floats) -> None:
    """Where a body is from here, into away, shape (3, looks)."""
    table = bodies.tables[body]
    for k in range(at_s.size):
        p = position_at(bodies.start_s, bodies.step_s, table, at_s[k])
        for i in range(3):
            away[i, k] = p[i] - here[i, k]


@inlined
def _nearest_km(bodies: Bodies, body: int, at_s: Floats, here: Floats) -> float:
    """About how near a body comes: from a look a day."""
    table = bodies.tables[body]
    nearest_km = math.inf
    for k in range(0, at_s.size, _FEW_LOOKS):
        p = position_at(bodies.start_s, bodies.step_s, table, at_s[k])
        x, y, z = p[0] - here[0, k], p[1] - here[1, k], p[2] - here[2, k]
        nearest_km = min(nearest_km, math.sqrt(x * x + y * y + z * z))
    return nearest_km


@inlined
def _mark_limb(spare_km: float, line: Floats, away: Floats, wander_km: Floats, near: Flags) -> bool:
    """About which looks a body could be in the way, into near; whether it ever could."""
    is_ever = False
    for k in range(near.size):
        x, y, z = line[0, k], line[1, k], line[2, k]
        square = max(x * x + y * y + z * z, 1e-6)
        along = clipped((away[0, k] * x + away[1, k] * y + away[2, k] * z) / square)
        x, y, z = away[0, k] - along * x, away[1, k] - along * y, away[2, k] - along * z
        missed_km = math.sqrt(x * x + y * y + z * z)
        near[k] = missed_km < spare_km + wander_km[k] + _moved(away, k)
        is_ever |= near[k]
    return is_ever


@inlined
def _mark_sun(
    keep_out_rad: float,
    spare_km: float,
    sign: float,
    line: Floats,
    away: Floats,
    wander_km: Floats,
    near: Flags,
) -> bool:
    """About which looks the Sun could be too near the partner, into near; whether it ever could."""
    is_ever = False
    for k in range(near.size):
        range_km, sun_km = max(_distance(line, k), 1e-3), _distance(away, k)
        cosine = away[0, k] * line[0, k] + away[1, k] * line[1, k] + away[2, k] * line[2, k]
        cosine *= sign / (sun_km * range_km)
        wander = _moved(away, k) + spare_km
        turned = _turned(wander_km[k], range_km) + _turned(wander, sun_km) + _PART
        near[k] = math.acos(min(max(cosine, -1.0), 1.0)) < keep_out_rad + turned
        is_ever |= near[k]
    return is_ever


@compiled
def concern(
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
    at_s, wander_km = np.empty(count), np.empty(count)
    farthest_km = 0.0
    for k in range(count):
        at_s[k] = min(max(looks_s[k], born_s), gone_s)
        p = position_at(a.motion.start_s, a.motion.step_s, a.motion.table, at_s[k])
        q = position_at(b.motion.start_s, b.motion.step_s, b.motion.table, at_s[k])
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
        radius_km = bodies.radii_km[body]
        nearest_km = _nearest_km(bodies, body, at_s, here)
        if nearest_km - _STRAYS_KM > farthest_km * (1.0 + _PART) + radius_km:
            continue
        _look_at(bodies, body, at_s, here, away)
        spare_km = radius_km + a.bulge_km + bodies.bulges_km[body]
        if _mark_limb(spare_km, line, away, wander_km, near[kept]):
            rows[kept] = LIMB, body
            kept += 1
    for kind, end, sign in ((SUN_A, a, 1.0), (SUN_B, b, -1.0)):
        if not end.keep_out_rad > 0:
            continue
        _look_at(bodies, sun, at_s, here, away)
        if sign < 0:
            away -= line
        spare_km = end.bulge_km + bodies.bulges_km[sun]
        if _mark_sun(end.keep_out_rad, spare_km, sign, line, away, wander_km, near[kept]):
            rows[kept] = kind, -1
            kept += 1
    return rows[:kept], near[:kept]


@inlined
def glance(
    a: Place, b: Place, rows: Ints, is_near: bool, t_s: float, out: Floats
) -> tuple[bool, float]:
    """`topology.proximity.glance` at one epoch: whether it tells, and about the light time; heights into out."""
    p = position_at(a.motion.start_s, a.motion.step_s, a.motion.table, t_s)
    q = state_at(
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
            up = position_at(a.turning.start_s, a.turning.step_s, a.turning.table, t_s)
            height_km = up[0] * x + up[1] * y + up[2] * z - a.mask * range_km
            spare_km = 2 * _PART * range_km
        else:
            up = position_at(b.turning.start_s, b.turning.step_s, b.turning.table, t_s)
            height_km = -(up[0] * x + up[1] * y + up[2] * z) - b.mask * range_km
            spare_km = (2 * _PART + _SPIN_RAD_S * owlt_s) * range_km
        out[row] = height_km
        is_below |= height_km < -spare_km
        is_above &= height_km > spare_km
    is_told = is_below or (is_above and not is_near and owlt_s < _SHORT_FLIGHT_S)
    return is_told, owlt_s
