"""Proactive fragmentation (RFC 9171 section 5.8): what fits no remaining contact whole goes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.bundle import BlockType, BundleFlag
from dtn.contact_plan import Contact
from dtn.errors import InvalidValue
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleFragmented,
    BundleReassembled,
    BundleSourced,
    TransferStarted,
)
from dtn.fragmentation import split
from tests.dtn.agents import Network
from tests.dtn.bundles import a_bundle

SHORT = [Contact("a", "b", 100.0 * n, 100.0 * n + 10.0, 8000.0, 2.0) for n in range(5)]
"""Five contacts of 10,000 octets each."""


def network_of(contacts, fragment=True, strategy="sabr", **options):
    return Network(contacts, strategy=strategy, options={"fragment": fragment, **options})


@pytest.mark.row("I2", "I3", "I10", "C8")
@pytest.mark.parametrize("strategy", ["sabr", "direct", "epidemic"])
def test_a_bundle_larger_than_any_contact_is_delivered_over_several(strategy):
    network = network_of(SHORT, strategy=strategy)
    network.send("a", "b", size=25_000, lifetime_s=1000.0)
    network.run()
    (whole,) = network.happened(BundleSourced)
    (delivered,) = network.happened(BundleDelivered)
    assert (delivered.bundle, delivered.node) == (whole.bundle, "b")
    (together,) = network.happened(BundleReassembled)
    cuts = network.happened(BundleFragmented)
    assert cuts[0].bundle == whole.bundle
    assert all(len(cut.fragments) == 2 for cut in cuts)
    assert {e.bundle for e in network.happened(TransferStarted)} == set(together.fragments)
    assert all(agent.held() == [] for agent in network.agents.values())
    assert all(agent.stored_bytes == 0 for agent in network.agents.values())


def test_without_the_option_it_waits_whole():
    network = network_of(SHORT, fragment=False)
    network.send("a", "b", size=25_000)
    network.run(until_s=900.0)
    assert not network.happened(BundleFragmented)
    assert len(network.agents["a"].held()) == 1


def test_what_fits_a_later_contact_whole_stays_whole():
    network = network_of([*SHORT, Contact("a", "b", 900.0, 990.0, 8000.0, 2.0)])
    network.send("a", "b", size=25_000)
    network.run()
    assert not network.happened(BundleFragmented)
    assert [event.t_s > 900 for event in network.happened(BundleDelivered)] == [True]


@pytest.mark.row("I1")
def test_what_must_not_be_fragmented_is_not():
    network = network_of(SHORT)
    network.send("a", "b", size=25_000, lifetime_s=800.0, flags=BundleFlag.MUST_NOT_FRAGMENT)
    network.run()
    assert not network.happened(BundleFragmented)
    assert [event.reason for event in network.happened(BundleDeleted)] == [1]


@pytest.mark.row("I3")
def test_fragments_are_fragmented_again_where_the_next_contacts_are_shorter():
    onward = [Contact("b", "c", 600.0 + 50 * n, 604.0 + 50 * n, 8000.0, 1.0) for n in range(9)]
    network = network_of([*SHORT, *onward], strategy="direct")
    network.send("b", "c", size=12_000)
    network.run()
    (delivered,) = network.happened(BundleDelivered)
    assert delivered.node == "c"
    cut_twice = {c.bundle for c in network.happened(BundleFragmented)}
    assert any("+" in name for name in cut_twice)


def test_a_piece_goes_no_larger_than_it_arrives_in_time_for_the_next_contact():
    at_once = [Contact("a", "b", 0.0, 10.0, 8000.0, 0.0), Contact("b", "c", 0.0, 10.0, 8000.0, 0.0)]
    network = network_of(at_once)
    network.send("a", "c", size=9_000, lifetime_s=50.0)
    network.run()
    pieces = [e for e in network.happened(TransferStarted) if e.node == "b"]
    assert pieces  # half of it can pass both contacts
    assert all(e.t_s + e.size_bytes / 1000 <= 10.0 for e in pieces)
    assert not network.happened(BundleDelivered)
    assert all(agent.held() == [] for agent in network.agents.values())


def test_what_a_long_contact_takes_only_in_part_before_its_lifetime_ends_goes_in_few_pieces():
    network = network_of([Contact("a", "b", 0.0, 100_000.0, 8000.0, 0.0)])
    network.send("a", "b", size=25_000, lifetime_s=10.0)
    network.run()
    cuts = network.happened(BundleFragmented)
    assert (
        1 <= len(cuts) <= 6
    )  # each leaves less than half of the time; it used to be 256 octets at a time


def test_the_room_that_other_bundles_have_booked_is_not_counted_twice():
    network = network_of(SHORT)
    for _ in range(3):
        network.send("a", "b", size=8_000, lifetime_s=1000.0)
    network.send("a", "b", size=11_000, lifetime_s=1000.0)
    network.run()
    assert len(network.happened(BundleDelivered)) == 4
    assert len(network.happened(BundleReassembled)) == 1


@pytest.mark.row("I10")
def test_a_fragment_has_no_security_block_that_its_whole_had_not():
    network = network_of(SHORT)
    network.send("a", "b", size=25_000)
    network.run(until_s=0.0)
    kinds = {b.type for t in network.agents["a"].transfers.values() for b in t.record.bundle.blocks}
    assert kinds.isdisjoint({BlockType.BLOCK_INTEGRITY, BlockType.BLOCK_CONFIDENTIALITY})


@pytest.mark.row("I2")
@given(st.integers(2, 400), st.integers(60, 500))
def test_a_bundle_in_two_is_the_bundle(payload_bytes, first_bytes):
    whole = a_bundle(bytes(range(256)) * 2, crc_type=2)
    whole = a_bundle(whole.payload[:payload_bytes], crc_type=2)
    try:
        first, rest = split(whole, first_bytes)
    except InvalidValue:
        return
    assert 0 < len(first.payload) < payload_bytes
    assert first.payload + rest.payload == whole.payload
    assert rest.primary.fragment.offset_bytes == len(first.payload)
    assert first.primary.fragment.total_bytes == rest.primary.fragment.total_bytes == payload_bytes


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 12)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 200), st.integers(100, 30_000)), min_size=1, max_size=5),
    st.sampled_from(["sabr", "direct", "epidemic"]),
)
def test_with_fragments_too_every_bundle_is_delivered_once_or_deleted(windows, sends, strategy):
    contacts, free_from = [], {"a": 0.0, "b": 0.0}
    for number, (start, length) in enumerate(sorted(windows)):
        source, destination = (("a", "b"), ("b", "c"))[number % 2]
        start_s = max(float(start), free_from[source])
        free_from[source] = start_s + length
        contacts.append(Contact(source, destination, start_s, start_s + length, 8000.0, 1.0))
    network = Network(contacts, strategy=strategy, options={"fragment": True}, names="abc")
    for at_s, size in sends:
        network.send("a", "c", at_s=float(at_s), size=size, lifetime_s=400.0)
    network.run(until_s=2000.0)
    delivered = [event.bundle for event in network.happened(BundleDelivered)]
    assert len(delivered) == len(set(delivered))
    gone = {event.bundle for event in network.happened(BundleDeleted)}
    for event in network.happened(BundleSourced):
        pieces = {name for name in gone if name.startswith(event.bundle + "/")}
        assert event.bundle in delivered or event.bundle in gone or pieces
    assert all(agent.held() == [] for agent in network.agents.values())
    assert all(agent.stored_bytes == 0 for agent in network.agents.values())
