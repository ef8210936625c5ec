"""History: the events of a run, grouped once by bundle, by link and by node for all reports.

A *life* is every event of one sourced bundle, its copies and its fragments included, in the order
of the log, which is the order of causes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast, get_args

from dtn.events import (
    BlockSent,
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleFragmented,
    BundleHeld,
    BundleInFlight,
    BundleLost,
    BundleReassembled,
    BundleReceived,
    BundleSourced,
    ContactEnded,
    ContactStarted,
    Event,
    FrameLate,
    FrameLost,
    JobSent,
    MemoryUpset,
    NodeDown,
    NodeUp,
    PlanUpdated,
    RouteComputed,
    RouteForfeited,
    SecurityOperationFailed,
    SessionCompleted,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)

BundleEvent = (
    BundleSourced
    | BundleReceived
    | BundleDuplicate
    | RouteComputed
    | RouteForfeited
    | TransferStarted
    | TransferFinished
    | TransferFailed
    | BundleDelivered
    | BundleDeleted
    | BundleLost
    | BundleFragmented
    | BundleReassembled
    | BundleHeld
    | BundleInFlight
    | SecurityOperationFailed
    | FrameLost
    | MemoryUpset
    | JobSent
)
"""An event that names a bundle."""

END_OF_RUN = "end of run"
"""Why a contact that outlasted the run ended, in the log's reckoning."""

Link = tuple[str, str]
"""Transmitting and receiving node."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One time for which a link really was up: contact `number` of the plan, or a part of it."""

    number: int
    start_s: float
    end_s: float
    reason: str


@dataclass(slots=True)
class Spans:
    """Stretches of time, merged where they touch: how much of another stretch do they fill?"""

    starts_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    _filled_s: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, stretches: Iterable[tuple[float, float]]) -> Spans:
        """Sort and merge."""
        spans = cls()
        filled = 0.0
        for start, end in sorted(stretches):
            if spans.ends_s and start <= spans.ends_s[-1]:
                gain = max(end - spans.ends_s[-1], 0.0)
                spans.ends_s[-1] = max(end, spans.ends_s[-1])
            else:
                spans._filled_s.append(filled)
                spans.starts_s.append(start)
                spans.ends_s.append(end)
                gain = end - start
            filled += gain
        return spans

    def between(self, first_s: float, last_s: float) -> list[tuple[float, float]]:
        """The parts inside [first_s, last_s]."""
        place = max(bisect_right(self.starts_s, first_s) - 1, 0)
        parts = []
        for start, end in zip(self.starts_s[place:], self.ends_s[place:], strict=True):
            if start >= last_s:
                break
            if end > first_s:
                parts.append((max(start, first_s), min(end, last_s)))
        return parts

    def filled_s(self, first_s: float, last_s: float) -> float:
        """How many seconds of [first_s, last_s] they fill."""
        return self._by(last_s) - self._by(first_s) if last_s > first_s else 0.0

    def _by(self, t_s: float) -> float:
        place = bisect_right(self.starts_s, t_s) - 1
        if place < 0:
            return 0.0
        return self._filled_s[place] + min(t_s, self.ends_s[place]) - self.starts_s[place]


@dataclass(slots=True)
class History:
    """What a run's events say, grouped.

    Args:
        sourced: every sourced bundle by identity, in order.
        lives: all events of each bundle, its copies and fragments included.
        openings: when each link really was up.
        blocks_sent_s: by link, and there by bundle, when the LTP blocks were out that had it; only links over LTP.
        blocks_completed: by link, the LTP blocks that were acknowledged.
        plan_updates: when nodes heard of other versions of the contact plan.
        joined_s: when each node joined the network.
        down: when each node was out of the network, after it had first joined.
        transmissions: transfers started, of all bundles, copies and fragments.
        hops: receptions at a node that the piece had not visited before.
        late_frames: how many frames came too late to be held until their arrival time.
        worst_late_s: the most by which one did, emulated seconds.
        events: their number.
        end_s: the time of the last one.
    """

    sourced: dict[str, BundleSourced] = field(default_factory=dict)
    lives: dict[str, list[BundleEvent]] = field(default_factory=dict)
    openings: dict[Link, list[Opening]] = field(default_factory=dict)
    blocks_sent_s: dict[Link, dict[str, list[float]]] = field(default_factory=dict)
    blocks_completed: dict[Link, list[SessionCompleted]] = field(default_factory=dict)
    plan_updates: list[PlanUpdated] = field(default_factory=list)
    joined_s: dict[str, float] = field(default_factory=dict)
    down: dict[str, Spans] = field(default_factory=dict)
    transmissions: int = 0
    hops: int = 0
    late_frames: int = 0
    worst_late_s: float = 0.0
    events: int = 0
    end_s: float = 0.0

    def up(self, link: Link) -> Spans:
        """When the link was up, merged."""
        return Spans.of((o.start_s, o.end_s) for o in self.openings.get(link, ()))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node that an event names, sorted."""
        named = {event.node for life in self.lives.values() for event in life}
        return tuple(sorted(named | {node for link in self.openings for node in link}))


_NAMES_A_BUNDLE = frozenset(get_args(BundleEvent))


def history_of(events: Iterable[Event]) -> History:
    """Group the events of a run."""
    history = History()
    originals: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    links = _Links()
    lives = history.lives
    count = transmissions = hops = 0
    for (
        event
    ) in events:  # a million of them are nothing unusual: few calls, the frequent kinds first
        count += 1
        kind = type(event)
        if kind not in _NAMES_A_BUNDLE:
            _note(history, links, event)
            continue
        about = cast("BundleEvent", event)
        piece = about.bundle
        original = originals.get(piece, piece) if originals else piece
        life = lives.get(original)
        if life is None:
            lives[original] = life = []
        life.append(about)
        if kind is TransferStarted:
            transmissions += 1
        elif kind is BundleReceived:
            visit = (piece, about.node)
            if visit not in seen:
                seen.add(visit)
                hops += 1
        elif kind is BundleSourced:
            history.sourced[piece] = cast("BundleSourced", about)
            seen.add((piece, about.node))
        elif kind is BundleFragmented:
            fragments = cast("BundleFragmented", about).fragments
            originals.update(dict.fromkeys(fragments, original))
    if count:
        history.end_s = event.t_s
    history.events, history.transmissions, history.hops = count, transmissions, hops
    history.openings = links.openings(history.end_s)
    history.down = links.down(history.end_s)
    return history


def _note(history: History, links: _Links, event: Event) -> None:
    """Put an event that names no bundle where it belongs."""
    links.add(event)
    if isinstance(event, FrameLate):
        history.late_frames += 1
        history.worst_late_s = max(history.worst_late_s, event.late_s)
    elif isinstance(event, BlockSent):
        of_link = history.blocks_sent_s.setdefault((event.node, event.neighbour), {})
        for bundle in event.bundles:
            of_link.setdefault(bundle, []).append(event.t_s)
    elif isinstance(event, NodeUp):
        history.joined_s.setdefault(event.node, event.t_s)
    elif isinstance(event, PlanUpdated):
        history.plan_updates.append(event)
    elif isinstance(event, SessionCompleted):
        link = (event.node, event.neighbour)
        history.blocks_completed.setdefault(link, []).append(event)


class _Links:
    """Contact and node events, paired up: each start with the end that follows it."""

    def __init__(self) -> None:
        self._open: dict[tuple[Link, int], float] = {}
        self._openings: dict[Link, list[Opening]] = {}
        self._away: dict[str, float] = {}
        self._down: dict[str, list[tuple[float, float]]] = {}

    def add(self, event: Event) -> None:
        if isinstance(event, ContactStarted):
            self._open[(event.node, event.neighbour), event.contact] = event.t_s
        elif isinstance(event, ContactEnded):
            self._close((event.node, event.neighbour), event.contact, event.t_s, event.reason)
        elif isinstance(event, NodeDown):
            self._away.setdefault(event.node, event.t_s)
        elif isinstance(event, NodeUp) and event.node in self._away:
            since = self._away.pop(event.node)
            self._down.setdefault(event.node, []).append((since, event.t_s))

    def _close(self, link: Link, number: int, t_s: float, reason: str) -> None:
        start = self._open.pop((link, number), None)
        if start is not None and t_s > start:
            self._openings.setdefault(link, []).append(Opening(number, start, t_s, reason))

    def openings(self, end_s: float) -> dict[Link, list[Opening]]:
        for link, number in list(self._open):
            self._close(link, number, max(end_s, self._open[link, number]), END_OF_RUN)
        return self._openings

    def down(self, end_s: float) -> dict[str, Spans]:
        for node, since in self._away.items():
            self._down.setdefault(node, []).append((since, max(end_s, since)))
        return {node: Spans.of(stretches) for node, stretches in self._down.items()}
