"""Patterns of node names, as in `from = "ai-*"`."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def matching(given: str | tuple[str, ...], names: Iterable[str]) -> list[str]:
    """The names that match the pattern, or one of them; in their own order."""
    patterns = (given,) if isinstance(given, str) else given
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
