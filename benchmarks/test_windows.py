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
from skyfield.jpllib import SpiceKernel
from skyfield.searchlib import find_discrete
from skyfield.timelib import Time
from skyfield.vectorlib import VectorFunction

from topology.bodies import BODIES
from topology.constants import AU_KM, DAY_S
from topology.dynamics import DeepSpace
from topology.ephemeris import KERNELS, Sky
from topology.mass_driver import Muzzle, launch
from topology.network import PlannedNode, surroundings
from topology.orbits import orbit_from_elements, orbit_from_state
from topology.paths import FloatArray, Path
from topology.planner import plan_contacts
from topology.scan import is_worth
from topology.sites import earth_site, mars_site, moon_site
from topology.terminal import PRESETS
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
    pairs, found = len(ends) * (len(ends) - 1) // 2, 0
    compiled = is_worth(pairs)
    for a, b in combinations(ends, 2):
        found += len(windows(a, b, around, 0.0, span_s, compiled=compiled))
    return Found(pairs, found, time.process_time() - began_s)


def test_all_windows_of_fifty_nodes_for_thirty_days(sky: Sky, benchmark: BenchmarkFixture) -> None:
    fifty_paths(sky)  # loads what is compiled
    began_s = time.process_time()
    paths = fifty_paths(sky)
    flown_s = time.process_time() - began_s
    assert len(paths) == 50
    all_windows(sky, paths, DAY_S)
    found = benchmark.pedantic(all_windows, (sky, paths, SPAN_S), rounds=1)
    used_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{found.pairs:,} pairs, 30 days: {found.windows:,} windows in {found.cpu_s:.2f} s of CPU,"
        f" {1e3 * found.cpu_s / found.pairs:.1f} ms a pair; the paths were integrated in {flown_s:.2f} s;"
        f" {used_mb:.0f} MB at the most"
    )
    assert used_mb < 1000
    assert found.cpu_s < 10.0  # 5 s are asked for, on a quiet machine


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


def test_skyfields_search_on_a_pair_of_each_kind(sky: Sky, benchmark: BenchmarkFixture) -> None:
    """Eight kinds of pair over three days, `find_discrete` beside ours; what 1,225 pairs and 30 days come to."""
    with SkyfieldPairs(sky) as theirs:
        around = surroundings(sky, *sky.span_s)
        ends = {name: end(path, sky) for name, path in theirs.paths.items()}
        windows(
            *(ends[name] for name in ("leo", "teide")), around, 0.0, SAMPLE_S, compiled=True
        )  # load it
        rows = []
        for kind, (a, b) in SAMPLE.items():
            began_s = time.process_time()
            seen = theirs.edges(a, b)
            theirs_s = time.process_time() - began_s
            spent = []
            for _ in range(4):
                began_s = time.process_time()
                sent = windows(ends[a], ends[b], around, 0.0, SAMPLE_S, compiled=True)
                spent.append(time.process_time() - began_s)
            rows.append((theirs_s, min(spent)))
            times = theirs_s / min(spent)
            print(
                f"\n{kind:28}skyfield {theirs_s:6.3f} s, ours {1e3 * min(spent):6.2f} ms: {times:7.0f} times",
                end="",
            )
            assert abs(seen - 2 * len(sent)) <= 2, kind
    paths = fifty_paths(sky)
    found = benchmark.pedantic(all_windows, (sky, paths, SPAN_S), rounds=1)
    theirs_s, ours_s = (sum(column) for column in zip(*rows, strict=True))
    scaled_s = theirs_s / len(rows) * found.pairs * SPAN_S / SAMPLE_S
    print(
        f"\nthe sample: {theirs_s / ours_s:.0f} times faster; {found.pairs:,} pairs, 30 days: skyfield {scaled_s:.0f} s"
        f" at this rate, ours {found.cpu_s:.2f} s, paths sampled: {scaled_s / found.cpu_s:.0f} times faster"
    )
    assert theirs_s / ours_s > 100
    assert scaled_s / found.cpu_s > 100


SAMPLE_S = 3 * DAY_S
SAMPLE = {
    "station, lunar base": ("base", "teide"),
    "station, low orbit": ("leo", "teide"),
    "station, lunar orbit": ("elfo", "teide"),
    "station, Mars orbit": ("mars", "teide"),
    "station, launched satellite": ("ai", "teide"),
    "low orbit, high orbit": ("geo", "leo"),
    "low orbit, lunar orbit": ("elfo", "leo"),
    "lunar orbits": ("llo", "elfo"),
}
"""A pair of each kind: who transmits, who receives."""
QUICK = {"leo", "llo"}
MASKS_DEG = {"teide": 20.0, "base": 5.0}


def end(path: Path, sky: Sky) -> End:
    return End(
        path=track(path, *sky.span_s), mask={"earth": 20.0, "moon": 5.0}.get(path.body or "", 0.0)
    )


class FlownPath(VectorFunction):  # type: ignore[misc]
    """A path of ours among skyfield's vectors."""

    center = 0

    def __init__(self, sky: Sky, path: Path, target: int, ephemeris: SpiceKernel) -> None:
        self.sky, self.path, self.target, self.ephemeris = sky, path, target, ephemeris
        self.vector_name = "path"

    def _at(self, t: Time) -> tuple[FloatArray, FloatArray, None, None]:
        epochs = self.sky.epochs
        t_s = ((t.whole - epochs.whole_jd) + (t.tdb_fraction - epochs.fraction_jd)) * DAY_S
        position, velocity = self.path.state(np.atleast_1d(t_s))
        shape = (3, *np.shape(t_s))
        au_per_day = velocity * (DAY_S / AU_KM)
        return (position / AU_KM).reshape(shape), au_per_day.reshape(shape), None, None


class SkyfieldPairs:
    """Whether nodes see each other, as one would ask skyfield: apparent places, elevations, spheres in the way."""

    def __init__(self, sky: Sky) -> None:
        self.paths: dict[str, Path] = {
            "teide": earth_site(sky, 28.30, -16.51, 2390.0),
            "base": moon_site(sky, 10.0, 30.0),
            "leo": _orbit(sky, "earth", 6_900.0, 0.001, 40.0),
            "geo": _orbit(sky, "earth", 26_500.0, 0.01, 200.0),
            "llo": _orbit(sky, "moon", 1_900.0, 0.001, 100.0),
            "elfo": _orbit(sky, "moon", 6_142.0, 0.6, 100.0),
            "mars": _orbit(sky, "mars", 20_428.0, 0.01, 47.0),
        }
        masses = DeepSpace(sky, *sky.span_s)
        muzzle = Muzzle(azimuth_deg=270.0, elevation_deg=2.0, speed_m_s=2450.0)
        driver = moon_site(sky, -89.54, 0.0)
        self.paths["ai"] = launch(masses, driver, muzzle, 0.0, sky.span_s[1])
        self._eph = load_file(str(KERNELS / "de421_2026_2036.bsp"))
        self._timescale = load.timescale(builtin=True)
        self._nodes = {
            name: FlownPath(sky, path, -100 - place, self._eph)
            for place, (name, path) in enumerate(self.paths.items())
        }
        self._nodes["teide"] = self._eph["earth"] + wgs84.latlon(28.30, -16.51, elevation_m=2390)
        self._sky = sky

    def __enter__(self) -> SkyfieldPairs:
        return self

    def __exit__(self, *of: object) -> None:
        self._eph.close()

    def edges(self, a: str, b: str) -> int:
        """How often the view of A from B changes."""
        source, observer = self._nodes[a], self._nodes[b]
        spheres = [
            (self._eph[name if name != "mars" else "mars barycenter"], BODIES[name].radius_km)
            for name in ("sun", "earth", "moon", "mars")
            if name not in (self.paths[a].body, self.paths[b].body)
        ]

        def seen(t: Time) -> Sequence[bool]:
            here = observer.at(t)
            apparent = here.observe(source).apparent()
            way = apparent.xyz.km
            open_ = np.ones(t.shape, dtype=bool)
            if self.paths[b].body == "earth":
                open_ &= apparent.altaz()[0].degrees >= MASKS_DEG[b]
            if self.paths[a].body == "moon":
                sent_s = (t.tdb - self._sky.epochs.whole_jd - self._sky.epochs.fraction_jd) * DAY_S
                up = self.paths[a].up(sent_s - apparent.distance().km / 299_792.458)
                assert up is not None
                sine = -(up * way).sum(axis=0) / np.linalg.norm(way, axis=0)
                open_ &= sine >= np.sin(np.radians(MASKS_DEG[a]))
            for body, radius_km in spheres:
                away = here.observe(body).apparent().xyz.km
                along = np.clip((away * way).sum(axis=0) / (way * way).sum(axis=0), 0.0, 1.0)
                open_ &= np.linalg.norm(away - along * way, axis=0) >= radius_km
            answer: Sequence[bool] = open_
            return answer

        seen.step_days = (120 if {a, b} & QUICK else 600) / DAY_S  # type: ignore[attr-defined]  # how skyfield is told
        first = self._timescale.from_datetime(START)
        last = self._timescale.from_datetime(START + timedelta(seconds=SAMPLE_S))
        times, _ = find_discrete(first, last, seen)
        return len(times)


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
