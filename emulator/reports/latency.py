"""Latency: how a set of durations is spread, as numbers and as a curve."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

Spread = dict[str, float | None]
"""mean, p50, p95, p99 and max, seconds; each None where there is nothing to describe."""

PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0}


def spread(durations_s: Iterable[float]) -> Spread:
    """Mean, percentiles (linear between the two nearest) and maximum of what is finite."""
    values = np.fromiter(durations_s, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return dict.fromkeys(("mean", *PERCENTILES, "max"))
    percentiles = np.percentile(values, list(PERCENTILES.values()))
    found: Spread = {"mean": float(values.mean())}
    found.update(zip(PERCENTILES, map(float, percentiles), strict=True))
    found["max"] = float(values.max())
    return found


def distribution(durations_s: Iterable[float], points: int = 200) -> list[tuple[float, float]]:
    """The cumulative distribution as (seconds, share that is no slower), at most `points` of them.

    Taken at even steps of the share, so that however many durations there are the curve is as
    exact everywhere; its first point is the least, its last the greatest.
    """
    values = np.sort(np.fromiter(durations_s, dtype=np.float64))
    values = values[np.isfinite(values)]
    count = len(values)
    if not count:
        return []
    places = np.unique(np.linspace(0, count - 1, min(points, count)).round().astype(int))
    return [(float(values[place]), float((place + 1) / count)) for place in places]
