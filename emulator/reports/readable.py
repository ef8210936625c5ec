"""Quantities as people read them: three significant digits and the unit that suits."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

_DURATIONS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_MULTIPLES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
NOTHING = "–"


def duration_text(seconds: float | None) -> str:
    """A duration: 1.28 s, 12.4 min, 3.02 h, 2.1 d; a dash for none."""
    if seconds is None:
        return NOTHING
    if not math.isfinite(seconds):
        return "never"
    for unit_s, name in _DURATIONS:
        if abs(seconds) >= (2 * unit_s if unit_s > 1 else unit_s):
            return f"{_digits(seconds / unit_s)} {name}"
    return "0 s"


def counted(count: int, noun: str) -> str:
    """1 hop, 2 hops."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def bytes_text(size_bytes: float) -> str:
    """A size in bytes: 940 B, 1.2 MB."""
    return f"{_scaled(size_bytes)}B"


def rate_text(rate_bps: float) -> str:
    """A rate: 2.5 Gbit/s."""
    return f"{_scaled(rate_bps)}bit/s"


def energy_text(energy_j: float) -> str:
    """An energy: 940 J, 1.2 MJ."""
    return f"{_scaled(energy_j)}J"


def share_text(part: float, whole: float) -> str:
    """A share in per cent that says 100 % only of everything and 0 % only of nothing."""
    if not whole:
        return NOTHING
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.9 < share < 100:
        return "> 99.9 %"
    return f"{share:.1f} %".replace(".0 %", " %")


def gap_text(gap: float | None) -> str:
    """By which part of a bound something is above it."""
    return NOTHING if gap is None else f"{100 * gap:.2f} %"


def moment_text(t_s: float, start_utc: str) -> str:
    """A moment of the run as its emulated date, to the millisecond; seconds where it has no date."""
    start = start_of(start_utc)
    if start is None:
        return f"{t_s:.3f} s"
    return (start + timedelta(seconds=t_s)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def start_of(start_utc: str) -> datetime | None:
    """The start of a run as a date, None if it has none."""
    return datetime.fromisoformat(start_utc).astimezone(UTC) if start_utc else None


def _scaled(value: float) -> str:
    for multiple, prefix in _MULTIPLES:
        if abs(value) >= multiple:
            return f"{_digits(value / multiple)} {prefix}"
    return f"{value:g} "


def _digits(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"
