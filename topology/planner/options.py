"""What a plan may be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dtn.errors import InvalidValue


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """How a plan is made.

    Args:
        designer: "fresh", "fair", "greedy", "matching", or "all" (every window, no terminal is ever busy).
        session_s: how long a session lasts before its terminals are given out anew.
        deep_session_s: the same, where light takes `deep_owlt_s` or longer; at least eight light times.
        deep_owlt_s: from this light time on, a link is deep space.
        slot_s: how often free terminals are looked at.
        shortest_s: of a session: time that is left for data after acquisition and, for the way back,
            two light times.
        least_rate_bps: a link slower than this in either direction is none.
        enough_bps: of two terminals that both reach this rate, the smaller one is taken.
        weights: of pairs of names, in either order; beside the nodes' own weights.

    Raises:
        InvalidValue: a number that makes no plan.
    """

    designer: str = "fresh"
    session_s: float = 1800.0
    deep_session_s: float = 2 * 3600.0
    deep_owlt_s: float = 30.0
    slot_s: float = 300.0
    shortest_s: float = 120.0
    least_rate_bps: float = 1e3
    enough_bps: float = 10e6
    weights: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("session_s", "deep_session_s", "slot_s", "shortest_s", "least_rate_bps"):
            if not getattr(self, key) > 0:
                raise InvalidValue(key, getattr(self, key), "must be above 0")

    def weight(self, a: str, b: str) -> float:
        """The weight of a pair."""
        return self.weights.get((a, b), self.weights.get((b, a), 1.0))
