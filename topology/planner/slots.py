"""Terminals given out slot by slot: what the designers but `all` have in common.

Every slot, terminals that are free are given out one pair at a time, in the order of a `Preference`. A session
lasts to the next multiple of `session_s`, so that most terminals are free at the same moments and can
change partners; when nobody else wants them the same pair goes on without acquiring anew. Nothing is
drawn at random: the order of the nodes decides what the preference leaves open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.laser import rate_bps
from topology.network import PlannedNode
from topology.planner.links import Link, Pairing
from topology.planner.options import PlanOptions
from topology.planner.sessions import GUARD_S, Session
from topology.windows import Window


class Preference(Protocol):
    """Who comes first."""

    def begin(self, now_s: float, joined: Sequence[tuple[int, int]]) -> None:
        """A slot begins; these nodes are in session with each other."""
        ...

    def first(self, places: Collection[int]) -> int:
        """Of links, by their places in the list: the one that is given its terminals first."""
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
    design = _Design(nodes, links, options)

    def one_by_one(now_s: float) -> None:
        design.give_out(now_s, preference)

    return _slot_by_slot(design, one_by_one, start_s, end_s, options, progress)


def least(order: Callable[[int], tuple[float, ...]], places: Collection[int]) -> int:
    """The place of the least order; of equals the first."""
    return min(places, key=lambda place: (*order(place), place))


class Candidate(NamedTuple):
    """A session that could be.

    Attributes:
        place: of its link in the list.
        order: of the session among all that could ever be, to break ties.
        session: the session.
    """

    place: int
    order: int
    session: Session


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
    design = _Design(nodes, links, options)

    def together(now_s: float) -> None:
        while (possible := design.possible(now_s)) and (chosen := choose(possible)):
            for candidate in chosen:
                design.book(candidate.session)

    return _slot_by_slot(design, together, start_s, end_s, options, progress)


def _slot_by_slot(
    design: _Design,
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


class _Choice:
    """One link with one pair of terminals, and what does not change about it.

    Args:
        place: of the link in the list.
        link: the link.
        pairing: the terminals.
    """

    def __init__(self, place: int, link: Link, pairing: Pairing) -> None:
        self.place = place
        self.link = link
        self.pairing = pairing
        side = pairing.leader
        self.leader = link.nodes[side], pairing.places[side]
        self.follower = link.nodes[1 - side], pairing.places[1 - side]
        self.way = link.ways[side]
        self.longest_s = float(self.way.owlt_s.max())
        self._windows = link.windows(side, pairing.longest_owlt_s)
        self._next = 0

    def window_from(self, t_s: float) -> Window | None:
        """The window that t_s lies in, or the next one; t_s never falls from call to call."""
        while self._next < len(self._windows) and self._windows[self._next][1] <= t_s:
            self._next += 1
        return self._windows[self._next] if self._next < len(self._windows) else None


class _Design:
    """The plan as far as it is made."""

    def __init__(
        self,
        nodes: Sequence[PlannedNode],
        links: Sequence[Link],
        options: PlanOptions,
    ) -> None:
        self._nodes = nodes
        self._options = options
        self._choices = [
            _Choice(place, link, pairing)
            for place, link in enumerate(links)
            for pairing in link.pairings
        ]
        # until when each terminal is engaged, in its own node's time; by node and place
        self._terminals = {
            terminal: number
            for number, terminal in enumerate(
                (node, place)
                for node, one in enumerate(nodes)
                for place in range(len(one.terminals))
            )
        }
        self._until_s = np.full(len(self._terminals), -np.inf)
        # the same facts about all choices side by side, to find the few that a slot may use
        self._leaders = self._numbers([choice.leader for choice in self._choices])
        self._followers = self._numbers([choice.follower for choice in self._choices])
        self._longest_s = np.array([choice.longest_s for choice in self._choices])
        self._opens_s = np.full(len(self._choices), -np.inf)
        self._last: dict[tuple[int, int], int] = {}
        self._running: list[int] = []
        self.sessions: list[Session] = []

    def possible(self, now_s: float) -> list[Candidate]:
        """All sessions of free terminals that can begin in this slot."""
        return [
            Candidate(self._choices[order].place, order, session)
            for order in self._free(now_s)
            if (session := self._fitted(order, now_s)) is not None
        ]

    def give_out(self, now_s: float, preference: Preference) -> None:
        """Give the terminals that are free in this slot to pairs."""
        wanted: dict[int, list[tuple[int, Session]]] = {}
        users: dict[tuple[int, int], set[int]] = {}
        for order in self._free(now_s):
            session = self._fitted(order, now_s)
            if session is not None:
                choice = self._choices[order]
                wanted.setdefault(choice.place, []).append((order, session))
                users.setdefault(choice.leader, set()).add(choice.place)
                users.setdefault(choice.follower, set()).add(choice.place)
        if not wanted:
            return
        preference.begin(now_s, self._joined(now_s))
        while wanted:
            first = preference.first(wanted)
            order, session = min(wanted[first], key=self._suitability)
            self.book(session)
            preference.chosen(first, session.end_s - session.start_s)
            taken = {self._choices[order].leader, self._choices[order].follower}
            for place in set().union(*(users[terminal] for terminal in taken)):
                self._refit(wanted, place, taken, now_s)

    def _refit(
        self,
        wanted: dict[int, list[tuple[int, Session]]],
        place: int,
        taken: set[tuple[int, int]],
        now_s: float,
    ) -> None:
        """What is left for a link when terminals have been taken: they may be free for the rest of the slot."""
        ones = wanted.pop(place, [])
        again = [
            order
            for order, _ in ones
            if taken & {self._choices[order].leader, self._choices[order].follower}
        ]
        left = [one for one in ones if one[0] not in again]
        left += [
            (order, session)
            for order in again
            if (session := self._fitted(order, now_s)) is not None
        ]
        if left:
            wanted[place] = left

    def _numbers(self, terminals: Sequence[tuple[int, int]]) -> npt.NDArray[np.intp]:
        return np.array([self._terminals[one] for one in terminals], dtype=np.intp)

    def _free(self, now_s: float) -> list[int]:
        """Choices whose terminals are free in this slot, with a window that may be open then; in order."""
        slot_end_s = now_s + self._options.slot_s
        free = self._opens_s < slot_end_s
        free &= self._until_s[self._leaders] < slot_end_s
        free &= self._until_s[self._followers] < slot_end_s + self._longest_s
        found: list[int] = np.flatnonzero(free).tolist()
        return found

    def _joined(self, now_s: float) -> list[tuple[int, int]]:
        """Nodes that are in session with each other and will be when the slot ends."""
        until_s = now_s + self._options.slot_s
        self._running = [place for place in self._running if self.sessions[place].end_s > until_s]
        return [self.sessions[place].link.nodes for place in self._running]

    def _fitted(self, order: int, now_s: float) -> Session | None:
        """The longest session of a choice's terminals that begins in this slot, None if too short."""
        options, choice = self._options, self._choices[order]
        slot_end_s = now_s + options.slot_s
        ours_s = float(self._until_s[self._leaders[order]])
        theirs_s = float(self._until_s[self._followers[order]])
        if ours_s >= slot_end_s or theirs_s >= slot_end_s + choice.longest_s:
            return None
        window = choice.window_from(now_s)
        self._opens_s[order] = math.inf if window is None else window[0]
        if window is None or window[0] >= slot_end_s:
            return None
        begin_s = max(now_s, window[0], ours_s)
        owlt_s = choice.way.owlt_at(begin_s)
        begin_s = max(begin_s, theirs_s - owlt_s + GUARD_S)
        if begin_s >= slot_end_s:
            return None
        deep = owlt_s >= options.deep_owlt_s
        length_s = max(options.deep_session_s, 8 * owlt_s) if deep else options.session_s / 2
        end_s = math.ceil((begin_s + length_s) / options.session_s) * options.session_s
        end_s = min(end_s, window[1])
        least_s = choice.pairing.acquisition_s + 2 * owlt_s + options.shortest_s
        if end_s - begin_s < least_s:
            return None
        return Session(choice.link, choice.pairing, begin_s, end_s)

    def _suitability(self, one: tuple[int, Session]) -> tuple[float, float]:
        """Of the terminals a link could use: fast enough first, then small."""
        order, session = one
        choice = self._choices[order]
        link, pairing = choice.link, choice.pairing
        if len(link.pairings) == 1:
            return 0.0, 0.0
        range_km = np.array(choice.way.owlt_at(session.start_s) * SPEED_OF_LIGHT_KM_S)
        a, b = (
            self._nodes[node].terminals[place]
            for node, place in zip(link.nodes, pairing.places, strict=True)
        )
        slower = min(float(rate_bps(a, b, range_km)), float(rate_bps(b, a, range_km)))
        return -min(slower, self._options.enough_bps), pairing.aperture_m

    def book(self, session: Session) -> None:
        """Enter a session; one that goes on becomes part of the one before."""
        self._until_s[self._terminals[session.leader]] = session.end_s
        self._until_s[self._terminals[session.follower]] = session.held_until_s
        earlier = self._last.get(session.leader)
        joined = self.sessions[earlier].continued_by(session) if earlier is not None else None
        if joined is not None and earlier == self._last.get(session.follower):
            assert earlier is not None
            self.sessions[earlier] = joined
            self._running.append(earlier)
            return
        self._last[session.leader] = self._last[session.follower] = len(self.sessions)
        self._running.append(len(self.sessions))
        self.sessions.append(session)
