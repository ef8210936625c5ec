"""NodeView: the View of the strategy interface, over one node's engine."""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from dtn.contact_plan import ContactPlan
from dtn.routing.best_route import BestRoute
from dtn.routing.candidate import Candidate, consider
from dtn.routing.index import index_of
from dtn.routing.route import Route
from dtn.routing.sabr import RouteCache, best_per_neighbour, candidate_routes
from dtn.routing.search import earliest_arrival
from dtn.routing.strategy import BundleView, Neighbour

if TYPE_CHECKING:
    import random

    from dtn.routing.engine import RoutingEngine


NOBODY: frozenset[str] = frozenset()


class NodeView:
    """One node's own knowledge, read only. See dtn.routing.strategy.View."""

    def __init__(self, engine: RoutingEngine, rng: random.Random) -> None:
        self.now_s = 0.0
        self.rng = rng
        self._engine = engine
        self._cache = RouteCache()
        self._best: BestRoute | None = None
        self._back: dict[str, frozenset[str]] = {}

    @property
    def node(self) -> str:
        """The node that decides."""
        return self._engine.node

    @property
    def plan(self) -> ContactPlan:
        """The contact plan as this node knows it."""
        return self._engine.plan

    @property
    def neighbours(self) -> Sequence[Neighbour]:
        """Nodes to which a contact is open now, by name."""
        return self._engine.open_links()

    def is_open(self, neighbour: str) -> bool:
        """Whether a contact to this node is open now."""
        link = self._engine.links.get(neighbour)
        return link is not None and link.contact is not None

    def has_contact_left(self, neighbour: str) -> bool:
        """Whether any contact to this node is open or still to come."""
        return self._engine.has_contact_left(neighbour, self.now_s)

    @property
    def next_contact_s(self) -> float:
        """When the next contact from this node begins; inf if none does."""
        return self._engine.next_start_s(self.now_s)

    @property
    def memory(self) -> MutableMapping[Hashable, Any]:
        """The strategy's own memory at this node."""
        return self._engine.memory

    @property
    def world(self) -> MutableMapping[str, Any]:
        """What all nodes of a run share, if the strategy asks for it."""
        return self._engine.world

    def something_got_better(self) -> None:
        """A booking was refunded or a contact came back: routes found before may not be the best any more."""
        self._cache.flush()

    def routes(self, bundle: BundleView, k: int = 1) -> Sequence[Route]:
        """Up to k candidate routes, best first (SABR §3.2.8.1).

        The previous hop is excluded unless the bundle came back from a failure (§3.2.5.2); nodes that have had the
        bundle are avoided while there is another way.
        """
        engine = self._engine
        excluded = self._not_back(bundle)
        visited = bundle.visited
        if engine.node in visited:
            visited -= {engine.node}
        if k == 1 and engine.options.route_list == "complete":
            best = self._best or self._best_over(engine.plan)
            route = best.of(bundle, self.now_s, excluded, visited)
            if route is None and visited:
                route = best.of(bundle, self.now_s, excluded, NOBODY)
            return [] if route is None else [route]
        routes = self._routes(bundle, k, excluded, visited)
        if visited and not routes:
            return self._routes(bundle, k, excluded, frozenset())
        return routes

    def routes_by_neighbour(self, bundle: BundleView) -> Sequence[Route]:
        """The best candidate route through each neighbour, best first (SABR §3.2.8.2)."""
        engine = self._engine
        found = best_per_neighbour(
            index_of(engine.plan),
            engine,
            bundle,
            engine.node,
            self.now_s,
            engine.options,
            self._not_back(bundle) | (bundle.visited - {engine.node}),
        )
        return [candidate.route for candidate in found]

    def plan_changed(self) -> None:
        """The node goes by another plan."""
        self._best = None

    def _best_over(self, plan: ContactPlan) -> BestRoute:
        engine = self._engine
        best = BestRoute(engine.node, plan, engine, engine.options, self._cache)
        self._best = best
        return best

    def _not_back(self, bundle: BundleView) -> frozenset[str]:
        """The previous hop, unless the bundle came back from a failure (SABR §3.2.5.2)."""
        back = bundle.came_from
        if back is None or bundle.failed_with:
            return NOBODY
        return self._back.get(back) or self._back.setdefault(back, frozenset((back,)))

    def _routes(
        self, bundle: BundleView, k: int, excluded: frozenset[str], avoided: frozenset[str]
    ) -> list[Route]:
        engine = self._engine
        return candidate_routes(
            index_of(engine.plan),
            engine,
            bundle,
            engine.node,
            self.now_s,
            engine.options,
            excluded,
            k,
            self._cache,
            avoided,
        )

    def earliest(self, destination: str, size_bytes: float) -> Route | None:
        """The earliest arrival over the plan in an empty network, from here and now."""
        return earliest_arrival(self.plan, self.node, destination, self.now_s, size_bytes)

    def consider(self, bundle: BundleView, route: Route) -> Candidate:
        """One route judged for the bundle by the clauses of SABR §3.2.6."""
        engine, options = self._engine, self._engine.options
        return consider(
            index_of(engine.plan, options.owlt_margin),
            route.numbers,
            engine,
            options.evc_bytes(bundle.size_bytes),
            bundle.priority,
            bundle.expires_s,
            self.now_s,
            self._not_back(bundle),
            options.closed_ends,
        )

    def evc_bytes(self, size_bytes: float) -> float:
        """Estimated volume consumption: what a bundle is booked with (SABR §2.4.3)."""
        return self._engine.options.evc_bytes(size_bytes)

    def backlog_bytes(self, neighbour: str, priority: int = 0) -> float:
        """What is queued to a neighbour at this priority or above."""
        return self._engine.backlog_bytes(neighbour, priority)

    def residual_bytes(self, contact: int, priority: int = 0) -> float:
        """Volume of a contact that this node has not booked at this priority or above."""
        return self._engine.residual_bytes(contact, priority)
