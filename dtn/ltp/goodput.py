"""What LTP can carry at most, and what retransmission costs: arithmetic, for reports and tests.

A session lives for at least a round trip: its checkpoint has to get there and its report back. Each holds one block,
so no more than (sessions x block) octets are under way in a round trip, however fast the link. A segment that is lost
with probability p is sent 1/(1 - p) times on average, and a block needs rounds until its unluckiest segment is through.
"""

from __future__ import annotations


def goodput_bound_bps(sessions: int, block_bytes: float, round_trip_s: float) -> float:
    """The most that so many sessions of such blocks can carry, bit/s: sessions x block / round trip."""
    return sessions * block_bytes * 8 / round_trip_s


def mean_rounds(segments: int, loss: float) -> float:
    """How many rounds of sending a block takes on average: the sum over k of P(some segment needs more than k).

    Args:
        segments: how many a block has.
        loss: probability that one is lost, in [0, 1).
    """
    rounds, missing = 0.0, 1.0
    power = 1.0
    while missing > 1e-12:
        rounds += missing
        power *= loss
        missing = 1.0 - (1.0 - power) ** segments
    return rounds
