"""Pairs of tracks handed to `topology.compiled_windows`: what it is told, and when it is worth it.

The scan knows tracks, constant masks and bodies on one grid, which is what scenarios have but for masks by azimuth;
for the rest `topology.windows` works on arrays.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from topology.paths import FloatArray
from topology.proximity import LOOK_S
from topology.track import Cubics, Track
from topology.visibility import End, HorizonMask, Surroundings

if TYPE_CHECKING:
    from topology.compiled_visibility import Bodies, Place

WORTH_COMPILING = 1000
"""Pairs and directions that are scanned on arrays, in 5 ms each, before numba is loaded, which takes 0.3 s, or 20 s
where it has never compiled the scan before."""

IS_AVAILABLE = importlib.util.find_spec("numba") is not None
"""Whether numba is there; it is imported only when there is something to scan."""

_IN_SPACE = Cubics(0.0, 1.0, np.empty((4, 3, 0)))


CORES = 2
"""Threads that scan: between two scans one has the interpreter, so that a third would wait."""

Window = tuple[float, float]
_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


class Scanned(NamedTuple):
    """What a scan found.

    Attributes:
        edges_s: when visibility changes, in order.
        is_open: whether it is there at first.
        owlt_s: light times at the grid.
    """

    edges_s: FloatArray
    is_open: bool
    owlt_s: FloatArray


def is_worth(passages: int) -> bool:
    """Whether so many pairs and directions are worth loading numba for."""
    return IS_AVAILABLE and passages >= WORTH_COMPILING


def side_by_side(
    work: Callable[[_Asked], _Answer], asked: Iterable[_Asked], *, compiled: bool
) -> Iterator[_Answer]:
    """The answers in the order of what is asked; what is compiled on two cores, for it needs no Python."""
    if not compiled:
        yield from map(work, asked)
        return
    with ThreadPoolExecutor(CORES) as pool:
        yield from pool.map(work, asked)


def scan(a: End, b: End, around: Surroundings, t_s: FloatArray) -> Scanned | None:
    """Edges of the windows from A to B on a grid of transmission times; None: not for the compiled scan."""
    has_sun = around.sun is not None
    places, bodies = [_place(end, has_sun=has_sun) for end in (a, b)], _bodies(around)
    if places[0] is None or places[1] is None or bodies is None:
        return None
    from topology.compiled_windows import passage

    own = a.path.body, b.path.body
    wanted = np.array([occluder.name not in own for occluder in around.occluders], dtype=bool)
    return Scanned(*passage(places[0], places[1], bodies, wanted, t_s))


def light_times(
    ends: tuple[End, End], spans_s: Sequence[Window], first_step_s: float, aim_s: float
) -> list[FloatArray] | None:
    """Evenly spaced light times of stretches of time, the fewest whose straight lines are right to aim_s; or None."""
    places = [_place(end, has_sun=False) for end in ends]
    if places[0] is None or places[1] is None:
        return None
    from topology.compiled_windows import light_times

    starts_s, ends_s = np.array(spans_s, dtype=np.float64).T.copy()
    samples, counts = light_times(places[0], places[1], starts_s, ends_s, first_step_s, aim_s)
    return np.split(samples, np.cumsum(counts)[:-1])


def _place(end: End, *, has_sun: bool) -> Place | None:
    path = end.path
    if not isinstance(path, Track) or isinstance(end.mask, HorizonMask):
        return None
    from topology.compiled_visibility import Place

    first_s, last_s = path.span_s
    return Place(
        path.motion,
        path.turning or _IN_SPACE,
        first_s,
        last_s,
        math.sin(math.radians(end.mask)),
        math.radians(end.sun_keep_out_deg) if has_sun else 0.0,
        path.bulge_km(LOOK_S),
        path.rough,
    )


def _bodies(around: Surroundings) -> Bodies | None:
    """The occluders and the Sun, stacked; None where they are not on one grid."""
    known = around.stacked
    if not known:
        known.append(_stacked(around))
    return known[0]


def _stacked(around: Surroundings) -> Bodies | None:
    spheres = [occluder.path for occluder in around.occluders]
    paths = [*spheres, around.sun or spheres[0]] if spheres or around.sun else []
    tracks = [path for path in paths if isinstance(path, Track)]
    if len(tracks) < len(paths) or not tracks:
        return None
    first = tracks[0].motion
    if any(
        (one.motion.start_s, one.motion.step_s, one.motion.table.shape)
        != (first.start_s, first.step_s, first.table.shape)
        for one in tracks
    ):
        return None
    from topology.compiled_visibility import Bodies

    return Bodies(
        first.start_s,
        first.step_s,
        np.array([one.motion.table for one in tracks]),
        np.array([*(occluder.radius_km for occluder in around.occluders), 0.0]),
        np.array([one.bulge_km(LOOK_S) for one in tracks]),
        max(one.span_s[0] for one in tracks),
        min(one.span_s[1] for one in tracks),
    )
