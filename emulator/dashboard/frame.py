"""The picture as JSON: what is told once about a run, and what is told ten times a second.

Numbers of the frames' lists stand in the order that their functions name; nodes appear by their
place in the list of names. A page keeps what is over (openings, the feed) and asks only for what
came after its cursor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from dtn.events import Event
from emulator.dashboard.fold import Flight, Fold
from emulator.dashboard.session import Injection, Json, Session
from emulator.dashboard.source import FLOW
from emulator.dashboard.words import Category, category_of, sentence
from nodes.spacecraft.options import Storm

QUANTILES = 40
MOST_FLIGHTS = 1500
MOST_HELD = 60
FEED_ROWS = 60
"""Events of each category in a page's first frame; of more, the latest."""
NEW_FEED_ROWS = 12
"""And in each after that: more in a tenth of a second is more than anybody can read."""


@dataclass(slots=True)
class Cursor:
    """How much one page knows already."""

    epoch: int = -1
    openings: int = 0
    events: int = 0


def run_facts(session: Session) -> Json:
    """What does not change: told once."""
    subject = session.subject
    places = {name: place for place, name in enumerate(subject.names)}
    contacts = [
        [
            places[c.source],
            places[c.destination],
            round(c.start_s, 3),
            round(c.end_s, 3),
            _rounded(max(c.rate_bps) if isinstance(c.rate_bps, tuple) else c.rate_bps),
        ]
        for c in subject.plan.contacts
    ]
    return {
        "name": subject.name,
        "strategy": subject.strategy,
        "seed": subject.seed,
        "start_utc": subject.start_utc,
        "duration_s": subject.duration_s,
        "nodes": list(subject.names),
        "store_bytes": [_finite(subject.store_bytes.get(n, math.inf)) for n in subject.names],
        "contacts": contacts,
        "categories": [str(category) for category in Category],
        "flow": FLOW,
        "stations": list(subject.stations()),
        "exposed": list(subject.exposed()),
        "memories": list(subject.memories),
        "strategies": list(subject.strategies),
    }


def frame(session: Session, cursor: Cursor) -> Json:
    """The picture now, and what is new to the page whose cursor this is."""
    now_s = session.look()
    source, fold = session.source, session.fold
    is_new = cursor.epoch != session.epoch
    if is_new:
        cursor.epoch, cursor.openings, cursor.events = session.epoch, 0, 0
    places = {name: place for place, name in enumerate(session.subject.names)}
    flights = fold.in_flight(now_s)
    picture: Json = {
        "epoch": session.epoch,
        "now_s": now_s,
        "rate": source.rate,
        "pace": _rounded(session.pace()),
        "paused": source.is_paused,
        "live": source.is_live,
        "strategy": session.strategy,
        "nodes": [_node(fold, name) for name in session.subject.names],
        "links": list(_links(session, now_s, places)),
        "flights": [_flight(flight, places) for flight in flights[-MOST_FLIGHTS:]],
        "in_flight": len(flights),
        "openings": [
            [opening.contact, opening.start_s, opening.end_s, opening.reason]
            for opening in fold.openings[cursor.openings :]
        ],
        "injections": [_injection(injection, places) for injection in session.injections],
        "storms": [_storm(storm, places) for storm in session.storms],
        "upsets": [[places[name], node.upsets] for name, node in fold.nodes.items() if node.upsets],
        "counts": {
            "sourced": sum(node.sourced for node in fold.nodes.values()),
            "delivered": len(fold.deliveries),
            "deleted": fold.deleted,
            "lost_frames": fold.lost_frames,
            "events": fold.count,
        },
        "latency_s": _quantiles(fold.latencies_s),
        "ideal_s": _ideals(session),
        "feed": [_row(place, event) for place, event in _news(fold, cursor.events, is_new)],
    }
    cursor.openings, cursor.events = len(fold.openings), fold.count
    return picture


def node_facts(session: Session, name: str) -> Json | None:
    """One node: its queues and what it holds."""
    session.look()
    node = session.fold.nodes.get(name)
    if node is None:
        return None
    queues = [
        [neighbour, len(queue), sum(queue.values())]
        for neighbour, queue in sorted(node.queues.items())
        if queue
    ]
    held = list(node.held.items())
    return {
        "name": name,
        "up": node.is_up,
        "reason": node.reason,
        "held_bytes": node.held_bytes,
        "held": [[bundle, size] for bundle, size in held[:MOST_HELD]],
        "held_count": len(held),
        "queues": queues,
        "sourced": node.sourced,
        "delivered": node.delivered,
        "upsets": node.upsets,
    }


def bundle_facts(session: Session, bundle: str) -> Json:
    """One bundle: what it is, and its life so far.

    Raises:
        Refused: nothing is known of it.
    """
    session.look()
    said, whole = session.trace(bundle)
    sourced = session.fold.sourced.get(bundle)
    return {
        "bundle": bundle,
        "source": sourced.source if sourced else "",
        "destination": sourced.destination if sourced else "",
        "flow": sourced.flow if sourced else "",
        "size_bytes": sourced.size_bytes if sourced else 0,
        "lifetime_s": _finite(sourced.lifetime_s) if sourced else None,
        "priority": sourced.priority if sourced else 0,
        "whole": whole,
        "steps": [[step.t_s, step.since_s, step.node, step.piece, step.said] for step in said],
    }


def _node(fold: Fold, name: str) -> list[object]:
    """Up, pieces held, their bytes, pieces queued, their bytes, why down; its charge of 1, watts that come and go."""
    node, held = fold.nodes[name], len(fold.nodes[name].held)
    row: list[object] = [
        node.is_up, held, node.held_bytes, node.queued, node.queued_bytes, node.reason
    ]  # fmt: skip
    energy = node.energy
    if energy is not None:
        charge = energy.charge_j / max(energy.capacity_j, 1e-9)
        row += map(_rounded, (charge, energy.incoming_w, energy.drawn_w))
    return row


def _links(session: Session, now_s: float, places: dict[str, int]) -> Iterable[list[object]]:
    """From, to, contact, since, rate in bit/s, light time, bundles sent, the fault that cut it."""
    contacts, fold = session.subject.plan.contacts, session.fold
    for (a, b), state in fold.links.items():
        contact = contacts[state.contact]
        if state.cut and now_s > contact.end_s:
            continue
        yield [
            places[a],
            places[b],
            state.contact,
            state.since_s,
            _rounded(contact.rate_at(now_s)),
            contact.owlt_at(now_s),
            fold.sent.get((a, b), 0),
            state.cut,
        ]


def _flight(flight: Flight, places: dict[str, int]) -> list[object]:
    """Bundle, from, to, first and last bit's departure, first and last bit's arrival."""
    ends = places[flight.source], places[flight.destination]
    arrival = flight.first_arrives_s, flight.arrives_s
    return [flight.bundle, *ends, flight.first_s, flight.last_s, *arrival]


def _injection(injection: Injection, places: dict[str, int]) -> list[object]:
    """A node, the other end of a link or -1, from when, until when."""
    ends = places[injection.node], places.get(injection.other, -1)
    return [*ends, injection.from_s, _finite(injection.until_s)]


def _storm(storm: Storm, places: dict[str, int]) -> list[object]:
    """The nodes it hits, from when, until when, how many times as many particles."""
    hit = [places[name] for name in storm.nodes if name in places]
    return [hit, storm.at_s, _finite(storm.until_s), storm.factor]


def _news(fold: Fold, since: int, is_new: bool) -> list[tuple[int, Event]]:
    rows: list[tuple[int, Event]] = []
    most = FEED_ROWS if is_new else NEW_FEED_ROWS
    for kept in fold.feed.values():
        fresh: list[tuple[int, Event]] = []
        for row in reversed(kept):
            if row[0] < since or len(fresh) >= most:
                break
            fresh.append(row)
        rows += fresh
    rows.sort(key=lambda row: row[0])
    return rows


def _row(place: int, event: Event) -> list[object]:
    bundle = getattr(event, "bundle", "") or getattr(event, "subject", "")
    kind = type(event).__name__
    return [place, event.t_s, kind, category_of(event), event.node, bundle, sentence(event)]


def _ideals(session: Session) -> list[float]:
    """The ideal's distribution: beside a live run of those that are known, else of all, once they are."""
    if not session.source.is_live and not session.knows_all_ideals:
        return []
    return _quantiles([s for s in session.ideals_s if s < math.inf])


def _quantiles(ordered: list[float]) -> list[float]:
    """The distribution in QUANTILES + 1 points, least to most; fewer where there are fewer."""
    last = len(ordered) - 1
    if last <= QUANTILES:
        return list(ordered)
    return [ordered[round(last * part / QUANTILES)] for part in range(QUANTILES + 1)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
