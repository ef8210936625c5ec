"""What numba has compiled is compiled anew when a file changes that it was made from.

Its cache knows a function by its own file alone, and what a function calls is compiled into it: a change in one file
would leave the functions of another as they were.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path


def cache_of(function: object) -> Path | None:
    """Where numba keeps what it has compiled of a function's file; None while its compiler is off."""
    stats = getattr(function, "stats", None)
    return None if stats is None else Path(str(stats.cache_path))


def forget_older(cache: Path | None, sources: Iterable[Path]) -> None:
    """Let numba compile anew what any of these files has, if one of them has changed since.

    Args:
        cache: where it keeps what it has compiled, if it compiles.
        sources: files whose functions call each other.
    """
    if cache is None:
        return
    files = list(sources)
    changed = max(file.stat().st_mtime for file in files)
    for file in files:
        for index in cache.glob(f"{file.stem}.*.nbi"):
            with contextlib.suppress(OSError):  # another was quicker, or alone may write
                if index.stat().st_mtime < changed:
                    index.unlink()
