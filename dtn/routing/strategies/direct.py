"""direct: hand the bundle to its destination only. The least transmissions, the longest waits."""

from __future__ import annotations

import math
from functools import lru_cache

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

send = lru_cache(4096)(Send)
hold = lru_cache(4096)(Hold)
"""Decisions are values: many bundles are for one node, and wait for it alike."""


@strategy("direct")
def direct(view: View, bundle: BundleView) -> Decisions:
    """Send when a contact to the destination is open."""
    destination = bundle.destination
    if view.is_open(destination):
        return send(destination)
    return hold(math.inf, destination)
