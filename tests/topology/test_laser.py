"""Link budgets against the rates that DSOC flew, and against their own scaling laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import InvalidValue
from topology.laser import Air, rate_bps, received_w
from topology.terminal import PRESETS, Terminal

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


# --- air, background, tables, radio ----------------------------------------------------------------


def test_air_takes_light_by_elevation() -> None:
    clear = PRESETS["optical-ground"]
    hazy = replace(clear, zenith_loss_db=-1.0)
    range_km = np.full(3, 3e8)
    low = Air(sender_deg=None, receiver_deg=np.array([90.0, 30.0, 10.0]))
    loss = 10 * np.log10(
        rate_bps(PRESETS["deep-space"], hazy, range_km, low)
        / rate_bps(PRESETS["deep-space"], clear, range_km, low)
    )
    assert loss == pytest.approx([-1.0, -1.994, -5.586], abs=0.01)  # Kasten and Young's table


def test_background_makes_a_weak_link_fall_with_the_fourth_power_of_range() -> None:
    bright = replace(PRESETS["hale"], background_w=0.0, day_background_w=1e-12)
    ranges_km = np.array([4e8, 8e8])
    day = Air(is_day=np.array([True, True]))
    night = Air(is_day=np.array([False, False]))
    by_day = rate_bps(PRESETS["deep-space"], bright, ranges_km, day)
    by_night = rate_bps(PRESETS["deep-space"], bright, ranges_km, night)
    assert by_night[0] / by_night[1] == pytest.approx(4.0)
    far = rate_bps(PRESETS["deep-space"], bright, ranges_km * 100, day)
    assert far[0] / far[1] == pytest.approx(16.0, rel=1e-3)
    assert (by_day < by_night).all()


def test_a_grid_of_rates_holds_up_to_its_range_and_from_its_elevation() -> None:
    grid = ((1000.0, 10.0, 1e6), (1000.0, 40.0, 5e6), (2000.0, 40.0, 2e6))
    ground = replace(PRESETS["optical-ground"], rate_grid=grid)
    craft = replace(PRESETS["lunar"], rate_table=((1e6, 1e9),))
    air = Air(receiver_deg=np.array([20.0, 50.0, 50.0, 20.0, 5.0]))
    range_km = np.array([500.0, 500.0, 1500.0, 1500.0, 500.0])
    assert rate_bps(craft, ground, range_km, air).tolist() == [1e6, 5e6, 2e6, 0.0, 0.0]


def test_only_terminals_of_one_band_hear_each_other() -> None:
    range_km = np.array([4e5])
    x_up = rate_bps(PRESETS["x-band-ground"], PRESETS["x-band-flight"], range_km)
    x_down = rate_bps(PRESETS["x-band-flight"], PRESETS["x-band-ground"], range_km)
    assert (x_up[0], x_down[0]) == (2e6, 25e6)
    for other in ("s-band-flight", "deep-space"):
        assert rate_bps(PRESETS["x-band-ground"], PRESETS[other], range_km)[0] == 0.0


def test_a_radio_terminal_without_a_table_is_refused() -> None:
    with pytest.raises(InvalidValue, match="rate_table"):
        Terminal(name="dish", aperture_m=34.0, power_w=1e3, band="x")
    with pytest.raises(InvalidValue, match="band"):
        Terminal(name="dish", aperture_m=34.0, power_w=1e3, band="q", rate_table=((1.0, 1.0),))
