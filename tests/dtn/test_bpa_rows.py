"""The agent's rows of conformance.md, each with its number: from local nodes to status reports."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from dtn.administrative_record import StatusReport, UnknownRecord, report_about
from dtn.administrative_record import decode as decode_record
from dtn.administrative_record import encode as encode_record
from dtn.bpa import Agent, AgentOptions, Reason, TransmissionRequest
from dtn.bpa.outputs import Deliver, Output, Release, Store, Transmit
from dtn.bundle import BlockFlag, BlockType, Bundle, BundleFlag, CanonicalBlock, FragmentField
from dtn.codec import decode, encode
from dtn.contact_plan import Contact, ContactPlan
from dtn.eid import DtnEid, IpnEid, UnknownEid, parse_eid
from dtn.errors import InvalidValue
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleMalformed,
    BundleReceived,
    BundleSourced,
    StatusReported,
    TransferFinished,
    TransferStarted,
)
from dtn.extension_blocks import (
    QualityOfService,
    decode_bundle_age,
    decode_hop_count,
    decode_previous_node,
    encode_bundle_age,
    encode_hop_count,
    encode_previous_node,
    encode_quality_of_service,
)
from dtn.fragmentation import fragment
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine
from tests.dtn.agents import START_DTN_MS, Network
from tests.dtn.bundles import a_bundle

NAMES = {1: "a", 2: "b", 3: "c", "earth": "a", "mars": "c"}
BOTH_WAYS = [
    Contact("a", "b", 0.0, 1000.0, 8000.0, 2.0),
    Contact("b", "a", 0.0, 1000.0, 8000.0, 2.0),
    Contact("b", "c", 0.0, 1000.0, 8000.0, 3.0),
    Contact("c", "b", 0.0, 1000.0, 8000.0, 3.0),
]
ASK_ALL = BundleFlag.ANY_REPORT | BundleFlag.STATUS_TIME_REQUESTED


def an_agent(name: str = "b", number: int = 2, **options: object) -> Agent:
    """An agent on its own, with its link to c open from the start."""
    plan = ContactPlan(BOTH_WAYS)
    routing = RoutingEngine(name, plan, load_strategy("sabr"), random.Random(1))
    setup = {"node_id": IpnEid(0, number, 0), "names": NAMES, "start_dtn_ms": START_DTN_MS}
    agent = Agent(name, AgentOptions(**{**setup, **options}), routing)
    for place, contact in enumerate(plan.contacts):
        if contact.source == name:
            agent.contact_started(place, 0.0)
    return agent


def bundle(*blocks: CanonicalBlock, payload: bytes = b"hello", **primary: object) -> Bundle:
    """A bundle from a to c, created at the start."""
    usual = {"source": "ipn:1.1", "destination": "ipn:3.1", "report_to": "ipn:1.0"}
    times = {"time_ms": START_DTN_MS, "lifetime_ms": 600_000}
    return a_bundle(payload, *blocks, **{**usual, **times, **primary})


def receive(agent: Agent, what: Bundle, now_s: float = 10.0, light_s: float = 2.0) -> list[Output]:
    """What comes of it, with a store that commits at once."""
    out = agent.receive_octets(encode(what), "a", now_s, light_s)
    for output in tuple(out):
        if isinstance(output, Store):
            out += agent.stored(output.ref, now_s)
    return out


def only(kind: type, out: list[Output]) -> list[Output]:
    return [output for output in out if isinstance(output, kind)]


def deleted(out: list[Output]) -> list[int]:
    return [event.reason for event in only(BundleDeleted, out)]


def sent(out: list[Output]) -> Bundle:
    """The one bundle that went out, as its receiver decodes it."""
    (transmit,) = only(Transmit, out)
    return decode(encode(transmit.bundle))


def reports(out: list[Output]) -> list[StatusReport]:
    """The status reports that the agent made."""
    stored = [o.bundle for o in only(Store, out) if o.bundle.is_administrative]
    return [decode_record(report.payload) for report in stored]


# --- B: endpoints ------------------------------------------------------------------------------


@pytest.mark.row("B13")
@pytest.mark.parametrize("field", ["source", "destination"])
@pytest.mark.parametrize("service", [0, 1, 77])
def test_a_bundle_from_outside_that_names_the_local_node_is_discarded(field, service):
    agent = an_agent(status_reports=True)
    wrong = bundle(**{field: f"ipn:!.{service}"}, flags=ASK_ALL)
    (event,) = receive(agent, wrong)
    assert isinstance(event, BundleMalformed)
    assert event.layer == "ingress"
    assert agent.held() == []
    assert only(Transmit, receive(agent, bundle()))  # the next bundle is none the worse


@pytest.mark.row("B13")
def test_the_local_node_is_written_into_no_bundle():
    agent = an_agent()
    agent.registered("7", True, 0.0)
    local = IpnEid(0, 2**32 - 1, 7)
    wanted = TransmissionRequest(
        service="1", destination=local, payload=b"x", lifetime_s=9.0, report_to=local
    )
    out = agent.transmit(wanted, 1.0)
    (delivery,) = only(Deliver, out)
    assert delivery.service == "7"
    primary = delivery.bundle.primary
    assert str(primary.destination) == str(primary.report_to) == "ipn:2.7"


@pytest.mark.row("B11", "B13", "B15", "D10")
@pytest.mark.parametrize("node_id", ["ipn:!.0", "ipn:0.0", "ipn:0.7"])
def test_no_node_calls_itself_local_or_null(node_id):
    with pytest.raises(InvalidValue):
        AgentOptions(node_id=parse_eid(node_id))


@pytest.mark.row("D10")
def test_the_source_of_a_new_bundle_is_a_singleton_endpoint_of_its_node():
    agent = an_agent(node_id=IpnEid(977000, 2, 0))
    wanted = TransmissionRequest(
        service="4", destination=parse_eid("ipn:3.1"), payload=b"x", lifetime_s=9.0
    )
    (stored,) = only(Store, agent.transmit(wanted, 1.0))
    primary = stored.bundle.primary
    assert str(primary.source) == "ipn:977000.2.4"
    assert primary.source.is_singleton
    assert str(primary.report_to) == "ipn:977000.2.0"


@pytest.mark.row("B8")
def test_both_encodings_of_an_endpoint_are_one_to_duplicates_registrations_and_routes():
    agent = an_agent(
        node_id=IpnEid(977000, 2, 0), names={(977000 << 32) | 2: "b", (977000 << 32) | 3: "c"}
    )
    agent.registered("1", True, 0.0)
    for node, kind in ((2, Deliver), (3, Transmit)):
        source, destination = IpnEid(977000, 9, 1, 3), IpnEid(977000, node, 1, 3)
        long = bundle()
        fields = {"report_to": long.primary.report_to, "flags": 0, "crc_type": 1}
        rest = {"creation": long.primary.creation, "lifetime_ms": 600_000}
        made = [
            Bundle(type(long.primary)(source=s, destination=d, **fields, **rest), long.blocks)
            for s, d in (
                (source, destination),
                (IpnEid(977000, 9, 1, 2), IpnEid(977000, node, 1, 2)),
            )
        ]
        assert encode(made[0]) != encode(made[1])
        assert only(kind, receive(agent, made[0]))
        assert only(BundleDuplicate, receive(agent, made[1]))
        agent = an_agent(
            node_id=IpnEid(977000, 2, 0), names={(977000 << 32) | 2: "b", (977000 << 32) | 3: "c"}
        )


@pytest.mark.row("B5", "B15")
def test_only_administrative_records_are_taken_at_the_administrative_endpoint():
    agent = an_agent()
    out = receive(agent, bundle(destination="ipn:2.0"))
    assert deleted(out) == [Reason.DESTINATION_UNAVAILABLE]
    dtn = an_agent(names={**NAMES, "base": "b"})
    assert deleted(receive(dtn, bundle(destination="dtn://base/"))) == [5]
    record = encode_record(report_about(bundle(), 5, received=True))
    flags = BundleFlag.ADMINISTRATIVE_RECORD
    out = receive(dtn, bundle(destination="dtn://base/", flags=flags, payload=record))
    assert len(only(StatusReported, out)) == 1


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

UNKNOWN = st_types = (200, 2, 5, 8, 9, 2**64 - 1)


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


# --- H: reports, registrations, custody ------------------------------------------------------------


@pytest.mark.row("H1")
def test_status_reports_are_off_unless_they_are_switched_on():
    out = receive(an_agent(), bundle(flags=ASK_ALL))
    assert not reports(out)
    assert not AgentOptions(node_id=IpnEid(0, 1, 0)).status_reports


@pytest.mark.row("H2", "H7", "H10", "H11", "J3")
def test_each_report_tells_what_happened_where_and_when():
    network = Network(BOTH_WAYS, options={"status_reports": True})
    network.send("a", "c", at_s=1.0, flags=ASK_ALL)
    network.run()
    subject = network.happened(BundleSourced)[0].bundle
    told = {(e.reporter, e.status): e for e in network.happened(StatusReported)}
    assert {e.node for e in told.values()} == {"a"}
    assert {e.subject for e in told.values()} == {subject}
    assert set(told) == {
        ("ipn:1.0", "forwarded"),
        ("ipn:2.0", "received"),
        ("ipn:2.0", "forwarded"),
        ("ipn:3.0", "received"),
        ("ipn:3.0", "delivered"),
    }
    assert {e.reason for e in told.values()} == {0}
    # administrative records end at the administrative element: no application saw one
    assert len([e for e in network.happened(BundleDelivered) if e.service == "1"]) == 1
    assert all(agent.held() == [] for agent in network.agents.values())


@pytest.mark.row("H7")
def test_a_bundle_is_reported_as_forwarded_when_its_transfer_is_done_not_before():
    agent = an_agent(status_reports=True)
    out = receive(agent, bundle(flags=BundleFlag.REPORT_FORWARDING))
    (transmit,) = only(Transmit, out)
    assert not reports(out)
    (report,) = reports(agent.transfer_finished(transmit.transfer, 11.0))
    assert report.forwarded.asserted
    assert not report.received.asserted


@pytest.mark.row("H10")
def test_a_deferred_bundle_is_reported_as_delivered_when_it_is_not_before():
    agent = an_agent(status_reports=True)
    agent.registered("1", False, 0.0)
    out = receive(agent, bundle(destination="ipn:2.1", flags=BundleFlag.REPORT_DELIVERY))
    assert not reports(out)
    (report,) = reports(agent.registered("1", True, 20.0))
    assert report.delivered.asserted


@pytest.mark.row("H11", "J3", "J5")
def test_a_deletion_is_reported_with_its_reason():
    agent = an_agent(status_reports=True)
    flags = BundleFlag.REPORT_DELETION
    (report,) = reports(receive(agent, bundle(flags=flags, destination="ipn:2.99")))
    assert (report.deleted.asserted, report.deleted.time_ms, report.reason) == (True, None, 5)
    flags |= BundleFlag.STATUS_TIME_REQUESTED
    (report,) = reports(receive(agent, bundle(flags=flags, lifetime_ms=3)))
    assert (report.deleted.time_ms, report.reason) == (START_DTN_MS + 10_000, 1)


@pytest.mark.row("H2", "H3", "H11")
def test_a_bundle_malformed_within_is_reported_received_and_deleted_and_not_dispatched():
    agent = an_agent(status_reports=True)
    broken = CanonicalBlock(BlockType.QUALITY_OF_SERVICE, 2, 0, 0, b"\x84\x00")
    out = receive(agent, bundle(broken, flags=BundleFlag.ANY_REPORT))
    told = [(r.received.asserted, r.deleted.asserted, r.reason) for r in reports(out)]
    assert told == [(True, False, 0), (False, True, Reason.BLOCK_UNINTELLIGIBLE)]
    assert len(only(BundleMalformed, out)) == 1
    assert not only(BundleReceived, out)
    assert not [t for t in only(Transmit, out) if not t.bundle.is_administrative]


@pytest.mark.row("H13")
def test_nothing_is_ever_reported_about_an_administrative_record():
    agent = an_agent(status_reports=True)
    admin = {"flags": BundleFlag.ADMINISTRATIVE_RECORD}
    for sequence, destination in enumerate(("ipn:3.0", "ipn:2.0", "ipn:9.0", "dtn:none")):
        wrong = bundle(destination=destination, sequence=sequence, lifetime_ms=3, **admin)
        assert [type(o) for o in receive(agent, wrong)] == [BundleReceived, BundleDeleted]
    # and none that this node makes asks for any
    made = only(Store, receive(agent, bundle(flags=BundleFlag.REPORT_RECEPTION, sequence=9)))
    (report,) = [s.bundle for s in made if s.bundle.is_administrative]
    assert not report.primary.flags & BundleFlag.ANY_REPORT
    assert encode(report) == encode(decode(encode(report)))


@pytest.mark.row("D6")
def test_an_application_that_sends_an_administrative_record_gets_no_reports_about_it():
    agent = an_agent()
    flags = BundleFlag.ADMINISTRATIVE_RECORD | BundleFlag.ANY_REPORT
    wanted = TransmissionRequest(
        service="0", destination=parse_eid("ipn:3.0"), payload=b"x", lifetime_s=9.0, flags=flags
    )
    (stored,) = only(Store, agent.transmit(wanted, 1.0))
    assert stored.bundle.primary.flags == BundleFlag.ADMINISTRATIVE_RECORD


@pytest.mark.row("H14")
@pytest.mark.parametrize("report_to", ["dtn:none", "ipn:0.0", "ipn:0.7", "ipn:!.0", "dtn://n/~all"])
def test_there_is_no_report_to_an_endpoint_that_is_no_node(report_to):
    agent = an_agent(status_reports=True)
    out = receive(agent, bundle(report_to=report_to, flags=ASK_ALL))
    assert not reports(out)
    assert str(sent(out).primary.report_to) == str(parse_eid(report_to))


@pytest.mark.row("H14")
@pytest.mark.parametrize("nobody", ["dtn:none", "ipn:0.0", "ipn:0.7"])
def test_a_bundle_for_nobody_is_dropped_without_a_word_to_anyone(nobody):
    agent = an_agent(status_reports=True)
    flags = BundleFlag.REPORT_DELETION
    out = receive(agent, bundle(destination=nobody, flags=flags))
    assert deleted(out) == [Reason.DESTINATION_UNAVAILABLE]
    assert not reports(out)
    wanted = TransmissionRequest(
        service="1", destination=parse_eid(nobody), payload=b"x", lifetime_s=9.0, flags=flags
    )
    assert deleted(agent.transmit(wanted, 11.0)) == [Reason.DESTINATION_UNAVAILABLE]
    assert agent.held() == []


@pytest.mark.row("H4")
def test_a_bundle_for_this_node_is_delivered_and_never_forwarded():
    agent = an_agent(names={**NAMES, "base": "b"})
    for service in ("1", "x"):
        agent.registered(service, True, 0.0)
    for sequence, destination in enumerate(("ipn:2.1", "dtn://base/x")):
        out = receive(agent, bundle(destination=destination, sequence=sequence))
        assert len(only(Deliver, out)) == 1
        assert not only(Transmit, out)


@pytest.mark.row("H5")
def test_without_a_route_a_bundle_waits_for_a_later_contact_or_its_end():
    agent = an_agent()
    out = receive(agent, bundle(destination="ipn:9.1"))
    assert len(only(Store, out)) == 1
    assert not only(Transmit, out)
    assert agent.next_timer() == pytest.approx(600.001)
    assert deleted(agent.on_timer(600.001)) == [Reason.LIFETIME_EXPIRED]


@pytest.mark.row("H6")
@pytest.mark.parametrize("reason", [Reason.NO_KNOWN_ROUTE, Reason.NO_TIMELY_CONTACT])
def test_a_strategy_that_gives_up_deletes_with_the_reason_it_gives(reason):
    from dtn.routing import Drop
    from dtn.routing.strategy import Strategy

    plan = ContactPlan(BOTH_WAYS)
    strategy = Strategy("gives up", lambda view, bundle: Drop(reason), {})
    options = AgentOptions(node_id=IpnEid(0, 2, 0), names=NAMES, start_dtn_ms=START_DTN_MS)
    agent = Agent("b", options, RoutingEngine("b", plan, strategy, random.Random(1)))
    out = receive(agent, bundle())
    assert deleted(out) == [reason]
    assert len(only(Release, out)) == 1


@pytest.mark.row("H8", "H16")
def test_a_bundle_is_let_go_only_when_no_constraint_is_left():
    agent = an_agent()
    out = receive(agent, bundle())
    (transmit,) = only(Transmit, out)
    assert not only(Release, out)
    out = agent.link_ready("c", 11.0)  # the last bit is out, but nobody has said that it arrived
    assert not only(Release, out)
    assert len(agent.held()) == 1
    out = agent.transfer_failed(transmit.transfer, "not acknowledged", 12.0)
    (again,) = only(Transmit, out)
    assert not only(Release, out)
    out = agent.transfer_finished(again.transfer, 13.0)
    assert len(only(Release, out)) == 1
    assert agent.held() == []


@pytest.mark.row("H9")
def test_a_passive_application_polls_its_bundles_in_order_of_arrival():
    agent = an_agent()
    agent.registered("1", False, 0.0)
    arrived = [bundle(destination="ipn:2.1", sequence=n) for n in (5, 3, 4)]
    for each in arrived:
        assert not only(Deliver, receive(agent, each))
    polled = [only(Deliver, agent.poll("1", 20.0)) for _ in range(4)]
    assert [[d.bundle_id for d in out] for out in polled] == [
        *([str(each.id)] for each in arrived),
        [],
    ]
    assert agent.held() == []


@pytest.mark.row("H9")
def test_a_passive_application_that_abandons_gets_nothing():
    agent = an_agent()
    agent.registered("1", False, 0.0, abandon=True)
    assert deleted(receive(agent, bundle(destination="ipn:2.1"))) == [5]
    assert not agent.registered("1", True, 20.0)


@pytest.mark.row("H9")
def test_what_is_committed_after_its_application_became_active_is_delivered_then():
    agent = an_agent()
    agent.registered("1", False, 0.0)
    (store,) = only(Store, agent.receive(bundle(destination="ipn:2.1"), "a", 10.0, 99, 2.0))
    assert not only(Deliver, agent.registered("1", True, 11.0))
    assert len(only(Deliver, agent.stored(store.ref, 12.0))) == 1
    assert agent.held() == []


@pytest.mark.row("H12")
def test_a_transmission_that_is_cancelled_is_deleted_with_reason_3_and_its_volume_is_free():
    network = Network([Contact("a", "b", 50.0, 60.0, 8000.0, 1.0)])
    network.send("a", "b", at_s=0.0, size=9000)
    network.run(until_s=1.0)
    agent = network.agents["a"]
    (name,) = agent.held()
    out = agent.cancel(name, 2.0)
    assert deleted(out) == [Reason.TRANSMISSION_CANCELED]
    assert agent.cancel(name, 2.0) == []
    assert agent.held() == []
    network.do("a", out)
    network.send("a", "b", at_s=3.0, size=9000)
    network.run()
    assert len(network.happened(BundleDelivered)) == 1


@pytest.mark.row("H12")
def test_nobody_cancels_the_bundle_of_another_node():
    agent = an_agent()
    receive(agent, bundle(destination="ipn:9.1"))
    (name,) = agent.held()
    assert agent.cancel(name, 11.0) == []
    assert agent.held() == [name]


@pytest.mark.row("H15")
def test_a_link_gets_one_bundle_at_a_time():
    network = Network([Contact("a", "b", 0.0, 100.0, 8000.0, 1.0)])
    for _ in range(5):
        network.send("a", "b", at_s=0.0, size=1000)
    network.run()
    started = [e.t_s for e in network.happened(TransferStarted)]
    finished = [e.t_s for e in network.happened(TransferFinished)]
    assert started[1:] == finished[:-1]


# --- I: fragments at their destination ---------------------------------------------------------------


def pieces_of(
    payload_bytes: int = 1000, max_bytes: int = 300, **primary: object
) -> tuple[Bundle, ...]:
    whole = bundle(payload=bytes(payload_bytes), destination="ipn:2.1", **primary)
    return fragment(whole, max_bytes)


@pytest.mark.row("I5", "I6")
@pytest.mark.parametrize("seed", range(5))
def test_fragments_in_any_order_doubled_and_mixed_with_others_are_delivered_once(seed):
    agent = an_agent()
    agent.registered("1", True, 0.0)
    units = [pieces_of(sequence=n) for n in (1, 2)] + [pieces_of(sequence=1, source="ipn:3.1")]
    mixed = [piece for unit in units for piece in unit] * 2
    random.Random(seed).shuffle(mixed)
    out = [output for piece in mixed for output in receive(agent, piece)]
    assert len(only(Deliver, out)) == 3
    assert agent.held() == []
    assert agent.stored_bytes == 0


@pytest.mark.row("I9")
def test_fragments_whose_others_never_come_expire():
    agent = an_agent()
    agent.registered("1", True, 0.0)
    first, *_ = pieces_of()
    receive(agent, first)
    assert len(agent.held()) == 1
    out = agent.on_timer(601.0)
    assert deleted(out) == [Reason.LIFETIME_EXPIRED]
    assert agent.held() == []


@pytest.mark.row("I9", "A8")
def test_what_a_fragment_claims_takes_no_room_and_what_it_brings_stays_within_the_quota():
    agent = an_agent(store_bytes=2000)
    agent.registered("1", True, 0.0)
    for place in range(100):
        field = FragmentField(place * 2**50, 2**63)
        receive(agent, bundle(destination="ipn:2.1", payload=bytes(200), fragment=field))
    assert agent.stored_bytes <= 2000
    assert 0 < len(agent.held()) <= 10


@pytest.mark.row("I9")
def test_a_fragment_that_was_dropped_for_room_is_waited_for_again():
    agent = an_agent(store_bytes=700)
    agent.registered("1", True, 0.0)
    first, second, *_ = pieces_of()
    receive(agent, first)
    receive(agent, second)
    big = CanonicalBlock(193, 9, 0, 0, encode_quality_of_service(QualityOfService(priority=2)))
    out = receive(agent, bundle(big, payload=bytes(300), destination="ipn:9.1"))
    assert deleted(out) == [Reason.DEPLETED_STORAGE]
    agent.cancel("nothing", 11.0)
    assert len(agent.held()) == 2
    out = agent.on_timer(601.0)  # all that waits is over
    assert agent.held() == []


@pytest.mark.row("I5", "I7")
def test_a_whole_bundle_overtakes_its_fragments():
    agent = an_agent()
    agent.registered("1", True, 0.0)
    first, second, *_ = pieces_of()
    receive(agent, first)
    whole = bundle(payload=bytes(1000), destination="ipn:2.1")
    assert len(only(Deliver, receive(agent, whole))) == 1
    assert agent.held() == []
    assert len(only(BundleDuplicate, receive(agent, second))) == 1
    assert agent.held() == []


# --- J: administrative records at the administrative element -------------------------------------------


@pytest.mark.row("J1", "H13")
@pytest.mark.parametrize(
    "payload", [encode_record(UnknownRecord(77, b"\x82\x01\x02")), b"\x82\x18\x4d\xf6"]
)
def test_a_record_of_unknown_type_is_ignored(payload):
    agent = an_agent()
    admin = BundleFlag.ADMINISTRATIVE_RECORD
    out = receive(agent, bundle(destination="ipn:2.0", flags=admin, payload=payload))
    assert [type(o) for o in out] == [BundleReceived, BundleDelivered]


@pytest.mark.row("J1")
@pytest.mark.parametrize("payload", [b"", b"\x80", b"\x82\x01\x80", b"\x9f" * 3000, b"x" * 50])
def test_only_the_administrative_element_judges_a_record(payload):
    agent = an_agent()
    admin = {"flags": BundleFlag.ADMINISTRATIVE_RECORD, "payload": payload}
    out = receive(agent, bundle(destination="ipn:3.0", **admin))
    assert sent(out).payload == payload  # a forwarder passes it on
    out = receive(agent, bundle(destination="ipn:2.0", sequence=4, **admin))
    (event,) = only(BundleMalformed, out)
    assert event.layer == "administrative"
    assert agent.held() == [str(bundle(**admin).id)]


@pytest.mark.row("J2", "J4")
def test_a_report_about_a_fragment_tells_its_offset_and_the_length_of_its_own_payload():
    agent = an_agent(status_reports=True)
    _, second, *_ = pieces_of(flags=BundleFlag.REPORT_RECEPTION)
    (report,) = reports(receive(agent, second))
    assert report.fragment_offset == second.primary.fragment.offset_bytes
    assert report.payload_bytes == len(second.payload) < second.primary.fragment.total_bytes
    told = bundle(
        destination="ipn:2.0",
        flags=BundleFlag.ADMINISTRATIVE_RECORD,
        payload=encode_record(report),
        sequence=99,
    )
    (event,) = only(StatusReported, receive(agent, told))
    assert event.subject == str(second.id)


@pytest.mark.row("J3", "J5")
@pytest.mark.parametrize("reason", [0, 11, 16, 17, 255, 2**64 - 1])
def test_a_report_that_came_becomes_an_event_whatever_its_reason(reason):
    agent = an_agent()
    about = report_about(bundle(), 5, received=True, deleted=True, reason=reason)
    admin = {"flags": BundleFlag.ADMINISTRATIVE_RECORD, "payload": encode_record(about)}
    out = receive(agent, bundle(source="ipn:3.0", destination="ipn:2.0", **admin))
    (event,) = only(StatusReported, out)
    assert (event.subject, event.reporter) == (str(bundle().id), "ipn:3.0")
    assert (event.status, event.reason) == ("received, deleted", reason)


def test_a_node_full_of_bulk_that_wants_deletions_reported_does_not_chase_its_own_reports():
    agent = an_agent(status_reports=True, store_bytes=30_000)
    bulk = CanonicalBlock(193, 9, 0, 0, encode_quality_of_service(QualityOfService(priority=0)))
    flags = BundleFlag.REPORT_DELETION
    for number in range(600):
        receive(agent, bundle(bulk, sequence=number, flags=flags, destination="ipn:9.1"))
    out = receive(agent, bundle(payload=bytes(5000), destination="ipn:9.1", sequence=9999))
    assert set(deleted(out)) == {Reason.DEPLETED_STORAGE}
    assert agent.stored_bytes <= 30_000


@pytest.mark.parametrize("priority", [3, 200, 2**64 - 1])
def test_a_priority_beyond_the_highest_is_the_highest(priority):
    block = CanonicalBlock(
        193, 9, 0, 0, encode_quality_of_service(QualityOfService(priority=priority))
    )
    assert sent(receive(an_agent(), bundle(block))).block(193).data == block.data


def test_a_lifetime_without_end_is_the_longest_that_can_be_written():
    agent = an_agent()
    wanted = TransmissionRequest(
        service="1", destination=parse_eid("ipn:3.1"), payload=b"x", lifetime_s=float("inf")
    )
    (stored,) = only(Store, agent.transmit(wanted, 1.0))
    assert stored.bundle.primary.lifetime_ms > 2**63


def test_unknown_schemes_and_groups_wait_and_harm_nobody():
    agent = an_agent(status_reports=True)
    for destination in (UnknownEid(9, b"\x01"), DtnEid("//n/~all"), DtnEid("//nobody/x")):
        wanted = TransmissionRequest(
            service="1", destination=destination, payload=b"x", lifetime_s=9.0, flags=ASK_ALL
        )
        (stored,) = only(Store, agent.transmit(wanted, 1.0))
        assert not only(Transmit, agent.stored(stored.ref, 1.0))
    assert [event.reason for event in only(BundleDeleted, agent.on_timer(99.0))] == [1, 1, 1]
