"""InHand: a store for nodes that die with their process."""

from __future__ import annotations

from collections.abc import Iterator

from dtn.bundle import Bundle
from dtn.store import Kept, Stored


class InHand:
    """A store for nodes that die with their process: what the agent holds is stored."""

    def put(self, ref: int, bundle: Bundle, now_s: float, stored: Stored) -> None:
        """It is stored."""
        stored(ref, True)

    def forget(self, ref: int) -> None:
        """There is nothing to forget."""

    def __iter__(self) -> Iterator[Kept]:
        return iter(())
