"""The agent and endpoints: whose bundles it takes, and what it calls itself."""

from __future__ import annotations

import pytest

from dtn.administrative_record import encode as encode_record
from dtn.administrative_record import report_about
from dtn.bpa import AgentOptions, Reason, TransmissionRequest
from dtn.bpa.outputs import Deliver, Store, Transmit
from dtn.bundle import Bundle, BundleFlag
from dtn.codec import encode
from dtn.eid import IpnEid, parse_eid
from dtn.errors import InvalidValue
from dtn.events import (
    BundleDuplicate,
    BundleMalformed,
    StatusReported,
)
from tests.dtn.one_agent import ASK_ALL, NAMES, an_agent, bundle, deleted, only, receive


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
