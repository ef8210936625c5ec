"""Room: up to what size the contacts that are left can take a bundle, as far as this node knows.

For a strategy's answer that names a neighbour: the largest volume of any contact to it that is left. For a hold: any
size, if the whole bundle has a candidate route and the strategy its own reasons; else the route volume limit (SABR
§3.2.6.8) of the best candidate for a small bundle, or what part of it reaches all contacts in time. Volumes count with
the margin of the estimated volume consumption (§2.4.3), which also covers what the blocks grow by under way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from dtn.routing.engine import RoutingEngine
from dtn.routing.index import index_of
from dtn.routing.queue import Queued
from dtn.routing.sabr import candidates
from dtn.stored_bundle import StoredBundle

SMALLEST_BYTES = 256
"""Fragments smaller than this are mostly blocks."""


STEPS = 6
"""Halvings in the search for the size: to a 64th of the most that the contacts take, or of the bundle."""


class _Sized(NamedTuple):
    """A bundle for the same place, of another size."""

    destination: str
    size_bytes: int
    priority: int
    expires_s: float


def room_bytes(
    engine: RoutingEngine, record: StoredBundle, leaving_bytes: int, now_s: float
) -> float:
    """The encoded size up to which a piece of a bundle, just asked about, can go; inf if it can go whole.

    0 if no more than a 64th of it would be in time: it is not worth a cut, of which there would be no end.

    Args:
        engine: the node's.
        record: the bundle.
        leaving_bytes: its encoded size as it would leave.
        now_s: the present.
    """
    if record.queued:
        return max(_to_neighbour(engine, entry, leaving_bytes, now_s) for entry in record.queued)
    if _volume_limit(engine, record, record.size_bytes, now_s):
        return math.inf
    low = float(SMALLEST_BYTES)
    high = _without_margin(engine, _volume_limit(engine, record, low, now_s))
    if high <= low or (high < record.size_bytes and _volume_limit(engine, record, high, now_s)):
        return high
    high = min(high, record.size_bytes)
    for _ in range(STEPS):  # so much reaches a later contact too late: less of it may be in time
        middle = (low + high) / 2
        if _volume_limit(engine, record, middle, now_s):
            low = middle
        else:
            high = middle
    return low if low > SMALLEST_BYTES else 0.0


def _volume_limit(
    engine: RoutingEngine, record: StoredBundle, size_bytes: float, now_s: float
) -> float:
    """Of the best candidate for the bundle if it had this size; 0 if there is none."""
    found = candidates(
        index_of(engine.plan),
        engine,
        _Sized(record.destination, math.floor(size_bytes), record.priority, record.expires_s),
        engine.node,
        now_s,
        options=engine.options,
        excluded=frozenset((record.came_from,)) if record.came_from else frozenset(),
    )
    return found[0].rvl_bytes if found else 0.0


def _to_neighbour(engine: RoutingEngine, entry: Queued, leaving_bytes: int, now_s: float) -> float:
    if entry.route is not None:
        return math.inf
    left = engine.contacts_to(entry.neighbour, now_s)
    volume = max((c.volume_bytes(max(now_s, c.start_s)) for c in left), default=0.0)
    return math.inf if volume >= leaving_bytes else _without_margin(engine, volume)


def _without_margin(engine: RoutingEngine, volume_bytes: float) -> float:
    """The largest size whose estimated volume consumption is at most this."""
    options = engine.options
    return min(volume_bytes / (1 + options.evc_ratio), volume_bytes - options.evc_minimum_bytes)
