import math
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dtn.contact_plan import TIME_TOLERANCE_S, Contact, ContactPlan
from dtn.errors import InvalidValue


def contact(rate_bps=8, owlt_s=1, start_s=100, end_s=200):
    return Contact("a", "b", start_s, end_s, rate_bps, owlt_s)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"source": ""}, "source"),
        ({"destination": "a"}, "destination"),
        ({"start_s": math.nan}, "start_s"),
        ({"end_s": math.inf}, "start_s"),
        ({"end_s": 0}, "end_s"),
        ({"end_s": -1}, "end_s"),
        ({"rate_bps": 0}, "rate_bps"),
        ({"rate_bps": -8}, "rate_bps"),
        ({"rate_bps": (0, 0)}, "rate_bps"),
        ({"rate_bps": (8,)}, "rate_bps"),
        ({"rate_bps": (8, -1)}, "rate_bps"),
        ({"rate_bps": (8, math.nan)}, "rate_bps"),
        ({"owlt_s": -1}, "owlt_s"),
        ({"owlt_s": (1, math.inf)}, "owlt_s"),
        ({"owlt_s": (30, 1)}, "owlt_s"),
        ({"source": "a > c"}, "source"),
        ({"destination": "b\n"}, "destination"),
        ({"confidence": 0}, "confidence"),
        ({"confidence": 1.1}, "confidence"),
    ],
)
def test_a_contact_that_cannot_stand_is_refused_by_the_key_at_fault(change, key):
    fields = {"source": "a", "destination": "b", "start_s": 0, "end_s": 9}
    with pytest.raises(InvalidValue) as caught:
        Contact(**({**fields, "rate_bps": 8, "owlt_s": 1} | change))
    assert caught.value.key == key
    assert caught.value.mend


@pytest.mark.parametrize(
    ("rate_bps", "first_s", "size_bytes", "last_s"),
    [
        (8, 100, 0, 100),
        (8, 100, 100, 200),
        (8, 100, 100.1, math.inf),
        (8, 150, 50, 200),
        (8, 90, 10, 110),  # waits for the start
        (8, 201, 0, math.inf),
        ((8, 8), 100, 100, 200),
        ((0, 16), 100, 100, 200),
        ((0, 16), 100, 25, 150),
        ((16, 0), 100, 75, 150),
        ((16, 0), 100, 100, 200),
        ((16, 0), 100, 101, math.inf),
        ((8, 8), 90, 10, 110),
        ((8, 8), 201, 0, math.inf),
        ((8, 0, 0, 8), 100, 50 / 3, 400 / 3),  # the rate falls to nothing: sent when it does
        ((8, 0, 0, 8), 150, 0, 150),  # nothing to send needs no rate
        ((8, 0, 0, 8), 150, 50 / 3, 200),  # waits for the rate to come back
    ],
)
def test_the_last_bit_leaves_when_the_integral_of_the_rate_is_the_size(
    rate_bps, first_s, size_bytes, last_s
):
    found = contact(rate_bps).last_bit_s(first_s, size_bytes)
    assert found == pytest.approx(last_s, abs=1e-9)


def test_arrival_adds_the_light_time_of_the_last_bit():
    drifting = contact(8, (10, 20))
    assert drifting.arrival_s(100, 0) == 110
    assert drifting.arrival_s(100, 50) == 150 + 15
    assert drifting.arrival_s(100, 101) == math.inf
    assert (drifting.owlt_at(0), drifting.owlt_at(999)) == (10, 20)
    assert contact((8, 24)).rate_at(150) == 16


def test_after_a_month_of_gigabits_a_small_bundle_is_still_timed_to_the_nanosecond():
    month = Contact("a", "b", 0, 2.6e6, (1e9, 1.5e9, 1e3), 1)
    first = 2.5999e6
    exact = 1000 / (month.rate_at(first) / 8)
    assert month.last_bit_s(first, 1000) - first == pytest.approx(exact, rel=1e-3)


rates = st.one_of(st.sampled_from([0, 1e3, 1e9]), st.floats(1, 1e9))
sampled = st.lists(rates, min_size=2, max_size=6).map(tuple)


@st.composite
def varying(draw):
    rate = draw(sampled)
    assume(max(rate) > 0)
    start = draw(st.floats(0, 1e6))
    duration = draw(st.floats(1, 1e5))
    owlts = draw(st.lists(st.floats(0, duration / 10), min_size=2, max_size=4).map(tuple))
    return Contact("a", "b", start, start + duration, rate, owlts)


part = st.floats(0, 1)


@given(varying(), part, part)
@example(Contact("a", "b", 0, 3, (8, 0, 0, 8), (0, 0)), 0.5, 0.5)
def test_the_volume_until_the_last_bit_is_the_size(contact, begin, share):
    first = contact.start_s + begin * contact.duration_s
    size = contact.volume_bytes(first) * share
    last = contact.last_bit_s(first, size)
    assert first <= last <= contact.end_s + TIME_TOLERANCE_S
    whole = contact.volume_bytes()
    slack = 1e-9 * whole + 2 * math.ulp(contact.end_s) * max(contact.rate_bps) / 8
    assert contact.volume_bytes(first, last) == pytest.approx(size, abs=slack)


@given(varying(), part, part, st.floats(0, 1.2))
def test_who_sends_sooner_arrives_no_later(contact, one, two, share):
    sooner, later = sorted(contact.start_s + p * contact.duration_s for p in (one, two))
    size = share * contact.volume_bytes()
    slack = 8 * math.ulp(contact.end_s) + 1e-6
    assert contact.arrival_s(sooner, size) <= contact.arrival_s(later, size) + slack


@given(varying(), part)
def test_a_bundle_fits_exactly_if_the_volume_that_is_left_takes_it(contact, begin):
    first = contact.start_s + begin * contact.duration_s
    left = contact.volume_bytes(first)
    noise = 1e-12 * contact.volume_bytes()
    assume(left > 1 + noise)
    assert contact.last_bit_s(first, left * (1 - 1e-9) - noise) < math.inf
    assert contact.last_bit_s(first, left * 1.001 + 2) == math.inf


@given(varying())
def test_the_volume_is_the_area_under_the_samples(contact):
    step = contact.duration_s / (len(contact.rate_bps) - 1)
    trapezoids = sum(a + b for a, b in pairwise(contact.rate_bps))
    assert contact.volume_bytes() == pytest.approx(trapezoids * step / 16)
    middle = contact.start_s + contact.duration_s / 3
    parts = contact.volume_bytes(to_s=middle) + contact.volume_bytes(middle)
    assert parts == pytest.approx(contact.volume_bytes())


@given(sampled, st.floats(0, 1e5))
def test_equal_samples_are_a_number(rate, size):
    level = max(rate)
    assume(level > 0)
    one, many = contact(level, 3), contact((level,) * 5, (3.0,) * 3)
    assert many.volume_bytes(110, 150) == pytest.approx(one.volume_bytes(110, 150))
    lasts = one.last_bit_s(120, size), many.last_bit_s(120, size)
    assert lasts[0] == pytest.approx(lasts[1])


def test_a_plan_numbers_its_contacts_in_the_order_of_their_start():
    late, soon, back = contact(start_s=150), contact(), Contact("b", "a", 100, 120, 8, 1)
    plan = ContactPlan([late, back, soon], ipn_numbers={"z": 9})
    assert plan.contacts == (soon, back, late)
    assert plan.nodes == ("a", "b", "z")
    assert plan == ContactPlan((back, late, soon), ipn_numbers={"z": 9})
    assert plan != ContactPlan(plan.contacts, datetime(2026, 12, 1, tzinfo=UTC), {"z": 9})


def test_whole_seconds_are_kept_as_floats_so_that_events_read_the_same():
    start_s, end_s = contact(start_s=100, end_s=200).start_s, contact(start_s=100, end_s=200).end_s
    assert (repr(start_s), repr(end_s)) == ("100.0", "200.0")
