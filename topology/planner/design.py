"""A contact plan as far as it is made: which terminals are engaged until when, and which sessions they could have next.

Thousands of choices (a link with a pair of its terminals) are looked at in every slot, and a few are taken. So facts
about all of them lie side by side in arrays, which say which choices are out of the question, and of most others
that a session is possible: the session itself is worked out for those that are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.laser import rate_bps
from topology.network import PlannedNode
from topology.paths import FloatArray
from topology.planner.links import Link, Pairing, reach_km
from topology.planner.options import PlanOptions
from topology.planner.sessions import GUARD_S, Session
from topology.terminal import Terminal
from topology.windows import Window

IntArray = npt.NDArray[np.intp]

_ROUNDING_S = 1e-6
"""Bounds of sessions are this much wider than what they bound."""


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


class _Choice:
    """One link with one pair of terminals, and what does not change about it.

    Args:
        link: the link.
        pairing: the terminals.
    """

    def __init__(self, link: Link, pairing: Pairing) -> None:
        self.link = link
        self.pairing = pairing
        side = pairing.leader
        self.leader = link.nodes[side], pairing.places[side]
        self.follower = link.nodes[1 - side], pairing.places[1 - side]
        self.way = link.ways[side]
        self._windows = link.windows(side, pairing.longest_owlt_s)
        self._next = 0

    def window_from(self, t_s: float) -> Window | None:
        """The window that t_s lies in, or the next one; t_s never falls from call to call."""
        while self._next < len(self._windows) and self._windows[self._next][1] <= t_s:
            self._next += 1
        return self._windows[self._next] if self._next < len(self._windows) else None


class Design:
    """The plan as far as it is made.

    Choices go by their order, which is that of their links; slots are asked for in the order of time.

    Args:
        nodes: the network.
        links: what geometry allows.
        options: lengths and weights.

    Attributes:
        sessions: those that are booked.
    """

    def __init__(
        self,
        nodes: Sequence[PlannedNode],
        links: Sequence[Link],
        options: PlanOptions,
    ) -> None:
        self._nodes = nodes
        self._options = options
        placed = [
            (place, _Choice(link, pairing))
            for place, link in enumerate(links)
            for pairing in link.pairings
        ]
        self._choices = [choice for _, choice in placed]
        self._places = np.array([place for place, _ in placed], dtype=np.intp)
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
        self._leaders = self._numbers([choice.leader for choice in self._choices])
        self._followers = self._numbers([choice.follower for choice in self._choices])
        ranges = {id(c.way): (c.way.owlt_s.min(), c.way.owlt_s.max()) for c in self._choices}
        spans_s = np.array([ranges[id(c.way)] for c in self._choices]).reshape(-1, 2)
        self._shortest_s, self._longest_s = spans_s.T.copy()
        self._acquisition_s = np.array([c.pairing.acquisition_s for c in self._choices])
        # of the window that is open, or opens next
        self._opens_s = np.full(len(self._choices), -np.inf)
        self._closes_s = np.full(len(self._choices), -np.inf)
        self._reaches_km: dict[tuple[int, int], float] = {}
        self._last: dict[tuple[int, int], int] = {}
        self._running: list[int] = []
        self.sessions: list[Session] = []

    def possible(self, now_s: float) -> list[Candidate]:
        """All sessions of free terminals that can begin in this slot."""
        return [
            Candidate(int(self._places[order]), order, session)
            for order in self._open(now_s).tolist()
            if (session := self._fitted(order, now_s)) is not None
        ]

    def fitting(self, now_s: float) -> IntArray:
        """Choices that can begin a session in this slot, rising."""
        orders = self._open(now_s)
        is_sure = self._surely_fit(orders, now_s)
        for place in np.flatnonzero(~is_sure).tolist():
            is_sure[place] = self._fitted(int(orders[place]), now_s) is not None
        return orders[is_sure]

    def still_fitting(self, orders: IntArray, taken: int, now_s: float) -> IntArray:
        """Those choices of a slot that are left when one of them has been booked.

        Those that share a terminal with it come last: it may be free for the rest of the slot.
        """
        leaders, followers = self._leaders[orders], self._followers[orders]
        met = np.zeros(orders.size, dtype=bool)
        for terminal in (self._leaders[taken], self._followers[taken]):
            met |= (leaders == terminal) | (followers == terminal)
        again = [
            order
            for order in orders[met & self._are_free(orders, now_s)].tolist()
            if self._fitted(order, now_s) is not None
        ]
        return np.concatenate((orders[~met], np.array(again, dtype=np.intp)))

    def places(self, orders: IntArray) -> IntArray:
        """Of the choices' links in the list."""
        return self._places[orders]

    def best(self, orders: Sequence[int], now_s: float) -> tuple[int, Session]:
        """Of choices of one link that fit: the most suitable one, and its session."""
        sessions = [(order, self._session(order, now_s)) for order in orders]
        return min(sessions, key=self._suitability)

    def joined(self, now_s: float) -> list[tuple[int, int]]:
        """Nodes that are in session with each other and will be when the slot ends."""
        until_s = now_s + self._options.slot_s
        self._running = [place for place in self._running if self.sessions[place].end_s > until_s]
        return [self.sessions[place].link.nodes for place in self._running]

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

    def _numbers(self, terminals: Sequence[tuple[int, int]]) -> IntArray:
        return np.array([self._terminals[one] for one in terminals], dtype=np.intp)

    def _are_free(self, orders: IntArray | slice, now_s: float) -> npt.NDArray[np.bool_]:
        """Of choices: whether their terminals are free in this slot."""
        slot_end_s = now_s + self._options.slot_s
        free: npt.NDArray[np.bool_] = self._until_s[self._leaders[orders]] < slot_end_s
        free &= self._until_s[self._followers[orders]] < slot_end_s + self._longest_s[orders]
        return free

    def _open(self, now_s: float) -> IntArray:
        """Choices whose terminals are free in this slot, with a window that is open in it; rising."""
        slot_end_s = now_s + self._options.slot_s
        orders = np.flatnonzero(self._are_free(slice(None), now_s) & (self._opens_s < slot_end_s))
        for order in orders[self._closes_s[orders] <= now_s].tolist():
            window = self._choices[order].window_from(now_s)
            self._opens_s[order], self._closes_s[order] = window or (math.inf, math.inf)
        return orders[self._opens_s[orders] < slot_end_s]

    def _surely_fit(self, orders: IntArray, now_s: float) -> npt.NDArray[np.bool_]:
        """Of open choices: True where a session fits whatever the light time is now, by its bounds; see `_fitted`."""
        options = self._options
        shortest_s, longest_s = self._shortest_s[orders], self._longest_s[orders]
        closes_s = self._closes_s[orders]
        ours_s = np.maximum(self._until_s[self._leaders[orders]], self._opens_s[orders])
        ours_s = np.maximum(ours_s, now_s)
        theirs_s = self._until_s[self._followers[orders]] + GUARD_S
        earliest_s = np.maximum(ours_s, theirs_s - longest_s - _ROUNDING_S)
        latest_s = np.maximum(ours_s, theirs_s - shortest_s + _ROUNDING_S)
        deep_s = np.maximum(options.deep_session_s, 8 * shortest_s)
        near_s = options.session_s / 2
        length_s = np.where(longest_s < options.deep_owlt_s, near_s, np.minimum(deep_s, near_s))
        length_s[shortest_s >= options.deep_owlt_s] = deep_s[shortest_s >= options.deep_owlt_s]
        ends_s = np.ceil((earliest_s + length_s - _ROUNDING_S) / options.session_s)
        ends_s = np.minimum(ends_s * options.session_s, closes_s)
        least_s = self._acquisition_s[orders] + 2 * longest_s + options.shortest_s + _ROUNDING_S
        fits: npt.NDArray[np.bool_] = ends_s - latest_s >= least_s
        fits &= latest_s < now_s + options.slot_s
        return fits

    def _session(self, order: int, now_s: float) -> Session:
        session = self._fitted(order, now_s)
        assert session is not None
        return session

    def _fitted(self, order: int, now_s: float) -> Session | None:
        """The longest session of an open choice's terminals that begins in this slot, None if too short."""
        options, choice = self._options, self._choices[order]
        slot_end_s = now_s + options.slot_s
        closes_s = float(self._closes_s[order])
        ours_s = float(self._until_s[self._leaders[order]])
        theirs_s = float(self._until_s[self._followers[order]])
        begin_s = max(now_s, float(self._opens_s[order]), ours_s)
        owlt_s = choice.way.owlt_at(begin_s)
        begin_s = max(begin_s, theirs_s - owlt_s + GUARD_S)
        if begin_s >= slot_end_s:
            return None
        deep = owlt_s >= options.deep_owlt_s
        length_s = max(options.deep_session_s, 8 * owlt_s) if deep else options.session_s / 2
        end_s = math.ceil((begin_s + length_s) / options.session_s) * options.session_s
        end_s = min(end_s, closes_s)
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
        a, b = (
            self._nodes[node].terminals[place]
            for node, place in zip(link.nodes, pairing.places, strict=True)
        )
        enough_bps = self._options.enough_bps
        range_km = choice.way.owlt_at(session.start_s) * SPEED_OF_LIGHT_KM_S
        if range_km < self._reach_km(a, b):
            return -enough_bps, pairing.aperture_m
        at_km: FloatArray = np.array(range_km)
        slower = min(float(rate_bps(a, b, at_km)), float(rate_bps(b, a, at_km)))
        return -min(slower, enough_bps), pairing.aperture_m

    def _reach_km(self, a: Terminal, b: Terminal) -> float:
        """Up to where two terminals surely have a rate that is enough, both ways."""
        pair = id(a), id(b)  # to hash what they are made of takes longer
        known = self._reaches_km.get(pair)
        if known is None:
            enough_bps = self._options.enough_bps
            known = min(reach_km(a, b, enough_bps), reach_km(b, a, enough_bps))
            self._reaches_km[pair] = known
        return known
