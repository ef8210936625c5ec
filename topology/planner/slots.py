"""Terminals given out slot by slot: what the designers but `all` have in common.

Every slot, terminals that are free are given out one pair at a time, in the order of a `Preference`. A session
lasts to the next multiple of `session_s`, so that most terminals are free at the same moments and can
change partners; when nobody else wants them the same pair goes on without acquiring anew. Nothing is
drawn at random: the order of the nodes decides what the preference leaves open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from topology.network import PlannedNode
from topology.planner.design import Candidate, Design, IntArray
from topology.planner.links import Link
from topology.planner.options import PlanOptions
from topology.planner.sessions import Session


class Preference(Protocol):
    """Who comes first."""

    def begin(self, now_s: float, joined: Sequence[tuple[int, int]]) -> None:
        """A slot begins; these nodes are in session with each other."""
        ...

    def first(self, places: IntArray) -> int:
        """Of links, by their places in the list, rising: the one that is given its terminals first."""
        ...

    def chosen(self, place: int, length_s: float) -> None:
        """A link has been given a session."""
        ...


def give_out(
    nodes: Sequence[PlannedNode],
    links: Sequence[Link],
    start_s: float,
    end_s: float,
    options: PlanOptions,
    preference: Preference,
    progress: Callable[[float], None] | None = None,
) -> list[Session]:
    """Sessions over links, one partner per terminal at a time: see the module.

    Args:
        nodes: the network.
        links: what geometry allows.
        start_s: first moment.
        end_s: last moment, of the leader of each session.
        options: lengths and weights.
        preference: who comes first.
        progress: told the moment that planning has come to.
    """
    design = Design(nodes, links, options)

    def one_by_one(now_s: float) -> None:
        orders = design.fitting(now_s)
        if orders.size:
            preference.begin(now_s, design.joined(now_s))
        while orders.size:
            places = design.places(orders)
            first = preference.first(np.unique(places))
            taken, session = design.best(orders[places == first].tolist(), now_s)
            design.book(session)
            preference.chosen(first, session.end_s - session.start_s)
            orders = design.still_fitting(orders, taken, now_s)

    return _slot_by_slot(design, one_by_one, start_s, end_s, options, progress)


def least(order: Callable[[int], tuple[float, ...]], places: IntArray) -> int:
    """The place of the least order; of equals the first."""
    ordered: list[int] = places.tolist()
    return min(ordered, key=order)


def give_out_sets(
    nodes: Sequence[PlannedNode],
    links: Sequence[Link],
    start_s: float,
    end_s: float,
    options: PlanOptions,
    choose: Callable[[Sequence[Candidate]], Sequence[Candidate]],
    progress: Callable[[float], None] | None = None,
) -> list[Session]:
    """Sessions over links, chosen in sets: all that are possible in a slot are shown at once.

    Args:
        nodes: the network.
        links: what geometry allows.
        start_s: first moment.
        end_s: last moment, of the leader of each session.
        options: lengths and weights.
        choose: takes what is possible, gives those that are to be, no terminal in two of them. Asked
            again, while it gives any, for what is left.
        progress: told the moment that planning has come to.
    """
    design = Design(nodes, links, options)

    def together(now_s: float) -> None:
        while (possible := design.possible(now_s)) and (chosen := choose(possible)):
            for candidate in chosen:
                design.book(candidate.session)

    return _slot_by_slot(design, together, start_s, end_s, options, progress)


def _slot_by_slot(
    design: Design,
    give: Callable[[float], None],
    start_s: float,
    end_s: float,
    options: PlanOptions,
    progress: Callable[[float], None] | None,
) -> list[Session]:
    slots = math.ceil((end_s - start_s) / options.slot_s)
    for slot in range(slots):
        now_s = start_s + slot * options.slot_s
        if progress is not None:
            progress(now_s)
        give(now_s)
    return design.sessions
