"""Jobs on the wire, the executor as a machine, votes, and policies as users bring them."""

import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn import cbor
from dtn.errors import BadInput, InvalidValue, MalformedBundle
from nodes.computing import Computing, Executor, Job, load_placement
from nodes.computing.executor import PAST_DEADLINE, Dropped, Finished, Started
from nodes.computing.job import (
    Answer,
    Endpoint,
    Task,
    decode_answer,
    decode_task,
    encode_answer,
    encode_task,
)
from nodes.computing.voting import residual_error, wrong_runs

HOME = Endpoint(100, 12)


def job(name="0", operations=1000, deadline_s=math.inf, value=1, runs=1):
    return Job(
        id=f"watch/craft/{name}/onboard",
        home=HOME,
        input_bytes=0,
        operations=operations,
        output_bytes=10,
        deadline_s=deadline_s,
        value=value,
        runs=runs,
    )


def executor(operations_per_s=1000.0, **options):
    """One slot computes a thousand operations a second, a watt a thousand."""
    slots = options.get("slots", 1)
    return Executor(
        Computing(operations_per_joule=1000.0, power_w=operations_per_s * slots / 1000, **options)
    )


def run(machine, arrivals, speeds=()):
    """Let jobs come and speeds change, each at its time; returns (t_s, outcome) to the end."""
    moments = [(t_s, 1, one) for t_s, one in arrivals] + [(t_s, 0, speed) for t_s, speed in speeds]
    happened = []

    def until(t_s):
        while machine.next_timer() <= t_s and machine.next_timer() < math.inf:
            due_s = machine.next_timer()
            happened.extend((due_s, outcome) for outcome in machine.on_timer(due_s))

    for t_s, kind, what in sorted(moments, key=lambda moment: moment[:2]):
        until(t_s)
        if kind:
            happened.extend((t_s, outcome) for outcome in machine.submit(what, t_s))
        else:
            machine.change_speed(what, t_s)
    until(math.inf)
    return happened


def when(happened, kind):
    return {one.job.id.split("/")[2]: t_s for t_s, one in happened if isinstance(one, kind)}


# ----------------------------------------------------------------------------------- on the wire


ids = st.lists(st.text("abc-9", min_size=1), min_size=4, max_size=4).map("/".join)
tasks = st.builds(
    lambda job_id, operations, output_bytes, deadline_us, value, half, acts_at, node, octets: Task(
        Job(
            id=job_id,
            home=Endpoint(node, 7),
            input_bytes=len(octets),
            operations=operations,
            output_bytes=output_bytes,
            deadline_s=deadline_us / 1e6,
            value=value,
            runs=2 * half + 1,
            acts_at=acts_at,
        ),
        octets,
    ),
    ids,
    st.integers(1, 2**63),
    st.integers(0, 2**40),
    st.integers(0, 2**50),
    st.integers(0, 2**32),
    st.integers(0, 500),
    st.sampled_from(["source", "home"]),
    st.integers(1, 2**32),
    st.binary(max_size=64),
)


@given(tasks)
def test_a_task_is_read_back_as_it_was_sent(task):
    assert decode_task(encode_task(task)) == task


@given(ids, st.booleans(), st.integers(0, 2**50), st.binary(max_size=64))
def test_an_answer_is_read_back_as_it_was_sent(job_id, acts, free_us, output):
    answer = Answer(id=job_id, acts=acts, free_s=free_us / 1e6, output=output)
    assert decode_answer(encode_answer(answer)) == answer


def test_the_octets_of_a_task_are_those_of_the_documentation():
    cbor2 = pytest.importorskip("cbor2")  # a reader of CBOR that is not ours
    task = Task(job(deadline_s=2.5, runs=3, value=7), b"seen")
    assert cbor2.loads(encode_task(task)) == [
        1,
        "watch/craft/0/onboard",
        1000,
        10,
        2_500_000,
        7,
        3,
        0,
        [100, 12],
        b"seen",
    ]
    answer = Answer(id="w/c/0/moon", acts=True, free_s=1.0, output=b"go")
    assert cbor2.loads(encode_answer(answer)) == [2, "w/c/0/moon", 1, 1_000_000, b"go"]


GOOD = encode_task(Task(job(deadline_s=2.5), b"seen"))


@given(st.data())
def test_octets_that_are_no_task_cost_themselves_and_nothing_else(data):
    octets = bytearray(GOOD)
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(octets[: data.draw(st.integers(0, len(octets)))])
    for payload in (bytes(octets), cut, bytes(octets) + b"\0", data.draw(st.binary(max_size=80))):
        for decode in (decode_task, decode_answer):
            try:
                decode(payload)
            except MalformedBundle:
                continue


@pytest.mark.parametrize(
    ("place", "octets", "layer"),
    [
        (2, cbor.uint(0), "job"),  # no operations
        (6, cbor.uint(2), "job"),  # an even vote
        (6, cbor.uint(1003), "job"),  # a vote without end
        (7, cbor.uint(2), "job"),  # acts nowhere
        (0, cbor.uint(2), "job"),  # an answer's kind
        (1, cbor.text_string("no-slashes"), "job"),
        (2, cbor.byte_string(b"x"), "codec"),
    ],
)
def test_a_task_with_one_bad_item_is_refused(place, octets, layer):
    items = [
        cbor.uint(1),
        cbor.text_string("watch/craft/0/onboard"),
        *map(cbor.uint, (1000, 10, 2_500_000, 1, 1, 0)),
        cbor.head(4, 2) + cbor.uint(1) + cbor.uint(2),
        cbor.byte_string(b""),
    ]
    decode_task(cbor.head(4, 10) + b"".join(items))
    items[place] = octets
    with pytest.raises(MalformedBundle) as caught:
        decode_task(cbor.head(4, 10) + b"".join(items))
    assert caught.value.layer == layer


# --------------------------------------------------------------------------------- the executor


def test_a_job_alone_takes_its_operations_over_what_a_slot_computes():
    happened = run(executor(), [(5.0, job(operations=2000, runs=3))])
    assert when(happened, Started) == {"0": 5.0}
    assert when(happened, Finished) == {"0": 11.0}


def test_of_two_slots_each_has_half_the_power_and_half_the_speed():
    computing = Computing(operations_per_joule=1000.0, power_w=1.0, slots=2)
    assert (computing.slot_w, computing.full_speed_s(1000), computing.energy_j(1000)) == (
        0.5,
        2.0,
        1.0,
    )
    machine = Executor(computing)
    machine.submit(job("a"), 0.0)
    assert machine.asks_w == 0.5
    machine.submit(job("b"), 0.0)
    assert machine.asks_w == 1.0
    machine.submit(job("c"), 0.0)
    assert (machine.asks_w, machine.busy, machine.waiting) == (1.0, 2, 1)


@pytest.mark.parametrize(
    ("queue", "order"),
    [
        ("fifo", ["0", "long", "urgent", "dear"]),
        ("edf", ["0", "urgent", "long", "dear"]),
        ("shortest", ["0", "dear", "urgent", "long"]),
        ("value", ["0", "dear", "long", "urgent"]),
    ],
)
def test_who_waits_is_served_in_the_order_of_the_discipline(queue, order):
    arrivals = [
        (0.0, job("0", 1000)),
        (0.1, job("long", 5000, deadline_s=50.0)),
        (0.2, job("urgent", 4000, deadline_s=10.0)),
        (0.3, job("dear", 3000, deadline_s=90.0, value=9)),
    ]
    happened = run(executor(queue=queue), arrivals)
    assert list(when(happened, Started)) == order


def test_a_job_stands_still_while_there_is_no_power_and_loses_nothing():
    happened = run(executor(), [(0.0, job(operations=10_000))], [(4.0, 0.0), (100.0, 0.5)])
    assert when(happened, Finished)["0"] == pytest.approx(112.0)
    assert next(one for _, one in happened if isinstance(one, Finished)).full_speed_s == 10.0


def test_a_job_whose_deadline_is_past_when_its_turn_comes_is_let_go_only_where_that_is_asked_for():
    arrivals = [(0.0, job("a", 5000)), (1.0, job("b", 1000, deadline_s=4.0))]
    kept, dropped = (run(executor(drop_late=late), arrivals) for late in (False, True))
    assert when(kept, Finished) == {"a": 5.0, "b": 6.0}
    assert [one for _, one in dropped if isinstance(one, Dropped)] == [
        Dropped(arrivals[1][1], PAST_DEADLINE)
    ]


def test_a_memory_that_is_lost_loses_every_job_in_the_order_in_which_they_came():
    machine = executor(queue="value")
    for number in range(4):
        machine.submit(job(str(number), value=number), 0.0)
    gone = [one.job.id.split("/")[2] for one in machine.clear("reset", 0.5)]
    assert gone == ["0", "1", "2", "3"]
    assert (machine.next_timer(), machine.busy, machine.backlog_s(0.5)) == (math.inf, 0, 0.0)


def test_the_backlog_is_how_long_the_next_one_waits():
    machine = executor()
    assert machine.backlog_s(0.0) == 0.0
    machine.submit(job("a", 4000), 0.0)
    machine.submit(job("b", 3000), 1.0)
    assert machine.backlog_s(1.0) == pytest.approx(6.0)
    happened = [*machine.submit(job("c", 1000), 1.0)]
    happened = run(machine, [])
    assert when(happened, Started)["c"] == pytest.approx(7.0)


arrivals_ = st.lists(
    st.tuples(st.floats(0, 1000), st.integers(1, 100_000), st.floats(0, 2000), st.integers(0, 3)),
    max_size=12,
)
speeds_ = st.lists(st.tuples(st.floats(0, 1500), st.sampled_from([0.0, 0.25, 1.0])), max_size=5)


@given(
    arrivals_,
    speeds_,
    st.integers(1, 3),
    st.sampled_from(["fifo", "edf", "shortest", "value"]),
    st.booleans(),
)
def test_every_job_ends_once_never_early_and_no_slot_idles_while_one_waits(
    given_jobs, speeds, slots, queue, drop_late
):
    arrivals = [
        (came_s, job(str(n), operations, deadline_s, value))
        for n, (came_s, operations, deadline_s, value) in enumerate(given_jobs)
    ]
    came = {one.id: (came_s, one) for came_s, one in arrivals}
    machine = executor(queue=queue, slots=slots, drop_late=drop_late)
    happened = run(machine, arrivals, [*speeds, (2000.0, 1.0)])
    ends = [one.job.id for _, one in happened if not isinstance(one, Started)]
    assert sorted(ends) == sorted(came)
    running = waiting = 0
    changes = sorted(
        [(came_s, 0, 0, 1) for came_s, _ in arrivals]
        + [
            (t_s, 1, *((1, -1) if isinstance(one, Started) else (0, -1)))
            if not isinstance(one, Finished)
            else (t_s, 1, -1, 0)
            for t_s, one in happened
        ]
    )
    steps = {}
    for t_s, _, runs, waits in changes:
        running += runs
        waiting += waits
        steps[t_s] = (running, waiting)
    for runs, waits in steps.values():  # at the end of each moment
        assert 0 <= runs <= slots
        assert waits == 0 or runs == slots
    started = {one.job.id: t_s for t_s, one in happened if isinstance(one, Started)}
    for t_s, one in happened:
        if isinstance(one, Finished):
            taken_s = t_s - started[one.job.id]
            assert started[one.job.id] >= came[one.job.id][0]
            assert taken_s >= one.full_speed_s - 1e-6
            assert one.full_speed_s == pytest.approx(one.job.operations / 1000)
        elif isinstance(one, Dropped):
            assert drop_late
            assert one.job.deadline_s <= t_s + 1e-9


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 50_000)), min_size=1, max_size=10))
def test_one_slot_first_come_first_served_follows_lindleys_recursion(given_jobs):
    ordered = sorted(enumerate(given_jobs), key=lambda one: one[1][0])
    arrivals = [(came_s, job(str(n), operations)) for n, (came_s, operations) in ordered]
    finished = when(run(executor(), arrivals), Finished)
    free_s = 0.0
    for (
        came_s,
        one,
    ) in arrivals:  # D. V. Lindley, 1952: each begins when it has come and the last is done
        free_s = max(free_s, came_s) + one.operations / 1000
        assert finished[one.id.split("/")[2]] == pytest.approx(free_s, abs=1e-6)


def test_a_queue_at_random_waits_as_long_as_theory_says():
    rng = random.Random(1)
    at_s, arrivals = 0.0, []
    for number in range(20_000):
        at_s += rng.expovariate(0.5)
        arrivals.append((at_s, job(str(number), 1000)))
    started = when(run(executor(), arrivals), Started)
    waits = [started[one.id.split("/")[2]] - came_s for came_s, one in arrivals]
    # M/D/1 (Pollaczek-Khinchine): rho = 0.5, service 1 s: rho / (2 (1 - rho)) = 0.5 s
    assert fmean(waits) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    "wrong",
    [{"operations_per_joule": -1.0}, {"power_w": 0.0}, {"slots": 0}, {"upset_probability": 2.0}],
)
def test_an_executor_that_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidValue):
        Computing(**{"operations_per_joule": 1.0, "power_w": 1.0, **wrong})


# ----------------------------------------------------------------------------------------- votes


@pytest.mark.parametrize(
    ("p", "runs", "expected"),
    [
        (0.1, 1, 0.1),
        (0.1, 3, 3 * 0.01 * 0.9 + 0.001),  # 2 or 3 of 3
        (0.01, 3, 3 * 1e-4 * 0.99 + 1e-6),
        (0.5, 101, 0.5),
        (0.0, 5, 0.0),
        (1.0, 5, 1.0),
    ],
)
def test_what_is_left_of_errors_after_a_vote_is_the_binomial_tail(p, runs, expected):
    assert residual_error(p, runs) == pytest.approx(expected, rel=1e-12)


def test_votes_drawn_are_wrong_as_often_as_the_formula_says():
    rng, n = random.Random(7), 20_000
    wrong = sum(wrong_runs(0.2, 3, rng) >= 2 for _ in range(n))
    expected = residual_error(0.2, 3)
    assert wrong / n == pytest.approx(expected, abs=3 * math.sqrt(expected / n))


# -------------------------------------------------------------------------------------- policies


def test_policies_are_found_as_strategies_are(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from nodes.computing import placement\n"
        "@placement('decorated')\n"
        "def one(view, job):\n    return 'onboard'\n"
        "def plain(view, job):\n    return 'moon'\n"
    )
    assert load_placement("deadline").name == "deadline"
    assert load_placement(f"{file}:one").name == "decorated"
    assert load_placement(f"{file}:plain").name == "plain"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("dedline", "choose one of deadline, "),
        ("none.py:f", "there is no file none.py"),
    ],
)
def test_a_policy_that_is_not_there_is_told_with_its_mend(spec, said):
    with pytest.raises(BadInput, match=said) as caught:
        load_placement(spec, "scenario.toml")
    assert caught.value.faults[0].key == "placement"
