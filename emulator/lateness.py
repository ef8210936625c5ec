"""Lateness: the timing error of a loop that keeps pace with real time, as a histogram."""

from __future__ import annotations

import math


class Lateness:
    """How late entries ran, in real seconds: counts in buckets an eighth of an octave wide."""

    def __init__(self) -> None:
        self.count = 0
        self.max_s = 0.0
        self._buckets = [0] * 320

    def note(self, late_s: float) -> None:
        """Count one entry."""
        self.count += 1
        self.max_s = max(self.max_s, late_s)
        bucket = int(8 * math.log2(1 + max(late_s, 0.0) * 1e6))
        self._buckets[min(bucket, len(self._buckets) - 1)] += 1

    def quantile_s(self, q: float) -> float:
        """The lateness that a fraction q of the entries did not exceed; at most 10 % too high."""
        passed = 0
        for bucket, entries in enumerate(self._buckets):
            passed += entries
            if entries and passed >= q * self.count:
                return min((2 ** ((bucket + 1) / 8) - 1) / 1e6, self.max_s)
        return 0.0
