"""The agent and a bundle's blocks: those that it knows or not, age, hops, lifetime."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from dtn.bpa import Agent, AgentOptions, Reason, TransmissionRequest
from dtn.bpa.outputs import Deliver, Store, Transmit
from dtn.bundle import BlockFlag, BlockType, BundleFlag, CanonicalBlock
from dtn.codec import decode, encode
from dtn.contact_plan import Contact, ContactPlan
from dtn.eid import IpnEid, parse_eid
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleMalformed,
)
from dtn.extension_blocks import (
    decode_bundle_age,
    decode_hop_count,
    decode_previous_node,
    encode_bundle_age,
    encode_hop_count,
    encode_previous_node,
)
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine
from tests.dtn.agents import START_DTN_MS, Network
from tests.dtn.one_agent import (
    ASK_ALL,
    NAMES,
    an_agent,
    bundle,
    deleted,
    only,
    receive,
    reports,
    sent,
)

# --- D: the primary block -----------------------------------------------------------------------


@pytest.mark.row("A9", "B9", "D4", "D5", "H16")
@pytest.mark.parametrize("flags", [0, 1 << 3 | 1 << 15, 1 << 63, BundleFlag.MUST_NOT_FRAGMENT])
def test_a_forwarded_primary_block_is_the_one_that_came(flags):
    original = bundle(flags=flags)
    out = receive(an_agent(), original)
    assert sent(out).primary.octets == decode(encode(original)).primary.octets


@pytest.mark.row("D7", "H13")
def test_bundles_from_nobody_have_no_identity_and_are_no_duplicates_of_each_other():
    agent = an_agent(status_reports=True)
    agent.registered("1", True, 0.0)
    nobody = {"source": "dtn:none", "flags": BundleFlag.MUST_NOT_FRAGMENT}
    for destination, kind in (("ipn:2.1", Deliver), ("ipn:3.1", Store)):
        for _ in range(2):
            out = receive(agent, bundle(destination=destination, **nobody))
            assert len(only(kind, out)) == 1
            assert not only(BundleDuplicate, out)


@pytest.mark.row("D11", "G5")
@pytest.mark.parametrize(("override_s", "reason", "at_s"), [(100.0, 10, 100.0), (900.0, 1, 600.0)])
def test_a_shorter_lifetime_holds_here_and_is_never_written_into_the_bundle(
    override_s, reason, at_s
):
    network = Network(
        [Contact("a", "b", 900.0, 1000.0, 8000.0, 2.0)], options={"lifetime_override_s": override_s}
    )
    network.send("a", "b", lifetime_s=600.0)
    network.run()
    (gone,) = network.happened(BundleDeleted)
    assert (gone.reason, gone.t_s) == (reason, pytest.approx(at_s, abs=2e-3))
    agent = an_agent(lifetime_override_s=override_s)
    assert sent(receive(agent, bundle())).primary.lifetime_ms == 600_000


# --- E: blocks ----------------------------------------------------------------------------------

UNKNOWN = (200, 2, 5, 8, 9, 2**64 - 1)


@pytest.mark.row("E4", "E5", "E6")
@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("flags", range(0, 32, 2))
def test_a_block_that_is_not_known_is_treated_as_its_flags_say(kind, flags):
    agent = an_agent(status_reports=True)
    out = receive(agent, bundle(CanonicalBlock(kind, 9, flags | 1 << 40, 0, b"\xff not CBOR")))
    assert [r.reason for r in reports(out)] == ([11] if flags & 2 else [])
    if flags & BlockFlag.DELETE_BUNDLE_IF_UNPROCESSED:
        assert deleted(out) == [Reason.BLOCK_UNSUPPORTED]
        assert agent.held() == [str(s.bundle.id) for s in only(Store, out)]  # the report alone
        return
    onward = [t.bundle for t in only(Transmit, out) if not t.bundle.is_administrative]
    kept = not flags & BlockFlag.DISCARD_IF_UNPROCESSED
    assert [b.block(kind) is not None for b in onward] == [kept]


@pytest.mark.row("E7", "F1", "F6")
def test_known_blocks_are_acted_on():
    previous = CanonicalBlock(6, 2, 0, 0, encode_previous_node(parse_eid("ipn:1.0")))
    hops = CanonicalBlock(10, 3, 0, 0, encode_hop_count(9, 4))
    age = CanonicalBlock(7, 4, 0, 0, encode_bundle_age(1000))
    onward = sent(receive(an_agent(), bundle(previous, hops, age)))
    assert [b.type for b in onward.blocks].count(BlockType.PREVIOUS_NODE) == 1
    assert str(decode_previous_node(onward.block(6).data)) == "ipn:2.0"
    assert decode_hop_count(onward.block(10).data) == (9, 5)
    assert decode_bundle_age(onward.block(7).data) == 10_000


@pytest.mark.row("E7", "H3")
@pytest.mark.parametrize("kind", [6, 7, 10])
@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\x9f", b"\x80", b"\x82\x01", b"\x20", b"\x82\x00\x00\x00", b"\x5f\xff"]
)
def test_each_known_block_malformed_costs_its_bundle_and_nothing_else(kind, data):
    agent = an_agent()
    (event,) = receive(agent, bundle(CanonicalBlock(kind, 2, 0, 0, data)))
    assert isinstance(event, BundleMalformed)
    assert agent.held() == []
    assert only(Transmit, receive(agent, bundle()))


# --- F, G: age, hops, lifetime -------------------------------------------------------------------


@pytest.mark.row("F1")
def test_a_previous_node_block_is_put_in_at_the_source_only_when_the_bundle_leaves():
    agent = an_agent()
    wanted = TransmissionRequest(
        service="1", destination=parse_eid("ipn:3.1"), payload=b"x", lifetime_s=9.0
    )
    (stored,) = only(Store, agent.transmit(wanted, 1.0))
    assert stored.bundle.block(BlockType.PREVIOUS_NODE) is None
    left = sent(agent.stored(stored.ref, 1.0))
    assert str(decode_previous_node(left.block(BlockType.PREVIOUS_NODE).data)) == "ipn:2.0"


@pytest.mark.row("F2", "F3", "F4", "G4")
def test_an_age_has_all_waiting_and_all_light_time_in_it():
    contacts = [
        Contact("a", "b", 100.0, 200.0, 8e6, 20.0),
        Contact("b", "c", 500.0, 600.0, 8e6, 40.0),
    ]
    network = Network(contacts, options={"clock_trusted": False})
    network.send("a", "c", at_s=30.0, lifetime_s=520.0)
    network.run()
    (delivered,) = network.happened(BundleDelivered)
    assert delivered.t_s == pytest.approx(540.0, abs=0.01)
    late = Network(contacts, strategy="epidemic", options={"clock_trusted": False})
    late.send("a", "c", at_s=30.0, lifetime_s=509.0)  # over in flight: 540 - 30 = 510
    late.run()
    assert not late.happened(BundleDelivered)
    gone = {(event.node, event.reason) for event in late.happened(BundleDeleted)}
    assert ("c", Reason.LIFETIME_EXPIRED) in gone


@pytest.mark.row("F3", "F4")
@pytest.mark.parametrize(("wait_s", "light_s"), [(0.0, 0.0), (0.0, 1200.0), (3600.0, 2.5)])
def test_the_age_that_leaves_is_the_age_that_came_and_light_time_and_residence(wait_s, light_s):
    plan = ContactPlan([Contact("b", "c", 10.0 + wait_s, 9000.0, 8000.0, 3.0)])
    routing = RoutingEngine("b", plan, load_strategy("sabr"), random.Random(1))
    agent = Agent("b", AgentOptions(node_id=IpnEid(0, 2, 0), names=NAMES), routing)
    age = CanonicalBlock(7, 4, 0, 0, encode_bundle_age(7000))
    clockless = bundle(age, time_ms=0, lifetime_ms=10**8)
    out = receive(agent, clockless, 10.0, light_s)
    out += agent.contact_started(0, 10.0 + wait_s)
    expected = 7000 + round((wait_s + light_s) * 1000)
    assert decode_bundle_age(sent(out).block(BlockType.BUNDLE_AGE).data) == expected


@pytest.mark.row("G3", "G4", "G5")
@pytest.mark.parametrize(
    ("age_ms", "alive"), [(0, True), (9000, True), (9001, False), (2**64 - 1, False)]
)
def test_without_a_clock_the_age_decides(age_ms, alive):
    age = CanonicalBlock(7, 4, 0, 0, encode_bundle_age(age_ms))
    out = receive(an_agent(), bundle(age, time_ms=0, lifetime_ms=10_000), light_s=1.0)
    assert deleted(out) == ([] if alive else [Reason.LIFETIME_EXPIRED])


@pytest.mark.row("G1", "G3")
@pytest.mark.parametrize("time_ms", [1, 2**32 + 5, 2**64 - 1])
@pytest.mark.parametrize("lifetime_ms", [0, 1, 2**64 - 1])
def test_no_time_and_no_lifetime_overflows(time_ms, lifetime_ms):
    agent = an_agent(status_reports=True)
    out = receive(agent, bundle(time_ms=time_ms, lifetime_ms=lifetime_ms, flags=ASK_ALL))
    age_ms = START_DTN_MS + 10_000 - time_ms
    assert (Reason.LIFETIME_EXPIRED in deleted(out)) == (age_ms > lifetime_ms)
    assert reports(out)


@pytest.mark.row("F5", "F6")
@pytest.mark.parametrize(
    ("limit", "count", "alive"),
    [(5, 5, True), (5, 6, False), (255, 255, True), (1, 2**64 - 1, False)],
)
def test_a_bundle_with_more_hops_than_its_limit_is_deleted(limit, count, alive):
    block = CanonicalBlock(10, 3, 0, 0, encode_hop_count(limit, count))
    out = receive(an_agent(), bundle(block))
    assert deleted(out) == ([] if alive else [Reason.HOP_LIMIT_EXCEEDED])
    if alive:
        assert decode_hop_count(sent(out).block(10).data) == (limit, count + 1)


@pytest.mark.row("G2")
@pytest.mark.parametrize("clock_trusted", [True, False])
def test_every_request_gets_a_timestamp_of_its_own(clock_trusted):
    agent = an_agent(clock_trusted=clock_trusted)
    wanted = TransmissionRequest(
        service="1", destination=parse_eid("ipn:3.1"), payload=b"x", lifetime_s=9.0
    )
    stamps = []
    for now_s in (0.0, 0.0, 0.0004, 0.001, 0.001, 5.0):
        (stored,) = only(Store, agent.transmit(wanted, now_s))
        stamps.append(stored.bundle.primary.creation)
    assert len(set(stamps)) == len(stamps)
    if clock_trusted:
        assert [s.time_ms - START_DTN_MS for s in stamps] == [0, 0, 0, 1, 1, 5000]
    else:  # with time 0 the sequence never starts again
        assert all(s.time_ms == 0 for s in stamps)
        assert all(a.sequence < b.sequence for a, b in pairwise(stamps))


@pytest.mark.row("G1")
def test_a_node_with_a_clock_never_says_that_it_has_none():
    agent = an_agent(start_dtn_ms=0)
    wanted = TransmissionRequest(
        service="1", destination=parse_eid("ipn:3.1"), payload=b"x", lifetime_s=9.0
    )
    for _ in range(2):
        (stored,) = only(Store, agent.transmit(wanted, 0.0))
        assert decode(encode(stored.bundle)).primary.creation.time_ms == 1
