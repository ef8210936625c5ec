"""Sessions: two terminals that point at each other for a while, each in its own time.

The end with the brighter beam leads: its beacon leaves at `start_s`. From there on

    leader's terminal      [start, end]                       leader's time
    follower's terminal    [start + owlt, end + owlt]         follower's time
    leader transmits       [start + acquisition, end]         arrives while the follower listens
    follower transmits     [start + owlt + acquisition, ...]  so long as it arrives by `end`

so the follower finds the beacon one light time after it was lit, needs its acquisition time, and answers;
the leader's data leave such that they arrive when the follower is ready.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from topology.planner.links import Link, Pairing

GUARD_S = 1e-3
"""Light times are interpolated while planning, right to 50 us: reservations keep this distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session over a link.

    Args:
        link: the two nodes.
        pairing: their terminals, and who leads.
        start_s: when the leader's beacon is lit, leader's time.
        end_s: when the leader turns away, leader's time.
        held: the follower's engagement, in its time.
    """

    link: Link
    pairing: Pairing
    start_s: float
    end_s: float
    held: tuple[float, float]

    @property
    def leader(self) -> tuple[int, int]:
        """Node and terminal that lead."""
        side = self.pairing.leader
        return self.link.nodes[side], self.pairing.places[side]

    @property
    def follower(self) -> tuple[int, int]:
        """Node and terminal that follow."""
        side = 1 - self.pairing.leader
        return self.link.nodes[side], self.pairing.places[side]

    def continued_by(self, later: Session) -> Session | None:
        """Both as one, if the later one begins where this ends, with the same terminals."""
        same = later.link is self.link and later.pairing == self.pairing
        if not same or abs(later.start_s - self.end_s) > 3 * GUARD_S:
            return None
        return replace(self, end_s=later.end_s, held=(self.held[0], later.held[1]))


def make_session(link: Link, pairing: Pairing, start_s: float, end_s: float) -> Session:
    """A session with the follower's engagement from the light times of its ends."""
    way = link.ways[pairing.leader]
    held = (
        start_s + way.owlt_at(start_s) - GUARD_S,
        end_s + way.owlt_at(end_s) + GUARD_S,
    )
    return Session(link=link, pairing=pairing, start_s=start_s, end_s=end_s, held=held)
