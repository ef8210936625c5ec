"""What `lightlag dashboard` does: watch a scenario as it runs, a constellation, or a run's folder again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from dtn.contact_plan import ContactPlan
from dtn.errors import BadInput, Fault
from dtn.events import Event
from dtn.routing.strategy import STRATEGIES, Strategy
from emulator.build import Network, find_strategy
from emulator.clock import EmulatedLoop
from emulator.dashboard.apart import Apart
from emulator.dashboard.live import Live
from emulator.dashboard.remote import Remote
from emulator.dashboard.serving import Serving
from emulator.dashboard.session import Session
from emulator.dashboard.source import Replay, Subject, is_finite_rate
from emulator.geometry import FILE_NAME as GEOMETRY
from emulator.geometry import Geometry, read_geometry
from emulator.log import FILE_NAME, LogHeader, read_log
from emulator.merging import add_unheard, put_in_order
from emulator.one_process import without_collections
from emulator.result import PLAN, Result
from emulator.setup import Setup, changed
from emulator.watch import watched
from nodes.channel.broker import Broker
from nodes.channel.topics import Topics

Said = Callable[[str, str], object]
"""Told the page's address and the token, when it is there."""


def checked_rate(rate: float) -> float:
    """A rate that people can watch.

    Raises:
        BadInput: it is none.
    """
    if not is_finite_rate(rate):
        mend = "give emulated seconds in a real one: 1 is real time, 3600 an hour a second"
        raise BadInput(Fault("", "--rate", f"{rate:g}", mend))
    return rate


def replay_session(
    folder: Path, rate: float, at_s: float = 0.0, *, paused: bool = False
) -> Session:
    """A finished run, to be watched.

    Raises:
        BadInput: no such folder, or files that are cut short.
    """
    log = read_log(folder / FILE_NAME)
    header = log.header
    subject = _subject(header, ContactPlan.load(folder / PLAN), read_geometry(folder / GEOMETRY))
    return Session(subject, Replay(log.events, header.duration_s, rate, at_s=at_s, paused=paused))


def watch_replay(session: Session, host: str, port: int, said: Said) -> None:
    """Serve until the user has seen enough (Control-C)."""
    with Serving(session, host, port) as serving:
        said(serving.url, serving.token)
        _rest()


def watch_run(
    setup: Setup,
    geometry: Geometry | None,
    rate: float,
    host: str,
    port: int,
    said: Said,
    *,
    strategy: str | None = None,
    seed: int | None = None,
    until_s: float | None = None,
    out: Path | None = None,
    stay: bool = True,
) -> None:
    """Run at a finite rate while pages watch; then the run can be watched again.

    Args:
        setup: what is run.
        geometry: where its nodes are.
        rate: emulated seconds in a real one.
        host: the address to bind to.
        port: 0 for any that is free.
        said: told the address.
        strategy: instead of the setup's.
        seed: instead of the setup's.
        until_s: stop then.
        out: folder to write the run to when it is over.
        stay: go on serving after the end.

    Raises:
        BadInput: it cannot listen there, or there is no such strategy.
    """
    setup = changed(setup, seed=seed, strategy=strategy, until_s=until_s)
    chosen = find_strategy(setup, strategy)
    header = LogHeader(
        scenario=setup.name,
        scenario_sha256=setup.sha256,
        seed=setup.seed,
        strategy=chosen.name,
        rate=rate,
        version=version("lightlag"),
        duration_s=setup.duration_s,
        start_utc=setup.start.isoformat() if setup.start else "",
        ltp_sessions=setup.ltp.engine.max_export_sessions if setup.ltp else 0,
    )
    subject = _with_setup(_subject(header, setup.plan, geometry), setup)
    with Apart(subject, host, port) as apart:
        began_s = time.perf_counter()
        log, is_broken_off = fly_watched(
            setup, chosen, rate, apart, lambda: said(apart.url, apart.token)
        )
        if out is not None:
            if setup.ltp is not None:
                add_unheard(log, setup.plan, log[-1].t_s if is_broken_off else setup.duration_s)
            put_in_order(log, [member.name for member in setup.members])
            wall_s = time.perf_counter() - began_s
            result = Result.of(header, log, setup.plan, wall_s=wall_s, geometry=geometry)
            result.write(out)
        if stay and not is_broken_off:
            with suppress(KeyboardInterrupt):
                apart.wait()


def fly_watched(
    setup: Setup, strategy: Strategy, rate: float, apart: Apart, said: Callable[[], object]
) -> tuple[list[Event], bool]:
    """Let it happen before the eyes of who watches; what happened, and whether Control-C ended it."""
    log: list[Event] = []
    is_broken_off = False
    with (
        without_collections(),
        watched(strategy) as asked,
        EmulatedLoop(rate) as loop,
    ):
        network = Network(setup, asked, loop, log.append)
        numbers = {member.name: member.ipn for member in setup.members}
        apart.show(Live(loop, network, log, setup.duration_s, numbers))
        said()
        try:
            ended_s = min(loop.run(setup.duration_s, outside=True), setup.duration_s)
        except KeyboardInterrupt:
            ended_s, is_broken_off = loop.time(), True
        network.end(ended_s)
        apart.finish(ended_s)
    return log, is_broken_off


def watch_remote(
    setup: Setup,
    geometry: Geometry | None,
    broker: Broker,
    topics: Topics,
    host: str,
    port: int,
    said: Said,
) -> None:
    """Serve a picture of a constellation of processes until the user has seen enough.

    Raises:
        BadInput: no broker, or it cannot listen there.
    """
    subject = Subject(
        name=setup.name,
        strategy=setup.strategy.rpartition(":")[2],
        seed=setup.seed,
        start_utc=setup.start.isoformat() if setup.start else "",
        duration_s=setup.duration_s,
        plan=setup.plan,
        names=tuple(member.name for member in setup.members),
        store_bytes={},
        geometry=geometry,
    )
    with (
        Remote(setup, broker, topics) as remote,
        Serving(Session(_with_setup(subject, setup), remote), host, port) as serving,
    ):
        said(serving.url, serving.token)
        _rest()


def _subject(header: LogHeader, plan: ContactPlan, geometry: Geometry | None) -> Subject:
    return Subject(
        name=header.scenario,
        strategy=header.strategy,
        seed=header.seed,
        start_utc=header.start_utc,
        duration_s=header.duration_s,
        plan=plan,
        names=(*plan.ipn_numbers, *(n for n in plan.nodes if n not in plan.ipn_numbers)),
        store_bytes={},
        geometry=geometry,
    )


def _with_setup(subject: Subject, setup: Setup) -> Subject:
    """A run as it goes: its setup tells what its log does not."""
    return replace(
        subject,
        store_bytes={member.name: member.store_bytes for member in setup.members},
        bodies={member.name: member.body for member in setup.members if member.body},
        strategies=_strategies(),
        memories=_memories(setup),
        storms=setup.storms,
    )


def _strategies() -> tuple[str, ...]:
    """Those that nodes can change to: each by itself."""
    return tuple(name for name, known in STRATEGIES.items() if not known.traits.get("shares"))


def _memories(setup: Setup) -> tuple[str, ...]:
    """The nodes whose memory particles can hit."""
    return tuple(m.name for m in setup.members if m.spacecraft and m.spacecraft.radiation)


def _rest() -> None:
    """Sleep until Control-C."""
    try:
        while True:
            time.sleep(3600.0)
    except KeyboardInterrupt:
        pass
