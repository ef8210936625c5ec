"""Folds that the page shows: link use, storage over time, readable quantities."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import PLAN, SIMPLE, delivered, hop, in_order, sourced, story

from dtn.events import BundleDeleted, BundleDuplicate, BundleFragmented, BundleHeld, BundleReceived
from emulator.reports.history import history_of
from emulator.reports.links import LinkUse, link_use
from emulator.reports.readable import (
    bytes_text,
    duration_text,
    moment_text,
    rate_text,
    share_text,
)
from emulator.reports.storage import Stay, stays, stored_bytes


def test_a_link_is_used_by_what_was_sent_of_what_it_could_carry_while_up():
    uses = link_use(history_of(SIMPLE), PLAN)
    assert uses == [
        LinkUse("a", "b", 1000, 100_000.0, 100.0, 1),
        LinkUse("b", "c", 1000, 250_000.0, 250.0, 1),
    ]


STAYS = [
    (SIMPLE, [Stay("a", 50, 111, 1000), Stay("b", 112, 151, 1000), Stay("c", 153, 153, 1000)]),
    (story(sourced(50.0), BundleDeleted(70.0, "a", "x", 1)), [Stay("a", 50, 70, 1000)]),
    (story(sourced(50.0), BundleHeld(500.0, "a", "x")), [Stay("a", 50, 500, 1000)]),
    (  # sent, but a copy is kept
        story(sourced(100.0), hop(100.0, "a", "b"), BundleHeld(500.0, "a", "x")),
        [Stay("a", 100, 500, 1000), Stay("b", 102, 102, 1000)],
    ),
    (  # a duplicate does not count twice
        story(
            sourced(100.0),
            hop(100.0, "a", "b"),
            BundleReceived(103.0, "b", "x", "a", 1000),
            BundleDuplicate(103.0, "b", "x", "a"),
            BundleHeld(500.0, "b", "x"),
        ),
        [Stay("a", 100, 101, 1000), Stay("b", 102, 500, 1000)],
    ),
    (
        in_order(
            sourced(90.0),
            BundleFragmented(100.0, "a", "x", ("x/0+5", "x/5+5")),
            hop(100.0, "a", "b", "x/0+5", 600),
            hop(110.0, "a", "b", "x/5+5", 500),
        ),
        [
            Stay("a", 90, 100, 1000),
            Stay("a", 100, 100.6, 600),
            Stay("a", 100, 110.5, 500),
            Stay("b", 101.6, 101.6, 600),
            Stay("b", 111.5, 111.5, 500),
        ],
    ),
]


@pytest.mark.parametrize(("events", "expected"), STAYS)
def test_a_piece_stays_from_its_arrival_until_it_is_gone(events, expected):
    found = sorted(stays(history_of(events)))
    assert [(s.node, s.size_bytes) for s in found] == [(s.node, s.size_bytes) for s in expected]
    for stay, wanted in zip(found, expected, strict=True):
        assert (stay.from_s, stay.until_s) == pytest.approx((wanted.from_s, wanted.until_s))


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 50), st.integers(1, 9)), min_size=1),
    st.integers(1, 12),
)
def test_storage_is_the_most_held_in_each_interval(bundles, bins):
    events = in_order(
        *(
            [
                sourced(float(t), str(n))._replace(size_bytes=size),
                BundleDeleted(float(t + stay), "a", str(n), 1),
            ]
            for n, (t, stay, size) in enumerate(bundles)
        )
    )
    edges = np.linspace(0.0, 150.0, bins + 1)
    held = stored_bytes(history_of(events), edges)["a"]
    for n, (first, last) in enumerate(pairwise(edges)):
        moments = [first, *(float(t) for t, _, _ in bundles if first <= t < last)]
        expected = max(
            sum(size for t, stay, size in bundles if t <= moment < t + stay) for moment in moments
        )
        before = sum(size for t, stay, size in bundles if t < first <= t + stay)
        assert held[n] == max(expected, before)


READABLE = [
    (duration_text(None), "–"),
    (duration_text(math.inf), "never"),
    (duration_text(0.0), "0 s"),
    (duration_text(1.2834), "1.28 s"),
    (duration_text(0.00251), "2.51 ms"),
    (duration_text(119.0), "119 s"),
    (duration_text(744.0), "12.4 min"),
    (duration_text(86400.0), "24 h"),
    (duration_text(200_000.0), "2.31 d"),
    (bytes_text(940), "940 B"),
    (bytes_text(1_234_567), "1.23 MB"),
    (rate_text(2.5e9), "2.5 Gbit/s"),
    (share_text(0, 0), "–"),
    (share_text(99_999, 100_000), "> 99.9 %"),
    (share_text(1, 100_000), "< 0.1 %"),
    (share_text(1, 1), "100 %"),
    (moment_text(3661.5, "2026-12-01T00:00:00+00:00"), "2026-12-01 01:01:01.500"),
    (moment_text(3661.5, ""), "3661.500 s"),
]


@pytest.mark.parametrize(("said", "expected"), READABLE)
def test_quantities_read_as_people_write_them(said, expected):
    assert said == expected


def test_delivery_ends_a_stay_at_the_destination():
    events = story(sourced(50.0), hop(110.0, "a", "b"), hop(150.0, "b", "c"), delivered(160.0))
    assert Stay("c", 153.0, 160.0, 1000) in list(stays(history_of(events)))
