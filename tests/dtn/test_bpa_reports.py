"""The agent and administrative records: reports that it makes, and those that come."""

from __future__ import annotations

import pytest

from dtn.administrative_record import UnknownRecord, report_about
from dtn.administrative_record import encode as encode_record
from dtn.bpa import AgentOptions, Reason, TransmissionRequest
from dtn.bpa.outputs import Store, Transmit
from dtn.bundle import BlockType, BundleFlag, CanonicalBlock
from dtn.codec import decode, encode
from dtn.eid import DtnEid, IpnEid, UnknownEid, parse_eid
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleMalformed,
    BundleReceived,
    BundleSourced,
    StatusReported,
)
from dtn.extension_blocks import (
    QualityOfService,
    encode_quality_of_service,
)
from tests.dtn.agents import START_DTN_MS, Network
from tests.dtn.one_agent import (
    ASK_ALL,
    BOTH_WAYS,
    an_agent,
    bundle,
    deleted,
    only,
    pieces_of,
    receive,
    reports,
    sent,
)

# --- H: reports ---------------------------------------------------------------------------------


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
