"""RoutingEngine: asks the strategy, and does what it decides: queues, books volume, refunds, times out, asks again.

One engine a node. It knows its own queues and its own bookings, never those of others (SABR's local knowledge).
Guarantees: a transmission is charged once on every contact of its route; a bundle that was not sent is refunded; a
bundle still queued when its contact ends is given back (forfeited) with `failed_with` set, and the strategy is asked
again.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Collection, Hashable, Iterable, MutableMapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import StrategyFault
from dtn.events import RouteComputed
from dtn.routing.hooks import Traits
from dtn.routing.index import index_of
from dtn.routing.own_contacts import OwnContacts
from dtn.routing.queue import PRIORITIES, LinkQueue, Queued
from dtn.routing.route import Route
from dtn.routing.sabr import SabrOptions
from dtn.routing.strategy import Decisions, Hold, Send, Strategy
from dtn.routing.verdict import Verdict, listed
from dtn.routing.view import NodeView
from dtn.stored_bundle import StoredBundle

if TYPE_CHECKING:
    import random


LEAST_LOOP_HOPS = 8
"""A bundle that has come back to more nodes than there are, and so many, is being sent round and round."""

NO_TIMELY_CONTACT = 7
"""Reason code (RFC 9171 §6.1.1)."""


class RoutingEngine:
    """The routing of one node.

    Args:
        node: its name.
        plan: the contact plan as this node knows it.
        strategy: the function to ask, with its traits.
        rng: the node's own randomness.
        options: SABR's open points, for `view.routes`.
        world: what the nodes of a run share, for strategies with the trait `shares`.
        unknown: contacts of the plan, by number, that the node does not know of; strategies that share know all.
    """

    def __init__(
        self,
        node: str,
        plan: ContactPlan,
        strategy: Strategy,
        rng: random.Random,
        options: SabrOptions | None = None,
        world: MutableMapping[str, Any] | None = None,
        unknown: frozenset[int] = frozenset(),
    ) -> None:
        self.node = node
        self.strategy = strategy
        self.options = options or SabrOptions()
        self.memory: MutableMapping[Hashable, Any] = {}
        self._booked: dict[int, list[float]] = {}
        self._whole_plan = plan
        self._volumes: list[float] = []
        self._contacts = plan.contacts
        self._decide = strategy.decide
        self._evc_bytes: dict[float, float] = {}
        self.changes = 0
        self._cut: set[int] = set()
        self._open: list[LinkQueue] = []
        self._active: dict[str, LinkQueue] = {}
        self._telling: dict[str, str] = {}
        self._traits = Traits.of(strategy.traits)
        self.tokens = self._traits.tokens
        self.world: MutableMapping[str, Any] = {}
        if world is not None and self._traits.shares:
            self.world = world
        self._most_revisits = max(LEAST_LOOP_HOPS, len(plan.nodes))
        self._own = OwnContacts(node, plan, self._traits.shares, unknown)
        self.links = {name: LinkQueue(name) for name in self._own.neighbours}
        self._view = NodeView(self, rng)

    # --- the plan as this node knows it -----------------------------------------------------------

    @property
    def plan(self) -> ContactPlan:
        """The contact plan as this node knows it."""
        return self._own.plan

    def adopt(
        self, version: int, withdrawn: Iterable[int], announced: Iterable[int], now_s: float
    ) -> list[StoredBundle]:
        """Go by another version of the plan; gives back what was queued, refunded, to be asked about again."""
        self._own.change(withdrawn, announced)
        self._view.plan_changed()
        back: dict[int, StoredBundle] = {}
        for link in self.links.values():
            for entry in list(link):
                self.withdraw(entry)
                back[entry.record.ref] = entry.record
        self._view.something_got_better()
        if self._traits.plan_changed is None:
            self.memory.clear()
        else:
            self._hook(self._traits.plan_changed, now_s, version)
        return list(back.values())

    # --- asking ---------------------------------------------------------------------------------

    def ask(self, record: StoredBundle, now_s: float) -> Verdict:
        """Ask the strategy about a bundle and do what it says.

        Raises:
            StrategyFault: the strategy raised, or broke a rule of the interface.
        """
        if self._telling and record.id in self._telling:
            self._view.now_s = now_s
            return self._tell(record, now_s)
        return self.obey(record, self.decision(record, now_s), now_s)

    def decision(self, record: StoredBundle, now_s: float) -> Decisions:
        """Ask the strategy about a bundle that is no summary.

        Raises:
            StrategyFault: the strategy raised, or the bundle is being sent round.
        """
        self._view.now_s = now_s
        if record.hops - len(record.visited) > self._most_revisits and record.visited:
            rule = f"sent it round: {record.hops} hops among {len(record.visited)} nodes"
            raise self._fault(record, rule)
        try:
            return self._decide(self._view, record)
        except StrategyFault:
            raise
        except Exception as fault:
            raise self._fault(record, f"raised {fault!r}") from fault

    def obey(self, record: StoredBundle, answer: Decisions, now_s: float) -> Verdict:
        """Do what the strategy says about a bundle.

        Raises:
            StrategyFault: the answer breaks a rule of the interface.
        """
        verdict = Verdict()
        record.kept = False
        decisions = listed(answer)
        if decisions is None:
            raise self._fault(
                record, f"answered {answer!r}, not Send, Hold, Drop or a list of them"
            )
        holds = 0
        for decision in decisions:
            if isinstance(decision, Send):
                self._send(record, decision, now_s, verdict)
            elif isinstance(decision, Hold):
                record.kept = True
                holds += 1
                verdict.ask_again_s = min(verdict.ask_again_s, decision.until_s)
                verdict.awaits = decision.neighbour
            else:
                verdict.drop = decision.reason
        if holds != 1 or len(decisions) > 1:  # copies that were kept wait for anybody
            verdict.awaits = None
        if not decisions:
            record.kept = True
        return verdict

    def _tell(self, record: StoredBundle, now_s: float) -> Verdict:
        """A summary goes to its neighbour over the open contact, or nowhere."""
        verdict = Verdict()
        record.kept = False
        neighbour = self._telling[record.id]
        if record.failed_with is None and self.links[neighbour].contact is not None:
            self._send(record, Send(neighbour), now_s, verdict)
        else:
            del self._telling[record.id]
            verdict.drop = NO_TIMELY_CONTACT
        return verdict

    def _send(self, record: StoredBundle, send: Send, now_s: float, verdict: Verdict) -> None:
        entry = self.enqueue(record, send, now_s)
        if entry is None:
            return
        route = entry.route
        verdict.grown.append(self.links[entry.neighbour])
        promised = route.delivery_s if route else math.inf
        hops = route.hops if route else 0
        verdict.events.append(
            RouteComputed(now_s, self.node, record.id, entry.neighbour, promised, hops)
        )

    def enqueue(self, record: StoredBundle, send: Send, now_s: float) -> Queued | None:
        """Queue a bundle as the strategy says, and book it; None if it is queued there already.

        Raises:
            StrategyFault: there is no such neighbour, or no contact to it is left.
        """
        route = send.to if isinstance(send.to, Route) else None
        neighbour = send.to if route is None else route.contacts[0].destination
        link = self.links.get(neighbour) if isinstance(neighbour, str) else None
        if link is None:
            raise self._fault(
                record, f"sent to {neighbour!r}, to which {self.node!r} has no contact"
            )
        if send.keep:
            record.kept = True
        for entry in record.queued:
            if entry.neighbour == link.name:
                return None
        number = route.numbers[0] if route is not None else self._contact_for(link, now_s)
        if number is None or self._contacts[number].end_s < now_s:
            raise self._fault(record, f"sent to {link.name!r}, to which no contact is left")
        size_bytes, spent = record.size_bytes, send.tokens
        booked = self._evc_bytes.get(size_bytes)
        if booked is None:
            booked = self._evc_bytes[size_bytes] = self.options.evc_bytes(size_bytes)
        if spent:
            spent = min(spent, record.tokens)
            record.tokens -= spent
        entry = Queued(record, link.name, number, route, booked, send.keep, send.tokens, spent)
        if route is not None and self._traits.source_routes:
            entry.planned = tuple([(c.destination, c.start_s) for c in route.contacts[1:]])
        record.queued.append(entry)
        link.append(entry)
        self._active[link.name] = link
        self._book(entry, booked)
        return entry

    def _contact_for(self, link: LinkQueue, now_s: float) -> int | None:
        """The contact a bundle for a neighbour waits for: the open one, else the next that has not ended."""
        if link.contact is not None:
            return link.number
        return self._own.next_to(link.name, now_s)

    def has_contact_left(self, neighbour: str, now_s: float) -> bool:
        """Whether a bundle may wait for a contact to this node."""
        link = self.links.get(neighbour)
        return link is not None and self._contact_for(link, now_s) is not None

    def _fault(self, record: StoredBundle | None, rule: str) -> StrategyFault:
        return StrategyFault(self.strategy.name, self.node, record.id if record else "-", rule)

    # --- links ----------------------------------------------------------------------------------

    def contact_started(self, number: int, now_s: float) -> LinkQueue:
        """The link of this contact is up; if nobody told the node, it knows now."""
        contact = self._contacts[number]
        if self._own.meets(number):
            self._view.plan_changed()
            self._view.something_got_better()
        link = self.links[contact.destination]
        self.changes += 1
        if link.contact is None:
            insort(self._open, link, key=_name_of)
        link.open(number, contact)
        if number in self._cut:
            self._cut.discard(number)
            self._view.something_got_better()
        self._hook(self._traits.contact_up, now_s, link.name)
        return link

    def contact_ended(self, number: int, cut: bool, now_s: float) -> LinkQueue:
        """The link of this contact is down; `cut`: before the plan's end, so that it is not counted on any more."""
        self.changes += 1
        if cut:
            self._cut.add(number)
        link = self.links[self._contacts[number].destination]
        if link.number == number:
            link.close()
            self._open.remove(link)
        self._hook(self._traits.contact_down, now_s, link.name)
        return link

    def queued_for(self, number: int) -> int:
        """How much waits for the neighbour of this contact."""
        return self.links[self._contacts[number].destination].count

    def forfeit(self, number: int, now_s: float) -> list[StoredBundle]:
        """Give back what is still queued for this contact, refunded, in order of transmission."""
        link = self.links[self._contacts[number].destination]
        given_back: list[StoredBundle] = []
        if not link.count:
            self._booked.pop(number, None)
            return given_back
        for entry in link.booked_on(number):
            self.withdraw(entry)
            entry.record.failed_with = link.name
            given_back.append(entry.record)
            self._hook(self._traits.lost, now_s, entry.record, link.name)
        self._booked.pop(number, None)
        return given_back

    def withdraw(self, entry: Queued) -> None:
        """Take an entry out of its queue and refund its bookings and copies."""
        self.changes += 1
        self.links[entry.neighbour].remove(entry)
        entry.record.queued.remove(entry)
        self._refund(entry)

    def started(self, entry: Queued, link: LinkQueue, now_s: float, size_bytes: int) -> None:
        """An entry was taken for transmission over the open contact."""
        self.changes += 1
        entry.record.queued.remove(entry)
        link.busy = True
        self._active[link.name] = link
        link.sending_bytes = size_bytes
        link.sending_from_s = now_s
        link.sending_until_s = entry.last_bit_s
        if self._traits.tracks_copies:
            link.seen.add(entry.record.id)

    def sent(self, entry: Queued, now_s: float) -> None:
        """A transfer is done."""
        if self._telling:
            self._telling.pop(entry.record.id, None)
        if self._traits.sent is not None:
            self._hook(self._traits.sent, now_s, entry.record, entry.neighbour)

    def not_sent(self, entry: Queued, now_s: float) -> None:
        """A transfer failed: what it had booked further on is free again, its copies are this node's."""
        self._hook(self._traits.lost, now_s, entry.record, entry.neighbour)
        self._refund(entry)
        self.links[entry.neighbour].seen.discard(entry.record.id)

    def _refund(self, entry: Queued) -> None:
        self._book(entry, -entry.booked_bytes)
        entry.record.tokens += entry.spent

    def saw(self, neighbour: str, bundle_id: str) -> None:
        """A bundle came from this neighbour: it has it."""
        if self._traits.tracks_copies and neighbour in self.links:
            self.links[neighbour].seen.add(bundle_id)

    def follow(self, strategy: Strategy) -> None:
        """Ask another strategy from now on; what is queued stays queued, what the old one remembered is gone."""
        self.strategy = strategy
        self.memory.clear()
        self._decide = strategy.decide
        self._traits = Traits.of(strategy.traits)
        self._telling.clear()
        self.tokens = self._traits.tokens

    # --- summaries ------------------------------------------------------------------------------

    @property
    def tells_neighbours(self) -> bool:
        """Whether the strategy has something to tell whom it meets."""
        return self._traits.summary is not None

    def summary(self, neighbour: str, now_s: float) -> bytes | None:
        """What to tell a neighbour whose contact begins; None for nothing.

        Raises:
            StrategyFault: the strategy's hook raised, or gave no octets.
        """
        told = self._hook(self._traits.summary, now_s, neighbour)
        if told is not None and not isinstance(told, bytes):
            raise self._fault(None, f"summary gave {told!r}, not bytes or None")
        return told

    def tells(self, bundle_id: str, neighbour: str) -> None:
        """This bundle is a summary for a neighbour."""
        self._telling[bundle_id] = neighbour

    def learn(self, neighbour: str, told: bytes, now_s: float) -> None:
        """A neighbour's summary came in."""
        self._hook(self._traits.learn, now_s, neighbour, told)

    def worth_asking(self, held: Sequence[StoredBundle], now_s: float) -> Sequence[StoredBundle]:
        """Of the bundles on hold, those about which the strategy has something to decide.

        Raises:
            StrategyFault: the strategy's hook raised, or gave something else.
        """
        if self._traits.worth_asking is None or not held:
            return held
        chosen = self._hook(self._traits.worth_asking, now_s, held)
        if not isinstance(chosen, Sequence) or any(type(c) is not StoredBundle for c in chosen):
            raise self._fault(None, "worth_asking gave something else than bundles")
        return chosen

    def _hook(self, hook: Callable[..., object] | None, now_s: float, *said: object) -> object:
        """Call one of the strategy's hooks, if it has it."""
        if hook is None:
            return None
        self._view.now_s = now_s
        try:
            return hook(self._view, *said)
        except Exception as fault:
            about = next((x for x in said if isinstance(x, StoredBundle)), None)
            raise self._fault(about, f"{hook.__name__} raised {fault!r}") from fault

    # --- volumes: what this node knows of its own traffic (SABR §3.2.6.8) ----------------------------

    def queued(self) -> Collection[str]:
        """The neighbours to which anything is queued or being sent."""
        active = self._active
        if active:
            for name in [n for n, link in active.items() if not (link.busy or link.count)]:
                del active[name]
        return active.keys()

    def backlog_bytes(self, neighbour: str, priority: int) -> float:
        """Queued to a neighbour at this priority or above, with the rest of what is being sent."""
        link = self.links.get(neighbour)
        return link.backlog_bytes(priority, self._view.now_s) if link else 0.0

    def residual_bytes(self, contact: int, priority: int) -> float:
        """MTV: the contact's volume less what this node has booked on it at this priority or above; 0 once cut."""
        volume = (self._volumes or self._all_volumes())[contact]
        if contact in self._booked:
            volume -= self._booked[contact][priority]
        return 0.0 if contact in self._cut else volume

    def lacking(self, contacts: Iterable[int], priority: int, size_bytes: float) -> list[int]:
        """Those of these contacts that have less than so much left at this priority."""
        volumes = self._volumes or self._all_volumes()
        booked, cut = self._booked, self._cut
        return [
            number
            for number in contacts
            if (volumes[number] < size_bytes or number in booked or number in cut)
            and self.residual_bytes(number, priority) < size_bytes
        ]

    def _all_volumes(self) -> list[float]:
        """Of the plan's contacts: looked up when first asked for, since not every strategy needs an index."""
        self._volumes = volumes = index_of(self._whole_plan).volumes_bytes
        return volumes

    def _book(self, entry: Queued, amount_bytes: float) -> None:
        """Charge (or refund) every contact of the route, at every priority up to the bundle's (§3.2.8.1.2)."""
        self.changes += 1
        if amount_bytes < 0:
            self._view.something_got_better()
        numbers = entry.route.numbers if entry.route is not None else (entry.contact,)
        most = entry.record.priority + 1
        for number in numbers:
            booked = self._booked.get(number)
            if booked is None:
                if amount_bytes < 0:
                    continue
                booked = self._booked[number] = [0.0] * PRIORITIES
            for priority in range(most):
                booked[priority] += amount_bytes

    # --- what the view shows --------------------------------------------------------------------

    def open_links(self) -> Sequence[LinkQueue]:
        """Links that are up now, by name; not to be changed."""
        return self._open

    def next_start_s(self, now_s: float) -> float:
        """When the next contact from here begins, after now."""
        return self._own.next_start_s(now_s)

    def contacts_to(self, neighbour: str, now_s: float) -> list[Contact]:
        """The contacts to a neighbour that have not ended, by their ends."""
        return self._own.all_to(neighbour, now_s)

    def contact_at(self, number: int) -> Contact:
        """A contact of the plan by its number."""
        return self._contacts[number]


_name_of = attrgetter("name")
