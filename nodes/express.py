"""Express: a node whose ordinary bundles go from step to step without a word between.

In virtual time, with all nodes in one process and their bundles in memory, nothing can come between one step of a hop
and the next: what is stored is stored at once, what leaves arrives. So an `ExpressNode` does not make the lists of
outputs by which an agent, a store, a convergence layer and a channel tell each other what to do. It goes the whole way
itself, and this module is that way in full:

    send or land -> retain -> ask -> queue -> take off -> last bit out -> land at the neighbour -> deliver or retain

Only ordinary bundles go so (`dtn.bpa.front`), and only while nothing unusual happens to them: everything else, and
everything about the state of agent, queues and links, is the general code, which remains the reference. Both ways work
on the same state and give the same events, in the same order; a property test holds them equal. What a bundle gains on
its way (previous node, hop count, route record) is looked up, not built: many bundles went the same way before.

At its best: a hop costs a few dozen calls, and whatever is not asked for costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, cast

from dtn.administrative_record import Reason
from dtn.bpa import Agent, TransmissionRequest
from dtn.bpa.deadlines import ASK, EXPIRY
from dtn.bpa.front import Front
from dtn.bpa.outputs import Output
from dtn.bpa.procedures import EXPIRY_GRAIN_S
from dtn.bundle import Bundle
from dtn.codec import block_size
from dtn.contact_plan import TIME_TOLERANCE_S, ContactPlan
from dtn.events import (
    BundleDelivered,
    BundleDuplicate,
    BundleReceived,
    BundleSourced,
    ContactEnded,
    ContactStarted,
    Event,
    FrameLost,
    RouteComputed,
    TransferFinished,
    TransferStarted,
)
from dtn.routing.queue import LinkQueue, Queued
from dtn.routing.strategy import Hold, Send
from dtn.routing.verdict import Verdict
from dtn.stored_bundle import StoredBundle
from nodes.agenda import Agenda
from nodes.channel.frame import first_of_link
from nodes.channel.local import RECEIVER_DOWN, LocalChannel
from nodes.convergence.whole_bundle import WholeBundle
from nodes.in_hand import InHand
from nodes.node import CONTACT_ENDED, Node
from nodes.timers import ArrivalTimers

new: Final = tuple.__new__
"""Makes an event without the detour by its constructor, half as quick again."""

MOST_FRONTS = 4096
"""Ways that a node remembers; beyond that it works them out anew."""


class ExpressNode(Node):
    """A node that is quick with ordinary bundles.

    Its agent must have no security rules, not fragment, and trust its clock.

    Args:
        name: its name, as in the contact plan.
        agent: its bundle protocol agent.
        plan: the contacts as they are planned; `peers` has all nodes of it.
        timers: the loop, in virtual time.
        agenda: what it turns.
        record: takes events.
        channel: carries what does not go express.
        peers: all nodes by name, this one too; filled before anything runs.
    """

    def __init__(
        self,
        name: str,
        agent: Agent,
        plan: ContactPlan,
        timers: ArrivalTimers,
        agenda: Agenda,
        record: Callable[[Event], object],
        channel: LocalChannel,
        peers: Mapping[str, Node],
    ) -> None:
        self._air = WholeBundle(name, self, plan, timers, channel)
        super().__init__(name, agent, InHand(), timers, record, lambda user: self._air)
        self._contacts = plan.contacts
        self._agenda = agenda
        self._channel = channel
        self._peers = cast("Mapping[str, ExpressNode]", peers)
        self._first: dict[tuple[int, bool], Front] = {}
        self._fronts = 0
        self._on_air: dict[int, Queued] = {}
        self._ways: dict[str, tuple[int, Callable[..., None]]] = {}

    # -- sourcing (§5.2)

    def send(self, request: TransmissionRequest) -> str | None:
        """Transmit on an application's behalf; a node that is down asks nothing."""
        agent = self.agent
        builder, options = agent.builder, agent.options
        address = builder.address(request)
        destination = address.destination_name
        if request.flags or self._working or destination in ("", self.name) or not self.is_up:
            return super().send(request)
        now_s = self._agenda.now_s
        bundle = builder.addressed(address, request, now_s)
        key = (request.priority, request.critical)
        front = self._first.get(key) or self._first_front(key, bundle)
        records = agent.records
        records.last_ref += 1
        record = StoredBundle(
            records.last_ref,
            bundle,
            bundle.primary.id_text,
            self.name,
            destination,
            front.size_bytes + bundle.primary.size_bytes + block_size(bundle.blocks[-1]) + 2,
            now_s,
            now_s + min(request.lifetime_s, options.lifetime_override_s),
            now_s,
            None,
            front.priority,
            front.critical,
            0,
            agent.routing.tokens,
            front.visited,
        )
        record.front = front
        self._record(
            new(
                BundleSourced,
                (
                    now_s,
                    self.name,
                    record.id,
                    address.source_text,
                    address.destination_text,
                    record.size_bytes,
                    len(request.payload),
                    request.lifetime_s,
                    front.priority,
                    request.flow,
                ),
            )
        )
        if self._retain(record, now_s):
            self._go_on(record, now_s)
        else:
            self._dispatch(record, now_s)
        return record.id

    def _first_front(self, key: tuple[int, bool], bundle: Bundle) -> Front:
        """The front of new bundles with this class of service."""
        front = self._first[key] = self.agent.records.front_of(bundle)
        return front

    def _dispatch(self, record: StoredBundle, now_s: float) -> None:
        """The general way from here on (§5.3)."""
        out: list[Output] = []
        self.agent.dispatch(record, now_s, out)
        self._carry(out, now_s)

    # -- landing (§5.6)

    def _land(
        self, entry: Queued, front: Front, previous: str, sequence: int, now_s: float
    ) -> None:
        """A bundle's last bit has come."""
        del self._channel.in_flight[previous, self.name, sequence]
        sent, size_bytes = entry.record, entry.size_bytes
        if not self.is_up:
            self._record(FrameLost(now_s, self.name, previous, sent.id, size_bytes, RECEIVER_DOWN))
            return
        agent = self.agent
        options, records = agent.options, agent.records
        primary = sent.bundle.primary
        bundle = Bundle(primary, (*front.blocks, sent.bundle.blocks[-1]), size_bytes)
        records.last_ref += 1
        created_s = (primary.creation[0] - options.start_dtn_ms) / 1000
        record = StoredBundle(
            records.last_ref,
            bundle,
            sent.id,
            sent.source,
            sent.destination,
            size_bytes,
            created_s,
            created_s + min(primary.lifetime_ms / 1000, options.lifetime_override_s),
            now_s,
            previous,
            front.priority,
            front.critical,
            front.hops,
            0,
            front.visited,
        )
        record.front = front
        self._record(new(BundleReceived, (now_s, self.name, record.id, previous, size_bytes)))
        agent.routing.saw(previous, record.id)
        if record.id in agent.holdings or agent.delivery.was_delivered(record, now_s):
            self._record(BundleDuplicate(now_s, self.name, record.id, previous))
        elif front.hops > front.hop_limit:
            out: list[Output] = []
            agent.delete(record, Reason.HOP_LIMIT_EXCEEDED, now_s, out)
            self._carry(out, now_s)
        elif record.destination == self.name:
            self._deliver(record, now_s)
        elif self._retain(record, now_s):
            self._go_on(record, now_s)
        else:
            self._dispatch(record, now_s)

    def _deliver(self, record: StoredBundle, now_s: float) -> None:
        """Hand it to its application (§5.7), if that is there and it is in time."""
        delivery = self.agent.delivery
        service = record.bundle.primary.destination.service_text
        known_until_s = record.expires_s + EXPIRY_GRAIN_S
        if known_until_s <= now_s or not delivery.takes(service):
            self._dispatch(record, now_s)
            return
        delivery.remember(record.id, known_until_s, now_s)
        self._record(new(BundleDelivered, (now_s, self.name, record.id, service)))
        self._applications[service].deliver(record.bundle, now_s)

    # -- retaining and asking (§5.4)

    def _retain(self, record: StoredBundle, now_s: float) -> bool:
        """Hold it till it is sent on; False if it is expired or there is no room."""
        agent = self.agent
        known_until_s = record.expires_s + EXPIRY_GRAIN_S
        if known_until_s <= now_s or not agent.holdings.take_in(record):
            return False
        agent.deadlines.add(known_until_s, EXPIRY, record.ref)
        return True

    def _go_on(self, record: StoredBundle, now_s: float) -> None:
        """Ask about it, and let the link send whose queue it joined."""
        grown: dict[str, LinkQueue] = {}
        self._ask(record, grown, now_s)
        for link in grown.values():
            self._pump(link, now_s)
        self._arm_if_sooner()

    def _ask(self, record: StoredBundle, grown: dict[str, LinkQueue], now_s: float) -> None:
        """Ask the strategy, and do the two things that it mostly says."""
        agent = self.agent
        routing = agent.routing
        if record.front is None:
            self._settle(record, routing.ask(record, now_s), grown, now_s)
            return
        answer = routing.decision(record, now_s)
        if isinstance(answer, Send) and not answer.keep:
            record.kept = False
            agent.on_hold.remove(record.ref)
            entry = routing.enqueue(record, answer, now_s)
            if entry is None:
                return
            neighbour, number, route = entry.neighbour, entry.contact, entry.route
            promised_s = math.inf if route is None else route.delivery_s
            hops = 0 if route is None else len(route.contacts)
            self._record(
                new(RouteComputed, (now_s, self.name, record.id, neighbour, promised_s, hops))
            )
            agent.deadlines.add_forfeit(self._contacts[number].end_s, number)
            grown[neighbour] = routing.links[neighbour]
        elif isinstance(answer, Hold):
            record.kept = True
            agent.on_hold.put(record, answer.neighbour)
            agent.deadlines.add(answer.until_s, ASK, record.ref)
        else:
            self._settle(record, routing.obey(record, answer, now_s), grown, now_s)

    def _settle(
        self, record: StoredBundle, verdict: Verdict, grown: dict[str, LinkQueue], now_s: float
    ) -> None:
        """The general way."""
        out: list[Output] = []
        self.agent.settle(record, verdict, grown, now_s, out)
        self._work.extend(out)
        self._work_off(now_s)

    # -- links

    def contact_started(self, contact: int, now_s: float) -> None:
        """The link of this contact is up."""
        agent = self.agent
        routing = agent.routing
        if routing.tells_neighbours:
            super().contact_started(contact, now_s)
            return
        link = routing.contact_started(contact, now_s)
        self._record(new(ContactStarted, (now_s, self.name, link.name, contact)))
        grown: dict[str, LinkQueue] = {}
        for record in routing.worth_asking(agent.on_hold.met(link.name), now_s):
            self._ask(record, grown, now_s)
        for other in grown.values():
            self._pump(other, now_s)
        self._pump(link, now_s)
        self._arm_if_sooner()

    def contact_ended(self, contact: int, now_s: float, reason: str = "scheduled") -> None:
        """The link of this contact is down: what is on the air is through, or cut short."""
        entry = self._on_air.pop(contact, None)
        if entry is not None and entry.last_bit_s <= now_s + TIME_TOLERANCE_S:
            self._finish(entry, contact, now_s)
            entry = None
        agent = self.agent
        routing = agent.routing
        if self._working or routing.queued_for(contact):
            super().contact_ended(contact, now_s, reason)
        else:  # nothing waits for it: it is over, and no more comes of that
            cut_short = self._air.close(contact, now_s)
            link = routing.contact_ended(contact, reason != "scheduled", now_s)
            self._record(new(ContactEnded, (now_s, self.name, link.name, contact, reason)))
            routing.forfeit(contact, now_s)
            for request in cut_short:
                self.transfer_failed(request.transfer, _why(reason), now_s)
        if entry is not None:
            agent.last_transfer += 1
            agent.transfers[agent.last_transfer] = entry
            self.transfer_failed(agent.last_transfer, _why(reason), now_s)

    def link_ready(self, neighbour: str, now_s: float) -> None:
        """Another bundle can be taken for this neighbour."""
        link = self.agent.routing.links[neighbour]
        link.busy = False
        self._pump(link, now_s)
        self._arm_if_sooner()

    def _pump(self, link: LinkQueue, now_s: float) -> None:
        """Start the next transfer on a link that is up and free."""
        contact = link.contact
        if contact is None or link.busy or not link.count:
            return

        entry = link.next_in(contact, now_s, self._leaving_bytes)
        if entry is None:
            return
        record = entry.record
        if record.front is None or entry.tokens or entry.planned:
            out: list[Output] = []
            self.agent.start(entry, link, now_s, out)
            self._work.extend(out)
            self._work_off(now_s)
            return
        number = link.number
        self.agent.routing.started(entry, link, now_s, entry.size_bytes)
        record.sending += 1
        self._record(
            new(TransferStarted, (now_s, self.name, record.id, link.name, number, entry.size_bytes))
        )
        self._on_air[number] = entry
        self._air.latest[link.name] = number
        self._agenda.add(entry.last_bit_s, self._last_bit_out, (entry, number))

    def _leaving_bytes(self, entry: Queued, now_s: float) -> int:
        record = entry.record
        front = record.front
        if front is None or entry.tokens or entry.planned:
            return self.agent.builder.outgoing(record, entry.tokens, now_s, entry.planned)[1]
        leaving = front.leaving.get(self.name) or self._leaving(record, front)
        return record.size_bytes - front.size_bytes + leaving.size_bytes

    def _leaving(self, record: StoredBundle, front: Front) -> Front:
        """The front with which a bundle leaves here, as the general code makes it (`BundleBuilder.outgoing`)."""
        leaving = front.behind(self.name, self.agent.builder.front_blocks(record.bundle))
        if self._fronts < MOST_FRONTS:
            self._fronts += 1
            front.leaving[self.name] = leaving
        return leaving

    def _last_bit_out(self, entry: Queued, number: int) -> None:
        if self._on_air.get(number) is not entry:
            return  # cut short before
        del self._on_air[number]
        now_s, neighbour = entry.last_bit_s, entry.neighbour
        self._finish(entry, number, now_s)
        if self._air.latest[neighbour] == number:  # else a newer contact has its own transfer
            self.link_ready(neighbour, now_s)

    def _finish(self, entry: Queued, number: int, now_s: float) -> None:
        """It is on its way; nothing more is owed to this transfer (§5.4 step 5)."""
        agent, record, neighbour = self.agent, entry.record, entry.neighbour
        front, sent_s = record.front, entry.last_bit_s
        assert front is not None
        way = self._ways.get(neighbour)
        if way is None:
            way = (first_of_link(self.name, neighbour), self._peers[neighbour]._land)
            self._ways[neighbour] = way
        first, land = way
        sequence = self._air.next_sequence(neighbour)
        arrives_s = sent_s + self._contacts[number].owlt_at(sent_s)
        self._channel.in_flight[self.name, neighbour, sequence] = record.id
        leaving = front.leaving.get(self.name) or self._leaving(record, front)
        way_there = (entry, leaving, self.name, sequence, arrives_s)
        self._agenda.add_arrival(arrives_s, first + sequence, land, way_there)
        record.sending -= 1
        record.failed_with = None
        agent.routing.sent(entry, now_s)
        self._record(new(TransferFinished, (now_s, self.name, record.id, neighbour)))
        is_retained = record.kept or record.sending or record.queued
        if not is_retained and agent.holdings.remove(record):
            agent.on_hold.remove(record.ref)

    # -- time

    def _on_timer(self, due_s: float) -> None:
        """Contacts that are over and for which nothing waits are the most; the rest goes the general way."""
        if due_s != self.armed_s or not self.is_up:
            super()._on_timer(due_s)
            return
        self.armed_s = math.inf
        routing, deadlines = self.agent.routing, self.agent.deadlines
        while (contact := deadlines.forfeit_due(due_s)) is not None:
            if routing.queued_for(contact):
                break
            deadlines.due(due_s)
            routing.forfeit(contact, due_s)
        if deadlines.next_s() <= due_s:
            self._carry(self.agent.on_timer(due_s), due_s)
        else:
            self._arm()

    def _arm(self) -> None:
        due_s = self.agent.deadlines.next_s()
        if due_s < self.armed_s:
            self.armed_s = due_s
            self._agenda.add(due_s, self._on_timer, (due_s,))

    def _arm_if_sooner(self) -> None:
        if self.agent.deadlines.least_s < self.armed_s:
            self._arm()


def _why(reason: str) -> str:
    """Why a transfer failed that the end of its contact cut short."""
    return CONTACT_ENDED if reason == "scheduled" else reason
