"""How the compiled forms are compiled: numba's decorators, and what is compiled no more when a file changes.

Imported only where numba is. Its cache knows a function by its own file alone, and what a function calls is compiled
into it: a change in one file would leave the functions of another as they were.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

compiled = njit(cache=True, error_model="numpy", nogil=True)  # pairs are looked at side by side
inlined = njit(cache=True, error_model="numpy", forceinline=True)


def forget_older(cache: Path, sources: Iterable[Path]) -> None:
    """Let numba compile anew what any of these files has, if one of them has changed since.

    Args:
        cache: where it keeps what it has compiled.
        sources: files whose functions call each other.
    """
    files = list(sources)
    changed = max(file.stat().st_mtime for file in files)
    for file in files:
        for index in cache.glob(f"{file.stem}.*.nbi"):
            with contextlib.suppress(
                OSError
            ):  # another process was quicker, or it may not be written
                if index.stat().st_mtime < changed:
                    index.unlink()
