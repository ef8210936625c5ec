"""Windows and plans: how long they take, beside skyfield's own search on a sample.

    pytest benchmarks/test_windows.py --benchmark-only -s -m ''

The large network has 50 nodes of every kind, so 1,225 pairs; all windows of 30 days from the first
node of each pair to the second, light time and occultation in full. The thousand have the same kinds in
the same parts, over 7 days. Times are processor time of one core, sampling of the paths included.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from skyfield.api import load, load_file, wgs84
from skyfield.searchlib import find_discrete
from skyfield.timelib import Time

from topology.constants import DAY_S
from topology.dynamics import DeepSpace
from topology.ephemeris import KERNELS, Sky
from topology.laser import PRESETS
from topology.mass_driver import Muzzle, launch
from topology.network import PlannedNode, surroundings
from topology.orbits import orbit_from_elements, orbit_from_state
from topology.paths import Path
from topology.planner import plan_contacts
from topology.sites import earth_site, mars_site, moon_site
from topology.track import track
from topology.visibility import End
from topology.windows import windows

START = datetime(2026, 12, 1, tzinfo=UTC)
SPAN_S = 30 * DAY_S
WEEK_S = 7 * DAY_S


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(START, SPAN_S) as sky:
        yield sky


def _orbit(sky: Sky, body: str, axis_km: float, eccentricity: float, turn_deg: float) -> Path:
    return orbit_from_elements(
        sky,
        body,
        START,
        semi_major_axis_km=axis_km,
        eccentricity=eccentricity,
        inclination_deg=30.0 + turn_deg / 6,
        ascending_node_deg=turn_deg,
        argument_of_periapsis_deg=turn_deg / 2,
        mean_anomaly_deg=turn_deg / 3,
    )


def fifty_paths(sky: Sky) -> list[tuple[Path, float]]:
    """Paths and masks: 14 + 5 + 2 sites, 4 low and 4 high Earth orbits, 8 lunar, 3 of Mars, 10 launched."""
    return paths_of_kinds(sky, 1)


def paths_of_kinds(sky: Sky, times: int) -> list[tuple[Path, float]]:
    """The fifty, so many times over, spread over places, planes and launch dates."""
    paths: list[tuple[Path, float]] = []
    driver = moon_site(sky, -89.54, 0.0)
    masses = DeepSpace(sky, *sky.span_s)
    muzzle = Muzzle(azimuth_deg=270.0, elevation_deg=2.0, speed_m_s=2450.0)
    for copy in range(times):
        aside = 360.0 * copy / (7 * times)
        turns = [(360.0 * k / 7 + aside) % 360 for k in range(14)]
        paths += [(earth_site(sky, 40 - 5 * k, turn, 1000.0), 20.0) for k, turn in enumerate(turns)]
        paths += [(moon_site(sky, -90 + 20 * k + 0.46, turns[k]), 5.0) for k in range(5)]
        paths += [(mars_site(sky, 18.4 - 30 * k, 77.5 + aside), 10.0) for k in range(2)]
        paths += [(_orbit(sky, "earth", 6_900.0 + 100 * k, 0.001, turns[k]), 0.0) for k in range(4)]
        paths += [(_orbit(sky, "earth", 26_500.0 + 5e3 * k, 0.01, turns[k]), 0.0) for k in range(4)]
        paths += [(_orbit(sky, "moon", 1_900.0, 0.001, turns[k]), 0.0) for k in range(3)]
        paths += [(_orbit(sky, "moon", 6_142.0, 0.6, turns[k]), 0.0) for k in range(5)]
        paths += [(_orbit(sky, "mars", 4_000.0 + 6e3 * k, 0.01, turns[k]), 0.0) for k in range(3)]
        every_s = sky.duration_s / 15 / times
        launched = [
            launch(masses, driver, muzzle, (k * times + copy) * every_s, sky.span_s[1])
            for k in range(10)
        ]
        paths += [(path, 0.0) for path in launched]
    return paths


class Found(NamedTuple):
    """All windows of a network: how many pairs and windows, and processor time in all."""

    pairs: int
    windows: int
    cpu_s: float


def all_windows(sky: Sky, paths: Sequence[tuple[Path, float]], span_s: float) -> Found:
    """All windows from the first to the second node of each pair."""
    began_s = time.process_time()
    around = surroundings(sky, *sky.span_s)
    ends = [
        End(path=track(path, *sky.span_s), mask=mask, sun_keep_out_deg=3.0) for path, mask in paths
    ]
    pairs = found = 0
    for a, b in combinations(ends, 2):
        found += len(windows(a, b, around, 0.0, span_s))
        pairs += 1
    return Found(pairs, found, time.process_time() - began_s)


def test_all_windows_of_fifty_nodes_for_thirty_days(sky: Sky, benchmark: BenchmarkFixture) -> None:
    paths = fifty_paths(sky)
    assert len(paths) == 50
    found = benchmark.pedantic(all_windows, (sky, paths, SPAN_S), rounds=1)
    used_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{found.pairs:,} pairs, 30 days: {found.windows:,} windows in {found.cpu_s:.2f} s of CPU,"
        f" {1e3 * found.cpu_s / found.pairs:.1f} ms a pair; {used_mb:.0f} MB at the most"
    )
    assert used_mb < 1000


def test_all_windows_of_a_thousand_nodes_for_a_week(benchmark: BenchmarkFixture) -> None:
    """Half a million pairs: half an hour or so. A pair costs less because paths are sampled once a node."""
    with Sky(START, WEEK_S) as week:
        few = all_windows(week, paths_of_kinds(week, 1), WEEK_S)
        many = benchmark.pedantic(
            lambda: all_windows(week, paths_of_kinds(week, 20), WEEK_S), rounds=1
        )
    each_ms = [1e3 * found.cpu_s / found.pairs for found in (few, many)]
    print(
        f"\n{few.pairs:,} pairs, 7 days: {each_ms[0]:.2f} ms a pair; {many.pairs:,} pairs:"
        f" {each_ms[1]:.2f} ms a pair, {many.windows:,} windows in {many.cpu_s:.0f} s of CPU"
    )
    assert many.pairs == 1000 * 999 // 2
    assert each_ms[1] < each_ms[0]


def test_a_month_of_the_default_network_planned(sky: Sky, benchmark: BenchmarkFixture) -> None:
    nodes = sixteen_nodes(sky)
    around = surroundings(sky, *sky.span_s)
    plan = benchmark.pedantic(plan_contacts, (nodes, around, SPAN_S), rounds=1)
    print(f"\n16 nodes, 30 days: {len(plan.contacts)} contacts")


def test_skyfields_search_on_one_pair_for_comparison(sky: Sky, benchmark: BenchmarkFixture) -> None:
    """Teide sees the Moon above 20 deg: skyfield's `find_discrete` at a step of 600 s, and ours."""
    eph = load_file(str(KERNELS / "de421_2026_2036.bsp"))
    teide = eph["earth"] + wgs84.latlon(28.30, -16.51, elevation_m=2390)
    timescale = load.timescale(builtin=True)

    def above(t: Time) -> Sequence[bool]:
        seen: Sequence[bool] = (
            teide.at(t).observe(eph["moon"]).apparent().altaz()[0].degrees >= 20.0
        )
        return seen

    above.step_days = 600 / DAY_S  # type: ignore[attr-defined]  # how skyfield is told
    first = timescale.from_datetime(START)
    last = timescale.from_datetime(START + timedelta(days=30))
    start_s = time.perf_counter()
    times, _ = benchmark.pedantic(find_discrete, (first, last, above), rounds=1)
    theirs_s = time.perf_counter() - start_s
    ours = End(path=track(earth_site(sky, 28.30, -16.51, 2390.0), *sky.span_s), mask=20.0)
    moon = End(path=track(sky.body("moon"), *sky.span_s))
    around = surroundings(sky, *sky.span_s, occluders=("sun", "earth", "mars"))
    start_s = time.perf_counter()
    sent = windows(moon, ours, around, 0.0, SPAN_S)
    ours_s = time.perf_counter() - start_s
    print(f"\nskyfield {theirs_s:.3f} s, ours {ours_s:.4f} s: {theirs_s / ours_s:.0f} times faster")
    assert np.abs(len(times) - 2 * len(sent)) <= 1
    eph.close()


def sixteen_nodes(sky: Sky) -> list[PlannedNode]:
    """Four stations, a base, three relays, a Mars orbiter, seven satellites that join by and by."""
    ground, trunk, lunar, deep = (
        PRESETS[kind] for kind in ("optical-ground", "trunk", "lunar", "deep-space")
    )
    stations = ((34.382, -117.683), (20.706, 203.743), (28.30, -16.51), (-35.316, 149.01))
    nodes = [
        PlannedNode(
            name=f"station-{k}",
            path=earth_site(sky, latitude_deg, longitude_deg, 2000.0),
            terminals=(ground,),
            mask=20.0,
            gateway=True,
        )
        for k, (latitude_deg, longitude_deg) in enumerate(stations)
    ]
    base = moon_site(sky, -89.54, 0.0)
    relay_paths = {
        "malapert": moon_site(sky, -85.99, 2.93, 5000.0),
        "elfo-1": orbit_from_state(
            sky, "moon", START, (22.490, 197.907, 2448.944), (-1.775377, 0.201752, 0.0)
        ),
        "elfo-2": orbit_from_state(
            sky, "moon", START, (-89.960, -791.628, -9795.777), (0.443844, -0.050438, 0.0)
        ),
    }
    nodes.append(PlannedNode(name="base", path=base, terminals=(trunk,)))
    nodes += [
        PlannedNode(name=name, path=path, terminals=(trunk, lunar))
        for name, path in relay_paths.items()
    ]
    mars = _orbit(sky, "mars", 20_428.0, 0.001, 47.0)
    nodes.append(PlannedNode(name="mars", path=mars, terminals=(deep,)))
    masses = DeepSpace(sky, *sky.span_s)
    muzzle = Muzzle(azimuth_deg=270.0, elevation_deg=2.0, speed_m_s=2450.0)
    nodes += [
        PlannedNode(
            name=f"ai-{k + 1}",
            path=launch(masses, base, muzzle, (1.25 + 4 * k) * DAY_S, sky.span_s[1]),
            terminals=(deep,),
        )
        for k in range(7)
    ]
    return nodes
