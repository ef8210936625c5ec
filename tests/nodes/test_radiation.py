"""Radiation: upsets against Poisson's law and the double-flip formulas."""

from __future__ import annotations

import math
import random

import pytest

from nodes.spacecraft.options import Protection, RadiationOptions, Storm
from nodes.spacecraft.radiation import Memory, error_probability, poisson, residual_rate

DAY_S = 86_400.0
MEGABIT = 1_000_000


def memory(
    rate: float, protection: Protection = "none", scrub_s: float = 3600.0, *storms: Storm
) -> Memory:
    options = RadiationOptions(upsets_per_bit_day=rate, protection=protection, scrub_s=scrub_s)
    return Memory(options, storms, random.Random(20261201))


def within_3_sigma(count: int, expected: float) -> bool:
    return abs(count - expected) < 3.0 * math.sqrt(expected)


@pytest.mark.parametrize("rate", [1e-7, 1e-5, 1e-3])
def test_upsets_over_a_million_bit_days_are_as_many_as_poisson_says(rate: float) -> None:
    times = max(1, round(1e-4 / rate))  # a rare upset needs many a million bit days
    exposed = memory(rate)
    counts = [
        exposed.exposed(MEGABIT, day * DAY_S, (day + 1) * DAY_S).flips for day in range(times)
    ]
    expected = rate * MEGABIT * times
    assert within_3_sigma(sum(counts), expected)
    assert exposed.toll.bit_days == pytest.approx(MEGABIT * times)
    if times > 100:  # and spread as Poisson spreads them: variance equals mean
        mean = sum(counts) / times
        variance = sum((count - mean) ** 2 for count in counts) / times
        assert variance == pytest.approx(mean, rel=0.2)


@pytest.mark.parametrize("mean", [0.3, 5.0, 200.0])
def test_numbers_drawn_have_poissons_mean_and_variance(mean: float) -> None:
    rng = random.Random(5)
    drawn = [poisson(mean, rng) for _ in range(4000)]
    average = sum(drawn) / len(drawn)
    assert abs(average - mean) < 3.0 * math.sqrt(mean / len(drawn))
    variance = sum((count - average) ** 2 for count in drawn) / len(drawn)
    assert variance == pytest.approx(mean, rel=0.1)


@pytest.mark.parametrize(("protection", "rate"), [("ecc", 1e-2), ("tmr", 5e-2)])
def test_what_protection_leaves_is_what_the_double_flip_formula_says(
    protection: Protection, rate: float
) -> None:
    scrub_s = 3600.0
    exposed = memory(rate, protection, scrub_s)
    lost = 0
    for _ in range(MEGABIT // 64):  # word by word, so that each is seen
        damage = exposed.exposed(64, 0.0, DAY_S)
        lost += damage.lost if protection == "ecc" else len(damage.wrong)
    interval_d = scrub_s / DAY_S
    if protection == "ecc":  # C(72, 2) p^2 a word and scrub, to first order in p
        by_hand = 72 * 71 / 2 * (rate * interval_d) ** 2 * (MEGABIT / 64) / interval_d
    else:  # 3 p^2 a bit and scrub
        by_hand = 3 * (rate * interval_d) ** 2 * MEGABIT / interval_d
    expected = residual_rate(rate, protection, scrub_s) * MEGABIT
    assert expected == pytest.approx(by_hand, rel=0.05)
    assert expected > 100
    assert within_3_sigma(lost, expected)
    assert exposed.toll.mended > 100 * lost / 2


def test_protection_is_worth_orders_of_magnitude_at_the_rates_of_space() -> None:
    none, ecc, tmr = (residual_rate(1e-7, kind, 3600.0) for kind in ("none", "ecc", "tmr"))
    assert none == 1e-7
    assert ecc == pytest.approx(72 * 71 / 2 / 64 * 1e-14 / 24, rel=1e-3)
    assert tmr == pytest.approx(3e-14 / 24, rel=1e-3)
    assert residual_rate(1e-7, "ecc", 600.0) == pytest.approx(ecc / 6, rel=1e-3)  # scrub sooner


def test_a_storm_brings_as_many_more_as_its_factor_and_only_while_it_lasts() -> None:
    storm = Storm(nodes=("a",), at_s=DAY_S, until_s=2 * DAY_S, factor=50.0)
    exposed = memory(1e-4, "none", 3600.0, storm)
    before = exposed.exposed(MEGABIT, 0.0, DAY_S).flips
    during = exposed.exposed(MEGABIT, DAY_S, 2 * DAY_S).flips
    across = exposed.exposed(MEGABIT, 0.5 * DAY_S, 2.5 * DAY_S).flips
    assert within_3_sigma(before, 100)
    assert within_3_sigma(during, 5000)
    assert within_3_sigma(across, 50 + 5000 + 50)


def test_resets_come_at_their_rate_and_more_often_in_a_storm() -> None:
    options = RadiationOptions(resets_per_day=2.0)
    storm = Storm(nodes=("a",), at_s=100 * DAY_S, until_s=110 * DAY_S, factor=20.0)
    exposed = Memory(options, [storm], random.Random(1))
    at_s, calm, stormy = 0.0, 0, 0
    while (at_s := exposed.next_reset_s(at_s)) < 500 * DAY_S:
        if storm.at_s <= at_s < storm.until_s:
            stormy += 1
        else:
            calm += 1
    assert within_3_sigma(calm, 2.0 * 490)
    assert within_3_sigma(stormy, 2.0 * 20 * 10)
    assert Memory(RadiationOptions(), [], random.Random(1)).next_reset_s(0.0) == math.inf


def test_frames_are_hit_as_often_as_their_bits_and_their_second_in_the_buffer_say() -> None:
    exposed = memory(1e-3)
    hits = sum(exposed.is_hit(MEGABIT, 10.0, 1.0) for _ in range(20_000))
    assert within_3_sigma(hits, 20_000 * (1.0 - math.exp(-1e-3 * MEGABIT / DAY_S)))
    assert exposed.toll.frames == hits


def test_a_computation_is_wrong_as_often_as_its_bits_its_time_and_its_protection_say() -> None:
    unprotected = RadiationOptions(upsets_per_bit_day=1e-7, protection="none")
    assert error_probability(None, 10**9, DAY_S) == 0.0
    assert error_probability(unprotected, 10**7, DAY_S) == pytest.approx(-math.expm1(-1.0))
    assert error_probability(unprotected, 10**6, 86.4, factor=10.0) == pytest.approx(1e-3, rel=1e-3)
    assert error_probability(RadiationOptions(), 10**9, 60.0) < 2e-8
