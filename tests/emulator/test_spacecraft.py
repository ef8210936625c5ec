"""Power, launching and heat in whole runs: what is shed, who notices, what it costs, and how it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from craft_runs import HOUR_S, LIGHT_S, RATE_BPS, a_setup, of_kind

import emulator
from dtn.events import (
    ComputingThrottled,
    ContactEnded,
    ContactStarted,
    Event,
    LaunchDelayed,
    NodeDown,
    NodeUp,
    PowerRestored,
    PowerShed,
    SatelliteLaunched,
    TransferStarted,
)
from dtn.routing import load_strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.setup import Member
from nodes.express import ExpressNode
from nodes.spacecraft.craft import LOW_POWER
from nodes.spacecraft.launching import Driver
from nodes.spacecraft.options import (
    HeatOptions,
    PowerOptions,
    RadiationOptions,
    SpacecraftOptions,
)

FAILING = SpacecraftOptions(
    power=PowerOptions(
        battery_j=1e6,
        charge_j=1e6,
        knots_s=(0.0, 6 * HOUR_S, 6 * HOUR_S + 10.0, 12 * HOUR_S, 12 * HOUR_S + 10.0),
        incoming_w=(150.0, 150.0, 0.0, 0.0, 150.0),  # six hours of night
        bus_w=40.0,
        sleep_w=4.0,
        tracking_w=30.0,
        sending_w=200.0,
    )
)


@pytest.fixture(scope="module")
def failing() -> emulator.Result:
    return emulator.run(a_setup(FAILING))


def test_a_node_in_the_dark_gives_up_its_links_and_then_itself_and_comes_back(
    failing: emulator.Result,
) -> None:
    told = [
        (type(e).__name__, e.what) for e in failing.log if isinstance(e, PowerShed | PowerRestored)
    ]
    assert told == [
        ("PowerShed", "computing"),
        ("PowerShed", "links"),
        ("PowerShed", "everything"),
        ("PowerRestored", "everything"),
        ("PowerRestored", "links"),
        ("PowerRestored", "computing"),
    ]
    down, up = of_kind(failing, NodeDown)[-1], of_kind(failing, NodeUp)[-1]
    assert (down.node, down.reason, up.node) == ("b", LOW_POWER, "b")
    sheds = {e.what: e.t_s for e in of_kind(failing, PowerShed)}
    assert down.t_s == sheds["everything"]
    assert 6 * HOUR_S < sheds["computing"] < sheds["links"] < sheds["everything"] < 12 * HOUR_S


def test_its_contacts_end_at_once_and_those_that_point_at_it_a_light_time_later(
    failing: emulator.Result,
) -> None:
    dark_s = next(e.t_s for e in of_kind(failing, PowerShed) if e.what == "links")
    cut = [e for e in of_kind(failing, ContactEnded) if e.reason == LOW_POWER]
    own = [e for e in cut if e.node == "b"]
    others = [e for e in cut if e.node != "b"]
    assert [(e.neighbour, e.t_s) for e in own] == [("c", dark_s)]
    assert [(e.node, e.t_s) for e in others] == [("c", dark_s + LIGHT_S)]
    back_s = next(e.t_s for e in of_kind(failing, PowerRestored) if e.what == "links")
    between = [
        e
        for e in of_kind(failing, ContactStarted)
        if dark_s < e.t_s < back_s and "b" in (e.node, e.neighbour)
    ]
    assert between == []


def test_bundles_wait_for_it_and_none_is_lost_but_those_under_way(failing: emulator.Result) -> None:
    counts = failing.summary["bundles"]
    assert counts["delivered"] + counts["dropped"] == counts["sourced"]
    assert counts["dropped"] <= 1
    mute = [e for e in of_kind(failing, TransferStarted) if e.node == "b"]
    dark_s = next(e.t_s for e in of_kind(failing, PowerShed) if e.what == "links")
    back_s = next(e.t_s for e in of_kind(failing, PowerRestored) if e.what == "links")
    assert not [e for e in mute if dark_s <= e.t_s < back_s]


def test_its_account_balances_and_knows_what_the_links_took(failing: emulator.Result) -> None:
    (row,) = failing.summary["energy"]
    used_j = row["bus_j"] + row["terminal_j"] + row["computing_j"] + row["mass_driver_j"]
    left_j = (
        row["start_j"] + row["incoming_j"] - used_j
        - row["charging_loss_j"] - row["spilled_j"] - row["charge_j"]
    )  # fmt: skip
    assert abs(left_j) < 1e-6 * row["incoming_j"]
    open_s = sum(
        opening.end_s - opening.start_s
        for link, openings in failing.history.openings.items()
        if link[0] == "b"
        for opening in openings
    )
    sent = [e for e in of_kind(failing, TransferStarted) if e.node == "b"]
    airtime_s = sum(8 * e.size_bytes for e in sent) / RATE_BPS
    assert row["terminal_j"] == pytest.approx(30.0 * open_s + 200.0 * airtime_s, rel=1e-9)
    assert row["sheds"] == {"computing": 1, "links": 1, "everything": 1}
    assert row["shed_s"]["computing"] > row["shed_s"]["links"] > row["shed_s"]["everything"] > 0
    assert row["least_charge"] <= 0.1


def test_the_report_shows_the_charge_and_the_summary_is_json(
    failing: emulator.Result, tmp_path: Path
) -> None:
    failing.write(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert 'id="energy-section"' in page
    assert "least charge" in page
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["energy"][0]["node"] == "b"
    again = emulator.Result.read(tmp_path)
    assert again.summary["energy"] == failing.summary["energy"]


def test_equal_seeds_give_equal_events_with_power_heat_and_radiation() -> None:
    everything = replace(
        FAILING,
        heat=HeatOptions(radiator_m2=0.2),
        radiation=RadiationOptions(
            upsets_per_bit_day=1e-4, protection="none", resets_per_day=2.0, is_durable=False
        ),
    )
    first, second = (emulator.run(a_setup(everything)) for _ in range(2))
    assert list(first.log) == list(second.log)


@pytest.mark.parametrize("size_bytes", [500, 200_000, 4_000_000])
def test_what_a_spacecraft_hears_and_does_is_the_same_the_express_way(size_bytes: int) -> None:
    assert FAILING.power is not None
    hungry = replace(
        FAILING, power=replace(FAILING.power, charge_j=3e5), heat=HeatOptions(radiator_m2=0.1)
    )
    driver = Driver(
        node="b", energy_j=4e5, charging_w=50.0, satellites=("s-1",), due_s=(2 * HOUR_S,)
    )
    setup = a_setup(hungry, size_bytes=size_bytes, period_s=300.0, drivers=(driver,))
    satellite = Member(name="s-1", ipn=10, joins_s=2 * HOUR_S)
    setup = replace(setup, members=(*setup.members, satellite))
    logs: list[list[Event]] = []
    for express in (True, False):
        log: list[Event] = []
        with EmulatedLoop() as loop:
            network = Network(setup, load_strategy("sabr"), loop, log.append, express=express)
            assert isinstance(network.nodes["b"], ExpressNode) == express
            network.end(loop.run(setup.duration_s))
        logs.append(log)
    assert any(isinstance(event, PowerShed) for event in logs[0])
    assert logs[0] == logs[1]


def test_a_node_that_begins_with_an_empty_battery_says_so() -> None:
    assert FAILING.power is not None
    empty = replace(FAILING, power=replace(FAILING.power, charge_j=0.0))
    result = emulator.run(a_setup(empty))
    assert [e.what for e in of_kind(result, PowerShed)][:3] == ["computing", "links", "everything"]
    assert of_kind(result, PowerShed)[0].t_s == 0.0
    assert result.summary["bundles"]["delivered"] > 0


# ------------------------------------------------------------------------------------- launching


def launching(charging_w: float, source_w: float = 2000.0) -> emulator.Result:
    driver = Driver(
        node="b",
        energy_j=3.6e6,  # an hour at a kilowatt
        charging_w=charging_w,
        satellites=("s-1", "s-2", "s-3"),
        due_s=(2 * HOUR_S, 4 * HOUR_S, 6 * HOUR_S),
    )
    power = PowerOptions(
        battery_j=3.6e6, charge_j=3.6e6, knots_s=(0.0,), incoming_w=(source_w,), bus_w=500.0
    )
    setup = a_setup(SpacecraftOptions(power=power), drivers=(driver,))
    satellites = tuple(
        Member(name=name, ipn=10 + place, joins_s=due_s)
        for place, (name, due_s) in enumerate(zip(driver.satellites, driver.due_s, strict=True))
    )
    return emulator.run(replace(setup, members=(*setup.members, *satellites)))


def test_a_launch_that_has_its_energy_is_on_time_and_is_paid_for() -> None:
    result = launching(1000.0)
    launches = of_kind(result, SatelliteLaunched)
    assert [(e.satellite, e.t_s) for e in launches] == [
        ("s-1", 2 * HOUR_S), ("s-2", 4 * HOUR_S), ("s-3", 6 * HOUR_S)
    ]  # fmt: skip
    assert {e.node: e.t_s for e in of_kind(result, NodeUp)}["s-2"] == 4 * HOUR_S
    assert of_kind(result, LaunchDelayed) == []
    (row,) = result.summary["energy"]
    assert row["mass_driver_j"] == pytest.approx(3 * 3.6e6)


def test_a_launch_without_its_energy_waits_and_so_do_those_behind_it() -> None:
    result = launching(400.0)
    launched_s = [e.t_s for e in of_kind(result, SatelliteLaunched)]
    assert launched_s == pytest.approx([9000.0, 18_000.0, 27_000.0])
    assert [e.late_s for e in of_kind(result, SatelliteLaunched)] == pytest.approx(
        [1800.0, 3600.0, 5400.0]
    )
    assert len(of_kind(result, LaunchDelayed)) == 3
    assert [e.t_s for e in of_kind(result, NodeUp)][-3:] == pytest.approx(launched_s)


def test_launching_competes_with_everything_else_for_a_weak_source() -> None:
    result = launching(1000.0, source_w=700.0)
    assert of_kind(result, PowerShed)  # the driver drained the battery
    launched = of_kind(result, SatelliteLaunched)
    assert launched[-1].late_s > HOUR_S
    (row,) = result.summary["energy"]
    assert row["mass_driver_j"] >= len(launched) * 3.6e6 * (1 - 1e-9)


# ------------------------------------------------------------------------------------------ heat


def test_heat_throttles_what_computes() -> None:
    from nodes.spacecraft.energy import Energy, SpeedChanged
    from nodes.spacecraft.supply import COMPUTING

    energy = Energy(None, HeatOptions(radiator_m2=1.0, heat_capacity_j_k=1e4, limit_k=310.0))
    energy.set_load(COMPUTING, 1000.0, 0.0)
    (change,) = energy.on_timer(energy.next_timer())
    assert isinstance(change, SpeedChanged)
    assert 0.0 < change.speed < 1.0
    assert ComputingThrottled(0.0, "b", change.speed, 310.0).speed == change.speed
