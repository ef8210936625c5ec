import math
import random
import subprocess
import sys
from itertools import pairwise

import pytest
from cgr_cases import case_of, plan_of, queries
from hypothesis import example, given
from hypothesis import strategies as st

from dtn.contact_plan import Contact, ContactPlan
from dtn.routing import contact_graph, earliest_arrival
from dtn.routing.graph import earliest_arrival_in
from dtn.routing.index import index_of
from dtn.routing.query import Knowledge
from dtn.routing.search import search

TIME = 1e-6


def best_by_trying_everything(contacts, source, destination, at_s, size_bytes):
    """Soonest arrival and, among routes as soon, fewest hops.

    Over all loopless sequences of contacts.
    """
    best = (math.inf, 0)

    def follow(node, t, hops, visited):
        nonlocal best
        if node == destination:
            if t < best[0] - TIME or (t < best[0] + TIME and hops < best[1]):
                best = (t, hops)
            return
        for contact in contacts:
            if contact.source != node or contact.destination in visited:
                continue
            if contact.end_s < t:
                continue
            there = contact.arrival_s(max(t, contact.start_s), size_bytes)
            if there < math.inf:
                follow(contact.destination, there, hops + 1, visited | {contact.destination})

    follow(source, at_s, 0, {source})
    return best


@st.composite
def contacts(draw, nodes="abcd"):
    ends = draw(st.lists(st.sampled_from(nodes), min_size=2, max_size=2, unique=True))
    start = draw(st.integers(0, 20))
    duration = draw(st.integers(1, 15))
    rate = draw(
        st.one_of(st.sampled_from([8, 16, 80]), st.tuples(*[st.sampled_from([0, 8, 40])] * 3))
    )
    owlt = draw(
        st.one_of(st.sampled_from([0, 1, 5, 30]), st.tuples(*[st.sampled_from([1, 1.5])] * 2))
    )
    if rate == (0, 0, 0):
        rate = (8, 0, 8)
    return Contact(*ends, start, start + duration, rate, owlt)


@pytest.mark.parametrize(("name", "place"), queries(lambda query: query.get("closed", True)))
def test_a_published_case_has_its_published_answer(name, place):
    case = case_of(name)
    query = case["queries"][place]
    ends = str(query["src"]), str(query["dst"])
    route = earliest_arrival(plan_of(case), *ends, query["at"], query["size"])
    if "expected_delivery" in query:
        expected = query["expected_delivery"]
        assert (route and route.delivery_s) == (expected and pytest.approx(expected, abs=TIME))
    if "expected_hops" in query:
        assert (route and route.hops) == query["expected_hops"]
    if "expected_next_hop" in query:
        assert route.entry == str(query["expected_next_hop"])


@pytest.mark.parametrize(("name", "place"), queries(lambda query: not query.get("closed", True)))
def test_a_case_with_open_ends_has_its_answer_when_ends_are_open(name, place):
    case = case_of(name)
    query = case["queries"][place]
    index = index_of(plan_of(case))
    ends = index.ids[str(query["src"])], index.ids[str(query["dst"])]
    known = Knowledge(closed_ends=False)
    route = search(index, *ends, query["at"], query["size"], known)
    assert (route and route.delivery_s) == query["expected_delivery"]


def test_light_time_that_jumps_lets_a_later_contact_overtake():
    plan = ContactPlan([Contact("a", "b", 0, 10, 8e6, 100), Contact("a", "b", 10, 20, 8e6, 1)])
    assert earliest_arrival(plan, "a", "b", 0, 0).delivery_s == 11
    assert earliest_arrival(plan, "a", "b", 12, 0).delivery_s == 13


def test_of_overlapping_contacts_the_one_that_arrives_first_is_taken():
    plan = ContactPlan(
        [
            Contact("a", "b", 0, 100, 8, 1),
            Contact("a", "b", 5, 50, 800, 2),
            Contact("a", "b", 6, 7, 8, 0),
        ]
    )
    assert earliest_arrival(plan, "a", "b", 0, 10).delivery_s == pytest.approx(7.1)
    assert earliest_arrival(plan, "a", "b", 0, 1).delivery_s == 2


def test_a_contact_open_already_is_entered_at_once():
    plan = ContactPlan([Contact("a", "b", 0, 100, 8, 3)])
    route = earliest_arrival(plan, "a", "b", 40, 10)
    assert (route.departure_s, route.delivery_s) == (40, 53)


def test_a_bundle_that_fills_a_contact_to_its_end_fits_and_one_byte_more_does_not():
    plan = ContactPlan([Contact("a", "b", 0, 0.3, 80, 1)])
    assert earliest_arrival(plan, "a", "b", 0, 3).delivery_s == pytest.approx(1.3)
    assert earliest_arrival(plan, "a", "b", 0, 4) is None


def test_no_route_to_oneself_to_a_stranger_or_against_the_direction():
    plan = ContactPlan([Contact("a", "b", 0, 10, 8, 1)])
    assert earliest_arrival(plan, "a", "a", 0, 0) is None
    assert earliest_arrival(plan, "a", "nobody", 0, 0) is None
    assert earliest_arrival(plan, "nobody", "a", 0, 0) is None
    assert earliest_arrival(plan, "b", "a", 0, 0) is None


DIAMOND = ContactPlan(
    [
        Contact("a", "b", 0, 100, 80, 1),
        Contact("a", "c", 0, 100, 80, 2),
        Contact("b", "d", 0, 100, 80, 1),
        Contact("c", "d", 0, 100, 80, 2),
    ]
)


def route_knowing(at_s, size_bytes, **known):
    index = index_of(DIAMOND)
    return search(index, index.ids["a"], index.ids["d"], at_s, size_bytes, Knowledge(**known))


def test_an_excluded_neighbour_is_not_entered_first():
    assert route_knowing(0, 10).entry == "b"
    assert route_knowing(0, 10, excluded={"b"}).entry == "c"
    assert route_knowing(0, 10, excluded={"b", "c"}) is None


def test_a_contact_whose_volume_is_booked_is_passed_over():
    booked = {DIAMOND.contacts.index(Contact("b", "d", 0, 100, 80, 1)): 990}
    residual = lambda number: 1000 - booked.get(number, 0)  # noqa: E731
    assert route_knowing(0, 10, residual_bytes=residual).entry == "b"
    assert route_knowing(0, 11, residual_bytes=residual).entry == "c"


def test_what_is_queued_to_a_neighbour_delays_the_first_hop():
    route = route_knowing(0, 10, backlog_bytes={"b": 5, "c": 0}.__getitem__, queued=("b",))
    assert (route.entry, route.departure_s, route.delivery_s) == ("b", 0.5, 4.5)
    route = route_knowing(0, 10, backlog_bytes={"b": 50, "c": 0}.__getitem__, queued=("b",))
    assert (route.entry, route.departure_s, route.delivery_s) == ("c", 0, 6)


def test_arrivals_after_the_deadline_are_no_use():
    assert route_knowing(0, 10, deadline_s=4).delivery_s == 4
    assert route_knowing(0, 10, deadline_s=3.9) is None


@given(
    st.lists(contacts(), min_size=1, max_size=6), st.integers(0, 25), st.sampled_from([0, 1, 8, 20])
)
@example([Contact("a", "b", 0, 10, 8, 30), Contact("a", "b", 10, 20, 8, 1)], 0, 1)
def test_arrival_and_hops_equal_those_of_trying_every_route(contacts, at_s, size_bytes):
    expected = best_by_trying_everything(contacts, "a", "d", at_s, size_bytes)
    plan = ContactPlan(contacts)
    route = earliest_arrival(plan, "a", "d", at_s, size_bytes)
    if route is None:
        assert expected == (math.inf, 0)
        return
    assert (route.delivery_s, route.hops) == (pytest.approx(expected[0], abs=TIME), expected[1])
    assert route.contacts == tuple(plan.contacts[number] for number in route.numbers)
    assert (route.contacts[0].source, route.contacts[-1].destination) == ("a", "d")
    assert all(one.destination == two.source for one, two in pairwise(route.contacts))
    index = index_of(plan)
    known = Knowledge(residual_bytes=lambda number: math.inf, backlog_bytes=lambda name: 0.0)
    same = search(index, index.ids["a"], index.ids["d"], at_s, size_bytes, known)
    assert (same.delivery_s, same.hops) == (route.delivery_s, route.hops)


def test_the_contact_graph_has_an_edge_for_each_contact():
    plan = ContactPlan(DIAMOND.contacts, ipn_numbers={"a": 1, "z": 26})
    graph = contact_graph(plan)
    assert sorted(graph) == ["a", "b", "c", "d", "z"]
    assert graph.nodes["a"] == {"ipn": 1}
    for number, contact in enumerate(plan.contacts):
        edge = graph.edges[contact.source, contact.destination, number]
        assert edge["contact"] == contact
        assert (edge["start_s"], edge["rate_bps"]) == (contact.start_s, contact.rate_bps)
    assert graph.number_of_edges() == 4


@pytest.mark.parametrize(("name", "place"), queries(lambda query: query.get("closed", True)))
def test_the_plain_search_over_the_graph_agrees_on_every_published_case(name, place):
    query = case_of(name)["queries"][place]
    plan = plan_of(case_of(name))
    question = str(query["src"]), str(query["dst"]), query["at"], query["size"]
    assert outcome(earliest_arrival_in(contact_graph(plan), *question)) == outcome(
        earliest_arrival(plan, *question)
    )


def outcome(route):
    return None if route is None else (round(route.delivery_s, 6), route.hops)


@given(
    st.lists(contacts("abcdefgh"), min_size=6, max_size=40),
    st.integers(0, 25),
    st.sampled_from([0, 1, 3]),
)
def test_both_searches_agree_on_arrival_and_hops(contacts, at_s, size_bytes):
    plan = ContactPlan(contacts)
    question = ("a", "h", at_s, size_bytes)
    plain = earliest_arrival_in(contact_graph(plan), *question)
    assert outcome(earliest_arrival(plan, *question)) == outcome(plain)


def test_both_searches_agree_on_random_plans_of_twenty_nodes():
    draw = random.Random(5)
    nodes = [f"n{number}" for number in range(20)]
    for _ in range(3):
        plan = ContactPlan(
            Contact(
                *draw.sample(nodes, 2),
                start := round(draw.uniform(0, 3000)),
                start + round(draw.uniform(10, 300)),
                draw.choice([8e3, 8e4, (8e3, 8e4, 0)]),
                draw.choice([0.5, 5, (5, 6), 100]),
            )
            for _ in range(500)
        )
        graph = contact_graph(plan)
        for _ in range(25):
            question = (*draw.sample(nodes, 2), draw.uniform(0, 2000), draw.choice([0, 1e4, 1e5]))
            plain = earliest_arrival_in(graph, *question)
            assert outcome(earliest_arrival(plan, *question)) == outcome(plain)


def test_importing_the_search_does_not_import_networkx():
    code = "import sys, dtn.routing; sys.exit('networkx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
