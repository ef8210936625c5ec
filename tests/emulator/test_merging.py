"""One log from those of many processes: in order, with what no process could say of itself."""

from __future__ import annotations

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.events import (
    BundleDelivered,
    BundleHeld,
    BundleInFlight,
    BundleReceived,
    BundleSourced,
    ContactEnded,
    ContactStarted,
    Event,
    FrameLost,
    NodeDown,
    NodeUp,
    RouteForfeited,
    TransferFinished,
    TransferStarted,
)
from emulator.merging import merged

PLAN = ContactPlan([Contact("a", "b", 0.0, 100.0, 1e6, 2.0)])
SENT: list[Event] = [
    NodeUp(0.0, "a"),
    ContactStarted(0.0, "a", "b", 0),
    BundleSourced(1.0, "a", "x", "ipn:1.1", "ipn:2.1", 100, 90, 1e3, 1, "f"),
    TransferStarted(1.0, "a", "x", "b", 0, 100),
    TransferFinished(1.5, "a", "x", "b"),
]
UP: list[Event] = [NodeUp(0.0, "b")]
RECEIVED = BundleReceived(3.5, "b", "x", "a", 100)


def test_events_of_all_nodes_stand_in_order_of_time_and_at_one_moment_of_the_nodes() -> None:
    log = merged({"a": SENT, "b": [*UP, RECEIVED]}, {}, PLAN, 100.0)
    assert log == [SENT[0], SENT[1], UP[0], *SENT[2:], RECEIVED]


@pytest.mark.parametrize(
    ("died_s", "up_s", "reason"),
    [(2.0, 9.0, "receiver down"), (20.0, 30.0, "not received")],
)
def test_a_transfer_that_was_never_received_is_a_lost_frame(
    died_s: float, up_s: float, reason: str
) -> None:
    held_up = [*UP, ContactStarted(died_s - 0.5, "b", "a", 1), NodeUp(up_s, "b")]
    log = merged({"a": SENT, "b": held_up}, {"b": [died_s]}, PLAN, 100.0)
    assert FrameLost(3.5, "b", "a", "x", 100, reason) in log


def test_a_transfer_that_its_sender_did_not_outlive_is_lost_with_it() -> None:
    log = merged({"a": SENT, "b": UP}, {"a": [1.6]}, PLAN, 100.0)
    assert FrameLost(3.5, "b", "a", "x", 100, "process died") in log


def test_a_transfer_that_the_end_of_the_run_overtakes_is_in_flight() -> None:
    assert merged({"a": SENT, "b": UP}, {}, PLAN, 3.0)[-1] == BundleInFlight(3.0, "a", "x", "b")


def test_a_process_that_died_ended_its_contacts_and_left_the_network() -> None:
    log = merged({"a": [*SENT, NodeUp(9.0, "a")], "b": [*UP, RECEIVED]}, {"a": [5.0]}, PLAN, 100.0)
    assert log[-3:] == [
        ContactEnded(5.0, "a", "b", 0, "process died"),
        NodeDown(5.0, "a", "process died"),
        NodeUp(9.0, "a"),
    ]


def test_a_death_stands_before_whatever_its_successor_says_first() -> None:
    asked = RouteForfeited(9.0, "b", "x", "a")  # of a bundle from the store, before the node is up
    log = merged(
        {"a": SENT, "b": [*UP, RECEIVED, asked, NodeUp(9.0, "b")]}, {"b": [5.0]}, PLAN, 100.0
    )
    assert log[-3:] == [NodeDown(5.0, "b", "process died"), asked, NodeUp(9.0, "b")]


def test_who_died_and_did_not_come_back_holds_what_its_store_has() -> None:
    log = merged({"a": SENT, "b": [*UP, RECEIVED]}, {"b": [5.0]}, PLAN, 100.0)
    assert log[-2:] == [NodeDown(5.0, "b", "process died"), BundleHeld(100.0, "b", "x")]


def test_a_process_that_only_lost_its_broker_did_not_die() -> None:
    log = merged({"a": SENT, "b": [*UP, RECEIVED]}, {}, PLAN, 100.0)
    assert not [event for event in log if isinstance(event, NodeDown)]


@pytest.mark.parametrize(
    ("more", "held"),
    [([], [BundleHeld(5.0, "b", "x")]), ([BundleDelivered(4.0, "b", "x", "1")], [])],
)
def test_in_the_middle_of_a_run_a_node_holds_what_it_received_and_did_not_hand_on(
    more: list[Event], held: list[Event]
) -> None:
    logs = {"a": SENT, "b": [*UP, RECEIVED, *more]}
    log = merged(logs, {}, PLAN, 5.0, is_over=False)
    assert [event for event in log if isinstance(event, BundleHeld)] == held
