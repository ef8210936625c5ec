"""The agent delivers, forwards, holds or gives up: applications, links, fragments at their destination."""

from __future__ import annotations

import random

import pytest

from dtn.bpa import Agent, AgentOptions, Reason, TransmissionRequest
from dtn.bpa.outputs import Deliver, Release, Store, Transmit
from dtn.bundle import BundleFlag, CanonicalBlock, FragmentField
from dtn.contact_plan import Contact, ContactPlan
from dtn.eid import IpnEid, parse_eid
from dtn.events import (
    BundleDelivered,
    BundleDuplicate,
    TransferFinished,
    TransferStarted,
)
from dtn.extension_blocks import (
    QualityOfService,
    encode_quality_of_service,
)
from dtn.routing.engine import RoutingEngine
from tests.dtn.agents import START_DTN_MS, Network
from tests.dtn.one_agent import (
    BOTH_WAYS,
    NAMES,
    an_agent,
    bundle,
    deleted,
    only,
    pieces_of,
    receive,
    reports,
)


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
