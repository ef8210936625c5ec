"""Verdict: what came of asking a strategy about a bundle."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dtn.events import Event
from dtn.routing.queue import LinkQueue
from dtn.routing.strategy import Decision, Drop, Hold, Send


class Verdict:
    """What came of asking.

    Attributes:
        events: for the log.
        grown: neighbours whose queue grew.
        drop: a reason to drop, or None.
        ask_again_s: when to ask again, at the latest.
        awaits: the neighbour whose next contact to wait for; None: any.
    """

    __slots__ = ("ask_again_s", "awaits", "drop", "events", "grown")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.grown: list[LinkQueue] = []
        self.drop: int | None = None
        self.ask_again_s = math.inf
        self.awaits: str | None = None


_DECISIONS = (Send, Hold, Drop)


def listed(answer: Decision | Sequence[Decision]) -> Sequence[Decision] | None:
    """An answer as a list; None if it is none."""
    if isinstance(answer, _DECISIONS):
        return (answer,)
    if isinstance(answer, list | tuple) and all(isinstance(a, _DECISIONS) for a in answer):
        return answer
    return None
