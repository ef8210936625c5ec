"""Link budgets against the rates that DSOC flew, and against their own scaling laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import InvalidValue
from topology.laser import PRESETS, Terminal, rate_bps, received_w

DSOC, HALE = PRESETS["deep-space"], PRESETS["hale"]
STATION = PRESETS["optical-ground"]


@pytest.mark.parametrize(
    ("range_mkm", "flown_mbps"), [(31, 267), (53, 267), (226, 25), (390, 8.3), (390, 6.25)]
)
def test_the_rates_dsoc_flew_come_out_within_three_decibels(
    range_mkm: float, flown_mbps: float
) -> None:
    rate = rate_bps(DSOC, HALE, np.array([range_mkm * 1e6]))[0]
    assert abs(10 * math.log10(rate / (flown_mbps * 1e6))) < 3


def test_a_one_metre_station_gets_a_twenty_third_of_the_hale_telescope() -> None:
    # by diameter 26; the Hale's shaded middle makes it 22.8
    far = np.array([390e6])
    ratio = (rate_bps(DSOC, HALE, far) / rate_bps(DSOC, STATION, far))[0]
    assert ratio == pytest.approx(5.1**2 - 1.8**2)


def test_the_two_directions_of_a_link_have_their_own_caps() -> None:
    moon = np.array([4e5])
    lunar = PRESETS["lunar"]
    assert rate_bps(lunar, STATION, moon)[0] == 260e6  # O2O's published 260 down
    assert rate_bps(STATION, lunar, moon)[0] == 20e6  # and 20 up


@given(st.floats(1e6, 1e9), st.floats(1.01, 10.0))
def test_the_rate_falls_with_the_square_of_the_range(range_km: float, times: float) -> None:
    near, far = received_w(DSOC, STATION, np.array([range_km, range_km * times]))
    assert near / far == pytest.approx(times**2)


@given(st.floats(0.05, 2.0), st.floats(0.05, 2.0), st.floats(1e5, 1e9))
def test_apertures_of_both_ends_count_alike(a_m: float, b_m: float, range_km: float) -> None:
    a, b = (Terminal(aperture_m=d, power_w=4.0) for d in (a_m, b_m))
    there, back = (received_w(*ends, np.array([range_km]))[0] for ends in ((a, b), (b, a)))
    assert there == pytest.approx(back)


def test_a_link_known_by_its_rates_only_follows_its_table() -> None:
    cross = PRESETS["inter-satellite"]
    assert rate_bps(cross, cross, np.array([100.0, 5400.0, 5401.0])).tolist() == [100e9, 100e9, 0]
    # with a partner that has no table the budget counts
    assert rate_bps(cross, STATION, np.array([1e6]))[0] > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"aperture_m": 0.0},
        {"power_w": -1.0},
        {"power_w": math.nan},
        {"obscuration_m": 0.22},
        {"transmit_loss_db": 3.0},
        {"sun_keep_out_deg": -1.0},
        {"rate_table": ((5.0, 1.0), (4.0, 1.0))},
        {"rate_table": ((5.0, 0.0),)},
    ],
)
def test_a_terminal_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidValue) as refused:
        replace(DSOC, **wrong)  # type: ignore[arg-type]  # one wrong value at a time
    assert refused.value.key == next(iter(wrong))
