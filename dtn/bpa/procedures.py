"""Procedures: what a bundle protocol agent does inside, each named after its section of RFC 9171.

Source (§5.2), dispatch (§5.3), forward (§5.4), fragment (§5.8), arrive and deliver (§5.7, §5.9), delete (§5.10),
release (§5.11), report (§6.1). `dtn.bpa.agent` tells them what happened. They append to `out` what is to be done.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dtn.administrative_record import Reason
from dtn.bpa.administration import administer
from dtn.bpa.blocks import BundleBuilder, priority_of
from dtn.bpa.deadlines import ASK, EXPIRY, Deadlines
from dtn.bpa.delivery import Delivery
from dtn.bpa.holdings import Holdings
from dtn.bpa.on_hold import OnHold
from dtn.bpa.outputs import Output, Release, Store, Transmit
from dtn.bpa.records import Records
from dtn.bpa.request import AgentOptions, TransmissionRequest
from dtn.bpa.security import BundleSecurity
from dtn.bpa.splitting import two_of
from dtn.bpa.status_report import report_on
from dtn.bpa.summary import summary_for, summary_in
from dtn.bundle import Bundle, BundleFlag
from dtn.codec import encoded_size
from dtn.events import (
    BundleDeleted,
    BundleFragmented,
    BundleSourced,
    RouteForfeited,
    TransferStarted,
)
from dtn.routing.engine import RoutingEngine
from dtn.routing.queue import LinkQueue, Queued
from dtn.routing.verdict import Verdict
from dtn.stored_bundle import StoredBundle

EXPIRY_GRAIN_S: Final = 1e-3
"""A bundle as old as its lifetime is alive; it is expired a millisecond, BPv7's grain of time, later (§5.5)."""


class Procedures:
    """The state of one node's agent, and the procedures that change it.

    Args:
        node: its name.
        options: endpoint, names, limits.
        routing: its routing engine.
    """

    def __init__(self, node: str, options: AgentOptions, routing: RoutingEngine) -> None:
        self.node = node
        self.options = options
        self.routing = routing
        self.builder = BundleBuilder(options)
        self._security = BundleSecurity(node, options)
        self.records = Records(options)
        self.holdings = Holdings(options.store_bytes)
        self.delivery = Delivery(node)
        self.deadlines = Deadlines(self.holdings.refs)
        self.on_hold = OnHold()
        self.transfers: dict[int, Queued] = {}
        self.last_transfer = 0

    @property
    def stored_bytes(self) -> int:
        """What the store holds."""
        return self.holdings.size_bytes

    def held(self) -> list[str]:
        """Identities of the bundles in the store, in order of arrival."""
        return [record.id for record in self.holdings]

    def _source(
        self,
        request: TransmissionRequest,
        now_s: float,
        out: list[Output],
        *,
        tells: str | None = None,
    ) -> None:
        """§5.2: make the bundle that was asked for and dispatch it; a summary `tells` one neighbour."""
        bundle = self._security.protect(self.builder.new(request, now_s))
        record = self.records.sourced(bundle, now_s, request.lifetime_s, self.routing.tokens)
        if tells is not None:
            self.routing.tells(record.id, tells)
        out.append(
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
        )
        self.dispatch(record, now_s, out)

    def dispatch(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """§5.3: to an application here, or onwards; in either case after the store has it, if it has to wait."""
        if record.expires_s + EXPIRY_GRAIN_S <= now_s:
            self.delete(record, why_expired(record), now_s, out)
        elif record.destination == self.node:
            self._arrive(record, now_s, out)
        elif not record.destination and record.bundle.primary.destination.is_null:
            self.delete(record, Reason.DESTINATION_UNAVAILABLE, now_s, out, quietly=True)
        elif record.came_from is None or self._is_secure(record, now_s, out):
            self._keep(record, now_s, out)

    def _arrive(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """§5.7: deliver what is for this node, once it is whole (§5.9) and its application takes it."""
        whole = self.delivery.accept(record, now_s, out)
        if whole is None:
            self._keep(record, now_s, out)
            return
        for used in whole.used:
            self._release(used, out)
        record = whole.record
        if not self._is_secure(record, now_s, out):
            return
        if self.delivery.is_active(record):
            self._deliver(record, now_s, out)
        elif self.delivery.defers(record):
            self._keep(record, now_s, out)
        else:
            self.delete(record, Reason.DESTINATION_UNAVAILABLE, now_s, out)

    def _is_secure(self, record: StoredBundle, now_s: float, out: list[Output]) -> bool:
        """RFC 9172 §5.1: check and accept the security operations that are this node's to check and accept."""
        verdict = self._security.examine(record, now_s)
        if verdict is None:
            return True
        out += verdict.failures
        if verdict.reason is not None:
            self.delete(record, verdict.reason, now_s, out)
            return False
        if verdict.bundle is not record.bundle:
            record.bundle = verdict.bundle
            record.size_bytes = encoded_size(verdict.bundle)
            record.priority = priority_of(verdict.bundle)
        return True

    def _keep(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """Commit to the store, making room by dropping what matters less (reason 4)."""
        victims = self.holdings.in_the_way(record)
        if victims is None:
            self.delete(record, Reason.DEPLETED_STORAGE, now_s, out)
            return
        for victim in victims:
            self.delete(victim, Reason.DEPLETED_STORAGE, now_s, out, quietly=True)
        self._retain(record)
        out.append(Store(record.ref, record.bundle))
        for victim in victims:  # now that the room is taken that reports would take
            flag, reason = BundleFlag.REPORT_DELETION, Reason.DEPLETED_STORAGE
            self._report(victim.bundle, flag, reason, now_s, out)

    def _retain(self, record: StoredBundle) -> None:
        """It is in the store until it is released or expires."""
        self.holdings.add(record)
        self.deadlines.add(record.expires_s + EXPIRY_GRAIN_S, EXPIRY, record.ref)

    def _forward(self, records: Iterable[StoredBundle], now_s: float, out: list[Output]) -> None:
        """§5.4: ask the strategy about each, then let every link whose queue grew send."""
        grown: dict[str, LinkQueue] = {}
        for record in records:
            self.settle(record, self.routing.ask(record, now_s), grown, now_s, out)
        for link in grown.values():
            self._pump(link, now_s, out)

    def settle(
        self,
        record: StoredBundle,
        verdict: Verdict,
        grown: dict[str, LinkQueue],
        now_s: float,
        out: list[Output],
    ) -> None:
        """What follows from the strategy's verdict on a bundle; `grown` takes the links whose queue grew."""
        if self.options.fragment and self._fragment(record, now_s, out):
            return
        out.extend(verdict.events)
        if verdict.drop is not None:
            self.delete(record, verdict.drop, now_s, out)
            return
        for link in verdict.grown:
            grown[link.name] = link
            for entry in record.queued:
                end_s = self.routing.contact_at(entry.contact).end_s
                self.deadlines.add_forfeit(end_s, entry.contact)
        if record.kept:
            self.on_hold.put(record, verdict.awaits)
            self.deadlines.add(verdict.ask_again_s, ASK, record.ref)
        else:
            self.on_hold.remove(record.ref)
            if not record.retained:
                self._release(record, out)

    def _fragment(self, record: StoredBundle, now_s: float, out: list[Output]) -> bool:
        """§5.8: two fragments take the place of what no remaining contact can take whole."""
        _, leaving_bytes = self.builder.outgoing(record, 0, now_s)
        pieces = two_of(record, leaving_bytes, self.routing, self.records, now_s)
        if not pieces:
            return False
        names = tuple(piece.id for piece in pieces)
        out.append(BundleFragmented(now_s, self.node, record.id, names))
        for entry in tuple(record.queued):
            self.routing.withdraw(entry)
        gone: list[Output] = []
        self._release(record, gone)
        for piece in pieces:
            self._keep(piece, now_s, out)
        out += gone  # the store lets go of the whole when it has the fragments
        return True

    def _forfeit(self, contact: int, now_s: float, out: list[Output]) -> None:
        """What is still queued for a contact that is over is routed again."""
        back = self.routing.forfeit(contact, now_s)
        if not back:
            return
        neighbour = self.routing.contact_at(contact).destination
        out.extend(RouteForfeited(now_s, self.node, record.id, neighbour) for record in back)
        self._forward(back, now_s, out)

    def _pump(self, link: LinkQueue, now_s: float, out: list[Output]) -> None:
        """Start the next transfer on a link that is up and free."""
        contact = link.contact
        if contact is None or link.busy:
            return

        entry = link.next_in(contact, now_s, self._leaving_bytes)
        if entry is not None:
            self.start(entry, link, now_s, out)

    def _leaving_bytes(self, entry: Queued, now_s: float) -> int:
        return self.builder.outgoing(entry.record, entry.tokens, now_s, entry.planned)[1]

    def start(self, entry: Queued, link: LinkQueue, now_s: float, out: list[Output]) -> None:
        """§5.4 step 4: hand what was taken from a link's queue to the convergence layer."""
        record = entry.record
        bundle, size_bytes = self.builder.outgoing(record, entry.tokens, now_s, entry.planned)
        self.routing.started(entry, link, now_s, size_bytes)
        record.sending += 1
        self.last_transfer += 1
        self.transfers[self.last_transfer] = entry
        number = link.number
        out.append(TransferStarted(now_s, self.node, record.id, link.name, number, size_bytes))
        out.append(Transmit(self.last_transfer, link.name, number, record.id, bundle, size_bytes))

    def _deliver(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """§5.7: local delivery; an administrative record to the administrative element (§6)."""
        self.delivery.deliver(record, record.expires_s + EXPIRY_GRAIN_S, now_s, out)
        if record.bundle.is_administrative:
            came_from = record.came_from
            out += administer(record.bundle, self.node, came_from, record.size_bytes, now_s)
            told = summary_in(record.bundle)
            if told is not None:
                self.routing.learn(record.source, told, now_s)
                held = self.on_hold.met(record.source)
                self._forward(self.routing.worth_asking(held, now_s), now_s, out)
        self._report(record.bundle, BundleFlag.REPORT_DELIVERY, 0, now_s, out)
        self._release(record, out)

    def tell(self, neighbour: str, contact: int, now_s: float, out: list[Output]) -> None:
        """Tell a neighbour whose contact begins what the strategy has to say (§6)."""
        told = self.routing.summary(neighbour, now_s)
        if told is None:
            return
        lifetime_s = self.routing.contact_at(contact).latest_arrival_s - now_s
        request = summary_for(neighbour, told, lifetime_s, self.options)
        if request is not None:
            self._source(request, now_s, out, tells=neighbour)

    def delete(
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
        self.delivery.discard(record)
        out.append(BundleDeleted(now_s, self.node, record.id, int(reason)))
        if not quietly:
            flag = BundleFlag.REPORT_DELETION
            self._report(record.bundle, flag, reason, now_s, out)
        self._release(record, out)

    def _release(self, record: StoredBundle, out: list[Output]) -> None:
        """No constraint is left: the store may forget it (§5.10 step 2, §5.11)."""
        if self.holdings.remove(record):
            self.on_hold.remove(record.ref)
            out.append(Release(record.ref))

    def _report(
        self,
        bundle: Bundle,
        flag: int,
        reason: int,
        now_s: float,
        out: list[Output],
        *,
        by_block: bool = False,
    ) -> None:
        """§6.1: make a status report if this bundle, or a block of it, asks for it and this node is set to."""
        if self.options.status_reports and (by_block or bundle.primary.flags & flag):
            request = report_on(bundle, flag, reason, self.options.start_dtn_ms + int(now_s * 1000))
            if request is not None:
                self._source(request, now_s, out)


def why_expired(record: StoredBundle) -> int:
    """Reason 1 if its own lifetime is over, 10 if only the one that this node gives it (§5.5)."""
    own_s = record.bundle.primary.lifetime_ms / 1000
    early = record.created_s + own_s > record.expires_s + EXPIRY_GRAIN_S
    return Reason.TRAFFIC_PARED if early else Reason.LIFETIME_EXPIRED
