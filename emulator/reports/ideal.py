"""Ideal latency: the earliest arrival over the contacts as they really were, in an empty network.

No strategy can beat it: it is what a bundle would have needed had it known all contacts, also those
that faults cut short, and had it been alone. The size is that of the smallest piece that was sent
separately. A run asks this for every delivered bundle; an answer holds for every later question up
to the last moment at which its route can still be caught, so bundles between two ends share most
searches.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

from dtn.contact_plan import ContactPlan
from dtn.routing import Route, earliest_arrival
from dtn.routing.index import index_of
from dtn.routing.kernel import WORTH_COMPILING
from emulator.reports.actual_plan import plan_as_it_was
from emulator.reports.breakdown import Journey
from emulator.reports.history import History

MANY = 10_000
"""Bundles for which the plan is laid out for the compiled search, if a run has brought that: it takes a second."""


def ideal_latencies(
    history: History,
    plan: ContactPlan,
    journeys: Mapping[str, Journey],
) -> dict[str, float]:
    """Seconds for each delivered bundle; inf where the contacts as they were allow no route."""
    actual = plan_as_it_was(plan, history)
    if len(journeys) >= MANY and "numba" in sys.modules:
        index_of(
            actual
        ).searches = WORTH_COMPILING  # as after so many: the run has loaded what takes time to load
    network = EmptyNetwork(actual)
    ideals = {}
    for bundle, journey in journeys.items():
        sourced = history.sourced[bundle]
        if not journey.hops:
            ideals[bundle] = 0.0
            continue
        destination = journey.hops[-1].neighbour
        ideals[bundle] = network.latency_s(
            sourced.node, destination, sourced.t_s, journey.size_bytes
        )
    return ideals


class EmptyNetwork:
    """Answers how long a lone bundle would take; remembers what it has worked out.

    Args:
        plan: the contacts.
    """

    def __init__(self, plan: ContactPlan) -> None:
        self._plan = plan
        self._known: dict[tuple[str, str, int], _Profile] = {}

    def latency_s(self, source: str, destination: str, at_s: float, size_bytes: int) -> float:
        """Seconds from at_s to the arrival of the last bit; inf if it never can arrive."""
        profile = self._known.setdefault((source, destination, size_bytes), _Profile([], [], []))
        place = bisect_right(profile.from_s, at_s) - 1
        if place >= 0 and at_s <= profile.until_s[place]:
            return profile.delivery_s[place] - at_s
        route = earliest_arrival(self._plan, source, destination, at_s, size_bytes)
        if route is None:
            until_s = delivery_s = math.inf
        else:
            until_s, delivery_s = _latest_departure(route, at_s, size_bytes), route.delivery_s
        for values, value in zip(profile, (at_s, until_s, delivery_s), strict=True):
            values.insert(place + 1, value)
        return delivery_s - at_s


class _Profile(NamedTuple):
    """Answers so far for one pair and size: asked from `from_s` to `until_s`, the same delivery.

    Who asks later can do no better, and up to the route's latest departure the same route is still
    to be had: so the answer stands for all of [asked at, latest departure].
    """

    from_s: list[float]
    until_s: list[float]
    delivery_s: list[float]


def _latest_departure(route: Route, at_s: float, size_bytes: int) -> float:
    """A moment, as late as can be told quickly, to leave by the same contacts and arrive as early.

    Bundles wait more at relays than anywhere: who comes later waits less. Each hop backwards is
    tried as late as the next one allows; where that misses, the time it was first found at stands.
    """
    legs = []
    for contact in route.contacts:
        first_s = max(at_s, contact.start_s)
        at_s = contact.arrival_s(first_s, size_bytes)
        legs.append((contact, first_s, at_s))
    by_s = route.delivery_s
    for contact, first_s, arrival_s in reversed(legs):
        last_s = contact.last_bit_s(first_s, size_bytes)
        later_s = min(by_s - (arrival_s - first_s), contact.end_s - (last_s - first_s))
        overshoot_s = contact.arrival_s(later_s, size_bytes) - by_s
        if 0 < overshoot_s < math.inf:  # a slower rate or a longer way than at first
            later_s -= overshoot_s
        fits = later_s > first_s and contact.arrival_s(later_s, size_bytes) <= by_s
        by_s = later_s if fits else first_s
    return by_s
