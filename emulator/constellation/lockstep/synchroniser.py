"""Synchroniser: how far each node of a run may go; and Lookahead, the search behind it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput, Fault
from emulator.constellation.control import Document
from nodes.links import SEEN_BEFORE_S

MARGIN_S = 1e-6
"""Taken off every light time, for the last digits of sums."""

LEAST_OWLT_S = 1e-5
"""Below this a link gives no lookahead worth its messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Document):
    """What a node says when it has run as far as it may.

    Args:
        next_s: when its next deed is due; inf: it waits for others.
        sent: to each neighbour that it has sent to since its last report: how many frames in all, and
            when the first of the new ones arrives.
    """

    next_s: float
    sent: dict[str, tuple[int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Document):
    """How far a node may run.

    Args:
        horizon_s: everything due before this; inf: to the end.
        frames: how many it must have from each neighbour first.
        is_last: whether the run ends there for all.
    """

    horizon_s: float
    frames: dict[str, int] = field(default_factory=dict)
    is_last: bool = False


class Lookahead:
    """When what happens at nodes can first be felt at others.

    Args:
        plan: the contacts; a contact that does not take place only takes influence away.
        dark: nodes that may switch their terminals off, which those see that have contacts to them.

    Raises:
        BadInput: a contact without light time.
    """

    def __init__(self, plan: ContactPlan, dark: Collection[str] = ()) -> None:
        links: dict[tuple[str, str], list[_Span]] = defaultdict(list)
        for contact in plan.contacts:
            span = _Span(contact.start_s, contact.end_s, _least_owlt_s(contact))
            links[contact.source, contact.destination].append(span)
        self._leaving: dict[str, list[tuple[str, _Reach]]] = defaultdict(list)
        for (source, destination), spans in sorted(links.items()):
            self._leaving[source].append((destination, _Reach(spans)))
            if destination in dark:
                self._leaving[destination].append((source, _Reach(_sights(spans))))

    def horizons(self, next_s: Mapping[str, float]) -> dict[str, float]:
        """For each node, the earliest moment at which something may come from a neighbour.

        Args:
            next_s: when each node's next deed is due if nothing comes; inf: never.
        """
        felt_s = dict.fromkeys(next_s, math.inf)
        acts = [(at_s, node) for node, at_s in next_s.items() if at_s < math.inf]
        heapify(acts)
        settled: set[str] = set()
        while acts:
            at_s, node = heappop(acts)
            if node in settled:
                continue
            settled.add(node)
            for neighbour, reach in self._leaving.get(node, ()):
                arrives_s = reach.earliest_s(at_s)
                if arrives_s < felt_s[neighbour]:
                    felt_s[neighbour] = arrives_s
                    if neighbour not in settled:
                        heappush(acts, (arrives_s, neighbour))
        return felt_s


class _Span(NamedTuple):
    """When something can leave, and the least light time then."""

    start_s: float
    end_s: float
    owlt_s: float


def _sights(spans: Sequence[_Span]) -> list[_Span]:
    """When a node's dark can leave it for one with these contacts to it (`Links`): seen before each of them begins."""
    owlt_s = min(span.owlt_s for span in spans)
    return [_Span(span.start_s - SEEN_BEFORE_S - owlt_s, span.end_s, owlt_s) for span in spans]


class _Reach:
    """One link: the earliest arrival of what is sent at or after a moment, never too late.

    Args:
        spans: all of the link, in any order.
    """

    def __init__(self, spans: Sequence[_Span]) -> None:
        by_end = sorted(spans, key=lambda span: span.end_s)
        self._ends_s = [span.end_s for span in by_end]
        self._starts_s: list[float] = []
        self._owlts_s: list[float] = []
        start_s = owlt_s = math.inf
        for span in reversed(by_end):  # a later one may begin before it, and be shorter of light
            overlaps = span.end_s > start_s
            start_s = min(span.start_s, start_s)
            owlt_s = min(span.owlt_s, owlt_s if overlaps else math.inf)
            self._starts_s.append(start_s)
            self._owlts_s.append(owlt_s - MARGIN_S)
        self._starts_s.reverse()
        self._owlts_s.reverse()

    def earliest_s(self, from_s: float) -> float:
        """The least arrival of a frame that leaves at or after `from_s`; inf: none can."""
        place = bisect_left(self._ends_s, from_s - MARGIN_S)
        if place == len(self._ends_s):
            return math.inf
        return max(from_s, self._starts_s[place]) + self._owlts_s[place]


def _least_owlt_s(contact: Contact) -> float:
    owlt_s = contact.owlt_s
    least_s = min(owlt_s) if isinstance(owlt_s, tuple) else owlt_s
    if least_s < LEAST_OWLT_S:
        link = f"{contact.source} to {contact.destination}"
        mend = (
            f"lockstep needs {LEAST_OWLT_S:g} s of light time on every link: give a finite --rate"
        )
        raise BadInput(Fault("", "owlt_s", f"{least_s:g}", f"{link}: {mend}"))
    return least_s


@dataclass(slots=True)
class _Standing:
    """What the synchroniser knows of a node.

    Args:
        next_s: by its last report; -inf before the first.
        on_the_way: frames sent to it since the grant that its last report answers: when they arrive.
        is_running: whether a grant has not been answered.
        granted: arrivals that its last grant made it wait for.
        sent: how many frames each neighbour has sent to it.
    """

    next_s: float = -math.inf
    on_the_way: list[float] = field(default_factory=list)
    is_running: bool = True
    sent: dict[str, int] = field(default_factory=dict)

    @property
    def acts_s(self) -> float:
        """When it does something next, if nothing comes that is not on its way."""
        return min(self.next_s, *self.on_the_way) if self.on_the_way else self.next_s


class Synchroniser:
    """Grants horizons to the nodes of a run until all have reached its end.

    Args:
        plan: of the run.
        nodes: their names.
        duration_s: where it ends; what is due then still happens.
        dark: nodes that may switch their terminals off.
    """

    def __init__(
        self,
        plan: ContactPlan,
        nodes: Iterable[str],
        duration_s: float,
        dark: Collection[str] = (),
    ) -> None:
        self._lookahead = Lookahead(plan, dark)
        self._nodes = {node: _Standing() for node in nodes}
        self._duration_s = duration_s
        self.is_over = False
        self.grants = 0

    @property
    def emulated_s(self) -> float:
        """Up to when everything has happened."""
        least_s = min(standing.acts_s for standing in self._nodes.values())
        return min(max(least_s, 0.0), self._duration_s)

    def reported(self, node: str, report: Report) -> dict[str, Grant]:
        """A node has run as far as it may: who may go on now, and how far."""
        standing = self._nodes[node]
        standing.next_s = report.next_s
        standing.is_running = False
        for neighbour, (count, arrives_s) in report.sent.items():
            receiver = self._nodes[neighbour]
            receiver.sent[node] = count
            receiver.on_the_way.append(arrives_s)
        if any(each.next_s == -math.inf for each in self._nodes.values()):
            return {}  # not all are there
        return self._new_grants()

    def _new_grants(self) -> dict[str, Grant]:
        acts_s = {node: standing.acts_s for node, standing in self._nodes.items()}
        if min(acts_s.values()) > self._duration_s:
            return self._last_grants()
        granted = {}
        for node, horizon_s in self._lookahead.horizons(acts_s).items():
            standing = self._nodes[node]
            if not standing.is_running and acts_s[node] < min(
                horizon_s, math.nextafter(self._duration_s, math.inf)
            ):
                granted[node] = self._grant(standing, horizon_s)
        return granted

    def _last_grants(self) -> dict[str, Grant]:
        """Nothing more happens: all wait for the frames that are on their way, and end."""
        if any(standing.is_running for standing in self._nodes.values()):
            return {}
        self.is_over = True
        return {
            node: self._grant(standing, math.inf, is_last=True)
            for node, standing in self._nodes.items()
        }

    def _grant(self, standing: _Standing, horizon_s: float, *, is_last: bool = False) -> Grant:
        self.grants += 1
        standing.is_running = True
        standing.next_s = standing.acts_s  # it will have what is on its way
        standing.on_the_way.clear()
        return Grant(horizon_s=horizon_s, frames=dict(standing.sent), is_last=is_last)
