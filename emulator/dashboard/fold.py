"""The state of the network at one moment, as a fold over the events up to then.

Live runs and replays use the same fold; no node is ever asked. What no event says is not known:
a node is taken to hold a piece from when it came until it was delivered, deleted or cut up there,
or sent to everyone it was routed to. (An epidemic strategy that keeps a copy for neighbours yet to
come has it counted again when it is routed again.)
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dtn.contact_plan import ContactPlan
from dtn.events import (
    BlockSent,
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleFragmented,
    BundleLost,
    BundleReassembled,
    BundleReceived,
    BundleSourced,
    ContactEnded,
    ContactStarted,
    EnergySampled,
    Event,
    FrameLost,
    MemoryUpset,
    NodeDown,
    NodeUp,
    RouteComputed,
    RouteForfeited,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from emulator.dashboard.words import Category, category_of
from emulator.reports.fates import ADMINISTRATIVE_FLOW
from nodes.spacecraft.exposed import RESET, UPSET

FEED_LENGTH = 120
"""Events of each category that are kept for who comes late."""
SCHEDULED = "scheduled"
_NOTHING: dict[str, int] = {}

Link = tuple[str, str]


class Flight(NamedTuple):
    """A bundle between two nodes: its first bit and its last, when each leaves and arrives.

    With LTP, what is sent again is not drawn again: this is the first flight.
    """

    bundle: str
    source: str
    destination: str
    contact: int
    first_s: float
    last_s: float
    first_arrives_s: float
    arrives_s: float


class Opening(NamedTuple):
    """A contact, or part of one, that took place and is over."""

    contact: int
    start_s: float
    end_s: float
    reason: str


class Delivery(NamedTuple):
    """An application's bundle that came to its destination."""

    sourced: BundleSourced
    node: str
    t_s: float


@dataclass(slots=True)
class NodeState:
    """One node: what it holds, and what waits there for whom.

    Args:
        is_up: whether it is in the network.
        reason: why not.
        held: size of each piece in its store, bytes.
        held_bytes: their sum.
        queues: pieces routed to each neighbour and not sent yet, by neighbour.
        queued: how many those are.
        queued_bytes: and their bytes.
        owed: to whom each piece is still to be sent.
        sourced: bundles that its applications sent.
        delivered: bundles that came to its applications.
        energy: how its battery stood when last heard of; None for a node without one.
        upsets: bundles that particles spoilt in its memory, frames that they hit, resets of its processor.
    """

    is_up: bool = False
    reason: str = "not yet launched"
    held: dict[str, int] = field(default_factory=dict)
    held_bytes: int = 0
    queues: dict[str, dict[str, int]] = field(default_factory=dict)
    queued: int = 0
    queued_bytes: int = 0
    owed: dict[str, set[str]] = field(default_factory=dict)
    sourced: int = 0
    delivered: int = 0
    energy: EnergySampled | None = None
    upsets: int = 0

    def take(self, bundle: str, size_bytes: int) -> None:
        """A piece is here."""
        self.held_bytes += size_bytes - self.held.get(bundle, 0)
        self.held[bundle] = size_bytes

    def give_up(self, bundle: str) -> None:
        """A piece is here no more."""
        self.held_bytes -= self.held.pop(bundle, 0)
        for neighbour in self.owed.pop(bundle, ()):
            self.unqueue(bundle, neighbour)

    def queue(self, bundle: str, neighbour: str, size_bytes: int) -> None:
        """A piece waits for a link."""
        queue = self.queues.setdefault(neighbour, {})
        self.queued += bundle not in queue
        self.queued_bytes += size_bytes - queue.get(bundle, 0)
        queue[bundle] = size_bytes

    def unqueue(self, bundle: str, neighbour: str) -> None:
        """It waits for it no more."""
        size_bytes = self.queues.get(neighbour, _NOTHING).pop(bundle, None)
        if size_bytes is not None:
            self.queued -= 1
            self.queued_bytes -= size_bytes


@dataclass(slots=True)
class LinkState:
    """One direction of a link that is up, or was cut in the middle of a contact."""

    contact: int
    since_s: float
    cut: str = ""


class Fold:
    """What the network is like after the events so far.

    Args:
        plan: its contact plan: rates and light times are not in the events.
        names: the nodes that are known beforehand.
    """

    def __init__(self, plan: ContactPlan, names: Sequence[str]) -> None:
        self._contacts = plan.contacts
        self.count = 0
        self.nodes = {name: NodeState() for name in names}
        self.links: dict[Link, LinkState] = {}
        self.sent: dict[Link, int] = {}
        self.openings: list[Opening] = []
        self.flights: dict[tuple[str, str, str], Flight] = {}
        self.sourced: dict[str, BundleSourced] = {}
        self.deliveries: list[Delivery] = []
        self.latencies_s: list[float] = []
        self.deleted = 0
        self.lost_frames = 0
        self.feed: dict[Category, deque[tuple[int, Event]]] = {
            category: deque(maxlen=FEED_LENGTH) for category in Category
        }
        self._delivered: set[str] = set()
        self._twice: set[tuple[str, str]] = set()
        self._steps: dict[type, Callable[[Any], None]] = {
            BundleSourced: self._sourced,
            BundleReceived: self._received,
            BundleDuplicate: self._duplicate,
            BundleDelivered: self._is_delivered,
            BundleDeleted: self._is_deleted,
            BundleLost: self._is_deleted,
            BundleFragmented: self._fragmented,
            BundleReassembled: self._reassembled,
            RouteComputed: self._routed,
            RouteForfeited: self._forfeited,
            TransferStarted: self._started,
            TransferFinished: self._finished,
            TransferFailed: self._failed,
            BlockSent: self._block_sent,
            FrameLost: self._frame_lost,
            ContactStarted: self._link_up,
            ContactEnded: self._link_down,
            NodeUp: self._node_up,
            NodeDown: self._node_down,
            EnergySampled: self._energy_sampled,
            MemoryUpset: self._upset,
        }

    def follow(self, events: Sequence[Event], until_s: float = math.inf) -> None:
        """Go on through the events from where the fold stands, up to a moment."""
        place, end = self.count, len(events)
        steps, feed = self._steps, self.feed
        while place < end and events[place].t_s <= until_s:
            event = events[place]
            step = steps.get(type(event))
            if step is not None:
                step(event)
            feed[category_of(event)].append((place, event))
            place += 1
        self.count = place

    def in_flight(self, now_s: float) -> list[Flight]:
        """What is between two nodes now; what must have arrived is forgotten."""
        gone = [key for key, flight in self.flights.items() if flight.arrives_s < now_s]
        for key in gone:
            del self.flights[key]
        return [flight for flight in self.flights.values() if flight.first_s <= now_s]

    def _node(self, name: str) -> NodeState:
        state = self.nodes.get(name)
        if state is None:
            state = self.nodes[name] = NodeState()
        return state

    # -- bundles

    def _sourced(self, event: BundleSourced) -> None:
        self.sourced[event.bundle] = event
        node = self._node(event.node)
        node.take(event.bundle, event.size_bytes)
        if event.flow != ADMINISTRATIVE_FLOW:
            node.sourced += 1

    def _received(self, event: BundleReceived) -> None:
        node = self._node(event.node)
        if event.bundle in node.held:
            self._twice.add((event.node, event.bundle))
        else:
            node.take(event.bundle, event.size_bytes)
        self.flights.pop((event.previous, event.node, event.bundle), None)

    def _duplicate(self, event: BundleDuplicate) -> None:
        if (event.node, event.bundle) in self._twice:  # the first copy is still here, and stays
            self._twice.discard((event.node, event.bundle))
        else:
            self._node(event.node).give_up(event.bundle)

    def _is_delivered(self, event: BundleDelivered) -> None:
        node = self._node(event.node)
        node.give_up(event.bundle)
        sourced = self.sourced.get(event.bundle)
        if sourced is None or sourced.flow == ADMINISTRATIVE_FLOW:
            return
        if event.bundle not in self._delivered:
            self._delivered.add(event.bundle)
            node.delivered += 1
            self.deliveries.append(Delivery(sourced, event.node, event.t_s))
            insort(self.latencies_s, event.t_s - sourced.t_s)

    def _is_deleted(self, event: BundleDeleted | BundleLost) -> None:
        self._node(event.node).give_up(event.bundle)
        self.deleted += 1

    def _fragmented(self, event: BundleFragmented) -> None:
        node = self._node(event.node)
        node.give_up(event.bundle)
        for piece in event.fragments:
            node.take(piece, _length(piece))

    def _reassembled(self, event: BundleReassembled) -> None:
        node = self._node(event.node)
        for piece in event.fragments:
            node.give_up(piece)
        node.take(event.bundle, sum(map(_length, event.fragments)))

    # -- routes and transfers

    def _routed(self, event: RouteComputed) -> None:
        node = self._node(event.node)
        size_bytes = node.held.get(event.bundle)
        if size_bytes is None:
            sourced = self.sourced.get(event.bundle)
            size_bytes = sourced.size_bytes if sourced else 0
            node.take(event.bundle, size_bytes)
        node.owed.setdefault(event.bundle, set()).add(event.entry)
        node.queue(event.bundle, event.entry, size_bytes)

    def _forfeited(self, event: RouteForfeited) -> None:
        node = self._node(event.node)
        node.unqueue(event.bundle, event.entry)
        node.owed.get(event.bundle, set()).discard(event.entry)

    def _started(self, event: TransferStarted) -> None:
        node = self._node(event.node)
        node.unqueue(event.bundle, event.neighbour)
        node.owed.setdefault(event.bundle, set()).add(event.neighbour)
        node.take(event.bundle, event.size_bytes)
        link = (event.node, event.neighbour)
        self.sent[link] = self.sent.get(link, 0) + 1
        if event.contact < len(self._contacts):
            contact = self._contacts[event.contact]
            last_s = contact.last_bit_s(event.t_s, event.size_bytes)
            if last_s == math.inf:  # it will be cut short
                last_s = contact.end_s
            self.flights[(*link, event.bundle)] = Flight(
                event.bundle,
                *link,
                event.contact,
                event.t_s,
                last_s,
                event.t_s + contact.owlt_at(event.t_s),
                last_s + contact.owlt_at(last_s),
            )

    def _finished(self, event: TransferFinished) -> None:
        node = self._node(event.node)
        owed = node.owed.get(event.bundle)
        if owed is not None:
            owed.discard(event.neighbour)
        if not owed:
            node.give_up(event.bundle)

    def _failed(self, event: TransferFailed) -> None:
        self._node(event.node).owed.get(event.bundle, set()).discard(event.neighbour)
        self.flights.pop((event.node, event.neighbour, event.bundle), None)

    def _block_sent(self, event: BlockSent) -> None:
        """With LTP a bundle leaves with its block: now it is known when its last bit did."""
        for bundle in event.bundles:
            flight = self.flights.get((event.node, event.neighbour, bundle))
            if flight is not None:
                arrives_s = event.t_s + self._contacts[flight.contact].owlt_at(event.t_s)
                self.flights[event.node, event.neighbour, bundle] = flight._replace(
                    last_s=event.t_s, arrives_s=arrives_s
                )

    def _frame_lost(self, event: FrameLost) -> None:
        self.lost_frames += 1
        if event.reason == UPSET:
            self._node(event.node).upsets += 1
        self.flights.pop((event.neighbour, event.node, event.bundle), None)
        self.flights.pop((event.node, event.neighbour, event.bundle), None)

    # -- links and nodes

    def _link_up(self, event: ContactStarted) -> None:
        self.links[event.node, event.neighbour] = LinkState(event.contact, event.t_s)

    def _link_down(self, event: ContactEnded) -> None:
        link = (event.node, event.neighbour)
        state = self.links.get(link)
        if state is None or state.contact != event.contact:
            return
        self.openings.append(Opening(event.contact, state.since_s, event.t_s, event.reason))
        if event.reason == SCHEDULED:
            del self.links[link]
        else:
            self.links[link] = LinkState(event.contact, event.t_s, cut=event.reason)

    def _node_up(self, event: NodeUp) -> None:
        node = self._node(event.node)
        node.is_up, node.reason = True, ""

    def _node_down(self, event: NodeDown) -> None:
        node = self._node(event.node)
        node.is_up, node.reason = False, event.reason
        node.upsets += event.reason == RESET

    def _upset(self, event: MemoryUpset) -> None:
        self._node(event.node).upsets += 1

    def _energy_sampled(self, event: EnergySampled) -> None:
        self._node(event.node).energy = event


def _length(fragment: str) -> int:
    """A fragment's payload, from its identity: source/time/sequence/offset+length."""
    length = fragment.rpartition("+")[2]
    return int(length) if length.isdecimal() else 0
