"""The event loop whose rate is the clock. Waits are real only where real time is what is tested."""

import asyncio
import math
import os
import signal
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import InvalidValue
from emulator.clock import DeadlockError, EmulatedLoop
from emulator.lateness import Lateness

VIRTUAL = math.inf
FAST = 1e6


def test_virtual_time_jumps_to_the_next_entry_and_ends_when_nothing_is_left():
    seen = []
    with EmulatedLoop() as loop:
        loop.schedule(2.6e6, lambda: seen.append(loop.time()))
        loop.schedule(1.25, lambda: seen.append(loop.time()))
        assert loop.run() == 2.6e6
    assert seen == [1.25, 2.6e6]


@pytest.mark.parametrize("rate", [VIRTUAL, FAST])
def test_equal_times_are_first_in_first_out_whichever_way_they_came(rate):
    seen = []
    with EmulatedLoop(rate) as loop:
        for number in range(0, 3000, 3):
            loop.schedule(5.0, seen.append, number)
            loop.call_at(5.0, seen.append, number + 1)
            loop.call_later(5.0, seen.append, number + 2)
        loop.run()
    assert seen == list(range(3000))


def test_a_late_loop_whose_pace_changes_keeps_the_new_one_at_once():
    seen = []
    with EmulatedLoop(1e9) as loop:
        loop.schedule(1.0, time.sleep, 0.01)
        loop.schedule(2.0, lambda: loop.follow(time.monotonic(), 2.0, 1.0))
        loop.schedule(2.05, lambda: seen.append(loop.reading_s()))
        loop.run(3.0)
    assert 2.05 <= seen[0] < 4.0


def test_a_late_loops_story_stands_where_it_is_however_far_the_clock_reads():
    seen = []
    with EmulatedLoop(1e3) as loop:
        loop.schedule(1.0, time.sleep, 0.02)
        loop.schedule(2.0, lambda: seen.append((loop.reached_s(), loop.reading_s())))
        loop.schedule(2.0, seen.append, None)
        loop.schedule(500.0, lambda: None)
        loop.run()
    reached_s, reading_s = seen[0]
    assert reached_s == 2.0
    assert reading_s > 20.0


@given(st.permutations(range(6)))
def test_arrivals_come_after_all_else_that_is_due_and_go_by_their_order_not_by_when_they_were_asked_for(
    orders: list[int],
):
    seen = []
    with EmulatedLoop() as loop:

        def arrive(order):
            seen.append(order)
            loop.schedule(5.0, seen.append, f"after {order}")

        for order in orders:
            loop.schedule_arrival(5.0, order, arrive, order)
        loop.schedule(5.0, seen.append, "first")
        loop.run()
    assert seen == ["first", *(said for n in range(6) for said in (n, f"after {n}"))]


def test_call_soon_comes_after_what_is_already_due_now_and_before_what_is_scheduled_later():
    seen = []
    with EmulatedLoop() as loop:

        def first():
            loop.call_soon(seen.append, "soon")
            loop.schedule(loop.time(), seen.append, "scheduled after it")

        loop.schedule(1.0, first)
        loop.schedule(1.0, seen.append, "due already")
        loop.run()
    assert seen == ["due already", "soon", "scheduled after it"]


def test_what_is_asked_for_in_the_past_happens_now():
    seen = []
    with EmulatedLoop() as loop:
        loop.schedule(9.0, lambda: loop.schedule(3.0, lambda: seen.append(loop.time())))
        loop.schedule(9.5, lambda: loop.call_at(-1.0, lambda: seen.append(loop.time())))
        loop.run()
    assert seen == [9.0, 9.5]


def test_a_run_stops_at_until_with_what_is_due_then_done_and_can_go_on():
    seen = []
    with EmulatedLoop() as loop:
        for when_s in (1.0, 2.0, 2.5):
            loop.schedule(when_s, seen.append, when_s)
        assert loop.run(until_s=2.0) == 2.0
        assert seen == [1.0, 2.0]
        assert loop.run(until_s=2.2) == 2.2
        assert loop.run() == 2.5


def test_an_entry_at_infinity_never_runs():
    with EmulatedLoop() as loop:
        loop.schedule(math.inf, pytest.fail, "infinity came")
        loop.schedule(1.0, int)
        assert loop.run() == 1.0


def test_a_time_that_is_no_number_is_refused():
    with EmulatedLoop() as loop, pytest.raises(InvalidValue, match="when_s"):
        loop.schedule(math.nan, int)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan])
def test_a_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(InvalidValue, match="rate"):
        EmulatedLoop(rate)


@pytest.mark.parametrize("rate", [VIRTUAL, FAST])
def test_cancelled_timers_neither_run_nor_move_the_time(rate):
    with EmulatedLoop(rate) as loop:
        timers = [loop.call_at(100.0 + number, pytest.fail, "ran") for number in range(1000)]
        loop.schedule(1.0, lambda: [timer.cancel() for timer in timers])
        assert loop.run() == 1.0


def test_a_timer_cancelled_after_it_ran_leaves_the_others_alone():
    seen = []
    with EmulatedLoop() as loop:
        timers = [loop.call_at(1.0, int) for _ in range(300)]
        loop.schedule(2.0, lambda: [timer.cancel() for timer in timers])
        loop.call_at(3.0, seen.append, 3.0)
        loop.run()
    assert seen == [3.0]


def test_tasks_sleep_exactly_and_timeouts_work_for_more_than_194_days():
    start_s = 3.0e7  # past 2**24 s, where a resolution of a nanosecond hangs

    async def application(loop):
        await asyncio.sleep(start_s)
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1e6):
                await asyncio.Event().wait()
        return loop.time()

    with EmulatedLoop() as loop:
        assert loop.run_until_complete(application(loop)) == start_s + 0.1 + 1e6


def test_ten_thousand_sleeping_tasks_wake_in_exact_order():
    woken = []

    async def sleeper(number):
        for step in range(3):
            await asyncio.sleep(1.0 if step else 10.0)
            woken.append(number)

    async def everyone():
        await asyncio.gather(*(sleeper(number) for number in range(1000)))

    with EmulatedLoop() as loop:
        loop.run_until_complete(everyone())
        assert loop.time() == 12.0
    assert woken == list(range(1000)) * 3


def test_waiting_for_what_can_never_come_is_a_deadlock_in_virtual_time():
    async def wait():
        await asyncio.Event().wait()

    with EmulatedLoop() as loop, pytest.raises(DeadlockError):
        loop.run_until_complete(wait())


def test_an_asyncio_runner_takes_the_loop():
    async def main():
        await asyncio.sleep(86400)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=EmulatedLoop) as runner:
        assert runner.run(main()) == 86400


def _fail():
    raise ZeroDivisionError("in a callback")


@pytest.mark.parametrize("way", ["schedule", "call_at", "task"])
def test_a_failure_in_a_callback_ends_the_run_and_is_raised(way):
    async def failing():
        await asyncio.sleep(1.0)
        _fail()

    with EmulatedLoop() as loop:
        loop.schedule(2.0, pytest.fail, "went on after a failure")
        if way == "task":
            loop.create_task(failing())
        else:
            getattr(loop, way)(1.0, _fail)
        with pytest.raises(ZeroDivisionError):
            loop.run(until_s=1.5)
        assert loop.time() == 1.0


def test_a_failure_that_another_task_takes_care_of_does_not_end_the_run():
    async def failing():
        await asyncio.sleep(1.0)
        _fail()

    async def careful():
        with pytest.raises(ZeroDivisionError):
            await asyncio.create_task(failing())
        await asyncio.sleep(1.0)

    with EmulatedLoop() as loop:
        task = loop.create_task(careful())
        assert loop.run() == 2.0
        assert task.result() is None


def test_tasks_left_at_the_end_are_cancelled_without_time_moving_on():
    ended = []

    async def application(loop):
        try:
            await asyncio.sleep(1e9)
        finally:
            ended.append(loop.time())

    with EmulatedLoop() as loop:
        loop.create_task(application(loop))
        loop.schedule(2e6, pytest.fail, "ran after the end")
        loop.run(until_s=1e6)
    assert ended == [1e6]


def test_virtual_time_refuses_threads():
    async def main():
        await asyncio.to_thread(int)

    with EmulatedLoop() as loop, pytest.raises(RuntimeError, match="no threads"):
        loop.run_until_complete(main())


def test_progress_names_the_emulated_time_and_ends_with_the_last():
    seen = []
    with EmulatedLoop(on_progress=seen.append) as loop:
        for when_s in range(5000):
            loop.schedule(float(when_s), int)
        loop.run()
    assert seen == sorted(seen)
    assert seen[-1] == 4999.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=40))
def test_any_schedule_runs_in_order_of_time_then_of_asking_at_every_rate(entries):
    stories = []
    for rate in (VIRTUAL, 1e7):
        story = []
        with EmulatedLoop(rate) as loop:

            def note(number, again_s, loop=loop, story=story):
                story.append((loop.time(), number))
                if again_s:
                    loop.schedule(loop.time() + again_s, note, number + 1000, 0)

            for number, (when_s, again_s, light) in enumerate(entries):
                ask = loop.schedule if light else loop.call_at
                ask(float(when_s), note, number, again_s)
            loop.run()
        stories.append(story)
    assert stories[0] == stories[1]
    times = [when_s for when_s, _ in stories[0]]
    assert times == sorted(times)
    asked = [(w, number) for number, (w, _, _) in enumerate(entries)]
    firsts = [(when_s, number) for when_s, number in stories[0] if number < 1000]
    assert firsts == sorted(asked, key=lambda entry: entry[0])


def test_scaled_time_takes_the_real_time_that_the_rate_says_and_the_same_story():
    seen = []
    with EmulatedLoop(rate=1000) as loop:
        for number in range(1, 11):
            loop.schedule(number * 20.0, lambda: seen.append(loop.time()))
        began = time.monotonic()
        loop.run()
        took_s = time.monotonic() - began
    assert seen == [number * 20.0 for number in range(1, 11)]
    assert took_s >= 0.2
    assert loop.lateness.count == 10
    assert loop.lateness.max_s >= loop.lateness.quantile_s(0.5) > 0


def test_a_late_loop_delays_the_story_and_does_not_change_it():
    seen = []

    def compute():
        time.sleep(0.03)  # real work of 30 ms, in which 30 emulated seconds pass
        loop.schedule(loop.time() + 1.0, lambda: seen.append(loop.time()))

    with EmulatedLoop(rate=1000) as loop:
        loop.schedule(5.0, compute)
        loop.schedule(5.5, lambda: seen.append(loop.time()))
        loop.run()
    assert seen == [5.5, 6.0]
    assert loop.lateness.max_s > 0.02


def test_sockets_are_served_while_scaled_time_waits():
    async def exchange():
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        loop = asyncio.get_running_loop()
        echo = loop.create_task(loop.sock_recv(theirs, 100))
        await asyncio.sleep(2.0)
        await loop.sock_sendall(ours, b"hello")
        received = await echo
        ours.close()
        theirs.close()
        return received, loop.time()

    with EmulatedLoop(rate=100) as loop:
        received, when_s = loop.run_until_complete(exchange())
    assert received == b"hello"
    assert when_s >= 2.0


def test_another_thread_brings_work_to_a_run_that_expects_the_outside():
    seen = []
    with EmulatedLoop(rate=1000) as loop:
        stranger = threading.Timer(
            0.02, loop.call_soon_threadsafe, args=(lambda: seen.append(loop.time()),)
        )
        stranger.start()
        assert loop.run(until_s=100.0, outside=True) == 100.0
        stranger.join()
    assert len(seen) == 1
    assert 10 < seen[0] <= 100


def test_a_call_from_outside_before_the_clock_starts_waits_for_it_and_costs_nothing_meanwhile():
    seen = []
    with EmulatedLoop(rate=1.0) as loop:
        loop.follow(time.monotonic() + 0.3, 0.0, 1.0)
        loop.call_soon_threadsafe(lambda: seen.append(loop.reading_s()))
        loop.schedule(0.0, int)
        before_s = time.thread_time()
        loop.run(0.01, outside=True)
        spent_s = time.thread_time() - before_s
    assert seen[0] >= 0.0
    assert spent_s < 0.1


@pytest.mark.parametrize("rate", [VIRTUAL, 1e9])
def test_a_loop_that_cannot_keep_up_still_hears_the_outside(rate):
    def endless():
        time.sleep(1e-5)
        loop.schedule(loop.time() + 1.0, endless)

    with EmulatedLoop(rate) as loop:
        endless()
        stranger = threading.Timer(0.02, loop.call_soon_threadsafe, args=(loop.stop,))
        stranger.start()
        assert loop.run() < 1e6
        stranger.join()


def test_the_rate_can_change_and_the_clock_pause_in_mid_run():
    with EmulatedLoop(rate=1000) as loop:
        loop.schedule(10.0, loop.set_rate, 0.0)
        resume = threading.Timer(
            0.05, loop.call_soon_threadsafe, args=(lambda: loop.set_rate(1e5),)
        )
        resume.start()
        loop.schedule(1000.0, int)
        began = time.monotonic()
        assert loop.run() == 1000.0
        assert time.monotonic() - began < 0.5
        resume.join()


def test_virtual_time_cannot_be_left():
    with EmulatedLoop() as loop, pytest.raises(InvalidValue):
        loop.set_rate(1.0)


@pytest.mark.parametrize("rate", [VIRTUAL, FAST])
def test_an_interrupt_ends_the_run_at_once_and_leaves_a_loop_that_closes(rate):
    with EmulatedLoop(rate) as loop:
        loop.schedule(1.0, signal.raise_signal, signal.SIGINT)
        loop.schedule(2.0, pytest.fail, "went on")
        with pytest.raises(KeyboardInterrupt):
            loop.run()
        assert loop.time() == 1.0
    assert loop.is_closed()


def test_an_interrupt_ends_a_wait_in_real_time():
    with EmulatedLoop(rate=1.0) as loop:
        loop.schedule(60.0, pytest.fail, "waited to the end")
        interrupt = threading.Timer(0.02, os.kill, args=(os.getpid(), signal.SIGINT))
        loop.schedule(0.0, interrupt.start)  # not before it can be caught, however slow the machine
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            loop.run()
        assert time.monotonic() - began < 5.0


def test_a_runner_ends_on_an_interrupt_as_with_any_other_loop():
    ended = []

    async def main():
        try:
            asyncio.get_running_loop().call_later(1.0, signal.raise_signal, signal.SIGINT)
            await asyncio.sleep(60.0)
        finally:
            ended.append(asyncio.get_running_loop().time())

    with pytest.raises(KeyboardInterrupt), asyncio.Runner(loop_factory=EmulatedLoop) as runner:
        runner.run(main())
    assert ended == [1.0]


def test_quantiles_of_lateness_are_within_a_tenth_of_the_truth():
    lateness = Lateness()
    for late_us in range(1, 10001):
        lateness.note(late_us * 1e-6)
    assert lateness.max_s == pytest.approx(0.01)
    for q in (0.01, 0.5, 0.99):
        assert q * 0.01 <= lateness.quantile_s(q) <= q * 0.01 * 1.1


def test_nothing_is_late_where_nothing_ran():
    assert Lateness().quantile_s(0.99) == 0.0


def test_calls_scheduled_at_once_run_as_if_each_had_been_scheduled():
    moments = [3.0, 1.0, 3.0, 2.0, 1.0, 0.0]
    orders = []
    for at_once in (True, False):
        ran = []
        with EmulatedLoop() as loop:
            loop.schedule(1.0, ran.append, "before")
            calls = [(moment, (moment, number)) for number, moment in enumerate(moments)]
            if at_once:
                loop.schedule_all(ran.append, calls)
            else:
                for moment, about in calls:
                    loop.schedule(moment, ran.append, about)
            loop.schedule(1.0, ran.append, "after")
            loop.run()
        orders.append(ran)
    assert orders[0] == orders[1]
    assert len(orders[0]) == len(moments) + 2
