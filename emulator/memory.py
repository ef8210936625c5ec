"""Memory: how much of it this process has, and what is handed back to the system when a stage is over."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

WORTH_RETURNING_MB = 32.0
"""A process that has grown by less since it last looked has little to hand back; to look takes up to 0.1 s."""


def resident_mb() -> float:
    """How much of the machine's memory this process has; 0 where Linux is not there to ask."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


class _Kept:
    """What the process had when it last looked."""

    mb = resident_mb()


def return_freed_memory() -> None:
    """Hand back what planning, or a run, has freed: 150 MB that glibc would keep for arrays to come."""
    if sys.platform != "linux" or resident_mb() < _Kept.mb + WORTH_RETURNING_MB:
        return
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)
    _Kept.mb = resident_mb()
