"""Light times and places against SPICE's figures and against skyfield asked directly."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skyfield.api import PlanetaryConstants, load, load_file, wgs84

from dtn.errors import BadInput, InvalidValue
from topology.constants import DAY_S, SPEED_OF_LIGHT_KM_S
from topology.ephemeris import KERNELS, Sky
from topology.paths import Path
from topology.sites import Site, earth_site, horizon_axes_at, mars_site, moon_site

START = datetime(2029, 8, 1, tzinfo=UTC)
DSS_43_KM = np.array((-4460.894917, 2682.361507, -3674.748152))  # DSN 810-005, ITRF93


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, 30 * DAY_S) as sky:
        yield sky


def light_time_s(a: Path, b: Path, t_s: float, sense: int) -> float:
    """Solve for the light time: sense +1 A sends at t_s, -1 A receives at t_s, 0 at one instant."""
    here = a.state(np.array([t_s])).position_km
    tau = 0.0
    for _ in range(8):
        there = b.state(np.array([t_s + sense * tau])).position_km
        tau = float(np.linalg.norm(there - here)) / SPEED_OF_LIGHT_KM_S
    return tau


# From SPICE N0067: TDB seconds, converged Newtonian light time: receive, transmit, geometric.
CENTRES = [
    ("2027-06-05T18:40:00", "moon", 1.208404508, 1.208348427, 1.208376461),
    ("2027-06-05T18:40:00", "mars", 684.035010643, 683.965763341, 684.000385549),
    ("2029-08-17T03:21:09", "moon", 1.240985641, 1.240743222, 1.240864419),
    ("2029-08-17T03:21:09", "mars", 731.286375648, 731.200822963, 731.243597400),
]


@pytest.mark.parametrize(("utc", "target", "receive", "transmit", "geometric"), CENTRES)
def test_light_times_between_centres_agree_with_spice_to_two_nanoseconds(
    utc: str, target: str, receive: float, transmit: float, geometric: float
) -> None:
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    with Sky(at - timedelta(days=3), 7 * DAY_S) as sky:
        t_s = sky.seconds(at)
        ours = [light_time_s(sky.body("earth"), sky.body(target), t_s, k) for k in (-1, 1, 0)]
    assert ours == pytest.approx([receive, transmit, geometric], abs=2e-9)


def test_light_times_between_sites_agree_with_spice_to_a_quarter_microsecond(sky: Sky) -> None:
    t_s = sky.seconds(datetime(2029, 8, 17, 3, 21, 9, tzinfo=UTC))
    dss_43 = Site(sky, "earth", DSS_43_KM, np.eye(3))
    base = moon_site(sky, -89.54, 0.0)
    jezero = mars_site(sky, 18.4446, 77.4509)
    to_base = [light_time_s(dss_43, base, t_s, k) for k in (-1, 1, 0)]
    to_jezero = [light_time_s(sky.body("earth"), jezero, t_s, k) for k in (-1, 1, 0)]
    assert to_base == pytest.approx([1.231489693, 1.231249368, 1.231369519], abs=0.25e-6)
    assert to_jezero == pytest.approx([731.293848989, 731.207722538, 731.250795126], abs=0.25e-6)


def test_bodies_and_sites_stand_where_skyfield_puts_them(sky: Sky) -> None:
    t_s = np.linspace(0.0, 30 * DAY_S, 300)
    eph = load_file(str(KERNELS / "de421_2026_2036.bsp"))
    constants = PlanetaryConstants()
    with (KERNELS / "moon_pa_de421_1900-2050.bpc").open("rb") as binary:
        constants.read_text((KERNELS / "moon_080317.tf").open("rb"))
        constants.read_binary(binary)
        constants.variables["BODY301_RADII"] = (1737.4,) * 3
        frame = constants.build_frame_named("MOON_ME_DE421")
        timescale = load.timescale(builtin=True)
        start = timescale.from_datetime(START)
        times = timescale.tdb_jd(start.whole, start.tdb_fraction + t_s / DAY_S)
        teide = eph["earth"] + wgs84.latlon(28.3, -16.51, 2390.0)
        base = eph["moon"] + constants.build_latlon_degrees(frame, -89.54, 12.0, 500.0)
        theirs = {name: eph[name].at(times) for name in ("sun", "earth", "moon", "mars", "venus")}
        theirs |= {"teide": teide.at(times), "base": base.at(times)}
        theirs["jupiter"] = eph["jupiter barycenter"].at(times)
    eph.close()
    ours: dict[str, Path] = {
        name: sky.body(name) for name in theirs if name not in ("teide", "base")
    }
    ours |= {
        "teide": earth_site(sky, 28.3, -16.51, 2390.0),
        "base": moon_site(sky, -89.54, 12.0, 500.0),
    }
    for name, path in ours.items():
        state = path.state(t_s)
        there = theirs[name]
        assert np.abs(state.position_km - there.position.km).max() < 2e-6, name
        # skyfield leaves the drift of the Earth's pole out of a station's velocity: 1e-7 km/s
        assert np.abs(state.velocity_km_s - there.velocity.km_per_s).max() < 2e-7, name


def test_velocities_are_the_rates_of_positions(sky: Sky) -> None:
    t_s = np.linspace(DAY_S, 29 * DAY_S, 200)
    paths: list[Path] = [sky.body(name) for name in ("sun", "earth", "moon", "mars", "jupiter")]
    paths += [earth_site(sky, 60.0, 10.0), moon_site(sky, -45.0, 90.0), mars_site(sky, 18.0, 77.0)]
    for path in paths:
        before, after = path.state(t_s - 10.0), path.state(t_s + 10.0)
        rate = (after.position_km - before.position_km) / 20.0
        assert np.abs(rate - path.state(t_s).velocity_km_s).max() < 5e-8


def test_the_orientations_are_rotations_whose_rates_keep_them_so(sky: Sky) -> None:
    t_s = np.linspace(0.0, 30 * DAY_S, 101)
    for name in ("earth", "moon", "mars"):
        matrix, rate = sky.orientation(name).rotation(t_s)
        product = np.einsum("ijn,kjn->ikn", matrix, matrix)
        assert np.abs(product - np.eye(3)[..., None]).max() < 1e-11, name
        turning = np.einsum("ijn,kjn->ikn", rate, matrix)
        assert np.abs(turning + turning.transpose(1, 0, 2)).max() < 1e-15, name


def test_the_earth_turns_as_skyfield_says_between_the_nodes_of_the_spline(sky: Sky) -> None:
    rng = np.random.default_rng(1)
    t_s = np.sort(rng.uniform(0.0, 30 * DAY_S, 200))
    ours = earth_site(sky, 0.0, 0.0).state(t_s).position_km
    timescale = load.timescale(builtin=True)
    start = timescale.from_datetime(START)
    times = timescale.tdb_jd(start.whole, start.tdb_fraction + t_s / DAY_S)
    offset = wgs84.latlon(0.0, 0.0).at(times).position.km
    centre = sky.body("earth").state(t_s).position_km
    assert np.abs(ours - centre - offset).max() < 1e-6


def test_utc_and_seconds_from_the_start_are_each_others_inverse(sky: Sky) -> None:
    for days in (0.0, 3.25, 29.999):
        utc = START + timedelta(days=days)
        t_s = sky.seconds(utc)
        assert abs(t_s - days * DAY_S) < 0.0035
        assert abs((sky.utc(t_s) - utc).total_seconds()) < 2e-6
    east = datetime(2029, 8, 2, 3, tzinfo=timezone(timedelta(hours=3)))
    assert sky.seconds(east) == pytest.approx(DAY_S, abs=0.0035)


@pytest.mark.parametrize(
    ("start", "duration_s", "key", "mend"),
    [
        (datetime(2025, 12, 31, tzinfo=UTC), DAY_S, "start", "2026-01-01 to 2037-01-01"),
        (datetime(2037, 1, 1, tzinfo=UTC), DAY_S, "start", "2026-01-01 to 2037-01-01"),
        (datetime(2036, 12, 30, tzinfo=UTC), 3 * DAY_S, "duration", "at most 2 d are left"),
        (datetime(2030, 1, 1), DAY_S, "start", "write Z"),  # noqa: DTZ001  (the fault under test)
        (datetime(2030, 1, 1, tzinfo=UTC), -1.0, "duration", "longer than nothing"),
        (datetime(2030, 1, 1, tzinfo=UTC), float("nan"), "duration", "longer than nothing"),
        (datetime(2030, 1, 1, tzinfo=UTC), float("inf"), "duration", "longer than nothing"),
    ],
)
def test_a_scenario_outside_the_kernel_is_refused_with_a_mend(
    start: datetime, duration_s: float, key: str, mend: str
) -> None:
    with pytest.raises(BadInput) as refused:
        Sky(start, duration_s)
    (fault,) = refused.value.faults
    assert fault.key == key
    assert mend in fault.mend


def test_all_of_the_kernels_years_can_be_asked_for_and_not_a_day_more() -> None:
    with Sky(datetime(2026, 1, 1, tzinfo=UTC), 10 * DAY_S) as sky:
        first_s, last_s = sky.kernel_span_s
        edge = sky.body("moon").state(np.array([first_s, last_s]))
        earth = sky.body("earth").state(np.array([first_s, last_s]))
        away = np.linalg.norm(edge.position_km - earth.position_km, axis=0)
        assert ((away > 356_000) & (away < 407_000)).all()
        for t_s in (first_s - 1.0, last_s + 1.0, float("nan")):
            with pytest.raises(InvalidValue, match="2026"):
                sky.body("moon").state(np.array([0.0, t_s]))


def test_the_margin_of_an_hour_is_read_from_the_kernels_own_records() -> None:
    """Past its last record the excerpt would extrapolate: the Moon's ends a day after the range."""
    from jplephem.spk import SPK

    with SPK.open(str(KERNELS / "de421_2026_2036.bsp")) as kernel:
        for segment in kernel.segments:
            first_s, length_s, coefficients = segment._data
            last_s = first_s + length_s * coefficients.shape[2]
            assert first_s <= segment.start_second - 3600.0
            assert last_s >= segment.end_second + 3600.0
            del coefficients


def test_the_kernels_files_are_closed_after_loading() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sky = Sky(START, DAY_S)
        sky.orientation("moon").rotation(np.array([0.0]))
        del sky


@pytest.mark.parametrize(
    ("site", "key"),
    [
        (("earth", 91.0, 0.0, 0.0), "latitude_deg"),
        (("earth", float("nan"), 0.0, 0.0), "latitude_deg"),
        (("moon", 0.0, 361.0, 0.0), "longitude_deg"),
        (("mars", 0.0, 0.0, 6.4e6), "height_m"),
        (("venus", 0.0, 0.0, 0.0), "body"),
        (("pluto", 0.0, 0.0, 0.0), "body"),
    ],
)
def test_a_place_that_cannot_be_is_refused_by_its_key(
    sky: Sky, site: tuple[str, float, float, float], key: str
) -> None:
    from topology.sites import site as make

    with pytest.raises(InvalidValue) as refused:
        make(sky, *site)
    assert refused.value.key == key


@given(
    latitude=st.floats(-90, 90, allow_nan=False), longitude=st.floats(-180, 360, allow_nan=False)
)
def test_east_north_and_up_are_a_right_handed_frame_everywhere(
    latitude: float, longitude: float
) -> None:
    axes = horizon_axes_at(latitude, longitude)
    assert np.abs(axes @ axes.T - np.eye(3)).max() < 1e-14
    assert np.linalg.det(axes) == pytest.approx(1.0)
