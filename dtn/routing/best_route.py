"""BestRoute: the one route that most strategies ask for, the first of all candidates, with little ado.

The same as `dtn.routing.sabr.candidates` with k = 1 over the complete list, for one node: what does not change between
two decisions of a node is worked out once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from dtn.routing.index import PlanIndex, index_of
from dtn.routing.query import NONE, TOLERANCE, Knowledge
from dtn.routing.route import Route
from dtn.routing.route_cache import RouteCache
from dtn.routing.search import best_by_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dtn.contact_plan import ContactPlan
    from dtn.routing.candidate import Volumes
    from dtn.routing.sabr import Load, SabrOptions

new: Final = tuple.__new__
"""Makes a named tuple without the detour by its constructor."""

MOST_PLACES = 4096
"""Sets of names that are remembered as numbers."""

_Room = tuple[
    "Callable[[int], float]",
    "Callable[[str], float]",
    "Callable[[Iterable[int], float], list[int]]",
]


class BestRoute:
    """The best candidate route of one node for a bundle (SABR §3.2.8.1).

    Args:
        node: its name.
        plan: the plan as it knows it.
        volumes: its queues and bookings.
        options: where the standard is open; the list is the complete one.
        cache: of the node.
    """

    def __init__(
        self,
        node: str,
        plan: ContactPlan,
        volumes: Volumes,
        options: SabrOptions,
        cache: RouteCache,
    ) -> None:
        self._index: PlanIndex = index_of(plan, options.owlt_margin)
        self._source = self._index.ids.get(node)
        self._volumes = volumes
        self._options = options
        self._cache = cache
        self._evc_bytes: dict[int, float] = {}
        self._places: dict[frozenset[str], frozenset[int]] = {}
        self._room: dict[int, _Room] = {}

    def of(
        self, bundle: Load, now_s: float, excluded: frozenset[str], avoided: frozenset[str]
    ) -> Route | None:
        """The best route, or None if there is none in time.

        Args:
            bundle: the bundle.
            now_s: the present.
            excluded: neighbours not to be used.
            avoided: nodes that no route may touch.
        """
        index, volumes, cache = self._index, self._volumes, self._cache
        source, target = self._source, index.ids.get(bundle.destination)
        if source is None or target is None or source == target:
            return None
        size_bytes, priority = bundle.size_bytes, bundle.priority
        evc_bytes = self._evc_bytes.get(size_bytes)
        if evc_bytes is None:
            evc_bytes = self._evc_bytes[size_bytes] = self._options.evc_bytes(size_bytes)
        places = self._places.get(avoided)
        if places is None:
            places = self._places_of(avoided)
        key = (target, evc_bytes, priority, excluded, places, 1)
        listed = cache.find(key, index, volumes, now_s)
        if listed is None:
            residual, backlog, lacking = self._room.get(priority) or self._room_for(priority)
            known = new(
                Knowledge,
                (
                    excluded,
                    NONE,
                    places,
                    residual,
                    backlog,
                    volumes.queued(),
                    cache.full,
                    math.inf,
                    self._options.closed_ends,
                    lacking,
                ),
            )
            route = best_by_keys(index, source, target, now_s, evc_bytes, known)
            found = [] if route is None else [route]
            listed = cache.keep(key, index, volumes, now_s, found)
        for route in listed.routes:
            if route.delivery_s <= bundle.expires_s + TOLERANCE:
                return route
        return None

    def _room_for(self, priority: int) -> _Room:
        """What a contact has left, what is queued to a neighbour, who lacks room, for bundles of this priority."""
        volumes = self._volumes

        def residual_bytes(number: int) -> float:
            return volumes.residual_bytes(number, priority)

        def backlog_bytes(neighbour: str) -> float:
            return volumes.backlog_bytes(neighbour, priority)

        def lacking(contacts: Iterable[int], size_bytes: float) -> list[int]:
            return volumes.lacking(contacts, priority, size_bytes)

        room = self._room[priority] = (residual_bytes, backlog_bytes, lacking)
        return room

    def _places_of(self, names: frozenset[str]) -> frozenset[int]:
        """Nodes by their places in the index."""
        if len(self._places) >= MOST_PLACES:
            self._places.clear()
        ids = self._index.ids
        places = self._places[names] = frozenset([ids[name] for name in names if name in ids])
        return places
