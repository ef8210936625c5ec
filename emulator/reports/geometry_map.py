"""The map of the geometry over a run: where everything went, about the Earth and about the Sun.

Two plane views from the ecliptic's north, true to scale. A dot stands where each node and body was at
the end. Sites on a body are left out: at this scale they are the body.
"""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt

from emulator.geometry import ROOT, Geometry, Track
from emulator.reports.figures import PALETTE, Figure

NEAR_KM, NEAR_UNIT_KM = 5e5, 1e3
FAR_UNIT_KM = 1e6
MOST_POINTS = 1500
ON_A_SURFACE_KM = 7000.0
"""What stays nearer than this to its body's centre is drawn as the body."""
_BODY_COLOURS = {"sun": "#e6b422", "earth": "#3d7dd8", "moon": "#8c96a8", "mars": "#c8553d"}

FloatArray = npt.NDArray[np.float64]


def geometry_map(geometry: Geometry, end_s: float) -> Figure:
    """The figure, for a run that ended at `end_s`."""
    tracks = {track.name: track for track in (*geometry.bodies, *geometry.nodes)}
    bodies = {track.name for track in geometry.bodies}
    colours = dict(_BODY_COLOURS)
    leaves = [track.name for track in geometry.nodes if not _stays(track)]
    colours.update((name, PALETTE[place % len(PALETTE)]) for place, name in enumerate(leaves))
    data: list[Figure] = []
    for name in ("earth", "moon", *leaves):
        t_s = _moments(tracks[name], end_s)
        if len(t_s):
            km = _positions(tracks, name, t_s) - _positions(tracks, "earth", t_s)
            near = np.abs(km).max(axis=1) <= NEAR_KM
            if near.any():
                shown = np.where(near[:, None], km, np.nan)
                data.append(_path(name, shown, NEAR_UNIT_KM, colours[name], "", name in bodies))
    for name in (*(n for n in tracks if n in bodies and n != "moon"), *leaves):
        t_s = _moments(tracks[name], end_s)
        if len(t_s) and tracks[name].parent != "moon":
            km = _positions(tracks, name, t_s)
            colour = colours.get(name, "#8f8a85")
            data.append(_path(name, km, FAR_UNIT_KM, colour, "2", name in bodies))
    near_range = [-NEAR_KM / NEAR_UNIT_KM, NEAR_KM / NEAR_UNIT_KM]
    return {
        "data": data,
        "layout": {
            "height": 520,
            "margin": {"l": 60, "r": 20, "t": 10, "b": 50},
            "hovermode": "closest",
            "showlegend": False,
            "xaxis": {
                "domain": [0, 0.46],
                "range": near_range,
                "title": {"text": "about the Earth, thousand km"},
            },
            "yaxis": {"scaleanchor": "x", "range": near_range},
            "xaxis2": {
                "domain": [0.54, 1],
                "anchor": "y2",
                "zeroline": False,
                "title": {"text": "about the Sun, million km"},
            },
            "yaxis2": {"scaleanchor": "x2", "anchor": "x2", "zeroline": False},
        },
    }


def _stays(track: Track) -> bool:
    """Whether it is on or at its body, as far as this map can tell."""
    km = np.array(track.km, dtype=np.float64).reshape(-1, 3)
    return bool(np.linalg.norm(km, axis=1).max() < ON_A_SURFACE_KM)


def _moments(track: Track, end_s: float) -> FloatArray:
    """When to look: at the track's own points, thinned, up to the run's end."""
    last = len(track.km) // 3 - 1
    end_s = min(end_s, track.start_s + last * track.step_s)
    if end_s <= track.start_s:
        return np.empty(0)
    points = int(np.clip((end_s - track.start_s) / track.step_s, 2, MOST_POINTS))
    return np.linspace(track.start_s, end_s, points)


def _positions(tracks: dict[str, Track], name: str, t_s: FloatArray) -> FloatArray:
    """Kilometres about the Sun, shape (N, 3), straight between the track's points."""
    track = tracks[name]
    km = np.array(track.km, dtype=np.float64).reshape(-1, 3)
    grid_s = track.start_s + track.step_s * np.arange(len(km))
    here = np.stack([np.interp(t_s, grid_s, axis) for axis in km.T], axis=1)
    return here if name == ROOT else here + _positions(tracks, track.parent, t_s)


def _path(
    name: str, km: FloatArray, unit_km: float, colour: str, axes: str, is_body: bool
) -> Figure:
    shown = km / unit_km
    x: list[float | None] = [None if np.isnan(v) else float(f"{v:.5g}") for v in shown[:, 0]]
    y: list[float | None] = [None if np.isnan(v) else float(f"{v:.5g}") for v in shown[:, 1]]
    sizes = [0] * (len(x) - 1) + [11 if is_body else 6]
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "text": [""] * (len(x) - 1) + [escape(name) if is_body else ""],
        "textposition": "top center",
        "name": escape(name),
        "x": x,
        "y": y,
        "xaxis": f"x{axes}",
        "yaxis": f"y{axes}",
        "line": {"color": colour, "width": 1},
        "marker": {"color": colour, "size": sizes, "opacity": 1},
        "hovertemplate": f"{escape(name)}<extra></extra>",
    }
