"""Applications on real nodes in virtual time."""

import random
from itertools import islice, pairwise

import pytest
from small_network import SmallNetwork, contact

from dtn.errors import InvalidValue
from dtn.events import BundleDelivered, BundleSourced
from nodes.applications import Echo, File, Ping, Telemetry, on_off, periodic, poisson
from nodes.seeding import generator, synthetic_octets

DAY_S = 86400.0


def both_ways(**options):
    return [contact("a", "b", 0, DAY_S, **options), contact("b", "a", 0, DAY_S, **options)]


def test_periodic_moments_are_exact_and_end_before_until():
    assert list(periodic(5.0, 10.0, 35.0)) == [5.0, 15.0, 25.0]
    assert next(islice(periodic(0.0, 0.1), 10_000, None)) == 1000.0


def test_a_poisson_process_has_its_mean_and_the_spread_of_one():
    moments = list(poisson(100.0, 10.0, random.Random(1), until_s=100_100.0))
    gaps = [b - a for a, b in zip([100.0, *moments], moments, strict=False)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(10.0, rel=0.04)  # four standard errors of 10,000 gaps
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(mean**2, rel=0.1)


def test_an_on_off_process_has_spells_and_silences_of_their_means():
    moments = list(on_off(5.0, 1.0, 60.0, 600.0, random.Random(1), until_s=1e6))
    gaps = [b - a for a, b in pairwise(moments)]
    silences = [gap for gap in gaps if gap > 1.0 + 1e-6]
    spells = len(silences) + 1
    assert moments[0] == 5.0
    assert moments[-1] < 1e6
    assert 1e6 / spells == pytest.approx(660.0, rel=0.1)
    assert len(moments) / spells == pytest.approx(
        60.5, rel=0.1
    )  # the one it begins with comes on top


def test_telemetry_is_sourced_at_its_moments_and_shares_its_payload():
    network = SmallNetwork(both_ways())
    Telemetry(network.nodes["a"], network.flow("b"), 100, periodic(7.0, 60.0, 600.0)).start()
    network.run()
    assert network.times(BundleSourced) == [7.0 + 60.0 * turn for turn in range(10)]
    assert {event.flow for event in network.of(BundleSourced)} == {"to b"}
    assert network.receivers["b"].bundles == 10


def test_a_file_arrives_whole_in_chunks():
    network = SmallNetwork(both_ways())
    File(network.nodes["a"], network.flow("b"), 25_000, iter([10.0, 1000.0]), 10_000).start()
    network.run()
    sizes = [event.payload_bytes for event in network.of(BundleSourced)]
    assert sizes == [10_000, 10_000, 5_000] * 2
    assert network.receivers["b"].payload_bytes == 50_000
    identities = {event.bundle for event in network.of(BundleDelivered)}
    assert len(identities) == 6


@pytest.mark.parametrize(("size_bytes", "chunk_bytes"), [(0, 10), (10, 0)])
def test_a_file_of_no_size_is_refused(size_bytes, chunk_bytes):
    network = SmallNetwork(both_ways())
    with pytest.raises(InvalidValue, match="at least 1 B"):
        File(network.nodes["a"], network.flow("b"), size_bytes, iter(()), chunk_bytes)
    network.run()


def test_a_ping_comes_back_after_twice_light_time_and_airtime():
    network = SmallNetwork(both_ways(owlt_s=1.25))
    network.nodes["b"].register(Echo(network.nodes["b"]))
    flow = network.flow("b", service="9", to_service="7")
    ping = Ping(network.nodes["a"], flow, 64, periodic(1.0, 100.0, 250.0))
    ping.start()
    network.run()
    out, back = network.of(BundleSourced)[:2]
    assert [trip.number for trip in ping.round_trips] == [0, 1, 2]
    for trip, sent_s in zip(ping.round_trips, [1.0, 101.0, 201.0], strict=True):
        assert trip.sent_s == sent_s
        assert trip.round_trip_s == pytest.approx(2.5 + 2 * 0.13, abs=0.06)
    assert (out.payload_bytes, back.payload_bytes) == (64, 64)
    assert back.flow == "echo"


def test_an_echo_does_not_answer_an_echo():
    network = SmallNetwork(both_ways())
    for node in network.nodes.values():
        node.register(Echo(node))
    network.send(0.0, "a", "b", b"to the echo, from an echo", service="7", to_service="7")
    network.run()
    assert len(network.of(BundleSourced)) == 1


def test_draws_and_octets_belong_to_names():
    assert generator(1, "link", "a").random() == generator(1, "link", "a").random()
    draws = {
        generator(seed, *names).random() for seed, names in [(1, "ab"), (2, "ab"), (1, ("ab",))]
    }
    assert len(draws) == 3
    assert synthetic_octets(100, "x") == synthetic_octets(200, "x")[:100]
    assert synthetic_octets(100, "x") != synthetic_octets(100, "y")
