"""Every second of a latency explained, and the ideal beside it: hand-made event streams in, known answers out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import PLAN, SIMPLE, delivered, hop, sourced, story

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.events import (
    BlockSent,
    BundleDuplicate,
    BundleFragmented,
    BundleReassembled,
    BundleReceived,
    ContactEnded,
    ContactStarted,
    Event,
    NodeDown,
    NodeUp,
    TransferFailed,
    TransferStarted,
)
from emulator.reports.actual_plan import plan_as_it_was
from emulator.reports.breakdown import Parts, journeys
from emulator.reports.history import history_of
from emulator.reports.ideal import EmptyNetwork, ideal_latencies


def _parts(*events: Event | list[Event]) -> Parts:
    return journeys(history_of(story(*events)), PLAN)["x"].parts


def test_a_latency_is_told_apart_into_wait_queue_airtime_and_light():
    history = history_of(SIMPLE)
    journey = journeys(history, PLAN)["x"]
    assert journey.parts == Parts(wait=88.0, queue=10.0, airtime=2.0, light=3.0)
    assert journey.parts.total_s == 103.0
    assert [(h.node, h.neighbour, h.parts.wait, h.parts.queue) for h in journey.hops] == [
        ("a", "b", 50.0, 10.0),
        ("b", "c", 38.0, 0.0),
    ]


def test_a_bundle_delivered_where_it_was_sourced_travelled_no_hop():
    journey = journeys(history_of(story(sourced(5.0, node="c"), delivered(7.0))), PLAN)["x"]
    assert (journey.hops, journey.parts) == ((), Parts(processing=2.0))


def test_an_attempt_that_failed_is_retransmission_from_its_first_bit_to_its_return():
    parts = _parts(
        sourced(100.0),
        TransferStarted(110.0, "a", "x", "b", 0, 1000),
        TransferFailed(125.0, "a", "x", "b", "cut"),
        hop(130.0, "a", "b"),
        hop(150.0, "b", "c"),
        delivered(153.0),
    )
    assert parts == Parts(wait=18.0, queue=15.0, airtime=2.0, light=3.0, retransmission=15.0)


def test_what_a_convergence_layer_needs_beyond_one_sending_is_retransmission():
    late = [
        event._replace(t_s=event.t_s + (8.0 if i == 2 else 0))
        for i, event in enumerate(hop(110.0, "a", "b"))
    ]
    parts = _parts(sourced(110.0), late, hop(150.0, "b", "c"), delivered(153.0))
    assert parts == Parts(wait=30.0, airtime=2.0, light=3.0, retransmission=8.0)


def test_a_wait_for_the_rest_of_an_ltp_block_is_queue_and_only_a_late_arrival_retransmission():
    def told(received_s):
        first, _, last = hop(110.0, "a", "b")
        block = BlockSent(115.0, "a", "b", ("y", "x"))
        rest = [hop(200.0, "b", "c"), delivered(203.0)]
        return _parts(sourced(110.0), first, block, last._replace(t_s=received_s), *rest)

    # a's five seconds with the bundle: one of airtime; b's with a contact all the time are queue
    assert told(116.0) == Parts(wait=34.0, queue=4.0 + 50.0, airtime=2.0, light=3.0)
    assert told(118.0)._replace(wait=0, queue=0) == Parts(
        airtime=2.0, light=3.0, retransmission=2.0
    )


def test_a_node_that_was_down_was_processing_and_joining_late_is_none_of_it():
    parts = _parts(
        NodeUp(0.0, "a"),
        sourced(50.0),
        NodeDown(60.0, "a", "fault"),
        NodeUp(105.0, "a"),
        hop(110.0, "a", "b"),
        hop(150.0, "b", "c"),
        delivered(153.5),
    )
    assert parts == Parts(wait=48.0, queue=5.0, airtime=2.0, light=3.0, processing=45.5)


def test_only_the_copy_that_completed_the_delivery_is_traced():
    parts = _parts(
        sourced(90.0),
        hop(110.0, "a", "b"),
        # the same copy again, suppressed at b, then forwarded once
        hop(120.0, "a", "b"),
        BundleDuplicate(122.0, "b", "x", "a"),
        hop(160.0, "b", "c"),
        delivered(163.0),
    )
    assert parts == Parts(wait=10.0 + 38.0, queue=10.0 + 10.0, airtime=2.0, light=3.0)


def test_a_reassembled_bundle_is_traced_through_its_last_fragment():
    one, two = "x/0+500", "x/500+400"
    history = history_of(
        story(
            sourced(90.0),
            BundleFragmented(100.0, "a", "x", (one, two)),
            hop(100.0, "a", "b", one, 600),
            hop(180.0, "a", "b", two, 500),
            hop(150.0, "b", "c", one, 600),
            hop(190.0, "b", "c", two, 500),
            BundleReassembled(192.5, "c", "x", (one, two)),
            delivered(192.5),
        )
    )
    journey = journeys(history, PLAN)["x"]
    # sent from a at 180 (10 s of wait, 80 s of queue), at b at 181.5, sent at 190, at c at 192.5
    assert journey.parts == Parts(wait=10.0, queue=80.0 + 8.5, airtime=1.0, light=3.0)
    assert journey.size_bytes == 500


def test_fragments_of_fragments_lead_back_to_the_source():
    parts = _parts(
        sourced(100.0),
        BundleFragmented(100.0, "a", "x", ("x/0+5", "x/5+5")),
        hop(100.0, "a", "b", "x/5+5"),
        BundleFragmented(150.0, "b", "x/5+5", ("x/5+2", "x/7+3")),
        hop(150.0, "b", "c", "x/7+3"),
        BundleReassembled(153.0, "c", "x", ("x/0+5", "x/5+2", "x/7+3")),
        delivered(153.0),
    )
    assert parts == Parts(wait=48.0, airtime=2.0, light=3.0)


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([sourced(50.0), hop(150.0, "b", "c"), delivered(153.0)], "without having come there"),
        (
            [sourced(50.0), BundleReceived(112.0, "c", "x", "b", 9), delivered(113.0)],
            "b never sent it",
        ),
        (
            [
                sourced(50.0),
                TransferStarted(110.0, "a", "x", "c", 0, 10),
                BundleReceived(112.0, "c", "x", "a", 10),
                delivered(112.0),
            ],
            "contact 0 of the plan is not a's",
        ),
    ],
)
def test_a_delivery_that_the_log_does_not_explain_is_refused_not_guessed(events, said):
    with pytest.raises(BadInput, match=said):
        _parts(*events)


@given(
    waits=st.lists(st.floats(0, 40), min_size=3, max_size=3),
    downs=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 60)), max_size=3),
    extra=st.floats(0, 5),
    cuts=st.lists(st.tuples(st.floats(100, 200), st.floats(0, 20)), max_size=2),
)
def test_the_parts_add_up_whatever_happened_on_the_way(waits, downs, extra, cuts):
    start = 100.0 + waits[0]
    there = start + 2.0 + extra
    onward = max(there, 150.0) + waits[1]
    end = onward + 3.0
    events = story(
        sourced(100.0 - waits[2]),
        hop(start, "a", "b")[:2],
        BundleReceived(there, "b", "x", "a", 1000),
        hop(onward, "b", "c"),
        *([NodeDown(t, "b", "fault"), NodeUp(t + d, "b")] for t, d in downs),
        *(
            [ContactEnded(t, "a", "b", 0, "cut"), ContactStarted(t + d, "a", "b", 0)]
            for t, d in cuts
        ),
        delivered(end),
    )
    journey = journeys(history_of(events), PLAN)["x"]
    latency = end - (100.0 - waits[2])
    assert journey.parts.total_s == pytest.approx(latency, abs=1e-6 * len(journey.hops))
    assert min(journey.parts) >= 0
    assert journey.parts.airtime == pytest.approx(2.0)


# -------------------------------------------------------------------------------------- ideal


def test_the_ideal_latency_is_that_of_an_empty_network():
    history = history_of(SIMPLE)
    assert ideal_latencies(history, PLAN, journeys(history, PLAN)) == {"x": 103.0}


def test_a_contact_cut_by_a_fault_counts_as_it_was():
    events = [e for e in SIMPLE if not isinstance(e, ContactStarted | ContactEnded)]
    events = sorted(
        [
            *events,
            ContactStarted(105.0, "a", "b", 0),
            ContactEnded(120.0, "a", "b", 0, "cut"),
            ContactStarted(130.0, "a", "b", 0),
            ContactStarted(150.0, "b", "c", 1),
        ],
        key=lambda e: e.t_s,
    )
    actual = plan_as_it_was(PLAN, history_of(events))
    assert [(c.start_s, c.end_s) for c in actual.contacts] == [
        (105.0, 120.0),
        (130.0, 200.0),  # outlasts the log: not cut
        (150.0, 400.0),
    ]
    assert actual.contacts[2] is PLAN.contacts[1]
    assert EmptyNetwork(actual).latency_s("a", "b", 119.5, 1000) == 12.5


def test_a_plan_that_came_true_is_the_plan_itself():
    assert plan_as_it_was(PLAN, history_of(SIMPLE)) is PLAN


def test_a_cut_contact_keeps_its_rates_and_light_times():
    contact = Contact("a", "b", 0.0, 600.0, (1e3, 5e3, 2e3, 2e3), (1.0, 1.4, 1.1, 1.2))
    plan = ContactPlan([contact])
    part = plan_as_it_was(
        plan,
        history_of([ContactStarted(90.0, "a", "b", 0), ContactEnded(470.0, "a", "b", 0, "cut")]),
    ).contacts[0]
    for t in (90.0, 123.4, 290.0, 470.0):
        assert part.rate_at(t) == contact.rate_at(t)
        assert part.owlt_at(t) == contact.owlt_at(t)
        assert part.last_bit_s(t, 10) == (contact.last_bit_s(t, 10) if t < 470.0 else math.inf)
    assert part.arrival_s(90.0, 1000) == contact.arrival_s(90.0, 1000)
    assert part.volume_bytes() == contact.volume_bytes(90.0, 470.0)


DAY = ContactPlan(
    [
        Contact("a", "b", 60.0, 260.0, (4000.0, 9000.0, 1000.0, 6000.0), (1.0, 1.5, 1.2)),
        Contact("a", "c", 200.0, 500.0, 6000.0, (3.0, 2.0)),
        Contact("b", "c", 220.0, 300.0, 8000.0, 1.0),
        Contact("b", "d", 350.0, 420.0, (8000.0, 500.0), 2.0),
        Contact("c", "d", 330.0, 600.0, (100.0, 9000.0, 9000.0), (2.0, 1.0)),
    ]
)


@given(st.lists(st.tuples(st.floats(0, 650), st.sampled_from([10, 1000, 20_000])), max_size=30))
def test_answers_that_were_remembered_equal_those_worked_out_anew(questions):
    remembers = EmptyNetwork(DAY)
    for at_s, size_bytes in questions:
        anew = EmptyNetwork(DAY).latency_s("a", "d", at_s, size_bytes)
        assert remembers.latency_s("a", "d", at_s, size_bytes) == pytest.approx(anew, abs=1e-6)
