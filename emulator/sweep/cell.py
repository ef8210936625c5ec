"""One cell of a study: one strategy, one seed, one combination of parameters; flown and kept.

A cell is addressed by what it depends on: the traffic, faults, stores and seed of its setup, the
contacts, the strategy with its file, and the code of Lightlag itself. What is kept under that
address can be used by every study that asks for the same.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import FrameType

import polars as pl

import dtn
import emulator
import nodes
import topology
from dtn.contact_plan import ContactPlan
from dtn.errors import LightlagError
from dtn.events import Event
from dtn.routing import load_strategy
from dtn.routing.strategy import BundleView, Decisions, Strategy, View
from emulator.files import replace_octets
from emulator.one_process import fly, without_collections
from emulator.setup import Setup
from emulator.sweep.measure import DECISION_SCHEMA, Measured, measure
from emulator.watch import BreakIn

NO_CONTACTS = ContactPlan(())


@dataclass(frozen=True, slots=True)
class Timing:
    """What a cell took on the machine that flew it: no part of its results.

    Args:
        wall_s: all of it.
        decisions: how often the strategy was asked.
        decision_s: how long it took to answer, in all.
    """

    wall_s: float
    decisions: int
    decision_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a cell: measured, or why it failed."""

    measured: Measured | None
    timing: Timing
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run to be made.

    Args:
        variant: number of its combination of parameters.
        strategy: name, or `my_file.py:function`.
        seed: of everything random.
        setup: what is to be run, without its contacts.
        address: digest of all that its result depends on.
        contacts: digest of the contacts.
        wall_limit_s: after which it has failed.
    """

    variant: int
    strategy: str
    seed: int
    setup: Setup
    contacts: str
    address: str
    wall_limit_s: float | None = None


def setup_digest(setup: Setup) -> str:
    """Hexadecimal digest of all of a setup that runs depend on, but for contacts and strategy."""
    told = replace(setup, plan=NO_CONTACTS, name="", source="", sha256="", strategy="")
    return hashlib.sha256(repr(told).encode()).hexdigest()


def address_of(setup: str, contacts: str, strategy: str) -> str:
    """Hexadecimal digest of all that a cell's result depends on.

    Args:
        setup: digest of its setup.
        contacts: digest of its contacts.
        strategy: name, or `my_file.py:function`; the file counts, what it imports does not.
    """
    digest = hashlib.sha256("\0".join((code_digest(), contacts, setup, strategy)).encode())
    path, colon, _ = strategy.rpartition(":")
    if colon:
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def fly_cell(cell: Cell, plan: ContactPlan | Path) -> Outcome:
    """Run one cell to its end; whatever goes wrong in it is its outcome, not an exception.

    Args:
        cell: what to run.
        plan: its contacts, or the file that they are in.
    """
    began_s = time.perf_counter()
    contacts = _contacts(plan) if isinstance(plan, Path) else plan
    watch = Watch()
    log: list[Event] = []
    given = frozenset(s.flow for s in cell.setup.streams) | {d.flow for d in cell.setup.demands}
    measured: Measured | None = None
    failure = ""
    try:
        with wall_limit(cell.wall_limit_s), without_collections():
            strategy = watch.over(load_strategy(cell.strategy))
            fly(replace(cell.setup, plan=contacts), strategy, log.append)
            measured = measure(log, contacts, given)
    except LightlagError as fault:
        failure = str(fault)
    except WallLimit:
        failure = f"took longer than {cell.wall_limit_s:g} s, the study's wall_limit"
    except Exception as fault:
        failure = f"{type(fault).__name__}: {fault}"
    timing = Timing(time.perf_counter() - began_s, watch.decisions, watch.taken_s)
    return Outcome(measured, timing, failure)


class Watch:
    """Counts a strategy's decisions and the wall time they take."""

    def __init__(self) -> None:
        self.decisions = 0
        self.taken_s = 0.0

    def over(self, strategy: Strategy) -> Strategy:
        """The same strategy, watched."""
        decide = strategy.decide

        def watched(view: View, bundle: BundleView) -> Decisions:
            began_s = time.perf_counter()
            answer = decide(view, bundle)
            self.taken_s += time.perf_counter() - began_s
            self.decisions += 1
            return answer

        return replace(strategy, decide=watched)


class WallLimit(BreakIn):
    """A cell took too long."""


@contextmanager
def wall_limit(limit_s: float | None) -> Iterator[None]:
    """Raise WallLimit when the block takes longer; only a process's main thread can be watched."""
    if (
        limit_s is None
        or os.name != "posix"
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def over(number: int, frame: FrameType | None) -> None:
        raise WallLimit

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@lru_cache(maxsize=4)
def _contacts(file: Path) -> ContactPlan:
    """A plan that one process's cells share, with the index that routing builds over it."""
    return ContactPlan.load(file)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest of Lightlag's own code: what another version computed is not used again."""
    digest = hashlib.sha256()
    for package in (dtn, topology, nodes, emulator):
        for folder in package.__path__:
            for file in sorted(Path(folder).rglob("*.py")):
                digest.update(file.read_bytes())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------ as a file


def keep(outcome: Outcome, file: Path) -> None:
    """Write a finished cell: its bundles as Parquet, its numbers in the file's metadata.

    Raises:
        BadInput: it cannot be written there.
    """
    assert outcome.measured is not None
    told = {
        "numbers": outcome.measured.numbers,
        "peak_bytes": outcome.measured.peak_bytes,
        "decisions": outcome.measured.decisions.to_dict(as_series=False),
        "timing": [outcome.timing.wall_s, outcome.timing.decisions, outcome.timing.decision_s],
    }
    replace_octets(file, parquet(outcome.measured.bundles, {"lightlag": json.dumps(told)}))


def parquet(table: pl.DataFrame, metadata: dict[str, str] | None = None) -> bytes:
    """A table as the octets of a Parquet file."""
    octets = io.BytesIO()
    table.write_parquet(octets, metadata=metadata)
    return octets.getvalue()


def kept(file: Path) -> Outcome | None:
    """A finished cell that was kept; None if there is none, or what is there cannot be read."""
    if not file.exists():
        return None
    try:
        told = json.loads(pl.read_parquet_metadata(file)["lightlag"])
        bundles = pl.read_parquet(file)
        wall_s, decisions, decision_s = told["timing"]
    except (OSError, pl.exceptions.PolarsError, KeyError, ValueError):
        return None
    timing = Timing(float(wall_s), int(decisions), float(decision_s))
    decisions = pl.DataFrame(told["decisions"], schema=DECISION_SCHEMA)
    return Outcome(Measured(bundles, told["numbers"], told["peak_bytes"], decisions), timing)


def mean_decision_us(timings: list[Timing]) -> float:
    """Microseconds a decision, over several cells; nan where nothing was decided."""
    decisions = sum(timing.decisions for timing in timings)
    return 1e6 * sum(timing.decision_s for timing in timings) / decisions if decisions else math.nan
