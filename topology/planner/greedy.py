"""The designer `greedy`: the sessions that carry most first, whoever has been served.

What many tools do: nothing is fair about it, a fast link near home starves a slow one to Mars. Here to compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.laser import rate_bps
from topology.network import PlannedNode
from topology.planner.design import IntArray
from topology.planner.links import Link
from topology.planner.options import PlanOptions
from topology.planner.sessions import Session
from topology.planner.slots import give_out, least


def greedy(
    nodes: Sequence[PlannedNode],
    links: Sequence[Link],
    start_s: float,
    end_s: float,
    options: PlanOptions,
    progress: Callable[[float], None] | None = None,
) -> list[Session]:
    """Sessions by `slots.give_out`, the fastest links first, times their weight."""
    return give_out(
        nodes, links, start_s, end_s, options, _Fastest(nodes, links, options), progress
    )


class _Fastest:
    """The preference: the slower direction's rate of the best terminals, at the light time of the moment."""

    def __init__(
        self, nodes: Sequence[PlannedNode], links: Sequence[Link], options: PlanOptions
    ) -> None:
        self._nodes = nodes
        self._links = links
        self._weights = [
            options.weight(*(nodes[n].name for n in link.nodes))
            * min(nodes[n].weight for n in link.nodes)
            for link in links
        ]
        self._now_s = 0.0

    def begin(self, now_s: float, joined: Sequence[tuple[int, int]]) -> None:
        self._now_s = now_s

    def first(self, places: IntArray) -> int:
        return least(self._order, places)

    def _order(self, place: int) -> tuple[float, ...]:
        link = self._links[place]
        way = link.ways[0]
        at_s = min(max(self._now_s, float(way.t_s[0])), float(way.t_s[-1]))
        range_km = np.array(way.owlt_at(at_s) * SPEED_OF_LIGHT_KM_S)
        best = 0.0
        for pairing in link.pairings:
            a, b = (
                self._nodes[node].terminals[terminal]
                for node, terminal in zip(link.nodes, pairing.places, strict=True)
            )
            slower = min(float(rate_bps(a, b, range_km)), float(rate_bps(b, a, range_km)))
            best = max(best, slower)
        return (-best * self._weights[place],)

    def chosen(self, place: int, length_s: float) -> None:
        pass
