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

from collections.abc import Iterable

from dtn.administrative_record import Reason
from dtn.bpa.blocks import read_facts
from dtn.bpa.deadlines import EXPIRY, FORFEIT
from dtn.bpa.delivery import Registration
from dtn.bpa.ingress import check_ingress
from dtn.bpa.outputs import Output
from dtn.bpa.procedures import Procedures, why_expired
from dtn.bpa.request import TransmissionRequest
from dtn.bpsec import structure
from dtn.bundle import BlockFlag, Bundle, BundleFlag
from dtn.codec import decode
from dtn.errors import MalformedBundle
from dtn.events import (
    BundleDuplicate,
    BundleMalformed,
    BundleReceived,
    ContactEnded,
    ContactStarted,
    PlanUpdated,
    TransferFailed,
    TransferFinished,
)


class Agent(Procedures):
    """The agent of one node.

    Args:
        node: its name.
        options: endpoint, names, limits.
        routing: its routing engine.
    """

    # --- applications ---------------------------------------------------------------------------

    def transmit(self, request: TransmissionRequest, now_s: float) -> list[Output]:
        """An application wants something sent (§5.2)."""
        out: list[Output] = []
        self._source(request, now_s, out)
        return out

    def cancel(self, bundle_id: str, now_s: float) -> list[Output]:
        """An application takes back what it wanted sent (§5.12); nothing happens if it is gone already."""
        out: list[Output] = []
        record = self.holdings.find(bundle_id)
        if record is not None and record.source == self.node:
            self.delete(record, Reason.TRANSMISSION_CANCELED, now_s, out)
        return out

    def registered(
        self, service: str, active: bool, now_s: float, *, abandon: bool = False
    ) -> list[Output]:
        """A registration became active or passive (§5.7); what was deferred for an active one is delivered.

        While it is passive, bundles for it are deferred, or with `abandon` deleted.
        """
        out: list[Output] = []
        passive = Registration.ABANDON if abandon else Registration.DEFER
        for record in self.delivery.register(service, Registration.ACTIVE if active else passive):
            self._deliver(record, now_s, out)
        return out

    def poll(self, service: str, now_s: float) -> list[Output]:
        """A passive application asks for one bundle: the first that was deferred for it (§5.7)."""
        out: list[Output] = []
        record = self.delivery.poll(service)
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
            structure.check(bundle)
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
        record = self.records.received(bundle, facts, now_s, light_s, previous)
        record.size_bytes = size_bytes
        out = [BundleReceived(now_s, self.node, record.id, previous, size_bytes)]
        self.routing.saw(previous, record.id)
        if record.id in self.holdings or self.delivery.was_delivered(record, now_s):
            out.append(BundleDuplicate(now_s, self.node, record.id, previous))
            return out
        self._report(bundle, BundleFlag.REPORT_RECEPTION, 0, now_s, out)
        # §5.6 step 4: blocks that this node does not know
        if facts.unsupported & BlockFlag.REPORT_IF_UNPROCESSED:
            reason = Reason.BLOCK_UNSUPPORTED
            flag = BundleFlag.REPORT_RECEPTION
            self._report(bundle, flag, reason, now_s, out, by_block=True)
        if facts.unsupported & BlockFlag.DELETE_BUNDLE_IF_UNPROCESSED:
            self.delete(record, Reason.BLOCK_UNSUPPORTED, now_s, out)
            return out
        if facts.unsupported & BlockFlag.DISCARD_IF_UNPROCESSED:
            record.bundle = self.builder.without_unsupported(bundle)
        if facts.hops > facts.hop_limit:
            self.delete(record, Reason.HOP_LIMIT_EXCEEDED, now_s, out)
            return out
        self.dispatch(record, now_s, out)
        return out

    def stored(self, ref: int, now_s: float) -> list[Output]:
        """The store has committed the bundle: go on with it (§5.4)."""
        out: list[Output] = []
        record = self.holdings.get(ref)
        if record is None:
            return out
        if record.destination != self.node:
            self._forward((record,), now_s, out)
        elif self.delivery.is_active(record):  # since it was put into the store
            self._deliver(record, now_s, out)
        else:
            self.delivery.defer(record)
        return out

    def not_stored(self, ref: int, now_s: float) -> list[Output]:
        """The store had no room after all: the bundle is deleted, reason 4 (§5.10)."""
        out: list[Output] = []
        record = self.holdings.get(ref)
        if record is not None:
            self.delete(record, Reason.DEPLETED_STORAGE, now_s, out)
        return out

    def restored(self, ref: int, bundle: Bundle, received_s: float, now_s: float) -> list[Output]:
        """A bundle that the store kept over a restart: before all other verbs, in order of ref.

        Args:
            ref: by which the store knows it.
            bundle: as it was put into the store.
            received_s: when it was.
            now_s: the present.
        """
        self.records.last_ref = ref - 1
        facts = read_facts(bundle, self.options.names)
        record = self.records.received(bundle, facts, received_s, 0.0, None)
        self._retain(record)
        out: list[Output] = []
        if record.destination == self.node:
            self.delivery.restore(record)
        else:
            self._forward((record,), now_s, out)
        return out

    def lose_all(self, now_s: float) -> list[Output]:
        """The store is empty, and nobody has been told: after a reset of what was not durable."""
        out: list[Output] = []
        for record in tuple(self.holdings):
            self.delete(record, Reason.NO_INFORMATION, now_s, out, quietly=True)
        return out

    # --- links ----------------------------------------------------------------------------------

    def contact_started(self, contact: int, now_s: float) -> list[Output]:
        """The link of this contact is up: ask about what is on hold, then send."""
        link = self.routing.contact_started(contact, now_s)
        out: list[Output] = [ContactStarted(now_s, self.node, link.name, contact)]
        self.tell(link.name, contact, now_s, out)
        held = self.on_hold.met(link.name)
        self._forward(self.routing.worth_asking(held, now_s), now_s, out)
        self._pump(link, now_s, out)
        return out

    def contact_ended(self, contact: int, now_s: float, reason: str = "scheduled") -> list[Output]:
        """The link of this contact is down; cut short, what waits for it is routed again."""
        link = self.routing.contact_ended(contact, cut=reason != "scheduled", now_s=now_s)
        out: list[Output] = [ContactEnded(now_s, self.node, link.name, contact, reason)]
        self._forfeit(contact, now_s, out)
        return out

    def plan_changed(
        self,
        version: int,
        known_s: float,
        withdrawn: Iterable[int],
        announced: Iterable[int],
        now_s: float,
    ) -> list[Output]:
        """The node goes by another contact plan: everything that waits is routed again.

        Args:
            version: of the plan.
            known_s: since when it has been known at its origin.
            withdrawn: contacts not to be counted on any more, by number.
            announced: contacts that were not known.
            now_s: the present.
        """
        out: list[Output] = [PlanUpdated(now_s, self.node, version, known_s)]
        waiting = (*self.routing.adopt(version, withdrawn, announced, now_s), *self.on_hold.all())
        self._forward({record.ref: record for record in waiting}.values(), now_s, out)
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
        entry = self.transfers.pop(transfer)
        record = entry.record
        record.sending -= 1
        record.failed_with = None
        self.routing.sent(entry, now_s)
        out: list[Output] = [TransferFinished(now_s, self.node, record.id, entry.neighbour)]
        self._report(record.bundle, BundleFlag.REPORT_FORWARDING, 0, now_s, out)
        if not record.retained:
            self._release(record, out)
        return out

    def transfer_failed(self, transfer: int, reason: str, now_s: float) -> list[Output]:
        """The convergence layer gives the bundle back: ask again (§5.4 step 2, §5.4.2)."""
        entry = self.transfers.pop(transfer)
        record = entry.record
        record.sending -= 1
        out: list[Output] = [TransferFailed(now_s, self.node, record.id, entry.neighbour, reason)]
        self.routing.not_sent(entry, now_s)
        if self.holdings.get(record.ref) is not None:
            record.failed_with = entry.neighbour
            self._forward((record,), now_s, out)
        return out

    # --- time -----------------------------------------------------------------------------------

    def next_timer(self) -> float:
        """When to call on_timer next; inf if never."""
        return self.deadlines.next_s()

    def on_timer(self, now_s: float) -> list[Output]:
        """Everything whose time has come."""
        out: list[Output] = []
        while (deadline := self.deadlines.due(now_s)) is not None:
            _, _, purpose, subject = deadline
            if purpose is FORFEIT:
                self._forfeit(subject, now_s, out)
            elif (record := self.holdings.get(subject)) is not None:
                if purpose is EXPIRY:
                    self.delete(record, why_expired(record), now_s, out)
                elif record.kept and not record.queued and not record.sending:
                    self._forward((record,), now_s, out)
        return out

    def _malformed(
        self, fault: MalformedBundle, size_bytes: int, previous: str, now_s: float
    ) -> list[Output]:
        return [BundleMalformed(now_s, self.node, previous, size_bytes, fault.layer, fault.reason)]
