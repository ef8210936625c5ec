"""TCPCL between two nodes of ours in one process over loopback: bundles a second, octets a second, a ping."""

import asyncio
import statistics
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "nodes"))
from socket_network import Pair

from dtn.eid import parse_eid
from dtn.events import BundleDelivered, ContactStarted, TransferFinished
from nodes.applications import Echo, Flow, Ping


async def transfer(count, size):
    async with Pair() as pair:
        await pair.a.events.have(ContactStarted)
        start_s = pair.a.timers.time()
        for _ in range(count):
            pair.a.send("b", bytes(size))
        await pair.a.events.have(TransferFinished, count)
        return pair.a.timers.time() - start_s


async def pings(count):
    async with Pair() as pair:
        await pair.a.events.have(ContactStarted)
        await pair.b.events.have(ContactStarted)
        pair.b.node.register(Echo(pair.b.node))
        flow = Flow(name="ping", service="5", destination=parse_eid("ipn:2.7"), lifetime_s=60.0)
        round_trips = []
        for number in range(1, count + 1):
            ping = Ping(pair.a.node, flow, 64, iter([pair.a.timers.time()]))
            ping.start()
            await pair.a.events.have(BundleDelivered, number)
            round_trips.append(ping.round_trips[0].round_trip_s)
        return round_trips


@pytest.mark.parametrize(("count", "size"), [(5_000, 1024), (20, 10_000_000)])
def test_bundles_over_tcpcl(benchmark, count, size):
    benchmark.pedantic(lambda: asyncio.run(transfer(count, size)), rounds=3)
    seconds = benchmark.stats["min"]
    benchmark.extra_info["bundles_per_s"] = round(count / seconds)
    benchmark.extra_info["megabytes_per_s"] = round(count * size / seconds / 1e6, 1)


def test_a_ping_over_tcpcl(benchmark):
    round_trips = benchmark.pedantic(lambda: asyncio.run(pings(300)), rounds=3)
    benchmark.extra_info["median_ms"] = round(statistics.median(round_trips) * 1e3, 3)
