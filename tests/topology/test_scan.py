"""The compiled scan against the one on arrays: the same windows, edges to a microsecond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given

from tests.topology.test_windows import AROUND, SPAN, pairs
from tests.topology.test_windows_truth import START, Network
from topology.constants import DAY_S
from topology.ephemeris import Sky
from topology.geometry import light_time
from topology.scan import WORTH_COMPILING, is_worth, light_times, scan
from topology.track import track
from topology.visibility import End, HorizonMask, Surroundings
from topology.windows import passage
from topology.zeros import EDGE_S

pytest.importorskip("numba")

DAYS_S = 2 * DAY_S


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Sky(START, DAYS_S) as sky:
        yield Network(sky)


def both(a: End, b: End, around: Surroundings, first_s: float, last_s: float) -> list[float]:
    """By how much the edges of both differ; light times are compared on the way."""
    compiled = passage(a, b, around, first_s, last_s, compiled=True)
    plain = passage(a, b, around, first_s, last_s)
    if plain is None or compiled is None:
        assert plain is compiled
        return []
    assert len(compiled.windows) == len(plain.windows)
    assert np.array_equal(compiled.t_s, plain.t_s)
    for start_s, end_s in plain.windows:
        for t_s in np.linspace(start_s, end_s, 5).tolist():
            assert compiled.owlt_at(t_s) == pytest.approx(plain.owlt_at(t_s), abs=1e-4)
    apart: list[float] = np.abs(np.subtract(compiled.windows, plain.windows)).ravel().tolist()
    return apart


def test_real_pairs_of_all_kinds_have_the_same_windows(network: Network) -> None:
    apart_s: list[float] = []
    for (a, _), (b, _) in permutations(network.ends.values(), 2):
        apart_s += both(a, b, network.around, 0.0, DAYS_S)
    assert len(apart_s) > 2000
    assert max(apart_s) < EDGE_S
    assert np.mean(np.array(apart_s) < 1e-6) > 0.999


@given(pairs)
def test_any_pair_has_the_same_windows(pair: tuple[End, End]) -> None:
    span_s = SPAN[0] - 7_200.0, SPAN[1] + 7_200.0
    a, b = (replace(end, path=track(end.path, *span_s)) for end in pair)
    occluders = tuple(o._replace(path=track(o.path, *span_s)) for o in AROUND.occluders)
    assert AROUND.sun is not None
    around = Surroundings(occluders, track(AROUND.sun, *span_s))
    assert max(both(a, b, around, *SPAN), default=0.0) < EDGE_S


def test_a_scan_without_sun_or_spheres_tests_what_there_is(network: Network) -> None:
    teide, leo = network.ends["teide"][0], network.ends["leo"][0]
    for around in (Surroundings(network.around.occluders), Surroundings()):
        assert max(both(teide, leo, around, 0.0, DAYS_S)) < 1e-6


def test_what_the_scan_does_not_know_is_left_to_arrays(network: Network) -> None:
    teide, leo = network.ends["teide"][0], network.ends["leo"][0]
    mountain = replace(teide, mask=HorizonMask((0.0, 90.0), (5.0, 20.0)))
    t_s = np.linspace(0.0, DAY_S, 100)
    assert scan(mountain, leo, network.around, t_s) is None
    assert max(both(mountain, leo, network.around, 0.0, DAYS_S)) == 0.0


@pytest.mark.parametrize("pair", [("teide", "leo"), ("llo", "mars"), ("ai", "elfo")])
def test_light_times_are_as_few_as_straight_lines_need(
    network: Network, pair: tuple[str, str]
) -> None:
    a, b = (network.ends[name][0] for name in pair)
    first_s = max(a.path.span_s[0], 0.0)
    spans_s = [(first_s + 10.0, first_s + 400.0), (0.7 * DAY_S, 0.9 * DAY_S), (DAY_S, 2 * DAY_S)]
    aim_s = 8e-7
    found = light_times((a, b), spans_s, 1200.0, aim_s)
    assert found is not None
    for (start_s, end_s), samples in zip(spans_s, found, strict=True):
        at_s = np.linspace(start_s, end_s, samples.size)
        assert np.abs(light_time(a.path, b.path, at_s) - samples).max() < 1e-11
        between_s = np.linspace(start_s, end_s, 5000)
        error_s = np.interp(between_s, at_s, samples) - light_time(a.path, b.path, between_s)
        assert np.abs(error_s).max() < 1e-6
        if samples.size > 2 + (end_s - start_s) / 1200.0:
            assert np.abs(error_s).max() > 0.3 * aim_s


def test_a_few_pairs_are_not_worth_a_compiler() -> None:
    assert not is_worth(WORTH_COMPILING - 1)
    assert is_worth(WORTH_COMPILING)
