"""The strategies that come with Lightlag, each by what makes it different, and the hooks they live on."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from cgr_cases import case_of, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_search import contacts

from dtn.bpa.source_route import decode_source_route, encode_source_route
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import InvalidValue, StrategyFault
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleReceived,
    BundleSourced,
    RouteComputed,
    TransferStarted,
)
from dtn.routing import Hold, Send, load_strategy, strategy
from dtn.routing.index import index_of
from dtn.routing.reach import reach, route_to
from dtn.routing.reservations import Reservations
from dtn.routing.search import earliest_arrival
from dtn.routing.strategies import cgr, prophet, rucop
from dtn.routing.strategies import maxprop as maxprop_module
from dtn.routing.strategy import STRATEGIES, Strategy
from tests.dtn.agents import Network

DIAMOND = [
    Contact("a", "b", 0.0, 50.0, 8000.0, 1.0),
    Contact("a", "c", 0.0, 50.0, 8000.0, 1.0),
    Contact("b", "d", 60.0, 90.0, 8000.0, 1.0),
    Contact("c", "d", 20.0, 90.0, 8000.0, 1.0),
    Contact("a", "d", 200.0, 250.0, 8000.0, 1.0),
]


def network_of(strategy, contacts=DIAMOND, **options):
    return Network(contacts, strategy=strategy, **options)


def path_of(network, flow=""):
    """The nodes that got bundles of applications, in order."""
    wanted = {e.bundle for e in network.happened(BundleSourced) if e.flow == flow}
    return [event.node for event in network.happened(BundleReceived) if event.bundle in wanted]


@pytest.mark.parametrize(
    ("strategy", "path"),
    [
        ("cgr", ["c", "d"]),
        ("cgr_first_ending", ["c", "d"]),
        ("cgr_first_depleted", ["c", "d"]),
        ("cgr_one", ["c", "d"]),
        ("cgr_hop", ["d"]),
        ("spsn", ["c", "d"]),
        ("volume_aware", ["c", "d"]),
        ("source_route", ["c", "d"]),
        ("oracle", ["c", "d"]),
        ("rucop", ["c", "d"]),
        ("static", ["d"]),
        ("prophet", ["d"]),
        ("spray_and_wait", ["b", "c", "d", "d", "d"]),
    ],
)
def test_each_strategy_goes_its_own_way_through_the_diamond(strategy, path):
    network = network_of(strategy)
    network.send("a", "d", at_s=1.0)
    network.run()
    assert path_of(network) == path
    assert len({event.bundle for event in network.happened(BundleDelivered)}) >= 1


@pytest.mark.parametrize("strategy", ["sabr", "spsn", "volume_aware", "source_route", "oracle"])
@settings(max_examples=25)
@given(plan=st.lists(contacts(), min_size=4, max_size=12), at_s=st.integers(0, 10), data=st.data())
def test_alone_in_the_network_they_promise_the_earliest_arrival(strategy, plan, at_s, data):
    plan = [Contact(c.source, c.destination, c.start_s, c.end_s, 1e6, c.owlt_s) for c in plan]
    source, destination = data.draw(st.sampled_from(sorted(permutations_of(plan))))
    network = network_of(strategy, plan)
    network.send(source, destination, at_s=at_s)
    network.run()
    promises = [e.promised_s for e in network.happened(RouteComputed) if e.node == source]
    evc = network.agents[source].routing.options.evc_bytes
    (size,) = {e.size_bytes for e in network.happened(BundleSourced)}
    best = earliest_arrival(network.plan, source, destination, at_s, evc(size))
    assert promises[:1] == ([pytest.approx(best.delivery_s, abs=1e-6)] if best else [])


def permutations_of(plan):
    names = sorted({name for c in plan for name in (c.source, c.destination)})
    return [(a, b) for a in names for b in names if a != b]


# --- route tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fill", "key"),
    [
        (cgr.yen, "yen_deliveries"),
        (cgr.first_ending, "first_ending_deliveries"),
        (cgr.first_depleted, "first_depleted_deliveries"),
    ],
)
def test_route_tables_of_the_tutorial_are_as_published(fill, key):
    case = case_of("tutorial_2021")
    query = next(query for query in case["queries"] if key in query)
    index = index_of(plan_of(case))
    routes = fill(index, index.ids["1"], index.ids["5"], 0)
    assert [route.delivery_s for route in routes] == query[key]


# --- copies ---------------------------------------------------------------------------------------


def test_spraying_halves_the_copies_and_the_last_one_waits():
    star = [Contact("a", f"n{i}", 1.0 + i, 1.5 + i, 1e6, 0.1) for i in range(6)]
    network = network_of("spray_and_wait", [*star, Contact("a", "d", 50, 60, 1e6, 0.1)])
    network.send("a", "d", size=10)
    network.run(until_s=40)
    met = [event.neighbour for event in network.happened(TransferStarted)]
    assert met == ["n0", "n1", "n2"]  # of 6 copies 3, then 1, then 1; the last one waits for d
    held = [record.tokens for name in met for record in network.agents[name].holdings]
    assert held == [3, 1, 1]


def test_a_sprayed_copy_that_was_lost_can_be_given_again():
    contacts_ = [Contact("a", "b", 0, 10, 1000, 0), Contact("a", "c", 20, 30, 1e6, 0)]
    cut = {("a", "b", 0): 1.0}
    network = network_of("spray_and_wait", contacts_, cuts=cut, names=["d"])
    network.send("a", "d", size=1000)
    network.run(until_s=40)
    (record,) = network.agents["c"].holdings
    assert record.tokens == 3


def test_prophet_gives_a_copy_to_who_meets_the_destination_and_pays_for_the_telling():
    contacts_ = [
        Contact("b", "d", 0, 10, 1e6, 0.1),  # b meets d: it knows whom to bring things to
        Contact("a", "b", 20, 30, 1e6, 0.1),
        Contact("b", "a", 20, 30, 1e6, 0.1),
        Contact("a", "c", 20, 30, 1e6, 0.1),
        Contact("c", "a", 20, 30, 1e6, 0.1),
        Contact("b", "d", 40, 50, 1e6, 0.1),
    ]
    network = network_of("prophet", contacts_)
    network.send("a", "d", at_s=15.0)
    network.run()
    assert path_of(network) == ["b", "d"]
    told = [e for e in network.happened(BundleSourced) if e.flow == "administrative"]
    assert len(told) == 6  # at each contact's start
    assert all(event.size_bytes > 40 for event in told)
    sent = {e.bundle for e in network.happened(TransferStarted)}
    assert {event.bundle for event in told} <= sent


def test_a_predictability_rises_with_meetings_and_falls_with_time():
    class View:
        now_s, node = 0.0, "a"

        def __init__(self):
            self.memory = {}

    view = View()
    prophet.met(view, "b")
    assert view.memory["p"]["b"] == prophet.P_FIRST
    prophet.met(view, "b")
    assert view.memory["p"]["b"] == pytest.approx(0.5 + (1 - 0.01 - 0.5) * 0.7)
    view.now_s = 7200.0
    before = view.memory["p"]["b"]
    assert prophet.predictabilities(view)["b"] == pytest.approx(before * 0.98**2)
    prophet.learn(view, "b", json.dumps({"c": 0.5, "a": 0.9}).encode())
    assert view.memory["p"]["c"] == pytest.approx(before * 0.98**2 * 0.5 * 0.9)
    assert "a" not in view.memory["p"]


def test_maxprop_drops_what_it_hears_has_arrived():
    contacts_ = [
        Contact("a", "b", 0, 10, 1e6, 0.1),
        Contact("b", "d", 20, 30, 1e6, 0.1),
        Contact("b", "a", 40, 50, 1e6, 0.1),
        Contact("a", "d", 60, 70, 1e6, 0.1),
    ]
    network = network_of("maxprop", contacts_)
    network.send("a", "d", at_s=1.0)
    network.run()
    assert path_of(network) == ["b", "d"]
    dropped = [(e.node, e.reason) for e in network.happened(BundleDeleted)]
    assert dropped == [("a", maxprop_module.ARRIVED)]


def test_maxprop_sends_what_is_new_first_and_then_what_is_likeliest():
    """Of three bundles in c the one with the fewest hops goes first, then the one for whom c's neighbour meets more."""
    contacts_ = [
        Contact("b", "x", 0, 1, 1e6, 0.1),  # b meets x once and y twice
        Contact("b", "y", 2, 3, 1e6, 0.1),
        Contact("b", "y", 4, 5, 1e6, 0.1),
        Contact("a", "m", 10, 20, 1e6, 0.1),
        Contact("m", "c", 21, 30, 1e6, 0.1),
        Contact("b", "c", 31, 40, 1e6, 0.1),  # c hears from b
        Contact("c", "z", 41, 42, 1e6, 0.1),  # and meets others, too
        Contact("c", "b", 50, 60, 1e6, 0.1),
    ]
    network = network_of("maxprop", contacts_)
    network.send("a", "x", at_s=9.0)
    network.send("a", "y", at_s=9.1)
    network.send("c", "x", at_s=45.0)
    network.run()
    wanted = {e.bundle: e.destination for e in network.happened(BundleSourced) if not e.flow}
    names = {str(network.eid(name)): name for name in "xy"}
    sent = [
        (names[wanted[e.bundle]], e.bundle.split("/")[0] == str(network.eid("c")))
        for e in network.happened(TransferStarted)
        if (e.node, e.neighbour) == ("c", "b") and e.bundle in wanted
    ]
    assert sent == [("x", True), ("y", False), ("x", False)]


def test_the_cost_of_a_path_is_the_sum_of_what_its_meetings_lack():
    shares = {"a": {"b": 0.75, "c": 0.25}, "b": {"d": 0.5}, "c": {"d": 1.0}}
    assert maxprop_module.costs(shares, "a")["d"] == 0.75
    assert "a" not in maxprop_module.costs(shares, "d")


# --- plans ----------------------------------------------------------------------------------------


def test_volume_awareness_sees_its_own_queue_at_the_second_hop():
    contacts_ = [
        Contact("a", "b", 0, 100, 1e6, 0),
        Contact("b", "d", 0, 100, 8000, 0),  # a second for each of the bundles of 1000
        Contact("a", "c", 0, 100, 1e6, 0),
        Contact("c", "d", 0, 100, 7000, 0),
    ]
    ways = {}
    for name in ("sabr", "volume_aware"):
        network = network_of(name, contacts_)
        for _ in range(4):
            network.send("a", "d", at_s=1.0, size=1000)
        network.run()
        entries = [e.entry for e in network.happened(RouteComputed) if e.node == "a"]
        last = max(event.t_s for event in network.happened(BundleDelivered))
        ways[name] = (entries, last)
    assert ways["sabr"][0] == ["b", "b", "b", "b"]
    assert ways["volume_aware"][0] == ["b", "c", "b", "c"]
    assert ways["volume_aware"][1] < ways["sabr"][1]


def test_the_oracle_sees_the_queues_of_others():
    contacts_ = [
        Contact("a", "r", 0, 100, 1e6, 0),
        Contact("b", "r", 0, 100, 1e6, 0),
        Contact("b", "s", 0, 100, 1e6, 0),
        Contact("r", "d", 0, 100, 8000, 0),
        Contact("s", "d", 0, 100, 7000, 0),
    ]
    latest = {}
    for name in ("volume_aware", "oracle"):
        network = network_of(name, contacts_)
        network.send("a", "d", at_s=1.0, size=1000)
        network.send("b", "d", at_s=1.0, size=1000)
        network.run()
        assert len(network.happened(BundleDelivered)) == 2
        latest[name] = max(event.t_s for event in network.happened(BundleDelivered))
    assert latest["oracle"] < latest["volume_aware"]


def test_a_source_route_is_followed_where_it_can_be_and_planned_anew_where_not():
    contacts_ = [
        Contact("a", "b", 0, 50, 1e6, 0),
        Contact("b", "c", 10, 20, 1e6, 0),
        Contact("b", "c", 60, 70, 1e6, 0),
        Contact("c", "d", 30, 90, 1e6, 0),
    ]
    network = network_of("source_route", contacts_)
    network.send("a", "d", at_s=1.0)
    network.run(until_s=5.0)
    (record,) = network.agents["b"].holdings
    assert record.planned == (("c", 10.0), ("d", 30.0))
    network.run()
    assert path_of(network) == ["b", "c", "d"]
    cut = network_of("source_route", contacts_, cuts={("b", "c", 10): 10.0})
    cut.send("a", "d", at_s=1.0)
    cut.run()
    assert path_of(cut) == ["b", "c", "d"]
    assert cut.happened(BundleDelivered)[0].t_s > 60


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=5))
def test_a_source_route_reads_back(hops):
    assert decode_source_route(encode_source_route(tuple(hops))) == tuple(hops)


@pytest.mark.parametrize("data", [b"", b"\x81\x01", b"\x9f", b"\x82\x01", b"\x82\x01\x01\x01"])
def test_a_source_route_that_cannot_be_read_is_none(data):
    assert decode_source_route(data) == ()


def test_where_contacts_may_fail_the_surer_way_is_taken():
    contacts_ = [
        Contact("a", "b", 0, 10, 1e6, 0, confidence=0.5),  # soonest, but if it fails only c is left
        Contact("b", "d", 20, 30, 1e6, 0, confidence=0.5),
        Contact("a", "c", 40, 50, 1e6, 0, confidence=0.9),
        Contact("c", "d", 60, 70, 1e6, 0, confidence=0.9),
    ]
    index = index_of(ContactPlan(contacts_))
    values = rucop.values_of(index, index.ids["d"], 1000)
    a = values[index.ids["a"]]
    assert a.at(5.0) == pytest.approx(0.81)  # over b: 0.25 + 0.5 * 0.81 = 0.655 is less
    assert a.at(0.0) == pytest.approx(0.81)
    assert a.at(60.0) == 0.0
    network = network_of("rucop", contacts_)
    network.send("a", "d", at_s=1.0)
    network.run()
    assert path_of(network) == ["c", "d"]


def test_a_try_that_costs_nothing_is_made():
    contacts_ = [
        Contact("a", "b", 0, 10, 1e6, 0, confidence=0.5),
        Contact("b", "d", 20, 30, 1e6, 0),
        Contact("a", "d", 40, 50, 1e6, 0, confidence=0.5),
    ]
    index = index_of(ContactPlan(contacts_))
    values = rucop.values_of(index, index.ids["d"], 1000)
    assert values[index.ids["a"]].at(0.0) == pytest.approx(0.75)


@given(
    plan=st.lists(contacts(), min_size=1, max_size=10).map(ContactPlan),
    at_s=st.integers(0, 20),
    size=st.sampled_from([0, 1, 5]),
)
def test_the_tree_to_all_has_the_arrival_of_each(plan, at_s, size):
    index = index_of(plan)

    def crosses(number, ready_s):
        contact = index.contacts[number]
        return contact.arrival_s(ready_s, size) if ready_s <= contact.end_s else math.inf

    labels = reach(index, 0, at_s, crosses)
    for target in range(1, len(plan.nodes)):
        route = route_to(index, labels, 0, target)
        alone = earliest_arrival(plan, index.names[0], index.names[target], at_s, size)
        assert (route and route.delivery_s) == (alone and pytest.approx(alone.delivery_s, abs=1e-6))


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(0, 2000)), max_size=12))
def test_reserved_stretches_never_overlap_and_come_back_whole(demands):
    contact = Contact("a", "b", 0.0, 20.0, 8000.0, 1.0)
    book = Reservations([contact])
    made = [book.reserve((0,), at_s, size) for at_s, size in demands]
    stretches = sorted(stretch[1:] for one in made for stretch in one)
    assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(stretches))
    for stretch in made:
        book.release(stretch)
    assert book.first_gap(0, 0.0, 20_000) == (0.0, 20.0)


# --- the interface --------------------------------------------------------------------------------


def network_with(decide, contacts=DIAMOND, **traits):
    STRATEGIES["test"] = Strategy("test", decide, traits)
    try:
        return Network(contacts, strategy="test")
    finally:
        del STRATEGIES["test"]


def test_hooks_are_told_what_happens():
    told = []
    cut = [Contact("a", "b", 0.0, 10.0, 8000.0, 1.0), Contact("a", "b", 20.0, 30.0, 80.0, 1.0)]
    network = network_with(
        lambda view, bundle: Send("b") if view.has_contact_left("b") else Hold(),
        [*cut, Contact("b", "c", 40.0, 50.0, 8000.0, 1.0)],
        contact_up=lambda view, neighbour: told.append((view.now_s, "up", neighbour)),
        contact_down=lambda view, neighbour: told.append((view.now_s, "down", neighbour)),
        sent=lambda view, bundle, neighbour: told.append((round(view.now_s), "sent", neighbour)),
        lost=lambda view, bundle, neighbour: told.append((view.now_s, "lost", neighbour)),
    )
    network.send("a", "b", at_s=1.0, size=900)
    network.send("a", "b", at_s=15.0, size=900)
    network.run(until_s=35.0)
    assert told == [
        (0.0, "up", "b"),
        (2, "sent", "b"),
        (10.0, "down", "b"),
        (20.0, "up", "b"),
        (30.0, "down", "b"),
        (30.0, "lost", "b"),
    ]


@pytest.mark.parametrize(
    ("summary", "rule"),
    [(lambda view, neighbour: 1 / 0, "ZeroDivisionError"), (lambda view, n: "text", "not bytes")],
)
def test_a_hook_that_breaks_a_rule_ends_the_run(summary, rule):
    network = network_with(lambda view, bundle: Hold(), summary=summary)
    with pytest.raises(StrategyFault, match=rule):
        network.run()


def test_a_summary_that_does_not_get_through_is_dropped_and_not_routed():
    narrow = [Contact("a", "b", 0.0, 1.0, 80.0, 1.0), Contact("a", "b", 5.0, 9.0, 1e6, 1.0)]
    heard = []
    network = network_with(
        lambda view, bundle: Hold(),
        narrow,
        summary=lambda view, neighbour: b"x" * 100,
        learn=lambda view, neighbour, told: heard.append((neighbour, told)),
    )
    network.run()
    assert heard == [("a", b"x" * 100)]
    assert [event.reason for event in network.happened(BundleDeleted)] == [7]


def test_a_bundle_that_is_sent_round_and_round_ends_the_run():
    ring = [Contact(a, b, 0.0, 1000.0, 1e6, 0.1) for a, b in ("ab", "bc", "ca")]
    following = {"a": "b", "b": "c", "c": "a"}
    apart = Contact("d", "a", 0.0, 1.0, 1e6, 0.1)
    network = network_with(lambda view, bundle: Send(following[view.node]), [*ring, apart])
    network.send("a", "d")
    with pytest.raises(StrategyFault, match=r"sent it round: 1\d hops among 3 nodes"):
        network.run()


def test_an_unknown_trait_is_named():
    with pytest.raises(InvalidValue, match="sumary"):
        strategy("mistaken", sumary=None)


# --- what need not be asked -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["epidemic", "prophet"])
@settings(max_examples=25)
@given(plan=st.lists(contacts(), min_size=4, max_size=14), data=st.data())
def test_what_a_strategy_says_is_not_worth_asking_would_have_been_held(name, plan, data):
    plan = [Contact(c.source, c.destination, c.start_s, c.end_s, 1e4, c.owlt_s) for c in plan]
    pairs = st.sampled_from(sorted(permutations_of(plan)))
    sent = data.draw(st.lists(st.tuples(pairs, st.integers(0, 10)), min_size=1, max_size=6))
    known = load_strategy(name)
    traits = {key: value for key, value in known.traits.items() if key != "worth_asking"}
    logs = []
    for asked in (known, Strategy(name, known.decide, traits)):
        STRATEGIES["asked"] = asked
        try:
            network = network_of("asked", plan)
        finally:
            del STRATEGIES["asked"]
        for (source, destination), at_s in sent:
            network.send(source, destination, at_s=at_s, size=500)
        network.run()
        logs.append(network.events)
    assert logs[0] == logs[1]


def test_a_strategy_that_gives_others_than_it_was_asked_about_is_named():
    traits = {"worth_asking": lambda view, held: ["b"]}
    STRATEGIES["wrong"] = Strategy("wrong", lambda view, bundle: Hold(), traits)
    try:
        network = network_of("wrong")
    finally:
        del STRATEGIES["wrong"]
    network.send("a", "d")
    with pytest.raises(StrategyFault, match="worth_asking"):
        network.run()
