"""The designer `all`: every window a contact. No terminal is ever busy: what geometry alone allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from topology.network import PlannedNode
from topology.planner.links import Link
from topology.planner.options import PlanOptions
from topology.planner.sessions import Session


def everything(
    nodes: Sequence[PlannedNode],
    links: Sequence[Link],
    start_s: float,
    end_s: float,
    options: PlanOptions,
    progress: Callable[[float], None] | None = None,
) -> list[Session]:
    """One session for each window of each pair, with the pair's largest terminals."""
    del nodes, start_s, end_s, progress
    sessions = []
    for link in links:
        pairing = max(link.pairings, key=lambda pairing: pairing.aperture_m)
        way = link.ways[pairing.leader]
        for first_s, last_s in link.windows(pairing.leader, pairing.longest_owlt_s):
            least_s = pairing.acquisition_s + 2 * way.owlt_at(first_s) + options.shortest_s
            if last_s - first_s >= least_s:
                sessions.append(Session(link, pairing, first_s, last_s))
    return sessions
