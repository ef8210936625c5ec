"""What a scenario's author should be told although it can be run: old elements, launches that fall back."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Doubt(UserWarning):
    """Something that can stand, and is probably not what was meant."""


def doubt(sentence: str) -> None:
    """Tell of a doubt: a Python warning to who uses the package, a line on standard error to who uses the command."""
    warnings.warn(sentence, Doubt, stacklevel=3)


@contextmanager
def doubts_as_lines() -> Iterator[None]:
    """Meanwhile each doubt is one line of the command's own on standard error, whatever Python does with warnings."""
    told: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", Doubt)
        usual = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, Doubt):
                usual(message, category, filename, lineno, file, line)
            elif str(message) not in told:
                told.add(str(message))
                print(f"lightlag: {message}", file=sys.stderr)

        warnings.showwarning = show
        yield
