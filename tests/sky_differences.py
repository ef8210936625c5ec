"""docs/how-right-is-the-sky.md: how far our sky is from skyfield's, SPICE's, finer integrations and what was flown.

    python -m tests.sky_differences          work the comparisons out and write the page, five minutes

The comparisons are those that the tests make; here they are measured instead of bounded. Needs spiceypy.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from skyfield.api import load_file, wgs84

from tests.topology import (
    lunar_gravity,
    spice_sky,
    test_spice,
    test_spice_stations,
    test_spice_windows,
    test_windows_truth,
)
from tests.topology.brute_windows import gets_through
from topology import constants as c
from topology.constants import DAY_S
from topology.dynamics import DeepSpace
from topology.ephemeris import KERNELS, Sky
from topology.frozen_orbit import lunar_relay, mars_relay
from topology.geometry import light_time, light_time_received
from topology.integration import Tolerances
from topology.laser import rate_bps
from topology.mass_driver import Muzzle, launch
from topology.orbits import orbit_from_state, state_from_elements
from topology.paths import FloatArray
from topology.sites import earth_site, moon_site
from topology.terminal import PRESETS
from topology.track import track
from topology.windows import windows

TEMPLATE = Path(__file__).with_suffix(".md")
PAGE = Path(__file__).parents[1] / "docs" / "how-right-is-the-sky.md"
START = datetime(2026, 12, 1, tzinfo=UTC)
MONTH_S = 30 * DAY_S
DSOC_FLOWN = ((31, 267.0), (53, 267.0), (226, 25.0), (390, 8.3), (390, 6.25))
"""Millions of km and Mbit/s, as published; at the greatest range the peak, and what was held."""


class Differences(NamedTuple):
    """One row of a table.

    Attributes:
        what: was compared.
        of: the differences, of one unit.
    """

    what: str
    of: FloatArray

    def row(self, scale: float, decimals: int) -> str:
        """As a line of markdown: how many, median, 95 %, worst."""
        size = scale * np.abs(self.of)
        figures = (np.median(size), np.percentile(size, 95), size.max())
        shown = " | ".join(f"{figure:.{decimals}f}" for figure in figures)
        return f"| {self.what} | {size.size:,} | {shown} |"


def table(unit: str, rows: Sequence[Differences], scale: float, decimals: int) -> str:
    head = f"| | compared | median, {unit} | 95 %, {unit} | worst, {unit} |\n|---|---|---|---|---|"
    return "\n".join([head, *(row.row(scale, decimals) for row in rows)])


def light_times() -> Iterator[Differences]:
    """Of our light times, seconds."""
    eph = load_file(str(KERNELS / "de421_2026_2036.bsp"))
    here = eph["earth"] + wgs84.latlon(28.30, -16.51, elevation_m=2390)
    t_s = np.linspace(0.0, MONTH_S, 500)
    spice = test_spice.spice
    with Sky(START, MONTH_S) as sky, tempfile.TemporaryDirectory() as folder:
        times, at = sky.epochs.at(t_s), spice_sky.et(sky, t_s)
        site = track(earth_site(sky, 28.30, -16.51, 2390.0), *sky.span_s)
        spice_sky.furnish(spice, Path(folder))
        spice_sky.add_station(
            spice, Path(folder), sky, -801, spice_sky.Station(28.30, -16.51, 2390.0)
        )
        for name in ("moon", "mars", "venus", "jupiter"):
            body, number = sky.body(name), test_spice.NUMBERS[name]
            heard = light_time_received(track(body, *sky.span_s), site, t_s)
            target = eph[f"{name} barycenter"] if name in ("mars", "jupiter") else eph[name]
            theirs = here.at(times).observe(target).light_time * DAY_S
            yield Differences(f"{name.capitalize()} to Teide, skyfield", heard - theirs)
            _, theirs = spice.spkpos(number, at, "J2000", "CN", "-801")
            yield Differences(f"{name.capitalize()} to Teide, SPICE", heard - np.array(theirs))
            _, theirs = spice.spkpos(number, at, "J2000", "XCN", "399")
            sent = light_time(sky.body("earth"), body, t_s)
            yield Differences(
                f"Earth to {name.capitalize()}, centres, SPICE", sent - np.array(theirs)
            )
        spice.kclear()
    eph.close()


def station_edges() -> Iterator[Differences]:
    """Edges of stations' windows less SPICE's, seconds."""
    module = test_spice_stations
    with (
        Sky(module.START, module.SPAN_S) as sky,
        tempfile.TemporaryDirectory() as folder,
        module.in_spice(sky, Path(folder)) as paths,
    ):
        for target in module.CRAFT:
            apart = [
                np.subtract(*module.edges_s(sky, paths, station, target, sends=sends))
                for station in module.STATIONS
                for sends in (True, False)
            ]
            yield Differences(f"three stations and {target}", np.concatenate(apart))


def orbiter_edges() -> Iterator[Differences]:
    """Edges of occultations less SPICE's, seconds."""
    module = test_spice_windows
    with (
        Sky(module.START, module.SPAN_S) as sky,
        tempfile.TemporaryDirectory() as folder,
        module.in_spice(sky, Path(folder)) as paths,
    ):
        for sender, receiver, front in module.PAIRS:
            ours, theirs = module.gaps_s(sky, paths, sender, receiver, front)
            yield Differences(
                f"{sender} to {receiver}, behind the {front}", (ours - theirs).ravel()
            )


def brute_edges() -> Iterator[Differences]:
    """Edges less where the long way has them, seconds."""
    module = test_windows_truth
    with Sky(module.START, module.SPAN_S) as sky:
        network = module.Network(sky)
        for kind, pairs in module.KINDS.items():
            apart = [_brute_apart(network, *pair) for pair in pairs]
            yield Differences(kind, np.concatenate(apart))


def _brute_apart(network: test_windows_truth.Network, a: str, b: str) -> FloatArray:
    (sender, from_), (receiver, to) = network.ends[a], network.ends[b]
    first_s = max(0.0, sender.path.span_s[0], receiver.path.span_s[0]) + 1.0
    last_s = test_windows_truth.SPAN_S
    edges = np.array(windows(sender, receiver, network.around, first_s, last_s)).ravel()
    edges = edges[(edges > first_s + 1) & (edges < last_s - 1)]
    low, high = edges - 0.1, edges + 0.1
    opened = gets_through(network.sky, from_, to, low)
    for _ in range(12):  # to 0.05 ms
        middle = (low + high) / 2
        same = gets_through(network.sky, from_, to, middle) == opened
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    apart: FloatArray = edges - (low + high) / 2
    return apart


def trajectories() -> Iterator[Differences]:
    """Paths less finer or other integrations, km."""
    t_s = np.linspace(0.0, MONTH_S, 3000)
    finer = Tolerances(1e-13, 1e-8, 1e-11)
    with Sky(START, MONTH_S) as sky:
        for name, body, state in (
            ("12 h frozen lunar orbit", "moon", lunar_relay(sky, 0.0)),
            ("areosynchronous orbit", "mars", mars_relay(sky)),
        ):
            begin = [part.tolist() for part in state]
            ours = orbit_from_state(sky, body, START, *begin).state(t_s).position_km
            other = orbit_from_state(sky, body, START, *begin, tolerances=finer)
            yield _apart(f"{name}, 30 d, ten times tighter", ours, other.state(t_s).position_km)
            if body == "moon":
                third = {"earth": c.GM_EARTH_KM3_S2, "sun": c.GM_SUN_KM3_S2}
                rates = lunar_gravity.acceleration(sky, 8, third)
                flown = solve_ivp(
                    rates,
                    (0.0, MONTH_S),
                    np.concatenate(begin),
                    "DOP853",
                    t_s,
                    rtol=1e-12,
                    atol=1e-9,
                )
                centre = sky.body("moon").state(t_s).position_km
                what = f"{name}, 30 d, another formula (Cunningham's), ephemeris at every step"
                yield _apart(what, ours - centre, flown.y[:3])
        begin = [
            part.tolist()
            for part in state_from_elements(
                c.GM_EARTH_KM3_S2,
                semi_major_axis_km=6_900.0,
                eccentricity=0.001,
                inclination_deg=97.0,
                ascending_node_deg=0.0,
                argument_of_periapsis_deg=0.0,
                mean_anomaly_deg=0.0,
            )
        ]
        orbits = [
            orbit_from_state(sky, "earth", START, *begin, tolerances=tolerances).state(t_s)
            for tolerances in (None, finer)
        ]
        what = "low Earth orbit, 30 d, ten times tighter"
        yield _apart(what, *(orbit.position_km for orbit in orbits))
        base = moon_site(sky, -89.54, 0.0)
        masses = DeepSpace(sky, 0.0, 400 * DAY_S)
        west = Muzzle(azimuth_deg=270.0, elevation_deg=2.0, speed_m_s=2450.0)
        t_s = np.linspace(DAY_S, 366 * DAY_S, 3000)
        ours, other = (
            launch(masses, base, west, DAY_S, 366 * DAY_S, tolerances=tolerances)
            .state(t_s)
            .position_km
            for tolerances in (None, Tolerances(1e-12, 1e-5, 1e-11))
        )
        yield _apart("launched satellite, 365 d, ten times tighter", ours, other)


def _apart(what: str, ours: FloatArray, theirs: FloatArray) -> Differences:
    return Differences(what, np.linalg.norm(ours - theirs, axis=0))


def dsoc() -> str:
    """Rates of the formula beside those flown."""
    lines = [
        "| range, million km | flown, Mbit/s | ours, Mbit/s | difference, dB |",
        "|---|---|---|---|",
    ]
    for range_mkm, flown_mbps in DSOC_FLOWN:
        at = np.array([range_mkm * 1e6])
        ours = float(rate_bps(PRESETS["deep-space"], PRESETS["hale"], at)[0]) / 1e6
        lines.append(
            f"| {range_mkm} | {flown_mbps:g} | {ours:.1f} | {10 * np.log10(ours / flown_mbps):+.1f} |"
        )
    return "\n".join(lines)


def page() -> str:
    """The page's text."""
    return TEMPLATE.read_text(encoding="utf-8").format(
        light=table("ns", list(light_times()), 1e9, 1),
        stations=table("ms", list(station_edges()), 1e3, 2),
        orbiters=table("ms", list(orbiter_edges()), 1e3, 2),
        brute=table("ms", list(brute_edges()), 1e3, 2),
        paths=table("m", list(trajectories()), 1e3, 1),
        dsoc=dsoc(),
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
