"""How many entries a second the loop runs in virtual time, and how late they are in real time."""

import asyncio

from emulator.clock import EmulatedLoop

CHAINS = 1000
STEPS = 100


def test_light_callbacks(benchmark):
    """1000 chains of 100 callbacks, each of which schedules the next: the hot path."""

    def run():
        with EmulatedLoop() as loop:
            schedule = loop.schedule

            def step(chain, left):
                if left:
                    schedule(loop.time() + 1.0 + chain * 1e-6, step, chain, left - 1)

            for chain in range(CHAINS):
                step(chain, STEPS)
            loop.run()

    benchmark(run)
    benchmark.extra_info["callbacks_per_s"] = CHAINS * STEPS / benchmark.stats["min"]


def test_asyncio_timers(benchmark):
    """The same through asyncio's call_at, with its handle and context."""

    def run():
        with EmulatedLoop() as loop:

            def step(chain, left):
                if left:
                    loop.call_at(loop.time() + 1.0 + chain * 1e-6, step, chain, left - 1)

            for chain in range(CHAINS):
                step(chain, STEPS)
            loop.run()

    benchmark(run)
    benchmark.extra_info["callbacks_per_s"] = CHAINS * STEPS / benchmark.stats["min"]


def test_sleeping_tasks(benchmark):
    """1000 tasks that sleep 100 times: what applications may use."""

    async def sleeper(chain):
        for _ in range(STEPS):
            await asyncio.sleep(1.0 + chain * 1e-6)

    async def everyone():
        await asyncio.gather(*(sleeper(chain) for chain in range(CHAINS)))

    def run():
        with EmulatedLoop() as loop:
            loop.run_until_complete(everyone())

    benchmark(run)
    benchmark.extra_info["sleeps_per_s"] = CHAINS * STEPS / benchmark.stats["min"]


def test_lateness_in_real_time(benchmark):
    """Entries every 7.3 ms for 2 s, and one after 3 s of nothing."""

    def run():
        with EmulatedLoop(rate=1.0) as loop:
            for number in range(274):
                loop.schedule(number * 0.0073, int)
            loop.schedule(5.0, int)
            loop.run()
        return loop.lateness

    lateness = benchmark.pedantic(run, rounds=1)
    for q in (0.5, 0.99):
        benchmark.extra_info[f"late_p{round(100 * q)}_ms"] = round(lateness.quantile_s(q) * 1e3, 3)
    benchmark.extra_info["late_max_ms"] = round(lateness.max_s * 1e3, 3)
