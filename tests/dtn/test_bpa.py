"""The agent's procedures (RFC 9171 section 5), told as what happens between nodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.bpa import Reason
from dtn.bpa.outputs import Deliver, Store, Transmit
from dtn.bundle import BlockFlag, Bundle, BundleFlag, CanonicalBlock
from dtn.codec import encode
from dtn.contact_plan import Contact
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleMalformed,
    BundleReceived,
    BundleSourced,
    RouteForfeited,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from dtn.fragmentation import fragment
from tests.dtn.agents import Network

CHAIN = (
    Contact("a", "b", 0.0, 100.0, 8000.0, 1.5),
    Contact("b", "c", 50.0, 200.0, 8000.0, 10.0),
)


def test_a_bundle_crosses_two_hops_and_arrives_when_its_last_bit_does():
    network = Network(CHAIN)
    network.send("a", "c", at_s=0.0, size=1000)
    network.run()
    first, second = network.happened(TransferStarted)
    received, _ = network.happened(BundleReceived)
    (delivered,) = network.happened(BundleDelivered)
    assert first.t_s == 0.0
    assert received.t_s == pytest.approx(first.size_bytes / 1000 + 1.5, abs=1e-9)
    assert second.t_s == 50.0
    assert delivered.t_s == pytest.approx(50.0 + second.size_bytes / 1000 + 10.0, abs=1e-9)
    assert delivered.bundle == network.happened(BundleSourced)[0].bundle


def test_nothing_is_forwarded_before_the_store_has_it():
    network = Network(CHAIN, immediate_store=False)
    network.send("a", "c")
    network.run(until_s=10.0)
    assert not network.happened(TransferStarted)
    (name, ref) = network.waiting_stores.pop()
    outputs = network.agents[name].stored(ref, 10.0)
    assert any(isinstance(output, Transmit) for output in outputs)


def test_a_source_releases_its_copy_once_the_transfer_is_done():
    network = Network(CHAIN)
    network.send("a", "c")
    network.run(until_s=20.0)
    assert network.agents["a"].held() == []
    assert len(network.agents["b"].held()) == 1


@pytest.mark.parametrize(("lifetime_s", "delivered"), [(100.0, True), (60.1, False), (20.0, False)])
def test_a_bundle_older_than_its_lifetime_is_deleted_where_it_is(lifetime_s, delivered):
    network = Network(CHAIN)
    network.send("a", "c", size=100, lifetime_s=lifetime_s)
    network.run()
    assert bool(network.happened(BundleDelivered)) is delivered
    if not delivered:
        (deleted,) = network.happened(BundleDeleted)
        assert deleted.reason == Reason.LIFETIME_EXPIRED
    assert all(agent.held() == [] for agent in network.agents.values())


def test_a_bundle_exactly_as_old_as_its_lifetime_is_alive():
    network = Network([Contact("a", "b", 10.0, 20.0, 1e12, 0.0)], strategy="direct")
    network.send("a", "b", size=10, lifetime_s=10.0)
    assert network.run().happened(BundleDelivered)


def test_a_bundle_that_ran_out_of_hops_is_deleted_with_reason_9():
    contacts = [Contact(x, y, 0.0, 100.0, 8000.0, 0.1) for x, y in ("ab", "bc", "cd")]
    network = Network(contacts, options={"hop_limit": 2})
    network.send("a", "d")
    network.run()
    (deleted,) = network.happened(BundleDeleted)
    assert (deleted.node, deleted.reason) == ("d", Reason.HOP_LIMIT_EXCEEDED)
    assert not network.happened(BundleDelivered)


def test_a_copy_that_comes_again_is_suppressed_and_delivered_once():
    contacts = [
        Contact(x, y, 0.0, 100.0, 8000.0, 0.1) for x, y in ("ab", "ac", "bd", "cd", "bc", "cb")
    ]
    network = Network(contacts, strategy="epidemic")
    network.send("a", "d")
    network.run()
    assert len(network.happened(BundleDelivered)) == 1
    assert network.happened(BundleDuplicate)


def test_higher_priority_goes_first_and_equal_priority_in_order():
    network = Network([Contact("a", "b", 10.0, 100.0, 8000.0, 0.0)])
    for at_s, priority in ((0.0, 0), (1.0, 1), (2.0, 2), (3.0, 1)):
        network.send("a", "b", at_s=at_s, priority=priority)
    network.run()
    sourced = {event.bundle: event for event in network.happened(BundleSourced)}
    order = [sourced[event.bundle].t_s for event in network.happened(TransferStarted)]
    assert order == [2.0, 1.0, 3.0, 0.0]


def test_a_bundle_that_does_not_fit_blocks_nobody():
    network = Network(
        [
            Contact("a", "b", 10.0, 11.0, 8000.0, 0.0),
            Contact("a", "b", 50.0, 70.0, 8000.0, 0.0),
        ],
        strategy="direct",
    )
    network.send("a", "b", at_s=0.0, size=5000)
    network.send("a", "b", at_s=1.0, size=100)
    network.run()
    delivered = network.happened(BundleDelivered)
    assert [event.t_s < 20 for event in delivered] == [True, False]


def test_a_bundle_still_queued_when_its_contact_ends_is_routed_again():
    network = Network(
        [
            Contact("a", "b", 0.0, 1.0, 8000.0, 0.0),
            Contact("a", "b", 50.0, 70.0, 8000.0, 0.0),
        ],
        strategy="direct",
    )
    for _ in range(3):
        network.send("a", "b", size=400)
    network.run()
    assert len(network.happened(RouteForfeited)) == 1
    assert len(network.happened(BundleDelivered)) == 3


def test_a_contact_cut_under_a_transfer_gives_the_bundle_back_and_another_way_is_found():
    contacts = [
        Contact("a", "b", 0.0, 100.0, 800.0, 0.0),
        Contact("a", "c", 0.0, 100.0, 80.0, 0.0),
        Contact("c", "b", 0.0, 100.0, 800.0, 0.0),
    ]
    network = Network(contacts, cuts={("a", "b", 0.0): 1.0})
    network.send("a", "b", size=300)
    network.run()
    (failed,) = network.happened(TransferFailed)
    assert (failed.t_s, failed.neighbour) == (1.0, "b")
    assert [event.neighbour for event in network.happened(TransferFinished)] == ["c", "b"]
    assert len(network.happened(BundleDelivered)) == 1


def test_a_full_store_drops_lower_priorities_first_and_says_so():
    network = Network(CHAIN[1:], options={"store_bytes": 450}, names="a")
    network.send("b", "c", at_s=0.0, size=100, priority=0)
    network.send("b", "c", at_s=1.0, size=100, priority=1)
    network.send("b", "c", at_s=2.0, size=100, priority=2)
    network.send("b", "c", at_s=3.0, size=100, priority=0)
    network.run()
    sourced = {event.bundle: event.t_s for event in network.happened(BundleSourced)}
    dropped = [(sourced[e.bundle], e.reason) for e in network.happened(BundleDeleted)]
    assert dropped == [(2.0 - 2.0, Reason.DEPLETED_STORAGE), (3.0, Reason.DEPLETED_STORAGE)]
    assert len(network.happened(BundleDelivered)) == 2


def test_without_a_route_a_bundle_waits_and_is_counted_as_held():
    network = Network(CHAIN)
    network.send("c", "a", lifetime_s=1e12)
    network.run()
    assert len(network.agents["c"].held()) == 1


def test_octets_that_are_no_bundle_cost_themselves_and_nothing_else():
    network = Network(CHAIN)
    agent = network.agents["b"]
    for octets in (b"", b"\x9f", b"\x9f\xff", bytes(100), b"\xff" * 100):
        (event,) = agent.receive_octets(octets, "a", 1.0, 0.1)
        assert isinstance(event, BundleMalformed)
    assert agent.held() == []


def test_octets_and_bundles_are_received_alike():
    network = Network(CHAIN)
    network.send("a", "c")
    network.run(until_s=0.0)
    (transfer,) = network.agents["a"].transfers.values()
    bundle, size_bytes = transfer.record.outgoing
    octets = encode(bundle)
    assert len(octets) == size_bytes
    other = Network(CHAIN)
    one = network.agents["b"].receive(bundle, "a", 2.0, size_bytes, 1.5)
    two = other.agents["b"].receive_octets(octets, "a", 2.0, 1.5)
    assert one == two


def test_a_passive_registration_gets_its_bundles_in_order_when_it_becomes_active():
    network = Network(CHAIN[:1])
    network.do("b", network.agents["b"].registered("1", False, 0.0))
    network.send("a", "b", at_s=0.0)
    network.send("a", "b", at_s=1.0)
    network.run(until_s=20.0)
    assert not network.happened(BundleDelivered)
    outputs = network.agents["b"].registered("1", True, 20.0)
    expected = [event.bundle for event in network.happened(BundleSourced)]
    assert [o.bundle_id for o in outputs if isinstance(o, Deliver)] == expected
    assert network.agents["b"].held() == []


def test_a_bundle_for_a_service_that_does_not_exist_is_deleted_with_reason_5():
    network = Network(CHAIN[:1])
    network.numbers["b"] = 2
    agent = network.agents["a"]
    from dtn.bpa import TransmissionRequest

    wanted = TransmissionRequest(
        service="1", destination=network.eid("b", 99), payload=b"x", lifetime_s=1e3
    )
    network.do("a", agent.transmit(wanted, 0.0))
    network.run()
    (deleted,) = network.happened(BundleDeleted)
    assert (deleted.node, deleted.reason) == ("b", Reason.DESTINATION_UNAVAILABLE)


def _sent_bundle(network: Network, **request: object) -> Bundle:
    network.send("a", "b", **request)
    network.run(until_s=0.0)
    (transfer,) = network.agents["a"].transfers.values()
    return transfer.record.outgoing[0]


def test_fragments_are_put_together_and_delivered_as_one():
    network = Network(CHAIN[:1])
    bundle = _sent_bundle(network, size=1000)
    pieces = fragment(bundle, 400)
    assert len(pieces) > 2
    agent = network.agents["b"]
    for piece in reversed(pieces[1:]):
        network.do("b", agent.receive(piece, "a", 5.0, 400, 1.5))
    assert not network.happened(BundleDelivered)
    network.do("b", agent.receive(pieces[0], "a", 6.0, 400, 1.5))
    (delivered,) = network.happened(BundleDelivered)
    assert delivered.bundle == str(bundle.id)
    assert agent.held() == []


@pytest.mark.parametrize(
    ("flags", "fate"),
    [
        (BlockFlag.DELETE_BUNDLE_IF_UNPROCESSED, "deleted"),
        (BlockFlag.DISCARD_IF_UNPROCESSED, "block gone"),
        (0, "block kept"),
    ],
)
def test_unknown_blocks_are_handled_by_their_flags(flags, fate):
    network = Network(CHAIN)
    bundle = _sent_bundle(Network(CHAIN[:1]), size=10)
    unknown = CanonicalBlock(200, 77, flags, 0, b"?")
    strange = Bundle(bundle.primary, (unknown, *bundle.blocks))
    outputs = network.agents["b"].receive(strange, "a", 5.0, 100, 1.5)
    deleted = [o for o in outputs if isinstance(o, BundleDeleted)]
    assert [d.reason for d in deleted] == ([11] if fate == "deleted" else [])
    delivered = [o.bundle for o in outputs if isinstance(o, Deliver | Store)]
    if fate != "deleted":
        assert [b.block(200) is not None for b in delivered] == [fate == "block kept"]


@pytest.mark.parametrize(("enabled", "count"), [(False, 0), (True, 2)])
def test_status_reports_are_made_only_where_they_are_enabled(enabled, count):
    both_ways = [*CHAIN[:1], Contact("b", "a", 0.0, 100.0, 8000.0, 1.5)]
    network = Network(both_ways, options={"status_reports": enabled})
    network.send("a", "b", flags=BundleFlag.REPORT_DELIVERY | BundleFlag.REPORT_RECEPTION)
    network.run()
    reports = [e for e in network.happened(BundleSourced) if e.flow == "administrative"]
    assert len(reports) == count


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.sampled_from("abcd"),
            st.integers(0, 50),
            st.integers(1, 30),
            st.integers(1, 5),
        ),
        max_size=12,
    ),
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.sampled_from("abcd"),
            st.integers(0, 60),
            st.integers(1, 2000),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["sabr", "direct", "epidemic"]),
    st.integers(0, 80),
)
def test_every_copy_is_delivered_deleted_or_held_under_any_plan(plan, sends, strategy, cut):
    contacts: dict[tuple[str, str], Contact] = {}
    for source, destination, start, length, owlt in plan:
        if source != destination and (source, destination) not in contacts:
            contacts[source, destination] = Contact(
                source, destination, start, start + length, 8000.0, float(owlt)
            )
    cuts = {
        (c.source, c.destination, c.start_s): float(cut)
        for c in list(contacts.values())[:2]
        if c.start_s < cut < c.end_s
    }
    network = Network(contacts.values(), strategy=strategy, cuts=cuts, names="abcd")
    for source, destination, at_s, size in sends:
        if source != destination:
            network.send(source, destination, at_s=float(at_s), size=size, lifetime_s=90.0)
    network.run(until_s=500.0)
    sourced = [e.bundle for e in network.happened(BundleSourced)]
    delivered = [e.bundle for e in network.happened(BundleDelivered)]
    deleted = {e.bundle for e in network.happened(BundleDeleted)}
    assert len(delivered) == len(set(delivered))
    assert set(sourced) == set(delivered) | deleted  # lifetimes are over: nothing is held
    assert all(agent.held() == [] for agent in network.agents.values())
    assert all(agent.stored_bytes == 0 for agent in network.agents.values())
