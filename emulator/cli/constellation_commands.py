"""Commands of a constellation in many processes: setup, compose, node, collect."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from dtn.errors import BadInput, Fault, FramesLate
from emulator.cli.options import (
    BrokerOption,
    CaOption,
    JsonOption,
    OutOption,
    OutputOption,
    PasswordOption,
    RunOption,
    ScenarioFile,
    SeenAtOption,
    UntilOption,
    UserOption,
    load_scenario,
)
from emulator.cli.output import print_json, stdout, write_private
from emulator.files import replace_text

if TYPE_CHECKING:
    from dtn.contact_plan import ContactPlan
    from emulator.constellation.collector import Collector
    from emulator.deployment.peers import Peer
    from emulator.scenario import Scenario
    from emulator.setup import Setup

SetupFileOption = Annotated[
    Path, typer.Option("--setup", metavar="FILE", help="The run's setup, made beforehand.")
]

BROKER_IMAGE = "eclipse-mosquitto:2.0"

LOOPBACK = "127.0.0.1"
AHEAD_S = 3.0
"""From setting the clock to its start: machines are busy when containers come up."""


def setup(
    scenario: ScenarioFile,
    output: OutputOption,
    until: UntilOption = None,
    json: JsonOption = False,
) -> None:
    """Work out all that processes of a constellation need: contacts, traffic, faults.

    Who reads the file needs neither the scenario nor ephemerides. Beside FILE.json lies FILE.geometry.json,
    for maps: nodes do not need it.
    """
    from emulator.cli.progress import progress
    from emulator.constellation.setup_file import save
    from emulator.geometry import beside
    from emulator.one_process import until_seconds
    from emulator.setup import changed, with_geometry

    loaded = load_scenario(scenario)
    until_s = until_seconds(until)
    with progress(loaded.start, loaded.duration_s) as tell:
        resolved, geometry = with_geometry(loaded, tell)
    save(changed(resolved, seed=None, strategy=None, until_s=until_s), output)
    replace_text(beside(output), geometry.text())
    if json:
        print_json({"file": str(output), "nodes": [member.name for member in resolved.members]})


def compose(
    scenario: ScenarioFile,
    output: OutputOption = Path("docker-compose.yml"),
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="Write Kubernetes manifests instead.")
    ] = False,
    swarm: Annotated[
        bool, typer.Option("--swarm", help="Write a stack for Docker Swarm instead.")
    ] = False,
    image: Annotated[
        str, typer.Option(metavar="NAME", help="As machines pull it, with --kubernetes or --swarm.")
    ] = "",
    rate: Annotated[float, typer.Option(metavar="K", min=0.001, help="With --kubernetes.")] = 60.0,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=IMAGE", help="A container of others in a node's place; may be repeated."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write a compose file: a container a node, a broker, a collector with a page.

    It belongs into the folder with the Dockerfile; the scenario lies in a folder below. --peer puts an unmodified
    container in a node's place: NAME=IMAGE[,carrier=udpcl|ltp|tcpcl|mtcp|datagram][,port=4556][,plan=ion]. With
    --kubernetes it writes plain manifests for a cluster, with passwords and a key in them; with --swarm a stack, and
    its secrets in a folder beside it.
    """
    from emulator.deployment.compose import check_names, scenario_path
    from emulator.deployment.compose import compose as composed

    loaded = load_scenario(scenario)
    if sum((kubernetes, swarm, bool(peer))) > 1:
        mend = "--kubernetes, --swarm and --peer exclude each other: leave out all but one"
        raise BadInput(Fault("", "--peer" if peer else "--swarm", "", mend))
    if swarm or kubernetes:
        check_names(str(scenario), tuple(loaded.ipn_numbers()))
        named = image or f"lightlag/{loaded.name}"
        if swarm:
            _write_stack(loaded, named, output)
        else:
            _write_manifests(loaded, named, rate, output)
    else:
        file = scenario_path(scenario, output.resolve().parent)
        peers = _peers(peer, loaded) if peer else []
        replace_text(output, composed(loaded.name, file, tuple(loaded.ipn_numbers()), peers))
    if json:
        print_json({"file": str(output), "nodes": list(loaded.ipn_numbers())})


def _write_stack(loaded: Scenario, image: str, output: Path) -> None:
    """For Docker Swarm: its secrets lie in a folder beside it."""
    from emulator.deployment.swarm import stack
    from emulator.setup import from_scenario

    folder = output.with_suffix(".secrets")
    text, secrets = stack(from_scenario(loaded), image, BROKER_IMAGE, folder.name)
    folder.mkdir(mode=0o700, exist_ok=True)
    for file_name, content in secrets.items():
        write_private(folder / file_name, content)
    replace_text(output, text)


def _write_manifests(loaded: Scenario, image: str, rate: float, output: Path) -> None:
    """For Kubernetes: nobody but the owner reads them, for the keys in them."""
    from emulator.deployment.kubernetes import manifests
    from emulator.setup import from_scenario

    write_private(output, manifests(from_scenario(loaded), image, BROKER_IMAGE, rate))


def _peers(texts: list[str], loaded: Scenario) -> list[Peer]:
    """Peers that fit the scenario, whose contacts say who their neighbours are."""
    from emulator.cli.progress import progress
    from emulator.deployment.peers import resolved
    from emulator.setup import with_geometry

    with progress(loaded.start, loaded.duration_s) as tell:
        setup, _ = with_geometry(loaded, tell)
    return resolved(texts, setup)


def node(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node's name in the setup.")],
    setup: SetupFileOption,
    broker: BrokerOption,
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="For its store; kept over a restart.")
    ] = Path("node"),
    attach: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Programs of others, one of them in this node's place."),
    ] = None,
    run: RunOption = "",
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
) -> None:
    """One node in a process of its own, as its container runs it.

    It waits for a collector to start the clock. Killed and started again, it goes on with its store.
    """
    words = [name, "--setup", str(setup), "--broker", broker, "--folder", str(folder)]
    words += ["--run", run, "--user", user]
    if password_file is not None:
        words += ["--password-file", str(password_file)]
    if ca is not None:
        words += ["--ca", str(ca)]
    if attach is not None:
        words += ["--attach", str(attach)]
    sys.stdout.flush()
    # a fresh interpreter: this one has loaded what a node never needs
    os.execv(sys.executable, [sys.executable, "-m", "emulator.constellation.node_process", *words])


def collect(
    setup: SetupFileOption,
    broker: BrokerOption,
    rate: Annotated[
        str,
        typer.Option("--rate", metavar="K|lockstep", help="Emulated seconds in a real one."),
    ] = "60",
    out: OutOption = None,
    page: Annotated[
        str, typer.Option(metavar="[HOST:]PORT", help="Serve a status page there.")
    ] = "",
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long the nodes may take to come.")
    ] = 120.0,
    stay: Annotated[
        bool, typer.Option("--stay", help="Serve the page after the end until stopped.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="End the run when a frame comes too late.")
    ] = False,
    seen_at: SeenAtOption = "",
    run: RunOption = "",
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Start a constellation's clock when all nodes are there, and gather what happens.

    Writes what `lightlag run` writes. Interrupted (Ctrl-C) before the end, it ends the run for all and
    writes what has happened so far; terminated, it leaves the nodes to a collector that is started
    after it.
    """
    from emulator.constellation.collector import Collector
    from emulator.constellation.setup_file import load
    from emulator.constellation.status_page import StatusPage
    from emulator.geometry import beside, read_geometry
    from emulator.one_process import rate_of
    from emulator.reports.table import summary_view
    from nodes.channel.broker import parse_broker
    from nodes.channel.topics import Topics

    speed = rate_of(rate, processes=True)
    given = load(setup)
    at = parse_broker(broker, user=user, password_file=password_file, ca_file=ca)
    topics = Topics(run or given.setup.name)
    collector = Collector(given.setup, given.sha256, at, topics)
    signal.signal(signal.SIGTERM, _stop)
    host, _, port = page.rpartition(":")
    try:
        server = StatusPage(collector, host or LOOPBACK, int(port)) if page else None
        collector.connect(patience)
    except BadInput:
        collector.close()
        raise
    is_stopped = False
    fault: FramesLate | None = None
    try:
        collector.wait_until_ready(patience)
        _tell_pace(given.setup.plan, speed)
        where = f", {seen_at or f'http://{host or LOOPBACK}:{port}'}" if server is not None else ""
        _run_clock(collector, given.setup, speed, where, strict)
    except BadInput:
        collector.close()
        raise
    except SystemExit:
        is_stopped = True  # another collector can take over, or this one again
    except (KeyboardInterrupt, FramesLate) as end:
        is_stopped = True
        fault = end if isinstance(end, FramesLate) else None
        collector.stop()
    result = replace(collector.result(), geometry=read_geometry(beside(setup)))
    if out is not None:
        result.write(out)
    if json:
        print_json(result.summary)
    else:
        stdout().print(summary_view(result.summary))
    while stay and server is not None and not is_stopped:
        time.sleep(1.0)
    collector.close()
    if server is not None:
        server.close()
    if fault is not None:
        raise fault


def _run_clock(collector: Collector, setup: Setup, speed: float, where: str, strict: bool) -> None:
    """From the clock's start to the end of the run.

    Raises:
        FramesLate: a frame came too late, and that was not to be.
    """
    from emulator.cli.progress import progress

    collector.start(speed, ahead_s=AHEAD_S)
    typer.echo(f"all {len(setup.members)} nodes are there: the clock runs{where}", err=True)
    with progress(setup.start, setup.duration_s) as tell:
        collector.wait_until_over(lambda part: tell("run", part), strict=strict)


def _tell_pace(plan: ContactPlan, speed: float) -> None:
    """Say how fast this machine can be believed, or that this is faster."""
    from emulator.constellation.honesty import LOOK_S, doubt_pace, honest_pace, timer_errors

    if speed == math.inf:  # nothing can be late
        return
    pace = honest_pace(plan, timer_errors(LOOK_S).quantile_s(0.99))
    if pace is not None and speed <= pace.rate:
        typer.echo(str(pace), err=True)
    doubt_pace(pace, speed)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
