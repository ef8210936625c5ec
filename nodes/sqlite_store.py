"""SqliteStore: bundles on disk, durable before they are acknowledged.

SQLite in WAL mode with synchronous=FULL: what was committed survives `kill -9` and a power cut. One
commit costs a wait for the disk, so a writer thread takes whatever has queued up meanwhile into the
next one (group commit): one bundle alone waits for one commit, a thousand at once share one. Each
`put` is answered on the event loop after its commit, in the order of the puts.

A disk that is full (or a quota that is used up) costs the bundles that do not fit: the group is taken
back and tried again one by one. Bundles let go while nothing can be written are remembered and
deleted later. The thread outlives every error of the database.

What is found at a restart and cannot be read is dropped, counted in `damaged`, and costs itself only.
A file that is no store of this format, or is in use, is the user's to mend (`BadInput`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from dtn.bundle import Bundle
from dtn.codec import decode, encode
from dtn.errors import BadInput, Fault, MalformedBundle
from dtn.store import Kept, Stored

FORMAT = 1
"""In the file's user_version; raised when the table changes."""

MAX_GROUP = 1000
"""Bundles in one commit."""

_TABLE = """
CREATE TABLE IF NOT EXISTS bundle (
    ref INTEGER PRIMARY KEY,  -- the agent's
    put_s REAL NOT NULL,      -- seconds from the scenario's start
    octets BLOB NOT NULL      -- RFC 9171
)"""


class _Put(NamedTuple):
    ref: int
    bundle: Bundle
    now_s: float
    stored: Stored


_Command = _Put | int | None  # int: forget this ref; None: stop
_Answer = tuple[_Put, bool]


class SqliteStore:
    """A store in one file.

    Args:
        path: the file, made if it is not there.
        loop: on which puts are answered.
        quota_bytes: most that the file may grow to; None: what the disk has.
        power_safe: False: no wait for the disk; a killed process loses nothing, a power cut may.

    Raises:
        BadInput: the file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        quota_bytes: int | None = None,
        power_safe: bool = True,
    ) -> None:
        self.damaged = 0
        self._loop = loop
        self._database = _open(path, quota_bytes, power_safe)
        self._in_use = threading.Lock()
        self._commands: SimpleQueue[_Command] = SimpleQueue()
        self._undeleted: set[int] = set()
        self._writer = threading.Thread(target=self._write, name="store", daemon=True)
        self._writer.start()

    def put(self, ref: int, bundle: Bundle, now_s: float, stored: Stored) -> None:
        """Keep a bundle; `stored` is called on the loop when it is committed, or cannot be."""
        self._commands.put(_Put(ref, bundle, now_s, stored))

    def forget(self, ref: int) -> None:
        """Let it go, with the next commit."""
        self._commands.put(ref)

    def close(self) -> None:
        """Commit what was asked for so far, answer, and close the file."""
        self._commands.put(None)
        self._writer.join()
        self._database.close()

    def __iter__(self) -> Iterator[Kept]:
        """Everything committed, in order of ref; what cannot be read is dropped."""
        with self._in_use:
            rows = self._database.execute("SELECT ref, octets, put_s FROM bundle ORDER BY ref")
            found = rows.fetchall()
        for ref, octets, put_s in found:
            try:
                yield Kept(ref, decode(octets, rules=False), put_s)
            except MalformedBundle:
                self.damaged += 1
                self.forget(ref)

    # -- the writer thread

    def _write(self) -> None:
        is_open = True
        while is_open:
            group = [self._commands.get()]
            with contextlib.suppress(Empty):
                while len(group) < MAX_GROUP:
                    group.append(self._commands.get_nowait())
            is_open = None not in group
            with self._in_use:
                answers = self._commit(group)
            if answers:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                    self._loop.call_soon_threadsafe(_tell, answers)

    def _commit(self, group: list[_Command]) -> list[_Answer]:
        """Carry out a group of commands; says of each put, in order, whether it is on disk."""
        puts = [command for command in group if isinstance(command, _Put)]
        self._undeleted.update(command for command in group if isinstance(command, int))
        try:
            self._transaction(puts)
        except sqlite3.Error:
            return [(put, self._alone(put)) for put in puts]
        return [(put, True) for put in puts]

    def _alone(self, put: _Put) -> bool:
        """Try one put by itself, after making what room there is."""
        try:
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._transaction([put])
        except sqlite3.Error:
            return False
        return True

    def _transaction(self, puts: list[_Put]) -> None:
        """Write puts and outstanding deletions; all or nothing.

        Raises:
            sqlite3.Error: nothing was changed.
        """
        database = self._database
        undeleted = self._undeleted
        rows = [
            (put.ref, put.now_s, encode(put.bundle)) for put in puts if put.ref not in undeleted
        ]
        if not rows and not undeleted:
            return
        database.execute("BEGIN IMMEDIATE")
        try:
            database.executemany("DELETE FROM bundle WHERE ref = ?", [(ref,) for ref in undeleted])
            database.executemany("INSERT OR REPLACE INTO bundle VALUES (?, ?, ?)", rows)
            database.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):  # some errors roll back by themselves
                database.execute("ROLLBACK")
            raise
        undeleted.clear()


def _tell(answers: list[_Answer]) -> None:
    for put, is_stored in answers:
        put.stored(put.ref, is_stored)


def _open(path: Path, quota_bytes: int | None, power_safe: bool) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as fault:
        raise _bad(path, str(fault)) from None
    try:
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found not in (0, FORMAT):
            raise _bad(path, f"is of format {found}, this version reads {FORMAT}")
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if power_safe else 'NORMAL'}")
        database.execute(_TABLE)
        database.execute(f"PRAGMA user_version = {FORMAT}")
        if quota_bytes is not None:
            (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
            database.execute(f"PRAGMA max_page_count = {max(quota_bytes // page_bytes, 1)}")
    except sqlite3.Error as fault:
        database.close()
        raise _bad(path, str(fault)) from None
    except BadInput:
        database.close()
        raise
    return database


def _bad(path: Path, why: str) -> BadInput:
    return BadInput(Fault(str(path), "", "", f"{why}: name another file for the store"))
