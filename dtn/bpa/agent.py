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
from dtn.bpa.administration import administer
from dtn.bpa.blocks import NORMAL_PRIORITY, BundleBuilder, read_facts
from dtn.bpa.deadlines import Deadlines, Purpose
from dtn.bpa.delivery import Delivery, Registration
from dtn.bpa.holdings import Holdings
from dtn.bpa.ingress import check_ingress
from dtn.bpa.outputs import Output, Release, Store, Transmit
from dtn.bpa.records import Records
from dtn.bpa.request import AgentOptions, TransmissionRequest
from dtn.bpa.status_report import report_on
from dtn.bundle import BlockFlag, Bundle, BundleFlag
from dtn.codec import decode
from dtn.errors import MalformedBundle
from dtn.events import (
    BundleDeleted,
    BundleDuplicate,
    BundleFragmented,
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
from dtn.fragmentation import may_fragment, split
from dtn.routing.engine import RoutingEngine
from dtn.routing.queue import LinkQueue, Queued
from dtn.routing.room import SMALLEST_BYTES, room_bytes
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
        self._builder = BundleBuilder(options)
        self._records = Records(options)
        self._holdings = Holdings(options.store_bytes)
        self._delivery = Delivery(node)
        self._deadlines = Deadlines()
        self._held: dict[int, StoredBundle] = {}
        self._transfers: dict[int, Queued] = {}
        self._forfeits_set: set[int] = set()
        self._last_transfer = 0

    @property
    def stored_bytes(self) -> int:
        """What the store holds."""
        return self._holdings.size_bytes

    def held(self) -> list[str]:
        """Identities of the bundles in the store, in order of arrival."""
        return [record.id for record in self._holdings]

    # --- applications ---------------------------------------------------------------------------

    def transmit(self, request: TransmissionRequest, now_s: float) -> list[Output]:
        """An application wants something sent (§5.2)."""
        bundle = self._builder.new(request, now_s)
        record = self._records.sourced(bundle, now_s, request.lifetime_s, self.routing.tokens)
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

    def cancel(self, bundle_id: str, now_s: float) -> list[Output]:
        """An application takes back what it wanted sent (§5.12); nothing happens if it is gone already."""
        out: list[Output] = []
        record = self._holdings.find(bundle_id)
        if record is not None and record.source == self.node:
            self._delete(record, Reason.TRANSMISSION_CANCELED, now_s, out)
        return out

    def registered(
        self, service: str, active: bool, now_s: float, *, abandon: bool = False
    ) -> list[Output]:
        """A registration became active or passive (§5.7); what was deferred for an active one is delivered.

        While it is passive, bundles for it are deferred, or with `abandon` deleted.
        """
        out: list[Output] = []
        passive = Registration.ABANDON if abandon else Registration.DEFER
        for record in self._delivery.register(service, Registration.ACTIVE if active else passive):
            self._deliver(record, now_s, out)
        return out

    def poll(self, service: str, now_s: float) -> list[Output]:
        """A passive application asks for one bundle: the first that was deferred for it (§5.7)."""
        out: list[Output] = []
        record = self._delivery.poll(service)
        if record is not None:
            self._deliver(record, now_s, out)
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
            check_ingress(bundle)
            facts = read_facts(bundle, self.options.names)
        except (
            MalformedBundle
        ) as fault:  # §5.6 step 3, in blocks that the codec leaves to their readers
            out = self._malformed(fault, size_bytes, previous, now_s)
            if fault.layer != "ingress":
                self._report(bundle, BundleFlag.REPORT_RECEPTION, 0, now_s, out)
                reason = Reason.BLOCK_UNINTELLIGIBLE
                self._report(bundle, BundleFlag.REPORT_DELETION, reason, now_s, out)
            return out
        record = self._records.received(bundle, facts, now_s, light_s, previous)
        record.size_bytes = size_bytes
        out = [BundleReceived(now_s, self.node, record.id, previous, size_bytes)]
        self.routing.saw(previous, record.id)
        if record.id in self._holdings or self._delivery.was_delivered(record):
            out.append(BundleDuplicate(now_s, self.node, record.id, previous))
            return out
        self._report(bundle, BundleFlag.REPORT_RECEPTION, 0, now_s, out, record.priority)
        # §5.6 step 4: blocks that this node does not know
        if facts.unsupported & BlockFlag.REPORT_IF_UNPROCESSED:
            reason = Reason.BLOCK_UNSUPPORTED
            self._report(
                bundle, BundleFlag.REPORT_RECEPTION, reason, now_s, out, record.priority, True
            )
        if facts.unsupported & BlockFlag.DELETE_BUNDLE_IF_UNPROCESSED:
            self._delete(record, Reason.BLOCK_UNSUPPORTED, now_s, out)
            return out
        if facts.unsupported & BlockFlag.DISCARD_IF_UNPROCESSED:
            record.bundle = self._builder.without_unsupported(bundle)
        if facts.hops > facts.hop_limit:
            self._delete(record, Reason.HOP_LIMIT_EXCEEDED, now_s, out)
            return out
        self._dispatch(record, now_s, out)
        return out

    def stored(self, ref: int, now_s: float) -> list[Output]:
        """The store has committed the bundle: go on with it (§5.4)."""
        out: list[Output] = []
        record = self._holdings.get(ref)
        if record is None:
            return out
        if record.destination != self.node:
            self._forward((record,), now_s, out)
        elif self._delivery.is_active(record):  # since it was put into the store
            self._deliver(record, now_s, out)
        else:
            self._delivery.defer(record)
        return out

    def not_stored(self, ref: int, now_s: float) -> list[Output]:
        """The store had no room after all: the bundle is deleted, reason 4 (§5.10)."""
        out: list[Output] = []
        record = self._holdings.get(ref)
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
        self._records.last_ref = ref - 1
        facts = read_facts(bundle, self.options.names)
        record = self._records.received(bundle, facts, received_s, 0.0, None)
        self._retain(record)
        out: list[Output] = []
        if record.destination == self.node:
            self._delivery.restore(record)
        else:
            self._forward((record,), now_s, out)
        return out

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
        self._report(record.bundle, BundleFlag.REPORT_FORWARDING, 0, now_s, out, record.priority)
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
        if self._holdings.get(record.ref) is not None:
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
            elif (record := self._holdings.get(subject)) is not None:
                if deadline.purpose is Purpose.EXPIRY:
                    self._delete(record, _why_expired(record), now_s, out)
                elif record.kept and not record.queued and not record.sending:
                    self._forward((record,), now_s, out)
        return out

    def _malformed(
        self, fault: MalformedBundle, size_bytes: int, previous: str, now_s: float
    ) -> list[Output]:
        return [BundleMalformed(now_s, self.node, previous, size_bytes, fault.layer, fault.reason)]

    # --- procedures -----------------------------------------------------------------------------

    def _dispatch(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """§5.3: to an application here, or onwards; in either case after the store has it, if it has to wait."""
        if record.expires_s + EXPIRY_GRAIN_S <= now_s:
            self._delete(record, _why_expired(record), now_s, out)
        elif record.destination == self.node:
            self._arrive(record, now_s, out)
        elif not record.destination and record.bundle.primary.destination.is_null:
            self._delete(record, Reason.DESTINATION_UNAVAILABLE, now_s, out, quietly=True)
        else:
            self._keep(record, now_s, out)

    def _arrive(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """§5.7: deliver what is for this node, once it is whole (§5.9) and its application takes it."""
        whole = self._delivery.accept(record, now_s, out)
        if whole is None:
            self._keep(record, now_s, out)
            return
        for used in whole.used:
            self._release(used, out)
        record = whole.record
        if self._delivery.is_active(record):
            self._deliver(record, now_s, out)
        elif self._delivery.defers(record):
            self._keep(record, now_s, out)
        else:
            self._delete(record, Reason.DESTINATION_UNAVAILABLE, now_s, out)

    def _keep(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """Commit to the store, making room by dropping what matters less (reason 4)."""
        victims = self._holdings.in_the_way(record)
        if victims is None:
            self._delete(record, Reason.DEPLETED_STORAGE, now_s, out)
            return
        for victim in victims:
            self._delete(victim, Reason.DEPLETED_STORAGE, now_s, out)
        self._retain(record)
        out.append(Store(record.ref, record.bundle))

    def _retain(self, record: StoredBundle) -> None:
        """It is in the store until it is released or expires."""
        self._holdings.add(record)
        self._deadlines.add(record.expires_s + EXPIRY_GRAIN_S, Purpose.EXPIRY, record.ref)

    def _forward(self, records: Iterable[StoredBundle], now_s: float, out: list[Output]) -> None:
        """§5.4: ask the strategy about each, then let every link whose queue grew send."""
        grown: dict[str, LinkQueue] = {}
        for record in records:
            verdict = self.routing.ask(record, now_s)
            if self.options.fragment and self._fragment(record, now_s, out):
                continue
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

    def _fragment(self, record: StoredBundle, now_s: float, out: list[Output]) -> bool:
        """§5.8: what no remaining contact can take whole becomes two fragments, of which the first fits."""
        if record.sending or not may_fragment(record.bundle):
            return False
        _, leaving_bytes = self._builder.outgoing(record, 0, now_s)
        room = room_bytes(self.routing, record, leaving_bytes, now_s)
        if not SMALLEST_BYTES <= room < record.size_bytes:
            return False
        pieces = [self._records.piece(piece, record) for piece in split(record.bundle, int(room))]
        names = tuple(piece.id for piece in pieces)
        out.append(BundleFragmented(now_s, self.node, record.id, names))
        for entry in tuple(record.queued):
            self.routing.withdraw(entry)
        gone: list[Output] = []
        self._release(record, gone)
        for piece in pieces:
            self._keep(piece, now_s, out)
        out += gone
        return True

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

        def fits(entry: Queued) -> bool:
            _, size_bytes = self._builder.outgoing(entry.record, entry.tokens, now_s)
            return contact.last_bit_s(now_s, size_bytes) < math.inf

        entry = link.next_that(fits)
        if entry is None:
            return
        record = entry.record
        bundle, size_bytes = self._builder.outgoing(record, entry.tokens, now_s)
        self.routing.started(entry, link, now_s, size_bytes)
        record.sending += 1
        self._last_transfer += 1
        self._transfers[self._last_transfer] = entry
        number = link.number
        out.append(TransferStarted(now_s, self.node, record.id, link.name, number, size_bytes))
        out.append(Transmit(self._last_transfer, link.name, number, record.id, bundle, size_bytes))

    def _deliver(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """§5.7: local delivery; an administrative record to the administrative element (§6)."""
        self._delivery.deliver(record, now_s, out)
        if record.bundle.is_administrative:
            came_from = record.came_from
            out += administer(record.bundle, self.node, came_from, record.size_bytes, now_s)
        self._deadlines.add(record.expires_s + EXPIRY_GRAIN_S, Purpose.FORGET, record.id)
        self._report(record.bundle, BundleFlag.REPORT_DELIVERY, 0, now_s, out, record.priority)
        self._release(record, out)

    def _delete(
        self,
        record: StoredBundle,
        reason: int,
        now_s: float,
        out: list[Output],
        *,
        quietly: bool = False,
    ) -> None:
        """§5.10: delete the node's copy, saying why."""
        for entry in tuple(record.queued):
            self.routing.withdraw(entry)
        self._delivery.discard(record)
        out.append(BundleDeleted(now_s, self.node, record.id, int(reason)))
        if not quietly:
            flag = BundleFlag.REPORT_DELETION
            self._report(record.bundle, flag, reason, now_s, out, record.priority)
        self._release(record, out)

    def _release(self, record: StoredBundle, out: list[Output]) -> None:
        """No constraint is left: the store may forget it (§5.10 step 2, §5.11)."""
        if self._holdings.remove(record):
            self._held.pop(record.ref, None)
            out.append(Release(record.ref))

    def _report(
        self,
        bundle: Bundle,
        flag: int,
        reason: int,
        now_s: float,
        out: list[Output],
        priority: int = NORMAL_PRIORITY,
        by_block: bool = False,
    ) -> None:
        """§6.1: make a status report if this bundle, or a block of it, asks for it and this node is set to."""
        if self.options.status_reports and (by_block or bundle.primary.flags & flag):
            dtn_ms = self.options.start_dtn_ms + int(now_s * 1000)
            request = report_on(bundle, flag, reason, dtn_ms, priority)
            if request is not None:
                out.extend(self.transmit(request, now_s))


def _why_expired(record: StoredBundle) -> int:
    """Reason 1 if its own lifetime is over, 10 if only the one that this node gives it (§5.5)."""
    own_s = record.bundle.primary.lifetime_ms / 1000
    early = record.created_s + own_s > record.expires_s + EXPIRY_GRAIN_S
    return Reason.TRAFFIC_PARED if early else Reason.LIFETIME_EXPIRED
