"""Statistics of a study: against numbers worked out by hand, and properties."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.sweep.measure import DECISION_SCHEMA, SCHEMA, Measured
from emulator.sweep.statistics import (
    METRICS,
    Window,
    delivered_by_all,
    estimate,
    metrics,
    paired,
    restricted_mean_s,
    survival,
)

NONE = math.nan


def run(
    *rows: tuple[float, float | None], lifetime_s: float = 100.0, end_s: float = 1000.0
) -> Measured:
    """A run of one stream: sourced at, latency (None: not delivered), two hops, three transmissions."""
    table = pl.DataFrame(
        [
            ("f", "a", "b", turn, False, 1, 10, sourced_s, lifetime_s,
             "expired" if latency_s is None else "delivered", latency_s, 5.0, 2, 3)
            for turn, (sourced_s, latency_s) in enumerate(rows)
        ],
        schema=SCHEMA,
        orient="row",
    )  # fmt: skip
    numbers = {"sent_bytes": 30.0, "volume_bytes": 300.0, "mean_stored_bytes": 1.0, "end_s": end_s}
    return Measured(table, numbers, {"a": 20.0, "b": 10.0})


ALL = Window(0.0, 1000.0)


def test_an_interval_is_students() -> None:
    found = estimate([1.0, 2.0, 3.0, NONE])
    assert found.mean == 2.0
    assert found.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)  # t(2), 97.5 %
    assert found.runs == 3


def test_one_run_gives_a_mean_without_an_interval_and_none_gives_neither() -> None:
    assert estimate([4.0])[0] == 4.0
    assert math.isnan(estimate([4.0]).half_width)
    assert math.isnan(estimate([]).mean)


def test_pairs_are_taken_over_the_seeds_that_both_have() -> None:
    found = paired({1: 10.0, 2: 20.0, 3: 99.0}, {1: 9.0, 2: 19.0, 4: 0.0})
    assert (found.mean, found.half_width, found.runs) == (1.0, 0.0, 2)


def test_luck_that_both_share_is_no_part_of_a_paired_difference() -> None:
    luck = {seed: 100.0 * seed for seed in range(10)}
    better = {seed: value - 1.0 for seed, value in luck.items()}
    assert estimate(luck.values()).half_width > 100
    assert paired(better, luck).half_width == pytest.approx(0.0, abs=1e-9)


def test_kaplan_and_meier_on_the_textbook_case() -> None:
    # times 6, 6, 6, 7, 10 happened; 6+, 9+, 10+ were censored (first of Freireich's 21 patients)
    latency = np.array([6, 6, 6, 7, 10, NONE, NONE, NONE])
    horizon = np.array([99, 99, 99, 99, 99, 6, 9, 10], dtype=float)
    curve = survival(latency, horizon)
    assert curve.times_s.tolist() == [6, 7, 10]
    assert curve.later.tolist() == pytest.approx([5 / 8, 5 / 8 * 3 / 4, 5 / 8 * 3 / 4 * 1 / 2])
    assert curve.quantile_s(0.5) == 7
    assert math.isnan(curve.quantile_s(0.9))


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=30))
def test_without_censoring_it_is_the_empirical_distribution(latencies: list[float]) -> None:
    values = np.array(latencies)
    curve = survival(values, np.full(len(values), 1e9))
    for t_s, later in zip(curve.times_s, curve.later, strict=True):
        assert later == pytest.approx((values > t_s).mean(), abs=1e-9)


@given(st.lists(st.floats(0.0, 99.0), min_size=2, max_size=30), st.data())
def test_dropping_bundles_never_improves_the_restricted_mean(
    latencies: list[float], data: st.DataObject
) -> None:
    latency = np.array(latencies)
    horizon = np.full(len(latency), 100.0)
    dropped = latency.copy()
    dropped[data.draw(st.integers(0, len(latency) - 1))] = NONE
    assert restricted_mean_s(dropped, horizon) >= restricted_mean_s(latency, horizon)


def test_a_strategy_that_drops_late_bundles_is_not_flattered() -> None:
    honest = run((0.0, 10.0), (1.0, 10.0), (2.0, 90.0))
    drops = run((0.0, 11.0), (1.0, 11.0), (2.0, None))
    common = delivered_by_all([honest, drops], ALL)
    ours, theirs = (metrics(one, ALL, common) for one in (honest, drops))
    assert theirs["delay_s"] < ours["delay_s"]  # the naive mean is flattered
    assert theirs["common_delay_s"] > ours["common_delay_s"]
    assert theirs["restricted_delay_s"] > ours["restricted_delay_s"]


def test_a_strategy_that_delivers_nothing_does_not_empty_the_common_set() -> None:
    assert len(delivered_by_all([run((0.0, 1.0)), run((0.0, None))], ALL)) == 1


def test_warm_up_and_cut_off_leave_bundles_out() -> None:
    found = metrics(run((0.0, 50.0), (100.0, 2.0), (900.0, None)), Window(50.0, 900.0), None)
    assert found["delivery_ratio"] == 1.0
    assert found["delay_s"] == 2.0


def test_metrics_by_hand() -> None:
    found = metrics(run((0.0, 4.0), (10.0, 20.0), (40.0, None)), Window(0.0, 100.0), None)
    assert list(found) == list(METRICS)
    assert found["delivery_ratio"] == pytest.approx(2 / 3)
    assert found["overhead"] == 9 / 2
    assert found["hops"] == 2
    assert found["restricted_delay_s"] == pytest.approx((4 + 20 + 100) / 3)
    assert found["promise_error_s"] == pytest.approx((4 - 5 + 20 - 5) / 2)
    assert found["promises_kept"] == 0.5
    assert found["volume_bytes_per_day"] == pytest.approx(20 * 864)
    assert found["contact_use"] == 0.1
    assert found["peak_stored_bytes"] == 20.0
    # arrivals at 4 and 30: ages t, then t from 4 on, then t - 10 from 30 on
    area = 30**2 / 2 + (90**2 - 20**2) / 2
    assert found["age_s"] == pytest.approx(area / 100)
    assert found["largest_gap_s"] == 70.0


def test_a_run_without_bundles_has_no_numbers_and_no_faults() -> None:
    found = metrics(run(), ALL, None)
    assert math.isnan(found["delivery_ratio"])
    assert math.isnan(found["restricted_delay_s"])


def test_decisions_are_reckoned_over_the_events_that_count() -> None:
    rows = [
        (10.0, 4.0, False, 6.0, 6.0, 100),
        (20.0, 8.0, True, 2.0, 0.0, 300),
        (30.0, None, True, 0.0, 0.0, 200),
        (990.0, 1.0, False, 9.0, 9.0, 0),  # outside the window
    ]
    decided = pl.DataFrame(rows, schema=DECISION_SCHEMA, orient="row")
    found = metrics(replace(run(), decisions=decided), Window(0.0, 900.0), None)
    assert (found["decision_s"], found["decision_p50_s"]) == (6.0, 6.0)
    assert found["decision_p95_s"] == pytest.approx(7.8)
    assert found["missed_ratio"] == pytest.approx(2 / 3)
    assert found["decision_energy_j"] == pytest.approx(8 / 3)
    assert (found["onboard_energy_j"], found["home_bytes"]) == (2.0, 200.0)
    assert math.isnan(metrics(run(), ALL, None)["decision_s"])
