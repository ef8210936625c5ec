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

from typing import NamedTuple

from topology.planner.links import Link, Pairing

GUARD_S = 1e-3
"""Light times are interpolated while planning, right to 50 us: reservations keep this distance."""


class Session(NamedTuple):
    """One session over a link.

    Attributes:
        link: the two nodes.
        pairing: their terminals, and who leads.
        start_s: when the leader's beacon is lit, leader's time.
        end_s: when the leader turns away, leader's time.
    """

    link: Link
    pairing: Pairing
    start_s: float
    end_s: float

    @property
    def held_until_s(self) -> float:
        """When the follower's engagement ends, in its time."""
        way = self.link.ways[self.pairing.leader]
        return self.end_s + way.owlt_at(self.end_s) + GUARD_S

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
        return self._replace(end_s=later.end_s)
