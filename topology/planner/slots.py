"""Terminals given out slot by slot: what the designers `fair` and `fresh` have in common.

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

from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.laser import rate_bps
from topology.network import PlannedNode
from topology.planner.calendar import Calendar
from topology.planner.links import Link, Pairing, window_at
from topology.planner.options import PlanOptions
from topology.planner.sessions import GUARD_S, Session, make_session


class Preference(Protocol):
    """Who comes first."""

    def begin(self, now_s: float, joined: Sequence[tuple[int, int]]) -> None:
        """A slot begins; these nodes are in session with each other."""
        ...

    def order(self, place: int) -> tuple[float, ...]:
        """Of a link, by its place in the list: the least is given its terminals first."""
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
    design = _Design(nodes, links, options, preference)
    slots = math.ceil((end_s - start_s) / options.slot_s)
    for slot in range(slots):
        now_s = start_s + slot * options.slot_s
        if progress is not None:
            progress(now_s)
        design.give_out(now_s)
    return design.sessions


class _Design:
    """The plan as far as it is made."""

    def __init__(
        self,
        nodes: Sequence[PlannedNode],
        links: Sequence[Link],
        options: PlanOptions,
        preference: Preference,
    ) -> None:
        self._nodes = nodes
        self._links = links
        self._options = options
        self._calendars = [[Calendar() for _ in node.terminals] for node in nodes]
        self._preference = preference
        self._last: dict[tuple[int, int], int] = {}
        self._running: list[int] = []
        self.sessions: list[Session] = []

    def give_out(self, now_s: float) -> None:
        """Give the terminals that are free in this slot to pairs."""
        wanted = {
            place: session
            for place, link in enumerate(self._links)
            if (session := self._possible(link, now_s)) is not None
        }
        if not wanted:
            return
        self._preference.begin(now_s, self._joined(now_s))
        while wanted:
            place = min(wanted, key=lambda place: (*self._preference.order(place), place))
            session = wanted[place]
            self._book(session)
            self._preference.chosen(place, session.end_s - session.start_s)
            touched = set(session.link.nodes)
            for other in [p for p in wanted if touched & set(self._links[p].nodes)]:
                again = self._possible(self._links[other], now_s)
                if again is None:
                    del wanted[other]
                else:
                    wanted[other] = again

    def _joined(self, now_s: float) -> list[tuple[int, int]]:
        """Nodes that are in session with each other and will be when the slot ends."""
        until_s = now_s + self._options.slot_s
        self._running = [place for place in self._running if self.sessions[place].end_s > until_s]
        return [self.sessions[place].link.nodes for place in self._running]

    def _possible(self, link: Link, now_s: float) -> Session | None:
        """The session this link could have now, with the terminals that suit it best."""
        best: Session | None = None
        best_key = (math.inf, math.inf)
        for pairing in link.pairings:
            session = self._fitted(link, pairing, now_s)
            if session is not None:
                key = (-self._enough(link, pairing, session.start_s), pairing.aperture_m)
                if best is None or key < best_key:
                    best, best_key = session, key
        return best

    def _fitted(self, link: Link, pairing: Pairing, now_s: float) -> Session | None:
        """The longest session of these terminals that begins in this slot, None if too short."""
        options = self._options
        ours, theirs = self._calendars_of(link, pairing)
        if ours.free_from(now_s) >= now_s + options.slot_s:
            return None
        way = link.ways[pairing.leader]
        window = window_at(link.windows(pairing.leader, pairing.longest_owlt_s), now_s)
        if window is None or window[0] >= now_s + options.slot_s:
            return None
        begin_s = max(now_s, window[0])
        for _ in range(3):  # each end may push the other on
            begin_s = ours.free_from(begin_s)
            owlt_s = way.owlt_at(begin_s)
            begin_s = max(begin_s, theirs.free_from(begin_s + owlt_s - GUARD_S) - owlt_s + GUARD_S)
        if begin_s >= now_s + options.slot_s:
            return None
        deep = owlt_s >= options.deep_owlt_s
        length_s = max(options.deep_session_s, 8 * owlt_s) if deep else options.session_s / 2
        end_s = math.ceil((begin_s + length_s) / options.session_s) * options.session_s
        end_s = min(end_s, window[1], ours.free_until(begin_s))
        until_s = theirs.free_until(begin_s + owlt_s)
        for _ in range(2):
            end_s = min(end_s, until_s - way.owlt_at(end_s) - 2 * GUARD_S)
        if end_s - begin_s < pairing.acquisition_s + 2 * owlt_s + options.shortest_s:
            return None
        session = make_session(link, pairing, begin_s, end_s)
        free = (
            ours.free_from(begin_s) == begin_s
            and theirs.free_from(session.held[0]) == session.held[0]
            and theirs.free_until(session.held[0]) >= session.held[1]
        )
        return session if free else None

    def _calendars_of(self, link: Link, pairing: Pairing) -> tuple[Calendar, Calendar]:
        """The leader's and the follower's."""
        pair = [
            self._calendars[node][place]
            for node, place in zip(link.nodes, pairing.places, strict=True)
        ]
        return pair[pairing.leader], pair[1 - pairing.leader]

    def _enough(self, link: Link, pairing: Pairing, t_s: float) -> float:
        """The slower direction's rate, no more than is enough."""
        range_km = np.array(link.ways[pairing.leader].owlt_at(t_s) * SPEED_OF_LIGHT_KM_S)
        a, b = (
            self._nodes[node].terminals[place]
            for node, place in zip(link.nodes, pairing.places, strict=True)
        )
        slower = min(float(rate_bps(a, b, range_km)), float(rate_bps(b, a, range_km)))
        return min(slower, self._options.enough_bps)

    def _book(self, session: Session) -> None:
        """Enter a session; one that goes on becomes part of the one before."""
        ours, theirs = self._calendars_of(session.link, session.pairing)
        ours.engage(session.start_s, session.end_s)
        theirs.engage(*session.held)
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
