"""What is to happen, in one order."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import InvalidValue
from nodes.agenda import Agenda


def run_all(agenda):
    while agenda.run(math.inf, 1000):
        pass


@given(st.lists(st.sampled_from([0.0, 1.0, 2.5, 2.5, 7.0]), max_size=40))
def test_equal_times_are_first_in_first_out_one_by_one_or_all_at_once(moments):
    agenda, seen = Agenda(), []
    agenda.schedule_all(seen.append, [(at_s, (at_s, n)) for n, at_s in enumerate(moments)])
    for n, at_s in enumerate(moments, len(moments)):
        agenda.schedule(at_s, seen.append, (at_s, n))
    run_all(agenda)
    assert seen == sorted(seen)
    assert len(seen) == 2 * len(moments)


def test_arrivals_come_after_all_else_that_is_due_in_their_own_order():
    agenda, seen = Agenda(), []
    agenda.add_arrival(1.0, 2, seen.append, ("second arrival",))
    agenda.add_arrival(1.0, 1, seen.append, ("first arrival",))
    agenda.schedule(1.0, lambda: agenda.schedule(1.0, seen.append, "set meanwhile"))
    agenda.schedule(1.0, seen.append, "set before")
    run_all(agenda)
    assert seen == ["set before", "set meanwhile", "first arrival", "second arrival"]


def test_the_present_is_the_due_time_of_what_runs_and_what_is_past_happens_now():
    agenda, seen = Agenda(), []
    agenda.schedule(5.0, agenda.schedule, 3.0, lambda: seen.append(agenda.time()))
    run_all(agenda)
    assert seen == [5.0]
    assert agenda.next_s() == math.inf


@pytest.mark.parametrize(
    ("horizon_s", "most", "ran"), [(2.0, 9, 2), (9.0, 1, 1), (0.5, 9, 0), (9.0, 9, 3)]
)
def test_it_stops_at_the_horizon_after_so_many_entries_and_at_those_without_a_callback(
    horizon_s, most, ran
):
    agenda = Agenda()
    for at_s in (1.0, 2.0, 3.0):
        agenda.schedule(at_s, int)
    agenda.add(3.0, None, ("not ours",))
    agenda.schedule(4.0, int)
    assert agenda.run(horizon_s, most) == ran


def test_what_runs_may_be_the_last_for_now():
    agenda, seen = Agenda(), []

    def halt():
        agenda.is_halted = True

    agenda.schedule(1.0, halt)
    agenda.schedule(2.0, seen.append, "later")
    assert agenda.run(9.0, 9) == 1
    agenda.is_halted = False
    assert agenda.run(9.0, 9) == 1
    assert seen == ["later"]


def test_no_number_is_no_moment():
    with pytest.raises(InvalidValue, match="when_s"):
        Agenda().schedule(math.nan, int)
