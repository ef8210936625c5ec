"""Schedule-Aware Bundle Routing (CCSDS 734.3-B-1 §3.2.4 to §3.2.8): a node's candidate routes.

A *candidate* is a route that can carry the bundle as far as the node knows: its own queues and
bookings, and the plan (`dtn.routing.candidate` judges one route). `candidates` finds the best:

    sabr    the complete list in the order of §3.2.8.1: earliest projected arrival, fewest
            contacts, latest termination, smallest entry node
    ion     the first candidates in the order of best-case delivery: the list stops early
            (§3.2.6.9.1)
    unibo   the best candidate through each neighbour, then the four keys

For bundles that are not fragmented the complete list needs no listing. A route is a candidate by
clauses d, f and g exactly if every contact takes the whole estimated volume consumption between
the arrival there and its own end, and has as much volume left: a last bit that is out by its
contact's end is out by all later ends too, because the bundle still has to pass those. So the
search over contacts that take so much meets candidates only, in the order of the keys. With
*varying* rates the volume is the rate's integral. Clause c (no contact leads back) holds for every
loopless route.

Options print the points where the standard is open: the margin on light time, the formula of the
volume consumption, closed or open ends, the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol

from dtn.routing.alternatives import alternatives, best_routes, keys
from dtn.routing.candidate import Candidate, Volumes, consider, passed
from dtn.routing.index import PlanIndex
from dtn.routing.query import TOLERANCE, Knowledge
from dtn.routing.route import Route
from dtn.routing.route_cache import RouteCache

__all__ = [
    "PROFILES",
    "Candidate",
    "Load",
    "RouteCache",
    "SabrOptions",
    "Volumes",
    "best_per_neighbour",
    "candidate_routes",
    "candidates",
    "explain",
]

MOST_ROUTES = 64
"""Routes that an early-stopping list looks at before it gives up."""


class Load(Protocol):
    """The part of a bundle that routing looks at (see dtn.routing.strategy.BundleView)."""

    @property
    def destination(self) -> str:
        """Name of the node it is for."""

    @property
    def size_bytes(self) -> int:
        """Encoded size."""

    @property
    def priority(self) -> int:
        """0 bulk, 1 normal, 2 expedited."""

    @property
    def expires_s(self) -> float:
        """When its lifetime ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SabrOptions:
    """Where the standard leaves a choice.

    Args:
        owlt_margin: light times are reckoned longer by this fraction (§2.4.2).
        evc_ratio: estimated volume consumption beyond the size, as a fraction of it (§2.4.3).
        evc_minimum_bytes: and at least so much.
        closed_ends: whether a contact may be entered at its very end (§3.2.4.1).
        route_list: complete, first (stop early) or per_neighbour.
    """

    owlt_margin: float = 0.0
    evc_ratio: float = 0.03
    evc_minimum_bytes: float = 100
    closed_ends: bool = True
    route_list: Literal["complete", "first", "per_neighbour"] = "complete"

    def evc_bytes(self, size_bytes: float) -> float:
        """Estimated volume consumption of a bundle (§2.4.3)."""
        return size_bytes + max(self.evc_ratio * size_bytes, self.evc_minimum_bytes)


PROFILES = {
    "sabr": SabrOptions(),
    "ion": SabrOptions(
        evc_ratio=0.0625, evc_minimum_bytes=36, closed_ends=False, route_list="first"
    ),
    "unibo": SabrOptions(closed_ends=False, route_list="per_neighbour"),
}
"""Readings of the standard by name; times are not rounded to seconds as the two flight codes do."""


def candidates(
    index: PlanIndex,
    volumes: Volumes,
    bundle: Load,
    node: str,
    now_s: float,
    options: SabrOptions = PROFILES["sabr"],
    excluded: Set[str] = frozenset(),
    k: int = 1,
    cache: RouteCache | None = None,
    avoided: Set[str] = frozenset(),
) -> list[Candidate]:
    """Up to k candidate routes for a bundle, best first.

    Args:
        index: the plan as the node knows it.
        volumes: its queues and bookings.
        bundle: the bundle.
        node: the node that holds it.
        now_s: the present.
        options: where the standard is open.
        excluded: neighbours not to be used (§3.2.5.2): the previous hop, a refused one.
        k: how many at most.
        cache: of this node; routes found earlier are taken from it where nothing has changed.
        avoided: nodes that no route may touch: those that have had the bundle.

    Returns:
        Candidates in the order of §3.2.8.1 (for `first`: of best-case delivery); none where no
        route is left.
    """
    search = _search(index, volumes, bundle, node, now_s, options, excluded, avoided, cache)
    if search is None:
        return []
    if cache is None or options.route_list != "complete":
        return search.judged(search.routes(k, cache))
    listed = cache.routes(search, k)
    if listed.candidates is None:
        listed.candidates = search.judged(listed.routes)
    in_time = bundle.expires_s + TOLERANCE
    return [candidate for candidate in listed.candidates if candidate.pbat_s <= in_time]


def candidate_routes(
    index: PlanIndex,
    volumes: Volumes,
    bundle: Load,
    node: str,
    now_s: float,
    options: SabrOptions,
    excluded: Set[str],
    k: int,
    cache: RouteCache | None,
    avoided: Set[str],
) -> list[Route]:
    """The routes of `candidates` without their volume limits: what a strategy chooses from."""
    search = _search(index, volumes, bundle, node, now_s, options, excluded, avoided, cache)
    return [] if search is None else search.routes(k, cache)


def explain(
    index: PlanIndex,
    volumes: Volumes,
    bundle: Load,
    node: str,
    now_s: float,
    options: SabrOptions = PROFILES["sabr"],
    excluded: Set[str] = frozenset(),
    k: int = 8,
) -> list[Candidate]:
    """The first k routes in the order of best-case delivery, each with its verdict (§3.2.6.9)."""
    search = _search(index, volumes, bundle, node, now_s, options, excluded)
    if search is None:
        return []
    return [search.consider(route.numbers) for route in islice(search.best_case(), k)]


def best_per_neighbour(
    index: PlanIndex,
    volumes: Volumes,
    bundle: Load,
    node: str,
    now_s: float,
    options: SabrOptions = PROFILES["sabr"],
    excluded: Set[str] = frozenset(),
) -> list[Candidate]:
    """The best candidate through each neighbour, best first: for critical bundles (§3.2.8.2)."""
    search = _search(index, volumes, bundle, node, now_s, options, excluded)
    return [] if search is None else search.judged(search.per_neighbour())


def _search(
    index: PlanIndex,
    volumes: Volumes,
    bundle: Load,
    node: str,
    now_s: float,
    options: SabrOptions,
    excluded: Set[str],
    avoided: Set[str] = frozenset(),
    cache: RouteCache | None = None,
) -> _Search | None:
    if options.owlt_margin:
        index = index.with_margin(options.owlt_margin)
    source, target = index.ids.get(node), index.ids.get(bundle.destination)
    if source is None or target is None or source == target:
        return None
    ids = index.ids
    return _Search(
        index,
        volumes,
        source,
        target,
        now_s,
        options.evc_bytes(bundle.size_bytes),
        bundle.priority,
        bundle.expires_s,
        excluded,
        options,
        frozenset([ids[name] for name in avoided if name in ids]),
        set() if cache is None else cache.full,
    )


@dataclass(slots=True)
class _Search:
    """One decision: what is asked, of which plan, with what knowledge."""

    index: PlanIndex
    volumes: Volumes
    source: int
    target: int
    now_s: float
    evc_bytes: float
    priority: int
    expires_s: float
    excluded: Set[str]
    options: SabrOptions
    avoided: Set[int]
    full: set[int]

    def routes(self, k: int, cache: RouteCache | None) -> list[Route]:
        """Up to k candidate routes, best first."""
        match self.options.route_list:
            case "first":
                return list(islice(self.first(), k))
            case "per_neighbour":
                return self.per_neighbour()[:k]
        if cache is None:
            return self.complete(k, self.expires_s)
        in_time = self.expires_s + TOLERANCE
        return [route for route in cache.routes(self, k).routes if route.delivery_s <= in_time]

    def knowledge(self, deadline_s: float, excluded: Set[str]) -> Knowledge:
        """The hooks for a search over contacts that take the whole volume consumption."""
        volumes, priority = self.volumes, self.priority
        return Knowledge(
            excluded=excluded,
            avoided=self.avoided,
            residual_bytes=lambda number: volumes.residual_bytes(number, priority),
            backlog_bytes=lambda neighbour: volumes.backlog_bytes(neighbour, priority),
            queued=volumes.queued(),
            full=self.full,
            deadline_s=deadline_s,
            closed_ends=self.options.closed_ends,
            lacking=lambda contacts, size_bytes: volumes.lacking(contacts, priority, size_bytes),
        )

    def complete(self, k: int, deadline_s: float) -> list[Route]:
        """The k best of all candidates."""
        known = self.knowledge(deadline_s, self.excluded)
        return best_routes(
            self.index, self.source, self.target, self.now_s, self.evc_bytes, k, known
        )

    def best_case(self, excluded: Set[str] = frozenset()) -> Iterator[Route]:
        """All routes in the order of best-case delivery (§3.2.4.1): of a bundle without size."""
        known = Knowledge(
            excluded=excluded, avoided=self.avoided, closed_ends=self.options.closed_ends
        )
        return alternatives(self.index, self.source, self.target, self.now_s, 0, known)

    def first(self) -> Iterator[Route]:
        """Candidates in the order of best-case delivery."""
        for route in islice(self.best_case(self.excluded), MOST_ROUTES):
            if route.delivery_s > self.expires_s + TOLERANCE:
                return
            candidate = self.consider(route.numbers)
            if candidate.rejected is None:
                yield candidate.route

    def per_neighbour(self) -> list[Route]:
        """The best route through each neighbour, by the four keys."""
        names = self.index.names
        neighbours = {names[pair.node] for pair in self.index.out[self.source]}
        found: list[Route] = []
        for neighbour in sorted(neighbours - self.excluded):
            known = self.knowledge(self.expires_s, neighbours - {neighbour})
            found += best_routes(
                self.index, self.source, self.target, self.now_s, self.evc_bytes, 1, known
            )
        return sorted(found, key=lambda route: keys(route, self.index))

    def judged(self, routes: Sequence[Route]) -> list[Candidate]:
        """Routes that the search let pass, with their volume limits."""
        return [
            passed(self.index, route, self.volumes, self.evc_bytes, self.priority)
            for route in routes
        ]

    def consider(self, numbers: Sequence[int]) -> Candidate:
        """One route by the clauses."""
        return consider(
            self.index,
            numbers,
            self.volumes,
            self.evc_bytes,
            self.priority,
            self.expires_s,
            self.now_s,
            self.excluded,
            self.options.closed_ends,
        )
