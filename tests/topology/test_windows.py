"""Windows against closed forms, against looking every second, and against themselves."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtn.errors import InvalidValue
from tests.topology.simple_paths import Backwards, Circle, Straight
from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.geometry import light_time
from topology.paths import FloatArray
from topology.visibility import End, HorizonMask, Occluder, Surroundings, clearance
from topology.windows import Window, received, windows
from topology.zeros import zeros

EARTH_KM = 6378.0
ORIGIN = Straight((0.0, 0.0, 0.0))
EARTH = Occluder("earth", ORIGIN, EARTH_KM)
NOTHING = Surroundings()
DAY_S = 86_400.0


def far(*position_km: float) -> End:
    return End(path=Straight(position_km))


def test_a_low_orbit_is_hidden_from_far_away_for_the_angle_of_the_earth() -> None:
    orbiter = End(path=Circle(7000.0, 6000.0))
    seen = windows(orbiter, far(1e9, 0.0, 0.0), Surroundings((EARTH,)), 0.0, 60_000.0, grid_s=120.0)
    hidden_s = 6000.0 * 2 * math.asin(EARTH_KM / 7000.0) / (2 * math.pi)
    assert len(seen) == 11
    for (_, end_s), (start_s, _) in pairwise(seen):
        # the partner at 1e9 km sees the limb 6e-6 rad off a parallel ray
        assert start_s - end_s == pytest.approx(hidden_s, abs=0.02)


def test_a_station_sees_a_far_target_while_it_is_above_the_mask() -> None:
    station = End(path=Circle(EARTH_KM, DAY_S, body="earth"), mask=20.0)
    target = far(1e11, 0.0, 0.0)
    seen = windows(station, target, Surroundings((EARTH,)), 0.3 * DAY_S, 5.3 * DAY_S)
    assert len(seen) == 5
    for start_s, end_s in seen:
        # aberration by the spin alone: 0.46 km/s, 0.02 s at each edge and to the same side
        assert end_s - start_s == pytest.approx(DAY_S * 140 / 360, abs=0.02)


def test_aberration_moves_the_horizon_of_a_moving_observer() -> None:
    # all moves at 30 km/s along y; the station turns about z and looks along y
    moving = Straight((0.0, 0.0, 0.0), (0.0, 30.0, 0.0))
    station = Circle(1e-3, DAY_S, body="earth", centre=moving)  # so small that only angles count
    ahead = Straight((0.0, 1e9, 0.0))
    side = Straight((1e9, 0.0, 0.0))
    (rises_s, _), *_ = windows(
        End(path=ahead), End(path=station), NOTHING, -1e4, 0.6 * DAY_S, grid_s=600.0
    )
    light_s = float(light_time(ahead, station, np.array([rises_s]))[0])
    assert rises_s + light_s == pytest.approx(0.0, abs=2e-3)  # straight ahead nothing shifts
    seen = windows(End(path=side), End(path=station), NOTHING, -1.2 * DAY_S, 0.0)
    edges_s = np.array(received(End(path=side), End(path=station), seen)).ravel()[1:-1]
    # seen from the side the target stands forward by v/c, and slowly falls behind as we pass it
    shift = 30.0 / SPEED_OF_LIGHT_KM_S - 30.0 * edges_s / 1e9
    quarters = (edges_s / DAY_S - shift / (2 * math.pi)) * 4
    assert 30.0 / SPEED_OF_LIGHT_KM_S / (2 * math.pi) * DAY_S == pytest.approx(1.376, abs=1e-3)
    assert edges_s.size >= 2
    assert np.abs(quarters - np.round(quarters)).max() * DAY_S / 4 < 2e-3


def test_the_occluder_stands_where_it_is_when_the_photon_passes() -> None:
    # source and target 600 light seconds apart, the Moon crossing the middle at 30 km/s
    half_km = 300 * SPEED_OF_LIGHT_KM_S
    moon = Occluder("moon", Straight((0.0, 0.0, 0.0), (0.0, 30.0, 0.0)), 1737.4)
    a, b = far(-half_km, 0.0, 0.0), far(half_km, 0.0, 0.0)
    (_, gone_s), (back_s, _) = windows(a, b, Surroundings((moon,)), -5000.0, 5000.0)
    # the photon passes 300 s after it left: the Moon must be in the middle then, not now
    assert (gone_s + back_s) / 2 == pytest.approx(-300.0, abs=2e-3)
    assert back_s - gone_s == pytest.approx(2 * 1737.4 / 30, abs=2e-3)


def test_each_end_keeps_its_own_distance_from_the_sun() -> None:
    # A sees B pass the Sun at 1 deg a day; B, ten times nearer to it, sees A at another angle
    sun = Straight((1.5e8, 0.0, 0.0))
    around = Surroundings((), sun)
    a_path = Straight((0.0, 0.0, 0.0))
    b_path = Straight((1.65e8, -1e7, 0.0), (0.0, 20.0, 0.0))

    def blocked_deg(a_deg: float, b_deg: float) -> tuple[float, float]:
        a = End(path=a_path, sun_keep_out_deg=a_deg)
        b = End(path=b_path, sun_keep_out_deg=b_deg)
        open_ = windows(a, b, around, 0.0, 1e6)
        (_, first_s), (last_s, _) = open_[0], open_[-1]
        at = b_path.state(np.array([first_s + 550.0, last_s + 550.0])).position_km
        from_a = np.degrees(np.arctan2(-at[1], at[0]))
        from_b = np.degrees(np.arctan2(-at[1], at[0] - 1.5e8) - np.arctan2(-at[1], at[0]))
        return float(abs(from_a[0])), float(abs(from_b[0]))

    assert blocked_deg(2.0, 0.0)[0] == pytest.approx(2.0, abs=0.01)
    assert blocked_deg(0.0, 20.0)[1] == pytest.approx(20.0, abs=0.1)
    assert blocked_deg(2.0, 20.0) == blocked_deg(0.0, 20.0)  # the stricter end decides


def test_a_mask_by_azimuth_hides_a_mountain() -> None:
    station = Circle(EARTH_KM, DAY_S, body="earth")
    flat = End(path=station, mask=10.0)
    east_only = HorizonMask((0.0, 89.0, 91.0, 180.0, 270.0), (10.0, 10.0, 10.0, 10.0, 50.0))
    hilly = End(path=station, mask=east_only)
    target = far(1e9, 0.0, 0.0)
    ((_, level_s),) = windows(flat, target, NOTHING, -0.5 * DAY_S, 0.5 * DAY_S)
    ((rises_s, sets_s),) = windows(hilly, target, NOTHING, -0.5 * DAY_S, 0.5 * DAY_S)
    assert rises_s == pytest.approx(-80 / 360 * DAY_S, abs=0.1)
    assert level_s == pytest.approx(80 / 360 * DAY_S, abs=0.1)
    assert sets_s == pytest.approx(40 / 360 * DAY_S, abs=0.1)


@pytest.mark.parametrize("length_s", [0.5, 2.0, 30.0])
def test_a_window_far_shorter_than_the_grid_is_found(length_s: float) -> None:
    # a station that sees the zenith only, and turns fast
    half_deg = 180.0 * length_s / 6000.0
    station = End(path=Circle(EARTH_KM, 6000.0, body="earth"), mask=90.0 - half_deg)
    target = far(1e13 * math.cos(1.2927), 1e13 * math.sin(1.2927), 0.0)
    # aberration by its own spin leads the beam astray by v/c: a light time of the radius
    centre_s = 1.2927 / (2 * math.pi) * 6000.0 - EARTH_KM / SPEED_OF_LIGHT_KM_S
    seen = windows(station, target, NOTHING, 0.0, 12_000.0, grid_s=600.0)
    expected = [(c - length_s / 2, c + length_s / 2) for c in (centre_s, centre_s + 6000.0)]
    assert len(seen) == 2
    for ours, exact in zip(seen, expected, strict=True):
        assert ours == pytest.approx(exact, abs=2e-3)


def test_zeros_of_a_function_between_grid_points_are_found() -> None:
    def peep(t_s: FloatArray) -> FloatArray:
        near = np.cos(2 * np.pi * (t_s - 1234.5) / 6000.0) - math.cos(math.pi * 0.5 / 6000.0)
        return near[np.newaxis]

    grid_s = np.arange(0.0, 12_001.0, 600.0)
    expected = [c + side * 0.25 for c in (1234.5, 7234.5) for side in (-1, 1)]
    assert zeros(peep, grid_s, peep(grid_s)) == pytest.approx(expected, abs=2e-3)


def test_a_node_that_is_not_there_yet_receives_nothing() -> None:
    a = far(0.0, 0.0, 0.0)
    b = End(path=Straight((SPEED_OF_LIGHT_KM_S * 100, 0.0, 0.0), span_s=(1000.0, 3000.0)))
    assert windows(a, b, NOTHING, 0.0, 1e4) == [pytest.approx((900.0, 2900.0))]
    assert windows(b, a, NOTHING, 0.0, 1e4) == [pytest.approx((1000.0, 3000.0))]
    assert windows(a, b, NOTHING, 0.0, 800.0) == []
    assert windows(a, b, NOTHING, 3000.0, 4000.0) == []


def test_a_mask_that_no_horizon_has_is_refused() -> None:
    for mask in (91.0, -91.0, math.nan):
        with pytest.raises(InvalidValue):
            End(path=ORIGIN, mask=mask)
    with pytest.raises(InvalidValue):
        HorizonMask((10.0, 5.0), (0.0, 0.0))
    with pytest.raises(InvalidValue):
        HorizonMask((), ())
    with pytest.raises(InvalidValue):
        End(path=ORIGIN, sun_keep_out_deg=-1.0)


# --- properties: random orbits about an Earth and a Moon ---------------------------------------------

MOON_PATH = Circle(384_400.0, 27.3 * DAY_S)
AROUND = Surroundings((EARTH, Occluder("moon", MOON_PATH, 1737.4)), Straight((1.5e8, 2e7, 0.0)))


@st.composite
def ends(draw: st.DrawFn) -> End:
    phase, tilt = draw(st.floats(0, 6.28)), draw(st.floats(-1.5, 1.5))
    kind = draw(st.sampled_from(["station", "low", "high", "far"]))
    keep_out = draw(st.sampled_from([0.0, 5.0]))
    match kind:
        case "station":
            mask = draw(st.floats(0.0, 30.0))
            path = Circle(EARTH_KM, DAY_S, phase, tilt, body="earth")
            return End(path=path, mask=mask, sun_keep_out_deg=keep_out)
        case "low":
            path = Circle(draw(st.floats(6800.0, 8000.0)), 6000.0, phase, tilt)
        case "high":
            path = Circle(draw(st.floats(2e4, 6e4)), 40_000.0, phase, tilt)
        case _:
            away = draw(st.floats(3e5, 3e8))
            path = Circle(away, 300 * DAY_S, phase, tilt / 10)
    return End(path=path, sun_keep_out_deg=keep_out)


def never_meet(pair: tuple[End, End]) -> bool:
    """Two paths less than a kilometre apart have no direction to speak of."""
    t_s = np.linspace(*SPAN, 2000)
    a, b = (end.path.state(t_s).position_km for end in pair)
    return bool(np.linalg.norm(a - b, axis=0).min() > 1.0)


SPAN = (1000.0, 1000.0 + DAY_S)
pairs = st.tuples(ends(), ends()).filter(never_meet)


def assert_same(one: list[Window], other: list[Window], tolerance_s: float = 5e-3) -> None:
    """Equal but for windows and gaps too short to be promised."""
    long_one = [w for w in _joined(one) if w[1] - w[0] > 0.5]
    long_other = [w for w in _joined(other) if w[1] - w[0] > 0.5]
    assert len(long_one) == len(long_other)
    for a, b in zip(long_one, long_other, strict=True):
        assert a == pytest.approx(b, abs=tolerance_s)


def _joined(of: list[Window]) -> list[Window]:
    """Windows with gaps below half a second closed."""
    result: list[Window] = []
    for start_s, end_s in of:
        if result and start_s - result[-1][1] < 0.5:
            result[-1] = (result[-1][0], end_s)
        else:
            result.append((start_s, end_s))
    return result


@given(pairs)
def test_refining_the_grid_changes_no_window(pair: tuple[End, End]) -> None:
    a, b = pair
    assert_same(
        windows(a, b, AROUND, *SPAN, grid_s=240.0), windows(a, b, AROUND, *SPAN, grid_s=37.0)
    )


@given(pairs, st.floats(0.0, 0.5))
def test_moving_the_start_changes_no_window(pair: tuple[End, End], part: float) -> None:
    a, b = pair
    whole = windows(a, b, AROUND, *SPAN, grid_s=120.0)
    later_s = SPAN[0] + part * DAY_S
    cut = [(max(start, later_s), end) for start, end in whole if end > later_s]
    assert_same(windows(a, b, AROUND, later_s, SPAN[1], grid_s=120.0), cut)


@given(pairs)
def test_reversing_time_swaps_who_transmits(pair: tuple[End, End]) -> None:
    a, b = pair
    # the Sun's own light is not reversed: leave its angle out
    a = End(path=a.path, mask=a.mask)
    b = End(path=b.path, mask=b.mask)
    reversed_around = Surroundings(
        tuple(Occluder(n, Backwards(path), radius) for n, path, radius in AROUND.occluders)
    )
    forward = windows(a, b, AROUND, *SPAN, grid_s=120.0)
    arrive = received(a, b, [SPAN])[0]
    back = windows(
        End(path=Backwards(b.path), mask=b.mask),
        End(path=Backwards(a.path), mask=a.mask),
        reversed_around,
        -arrive[1],
        -arrive[0],
        grid_s=120.0,
    )
    assert_same([(-end, -start) for start, end in back][::-1], received(a, b, forward))


@given(pairs)
@settings(max_examples=25)
def test_windows_agree_with_looking_every_five_seconds(pair: tuple[End, End]) -> None:
    a, b = pair
    t_s = np.arange(SPAN[0], SPAN[1], 5.0)
    open_ = clearance(a, b, AROUND, t_s) >= 0
    ours = windows(a, b, AROUND, *SPAN, grid_s=300.0)
    inside = np.zeros(t_s.shape, dtype=bool)
    near = np.zeros(t_s.shape, dtype=bool)
    for start_s, end_s in ours:
        inside |= (t_s >= start_s) & (t_s <= end_s)
        near |= (np.abs(t_s - start_s) < 2e-3) | (np.abs(t_s - end_s) < 2e-3)
    assert not ((inside != open_) & ~near).any()
