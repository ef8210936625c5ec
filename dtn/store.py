"""Where bundles rest: the protocol of a store, and the one in memory.

The agent says `Store(ref, bundle)` and goes on only when it is told `stored(ref, now)`: at once from memory, after the
commit from a disk. What is stored survives; what is not was never acknowledged. The quota is the agent's (reason 4): a
store is asked to keep only what fits. A disk may be full all the same: then the agent is told `not_stored(ref, now)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from dtn.bundle import Bundle

Stored = Callable[[int, bool], object]
"""Told the fate of one `put`: the ref, and whether the bundle is kept."""


class Kept(NamedTuple):
    """A bundle in a store, and when it was put there."""

    ref: int
    bundle: Bundle
    put_s: float


class Store(Protocol):
    """A store of bundles by the agent's `ref`."""

    def put(self, ref: int, bundle: Bundle, now_s: float, stored: Stored) -> None:
        """Keep a bundle; `stored` is called once when its fate is known, in the order of the puts."""

    def forget(self, ref: int) -> None:
        """Let it go; unknown refs are ignored."""

    def __iter__(self) -> Iterator[Kept]:
        """Everything kept, in order of ref: what a node finds when it starts again."""


class MemoryStore:
    """A store that lasts as long as its process; what is put is stored at once."""

    def __init__(self) -> None:
        self._bundles: dict[int, tuple[Bundle, float]] = {}

    def put(self, ref: int, bundle: Bundle, now_s: float, stored: Stored) -> None:
        """Keep a bundle."""
        self._bundles[ref] = (bundle, now_s)
        stored(ref, True)

    def forget(self, ref: int) -> None:
        """Let it go."""
        self._bundles.pop(ref, None)

    def __iter__(self) -> Iterator[Kept]:
        return iter([Kept(ref, *self._bundles[ref]) for ref in sorted(self._bundles)])

    def __len__(self) -> int:
        return len(self._bundles)
