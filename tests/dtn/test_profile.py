"""The tree to all destinations and the profile over departure times, held to a search at every moment."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_search import best_by_trying_everything, contacts

from dtn.contact_plan import Contact, ContactPlan
from dtn.routing import arrival_profile, arrival_tree, earliest_arrival

STEADY = [
    Contact("a", "b", 0, 10, 80, 1),
    Contact("a", "d", 5, 30, 8, 30),
    Contact("b", "d", 8, 20, 80, 1),
    Contact("b", "d", 40, 50, 80, 1),
]


@given(
    st.lists(contacts(), min_size=1, max_size=6), st.integers(0, 25), st.sampled_from([0, 1, 8, 20])
)
def test_the_tree_arrives_everywhere_when_trying_every_route_does(plan, at_s, size_bytes):
    tree = arrival_tree(ContactPlan(plan), "a", at_s, size_bytes)
    for node in "bcd":
        expected_s, _ = best_by_trying_everything(plan, "a", node, at_s, size_bytes)
        route = tree.get(node)
        found_s = math.inf if route is None else route.delivery_s
        assert found_s == pytest.approx(expected_s, abs=1e-6)
        if route is not None:
            assert (route.contacts[0].source, route.contacts[-1].destination) == ("a", node)


def test_the_tree_of_a_stranger_is_empty():
    assert arrival_tree(ContactPlan(STEADY), "x", 0, 0) == {}
    assert "a" not in arrival_tree(ContactPlan(STEADY), "a", 0, 0)


@st.composite
def steady(draw):
    """A contact whose rate and light time stand still."""
    contact = draw(contacts())
    rate, owlt = draw(st.sampled_from([8, 16, 80])), draw(st.sampled_from([0, 1, 5, 30]))
    return Contact(contact.source, contact.destination, contact.start_s, contact.end_s, rate, owlt)


@given(
    st.lists(steady(), min_size=1, max_size=7),
    st.sampled_from([0, 1, 8, 20]),
    st.lists(st.floats(0, 40), min_size=8, max_size=8),
)
@example(STEADY, 8, [0.0, 4.3, 8.9, 9.7, 12.0, 29.0, 30.0, 31.0])
def test_the_profile_says_at_every_moment_what_a_search_finds(plan, size_bytes, moments):
    plan = ContactPlan(plan)
    pieces = arrival_profile(plan, "a", "d", size_bytes)
    for piece, following in pairwise(pieces):
        assert piece.from_s < piece.until_s <= following.from_s + 1e-6
    edges = {edge for piece in pieces for edge in (piece.from_s, piece.until_s)}
    for t in moments:
        if any(abs(t - edge) < 1e-5 for edge in edges):
            continue
        best = earliest_arrival(plan, "a", "d", t, size_bytes)
        at = [piece for piece in pieces if piece.from_s <= t <= piece.until_s]
        assert len(at) == (best is not None)
        if best is not None:
            assert at[0].arrival_s(t) == pytest.approx(best.delivery_s, abs=1e-5)


@given(st.lists(contacts(), min_size=1, max_size=6), st.floats(0, 40))
def test_a_profile_never_promises_more_than_there_is(plan, t):
    plan = ContactPlan(plan)
    best = earliest_arrival(plan, "a", "d", t, 8)
    for piece in arrival_profile(plan, "a", "d", 8):
        if piece.from_s < t < piece.until_s:
            arrival_s = piece.arrival_s(t)
            assert arrival_s == math.inf or arrival_s >= best.delivery_s - 1e-6


def test_a_profile_of_a_relay_stands_still_rises_and_changes_over():
    pieces = arrival_profile(ContactPlan(STEADY), "a", "d", 8)
    ways = [tuple(c.destination for c in piece.contacts) for piece in pieces]
    spans = [(round(p.from_s, 3), round(p.until_s, 3)) for p in pieces]
    assert ways[0] == ("b", "d")
    assert spans[0] == (0.0, 9.2)  # the last bit leaves by 10
    assert pieces[0].arrival_s(0.0) == pytest.approx(9.8)  # waits for the second contact
    assert pieces[0].arrival_s(9.0) == pytest.approx(12.6)  # follows at once
    assert ways[-1] == ("d",)
    assert spans[-1] == (9.2, 22.0)
    assert arrival_profile(ContactPlan(STEADY), "d", "a", 8) == []
    (late,) = arrival_profile(ContactPlan(STEADY), "a", "d", 8, from_s=12.0, until_s=15.0)
    assert (late.from_s, late.until_s) == (12.0, 15.0)
