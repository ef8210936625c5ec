"""Do two runs of one scenario agree? The same bundles, over the same hops, in the same time.

What a real clock adds is measured: at each hop a bundle may be late by as much as a frame was, and
as the loop was in 99 of 100 cases, times the rate. A bundle that differs by more had a contact
within that margin, or something is wrong: at most one in a hundred may.
"""

from __future__ import annotations

from typing import NamedTuple

from dtn.events import BundleReceived, FrameLate
from emulator.result import Result

LISTED_APART = 0.01


class Disagreement(NamedTuple):
    """A bundle that went another way or took another time than it may."""

    bundle: str
    ways: tuple[tuple[str, ...], tuple[str, ...]]
    latencies_s: tuple[float, float]


def disagreements(exact: Result, real: Result, error_p99_s: float) -> list[Disagreement]:
    """Bundles on which the two runs differ by more than the timing error allows.

    Args:
        exact: the run in virtual time.
        real: the other one.
        error_p99_s: how late its loops were in 99 of 100 cases, real seconds.
    """
    late_s = max((e.late_s for e in real.log if isinstance(e, FrameLate)), default=0.0)
    per_hop_s = late_s + real.header.rate * error_p99_s
    ways = ways_of(exact), ways_of(real)
    latencies = latencies_of(exact), latencies_of(real)
    found = []
    for bundle in sorted(latencies[0] | latencies[1]):
        way = ways[0].get(bundle, ()), ways[1].get(bundle, ())
        times_s = tuple(latency.get(bundle, float("inf")) for latency in latencies)
        allowed_s = per_hop_s * (len(way[0]) + 1)
        if way[0] != way[1] or not abs(times_s[0] - times_s[1]) <= allowed_s:
            found.append(Disagreement(bundle, way, (times_s[0], times_s[1])))
    return found


def ways_of(result: Result) -> dict[str, tuple[str, ...]]:
    """Nodes that received a bundle, in order, by what it is: its source, number and flow."""
    names = names_of(result)
    ways: dict[str, tuple[str, ...]] = {}
    for event in result.log:
        if isinstance(event, BundleReceived):
            name = names[event.bundle]
            ways[name] = (*ways.get(name, ()), event.node)
    return ways


def latencies_of(result: Result) -> dict[str, float]:
    """Latency of each delivered bundle, by what it is."""
    names = names_of(result)
    rows = result.bundles.select("bundle", "latency_s").rows()
    return {names[bundle]: latency for bundle, latency in rows if latency is not None}


def names_of(result: Result) -> dict[str, str]:
    """What a bundle is, whenever it was made: the how-manieth of its flow between two nodes."""
    counts: dict[tuple[str, str, str], int] = {}
    names = {}
    for bundle, flow, source, destination in result.bundles.select(
        "bundle", "flow", "source", "destination"
    ).rows():
        key = (flow, source, destination)
        counts[key] = counts.get(key, 0) + 1
        names[bundle] = f"{flow} {source} {destination} {counts[key]}"
    return names
