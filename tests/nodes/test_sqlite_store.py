"""Bundles on disk: durable when acknowledged, whatever happens to the process or the disk."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dtn.bundle import Bundle, CanonicalBlock, CreationTimestamp, PrimaryBlock
from dtn.codec import encode
from dtn.eid import parse_eid
from dtn.errors import BadInput
from nodes.sqlite_store import SqliteStore

HERE = Path(__file__).parent


def a_bundle(sequence, size=100):
    primary = PrimaryBlock(
        destination=parse_eid("ipn:7.1"),
        source=parse_eid("ipn:1.1"),
        report_to=parse_eid("ipn:1.0"),
        flags=0,
        crc_type=1,
        creation=CreationTimestamp(849_398_400_000, sequence),
        lifetime_ms=86_400_000,
        fragment=None,
    )
    return Bundle(primary, (CanonicalBlock(1, 1, 0, 1, bytes(size)),))


class Answers:
    """What a store answered, in order; can be waited for."""

    def __init__(self, count):
        self.given = []
        self._count = count
        self._all = asyncio.get_running_loop().create_future()

    def __call__(self, ref, is_stored):
        self.given.append((ref, is_stored))
        if len(self.given) == self._count:
            self._all.set_result(None)

    async def all(self):
        async with asyncio.timeout(20):
            await self._all
        return self.given


@contextlib.contextmanager
def opened(path, **options):
    store = SqliteStore(path, asyncio.get_running_loop(), **options)
    try:
        yield store
    finally:
        store.close()


async def put(store, bundles, first=1):
    answers = Answers(len(bundles))
    for ref, bundle in enumerate(bundles, first):
        store.put(ref, bundle, 10.0 + ref, answers)
    return await answers.all()


async def test_what_is_stored_is_found_again_in_order_with_its_time(tmp_path):
    bundles = [a_bundle(number) for number in range(5)]
    with opened(tmp_path / "store") as store:
        assert await put(store, bundles) == [(ref, True) for ref in range(1, 6)]
        store.forget(2)
        store.forget(99)
    with opened(tmp_path / "store") as store:
        kept = list(store)
    assert [(ref, put_s) for ref, _, put_s in kept] == [(1, 11.0), (3, 13.0), (4, 14.0), (5, 15.0)]
    assert [bundle for _, bundle, _ in kept] == [bundles[place] for place in (0, 2, 3, 4)]


async def test_nothing_is_answered_before_the_loop_turns(tmp_path):
    with opened(tmp_path / "store") as store:
        answers = Answers(1)
        store.put(1, a_bundle(1), 0.0, answers)
        assert answers.given == []
        assert await answers.all() == [(1, True)]


async def test_a_bundle_let_go_at_once_is_answered_and_not_kept(tmp_path):
    with opened(tmp_path / "store") as store:
        answers = Answers(1)
        store.put(1, a_bundle(1), 0.0, answers)
        store.forget(1)
        assert await answers.all() == [(1, True)]
    with opened(tmp_path / "store") as store:
        assert list(store) == []


async def test_a_full_store_turns_away_what_does_not_fit_and_goes_on(tmp_path):
    with opened(tmp_path / "store", quota_bytes=200_000) as store:
        small, large = a_bundle(1), a_bundle(2, 400_000)
        assert await put(store, [small, large, a_bundle(3)]) == [(1, True), (2, False), (3, True)]
        answers = await put(store, [a_bundle(number, 10_000) for number in range(40)], first=10)
        fates = [is_stored for _, is_stored in answers]
        assert fates[0]
        assert not fates[-1]
        kept = {ref for ref, _, _ in store}
        assert kept == {1, 3} | {ref for ref, is_stored in answers if is_stored}
        for ref in kept - {1, 3}:
            store.forget(ref)
        assert await put(store, [a_bundle(7, 10_000)], first=60) == [(60, True)]
        assert [ref for ref, _, _ in store] == [1, 3, 60]


async def test_one_damaged_row_costs_one_bundle(tmp_path):
    path = tmp_path / "store"
    with opened(path) as store:
        await put(store, [a_bundle(number) for number in range(3)])
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE bundle SET octets = x'9fff' WHERE ref = 2")
    with opened(path) as store:
        assert [ref for ref, _, _ in store] == [1, 3]
        assert store.damaged == 1
    with opened(path) as store:
        assert [ref for ref, _, _ in store] == [1, 3]
        assert store.damaged == 0


async def test_a_file_that_is_no_store_is_the_users_to_mend(tmp_path):
    (tmp_path / "text").write_text("not a database " * 1000)
    (tmp_path / "directory").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "later")) as database:
        database.execute("PRAGMA user_version = 99")
    for name in ("text", "directory", "later", "absent/store"):
        with pytest.raises(BadInput, match=name):
            SqliteStore(tmp_path / name, asyncio.get_running_loop())


async def test_two_nodes_cannot_use_one_store(tmp_path):
    with opened(tmp_path / "store"), pytest.raises(BadInput, match="locked"):
        SqliteStore(tmp_path / "store", asyncio.get_running_loop())


async def bundles_in(path):
    with opened(path) as store:
        return {ref: bundle for ref, bundle, _ in store}


WRITER = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from nodes.sqlite_store import SqliteStore
from test_sqlite_store import a_bundle

async def main():
    store = SqliteStore(Path(sys.argv[1]), asyncio.get_running_loop())
    def put(ref):
        store.put(ref, a_bundle(ref, 1000), 0.0, stored)
    def stored(ref, is_stored):
        print(ref, is_stored, flush=True)
        put(ref + 50)
    for ref in range(1, 51):
        put(ref)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_killed_process(tmp_path):
    arguments = [sys.executable, "-c", WRITER, str(tmp_path / "store"), str(HERE)]
    arguments.append(str(HERE.parent.parent))
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
        lines = [writer.stdout.readline() for _ in range(500)]
        os.kill(writer.pid, signal.SIGKILL)
        lines += writer.stdout.read().splitlines(keepends=True)
    assert writer.returncode == -signal.SIGKILL
    whole = [line.split() for line in lines if line.endswith("\n")]
    acknowledged = {int(ref) for ref, is_stored in whole if is_stored == "True"}
    assert len(acknowledged) >= 500
    kept = asyncio.run(bundles_in(tmp_path / "store"))
    assert acknowledged <= set(kept)
    assert all(encode(bundle) == encode(a_bundle(ref, 1000)) for ref, bundle in kept.items())
