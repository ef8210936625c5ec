"""Randomness: one generator for each use, keyed by the scenario's seed and names.

Adding a node or a flow changes no other's draws, and no draw depends on the order of events
elsewhere.
"""

from __future__ import annotations

import hashlib
import random
from functools import lru_cache


def generator(seed: int, *names: str) -> random.Random:
    """A generator of its own for these names: SHA-256 of the seed and the names is its seed."""
    digest = hashlib.sha256("\0".join((str(seed), *names)).encode()).digest()
    return random.Random(int.from_bytes(digest))


@lru_cache(maxsize=16)
def synthetic_octets(size_bytes: int, *names: str) -> bytes:
    """Octets without pattern, the same (and one object) for the same names: SHAKE-128 of the names."""
    return hashlib.shake_128("\0".join(names).encode()).digest(size_bytes)
