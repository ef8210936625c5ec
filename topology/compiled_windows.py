"""The scan of `topology.windows`, for numba: one pair of tracks from its grid to the edges of its windows.

Imported only where it runs. Edges are the same to a microsecond as those found on arrays; property tests hold both
together.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from dtn.compiling import cache_of, forget_older
from topology.compiled_proximity import concern, glance
from topology.compiled_visibility import Bodies, Pair, Place, limits, sight
from topology.compiled_zeros import edges_of, look_at, mark_rough
from topology.compiling import Flags, Floats, Ints, compiled
from topology.proximity import LOOK_S


@compiled
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
    rows, near = concern(a, b, bodies, wanted, looks_s)
    pair = Pair(a, b, bodies, rows, near, looks_s)
    is_near = np.zeros(looks, dtype=np.bool_)
    for row in range(rows.shape[0]):
        for look in range(looks):
            is_near[look] |= near[row, look]
    values, owlt_s = np.empty((rows.shape[0], count)), np.empty(count)
    out = np.empty(rows.shape[0])
    told = np.zeros(count, dtype=np.bool_)
    for k in range(1, count - 1):
        look = look_at(start_s, looks, t_s[k])
        told[k], owlt_s[k] = glance(a, b, rows, is_near[look], t_s[k], out)
        values[:, k] = out
    for k in range(count):
        is_open = k == 0 or k == count - 1
        for other in range(max(k - 3, 1), min(k + 4, count - 1)):
            is_open |= not told[other]
        if is_open:
            look = look_at(start_s, looks, t_s[k])
            owlt_s[k] = limits(pair, look, -1, t_s[k], out)
            values[:, k] = out
    if not rows.shape[0]:
        return np.empty(0), True, owlt_s
    rough = np.zeros(count - 1, dtype=np.bool_)
    mark_rough(a.rough, t_s, rough)
    mark_rough(b.rough, t_s + owlt_s, rough)
    room = 2 * count
    while True:
        edges = np.empty(room)
        found = edges_of(pair, t_s, values, rough, edges)
        if found <= room:
            return edges[:found], values[:, 0].min() >= 0, owlt_s
        room *= 8


@compiled
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
                light[k] = sight(a.motion, b.motion, b.first_s, b.last_s, t_s)[0]
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


forget_older(cache_of(passage), Path(__file__).parent.glob("compiled_*.py"))
