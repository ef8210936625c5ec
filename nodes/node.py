"""Node: the shell around one bundle protocol agent; it carries out what the agent says.

The agent is a machine without clock or sockets: each verb returns outputs. The node works them off
in order; what that brings about joins the end of the same list, so nothing recurses and the order
of events is that of causes. `now_s` is always the due time of what happened, never a reading.

A bundle that came over a convergence layer with acknowledgements is acknowledged when everything
that was put into the store up to then has been committed: stores answer in the order of the puts.

One timer stands for all of the agent's deadlines. It is never called off: when it meets a deadline
that has moved, it is set anew.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from dtn.administrative_record import Reason
from dtn.bpa import Agent, TransmissionRequest
from dtn.bpa.outputs import Deliver, Output, Release, Store, Transmit
from dtn.bundle import Bundle
from dtn.events import (
    BundleDeleted,
    BundleHeld,
    BundleLost,
    BundleReceived,
    BundleSourced,
    Event,
    NodeDown,
    NodeUp,
)
from dtn.store import Store as BundleStore
from nodes.convergence.convergence_layer import Acknowledge, ConvergenceLayer
from nodes.past import NOTHING, Past
from nodes.timers import Timers

_DEEDS = (Store, Transmit, Release, Deliver)
"""Outputs that are to be carried out; the others are events."""

PROCESS_DIED = "process died"
"""Why a bundle is lost that a store did not have yet."""

CONTACT_ENDED = "contact ended"
"""Why a transfer failed that the planned end of its contact cut short."""


class Application(Protocol):
    """What is registered for a service of a node."""

    @property
    def service(self) -> str:
        """The service part of its endpoint."""

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """A bundle for this service came."""


class _Receipt(NamedTuple):
    """An acknowledgement that waits until so many puts have been answered; `refs` are of its own."""

    puts: int
    refs: frozenset[int]
    acknowledge: Acknowledge


class Node:
    """One node of the network; down until `go_up`.

    Args:
        name: its name, as in the contact plan.
        agent: its bundle protocol agent.
        store: where its bundles rest; survives going down.
        timers: the loop.
        record: takes events.
        convergence: makes its convergence layer, which talks back to the node it is given.
    """

    def __init__(
        self,
        name: str,
        agent: Agent,
        store: BundleStore,
        timers: Timers,
        record: Callable[[Event], object],
        convergence: Callable[[Node], ConvergenceLayer],
    ) -> None:
        self.name = name
        self.agent = agent
        self.timers = timers
        self.is_up = False
        self.is_deaf = False
        self._store = store
        self._record = record
        self._convergence = convergence(self)
        self._applications: dict[str, Application] = {}
        self._lost: list[str] = []
        self._told_when_down: list[Callable[[str, float], object]] = []
        self._work: deque[Output] = deque()
        self._working = False
        self._working_s = 0.0
        self.armed_s = math.inf
        self._puts = 0
        self._answered = 0
        self._not_stored: set[int] = set()
        self._receipts: deque[_Receipt] = deque()

    # -- applications

    def register(self, application: Application) -> None:
        """Deliver to this application what is for its service (RFC 9171 §5.7)."""
        self._applications[application.service] = application
        now_s = self.timers.time()
        self._carry(self.agent.registered(application.service, True, now_s), now_s)

    def send(self, request: TransmissionRequest) -> str | None:
        """Transmit on an application's behalf (RFC 9171 §5.2); returns the bundle's identity.

        A node that is down asks nothing.
        """
        if not self.is_up:
            return None
        now_s = self.timers.time()
        outputs = self.agent.transmit(request, now_s)
        self._carry(outputs, now_s)
        return next((out.bundle for out in outputs if isinstance(out, BundleSourced)), None)

    def when_down(self, tell: Callable[[str, float], object]) -> None:
        """Call `tell(reason, now_s)` whenever the node goes down: what was in its memory is gone."""
        self._told_when_down.append(tell)

    # -- the environment: power and links

    def restore(self, now_s: float, past: Past = NOTHING) -> None:
        """Go on with what the store kept over a restart of the process, before all else.

        What the journal says has been done with stays so, whether or not the store heard of it; what the
        journal says is here and the store does not have is lost.
        """
        self.agent.delivery.recall(past.delivered)
        for kept in self._store:
            if str(kept.bundle.id) in past.gone:
                self._store.forget(kept.ref)
            else:
                self._carry(self.agent.restored(*kept, now_s), now_s)
        here = set(self.agent.held())
        self._lost = [bundle_id for bundle_id in past.held if bundle_id not in here]

    def go_up(self, now_s: float) -> None:
        """Join the network, with the store as it was left."""
        self.is_up = True
        self._record(NodeUp(now_s, self.name))
        for bundle_id in self._lost:
            self._record(BundleLost(now_s, self.name, bundle_id, PROCESS_DIED))
        self._lost.clear()
        if not self.is_deaf:
            self._convergence.start()
        overdue = self.agent.next_timer() <= now_s
        self._carry(self.agent.on_timer(now_s) if overdue else (), now_s)

    def go_down(self, now_s: float, reason: str) -> None:
        """Leave the network; its contacts must have ended."""
        self._convergence.stop()
        self._record(NodeDown(now_s, self.name, reason))
        self.is_up = False
        for tell in self._told_when_down:
            tell(reason, now_s)

    def set_deaf(self, is_deaf: bool) -> None:
        """Its terminals go off, or on again: what arrives meanwhile is lost; its contacts must have ended."""
        self.is_deaf = is_deaf
        if is_deaf:
            self._convergence.stop()
        elif self.is_up:
            self._convergence.start()

    def contact_started(self, contact: int, now_s: float) -> None:
        """The link of this contact is up."""
        self._convergence.open(contact, now_s)
        self._carry(self.agent.contact_started(contact, now_s), now_s)

    def contact_ended(self, contact: int, now_s: float, reason: str = "scheduled") -> None:
        """The link of this contact is down."""
        cut_short = self._convergence.close(contact, now_s)
        self._carry(self.agent.contact_ended(contact, now_s, reason), now_s)
        why = CONTACT_ENDED if reason == "scheduled" else reason
        for request in cut_short:
            self.transfer_failed(request.transfer, why, now_s)

    def plan_changed(
        self,
        version: int,
        known_s: float,
        withdrawn: Iterable[int],
        announced: Iterable[int],
        now_s: float,
    ) -> None:
        """Go by another version of the contact plan; see `Agent.plan_changed`."""
        outputs = self.agent.plan_changed(version, known_s, withdrawn, announced, now_s)
        self._carry(outputs, now_s)

    def end(self, now_s: float) -> None:
        """The run is over: say what is still held."""
        for bundle_id in self.agent.held():
            self._record(BundleHeld(now_s, self.name, bundle_id))

    # -- the convergence layer

    def transfer_finished(self, transfer: int, now_s: float) -> None:
        """Nothing more is owed to this transfer."""
        self._carry(self.agent.transfer_finished(transfer, now_s), now_s)

    def transfer_failed(self, transfer: int, reason: str, now_s: float) -> None:
        """The convergence layer gives a bundle back."""
        self._carry(self.agent.transfer_failed(transfer, reason, now_s), now_s)

    def link_ready(self, neighbour: str, now_s: float) -> None:
        """Another bundle can be taken for this neighbour."""
        self._carry(self.agent.link_ready(neighbour, now_s), now_s)

    def received(
        self,
        content: bytes | Bundle,
        previous: str,
        now_s: float,
        size_bytes: int,
        light_s: float,
        acknowledge: Acknowledge | None = None,
    ) -> None:
        """A bundle came in whole from a neighbour, as octets or as itself."""
        if isinstance(content, Bundle):
            outputs = self.agent.receive(content, previous, now_s, size_bytes, light_s)
        else:
            outputs = self.agent.receive_octets(content, previous, now_s, light_s)
        self._carry(outputs, now_s)
        if acknowledge is not None:
            if _is_turned_away(outputs):
                acknowledge(False)
                return
            own = frozenset(output.ref for output in outputs if isinstance(output, Store))
            self._receipts.append(_Receipt(self._puts, own, acknowledge))
            self._send_receipts()

    # -- carrying out

    def _carry(self, outputs: Iterable[Output], now_s: float) -> None:
        """Work off the outputs and what they bring about, then set the timer."""
        self._work.extend(outputs)
        if self._working:
            return  # the list is being worked off below us
        self._work_off(now_s)
        self._arm()

    def _work_off(self, now_s: float) -> None:
        """Carry out what is on the list, and what that brings about."""
        work = self._work
        self._working = True
        self._working_s = now_s
        try:
            while work:
                output = work.popleft()
                if isinstance(output, _DEEDS):
                    self._carry_out(output, now_s)
                else:
                    self._record(output)
        finally:
            self._working = False

    def _carry_out(self, deed: Store | Transmit | Release | Deliver, now_s: float) -> None:
        if isinstance(deed, Store):
            self._puts += 1
            self._store.put(deed.ref, deed.bundle, now_s, self._stored)
        elif isinstance(deed, Transmit):
            self._convergence.transmit(deed, now_s)
        elif isinstance(deed, Release):
            self._store.forget(deed.ref)
        else:
            self._applications[deed.service].deliver(deed.bundle, now_s)

    def _stored(self, ref: int, is_stored: bool) -> None:
        """The store answers a put: at once, or on the loop when it has committed."""
        self._answered += 1
        now_s = self._working_s if self._working else self.timers.time()
        if is_stored:
            self._carry(self.agent.stored(ref, now_s), now_s)
        else:
            self._not_stored.add(ref)
            self._carry(self.agent.not_stored(ref, now_s), now_s)
        if self._receipts and not self._working:
            self._send_receipts()

    def _send_receipts(self) -> None:
        """Acknowledge what came in and is safe by now."""
        receipts = self._receipts
        while receipts and receipts[0].puts <= self._answered:
            _, refs, acknowledge = receipts.popleft()
            acknowledge(self._not_stored.isdisjoint(refs))
        if not receipts:
            self._not_stored.clear()

    def _arm(self) -> None:
        due_s = self.agent.next_timer()
        if due_s < self.armed_s:
            self.armed_s = due_s
            self.timers.schedule(due_s, self._on_timer, due_s)

    def _on_timer(self, due_s: float) -> None:
        if due_s != self.armed_s:
            return  # an earlier deadline came between and set its own
        self.armed_s = math.inf
        if not self.is_up:
            return
        if self.agent.next_timer() <= due_s:
            self._carry(self.agent.on_timer(due_s), due_s)
        else:
            self._arm()


def _is_turned_away(outputs: list[Output]) -> bool:
    """Whether a bundle that came in was deleted because the quota left no room for it."""
    came = next((output.bundle for output in outputs if isinstance(output, BundleReceived)), None)
    return any(
        isinstance(output, BundleDeleted)
        and output.reason == Reason.DEPLETED_STORAGE
        and output.bundle == came
        for output in outputs
    )
