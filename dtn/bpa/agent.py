"""Agent: the bundle protocol agent of one node, the procedures of RFC 9171 section 5 as a machine.

Every verb takes `now_s`, the due time of what happened, and returns what is to be done, in order: `Store`, `Release`,
`Transmit`, `Deliver`, and events. It owns no clock, no socket and no task: `next_timer()` says when to call `on_timer`.

At its best: no bundle is lost without an event that says why; nothing is acknowledged or forwarded before it is stored;
no constraint is forgotten; each step bears the number of its section; a bundle costs microseconds.

A bundle is retained (§5.4.1) while it is queued, while a transfer of it is under way, and while the strategy holds
on to it; with none of these left it is released. A link takes one bundle at a time: the convergence layer answers
`link_ready` when the last bit is out, and `transfer_finished` or `transfer_failed` when it knows the bundle's fate,
which for LTP is a round trip later.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from dtn.administrative_record import Reason
from dtn.bpa.blocks import BundleBuilder, Facts, read_facts
from dtn.bpa.deadlines import Deadlines, Purpose
from dtn.bpa.delivery import Delivery
from dtn.bpa.outputs import Output, Release, Store, Transmit
from dtn.bpa.request import AgentOptions, TransmissionRequest
from dtn.bpa.status_report import report_on
from dtn.bundle import Bundle, BundleFlag
from dtn.codec import decode
from dtn.errors import MalformedBundle
from dtn.events import (
    BundleDeleted,
    BundleDuplicate,
    BundleMalformed,
    BundleReceived,
    BundleSourced,
    ContactEnded,
    ContactStarted,
    RouteForfeited,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from dtn.routing.engine import RoutingEngine
from dtn.routing.queue import LinkQueue, Queued
from dtn.stored_bundle import StoredBundle

EXPIRY_GRAIN_S = 1e-3
"""A bundle as old as its lifetime is alive; it is expired a millisecond, BPv7's grain of time, later (§5.5)."""


class Agent:
    """The agent of one node.

    Args:
        node: its name.
        options: endpoint, names, limits.
        routing: its routing engine.
    """

    def __init__(self, node: str, options: AgentOptions, routing: RoutingEngine) -> None:
        self.node = node
        self.options = options
        self.routing = routing
        self.stored_bytes = 0
        self._builder = BundleBuilder(options)
        self._delivery = Delivery(node)
        self._deadlines = Deadlines()
        self._bundles: dict[int, StoredBundle] = {}
        self._refs: dict[str, int] = {}
        self._held: dict[int, StoredBundle] = {}
        self._transfers: dict[int, Queued] = {}
        self._forfeits_set: set[int] = set()
        self._visits: dict[tuple[int, ...], frozenset[str]] = {}
        self._last_ref = 0
        self._last_transfer = 0

    # --- applications ---------------------------------------------------------------------------

    def transmit(self, request: TransmissionRequest, now_s: float) -> list[Output]:
        """An application wants something sent (§5.2)."""
        bundle = self._builder.new(request, now_s)
        facts = read_facts(bundle, self.options.names)
        record = self._record(bundle, facts, now_s, came_from=None)
        record.created_s = now_s
        record.expires_s = now_s + request.lifetime_s
        out: list[Output] = [
            BundleSourced(
                now_s,
                self.node,
                record.id,
                str(bundle.primary.source),
                str(bundle.primary.destination),
                record.size_bytes,
                len(request.payload),
                request.lifetime_s,
                record.priority,
                request.flow,
            )
        ]
        self._dispatch(record, now_s, out)
        return out

    def registered(self, service: str, active: bool, now_s: float) -> list[Output]:
        """A registration became active or passive (§5.7); what was deferred for an active one is delivered."""
        out: list[Output] = []
        for record in self._delivery.register(service, active):
            self._deliver(record, now_s, out)
            self._release(record, out)
        return out

    # --- the network ----------------------------------------------------------------------------

    def receive_octets(
        self, octets: bytes, previous: str, now_s: float, light_s: float
    ) -> list[Output]:
        """Octets came in from a neighbour; what is no bundle costs itself and nothing else (§5.6 step 3)."""
        try:
            bundle = decode(octets)
        except MalformedBundle as fault:
            return self._malformed(fault, len(octets), previous, now_s)
        return self.receive(bundle, previous, now_s, len(octets), light_s)

    def receive(
        self, bundle: Bundle, previous: str, now_s: float, size_bytes: int, light_s: float
    ) -> list[Output]:
        """A bundle came in whole from a neighbour (§5.6).

        Args:
            bundle: as it was sent.
            previous: the neighbour's name.
            now_s: when its last bit arrived.
            size_bytes: its encoded size.
            light_s: the light time of the hop, for the bundle's age (§4.4.2).
        """
        try:
            facts = read_facts(bundle, self.options.names)
        except MalformedBundle as fault:  # in blocks that the codec leaves to their readers
            return self._malformed(fault, size_bytes, previous, now_s)
        record = self._record(bundle, facts, now_s, came_from=previous)
        record.size_bytes = size_bytes
        self._set_lifetime(record, facts, now_s, light_s)
        out: list[Output] = [BundleReceived(now_s, self.node, record.id, previous, size_bytes)]
        self.routing.saw(previous, record.id)
        if record.id in self._refs or self._delivery.was_delivered(record.id):
            out.append(BundleDuplicate(now_s, self.node, record.id, previous))
            return out
        self._report(record, BundleFlag.REPORT_RECEPTION, Reason.NO_INFORMATION, now_s, out)
        # §5.6 step 4: blocks that this node does not know
        if facts.delete_unsupported:
            self._delete(record, Reason.BLOCK_UNSUPPORTED, now_s, out)
            return out
        if facts.discard_unsupported:
            record.bundle = self._builder.without_unsupported(bundle)
        if facts.hops > facts.hop_limit:
            self._delete(record, Reason.HOP_LIMIT_EXCEEDED, now_s, out)
            return out
        self._dispatch(record, now_s, out)
        return out

    def stored(self, ref: int, now_s: float) -> list[Output]:
        """The store has committed the bundle: go on with it (§5.4)."""
        out: list[Output] = []
        record = self._bundles.get(ref)
        if record is None:
            return out
        if record.destination == self.node:
            self._delivery.defer(record)
        else:
            self._forward((record,), now_s, out)
        return out

    def not_stored(self, ref: int, now_s: float) -> list[Output]:
        """The store had no room after all: the bundle is deleted, reason 4 (§5.10)."""
        out: list[Output] = []
        record = self._bundles.get(ref)
        if record is not None:
            self._delete(record, Reason.DEPLETED_STORAGE, now_s, out)
        return out

    def restored(self, ref: int, bundle: Bundle, received_s: float, now_s: float) -> list[Output]:
        """A bundle that the store kept over a restart: before all other verbs, in order of ref.

        Args:
            ref: by which the store knows it.
            bundle: as it was put into the store.
            received_s: when it was.
            now_s: the present.
        """
        self._last_ref = ref - 1
        facts = read_facts(bundle, self.options.names)
        record = self._record(bundle, facts, received_s, came_from=None)
        self._set_lifetime(record, facts, received_s, 0.0)
        self._retain(record)
        return self.stored(ref, now_s)

    # --- links ----------------------------------------------------------------------------------

    def contact_started(self, contact: int, now_s: float) -> list[Output]:
        """The link of this contact is up: ask about what is on hold, then send."""
        link = self.routing.contact_started(contact)
        out: list[Output] = [ContactStarted(now_s, self.node, link.name, contact)]
        self._forward(tuple(self._held.values()), now_s, out)
        self._pump(link, now_s, out)
        return out

    def contact_ended(self, contact: int, now_s: float, reason: str = "scheduled") -> list[Output]:
        """The link of this contact is down; cut short, what waits for it is routed again."""
        link = self.routing.contact_ended(contact, cut=reason != "scheduled")
        out: list[Output] = [ContactEnded(now_s, self.node, link.name, contact, reason)]
        self._forfeit(contact, now_s, out)
        return out

    def link_ready(self, neighbour: str, now_s: float) -> list[Output]:
        """The convergence layer can take another bundle for this neighbour."""
        out: list[Output] = []
        link = self.routing.links[neighbour]
        link.busy = False
        self._pump(link, now_s, out)
        return out

    def transfer_finished(self, transfer: int, now_s: float) -> list[Output]:
        """The convergence layer reports success (§5.4 step 5)."""
        entry = self._transfers.pop(transfer)
        record = entry.record
        record.sending -= 1
        record.failed_with = None
        out: list[Output] = [TransferFinished(now_s, self.node, record.id, entry.neighbour)]
        self._report(record, BundleFlag.REPORT_FORWARDING, Reason.NO_INFORMATION, now_s, out)
        if not record.retained:
            self._release(record, out)
        return out

    def transfer_failed(self, transfer: int, reason: str, now_s: float) -> list[Output]:
        """The convergence layer gives the bundle back: ask again (§5.4 step 2, §5.4.2)."""
        entry = self._transfers.pop(transfer)
        record = entry.record
        record.sending -= 1
        out: list[Output] = [TransferFailed(now_s, self.node, record.id, entry.neighbour, reason)]
        self.routing.not_sent(entry)
        if record.ref in self._bundles:
            record.failed_with = entry.neighbour
            self._forward((record,), now_s, out)
        return out

    # --- time -----------------------------------------------------------------------------------

    def next_timer(self) -> float:
        """When to call on_timer next; inf if never."""
        return self._deadlines.next_s

    def on_timer(self, now_s: float) -> list[Output]:
        """Everything whose time has come."""
        out: list[Output] = []
        while (deadline := self._deadlines.due(now_s)) is not None:
            subject = deadline.subject
            if isinstance(subject, str):
                self._delivery.forget(subject)
            elif deadline.purpose is Purpose.FORFEIT:
                self._forfeit(subject, now_s, out)
            elif (record := self._bundles.get(subject)) is not None:
                if deadline.purpose is Purpose.EXPIRY:
                    self._delete(record, Reason.LIFETIME_EXPIRED, now_s, out)
                elif record.kept and not record.queued and not record.sending:
                    self._forward((record,), now_s, out)
        return out

    def held(self) -> list[str]:
        """Identities of the bundles in the store, in order of arrival."""
        return [record.id for record in self._bundles.values()]

    def _malformed(
        self, fault: MalformedBundle, size_bytes: int, previous: str, now_s: float
    ) -> list[Output]:
        return [BundleMalformed(now_s, self.node, previous, size_bytes, fault.layer, fault.reason)]

    # --- procedures -----------------------------------------------------------------------------

    def _record(
        self, bundle: Bundle, facts: Facts, now_s: float, came_from: str | None
    ) -> StoredBundle:
        self._last_ref += 1
        return StoredBundle(
            self._last_ref,
            bundle,
            str(bundle.id),
            facts.source,
            facts.destination,
            self._builder.size_of(bundle),
            now_s,
            math.inf,
            now_s,
            came_from,
            facts.priority,
            facts.critical,
            facts.hops,
            visited=self._names_of(facts.visited),
        )

    def _names_of(self, nodes: tuple[int, ...]) -> frozenset[str]:
        """Names of the nodes of a route record; those unknown here are left out."""
        known = self._visits.get(nodes)
        if known is None:
            names = self.options.names
            known = frozenset(names[node] for node in nodes if node in names)
            self._visits[nodes] = known
        return known

    def _set_lifetime(
        self, record: StoredBundle, facts: Facts, now_s: float, light_s: float
    ) -> None:
        """When it was created and expires (§5.5): by its age where it has one, by its timestamp otherwise."""
        primary = record.bundle.primary
        if primary.creation.time_ms and self.options.clock_trusted:
            record.created_s = (primary.creation.time_ms - self.options.start_dtn_ms) / 1000
        else:
            record.created_s = now_s - light_s - (facts.age_ms or 0) / 1000
        record.expires_s = record.created_s + primary.lifetime_ms / 1000

    def _dispatch(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """§5.3: to an application here, or onwards; in either case after the store has it, if it has to wait."""
        if record.expires_s + EXPIRY_GRAIN_S <= now_s:
            self._delete(record, Reason.LIFETIME_EXPIRED, now_s, out)
            return
        if record.destination == self.node:
            whole = self._delivery.accept(record, now_s, out)
            if whole is None:
                self._keep(record, now_s, out)
                return
            for used in whole.used:
                self._release(used, out)
            if self._delivery.is_active(whole.record):
                self._deliver(whole.record, now_s, out)
                return
            if not self._delivery.is_registered(whole.record):
                self._delete(whole.record, Reason.DESTINATION_UNAVAILABLE, now_s, out)
                return
            record = whole.record
        self._keep(record, now_s, out)

    def _keep(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """Commit to the store, making room by dropping what matters less (reason 4)."""
        excess = self.stored_bytes + record.size_bytes - self.options.store_bytes
        if excess > 0:
            victims = self._victims(record, excess)
            if victims is None:
                self._delete(record, Reason.DEPLETED_STORAGE, now_s, out)
                return
            for victim in victims:
                self._delete(victim, Reason.DEPLETED_STORAGE, now_s, out)
        self._retain(record)
        out.append(Store(record.ref, record.bundle))

    def _retain(self, record: StoredBundle) -> None:
        """It is in the store until it is released or expires."""
        self._bundles[record.ref] = record
        self._refs[record.id] = record.ref
        self.stored_bytes += record.size_bytes
        self._deadlines.add(record.expires_s + EXPIRY_GRAIN_S, Purpose.EXPIRY, record.ref)

    def _victims(self, newcomer: StoredBundle, excess: float) -> list[StoredBundle] | None:
        """Bundles of lower priority to drop for a newcomer: lowest first, then those that expire first."""
        less = [
            record
            for record in self._bundles.values()
            if record.priority < newcomer.priority and not record.sending
        ]
        less.sort(key=lambda record: (record.priority, record.expires_s, record.ref))
        chosen = []
        for record in less:
            chosen.append(record)
            excess -= record.size_bytes
            if excess <= 0:
                return chosen
        return None

    def _forward(self, records: Iterable[StoredBundle], now_s: float, out: list[Output]) -> None:
        """§5.4: ask the strategy about each, then let every link whose queue grew send."""
        grown: dict[str, LinkQueue] = {}
        for record in records:
            verdict = self.routing.ask(record, now_s)
            out.extend(verdict.events)
            if verdict.drop is not None:
                self._delete(record, verdict.drop, now_s, out)
                continue
            for link in verdict.grown:
                grown[link.name] = link
                self._set_forfeit(record)
            if record.kept:
                self._held[record.ref] = record
                self._deadlines.add(verdict.ask_again_s, Purpose.ASK, record.ref)
            else:
                self._held.pop(record.ref, None)
                if not record.retained:
                    self._release(record, out)
        for link in grown.values():
            self._pump(link, now_s, out)

    def _set_forfeit(self, record: StoredBundle) -> None:
        for entry in record.queued:
            if entry.contact not in self._forfeits_set:
                self._forfeits_set.add(entry.contact)
                end_s = self.routing.contact_at(entry.contact).end_s
                self._deadlines.add(end_s, Purpose.FORFEIT, entry.contact)

    def _forfeit(self, contact: int, now_s: float, out: list[Output]) -> None:
        """What is still queued for a contact that is over is routed again."""
        back = self.routing.forfeit(contact)
        neighbour = self.routing.contact_at(contact).destination
        out.extend(RouteForfeited(now_s, self.node, record.id, neighbour) for record in back)
        self._forward(back, now_s, out)

    def _pump(self, link: LinkQueue, now_s: float, out: list[Output]) -> None:
        """Start the next transfer on a link that is up and free."""
        contact = link.contact
        if contact is None or link.busy:
            return

        def fits(record: StoredBundle) -> bool:
            _, size_bytes = self._builder.outgoing(record, now_s)
            return contact.last_bit_s(now_s, size_bytes) < math.inf

        entry = link.next_that(fits)
        if entry is None:
            return
        record = entry.record
        bundle, size_bytes = self._builder.outgoing(record, now_s)
        self.routing.started(entry, link, now_s, size_bytes)
        record.sending += 1
        self._last_transfer += 1
        self._transfers[self._last_transfer] = entry
        number = link.number
        out.append(TransferStarted(now_s, self.node, record.id, link.name, number, size_bytes))
        out.append(Transmit(self._last_transfer, link.name, number, record.id, bundle, size_bytes))

    def _deliver(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """§5.7: local delivery."""
        self._delivery.deliver(record, now_s, out)
        if record.expires_s < math.inf:
            self._deadlines.add(record.expires_s + EXPIRY_GRAIN_S, Purpose.FORGET, record.id)
        self._report(record, BundleFlag.REPORT_DELIVERY, Reason.NO_INFORMATION, now_s, out)

    def _delete(self, record: StoredBundle, reason: int, now_s: float, out: list[Output]) -> None:
        """§5.10: delete the node's copy, saying why."""
        for entry in tuple(record.queued):
            self.routing.withdraw(entry)
        self._delivery.discard(record)
        out.append(BundleDeleted(now_s, self.node, record.id, int(reason)))
        self._report(record, BundleFlag.REPORT_DELETION, reason, now_s, out)
        self._release(record, out)

    def _release(self, record: StoredBundle, out: list[Output]) -> None:
        """No constraint is left: the store may forget it (§5.10 step 2, §5.11)."""
        if self._bundles.pop(record.ref, None) is not None:
            del self._refs[record.id]
            self._held.pop(record.ref, None)
            self.stored_bytes -= record.size_bytes
            out.append(Release(record.ref))

    def _report(
        self, record: StoredBundle, flag: int, reason: int, now_s: float, out: list[Output]
    ) -> None:
        """§6.1: make a status report if this bundle asks for it and this node is set to."""
        if self.options.status_reports and record.bundle.primary.flags & flag:
            request = report_on(record, flag, reason, self.options.start_dtn_ms, now_s)
            if request is not None:
                out.extend(self.transmit(request, now_s))
