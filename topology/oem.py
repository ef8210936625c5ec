"""Orbit ephemeris messages: trajectories of other tools, read and written in CCSDS's keyword-value notation.

Source: CCSDS 502.0-B-3, section 5 (Orbit Ephemeris Message, KVN). Read: several segments, velocities, comments;
accelerations and covariances are passed over. Times in UTC, TAI, TT or TDB; axes ICRF, EME2000 or GCRF, taken as one
(they differ by 0.02"); centres that `topology.bodies` knows, and the solar-system barycentre.

Between the lines: Hermite polynomials through position and velocity of the four states around (degree 7), whatever the
file recommends: a twelfth of a revolution between lines is good to a metre. Segments are not interpolated across.

Refused, with the line: what is no OEM, other axes or clocks, lines that do not rise, gaps between segments and holes in
them, a span that does not cover the scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dtn.errors import InvalidValue
from topology.bodies import BODIES
from topology.constants import DAY_S
from topology.ephemeris import Sky
from topology.paths import FloatArray, Path, State

FRAMES = ("ICRF", "EME2000", "GCRF", "J2000")
BARYCENTRES = ("SOLAR SYSTEM BARYCENTER", "SSB")
_CENTRES = {"EARTH": "earth", "MOON": "moon", "MARS BARYCENTER": "mars"}
HOLE = 8.0
"""A step so many times longer than those beside it is a hole."""
_STATES = 4
_SAME_MOMENT_S = 1e-3


class Ephemeris(NamedTuple):
    """One segment of an OEM.

    Attributes:
        centre: a body's name, or None for the solar-system barycentre.
        t_s: TDB seconds from the sky's start, shape (N,), rising.
        states: position and velocity about the centre, shape (6, N).
    """

    centre: str | None
    t_s: FloatArray
    states: FloatArray


class OemPath:
    """The path that an OEM describes.

    Args:
        sky: the ephemerides.
        segments: in order of time, each beginning where the one before ends.
    """

    def __init__(self, sky: Sky, segments: Sequence[Ephemeris]) -> None:
        self._sky = sky
        self._segments = tuple(segments)
        self._starts = np.array([segment.t_s[0] for segment in segments])

    @property
    def span_s(self) -> tuple[float, float]:
        """From the first line to the last."""
        return float(self._segments[0].t_s[0]), float(self._segments[-1].t_s[-1])

    @property
    def body(self) -> str | None:
        """None: a spacecraft stands on no surface."""
        return None

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity about the solar-system barycentre."""
        t_s = np.atleast_1d(np.asarray(t_s, dtype=np.float64))
        found = np.empty((6, t_s.size))
        of = np.maximum(np.searchsorted(self._starts, t_s, side="right") - 1, 0)
        for place in np.unique(of):
            here = of == place
            segment = self._segments[place]
            found[:, here] = _between(segment.t_s, segment.states, t_s[here])
            if segment.centre is not None:
                centre = self._sky.body(segment.centre).state(t_s[here])
                found[:3, here] += centre.position_km
                found[3:, here] += centre.velocity_km_s
        return State(found[:3], found[3:])

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """None: a spacecraft has no horizon."""
        return None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """None: a spacecraft has no horizon."""
        return None


def oem_path(sky: Sky, text: str) -> OemPath:
    """Read an OEM's text.

    Raises:
        InvalidValue: it is none that can be used; the key names the line.
    """
    segments = list(_segments(sky, text))
    if not segments:
        raise InvalidValue(
            "oem", "", "holds no ephemeris: META_START ... META_STOP and lines of states"
        )
    segments.sort(key=lambda segment: segment.t_s[0])
    for before, after in pairwise(segments):
        _refuse_gap(sky, float(before.t_s[-1]), float(after.t_s[0]))
    path = OemPath(sky, segments)
    first_s, last_s = path.span_s
    if first_s > _SAME_MOMENT_S or last_s < sky.duration_s - _SAME_MOMENT_S:
        covered = f"{sky.utc(first_s):%Y-%m-%dT%H:%M:%SZ} to {sky.utc(last_s):%Y-%m-%dT%H:%M:%SZ}"
        mend = f"covers {covered}, not all of the scenario: make it longer, or the scenario shorter"
        raise InvalidValue("oem", "", mend)
    return path


def write_oem(sky: Sky, path: Path, body: str, name: str, t_s: FloatArray) -> str:
    """A path as an OEM about a body, in UTC.

    Args:
        sky: the ephemerides.
        path: the path.
        body: the centre it is written about.
        name: of the object.
        t_s: when to write a line, rising, four at least; rounded to a millisecond.

    Returns:
        Text that `oem_path` reads back to a millimetre and a nanometre a second.
    """
    # round dates: UTC seconds, and the states at exactly what is written
    dates = [sky.start_utc + timedelta(seconds=round(float(at_s), 3)) for at_s in t_s]
    t_s = np.array([sky.seconds(date) for date in dates])
    own, centre = path.state(t_s), sky.body(body).state(t_s)
    position = (own.position_km - centre.position_km).T
    velocity = (own.velocity_km_s - centre.velocity_km_s).T
    epochs = [f"{date:%Y-%m-%dT%H:%M:%S.%f}" for date in dates]
    head = [
        "CCSDS_OEM_VERS = 2.0",
        f"CREATION_DATE = {sky.start_utc:%Y-%m-%dT%H:%M:%S}",
        "ORIGINATOR = LIGHTLAG",
        "",
        "META_START",
        f"OBJECT_NAME = {name.upper()}",
        f"OBJECT_ID = {name.upper()}",
        f"CENTER_NAME = {body.upper()}",
        "REF_FRAME = ICRF",
        "TIME_SYSTEM = UTC",
        f"START_TIME = {epochs[0]}",
        f"STOP_TIME = {epochs[-1]}",
        "INTERPOLATION = HERMITE",
        "INTERPOLATION_DEGREE = 7",
        "META_STOP",
        "",
    ]
    rows = [
        epoch + "".join(f" {x:.6f}" for x in place) + "".join(f" {v:.12f}" for v in speed)
        for epoch, place, speed in zip(epochs, position, velocity, strict=True)
    ]
    return "\n".join([*head, *rows, ""])


def _segments(sky: Sky, text: str) -> Iterator[Ephemeris]:
    lines = text.splitlines()
    if not any(line.strip().startswith("CCSDS_OEM_VERS") for line in lines[:20]):
        mend = "is no OEM in keyword-value notation: its first line is CCSDS_OEM_VERS = 2.0"
        raise InvalidValue("line 1", lines[0][:40] if lines else "", mend)
    meta: dict[str, str] | None = None
    rows: list[tuple[int, list[str]]] = []
    passing = in_meta = False
    for number, line in enumerate(lines, start=1):
        words = line.split()
        match words:
            case [] | ["COMMENT", *_]:
                continue
            case ["META_START"]:
                if meta is not None:
                    yield _ephemeris(sky, meta, rows)
                meta, rows, in_meta = {}, [], True
            case ["META_STOP"]:
                in_meta = False
            case ["COVARIANCE_START"]:
                passing = True
            case ["COVARIANCE_STOP"]:
                passing = False
            case _ if passing or meta is None:
                continue
            case _ if in_meta:
                key, equals, value = line.partition("=")
                if not equals:
                    raise InvalidValue(f"line {number}", line.strip(), "write KEYWORD = value")
                meta[key.strip()] = value.strip().upper()
            case _:
                rows.append((number, words))
    if meta is not None:
        yield _ephemeris(sky, meta, rows)


def _ephemeris(sky: Sky, meta: dict[str, str], rows: list[tuple[int, list[str]]]) -> Ephemeris:
    frame = meta.get("REF_FRAME", "")
    if frame not in FRAMES:
        raise InvalidValue("REF_FRAME", frame, f"axes must be one of: {', '.join(FRAMES)}")
    centre = _centre(meta.get("CENTER_NAME", ""))
    if len(rows) < _STATES:
        mend = f"a segment needs {_STATES} lines at least"
        raise InvalidValue("META_START", meta.get("OBJECT_NAME", ""), mend)
    dates: list[datetime] = []
    states = np.empty((6, len(rows)))
    for place, (number, words) in enumerate(rows):
        try:
            dates.append(_date(words[0]))
            states[:, place] = [float(word) for word in words[1:7]]
        except ValueError:
            mend = "write an epoch, a position in km and a velocity in km/s"
            raise InvalidValue(f"line {number}", " ".join(words)[:60], mend) from None
        if place and dates[-1] <= dates[-2]:
            raise InvalidValue(f"line {number}", words[0], "epochs must rise")
    t_s = _seconds(sky, meta.get("TIME_SYSTEM", ""), dates)
    steps = np.diff(t_s)
    beside = np.maximum(np.append(steps[1:], 0.0), np.append(0.0, steps[:-1]))
    holes = np.flatnonzero(steps > HOLE * beside)
    if holes.size:
        _refuse_gap(sky, float(t_s[holes[0]]), float(t_s[holes[0] + 1]))
    return Ephemeris(centre, t_s, states)


def _centre(name: str) -> str | None:
    if name in BARYCENTRES:
        return None
    body = _CENTRES.get(name, name.lower())
    if body not in BODIES:
        known = ", ".join([*(known.upper() for known in BODIES), BARYCENTRES[0]])
        raise InvalidValue("CENTER_NAME", name, f"the centre must be one of: {known}")
    return body


def _seconds(sky: Sky, system: str, dates: Sequence[datetime]) -> FloatArray:
    """TDB seconds from the sky's start of dates of a time system."""
    timescale = sky.epochs.timescale
    scales = {"UTC": timescale.utc, "TAI": timescale.tai, "TT": timescale.tt, "TDB": timescale.tdb}
    if system not in scales:
        raise InvalidValue("TIME_SYSTEM", system, f"times must be in one of: {', '.join(scales)}")
    columns = np.array([(d.year, d.month, d.day, d.hour, d.minute) for d in dates]).T
    seconds = np.array([d.second + d.microsecond * 1e-6 for d in dates])
    times = scales[system](*columns, seconds)
    days = (times.whole - sky.epochs.whole_jd) + (times.tdb_fraction - sky.epochs.fraction_jd)
    return np.asarray(days * DAY_S, dtype=np.float64)


def _date(text: str) -> datetime:
    """A date of a year, month and day, or of a year and its day."""
    text = text.removesuffix("Z")
    day, _, clock = text.partition("T")
    if len(day) == 8:  # 2026-335
        day = f"{datetime.strptime(day, '%Y-%j'):%Y-%m-%d}"  # noqa: DTZ007  # of any clock
    whole, dot, fraction = clock.partition(".")
    date = datetime.fromisoformat(f"{day}T{whole}")
    return date + timedelta(seconds=float(f"0.{fraction}") if dot and fraction else 0.0)


def _refuse_gap(sky: Sky, end_s: float, start_s: float) -> None:
    if start_s - end_s > _SAME_MOMENT_S and start_s > 0 and end_s < sky.duration_s:
        between = f"{sky.utc(end_s):%Y-%m-%dT%H:%M:%SZ} and {sky.utc(start_s):%Y-%m-%dT%H:%M:%SZ}"
        raise InvalidValue("oem", "", f"has a gap between {between}: fill it")


def _between(nodes_s: FloatArray, states: FloatArray, t_s: FloatArray) -> FloatArray:
    """Positions and velocities, shape (6, N): Hermite polynomials by divided differences with double nodes."""
    first = np.clip(np.searchsorted(nodes_s, t_s) - _STATES // 2, 0, nodes_s.size - _STATES)
    places = first + np.arange(_STATES)[:, np.newaxis]
    scale_s = nodes_s[places[-1]] - nodes_s[places[0]]
    z = np.repeat((nodes_s[places] - nodes_s[places[0]]) / scale_s, 2, axis=0)  # (8, N)
    factors = np.repeat(states[:3, places].swapaxes(0, 1), 2, axis=0)  # (8, 3, N)
    slopes = states[3:, places].swapaxes(0, 1) * scale_s
    order_one = np.empty((2 * _STATES - 1, 3, t_s.size))
    order_one[0::2] = slopes
    rise = factors[2::2] - factors[1:-1:2]
    order_one[1::2] = rise / (z[2::2] - z[1:-1:2])[:, np.newaxis]
    factors[1:] = order_one
    for order in range(2, 2 * _STATES):
        change = factors[order:] - factors[order - 1 : -1]
        factors[order:] = change / (z[order:] - z[:-order])[:, np.newaxis]
    x = (t_s - nodes_s[places[0]]) / scale_s
    value, slope = factors[-1].copy(), np.zeros_like(factors[-1])
    for node, factor in zip(z[-2::-1], factors[-2::-1], strict=True):
        slope = value + slope * (x - node)
        value = factor + value * (x - node)
    return np.concatenate((value, slope / scale_s))
