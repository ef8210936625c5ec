"""Faults that a scenario asks for: a node that is down, a link that is cut, at a moment for a time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nodes.links import Links
from nodes.timers import Timers


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOutage:
    """A node is down.

    Args:
        node: its name.
        at_s: from when, seconds from the scenario's start.
        for_s: how long; inf for good.
        reason: what the log says.
    """

    node: str
    at_s: float
    for_s: float = math.inf
    reason: str = "node down"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOutage:
    """A link is cut, both ways or one.

    Args:
        between: names of its ends.
        at_s: from when, seconds from the scenario's start.
        for_s: how long; inf for good.
        reason: what the log says.
        one_way: only from the first end to the second.
    """

    between: tuple[str, str]
    at_s: float
    for_s: float = math.inf
    reason: str = "link cut"
    one_way: bool = False


def schedule_outages(
    outages: Iterable[NodeOutage | LinkOutage], links: Links, timers: Timers
) -> None:
    """Let the outages happen, each in its time."""
    for outage in outages:
        end_s = outage.at_s + outage.for_s
        if isinstance(outage, NodeOutage):
            timers.schedule(outage.at_s, links.leave, outage.node, outage.reason)
            if end_s < math.inf:
                timers.schedule(end_s, links.join, outage.node, outage.reason)
            continue
        a, b = outage.between
        for source, destination in ((a, b), (b, a))[: 1 if outage.one_way else 2]:
            timers.schedule(outage.at_s, links.cut, source, destination, outage.reason)
            if end_s < math.inf:
                timers.schedule(end_s, links.restore, source, destination, outage.reason)
