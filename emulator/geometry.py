"""Geometry: where the nodes and bodies of a run are, over all of it, as plain numbers in one file.

A run's folder keeps it as geometry.json, so that a map of the run needs no ephemeris and nothing of
`topology`. It is for drawing: a track is a grid of positions about a parent body, even in time, with
Catmull-Rom cubics between, fine enough that they miss the path by no more than TOLERANCE_KM. Light
times come from the contact plan, never from here.

Axes are the ecliptic's of J2000 (x to the equinox), so that planets move in the drawing's plane; km;
seconds from the scenario's start. The root of all parents is the Sun.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dtn.errors import BadInput, Fault

if TYPE_CHECKING:
    from emulator.sky.scenario_sky import ScenarioSky
    from topology.paths import Path as SkyPath

FILE_NAME = "geometry.json"
ROOT = "sun"
TOLERANCE_KM = 20.0
"""A pixel of a map of the Earth and the Moon is some 1000 km."""
MOST_POINTS = 20_000
"""A track of years is no finer than this; its `error_km` says what that costs."""
OBLIQUITY_RAD = math.radians(84381.448 / 3600)
"""Of the ecliptic at J2000 (IAU 1976), from ICRF's axes."""
_DRAWN_BODIES = {"mercury": ROOT, "venus": ROOT, "earth": ROOT, "moon": "earth", "mars": ROOT}
_FIRST_INTERVALS = 8

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Where one node or body is.

    Args:
        name: of the node or body.
        parent: the body that the positions are about; "" for the root, which stands still.
        start_s: time of the first position; before it, a satellite is not launched yet.
        step_s: from one position to the next.
        error_km: the most by which the cubics were seen to miss the path.
        km: x, y, z of each position in turn, whole.
    """

    name: str
    parent: str
    start_s: float
    step_s: float
    error_km: float
    km: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """All that a map of a run shows.

    Args:
        radii_km: of each body that is drawn.
        bodies: their tracks.
        nodes: the tracks of the nodes that are somewhere; a gateway without a place has none.
    """

    radii_km: dict[str, float]
    bodies: tuple[Track, ...]
    nodes: tuple[Track, ...]

    def text(self) -> str:
        """As JSON."""
        tracks = {
            kind: [
                {field.name: getattr(track, field.name) for field in fields(Track)}
                for track in getattr(self, kind)
            ]
            for kind in ("bodies", "nodes")
        }
        document = {"format": 1, "radii_km": self.radii_km, **tracks}
        return json.dumps(document, separators=(",", ":")) + "\n"


def beside(setup: Path) -> Path:
    """Where the geometry of a constellation's setup file lies: nodes never read it, what draws them does."""
    return setup.with_suffix(".geometry.json")


def read_geometry(path: Path) -> Geometry | None:
    """Read what `Geometry.text` wrote; None if there is no such file.

    Raises:
        BadInput: a file that is no geometry.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Geometry(
            radii_km={str(name): float(radius) for name, radius in said["radii_km"].items()},
            bodies=tuple(map(_track, said["bodies"])),
            nodes=tuple(map(_track, said["nodes"])),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        mend = f"is no geometry ({fault}); delete it, or run the scenario again"
        raise BadInput(Fault(str(path), "", "", mend)) from None


def _track(said: dict[str, Any]) -> Track:
    return Track(
        name=str(said["name"]),
        parent=str(said["parent"]),
        start_s=float(said["start_s"]),
        step_s=float(said["step_s"]),
        error_km=float(said["error_km"]),
        km=tuple(map(int, said["km"])),
    )


def geometry_of(sky: ScenarioSky) -> Geometry:
    """Sample a scenario's sky over all of its duration."""
    from topology.bodies import BODIES

    end_s = sky.scenario.duration_s
    root = sky.path(ROOT)
    still = Track(name=ROOT, parent="", start_s=0.0, step_s=end_s, error_km=0.0, km=(0,) * 6)
    bodies = [still]
    for name, parent in _DRAWN_BODIES.items():
        about = root if parent == ROOT else sky.path(parent)
        bodies.append(_sampled(name, parent, sky.path(name), about, end_s))
    nodes = [
        _sampled(name, parent, sky.path(name), sky.path(parent), end_s)
        for name, parent in _parents(sky)
    ]
    radii = {track.name: BODIES[track.name].radius_km for track in bodies}
    return Geometry(radii_km=radii, bodies=tuple(bodies), nodes=tuple(nodes))


def _parents(sky: ScenarioSky) -> Iterator[tuple[str, str]]:
    """Each node that is somewhere, and the body that it stays with; launched satellites leave."""
    for node in sky.scenario.nodes:
        place = node.site or node.orbit
        if place is not None:
            yield node.name, place.body
    for launch in sky.scenario.launches():
        yield launch.name, "earth"


def _sampled(name: str, parent: str, path: SkyPath, about: SkyPath, end_s: float) -> Track:
    """Halve the step until the cubics are near enough."""
    start_s = max(path.span_s[0], 0.0)
    end_s = max(min(path.span_s[1], end_s), start_s + 1.0)

    def positions(t_s: FloatArray) -> FloatArray:
        return path.state(t_s).position_km - about.state(t_s).position_km

    intervals = _FIRST_INTERVALS
    here = positions(np.linspace(start_s, end_s, intervals + 1))
    while True:
        step_s = (end_s - start_s) / intervals
        middles = positions(start_s + step_s * (np.arange(intervals, dtype=np.float64) + 0.5))
        error_km = float(np.abs(_between(here) - middles).max())
        if error_km <= TOLERANCE_KM or 2 * intervals > MOST_POINTS:
            break
        finer = np.empty((3, 2 * intervals + 1))
        finer[:, 0::2], finer[:, 1::2] = here, middles
        here, intervals = finer, 2 * intervals
    km = np.rint(_ecliptic(here)).astype(np.int64)
    return Track(
        name=name,
        parent=parent,
        start_s=start_s,
        step_s=step_s,
        error_km=round(error_km, 3),
        km=tuple(km.T.ravel().tolist()),
    )


def _between(grid: FloatArray) -> FloatArray:
    """Catmull-Rom half-way between the grid's points; its ends are continued straight."""
    first = 2 * grid[:, :1] - grid[:, 1:2]
    last = 2 * grid[:, -1:] - grid[:, -2:-1]
    p = np.concatenate((first, grid, last), axis=1)
    halves: FloatArray = (9 * (p[:, 1:-2] + p[:, 2:-1]) - p[:, :-3] - p[:, 3:]) / 16
    return halves


def _ecliptic(icrf: FloatArray) -> FloatArray:
    x, y, z = icrf
    cos, sin = math.cos(OBLIQUITY_RAD), math.sin(OBLIQUITY_RAD)
    return np.stack((x, cos * y + sin * z, cos * z - sin * y))
