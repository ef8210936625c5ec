"""What the sky allows, for other tools: an access report (CSV) and a scene for CesiumJS (CZML).

The access report has every window of every ordered pair of nodes with terminals, geometry and keep-out alone: what
mission designers compare with STK's or GMAT's. The CZML document has the nodes where they are, about the Earth's centre
in inertial axes, and a line for each contact of the plan while it is open.

Source: CZML Guide (AnalyticalGraphicsInc/czml-writer wiki); positions in metres, interpolated by Lagrange polynomials.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import permutations

import numpy as np

from dtn.contact_plan import ContactPlan
from emulator.sky.scenario_sky import ScenarioSky
from topology.track import track

ACCESS_COLUMNS = (
    "from",
    "to",
    "start_utc",
    "end_utc",
    "start_s",
    "end_s",
    "duration_s",
    "owlt_at_start_s",
    "owlt_at_end_s",
)
CZML_DEGREE = 5
CZML_STEP_S = 600.0
CLOCK_RATE = 3600

Packet = dict[str, object]


def access_csv(sky: ScenarioSky) -> str:
    """Every window of every ordered pair, a line each, in the transmitter's time."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(ACCESS_COLUMNS)
    names = [node.name for node in sky.planned_nodes()]
    for source, destination in permutations(names, 2):
        found = sky.windows(source, destination)
        edges = np.array([edge for window in found for edge in window])
        owlt_s = sky.owlt_s(source, destination, edges) if found else edges
        for place, (start_s, end_s) in enumerate(found):
            dates = (f"{sky.sky.utc(t_s):%Y-%m-%dT%H:%M:%S.%fZ}" for t_s in (start_s, end_s))
            numbers = (start_s, end_s, end_s - start_s, *owlt_s[2 * place : 2 * place + 2])
            writer.writerow((source, destination, *dates, *(f"{x:.6f}" for x in numbers)))
    return out.getvalue()


def czml(sky: ScenarioSky, plan: ContactPlan) -> str:
    """The network and its contacts as a CZML document."""
    scenario = sky.scenario
    interval = f"{_date(sky, 0.0)}/{_date(sky, scenario.duration_s)}"
    clock = {
        "interval": interval,
        "currentTime": _date(sky, 0.0),
        "multiplier": CLOCK_RATE,
    }
    document: list[Packet] = [
        {"id": "document", "version": "1.0", "name": scenario.name, "clock": clock}
    ]
    document += [_node(sky, node.name) for node in sky.planned_nodes()]
    known = {node.name for node in sky.planned_nodes()}
    document += _lines(sky, plan, known)
    return json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n"


def _node(sky: ScenarioSky, name: str) -> Packet:
    path, earth = sky.path(name), sky.path("earth")
    first_s, last_s = max(0.0, path.span_s[0]), min(sky.scenario.duration_s, path.span_s[1])
    step_s = min(CZML_STEP_S, 4 * track(path, *sky.sky.span_s).calm_step_s)
    t_s = np.linspace(first_s, last_s, max(2, int((last_s - first_s) / step_s) + 1))
    away_m = (path.state(t_s).position_km - earth.state(t_s).position_km) * 1e3
    samples = np.vstack((t_s, away_m)).T.ravel().tolist()
    return {
        "id": name,
        "name": name,
        "availability": f"{_date(sky, first_s)}/{_date(sky, last_s)}",
        "label": {"text": name, "pixelOffset": {"cartesian2": [12, 0]}},
        "point": {"pixelSize": 7},
        "position": {
            "epoch": _date(sky, 0.0),
            "referenceFrame": "INERTIAL",
            "interpolationAlgorithm": "LAGRANGE",
            "interpolationDegree": CZML_DEGREE,
            "cartesian": [round(x, 3) for x in samples],
        },
    }


def _lines(sky: ScenarioSky, plan: ContactPlan, known: set[str]) -> Iterator[Packet]:
    open_: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for contact in plan.contacts:
        pair = contact.source, contact.destination
        if known.issuperset(pair):
            open_.setdefault(pair, []).append((contact.start_s, contact.end_s))
    for (source, destination), times in open_.items():
        shown: list[Packet] = [
            {"interval": f"{_date(sky, a)}/{_date(sky, b)}", "boolean": True} for a, b in times
        ]
        hidden: Packet = {
            "interval": f"{_date(sky, 0.0)}/{_date(sky, sky.scenario.duration_s)}",
            "boolean": False,
        }
        yield {
            "id": f"{source}/{destination}",
            "polyline": {
                "show": [hidden, *shown],
                "positions": {"references": [f"{source}#position", f"{destination}#position"]},
                "arcType": "NONE",
                "width": 1,
            },
        }


def _date(sky: ScenarioSky, t_s: float) -> str:
    date = sky.scenario.start + timedelta(seconds=round(t_s, 3))
    return f"{date:%Y-%m-%dT%H:%M:%S}.{date.microsecond // 1000:03d}Z"


SKY_FORMATS: Mapping[str, str] = {
    "access": "windows of every pair, geometry alone (CSV)",
    "czml": "nodes and contacts for CesiumJS",
}
"""Formats of `lightlag plan` that need the sky and not only the contacts."""
