"""A thousand windows of nine kinds of pair against `brute_windows`: none missed, none invented, edges in place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.topology.brute_windows import Place, craft, gets_through, on_sphere, station
from topology.constants import DAY_S
from topology.dynamics import DeepSpace
from topology.ephemeris import Sky
from topology.frozen_orbit import integrated, lunar_relay, mars_relay
from topology.mass_driver import Muzzle, launch
from topology.network import surroundings
from topology.orbits import orbit_from_elements
from topology.paths import Path
from topology.sites import earth_site, moon_site
from topology.track import track
from topology.visibility import End, Surroundings
from topology.windows import windows

START = datetime(2026, 12, 1, tzinfo=UTC)
SPAN_S = 8 * DAY_S
GRID_S = 30.0
EDGE_S = 0.05
"""Most edges are within 2 ms. Where an orbit grazes the limb, the metre that sampled paths are good to takes 25 ms."""


class Network:
    """Named ends, each as the code under test has it and the long way."""

    def __init__(self, sky: Sky) -> None:
        self.sky = sky
        self.around: Surroundings = surroundings(sky, *sky.span_s)
        self.ends: dict[str, tuple[End, Place]] = {}
        for name, latitude, longitude in (("teide", 28.3, -16.51), ("stromlo", -35.3, 149.0)):
            site = earth_site(sky, latitude, longitude, 2000.0)
            self._add(name, site, station(sky, latitude, longitude, 20.0, 3.0), 20.0, 3.0)
        for name, latitude, longitude in (("pole", -89.54, 0.0), ("limb", 0.0, 88.0)):
            turned = sky.orientation("moon")
            place = on_sphere(sky, "moon", turned, latitude, longitude, 2.0, 5.0)
            self._add(name, moon_site(sky, latitude, longitude), place, 2.0, 5.0)
        self._craft("leo", self._orbit("earth", 6_900.0, 97.0, 30.0))
        self._craft("leo-2", self._orbit("earth", 7_300.0, 51.6, 200.0))
        self._craft("geo", self._orbit("earth", 42_164.0, 0.1, 0.0))
        self._craft("llo", self._orbit("moon", 1_900.0, 80.0, 100.0), 3.0)
        self._craft("elfo", integrated(sky, lunar_relay(sky, 0.0)), 3.0)
        self._craft("mars", integrated(sky, mars_relay(sky), "mars"), 3.0)
        muzzle = Muzzle(azimuth_deg=270.0, elevation_deg=2.0, speed_m_s=2450.0)
        masses = DeepSpace(sky, *sky.span_s)
        driver = moon_site(sky, -89.54, 0.0)
        self._craft("ai", launch(masses, driver, muzzle, 0.5 * DAY_S, sky.span_s[1]), 3.0)

    def _orbit(self, body: str, axis_km: float, inclination: float, node: float) -> Path:
        return orbit_from_elements(
            self.sky,
            body,
            START,
            semi_major_axis_km=axis_km,
            eccentricity=0.01,
            inclination_deg=inclination,
            ascending_node_deg=node,
        )

    def _craft(self, name: str, path: Path, keep_out_deg: float = 0.0) -> None:
        self._add(name, path, craft(path, keep_out_deg), 0.0, keep_out_deg)

    def _add(self, name: str, path: Path, place: Place, mask: float, keep_out: float) -> None:
        end = End(path=track(path, *self.sky.span_s), mask=mask, sun_keep_out_deg=keep_out)
        self.ends[name] = end, place


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Sky(START, SPAN_S) as sky:
        yield Network(sky)


KINDS = {
    "station and low orbit": [("teide", "leo"), ("leo-2", "stromlo"), ("stromlo", "leo")],
    "low orbits": [("leo", "leo-2"), ("leo-2", "geo")],
    "low orbit and lunar orbit": [("leo", "llo"), ("elfo", "leo-2"), ("llo", "leo-2")],
    "station and lunar orbit": [("teide", "llo"), ("elfo", "stromlo"), ("llo", "stromlo")],
    "station and lunar base": [("teide", "limb"), ("stromlo", "limb")],
    "lunar base and lunar orbit": [("pole", "llo"), ("elfo", "limb")],
    "lunar orbits": [("llo", "elfo")],
    "Mars and the rest": [("mars", "teide"), ("llo", "mars"), ("mars", "leo"), ("limb", "mars")],
    "launched satellite and the rest": [("ai", "teide"), ("leo", "ai"), ("ai", "llo")],
}
FEWEST = {
    "station and low orbit": 70,
    "low orbits": 330,
    "low orbit and lunar orbit": 350,
    "station and lunar orbit": 55,
    "station and lunar base": 14,
    "lunar base and lunar orbit": 105,
    "lunar orbits": 105,
    "Mars and the rest": 220,
    "launched satellite and the rest": 205,
}
"""Windows of each kind in eight days."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiled", [False, True])
def test_the_windows_of_a_kind_are_those_that_light_gets_through(
    network: Network, kind: str, compiled: bool
) -> None:
    pairs = KINDS[kind]
    assert sum(checked(network, *pair, compiled=compiled) for pair in pairs) >= FEWEST[kind]


@pytest.mark.parametrize("compiled", [False, True])
def test_a_day_of_one_pair_is_what_light_gets_through(network: Network, compiled: bool) -> None:
    assert checked(network, "leo", "llo", DAY_S, compiled=compiled) > 5


def checked(
    network: Network, a: str, b: str, end_s: float = SPAN_S, *, compiled: bool = False
) -> int:
    """The number of windows of a pair, each of them checked, and that there are no others."""
    (sender, from_), (receiver, to) = network.ends[a], network.ends[b]
    first_s = max(0.0, sender.path.span_s[0], receiver.path.span_s[0]) + 1.0
    ours = windows(sender, receiver, network.around, first_s, end_s, compiled=compiled)
    edges = np.array([edge for window in ours for edge in window])
    inner = edges[(edges > first_s + 1) & (edges < end_s - 1)]
    starts = np.array([w[0] for w in ours if w[0] > first_s + 1])
    ends = np.array([w[1] for w in ours if w[1] < end_s - 1])
    assert not gets_through(network.sky, from_, to, starts - EDGE_S).any(), (a, b)
    assert gets_through(network.sky, from_, to, starts + EDGE_S).all(), (a, b)
    assert gets_through(network.sky, from_, to, ends - EDGE_S).all(), (a, b)
    assert not gets_through(network.sky, from_, to, ends + EDGE_S).any(), (a, b)
    t_s = np.arange(first_s, end_s, GRID_S)
    near = np.searchsorted(inner, t_s - EDGE_S) != np.searchsorted(inner, t_s + EDGE_S)
    open_ = np.searchsorted(edges, t_s, side="right") % 2 == 1
    assert not ((open_ != gets_through(network.sky, from_, to, t_s)) & ~near).any(), (a, b)
    return len(ours)
