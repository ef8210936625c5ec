"""Contacts from sessions: both directions, each with its own rate and light time.

Light time is given as evenly spaced samples, the fewest with which straight lines between them are right
to 1 us: a line is off by an eighth of the second derivative times the step squared, so a first look
between the samples says how many are needed, and a second one checks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dtn.contact_plan import Contact
from dtn.contact_plan.contact import Samples
from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.geometry import arriving, departing, dot, light_time, sightline
from topology.laser import Air, frame_loss, rate_bps
from topology.network import PlannedNode
from topology.paths import FloatArray, Path
from topology.planner.links import Link, window_at
from topology.planner.sessions import GUARD_S, Session
from topology.scan import is_worth, light_times, side_by_side
from topology.terminal import Terminal
from topology.visibility import End, elevation_rad

OWLT_TOLERANCE_S = 1e-6
RATE_TOLERANCE = 0.01
SHORTEST_CONTACT_S = 10.0

_AIM_S = 0.8 * OWLT_TOLERANCE_S
_FIRST_STEP_S = 1200.0
_AIR_STEP_S = 60.0
SLOWEST_BPS = 1.0
LEAST_LOSS = 1e-9
"""Rarer losses are none: one in thirty years of light."""
WORST_LOSS = 0.999


class _Piece(NamedTuple):
    """A contact before it has samples."""

    start_s: float
    end_s: float
    sender: Terminal
    receiver: Terminal

    @property
    def terminals(self) -> tuple[int, int]:
        """Which two they are: to hash what they are made of takes longer."""
        return id(self.sender), id(self.receiver)


def contacts(
    nodes: Sequence[PlannedNode], sessions: Iterable[Session], sun: Path | None = None
) -> Iterator[Contact]:
    """The contacts of all sessions, sampled one way of one link at a time.

    Args:
        nodes: the network.
        sessions: who points at whom.
        sun: for terminals whose background is another by day.
    """
    pieces: dict[tuple[int, int], list[_Piece]] = {}
    known: dict[int, Link] = {}
    for session in sessions:
        known[id(session.link)] = session.link
        for way in (0, 1):
            sender, receiver = _terminals(nodes, session, way)
            for start_s, end_s in _open(session, way):
                piece = _Piece(start_s, end_s, sender, receiver)
                pieces.setdefault((id(session.link), way), []).append(piece)
    compiled = is_worth(len(pieces))

    def of_way(one: tuple[tuple[int, int], list[_Piece]]) -> list[Contact]:
        (key, way), those = one
        link = known[key]
        a, b = link.nodes if way == 0 else link.nodes[::-1]
        ends = link.ends if way == 0 else link.ends[::-1]
        light_s = _light_times(ends, those, compiled=compiled)
        steady = _steady(those, light_s, ends)
        found = []
        for piece, owlt_s in zip(those, light_s, strict=True):
            fades = piece.terminals not in steady and _may_fade(piece, owlt_s, ends)
            rates, losses = _rates_and_losses(piece, owlt_s, ends, sun, fades=fades)
            contact = Contact(
                source=nodes[a].name,
                destination=nodes[b].name,
                start_s=piece.start_s,
                end_s=piece.end_s,
                rate_bps=rates,
                owlt_s=_plain(owlt_s),
                frame_loss=losses,
            )
            found.append(contact)
        return found

    for of_one in side_by_side(of_way, pieces.items(), compiled=compiled):
        yield from of_one


def _open(session: Session, way: int) -> Iterator[tuple[float, float]]:
    """When data can be transmitted one way in a session, transmitter's time."""
    link, pairing = session.link, session.pairing
    passed = link.ways[way]
    if way == pairing.leader:
        first_s, last_s = session.start_s + pairing.acquisition_s, session.end_s
    else:
        lit_s = session.start_s + link.ways[pairing.leader].owlt_at(session.start_s)
        first_s, last_s = lit_s + pairing.acquisition_s, session.end_s
        for _ in range(4):
            last_s = session.end_s - GUARD_S - passed.owlt_at(last_s)
    opened = link.windows(way, pairing.longest_owlt_s)
    t_s = first_s
    while (window := window_at(opened, t_s)) is not None and window[0] < last_s:
        start_s, end_s = max(t_s, window[0]), min(last_s, window[1])
        if end_s - start_s >= SHORTEST_CONTACT_S:
            yield start_s, end_s
        t_s = window[1]


def _terminals(
    nodes: Sequence[PlannedNode], session: Session, way: int
) -> tuple[Terminal, Terminal]:
    """Sender's and receiver's terminal of one way."""
    pair = [
        nodes[node].terminals[place]
        for node, place in zip(session.link.nodes, session.pairing.places, strict=True)
    ]
    return pair[way], pair[1 - way]


def _light_times(
    ends: tuple[End, End], pieces: Sequence[_Piece], *, compiled: bool
) -> list[FloatArray]:
    """Evenly spaced light times of each piece, ends included, the fewest that suffice."""
    if compiled:
        spans_s = [(piece.start_s, piece.end_s) for piece in pieces]
        known = light_times(ends, spans_s, _FIRST_STEP_S, _AIM_S)
        if known is not None:
            return known
    cells = [max(1, round((piece.end_s - piece.start_s) / _FIRST_STEP_S)) for piece in pieces]
    found: list[FloatArray | None] = [None] * len(pieces)
    waiting = list(range(len(pieces)))
    while waiting:
        # each piece at its samples and at the quarters between them
        times = [np.linspace(pieces[p].start_s, pieces[p].end_s, 4 * cells[p] + 1) for p in waiting]
        owlt_s = light_time(ends[0].path, ends[1].path, np.concatenate(times))
        parts = np.split(owlt_s, np.cumsum([part.size for part in times])[:-1])
        left = []
        for p, part in zip(waiting, parts, strict=True):
            samples = part[::4]
            rise = np.diff(samples)
            error_s = max(
                float(np.abs(part[k::4] - samples[:-1] - rise * (k / 4)).max()) for k in (1, 2, 3)
            )
            if error_s <= _AIM_S:
                found[p] = samples
                continue
            cells[p] = max(cells[p] + 1, math.ceil(cells[p] * math.sqrt(error_s / _AIM_S)))
            left.append(p)
        waiting = left
    return [one for one in found if one is not None]


def _plain(samples: FloatArray) -> float | tuple[float, ...]:
    """A number where it is as good as the samples."""
    middle = (float(samples.max()) + float(samples.min())) / 2
    if float(samples.max()) - middle <= _AIM_S / 4:
        return middle
    return tuple(samples.tolist())


def _rates_and_losses(
    piece: _Piece, owlt_s: FloatArray, ends: tuple[End, End], sun: Path | None, *, fades: bool
) -> tuple[Samples, Samples]:
    """Rates and frame losses of a piece: numbers, or the fewest samples whose straight lines are right to 1 %."""
    sender, receiver = piece.sender, piece.receiver
    minds_air = sender.minds_air or receiver.minds_air or fades
    count = owlt_s.size
    if minds_air:  # elevation changes faster than light time bends
        count = max(count, 1 + math.ceil((piece.end_s - piece.start_s) / _AIR_STEP_S))
    place = _evenly(count)
    light_s = owlt_s if count == owlt_s.size else np.interp(place, _evenly(owlt_s.size), owlt_s)
    range_km = light_s * SPEED_OF_LIGHT_KM_S
    air = None
    if minds_air:
        at_s = piece.start_s + place * (piece.end_s - piece.start_s)
        air = air_around(ends, at_s, sun)
    exact = rate_bps(sender, receiver, range_km, air)
    if not exact.min() > 0:  # a table's step: the contact is there, at the slowest it can be
        exact = np.maximum(exact, SLOWEST_BPS)
    rates = _fewest(place, exact, RATE_TOLERANCE * exact)
    if not fades:
        return rates, 0.0
    lost = np.minimum(frame_loss(sender, receiver, range_km, air), WORST_LOSS)
    if lost.max() < LEAST_LOSS:
        return rates, 0.0
    return rates, _fewest(place, lost, np.full(count, RATE_TOLERANCE * float(lost.max())))


def _may_fade(piece: _Piece, owlt_s: FloatArray, ends: tuple[End, End]) -> bool:
    """Whether anything is lost at all, even if looked for through the thickest air: at its caps a link has margin."""
    low_deg = np.zeros(2)
    ground = [low_deg if end.path.body == "earth" else None for end in ends]
    air = Air(ground[0], ground[1], np.ones(2, dtype=bool))
    range_km = np.array([owlt_s.min(), owlt_s.max()]) * SPEED_OF_LIGHT_KM_S
    worst = frame_loss(piece.sender, piece.receiver, range_km, air)
    return bool(worst.max() >= LEAST_LOSS)


def _steady(
    pieces: Sequence[_Piece], light_s: Sequence[FloatArray], ends: tuple[End, End]
) -> set[tuple[int, int]]:
    """Terminals that lose nothing at the least and the greatest range of all their pieces: one look for all."""
    reach: dict[tuple[int, int], tuple[_Piece, float, float]] = {}
    for piece, owlt_s in zip(pieces, light_s, strict=True):
        pair = piece.terminals
        low_s, high_s = float(owlt_s.min()), float(owlt_s.max())
        known = reach.get(pair)
        if known is not None:
            low_s, high_s = min(low_s, known[1]), max(high_s, known[2])
        reach[pair] = piece, low_s, high_s
    return {
        pair
        for pair, (piece, low_s, high_s) in reach.items()
        if not _may_fade(piece, np.array([low_s, high_s]), ends)
    }


def _fewest(place: FloatArray, exact: FloatArray, tolerance: FloatArray) -> Samples:
    """A number, or the fewest evenly spaced samples whose straight lines are within the tolerance.

    Args:
        place: where the exact values are, evenly from 0 to 1, shape (N,).
        exact: the values, shape (N,).
        tolerance: shape (N,).
    """
    low, high = float(exact.min()), float(exact.max())
    if high - low <= float(tolerance.min()):
        return (high + low) / 2 if high > low else low
    cells = 1
    while cells < place.size - 1:
        at = _evenly(cells + 1)
        samples = np.interp(at, place, exact)
        if (np.abs(np.interp(place, at, samples) - exact) <= tolerance).all():
            return tuple(samples.tolist())
        cells += 1 if cells < 4 else cells // 2
    return tuple(exact.tolist())


@lru_cache(maxsize=256)
def _evenly(count: int) -> FloatArray:
    """So many places from 0 to 1, not to be written to."""
    return np.linspace(0.0, 1.0, count)


def air_around(ends: tuple[End, End], at_s: FloatArray, sun: Path | None) -> Air:
    """The air and the daylight around the ends of photons that leave the first at at_s."""
    line = sightline(ends[0].path, ends[1].path, at_s)
    arrives_s = at_s + line.owlt_s
    is_day = None
    up = ends[1].path.up(arrives_s)
    if sun is not None and up is not None:
        to_sun = sun.state(arrives_s).position_km - line.destination.position_km
        is_day = dot(up, to_sun) > 0
    return Air(
        _elevation_deg(ends[0].path, at_s, departing(line)),
        _elevation_deg(ends[1].path, arrives_s, arriving(line)),
        is_day,
    )


def _elevation_deg(path: Path, at_s: FloatArray, direction: FloatArray) -> FloatArray | None:
    if path.body != "earth":
        return None
    elevation = elevation_rad(path, at_s, direction)
    return None if elevation is None else np.degrees(elevation)
