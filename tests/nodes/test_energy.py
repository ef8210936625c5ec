"""Power and heat: books that close, curves against stepping them, what is shed and when."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.spacecraft.battery import Battery
from nodes.spacecraft.energy import Energy, Shed, ShedChanged, SpeedChanged
from nodes.spacecraft.options import HeatOptions, PowerOptions
from nodes.spacecraft.radiator import Radiator
from nodes.spacecraft.supply import BUS, COMPUTING, MASS_DRIVER, TERMINAL

DAY_S = 86_400.0
HOUR_S = 3600.0


def orbit_knots(days: float, power_w: float = 900.0) -> tuple[list[float], list[float]]:
    """A low orbit: an hour of light, dusk of ten seconds, half an hour of shadow."""
    knots, watts = [0.0], [power_w]
    while knots[-1] < days * DAY_S:
        for after_s, level_w in ((3500.0, power_w), (10.0, 0.0), (1900.0, 0.0), (10.0, power_w)):
            knots.append(knots[-1] + after_s)
            watts.append(level_w)
    return knots, watts


def power(**changes: float) -> PowerOptions:
    knots, watts = orbit_knots(31.0)
    given: dict[str, float] = {"battery_j": 3.6e6, "charge_j": 3.0e6, **changes}
    return PowerOptions(knots_s=tuple(knots), incoming_w=tuple(watts), **given)


def test_thirty_days_of_energy_are_conserved_to_a_millionth() -> None:
    rng = random.Random(7)
    options = power(bus_w=450.0, sleep_w=20.0)
    energy = Energy(options, None)
    now_s, asked = 0.0, {TERMINAL: 0.0, COMPUTING: 0.0}
    drawn_j = {BUS: 0.0, TERMINAL: 0.0, COMPUTING: 0.0}
    seen = set()
    while now_s < 30 * DAY_S:
        step_s = rng.expovariate(1 / 200.0)
        until_s = min(now_s + step_s, 30 * DAY_S)
        while now_s < until_s:  # as a node does: come back when the machine says
            next_s = min(max(energy.next_timer(), now_s), until_s)
            before = {load: energy.drawn_w(load) for load in drawn_j}
            energy.on_timer(next_s)
            for load, watts in before.items():
                drawn_j[load] += watts * (next_s - now_s)
            now_s = next_s
        seen.add(energy.shed)
        load = rng.choice((TERMINAL, COMPUTING))
        asked[load] = rng.choice((0.0, 60.0, 400.0, 900.0))
        energy.set_load(load, asked[load], now_s)
        if rng.random() < 0.3:
            energy.spend(TERMINAL, 500.0, now_s)
            drawn_j[TERMINAL] += 500.0
    assert seen == set(Shed)
    books = energy.account()
    shone_j = float(np.trapezoid(
        np.interp(t := np.union1d([30 * DAY_S], np.array(options.knots_s)), options.knots_s,
                  options.incoming_w)[t <= 30 * DAY_S], t[t <= 30 * DAY_S]))  # fmt: skip
    assert books.incoming_j == pytest.approx(shone_j, rel=1e-9)
    assert books.unserved_j == 0.0
    for load, joules in drawn_j.items():
        assert books.used_j[load] == pytest.approx(joules, rel=1e-9)
    left_j = (
        shone_j
        - sum(drawn_j.values())
        - books.charging_loss_j
        - books.spilled_j
        - (books.charge_j - options.charge_j)
    )
    assert abs(left_j) < 1e-6 * shone_j


def test_the_charge_is_what_small_steps_say() -> None:
    knots, watts = orbit_knots(1.0)
    battery = Battery(1.0e6, 0.4e6, 0.9, knots, watts)
    rng = random.Random(3)
    charge_j, now_s, step_s = 0.4e6, 0.0, 0.5
    least, most = math.inf, -math.inf
    while now_s < 0.9 * DAY_S:
        battery.draw_w = rng.choice((0.0, 200.0, 500.0, 1500.0))
        until_s = now_s + 600.0
        times = np.arange(now_s, until_s, step_s) + 0.5 * step_s
        for net_w in np.interp(times, knots, watts) - battery.draw_w:
            charge_j += (0.9 if net_w > 0 else 1.0) * net_w * step_s
            charge_j = min(max(charge_j, 0.0), 1.0e6)
        battery.advance(until_s)
        now_s = until_s
        least, most = min(least, charge_j), max(most, charge_j)
        assert battery.charge_j == pytest.approx(charge_j, abs=1500.0)
    assert least == 0.0
    assert most == 1.0e6


@settings(deadline=None)
@given(
    watts=st.lists(st.floats(0.0, 2000.0), min_size=2, max_size=12),
    draw_w=st.floats(0.0, 1500.0),
    start=st.floats(0.0, 1.0),
    level=st.floats(0.01, 0.99),
)
def test_a_threshold_is_reached_exactly_when_it_is_said_to_be(
    watts: list[float], draw_w: float, start: float, level: float
) -> None:
    knots = [500.0 * k for k in range(len(watts))]
    end_s = knots[-1] + 5000.0
    battery = Battery(1.0e6, start * 1.0e6, 0.95, knots, watts)
    battery.draw_w = draw_w
    at_s = battery.reaches(level * 1.0e6, end_s)
    below = start < level
    assert at_s >= battery.soonest_s(level * 1.0e6) - 1e-6
    for t_s in np.linspace(0.0, min(at_s, end_s), 40)[:-1]:
        battery.advance(float(t_s))
        assert (battery.charge_j < level * 1.0e6 + 1e-3) if below else True
        assert (battery.charge_j > level * 1.0e6 - 1e-3) if start > level else True
    if at_s < math.inf:
        battery.advance(at_s)
        assert battery.charge_j == pytest.approx(level * 1.0e6, abs=1e-3)


def changes_of(energy: Energy, until_s: float) -> list[tuple[float, object]]:
    found: list[tuple[float, object]] = []
    while (at_s := energy.next_timer()) < until_s:
        found += [(at_s, change) for change in energy.on_timer(at_s)]
    energy.advance(until_s)
    return found


def test_in_the_dark_computing_goes_first_then_the_links_then_the_node_sleeps() -> None:
    options = PowerOptions(battery_j=3.6e6, charge_j=3.6e6, bus_w=100.0, sleep_w=10.0)
    energy = Energy(options, None)
    energy.set_load(COMPUTING, 500.0, 0.0)
    energy.set_load(TERMINAL, 50.0, 0.0)
    found = changes_of(energy, 10 * DAY_S)
    sheds = [(t_s, change.shed) for t_s, change in found if isinstance(change, ShedChanged)]
    first_s = 0.6 * 3.6e6 / 650.0
    second_s = first_s + 0.15 * 3.6e6 / 150.0
    third_s = second_s + 0.15 * 3.6e6 / 100.0
    assert [shed for _, shed in sheds] == [Shed.COMPUTING, Shed.LINKS, Shed.EVERYTHING]
    assert [t_s for t_s, _ in sheds] == pytest.approx([first_s, second_s, third_s], rel=1e-9)
    speeds = [(c.load, c.speed) for _, c in found if isinstance(c, SpeedChanged)]
    assert speeds == [(COMPUTING, 0.0), (MASS_DRIVER, 0.0), (TERMINAL, 0.0)]
    assert energy.account().charge_j == 0.0
    assert energy.account().unserved_j == pytest.approx(
        10.0 * (10 * DAY_S - third_s - 0.1 * 3.6e6 / 10.0), rel=1e-9
    )


def test_what_is_shed_comes_back_with_a_margin() -> None:
    options = PowerOptions(
        battery_j=3.6e6, charge_j=0.2e6, charge_efficiency=1.0,
        knots_s=(0.0,), incoming_w=(300.0,), bus_w=100.0, sleep_w=50.0,
    )  # fmt: skip
    energy = Energy(options, None)
    energy.set_load(COMPUTING, 100.0, 0.0)
    assert energy.shed is Shed.EVERYTHING
    sheds = [(t, c.shed) for t, c in changes_of(energy, DAY_S) if isinstance(c, ShedChanged)]
    wake_s = (0.2 * 3.6e6 - 0.2e6) / 250.0
    links_s = wake_s + 0.15 * 3.6e6 / 200.0
    computing_s = links_s + 0.15 * 3.6e6 / 200.0
    assert [shed for _, shed in sheds] == [Shed.LINKS, Shed.COMPUTING, Shed.NOTHING]
    assert [t_s for t_s, _ in sheds] == pytest.approx([wake_s, links_s, computing_s], rel=1e-9)


def test_a_forecast_is_what_then_happens() -> None:
    energy = Energy(power(bus_w=200.0), None)
    energy.set_load(COMPUTING, 700.0, 0.0)
    expected = energy.mean_speed(COMPUTING, DAY_S, 3 * DAY_S)
    assert 0.0 < expected < 1.0
    before = energy.account()
    assert before.incoming_j == 0.0  # looking ahead changes nothing
    changes_of(energy, DAY_S)
    first_j = energy.account().used_j[COMPUTING]
    changes_of(energy, 3 * DAY_S)
    done_j = energy.account().used_j[COMPUTING] - first_j
    assert done_j == pytest.approx(expected * 700.0 * 2 * DAY_S, rel=1e-9)


# ------------------------------------------------------------------------------------------ heat


def stepped_k(start_k: float, heat_w: float, for_s: float, steps: int = 4000) -> float:
    """Runge-Kutta, 10 m2, emissivity 0.9, 1e5 J/K, sink 3 K."""

    def rate(at_k: float) -> float:
        return (heat_w - 5.670374419e-8 * 9.0 * (at_k**4 - 81.0)) / 1e5

    step_s = for_s / steps
    at_k = start_k
    for _ in range(steps):
        k1 = rate(at_k)
        k2 = rate(at_k + 0.5 * step_s * k1)
        k3 = rate(at_k + 0.5 * step_s * k2)
        k4 = rate(at_k + step_s * k3)
        at_k += step_s / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)
    return at_k


@pytest.mark.parametrize(
    ("start_k", "heat_w", "for_s"),
    [(290.0, 5000.0, 500.0), (290.0, 100.0, 5000.0), (290.0, 9000.0, 3000.0), (310.0, 0.0, 2e4)],
)
def test_a_temperature_is_what_small_steps_say(start_k: float, heat_w: float, for_s: float) -> None:
    radiator = Radiator(10.0, 0.9, 1e5, 500.0, temperature_k=start_k)
    radiator.warm(heat_w, 0.0)
    radiator.advance(for_s)
    assert radiator.temperature_k == pytest.approx(stepped_k(start_k, heat_w, for_s), abs=1e-6)


def test_a_square_metre_at_300_k_sheds_413_watts() -> None:
    radiator = Radiator(1.0, 0.9, 1e5, 300.0)
    assert radiator.limit_w == pytest.approx(413.0, abs=0.5)  # physics.md section 5
    assert radiator.equilibrium_k(radiator.limit_w) == pytest.approx(300.0)


def test_computing_is_throttled_at_the_limit_and_gets_back_what_other_loads_leave() -> None:
    heat = HeatOptions(radiator_m2=10.0, heat_capacity_j_k=1e5, limit_k=330.0, start_k=290.0)
    energy = Energy(None, heat)
    energy.set_load(TERMINAL, 1000.0, 0.0)
    energy.set_load(COMPUTING, 8000.0, 0.0)
    ((at_s, change),) = changes_of(energy, DAY_S)
    assert stepped_k(290.0, 9000.0, at_s) == pytest.approx(330.0, abs=1e-6)
    limit_w = 5.670374419e-8 * 9.0 * (330.0**4 - 81.0)
    assert isinstance(change, SpeedChanged)
    assert change.speed == pytest.approx((limit_w - 1000.0) / 8000.0)
    assert energy.radiator is not None
    assert energy.radiator.temperature_k == 330.0
    (freed,) = energy.set_load(TERMINAL, 0.0, DAY_S)
    assert isinstance(freed, SpeedChanged)
    assert freed.speed == pytest.approx(limit_w / 8000.0)
    assert energy.set_load(COMPUTING, 2000.0, DAY_S) == [SpeedChanged(COMPUTING, 1.0)]
    assert changes_of(energy, 2 * DAY_S) == []
    assert energy.radiator.temperature_k < 330.0


def test_loads_that_cannot_be_throttled_stop_computing_until_it_is_cool_again() -> None:
    heat = HeatOptions(radiator_m2=10.0, heat_capacity_j_k=1e5, limit_k=330.0, start_k=329.0)
    energy = Energy(None, heat)
    energy.set_load(COMPUTING, 500.0, 0.0)
    energy.set_load(TERMINAL, 8000.0, 0.0)
    assert [change for _, change in changes_of(energy, HOUR_S)] == [SpeedChanged(COMPUTING, 0.0)]
    assert energy.radiator is not None
    assert energy.radiator.temperature_k > 330.0
    assert energy.set_load(TERMINAL, 100.0, HOUR_S) == []
    ((at_s, change),) = changes_of(energy, DAY_S)
    assert at_s > HOUR_S
    assert change == SpeedChanged(COMPUTING, 1.0)


def test_power_and_heat_change_in_the_order_of_time() -> None:
    energy = Energy(
        power(bus_w=100.0), HeatOptions(radiator_m2=2.0, heat_capacity_j_k=2e4, limit_k=320.0)
    )
    energy.set_load(COMPUTING, 1500.0, 0.0)
    found = changes_of(energy, 3 * DAY_S)
    times = [t_s for t_s, _ in found]
    assert all(a <= b for a, b in pairwise(times))
    assert len(found) < 1000
    assert {change.speed for _, change in found if isinstance(change, SpeedChanged)} > {0.0, 1.0}
