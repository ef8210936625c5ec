"""The strategy interface: one function from a read-only view and a bundle to a decision.

A strategy is deterministic, reads no clock and does no I/O; what it remembers lives in `view.memory`, what it draws
comes from `view.rng`. The engine queues, books volume, refunds, times out and asks again: on arrival, when a contact
begins (for bundles on hold), on forfeit, when a transfer failed, when a hold's time is over, and on a plan change.

    from dtn.routing import Hold, Send, strategy

    @strategy("few_hops")
    def few_hops(view, bundle):
        routes = [r for r in view.routes(bundle, k=8) if r.delivery_s <= bundle.expires_s]
        best = min(routes, key=lambda r: (r.hops, r.delivery_s), default=None)
        return Send(best) if best else Hold()
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from dtn.routing.hooks import Traits
from dtn.routing.route import Route
from dtn.user_functions import Kind

if TYPE_CHECKING:
    import random

    from dtn.contact_plan import Contact, ContactPlan
    from dtn.routing.candidate import Candidate


class Send(NamedTuple):
    """Queue the bundle for a neighbour.

    Args:
        to: a Route (its volume is booked on every contact of it) or the name of a neighbour.
        keep: hold on to a copy and go on asking (epidemic, spray); otherwise the bundle is passed on.
        tokens: copies that the receiver may make of it, for strategies that count copies; 0 says nothing. They travel
            with the bundle and come off `bundle.tokens` here, until the transfer fails or is forfeited. A bundle starts
            with as many as the strategy's trait says: `@strategy("spray", tokens=8)`.
    """

    to: Route | str
    keep: bool = False
    tokens: int = 0

    @classmethod
    def copy(cls, to: Route | str, tokens: int = 0) -> Send:
        """Send a copy and keep the bundle."""
        return cls(to, keep=True, tokens=tokens)


class Hold(NamedTuple):
    """Keep the bundle; asked again when a contact begins, or at `until_s` if that is sooner.

    Args:
        until_s: when to ask again at the latest.
        neighbour: ask only when a contact to this node begins; None: to any.
    """

    until_s: float = math.inf
    neighbour: str | None = None


class Drop(NamedTuple):
    """Delete the bundle; `reason` is a status report reason code (RFC 9171 §6.1.1), 6 = no known route."""

    reason: int = 6


Decision = Send | Hold | Drop
Decisions = Decision | Sequence[Decision]


class BundleView(Protocol):
    """What a strategy may know of a bundle. Names are node names, times seconds from the start."""

    @property
    def id(self) -> str:
        """Identity as text; unique in a run."""

    @property
    def source(self) -> str:
        """Name of the node that sourced it."""

    @property
    def destination(self) -> str:
        """Name of the node it is for."""

    @property
    def size_bytes(self) -> int:
        """Encoded size."""

    @property
    def created_s(self) -> float:
        """When it was sourced."""

    @property
    def expires_s(self) -> float:
        """When its lifetime ends."""

    @property
    def priority(self) -> int:
        """0 bulk, 1 normal, 2 expedited."""

    @property
    def critical(self) -> bool:
        """Whether every neighbour with a route should get a copy."""

    @property
    def came_from(self) -> str | None:
        """The node it was received from; None where it was sourced."""

    @property
    def hops(self) -> int:
        """Hops it has made so far."""

    @property
    def visited(self) -> frozenset[str]:
        """Nodes that have had it, as far as its route record tells."""

    @property
    def tokens(self) -> int:
        """Copies this node may still make, for strategies that count copies."""

    @property
    def planned(self) -> tuple[tuple[str, float], ...]:
        """The rest of the route its source planned, if one came with it: node and contact start, hop by hop."""

    @property
    def failed_with(self) -> str | None:
        """The neighbour with which the last attempt failed or was forfeited, if any."""


class Neighbour(Protocol):
    """Another node that this one shares a contact with."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def contact(self) -> Contact | None:
        """The contact to it that is open now."""

    @property
    def queued_bytes(self) -> int:
        """What waits here to be sent to it."""

    @property
    def seen(self) -> frozenset[str] | set[str]:
        """Identities of bundles that this node sent to it or received from it: local knowledge only."""


class View(Protocol):
    """What a strategy may know of the world: one node's own knowledge."""

    @property
    def now_s(self) -> float:
        """The present, seconds from the start."""

    @property
    def node(self) -> str:
        """The node that decides."""

    @property
    def plan(self) -> ContactPlan:
        """The contact plan as this node knows it."""

    @property
    def neighbours(self) -> Sequence[Neighbour]:
        """Nodes to which a contact is open now, by name."""

    def is_open(self, neighbour: str) -> bool:
        """Whether a contact to this node is open now."""

    def has_contact_left(self, neighbour: str) -> bool:
        """Whether any contact to this node is open or still to come."""

    @property
    def next_contact_s(self) -> float:
        """When the next contact from this node begins; inf if none does."""

    @property
    def memory(self) -> MutableMapping[Hashable, Any]:
        """The strategy's own memory at this node, kept by the engine."""

    @property
    def world(self) -> MutableMapping[str, Any]:
        """What all nodes of a run share, for strategies with the trait `shares`; else this node's own."""

    @property
    def rng(self) -> random.Random:
        """Randomness of this node, seeded from the scenario's seed and the node's name."""

    def routes(self, bundle: BundleView, k: int = 1) -> Sequence[Route]:
        """Up to k candidate routes for the bundle, best first in the order of SABR §3.2.8.1."""

    def routes_by_neighbour(self, bundle: BundleView) -> Sequence[Route]:
        """The best candidate route through each neighbour that has not had the bundle, best first (SABR §3.2.8.2)."""

    def consider(self, bundle: BundleView, route: Route) -> Candidate:
        """One route judged for the bundle by the clauses of SABR §3.2.6; `rejected` says why it is none."""

    def earliest(self, destination: str, size_bytes: float) -> Route | None:
        """The earliest arrival over the plan in an empty network, from here and now."""

    def evc_bytes(self, size_bytes: float) -> float:
        """Estimated volume consumption: what a bundle is booked with (SABR §2.4.3)."""

    def backlog_bytes(self, neighbour: str, priority: int = 0) -> float:
        """What is queued to a neighbour at this priority or above."""

    def residual_bytes(self, contact: int, priority: int = 0) -> float:
        """Volume of a contact (by number) that this node has not booked at this priority or above."""


StrategyFunction = Callable[[View, BundleView], Decisions]
F = TypeVar("F", bound=StrategyFunction)


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy and what it asks of the engine."""

    name: str
    decide: StrategyFunction
    traits: Mapping[str, Any]


STRATEGIES: dict[str, Strategy] = {}
"""Strategies by name; filled by the decorator when a module is imported."""


def strategy(name: str, **traits: Any) -> Callable[[F], F]:
    """Register a function as the strategy `name`.

    Args:
        name: what users write.
        traits: what it asks of the engine, and its hooks: see `dtn.routing.hooks.Traits`.

    Raises:
        InvalidValue: there is no such trait.
    """
    Traits.of(traits)

    def register(function: F) -> F:
        STRATEGIES[name] = Strategy(name, function, traits)
        return function

    return register


def load_strategy(spec: str, where: str = "") -> Strategy:
    """Find a strategy: by name, by entry point (group `lightlag.strategies`), or as `my_file.py:function`.

    Args:
        spec: what the user wrote.
        where: the file that named it, for the message.

    Raises:
        BadInput: there is no such strategy.
    """
    return _KIND.find(spec, where)


def _known_as(function: StrategyFunction, name: str) -> Strategy:
    """The strategy that the function was registered as, or one without traits."""
    named = (known for known in STRATEGIES.values() if known.decide is function)
    return next(named, Strategy(name, function, {}))


_KIND = Kind(
    word="strategy",
    known=STRATEGIES,
    known_as=_known_as,
    group="lightlag.strategies",
    own="dtn.routing.strategies",
)
