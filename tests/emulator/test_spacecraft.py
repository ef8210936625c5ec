"""Power, heat and radiation in whole runs: what is shed, who notices, what it costs, and how it is told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.events import (
    BundleDelivered,
    BundleLost,
    BundleMalformed,
    ComputingThrottled,
    ContactEnded,
    ContactStarted,
    Event,
    FrameLost,
    LaunchDelayed,
    MemoryUpset,
    NodeDown,
    NodeUp,
    PowerRestored,
    PowerShed,
    SatelliteLaunched,
    TransferStarted,
    UpsetsCounted,
)
from dtn.ltp.options import EngineOptions
from dtn.routing import load_strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.control import Answer, NodeOrder
from emulator.orders import Orders
from emulator.scenario import load
from emulator.scenario.reading import from_tables
from emulator.setup import Demand, Member, Setup
from emulator.spacecraft import spacecraft_of
from nodes.channel.connection import Message
from nodes.channel.topics import Topics
from nodes.convergence.ltp_options import LtpOptions
from nodes.express import ExpressNode
from nodes.spacecraft.craft import LOW_POWER
from nodes.spacecraft.exposed import RESET, UPSET
from nodes.spacecraft.launching import Driver
from nodes.spacecraft.options import (
    HeatOptions,
    PowerOptions,
    RadiationOptions,
    SpacecraftOptions,
    Storm,
)

HOUR_S = 3600.0
DAY_S = 86_400.0
LIGHT_S = 2.0
RATE_BPS = 1e6


def a_setup(
    spacecraft: SpacecraftOptions,
    duration_s: float = DAY_S,
    size_bytes: int = 20_000,
    period_s: float = 600.0,
    **more: Any,
) -> Setup:
    """a sends to c by way of b, which has the spacecraft; b turns to a and to c, an hour and a half each."""
    turns = (("a", "b"), ("b", "c"))
    contacts = [
        Contact(source, destination, start_s, start_s + 1.5 * HOUR_S, RATE_BPS, LIGHT_S)
        for turn in range(int(duration_s / HOUR_S / 1.5))
        for ends in (turns[turn % 2],)
        for source, destination in (ends, ends[::-1])
        for start_s in (1.5 * turn * HOUR_S,)
    ]
    times = [60.0 + period_s * k for k in range(int((duration_s - 4 * HOUR_S) / period_s))]
    members = (
        Member(name="a", ipn=1),
        Member(name="b", ipn=2, spacecraft=spacecraft),
        Member(name="c", ipn=3),
    )
    return Setup(
        name="small",
        sha256="",
        start=None,
        duration_s=duration_s,
        seed=1,
        strategy="sabr",
        plan=ContactPlan(contacts, None, {"a": 1, "b": 2, "c": 3}),
        members=members,
        demands=tuple(
            Demand(
                created_s=at_s,
                source="a",
                destination="c",
                size_bytes=size_bytes,
                lifetime_s=DAY_S,
            )
            for at_s in times
        ),
        **more,
    )


E = TypeVar("E")


def of_kind(result: emulator.Result, kind: type[E]) -> list[E]:
    return [event for event in result.log if isinstance(event, kind)]


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


# ------------------------------------------------------------------------------------- radiation


def radiated(
    ltp: LtpOptions | None = None, size_bytes: int = 200_000, **radiation: Any
) -> emulator.Result:
    options = SpacecraftOptions(radiation=RadiationOptions(**radiation))
    return emulator.run(a_setup(options, size_bytes=size_bytes, ltp=ltp))


def test_without_protection_every_spoilt_bundle_is_caught_at_the_next_hop_and_accounted_for() -> (
    None
):
    result = radiated(upsets_per_bit_day=1e-5, protection="none")
    spoilt = of_kind(result, MemoryUpset)
    assert len(spoilt) > 10
    assert {event.node for event in spoilt} == {"b"}
    assert len(of_kind(result, BundleMalformed)) == len(spoilt)  # each one, by its CRC
    delivered = {event.bundle for event in of_kind(result, BundleDelivered)}
    assert delivered.isdisjoint(event.bundle for event in spoilt)
    (counted,) = of_kind(result, UpsetsCounted)
    frames = [event for event in of_kind(result, FrameLost) if event.reason == UPSET]
    assert (counted.bundles, counted.frames) == (len(spoilt), len(frames))
    causes = {row["cause"]: row["bundles"] for row in result.summary["losses"]}
    assert causes.pop("spoilt by a memory upset") == len(spoilt)
    assert sum(causes.values()) == len(frames)
    assert result.summary["upsets"][0]["flips"] == counted.flips >= len(spoilt)
    waited = counted.bit_days * 1e-5  # bits times days in the store, times the rate
    assert abs(counted.flips - len(frames) - waited) < 4 * math.sqrt(waited)


def test_with_ecc_or_three_copies_the_same_memory_loses_nothing() -> None:
    for protection in ("ecc", "tmr"):
        result = radiated(upsets_per_bit_day=1e-5, protection=protection)
        assert of_kind(result, MemoryUpset) == []
        (counted,) = of_kind(result, UpsetsCounted)
        assert counted.mended > 10


def test_a_frame_that_is_hit_is_sent_again_by_ltp_and_lost_without_it() -> None:
    ltp = LtpOptions(engine=EngineOptions(segment_bytes=10_000))
    only_frames: dict[str, Any] = {  # the store mends
        "upsets_per_bit_day": 0.005, "protection": "tmr", "scrub_s": 0.01, "size_bytes": 60_000
    }  # fmt: skip
    without = radiated(**only_frames)
    lost = [e for e in of_kind(without, FrameLost) if e.reason == UPSET]
    assert lost
    assert without.summary["bundles"]["dropped"] == len(lost)
    with_ltp = radiated(ltp, **only_frames)
    assert [e for e in of_kind(with_ltp, FrameLost) if e.reason == UPSET]
    assert with_ltp.summary["bundles"]["dropped"] == 0
    assert with_ltp.summary["bundles"]["delivered"] == with_ltp.summary["bundles"]["sourced"]


def test_a_storm_hits_the_nodes_that_it_names_while_it_lasts() -> None:
    options = SpacecraftOptions(
        radiation=RadiationOptions(upsets_per_bit_day=1e-7, protection="none")
    )
    storm = Storm(nodes=("b",), at_s=6 * HOUR_S, until_s=12 * HOUR_S, factor=3000.0)
    result = emulator.run(a_setup(options, size_bytes=200_000, storms=(storm,)))
    spoilt = of_kind(result, MemoryUpset)
    assert len(spoilt) > 10
    calm = [event for event in spoilt if not 6 * HOUR_S <= event.t_s < 14 * HOUR_S]
    assert len(calm) < 0.2 * len(spoilt)


def test_a_storm_that_comes_unforeseen_hits_from_then_on_and_brings_resets_too() -> None:
    radiation = RadiationOptions(
        upsets_per_bit_day=1e-7, protection="none", resets_per_day=0.01, boot_s=60.0
    )
    setup = a_setup(SpacecraftOptions(radiation=radiation), size_bytes=200_000)
    storm = Storm(nodes=("b", "nobody"), at_s=6 * HOUR_S, until_s=12 * HOUR_S, factor=3000.0)
    log: list[Event] = []
    with EmulatedLoop() as loop:
        network = Network(setup, load_strategy(setup.strategy), loop, log.append)
        loop.schedule(6 * HOUR_S, network.storm, storm)
        network.end(loop.run(setup.duration_s))
    spoilt = [e.t_s for e in log if isinstance(e, MemoryUpset)]
    assert len(spoilt) > 5
    assert sum(not 6 * HOUR_S <= t_s < 14 * HOUR_S for t_s in spoilt) < 0.2 * len(spoilt)
    resets = [e.t_s for e in log if isinstance(e, NodeDown) and e.reason == RESET]
    assert 3 <= len(resets) <= 15  # 7.5 of 30 a day
    assert all(6 * HOUR_S <= t_s < 12 * HOUR_S for t_s in resets)


def test_an_operators_order_brings_a_storm_to_one_node_and_is_answered() -> None:
    radiation = RadiationOptions(upsets_per_bit_day=1e-7, protection="none")
    setup = a_setup(SpacecraftOptions(radiation=radiation), size_bytes=200_000)
    log: list[Event] = []
    said: list[Message] = []
    with EmulatedLoop(1e5) as loop:
        orders = Orders("b", loop, Topics("run"), said.append)
        orders.network = Network(setup, load_strategy(setup.strategy), loop, log.append)
        order = NodeOrder(number="1", do="storm", factor=3000.0, for_s=6 * HOUR_S)
        loop.schedule(6 * HOUR_S, orders.take, NodeOrder.of(order.octets()))
        orders.network.end(loop.run(setup.duration_s))
    assert [Answer.of(message.payload) for message in said] == [Answer(number="1")]
    spoilt = [e.t_s for e in log if isinstance(e, MemoryUpset)]
    assert len(spoilt) > 5
    assert sum(not 6 * HOUR_S <= t_s < 14 * HOUR_S for t_s in spoilt) < 0.2 * len(spoilt)


@pytest.mark.parametrize("durable", [True, False])
def test_a_reset_takes_the_node_down_for_its_boot_and_empties_what_was_not_durable(
    durable: bool,
) -> None:
    result = radiated(upsets_per_bit_day=0.0, resets_per_day=20.0, boot_s=300.0, is_durable=durable)
    downs = [e for e in of_kind(result, NodeDown) if e.reason == RESET]
    ups = [e.t_s for e in of_kind(result, NodeUp) if e.node == "b" and e.t_s > 0]
    assert len(downs) > 5
    assert ups == pytest.approx([e.t_s + 300.0 for e in downs if e.t_s + 300.0 < DAY_S])
    lost = of_kind(result, BundleLost)
    assert bool(lost) != durable
    assert all(event.reason == RESET for event in lost)
    assert {e.t_s for e in lost} <= {e.t_s for e in downs}
    (counted,) = of_kind(result, UpsetsCounted)
    assert counted.resets == len(downs)
    counts = result.summary["bundles"]
    assert counts["sourced"] == sum(n for fate, n in counts.items() if fate != "sourced")
    assert "unaccounted" not in {row["cause"] for row in result.summary["losses"]}


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


# ----------------------------------------------------------------------------------- the scenario


TABLES: dict[str, Any] = {
    "format": 1,
    "name": "sunny",
    "duration": "1d",
    "spacecraft": {
        "small": {
            "power": {"battery_wh": 100, "panel_m2": 0.5, "panel_efficiency": 0.3, "source_w": 7.0},
            "heat": {"radiator_m2": 1.0},
            "radiation": {"protection": "tmr", "scrub": "10min"},
        },
        "base": {"power": {"battery_wh": 1000, "source_w": 100.0}},
    },
    "nodes": [
        {
            "name": "base",
            "ipn": 2,
            "role": "moon-base",
            "spacecraft": "base",
            "site": {"body": "moon", "latitude_deg": -30, "longitude_deg": 0},
        },
        {
            "name": "orbiter",
            "ipn": 3,
            "role": "relay",
            "spacecraft": "small",
        },
    ],
    "mass_driver": [
        {
            "name": "driver",
            "site": {"body": "moon", "latitude_deg": -89.54, "longitude_deg": 0.0},
            "azimuth_deg": 270,
            "elevation_deg": 2,
            "muzzle_speed_m_s": 2450,
            "first": "2h",
            "period": "6h",
            "count": 2,
            "satellites": {"name": "ai", "ipn": 401},
            "energy": {"node": "base", "satellite_kg": 100, "charging_w": 25_000},
        }
    ],
    "faults": [{"storm": "o*", "factor": 30, "at": "2h", "for": "1h"}],
}


def tables(tmp_path: Path, *changes: tuple[str, Any]) -> dict[str, Any]:
    """The tables with values changed by paths such as "spacecraft.small.power.battery_wh"."""
    from datetime import UTC, datetime

    start = datetime(2026, 12, 1, tzinfo=UTC)
    data: dict[str, Any] = json.loads(json.dumps(TABLES))
    data["start"] = start
    data["nodes"][1]["orbit"] = {
        "body": "moon",
        "epoch": start,
        "elements": {"semi_major_axis_km": 2000, "eccentricity": 0.01, "inclination_deg": 20},
    }
    for path, value in changes:
        *way, last = path.split(".")
        place: Any = data
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return data


def test_a_scenarios_spacecraft_get_their_sunlight_from_the_sky(tmp_path: Path) -> None:
    scenario = from_tables(tables(tmp_path), tmp_path / "sunny.toml")
    found = spacecraft_of(scenario)
    assert set(found) == {"base", "orbiter"}
    power = found["orbiter"].power
    assert power is not None
    assert power.battery_j == 100 * 3600.0
    full_w = 0.5 * 0.3 * 1361.0 / 0.986**2 + 7.0  # December: 0.986 au
    assert max(power.incoming_w) == pytest.approx(full_w, rel=5e-3)
    assert min(power.incoming_w) == pytest.approx(7.0)
    base = found["base"].power
    assert base is not None
    assert base.incoming_w == (100.0,)


@pytest.mark.parametrize(
    ("path", "value", "key", "mend"),
    [
        ("spacecraft.small.power.battery_wh", -5, "spacecraft.small.power.battery_wh", "more than 0"),
        (
            "spacecraft.small.power.panel_efficiency",
            1.4,
            "spacecraft.small.power.panel_efficiency",
            "no more than the Sun gives",
        ),
        ("spacecraft.small.power.panel_m2", -1, "spacecraft.small.power.panel_m2", "0 or more"),
        ("spacecraft.small.power.shed_links_below", 0.7, "spacecraft.small.power", "must not rise"),
        ("spacecraft.small.power.resume_margin", 0.8, "spacecraft.small.power", "full battery"),
        ("spacecraft.small.power.batery_wh", 1, "spacecraft.small.power.batery_wh", "battery_wh"),
        ("spacecraft.small.heat.emissivity", 1.2, "spacecraft.small.heat.emissivity", "1 or less"),
        ("spacecraft.small.heat.sink_k", 400, "spacecraft.small.heat", "above sink_k"),
        ("spacecraft.small.radiation.protection", "edac", "protection", "none"),
        ("spacecraft.small.radiation.scrub", 60, "scrub", "duration in quotes"),
        ("nodes.1.spacecraft", "smal", 'nodes[1] "orbiter".spacecraft', 'did you mean "small"'),
        ("mass_driver.0.energy.node", "bse", "energy.node", 'did you mean "base"'),
        ("mass_driver.0.loss_rate", 1.5, "loss_rate", "1 or less"),
        ("mass_driver.0.campaigns", 3, 'mass_driver[0] "driver"', "campaign_period"),
        ("spacecraft.base.power", None, "energy.node", "power table"),
        ("faults.0.storm", "z*", "faults[0].storm", "no such node"),
        ("faults.0.factor", None, "faults[0]", "a storm has a factor"),
    ],
)  # fmt: skip
def test_a_fault_of_a_spacecraft_is_told_with_its_key_its_value_and_a_mend(
    tmp_path: Path, path: str, value: Any, key: str, mend: str
) -> None:
    file = tmp_path / "sunny.toml"
    with pytest.raises(BadInput) as caught:
        from_tables(tables(tmp_path, (path, value)), file)
    (fault,) = caught.value.faults
    assert str(file) == fault.file
    assert key in fault.key
    assert mend in fault.mend


def test_campaigns_follow_each_other_and_some_satellites_are_dead_on_arrival(
    tmp_path: Path,
) -> None:
    from emulator.spacecraft import losses_of

    scenario = from_tables(
        tables(
            tmp_path,
            ("duration", "20d"),
            ("mass_driver.0.campaigns", 6),
            ("mass_driver.0.campaign_period", "3d"),
            ("mass_driver.0.loss_rate", 0.5),
        ),
        tmp_path / "sunny.toml",
    )
    launches = scenario.launches()
    assert [launch.name for launch in launches] == [f"ai-{k}" for k in range(1, 13)]
    assert launches[2].t_s - launches[0].t_s == 3 * DAY_S
    dead = {outage.node for outage in losses_of(scenario)}
    assert 1 <= len(dead) <= 11
    assert dead == {outage.node for outage in losses_of(scenario)}


def test_a_shell_is_a_walker_pattern_of_nodes_that_fly_at_its_height(tmp_path: Path) -> None:
    from emulator.sky import ScenarioSky

    data = tables(tmp_path)
    data["shells"] = [
        {
            "name": "leo", "ipn": 1001, "planes": 3, "per_plane": 4, "phasing": 1,
            "altitude_km": 1200, "inclination_deg": 53, "terminals": ["inter-satellite"],
        }
    ]  # fmt: skip
    scenario = from_tables(data, tmp_path / "sunny.toml")
    leo = [node for node in scenario.nodes if node.name.startswith("leo-")]
    assert [node.ipn for node in leo] == list(range(1001, 1013))
    with ScenarioSky(scenario) as sky:
        import numpy as np

        t_s = np.linspace(0.0, 6000.0, 50)
        earth = sky.sky.body("earth").state(t_s).position_km
        places = [sky.path(node.name).state(t_s).position_km - earth for node in leo]
        heights = np.linalg.norm(places, axis=1) - 6378.137
        assert np.abs(heights - 1200.0).max() < 25.0  # the Earth's bulge moves them
        apart = np.linalg.norm(places[0] - places[1], axis=0)
        assert np.abs(apart - 2 * 7578.0 * math.sin(math.pi / 4)).max() < 60.0
        normals = [np.cross(p[:, 0], p[:, 5]) for p in (places[0], places[4])]
        tilt = [n / np.linalg.norm(n) for n in normals]
        cosine = math.cos(math.radians(53)) ** 2 + math.sin(math.radians(53)) ** 2 * math.cos(
            2 * math.pi / 3
        )
        assert float(tilt[0] @ tilt[1]) == pytest.approx(cosine, abs=0.01)


def test_the_default_scenario_still_loads() -> None:
    assert load(Path(__file__).parents[2] / "scenarios" / "moonbase-alpha.toml").nodes
