"""Statistics of a study: what may be said of strategies that were given the same traffic.

Three mistakes are guarded against. *Means over what was delivered* flatter a strategy that drops
late bundles: so the delay is also compared on the set of bundles that all strategies delivered, and
censored, a bundle that was not delivered counting as later than the end of its observation (its
lifetime or the run's end). *Runs of different luck*: so strategies are compared by paired
differences over common seeds. *Too few runs*: so every mean has its 95 % confidence interval,
Student's t over seeds.

Sources: E. L. Kaplan and P. Meier, JASA 53 (1958) 457; restricted means: P. Royston and M. K. B.
Parmar, BMC Medical Research Methodology 13 (2013) 152; A. M. Law, Simulation Modeling and Analysis,
5th ed., sections 9.4 (confidence intervals, warm-up) and 10.2 (paired t).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import stdtrit

from emulator.sweep.measure import IDENTITY, Measured

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
KEPT_S = 1.0
"""A promise is kept if the bundle arrives at most so much after it."""


class Estimate(NamedTuple):
    """A mean over seeds; the half-width of its 95 % confidence interval is nan for fewer than two."""

    mean: float
    half_width: float
    runs: int


def estimate(values: Iterable[float]) -> Estimate:
    """Mean and Student's t interval over the values that are there; nan are not."""
    found = np.array([value for value in values if not math.isnan(value)])
    runs = len(found)
    if runs == 0:
        return Estimate(math.nan, math.nan, 0)
    mean = float(found.mean())
    if runs == 1:
        return Estimate(mean, math.nan, 1)
    t = float(stdtrit(runs - 1, (1 + CONFIDENCE) / 2))
    return Estimate(mean, t * float(found.std(ddof=1)) / math.sqrt(runs), runs)


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Estimate:
    """Ours less theirs, seed by seed, over the seeds that both have."""
    return estimate(ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys()))


class Window(NamedTuple):
    """Which bundles count: those sourced in [from_s, until_s)."""

    from_s: float
    until_s: float

    def of(self, bundles: pl.DataFrame) -> pl.DataFrame:
        """The given bundles that count; answers do not, nor what is sourced outside."""
        at = pl.col("sourced_s")
        return bundles.filter(~pl.col("answer"), at >= self.from_s, at < self.until_s)


class Survival(NamedTuple):
    """A Kaplan-Meier curve: the share of bundles later than each of the times.

    Args:
        times_s: latencies at which it falls, ascending.
        later: the share that is later than each.
    """

    times_s: Floats
    later: Floats

    def quantile_s(self, share: float) -> float:
        """By when this share is delivered; nan if the observations end before."""
        reached = np.flatnonzero(self.later <= 1 - share + 1e-12)
        return float(self.times_s[reached[0]]) if len(reached) else math.nan


def survival(latency_s: Floats, horizon_s: Floats) -> Survival:
    """Kaplan-Meier's estimate of how late bundles are.

    Args:
        latency_s: of each bundle; nan where it was not delivered.
        horizon_s: for how long each was observed, whether or not it was dropped before: a
            strategy does not win by dropping early.
    """
    delivered = ~np.isnan(latency_s)
    seen_s = np.where(delivered, latency_s, horizon_s)
    times, counts = np.unique(latency_s[delivered], return_counts=True)
    at_risk = len(seen_s) - np.searchsorted(np.sort(seen_s), times, side="left")
    later: Floats = np.cumprod(1 - counts / at_risk, dtype=np.float64)
    return Survival(times, later)


def restricted_mean_s(latency_s: Floats, horizon_s: Floats) -> float:
    """Mean delay if what was not delivered had come at the end of its observation: at least that.

    Each bundle's delay is restricted to its own horizon, the same under every strategy, so that no
    assumption on the lost ones is made; nan without bundles.
    """
    if not len(horizon_s):
        return math.nan
    delivered_s = np.where(np.isnan(latency_s), horizon_s, latency_s)
    return float(np.minimum(delivered_s, horizon_s).mean())


def horizons_s(bundles: pl.DataFrame, end_s: float) -> Floats:
    """For how long each bundle could be observed: to its lifetime's or the run's end."""
    lifetime_s = bundles["lifetime_s"].to_numpy()
    left_s: Floats = np.maximum(end_s - bundles["sourced_s"].to_numpy(), 0.0)
    horizon_s: Floats = np.minimum(lifetime_s, left_s)
    return horizon_s


def latencies_s(bundles: pl.DataFrame) -> Floats:
    """Latency of each bundle, nan where it was not delivered."""
    latency_s: Floats = bundles["latency_s"].fill_null(math.nan).to_numpy()
    return latency_s


METRICS: dict[str, str] = {
    "delivery_ratio": "delivered of what was sourced",
    "delay_s": "mean delay of what was delivered",
    "delay_p50_s": "its median",
    "delay_p95_s": "its 95th percentile",
    "delay_p99_s": "its 99th percentile",
    "common_delay_s": "mean delay of the bundles that all strategies which delivered any delivered",
    "restricted_delay_s": "mean delay, what was not delivered counting as late as could be observed",
    "overhead": "transmissions for each bundle delivered",
    "hops": "hops of a delivered bundle",
    "promise_error_s": "arrival less what the source's route promised, mean",
    "promises_kept": f"share that came at most {KEPT_S:g} s after the promise",
    "age_s": "age of information: mean age of the newest that has arrived, over streams",
    "largest_gap_s": "longest time without a delivery in any stream",
    "volume_bytes_per_day": "payload delivered a day",
    "contact_use": "sent of what the contacts could carry",
    "mean_stored_bytes": "stored in the whole network, mean over time",
    "peak_stored_bytes": "the most that any node stored",
    "decision_s": "from an event to the decision about it in effect, mean of those in effect",
    "decision_p50_s": "its median",
    "decision_p95_s": "its 95th percentile",
    "missed_ratio": "events without a decision in effect by their deadline",
    "decision_energy_j": "what computing about an event drew, wherever",
    "onboard_energy_j": "what of it the satellite drew",
    "home_bytes": "sent home about an event: input, answer or report",
}
"""What is reckoned for each run, in order, and what it means."""


def metrics(measured: Measured, window: Window, common: pl.DataFrame | None) -> dict[str, float]:
    """The METRICS of one run; nan where there is nothing to reckon from.

    Args:
        measured: the run.
        window: which of its bundles count.
        common: identities of the bundles that all strategies delivered; None: not known.
    """
    numbers = measured.numbers
    bundles = window.of(measured.bundles)
    delivered = bundles.filter(pl.col("latency_s").is_not_null())
    delay_s = delivered["latency_s"].to_numpy()
    p50, p95, p99 = np.percentile(delay_s, (50, 95, 99)) if len(delay_s) else (math.nan,) * 3
    promised = delivered.filter(pl.col("promised_s").is_not_null())
    error_s = (promised["latency_s"] - promised["promised_s"]).to_numpy()
    until_s = min(window.until_s, numbers["end_s"])
    days = (until_s - window.from_s) / 86400
    age_s, gap_s = _freshness(measured.bundles, Window(window.from_s, until_s))
    shared = None if common is None else delivered.join(common, on=IDENTITY, how="semi")
    horizon_s = horizons_s(bundles, numbers["end_s"])
    volume = numbers["volume_bytes"]
    found = {
        "delivery_ratio": _ratio(len(delivered), len(bundles)),
        "delay_s": _mean(delay_s),
        "delay_p50_s": float(p50),
        "delay_p95_s": float(p95),
        "delay_p99_s": float(p99),
        "common_delay_s": math.nan if shared is None else _mean(shared["latency_s"].to_numpy()),
        "restricted_delay_s": restricted_mean_s(latencies_s(bundles), horizon_s),
        "overhead": _ratio(float(bundles["transmissions"].sum()), len(delivered)),
        "hops": _mean(delivered["hops"].cast(pl.Float64).to_numpy()),
        "promise_error_s": _mean(error_s),
        "promises_kept": _mean((error_s <= KEPT_S).astype(np.float64)),
        "age_s": age_s,
        "largest_gap_s": gap_s,
        "volume_bytes_per_day": _ratio(float(delivered["payload_bytes"].sum()), days),
        "contact_use": _ratio(numbers["sent_bytes"], volume),
        "mean_stored_bytes": numbers["mean_stored_bytes"],
        "peak_stored_bytes": max(measured.peak_bytes.values(), default=0.0),
        **_decision_metrics(measured.decisions, window),
    }
    assert list(found) == list(METRICS)
    return found


def _decision_metrics(decisions: pl.DataFrame, window: Window) -> dict[str, float]:
    at = pl.col("created_s")
    events = decisions.filter(at >= window.from_s, at < window.until_s)
    latency_s = events["latency_s"].drop_nulls().to_numpy()
    p50, p95 = np.percentile(latency_s, (50, 95)) if len(latency_s) else (math.nan,) * 2
    return {
        "decision_s": _mean(latency_s),
        "decision_p50_s": float(p50),
        "decision_p95_s": float(p95),
        "missed_ratio": _ratio(float(events["is_missed"].sum()), len(events)),
        "decision_energy_j": _mean(events["energy_j"].to_numpy()),
        "onboard_energy_j": _mean(events["onboard_energy_j"].to_numpy()),
        "home_bytes": _mean(events["home_bytes"].cast(pl.Float64).to_numpy()),
    }


def delivered_by_all(runs: Sequence[Measured], window: Window) -> pl.DataFrame:
    """Identities of the bundles that every one of the runs delivered; runs that delivered none do not count."""
    identity = list(IDENTITY)
    sets = [
        window.of(run.bundles).filter(pl.col("latency_s").is_not_null()).select(identity)
        for run in runs
    ]
    some = [one for one in sets if len(one)] or sets[:1]
    common = some[0]
    for other in some[1:]:
        common = common.join(other, on=identity, how="semi")
    return common


def _freshness(bundles: pl.DataFrame, span: Window) -> tuple[float, float]:
    """Mean age of information over streams, and the longest silence of any, within a span.

    A stream is a flow between two nodes. Its age at a moment is the time since the newest of its
    bundles that has arrived was sourced; before the first arrival, since its first was sourced.
    """
    ages, gaps = [], []
    given = bundles.filter(~pl.col("answer"))
    for stream in given.partition_by(list(IDENTITY[:3]), maintain_order=True):
        from_s = max(span.from_s, float(stream["sourced_s"][0]))
        if from_s >= span.until_s:
            continue
        came = stream.filter(pl.col("latency_s").is_not_null())
        sourced_s = came["sourced_s"].to_numpy()
        arrived_s = sourced_s + came["latency_s"].to_numpy()
        order = np.argsort(arrived_s, kind="stable")
        first_s = float(stream["sourced_s"][0])
        ages.append(_mean_age_s(sourced_s[order], arrived_s[order], first_s, from_s, span.until_s))
        inside = arrived_s[order][(arrived_s[order] > from_s) & (arrived_s[order] < span.until_s)]
        gaps.append(float(np.diff(np.concatenate(([from_s], inside, [span.until_s]))).max()))
    return _mean(np.array(ages)), max(gaps, default=math.nan)


def _mean_age_s(
    sourced_s: Floats, arrived_s: Floats, first_s: float, from_s: float, until_s: float
) -> float:
    newest = np.maximum.accumulate(np.concatenate(([first_s], sourced_s)))
    edges = np.clip(np.concatenate(([from_s], arrived_s, [until_s])), from_s, until_s)
    # between two arrivals the age grows by a second a second from (edge - newest)
    areas = (edges[1:] ** 2 - edges[:-1] ** 2) / 2 - newest * np.diff(edges)
    return float(areas.sum() / (until_s - from_s))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
