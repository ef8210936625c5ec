"""Durable bundles a second: 1 KiB each, every one on disk before it is answered."""

import asyncio

import pytest

from dtn.bundle import Bundle, CanonicalBlock, CreationTimestamp, PrimaryBlock
from dtn.eid import parse_eid
from nodes.sqlite_store import SqliteStore

BUNDLES = 20_000
LEAST_PER_S = 5_000


def bundle(sequence):
    primary = PrimaryBlock(
        destination=parse_eid("ipn:7.1"),
        source=parse_eid("ipn:1.1"),
        report_to=parse_eid("ipn:1.0"),
        flags=0,
        crc_type=2,
        creation=CreationTimestamp(849_398_400_000, sequence),
        lifetime_ms=86_400_000,
        fragment=None,
    )
    return Bundle(primary, (CanonicalBlock(1, 1, 0, 2, bytes(1024)),))


async def store_all(path, bundles, at_once):
    """Keep `at_once` puts unanswered until all bundles are stored; the time that takes."""
    loop = asyncio.get_running_loop()
    store = SqliteStore(path, loop)
    done = loop.create_future()
    state = [0, 0]  # asked, answered

    def ask():
        state[0] += 1
        store.put(state[0], bundles[state[0] - 1], 0.0, stored)

    def stored(ref, is_stored):
        assert is_stored
        state[1] += 1
        if state[0] < len(bundles):
            ask()
        elif state[1] == len(bundles):
            done.set_result(None)

    start_s = loop.time()
    for _ in range(min(at_once, len(bundles))):
        ask()
    await done
    elapsed_s = loop.time() - start_s
    store.close()
    return elapsed_s


@pytest.mark.parametrize("at_once", [1, 16, 1000])
def test_durable_bundles_a_second(benchmark, tmp_path, at_once):
    count = BUNDLES if at_once > 1 else 1000
    bundles = [bundle(number) for number in range(count)]
    rounds = iter(range(100))

    def run():
        return asyncio.run(store_all(tmp_path / f"store-{next(rounds)}", bundles, at_once))

    benchmark.pedantic(run, rounds=3)
    per_s = count / benchmark.stats["min"]
    benchmark.extra_info["bundles_per_s"] = round(per_s)
    print(f"\n{at_once} at once: {per_s:,.0f} durable bundles a second")
    if at_once > 1:
        assert per_s >= LEAST_PER_S
