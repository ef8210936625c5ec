"""Breakdown: where the seconds of a latency went, by tracing back what completed the delivery.

The piece that completed a delivery is followed from its destination back to its source: from each
reception to the transfer that caused it, from that transfer to the moment the piece came to be at
the sender (sourced, received, cut from a parent, or made whole again by its last fragment). Every
second between source and delivery is then one of

    wait            at a node, with no contact open to the next one on the way
    queue           at a node, with one open: others went first
    airtime         from the first bit's leaving to the last bit's
    light           from the last bit's leaving to its arrival
    retransmission  in attempts that failed, and from when it would have arrived to when it did:
                    what was lost and sent again
    processing      at a node that was down or computing, and from the last arrival to the delivery

An LTP block may gather bundles, waits for a session, has headers and may take several contacts: from
a bundle's start to the last bit of its block, what is not the bundle's own airtime is queue while the
link is up, else wait. A block given back before it was out was never lost: that time is no attempt.

So the parts add up to the latency; rounding costs less than a microsecond a hop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput, Fault
from dtn.events import (
    BundleDelivered,
    BundleDuplicate,
    BundleFragmented,
    BundleReassembled,
    BundleReceived,
    BundleSourced,
    TransferFailed,
    TransferStarted,
)
from emulator.reports.history import BundleEvent, History, Link, Spans

HOP_TOLERANCE_S = 1e-6

BlocksSent = Mapping[Link, Mapping[str, Sequence[float]]]
"""By link and bundle: when the blocks were out that had it."""


class Parts(NamedTuple):
    """Seconds by cause; they add up."""

    wait: float = 0.0
    queue: float = 0.0
    airtime: float = 0.0
    light: float = 0.0
    retransmission: float = 0.0
    processing: float = 0.0

    def plus(self, other: Parts) -> Parts:
        """The sum, part by part."""
        a, b, c, d, e, f = self
        u, v, w, x, y, z = other
        return Parts(a + u, b + v, c + w, d + x, e + y, f + z)

    @property
    def total_s(self) -> float:
        """All of it."""
        return math.fsum(self)


class Hop(NamedTuple):
    """One hop of the piece that completed a delivery.

    Args:
        node: transmitting node.
        neighbour: receiving node.
        contact: number in the contact plan.
        came_s: when the piece came to be at the transmitting node.
        started_s: when the first bit of the transfer that arrived left.
        received_s: when the last bit arrived.
        parts: where the time from came_s to received_s went.
    """

    node: str
    neighbour: str
    contact: int
    came_s: float
    started_s: float
    received_s: float
    parts: Parts


@dataclass(frozen=True, slots=True)
class Journey:
    """How a delivered bundle came to its destination.

    Args:
        hops: in order of travel; none for a bundle delivered where it was sourced.
        parts: of the whole latency.
        size_bytes: the smallest piece of the bundle that was sent separately; 0 without hops.
    """

    hops: tuple[Hop, ...]
    parts: Parts
    size_bytes: int


def journeys(history: History, plan: ContactPlan) -> dict[str, Journey]:
    """The journey of every bundle that was delivered.

    Raises:
        BadInput: a delivery that the log does not explain, or a log and a plan of different runs.
    """
    tracer = _Tracer(history, plan)
    found = {}
    for bundle in history.sourced:
        journey = tracer.journey(bundle)
        if journey is not None:
            found[bundle] = journey
    return found


class _Tracer:
    """Traces bundles back; keeps the links' spans, which all bundles share."""

    def __init__(self, history: History, plan: ContactPlan) -> None:
        self._history = history
        self._plan = plan
        self._spans: dict[Link, Spans] = {}

    def journey(self, bundle: str) -> Journey | None:
        life = self._history.lives[bundle]
        last = _delivery(bundle, life)
        if last is None:
            return None
        delivered = life[last]
        hops: list[Hop] = []
        trail = _Trail(bundle, life, last, self._history.blocks_sent_s)
        arrived_s = delivered.t_s
        node = delivered.node
        came = trail.arrival(node)
        # What is left between the last arrival and the application is the destination's own.
        processing = arrived_s - came.t_s
        while isinstance(came, BundleReceived):
            start = trail.transfer(came)
            came_before = trail.arrival(start.node)
            hops.append(self._hop(start, came.t_s, came_before.t_s, trail.attempts))
            came = came_before
        hops.reverse()
        parts = Parts(processing=processing)
        for hop in hops:
            parts = parts.plus(hop.parts)
        sizes = [event.size_bytes for event in life if isinstance(event, TransferStarted)]
        return Journey(tuple(hops), parts, min(sizes, default=0) if hops else 0)

    def _hop(
        self,
        start: TransferStarted,
        received_s: float,
        came_s: float,
        attempts: list[tuple[float, float]],
    ) -> Hop:
        link = (start.node, start.neighbour)
        flight = self._flight(start, received_s)
        down = self._history.down.get(start.node)
        away = down.between(came_s, start.t_s) if down else []
        if attempts or away:
            stay = _shared_out(came_s, start.t_s, attempts, away, self._up(link))
        else:
            stay_s = start.t_s - came_s
            queue = min(max(self._up(link).filled_s(came_s, start.t_s), 0.0), stay_s)
            stay = Parts(stay_s - queue, queue)
        return Hop(*link, start.contact, came_s, start.t_s, received_s, stay.plus(flight))

    def _up(self, link: Link) -> Spans:
        spans = self._spans.get(link)
        if spans is None:
            spans = self._spans[link] = self._history.up(link)
        return spans

    def _flight(self, start: TransferStarted, received_s: float) -> Parts:
        """What there was between first bit sent and last received."""
        contact = self._contact(start)
        out_s = _out_s(self._history.blocks_sent_s, start, received_s)
        if out_s is not None:
            return self._block_flight(start, contact, out_s, received_s)
        last_bit_s = contact.last_bit_s(start.t_s, start.size_bytes)
        light_s = contact.owlt_at(last_bit_s) if last_bit_s < math.inf else math.inf
        beyond_s = received_s - last_bit_s - light_s
        if beyond_s > HOP_TOLERANCE_S:
            return Parts(airtime=last_bit_s - start.t_s, light=light_s, retransmission=beyond_s)
        if beyond_s < -HOP_TOLERANCE_S:  # sent faster than the plan says: what light leaves over
            last_bit_s = received_s - contact.owlt_at(received_s - contact.owlt_at(start.t_s))
        return Parts(airtime=last_bit_s - start.t_s, light=received_s - last_bit_s)

    def _block_flight(
        self, start: TransferStarted, contact: Contact, out_s: float, received_s: float
    ) -> Parts:
        """The same in an LTP block, whose last bit was out at `out_s`."""
        link = (start.node, start.neighbour)
        up_s = min(max(self._up(link).filled_s(start.t_s, out_s), 0.0), out_s - start.t_s)
        airtime_s = min(contact.last_bit_s(start.t_s, start.size_bytes) - start.t_s, up_s)
        if contact.end_s < out_s:  # it took another contact
            openings = self._history.openings.get(link, ())
            numbers = (o.number for o in openings if o.start_s <= out_s <= o.end_s)
            contact = self._plan.contacts[next(numbers, start.contact)]
        light_s = contact.owlt_at(out_s)
        again_s = received_s - out_s - light_s
        if again_s <= HOP_TOLERANCE_S:
            light_s, again_s = received_s - out_s, 0.0
        wait_s = out_s - start.t_s - up_s
        return Parts(wait_s, up_s - airtime_s, airtime_s, light_s, again_s)

    def _contact(self, start: TransferStarted) -> Contact:
        contacts = self._plan.contacts
        if 0 <= start.contact < len(contacts):
            contact = contacts[start.contact]
            if (contact.source, contact.destination) == (start.node, start.neighbour):
                return contact
        raise _unexplained(
            start.bundle, f"contact {start.contact} of the plan is not {start.node}'s"
        )


class _Trail:
    """Walks the life of a bundle backwards, in the order of causes."""

    def __init__(
        self, bundle: str, life: list[BundleEvent], last: int, blocks_sent_s: BlocksSent
    ) -> None:
        self._bundle = bundle
        self._blocks_sent_s = blocks_sent_s
        self._life = life
        self._place = last
        self._pieces: tuple[str, ...] = (bundle,)
        self.attempts: list[tuple[float, float]] = []

    def arrival(self, node: str) -> BundleSourced | BundleReceived:
        """How the piece came to be at the node; on the way there, the attempts that failed."""
        self.attempts = []
        failed_s = math.inf
        duplicate: BundleDuplicate | None = None
        for event in self._back(node):
            if isinstance(event, BundleReassembled) and event.bundle in self._pieces:
                self._pieces = event.fragments
            elif isinstance(event, BundleFragmented):
                if not set(self._pieces).isdisjoint(event.fragments):
                    self._pieces = (event.bundle,)
            elif event.bundle not in self._pieces:
                continue
            elif isinstance(event, BundleDuplicate):
                duplicate = event
            elif isinstance(event, BundleReceived):
                if duplicate is None or duplicate[:4] != event[:4]:
                    self._pieces = (event.bundle,)
                    return event
                duplicate = None
            elif isinstance(event, TransferFailed):
                failed_s = event.t_s
            elif isinstance(event, TransferStarted) and failed_s < math.inf:
                if self._was_tried(event, failed_s):
                    self.attempts.append((event.t_s, failed_s))
                failed_s = math.inf
            elif isinstance(event, BundleSourced):
                return event
        raise _unexplained(self._bundle, f"it was at {node} without having come there")

    def transfer(self, received: BundleReceived) -> TransferStarted:
        """The transfer that this reception ends."""
        for event in self._back(received.previous):
            if (
                isinstance(event, TransferStarted)
                and event.bundle == received.bundle
                and event.neighbour == received.node
            ):
                return event
        raise _unexplained(
            self._bundle, f"{received.node} received it, but {received.previous} never sent it"
        )

    def _was_tried(self, start: TransferStarted, failed_s: float) -> bool:
        """Not if it is an LTP block that was given back before it was out."""
        blocks = self._blocks_sent_s
        is_ltp = (start.node, start.neighbour) in blocks
        return not is_ltp or _out_s(blocks, start, failed_s) is not None

    def _back(self, node: str) -> Iterator[BundleEvent]:
        """Events at the node, backwards from the last one looked at."""
        while self._place > 0:
            self._place -= 1
            event = self._life[self._place]
            if event.node == node:
                yield event


def _delivery(bundle: str, life: list[BundleEvent]) -> int | None:
    for place, event in enumerate(life):
        if isinstance(event, BundleDelivered) and event.bundle == bundle:
            return place
    return None


def _out_s(blocks_sent_s: BlocksSent, start: TransferStarted, until_s: float) -> float | None:
    """When the LTP block was out that had the bundle, if it was, by `until_s`."""
    of_link = blocks_sent_s.get((start.node, start.neighbour))
    times_s = () if of_link is None else of_link.get(start.bundle, ())
    return next((t_s for t_s in times_s if start.t_s <= t_s <= until_s), None)


def _shared_out(
    first_s: float,
    last_s: float,
    attempts: list[tuple[float, float]],
    away: list[tuple[float, float]],
    up: Spans,
) -> Parts:
    """A stay at a node with something amiss, moment by moment: the first cause that fits has it."""
    open_ = up.between(first_s, last_s)
    causes = (("retransmission", attempts), ("processing", away), ("queue", open_))
    marks = {first_s, last_s}
    for _, stretches in causes:
        for stretch in stretches:
            marks.update(min(max(t, first_s), last_s) for t in stretch)
    shares = dict.fromkeys(Parts._fields, 0.0)
    ordered = sorted(marks)
    for start, end in pairwise(ordered):
        middle = (start + end) / 2
        cause = next(
            (name for name, stretches in causes if any(a <= middle <= b for a, b in stretches)),
            "wait",
        )
        shares[cause] += end - start
    return Parts(**shares)


def _unexplained(bundle: str, why: str) -> BadInput:
    return BadInput(Fault("events.jsonl", "bundle", bundle, f"{why}; give one run's own files"))
