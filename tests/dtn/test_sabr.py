import math
from dataclasses import dataclass, field
from itertools import islice

import pytest
from cgr_cases import CASES, case_of, contacts_of, plan_of, queries
from hypothesis import given
from hypothesis import strategies as st

from dtn.contact_plan import Contact, ContactPlan
from dtn.routing.alternatives import alternatives, keys
from dtn.routing.best_route import BestRoute
from dtn.routing.candidate import consider
from dtn.routing.index import index_of
from dtn.routing.sabr import (
    PROFILES,
    RouteCache,
    SabrOptions,
    best_per_neighbour,
    candidates,
    explain,
)

TIME = 1e-6


@dataclass
class Knows:
    """What a node knows of its own traffic, as plain tables."""

    plan: ContactPlan
    backlog: dict = field(default_factory=dict)
    residual: dict = field(default_factory=dict)
    looks: int = 0

    @property
    def changes(self):
        """Tests change the tables as they like."""
        self.looks += 1
        return self.looks

    def queued(self):
        return [neighbour for neighbour, size in self.backlog.items() if size]

    def backlog_bytes(self, neighbour, priority):
        return self.backlog.get(neighbour, 0)

    def residual_bytes(self, contact, priority):
        return self.residual.get(contact, self.plan.contacts[contact].volume_bytes())

    def lacking(self, contacts, priority, size_bytes):
        return [n for n in contacts if self.residual_bytes(n, priority) < size_bytes]


@dataclass
class Load:
    destination: str
    size_bytes: int = 0
    priority: int = 1
    expires_s: float = math.inf


EXACTLY = SabrOptions(evc_ratio=0, evc_minimum_bytes=0)
SABR_CASES = [(c["name"], place) for c in CASES for place in range(len(c.get("sabr", [])))]


@pytest.mark.parametrize(("name", "place"), SABR_CASES)
def test_a_route_is_judged_as_by_hand(name, place):
    case = case_of(name)
    given = case["sabr"][place]
    plan = plan_of(case)
    place_in_plan = [plan.contacts.index(contact) for contact in contacts_of(case)]
    numbers = [place_in_plan[contact] for contact in given["route"]]
    mtv = dict(zip(place_in_plan, given.get("mtv", []), strict=False))
    knows = Knows(plan, {plan.contacts[numbers[0]].destination: given["backlog"]}, mtv)
    index = index_of(plan)
    found = consider(index, numbers, knows, given["evc"], 1, math.inf, given["now"])
    assert found.eto_s == pytest.approx(given["eto"], abs=TIME)
    assert (found.rejected is None) == given["candidate"]
    if given["candidate"]:
        assert found.pbat_s == pytest.approx(given["pbat"], abs=TIME)
        assert found.rvl_bytes == pytest.approx(given["rvl"], abs=TIME)
    elif given["why"][1] == ")":
        assert found.rejected.startswith(f"3.2.6.9 {given['why'][:2]}")


def tutorial():
    case = case_of("tutorial_2021")
    return case["queries"][0], plan_of(case)


def test_the_routes_of_the_tutorial_come_in_the_order_of_yen():
    query, plan = tutorial()
    index = index_of(plan)
    ends = index.ids[str(query["src"])], index.ids[str(query["dst"])]
    routes = list(alternatives(index, *ends, query["at"], 0))
    assert [route.delivery_s for route in routes] == query["yen_deliveries"]
    knows = Knows(plan)
    volumes = [
        consider(index, route.numbers, knows, 0, 1, math.inf, 0).rvl_bytes for route in routes
    ]
    assert volumes == query["yen_volumes"]
    assert [int(route.entry) for route in routes] == query["yen_next_hops"]


@pytest.mark.parametrize(("name", "place"), queries(lambda query: "expected_route" in query))
def test_the_best_candidate_is_the_published_route(name, place):
    case = case_of(name)
    query = case["queries"][place]
    plan = plan_of(case)
    load = Load(str(query["dst"]), query["size"])
    [best] = candidates(index_of(plan), Knows(plan), load, str(query["src"]), query["at"], EXACTLY)
    assert best.pbat_s == pytest.approx(query["expected_delivery"], abs=TIME)
    route = [[c.source, c.destination, c.start_s, c.end_s] for c in best.route.contacts]
    assert route == [[str(a), str(b), *times] for a, b, *times in query["expected_route"]]


@st.composite
def contacts(draw, nodes="abcd"):
    ends = draw(st.lists(st.sampled_from(nodes), min_size=2, max_size=2, unique=True))
    start = draw(st.integers(0, 12))
    duration = draw(st.integers(1, 12))
    rate = draw(st.sampled_from([8, 16, (8, 24), (16, 8, 8)]))
    return Contact(*ends, start, start + duration, rate, draw(st.sampled_from([0, 1, 1, 5])))


def all_candidates(index, knows, load, now_s, excluded=frozenset()):
    """Every loopless route from a, judged; candidates in the order of the keys."""
    found = []

    def follow(node, numbers, visited):
        if node == load.destination:
            evc = EXACTLY.evc_bytes(load.size_bytes)
            one = consider(
                index, numbers, knows, evc, load.priority, load.expires_s, now_s, excluded
            )
            if one.rejected is None:
                found.append(one)
            return
        for number, contact in enumerate(index.contacts):
            if contact.source == node and contact.destination not in visited:
                follow(contact.destination, [*numbers, number], visited | {contact.destination})

    follow("a", [], {"a"})
    return sorted(found, key=lambda one: keys(one.route, index))


situations = st.tuples(
    st.lists(contacts(), min_size=1, max_size=7),
    st.fixed_dictionaries({name: st.sampled_from([0, 0, 3, 20]) for name in "bcd"}),
    st.dictionaries(st.integers(0, 6), st.integers(0, 8)),
    st.sampled_from([1, 2, 6]),
    st.integers(0, 15),
)


@given(situations, st.sampled_from([5, 15, math.inf]), st.frozensets(st.sampled_from("bcd")))
def test_candidates_are_the_best_of_all_routes_by_all_keys(situation, expires_s, excluded):
    contacts, backlog, residual, size, now_s = situation
    plan = ContactPlan(contacts)
    index = index_of(plan)
    knows = Knows(plan, backlog, residual)
    load = Load("d", size, expires_s=expires_s)
    expected = all_candidates(index, knows, load, now_s, excluded)
    found = candidates(index, knows, load, "a", now_s, EXACTLY, excluded, k=1000)
    assert [keys(one.route, index) for one in found] == [keys(one.route, index) for one in expected]
    assert {one.route.numbers for one in found} == {one.route.numbers for one in expected}
    judged = {one.route.numbers: one for one in expected}
    for one in found:
        same = judged[one.route.numbers]
        assert one.eto_s == pytest.approx(same.eto_s, abs=TIME)
        assert one.rvl_bytes == pytest.approx(same.rvl_bytes, abs=TIME)
    for k in (1, 3):
        first = candidates(index, knows, load, "a", now_s, EXACTLY, excluded, k=k)
        assert [one.route for one in first] == [one.route for one in found[:k]]
    through = best_per_neighbour(index, knows, load, "a", now_s, EXACTLY, excluded)
    best = {}
    for one in expected:
        best.setdefault(one.route.entry, keys(one.route, index))
    assert [keys(one.route, index) for one in through] == sorted(best.values())


nodes = st.frozensets(st.sampled_from("bcd"))


@given(situations, st.sampled_from([5, 15, math.inf]), nodes, st.frozensets(st.sampled_from("bc")))
def test_the_best_route_is_the_first_of_all_candidates(situation, expires_s, excluded, avoided):
    contacts, backlog, residual, size, now_s = situation
    plan = ContactPlan(contacts)
    index = index_of(plan)
    knows = Knows(plan, backlog, residual)
    load = Load("d", size, expires_s=expires_s)
    cache = RouteCache()
    best = BestRoute("a", plan, knows, EXACTLY, cache)
    expected = [
        one.route
        for one in all_candidates(index, knows, load, now_s, excluded)
        if not avoided.intersection(contact.destination for contact in one.route.contacts)
    ]
    for _ in range(2):
        found = best.of(load, now_s, excluded, avoided)
        firsts = [] if found is None else [keys(found, index)]
        assert firsts == [keys(route, index) for route in expected[:1]]
        cache.flush()  # the second search knows which contacts are full


moves = st.lists(
    st.tuples(
        st.sampled_from(["wait", "book", "queue"]),
        st.integers(0, 6),
        st.sampled_from("bcd"),
        st.integers(1, 4),
    ),
    max_size=6,
)


@given(situations, moves, st.sampled_from([1, 3]))
def test_the_cache_answers_as_a_search_would_while_things_only_get_worse(situation, moves, k):
    contacts, backlog, residual, size, now_s = situation
    plan = ContactPlan(contacts)
    index = index_of(plan)
    knows = Knows(plan, backlog, residual)
    load = Load("d", size)
    cache = RouteCache()
    best = BestRoute("a", plan, knows, EXACTLY, RouteCache())
    for move, number, neighbour, amount in [("wait", 0, "b", 0), *moves]:
        match move:
            case "wait":
                now_s += amount
            case "book" if number < len(contacts):
                residual[number] = knows.residual_bytes(number, 1) - amount
            case "queue":
                backlog[neighbour] += amount
        cached = candidates(index, knows, load, "a", now_s, EXACTLY, k=k, cache=cache)
        fresh = candidates(index, knows, load, "a", now_s, EXACTLY, k=k)
        assert [keys(one.route, index) for one in cached] == [
            keys(one.route, index) for one in fresh
        ]
        assert [one.eto_s for one in cached] == pytest.approx([one.eto_s for one in fresh])
        first = best.of(load, now_s, frozenset(), frozenset())
        firsts = [] if first is None else [keys(first, index)]
        assert firsts == [keys(one.route, index) for one in fresh[:1]]


def test_a_cached_route_stands_until_its_first_hop_starts():
    plan = ContactPlan([Contact("a", "b", 10, 20, 8e6, 1), Contact("b", "c", 30, 40, 8e6, 1)])
    index, knows, cache = index_of(plan), Knows(plan), RouteCache()
    for now_s in (0, 5, 9.5):
        [found] = candidates(index, knows, Load("c", 1000), "a", now_s, cache=cache)
        assert found.route.departure_s == 10
    assert (cache.searched, cache.found) == (1, 2)
    assert candidates(index, knows, Load("c", 1000), "a", 20.5, cache=cache) == []
    knows.residual[0] = 0
    cache.flush()
    assert candidates(index, knows, Load("c", 1000), "a", 0, cache=cache) == []


def test_a_bundle_that_expires_sooner_does_not_spoil_the_cache_for_the_next():
    plan = ContactPlan([Contact("a", "b", 10, 20, 8e6, 1)])
    index, knows, cache = index_of(plan), Knows(plan), RouteCache()
    assert candidates(index, knows, Load("b", expires_s=5), "a", 0, cache=cache) == []
    assert len(candidates(index, knows, Load("b"), "a", 0, cache=cache)) == 1


ROUNDABOUT = ContactPlan(
    [
        Contact("a", "b", 0, 10, 800, 1),
        Contact("a", "c", 0, 10, 800, 2),
        Contact("b", "d", 0, 20, 800, 1),
        Contact("c", "d", 0, 20, 800, 1),
    ]
)


@pytest.mark.parametrize(
    ("load", "knows", "excluded", "reasons"),
    [
        (Load("d", 300), {}, set(), [None, None]),
        (Load("d", 300, expires_s=2.5), {}, set(), ["e)", "a)"]),
        (Load("d", 300), {}, {"b"}, ["b)", None]),
        (Load("d", 300), {"backlog": {"b": 1100}}, set(), ["d)", None]),
        (Load("d", 300), {"residual": {0: 0}}, set(), ["f)", None]),
        (Load("d", 300), {"residual": {0: 399}}, set(), ["g)", None]),
    ],
)
def test_an_explanation_names_the_clause_that_rejected_each_route(load, knows, excluded, reasons):
    found = explain(
        index_of(ROUNDABOUT), Knows(ROUNDABOUT, **knows), load, "a", 0, excluded=excluded
    )
    assert [one.route.entry for one in found] == ["b", "c"]
    for one, reason in zip(found, reasons, strict=True):
        assert (one.rejected is None) == (reason is None)
        assert reason is None or one.rejected.startswith(f"3.2.6.9 {reason}")


def test_the_volume_consumption_is_the_size_and_three_percent_or_a_hundred_bytes():
    sabr = PROFILES["sabr"]
    assert (sabr.evc_bytes(1000), sabr.evc_bytes(10_000)) == (1100, 10_300)
    assert PROFILES["ion"].evc_bytes(10_000) == 10_625


def test_a_margin_on_light_time_makes_arrivals_later_and_leaves_the_contacts_as_they_are():
    plan = ContactPlan([Contact("a", "b", 0, 9, 8e6, 100), Contact("b", "c", 0, 250, 8e6, (1, 2))])
    [found] = candidates(
        index_of(plan), Knows(plan), Load("c"), "a", 0, SabrOptions(owlt_margin=0.5)
    )
    assert found.pbat_s == pytest.approx(150 + 1.5 * 1.6, abs=0.01)
    assert found.route.contacts == plan.contacts


def test_the_list_that_stops_early_misses_the_better_candidate_behind_a_queue():
    knows = Knows(ROUNDABOUT, {"b": 900})
    index, load = index_of(ROUNDABOUT), Load("d", 0)
    [early] = candidates(index, knows, load, "a", 0, PROFILES["ion"])
    [complete] = candidates(index, knows, load, "a", 0)
    assert (early.route.entry, complete.route.entry) == ("b", "c")
    each = candidates(index, knows, load, "a", 0, PROFILES["unibo"], k=9)
    assert [one.route.entry for one in each] == ["c", "b"]


def test_routes_come_one_by_one_without_listing_all():
    nodes = [f"n{number:02}" for number in range(20)]
    plan = ContactPlan([Contact(a, b, 0, 100, 8e6, 1) for a in nodes for b in nodes if a != b])
    routes = list(islice(alternatives(index_of(plan), 0, 19, 0, 100), 40))
    assert len({route.numbers for route in routes}) == 40
    assert [route.hops for route in routes] == [1] + [2] * 18 + [3] * 21
