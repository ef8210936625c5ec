"""Run a scenario, or a contact plan with a bundle list, from beginning to end.

result = emulator.run("scenarios/earth-moon.toml", strategy="epidemic", out="runs/epidemic")
result.bundles.filter(pl.col("latency_s") > 3600)
"""

from __future__ import annotations

import gc
import math
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from dtn.errors import BadInput, Fault, InvalidValue
from dtn.events import Event
from dtn.routing.strategy import Strategy
from emulator.build import UNDATED_START, Network, find_strategy
from emulator.capture import Capture
from emulator.clock import EmulatedLoop
from emulator.log import LogHeader
from emulator.memory import return_freed_memory
from emulator.merging import add_unheard, put_in_order
from emulator.result import Result
from emulator.setup import Setup, changed
from emulator.setup.apart import with_geometry_apart
from emulator.watch import DECISION_LIMIT_S, watched
from nodes.channel.frame import Frame

if TYPE_CHECKING:  # who is given setups needs neither scenarios nor what they take to be read
    from emulator.attach import Attached, Outside
    from emulator.scenario import Scenario

Progress = Callable[[str, float], object]
"""Told what is being done ("windows", "sessions", "run", "report") and how far it is, 0 to 1."""


def run(
    scenario: Scenario | Setup | str | Path,
    *,
    rate: float | str = math.inf,
    seed: int | None = None,
    until: float | str | None = None,
    strategy: str | None = None,
    out: str | Path | None = None,
    capture: str | Path | None = None,
    progress: Progress | None = None,
    processes: bool = False,
    strict: bool = False,
    attach: str | Path | None = None,
) -> Result:
    """Run a scenario to its end.

    Args:
        scenario: a scenario file, a loaded scenario, or a `Setup` made from files.
        rate: emulated seconds in a real one; inf or "max" as fast as possible, 1 in real time.
        seed: instead of the scenario's.
        until: stop then: seconds from the start, or text such as "10d".
        strategy: instead of the scenario's: a name, or `my_file.py:function`.
        out: folder to write events.jsonl, summary.json, bundles.csv, contact_plan.json and
            report.html to.
        capture: file to write what crosses the links to, for Wireshark (`emulator.capture`).
        progress: told how far it is.
        processes: a process a node, with a broker between them (`emulator.constellation.processes`).
        strict: whether then a frame that comes too late to be held ends the run.
        attach: file that names programs in the place of nodes (`emulator.attach`); needs a finite rate.

    Returns:
        The result; equal arguments give equal events, to the octet, but for processes, which share
        a real clock.

    Raises:
        BadInput: something that was given cannot be used.
        StrategyFault: the strategy broke a rule.
    """
    began_s = time.perf_counter()
    tell = progress or (lambda what, part: None)
    speed = rate_of(rate, processes=processes)
    if strict and not processes:
        mend = "goes with --processes: in one process no frame comes too late"
        raise BadInput(Fault("", "--strict", "", mend))
    if capture is not None and processes:
        mend = "goes without --processes, whose frames no single process sees"
        raise BadInput(Fault("", "--capture", str(capture), mend))
    if seed is not None and not str(seed).isdecimal():
        raise BadInput(Fault("", "--seed", str(seed), "write a whole number, 0 or more"))
    until_s = until_seconds(until)
    if isinstance(scenario, str | Path):
        from emulator.scenario import load

        scenario = load(scenario)
    chosen = find_strategy(scenario, strategy)  # before the minutes that a plan may take
    folder = _folder(out)
    geometry = None
    if isinstance(scenario, Setup):
        setup = scenario
    else:
        setup, geometry = with_geometry_apart(scenario, tell)
        if scenario.sky_at:
            setup = replace(setup, source=f"{setup.source}\n--sky-at\n{scenario.sky_at}")
    setup = changed(setup, seed=seed, strategy=strategy, until_s=until_s)
    attached = _attached(attach, setup, speed, processes=processes)
    setup = replace(setup, real_dates=attached is not None)
    command = command_of(
        setup, speed, seed, until, strategy, out, processes=processes, attach=attach
    )
    if processes:
        from emulator.constellation.processes import run_processes

        result = run_processes(
            setup,
            speed,
            strict=strict,
            command=command,
            tell=lambda part: tell("run", part),
            attached=attached,
        )
        result = replace(result, geometry=geometry)
        if folder is not None:
            result.write(folder)
        return result
    log: list[Event] = []
    with _capturing(capture, setup) as tap:
        fly(setup, chosen, log.append, speed, tell, tap, attached=attached)
    if setup.ltp is not None:
        add_unheard(log, setup.plan, setup.duration_s)
    put_in_order(log, [member.name for member in setup.members])
    return_freed_memory()  # nodes, links and loop hold one another: the reports need their room
    header = LogHeader(
        scenario=setup.name,
        scenario_sha256=setup.sha256,
        seed=setup.seed,
        strategy=chosen.name,
        rate=speed,
        version=version("lightlag"),
        duration_s=setup.duration_s,
        start_utc=setup.start.isoformat() if setup.start else "",
        ltp_sessions=setup.ltp.engine.max_export_sessions if setup.ltp else 0,
    )
    tell("report", 0.0)
    wall_s = time.perf_counter() - began_s
    result = Result.of(header, log, setup.plan, wall_s=wall_s, command=command, geometry=geometry)
    return_freed_memory()
    if folder is not None:
        result.write(folder)
    tell("report", 1.0)
    return result


def _attached(
    path: str | Path | None, setup: Setup, rate: float, *, processes: bool
) -> Attached | None:
    """Who is attached.

    Raises:
        BadInput: the file has faults, or the run has no clock that others could share.
    """
    if path is None:
        return None
    from emulator.attach import load as load_attached

    if rate == math.inf:
        mend = "programs outside live in real time: give --rate 1"
        raise BadInput(Fault("", "--attach", str(path), mend))
    if rate != 1:
        warnings.warn(
            f"programs outside live at rate 1, the emulation at {rate:g}: lifetimes and ages differ",
            UserWarning,
            stacklevel=2,
        )
    attached = load_attached(Path(path), setup)
    if processes:
        attached.announce(setup, lambda line: print(line, file=sys.stderr, flush=True))
    return attached


@contextmanager
def _capturing(path: str | Path | None, setup: Setup) -> Iterator[Callable[[Frame], object] | None]:
    """What takes the frames, if they are to be captured."""
    if path is None:
        yield None
        return
    numbers = {member.name: member.ipn for member in setup.members}
    with Capture(Path(path), setup.start or UNDATED_START, numbers) as capture:
        yield capture.add


def fly(
    setup: Setup,
    strategy: Strategy,
    record: Callable[[Event], object],
    rate: float = math.inf,
    tell: Progress | None = None,
    tap: Callable[[Frame], object] | None = None,
    decision_limit_s: float = DECISION_LIMIT_S,
    attached: Attached | None = None,
) -> None:
    """Let it happen.

    Args:
        setup: what is to be run.
        strategy: what its nodes ask.
        record: takes the events, in order.
        rate: emulated seconds in a real one.
        tell: told how far it is.
        tap: is shown every frame that leaves.
        decision_limit_s: processor time that one decision may take (`emulator.watch`).
        attached: programs in the place of some nodes; the rate is finite then.

    Raises:
        StrategyFault: the strategy broke a rule, or did not come back.
    """

    def on_progress(now_s: float) -> None:
        if tell is not None:
            tell("run", min(now_s / setup.duration_s, 1.0))

    with (
        without_collections(),
        watched(strategy, decision_limit_s) as asked,
        EmulatedLoop(rate, on_progress=on_progress) as loop,
        opened(attached, setup, loop) as outside,
    ):
        network = Network(setup, asked, loop, _told(record, outside), tap, outside=outside)
        ended_s = loop.run(setup.duration_s, outside=outside is not None)
        network.end(min(ended_s, setup.duration_s))


def _told(record: Callable[[Event], object], outside: Outside | None) -> Callable[[Event], object]:
    """What takes the events, and tells the programs outside of them."""
    if outside is None:
        return record

    def both(event: Event) -> None:
        record(event)
        outside.heard(event)

    return both


@contextmanager
def opened(attached: Attached | None, setup: Setup, loop: EmulatedLoop) -> Iterator[Outside | None]:
    """The programs that take part, if any do."""
    if attached is None:
        yield None
        return
    from emulator.attach import Outside

    outside = Outside(attached, setup, loop, lambda line: print(line, file=sys.stderr, flush=True))
    with outside.open():
        yield outside


COLLECTION_THRESHOLDS = (200_000, 20, 100)
"""New objects before the garbage collector looks for cycles; Python's own is 700."""


@contextmanager
def without_collections() -> Iterator[None]:
    """Seldom look for reference cycles: a run makes many objects, nearly all of them to stay, and hardly a cycle."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


LOCKSTEP = "lockstep"


def rate_of(rate: float | str, *, processes: bool = False) -> float:
    """A rate as a number; inf for "max", and for processes, which share a real clock, for "lockstep".

    Raises:
        BadInput: no rate, or none that is kept so.
    """
    if rate == LOCKSTEP and processes:
        return math.inf
    if rate == "max" and processes:
        mend = "processes share a real clock: write 60, say, or lockstep for virtual time"
        raise BadInput(Fault("", "--rate", rate, mend))
    if rate == LOCKSTEP:
        mend = "one process needs none: write max, or add --processes"
        raise BadInput(Fault("", "--rate", rate, mend))
    if rate == "max":
        return math.inf
    try:
        number = float(rate)
    except ValueError:
        number = math.nan
    if not number > 0:
        mend = "write max, 1 for real time, or another positive number"
        raise BadInput(Fault("", "--rate", str(rate), mend))
    return number


def until_seconds(until: float | str | None) -> float | None:
    """When to stop, in seconds from the start; None: at the end.

    Raises:
        BadInput: no time.
    """
    from emulator.scenario import parse_duration_s

    try:
        seconds = parse_duration_s(until) if isinstance(until, str) else until
        if seconds is not None and not seconds > 0:
            raise InvalidValue("until", until, "must be longer than nothing")
    except InvalidValue as bad:
        raise BadInput(Fault("", "--until", str(until), bad.mend)) from None
    except ValueError as bad:
        raise BadInput(Fault("", "--until", str(until), str(bad))) from None
    return seconds


def _folder(out: str | Path | None) -> Path | None:
    """The folder to write to, made before anything runs: a month of work must have a place."""
    if out is None:
        return None
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        mend = f"cannot be made ({fault.strerror}): name another folder"
        raise BadInput(Fault(str(folder), "--out", "", mend)) from None
    return folder


def command_of(
    setup: Setup,
    rate: float,
    seed: int | None,
    until: float | str | None,
    strategy: str | None,
    out: str | Path | None,
    *,
    processes: bool = False,
    attach: str | Path | None = None,
) -> str:
    """The command that does the same again."""
    words = ["lightlag", "run", *setup.source.split("\n")]
    if rate != math.inf or processes:
        words += ["--rate", LOCKSTEP if rate == math.inf else f"{rate:g}"]
    if seed is not None:
        words += ["--seed", str(seed)]
    if until is not None:
        words += ["--until", until if isinstance(until, str) else f"{until}s"]
    if strategy is not None:
        words += ["--strategy", strategy]
    if out is not None:
        words += ["--out", str(out)]
    if processes:
        words.append("--processes")
    if attach is not None:
        words += ["--attach", str(attach)]
    return shlex.join(words)
