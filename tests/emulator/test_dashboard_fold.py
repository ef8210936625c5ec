"""The dashboard's state: a fold over events that agrees with the reports' own reckoning."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from streams import CONTACTS, PLAN, SIMPLE, delivered, hop, in_order, sourced, story

from dtn.events import (
    BundleDeleted,
    BundleDuplicate,
    BundleReceived,
    ContactEnded,
    ContactStarted,
    EnergySampled,
    Event,
    FrameLost,
    NodeDown,
    NodeUp,
    RouteComputed,
    RouteForfeited,
    TransferFailed,
    TransferStarted,
)
from emulator.dashboard.fold import Fold
from emulator.dashboard.frame import Cursor, bundle_facts, frame, node_facts, run_facts
from emulator.dashboard.metrics import metrics_text
from emulator.dashboard.session import Refused, Session
from emulator.dashboard.source import Replay, Subject
from emulator.dashboard.words import Category, category_of, sentence
from emulator.reports.history import history_of
from emulator.reports.storage import stored_bytes

NAMES = ("a", "b", "c")
ROUTED = story(
    sourced(50.0),
    RouteComputed(50.0, "a", "x", "b", 153.0, 2),
    hop(110.0, "a", "b"),
    RouteComputed(112.0, "b", "x", "c", 153.0, 1),
    hop(150.0, "b", "c"),
    delivered(153.0),
)


class _Clock:
    """Real seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _folded(events: list[Event], until_s: float = math.inf) -> Fold:
    fold = Fold(PLAN, NAMES)
    fold.follow(events, until_s)
    return fold


def _session(events: list[Event], at_s: float = 0.0, clock: _Clock | None = None) -> Session:
    subject = Subject(
        name="two-hops",
        strategy="sabr",
        seed=1,
        start_utc="",
        duration_s=500.0,
        plan=PLAN,
        names=NAMES,
        store_bytes={"a": 1e6},
        geometry=None,
    )
    replay = Replay(events, 500.0, 10.0, at_s=at_s, paused=True, clock=clock or _Clock())
    return Session(subject, replay)


@pytest.mark.parametrize(
    ("at_s", "held", "queued", "flying"),
    [
        (49.0, (0, 0, 0), (0, 0, 0), 0),
        (60.0, (1, 0, 0), (1, 0, 0), 0),
        (110.5, (1, 0, 0), (0, 0, 0), 1),
        (111.5, (0, 0, 0), (0, 0, 0), 1),
        (130.0, (0, 1, 0), (0, 1, 0), 0),
        (150.5, (0, 1, 0), (0, 0, 0), 1),
        (152.0, (0, 0, 0), (0, 0, 0), 1),
        (160.0, (0, 0, 0), (0, 0, 0), 0),
    ],
)
def test_a_bundle_is_somewhere_at_every_moment(
    at_s: float, held: tuple[int, ...], queued: tuple[int, ...], flying: int
) -> None:
    fold = _folded(ROUTED, at_s)
    assert tuple(len(fold.nodes[name].held) for name in NAMES) == held
    assert tuple(fold.nodes[name].queued for name in NAMES) == queued
    assert len(fold.in_flight(at_s)) == flying


def test_a_flight_knows_when_its_first_and_its_last_bit_leave_and_arrive() -> None:
    (flight,) = _folded(SIMPLE, 110.0).in_flight(110.0)
    assert flight == ("x", "a", "b", 0, 110.0, 111.0, 111.0, 112.0)


def test_following_in_steps_comes_to_the_same_as_following_at_once() -> None:
    stepwise = Fold(PLAN, NAMES)
    for t_s in range(0, 500, 7):
        stepwise.follow(ROUTED, float(t_s))
    stepwise.follow(ROUTED)
    at_once = _folded(ROUTED)
    assert (stepwise.count, stepwise.openings, stepwise.latencies_s) == (
        at_once.count,
        at_once.openings,
        at_once.latencies_s,
    )
    assert stepwise.latencies_s == [103.0]


def test_what_is_stored_agrees_with_the_storage_report() -> None:
    bundles = [f"n{i}" for i in range(20)]
    events = story(
        *(sourced(10.0 + i, name) for i, name in enumerate(bundles)),
        *(hop(101.0 + 2 * i, "a", "b", name) for i, name in enumerate(bundles)),
        *(hop(151.0 + 3 * i, "b", "c", name) for i, name in enumerate(bundles)),
        *(delivered(154.0 + 3 * i, name) for i, name in enumerate(bundles)),
    )
    moments = np.arange(5.25, 240.0, 5.0)
    told = stored_bytes(history_of(events), np.stack((moments, moments + 1e-3)).T.ravel())
    for place, at_s in enumerate(moments):
        fold = _folded(events, float(at_s))
        for name in ("a", "b"):
            assert fold.nodes[name].held_bytes == told[name][2 * place]


def test_the_second_copy_of_a_bundle_is_not_stored_and_does_not_take_the_first_away() -> None:
    events = in_order(
        BundleReceived(1.0, "b", "x", "a", 1000),
        BundleReceived(2.0, "b", "x", "c", 1000),
        BundleDuplicate(2.0, "b", "x", "c"),
    )
    assert _folded(events).nodes["b"].held == {"x": 1000}


def test_a_copy_of_a_bundle_that_has_left_is_not_stored() -> None:
    events = in_order(BundleReceived(2.0, "b", "x", "c", 1000), BundleDuplicate(2.0, "b", "x", "c"))
    assert _folded(events).nodes["b"].held_bytes == 0


def test_a_forfeited_route_leaves_the_queue_and_not_the_store() -> None:
    node = _folded(
        in_order(
            sourced(1.0),
            RouteComputed(1.0, "a", "x", "b", 9.0, 1),
            RouteForfeited(2.0, "a", "x", "b"),
        )
    ).nodes["a"]
    assert (node.queued, node.queued_bytes, len(node.held)) == (0, 0, 1)


@pytest.mark.parametrize(
    "end",
    [
        TransferFailed(110.5, "a", "x", "b", "link cut"),
        FrameLost(112.0, "b", "a", "x", 1000, "receiver down"),
    ],
)
def test_a_flight_that_fails_is_over(end: Event) -> None:
    fold = _folded([sourced(50.0), TransferStarted(110.0, "a", "x", "b", 0, 1000), end])
    assert fold.in_flight(110.6) == []


def test_a_deleted_bundle_waits_for_nobody() -> None:
    node = _folded(
        in_order(
            sourced(1.0),
            RouteComputed(1.0, "a", "x", "b", 9.0, 1),
            BundleDeleted(2.0, "a", "x", 1),
        )
    ).nodes["a"]
    assert (node.queued, node.queued_bytes, node.held_bytes) == (0, 0, 0)


CUT = [
    ContactStarted(100.0, "a", "b", 0),
    ContactEnded(120.0, "a", "b", 0, "link cut"),
]


def test_a_cut_link_is_shown_as_cut_until_its_contact_would_have_ended() -> None:
    session = _session(CUT, at_s=150.0)
    links = frame(session, Cursor())["links"]
    assert [link[-1] for link in links] == ["link cut"]  # type: ignore[attr-defined]
    session.control({"do": "jump", "to_s": 201.0})
    assert frame(session, Cursor())["links"] == []


def test_a_cut_is_a_fault_in_the_feed_and_the_planned_end_is_not() -> None:
    assert category_of(CUT[1]) is Category.FAULT
    assert category_of(CONTACTS[2]) is Category.LINK
    assert sentence(CUT[1]) == "link to b down: link cut"


def test_nodes_are_up_when_they_say_so() -> None:
    events: list[Event] = [NodeUp(0.0, "a"), NodeUp(1.0, "b"), NodeDown(5.0, "b", "node down")]
    fold = _folded(events)
    said = [(node.is_up, node.reason) for node in fold.nodes.values()]
    assert said == [(True, ""), (False, "node down"), (False, "not yet launched")]


# ------------------------------------------------------------------------------------ session


def test_a_replay_goes_by_its_clock_and_ends_with_the_run() -> None:
    clock = _Clock()
    replay = Replay(SIMPLE, 500.0, 10.0, clock=clock)
    clock.now_s = 3.0
    assert replay.now_s() == 30.0
    replay.pause(True)
    clock.now_s = 9.0
    assert (replay.now_s(), replay.is_paused) == (30.0, True)
    replay.pause(False)
    replay.set_rate(100.0)
    clock.now_s = 10.0
    assert replay.now_s() == 130.0
    clock.now_s = 1e6
    assert (replay.now_s(), replay.is_paused) == (500.0, True)


def test_a_jump_back_gives_the_picture_of_then_and_tells_pages_to_begin_anew() -> None:
    session, cursor = _session(ROUTED, at_s=400.0), Cursor()
    late = frame(session, cursor)
    session.control({"do": "jump", "to_s": 60.0})
    early, fresh = frame(session, cursor), frame(_session(ROUTED, at_s=60.0), Cursor())
    assert early.pop("epoch") != late["epoch"]
    fresh.pop("epoch")
    assert early == fresh


def test_a_page_is_told_every_event_and_opening_once() -> None:
    session, cursor = _session(ROUTED, at_s=130.0), Cursor()
    first = frame(session, cursor)
    session.source.jump(500.0)  # type: ignore[attr-defined]
    second, third = frame(session, cursor), frame(session, cursor)
    places = [row[0] for row in [*first["feed"], *second["feed"]]]  # type: ignore[misc]
    assert places == list(range(len(ROUTED)))
    assert (third["feed"], third["openings"]) == ([], [])
    assert len(second["openings"]) == 2  # type: ignore[arg-type]


def test_frames_are_json_whatever_is_infinite() -> None:
    session = _session(ROUTED, at_s=300.0)
    for document in (frame(session, Cursor()), run_facts(session), node_facts(session, "a")):
        json.dumps(document, allow_nan=False)


def test_latency_stands_beside_the_ideal() -> None:
    picture = frame(_session(SIMPLE, at_s=300.0), Cursor())
    assert (picture["latency_s"], picture["ideal_s"]) == ([103.0], [103.0])


def test_a_bundles_facts_are_its_trace_up_to_now() -> None:
    facts = bundle_facts(_session(ROUTED, at_s=130.0), "x")
    assert [step[2] for step in facts["steps"]] == ["a", "a", "a", "a", "b", "b"]  # type: ignore[attr-defined]
    assert facts["size_bytes"] == 1000


@pytest.mark.parametrize("bundle", ["", "y", "x/0+1"])
def test_a_bundle_that_is_not_known_is_refused(bundle: str) -> None:
    with pytest.raises(Refused):
        bundle_facts(_session(ROUTED, at_s=130.0), bundle)


def test_a_nodes_facts_are_its_queues() -> None:
    facts = node_facts(_session(ROUTED, at_s=60.0), "a")
    assert facts is not None
    assert facts["queues"] == [["b", 1, 1000]]
    assert node_facts(_session(ROUTED), "nobody") is None


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"do": "explode"},
        {"do": "rate", "rate": 0},
        {"do": "rate", "rate": -1},
        {"do": "rate", "rate": 1e300},
        {"do": "rate", "rate": "fast"},
        {"do": "rate", "rate": True},
        {"do": "jump"},
        {"do": "cut", "a": "a", "b": "b", "for_s": 60},
        {"do": "cut", "a": "a", "b": "a", "for_s": 60},
        {"do": "node-down", "node": "nobody", "for_s": 60},
        {"do": "send", "from": "a", "to": "b", "size_bytes": 1, "lifetime_s": 9, "priority": 1},
    ],
)
def test_what_a_replay_cannot_do_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(Refused):
        _session(ROUTED).control(asked)


def test_metrics_are_what_prometheus_reads() -> None:
    lines = metrics_text(_session(ROUTED, at_s=300.0)).splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert samples['lightlag_bundles_delivered_total{node="c"}'] == "1"
    assert samples['lightlag_latency_seconds{quantile="0.5"}'] == "103"
    assert samples['lightlag_transmissions_total{node="a",neighbour="b"}'] == "1"
    families = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    bare = {name.partition("{")[0].removesuffix("_sum").removesuffix("_count") for name in samples}
    assert bare <= families


def test_a_nodes_power_is_what_it_said_last() -> None:
    events = story(
        sourced(50.0),
        EnergySampled(60.0, "a", 5e5, 1e6, 120.0, 80.0, 290.0),
        EnergySampled(90.0, "a", 2.5e5, 1e6, 0.0, 80.0, 290.0),
    )
    fold = Fold(PLAN, ("a", "b"))
    fold.follow(events, until_s=95.0)
    assert fold.nodes["b"].energy is None
    energy = fold.nodes["a"].energy
    assert energy is not None
    assert (energy.charge_j, energy.incoming_w) == (2.5e5, 0.0)
