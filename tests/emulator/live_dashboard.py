"""A run that is watched while it goes, for tests of the page and its server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams import PLAN

from emulator.dashboard.watch import watch_run
from emulator.setup import Demand, Member, Setup

PATIENCE_S = 60.0


def one_bundle(name: str) -> Setup:
    """500 s of the streams' plan, with a bundle from a to c in them."""
    return Setup(
        name=name,
        sha256="00",
        start=None,
        duration_s=500.0,
        seed=1,
        strategy="sabr",
        plan=PLAN,
        members=tuple(Member(name=name, ipn=ipn) for name, ipn in PLAN.ipn_numbers.items()),
        demands=(
            Demand(created_s=10.0, source="a", destination="c", size_bytes=500, lifetime_s=400.0),
        ),
    )


@contextmanager
def watched(setup: Setup, rate: float, out: Path | None = None) -> Iterator[str]:
    """The address of its page; a block makes the run hurry at its end, which waits for it."""
    told: list[str] = []
    ready = threading.Event()

    def said(url: str, token: str) -> None:
        told.append(url)
        ready.set()

    run = threading.Thread(
        target=watch_run,
        args=(setup, None, rate, "127.0.0.1", 0, said),
        kwargs={"out": out, "stay": False},
    )
    run.start()
    try:
        assert ready.wait(5)
        yield told[0]
    finally:
        run.join(PATIENCE_S)
    assert not run.is_alive()
