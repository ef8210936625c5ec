"""Radiation in whole runs: what it spoils, what catches that, storms and resets."""

from __future__ import annotations

import math
from typing import Any

import pytest
from craft_runs import DAY_S, HOUR_S, a_setup, of_kind

import emulator
from dtn.events import (
    BundleDelivered,
    BundleLost,
    BundleMalformed,
    Event,
    FrameLost,
    MemoryUpset,
    NodeDown,
    NodeUp,
    UpsetsCounted,
)
from dtn.ltp.options import EngineOptions
from dtn.routing import load_strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.constellation.control import Answer, NodeOrder
from emulator.constellation.orders import Orders
from nodes.channel.connection import Message
from nodes.channel.topics import Topics
from nodes.convergence.ltp_options import LtpOptions
from nodes.spacecraft.exposed import RESET, UPSET
from nodes.spacecraft.options import (
    RadiationOptions,
    SpacecraftOptions,
    Storm,
)


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
