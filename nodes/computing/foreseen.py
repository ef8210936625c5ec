"""Foreseen: what another node's power will be, from what everybody may know of it: its panel, its battery, its bus.

What it computes, sends and launches is its own business; a forecast by others leaves that out. It comes from the
setup alone, so that it is the same whether that node runs in the same process or far away.
"""

from __future__ import annotations

from collections.abc import Callable

from nodes.spacecraft.energy import Energy
from nodes.spacecraft.options import SpacecraftOptions

_MOST_CHANGES = 10_000


class Foreseen:
    """The power of a node as another one foresees it.

    Args:
        options: what the node has.
        joins_s: when its account begins.
        now: the present, seconds from the start.
    """

    def __init__(
        self, options: SpacecraftOptions, joins_s: float, now: Callable[[], float]
    ) -> None:
        self._energy = Energy(options.power, options.heat, joins_s)
        self._now = now

    def forecast_speed(self, load: str, from_s: float, to_s: float) -> float:
        """The mean speed to be expected of a load in a time to come."""
        energy, now_s = self._energy, self._now()
        for _ in range(_MOST_CHANGES):
            due_s = energy.next_timer()
            if due_s >= now_s:
                break
            energy.on_timer(due_s)
        energy.on_timer(now_s)
        return energy.mean_speed(load, from_s, to_s)
