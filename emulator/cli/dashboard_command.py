"""The command that shows: dashboard."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dtn.errors import BadInput, Fault
from emulator.cli.options import (
    CaOption,
    JsonOption,
    PasswordOption,
    RunOption,
    SeedOption,
    SeenAtOption,
    StrategyOption,
    UserOption,
    load_scenario,
    out_folder,
)
from emulator.cli.output import print_json


def dashboard(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|DIR|mqtt://...",
            help="A scenario to run, a run's folder to replay, or the broker of a constellation.",
        ),
    ],
    rate: Annotated[
        float,
        typer.Option("--rate", metavar="K", help="Emulated seconds in a real one, to begin with."),
    ] = 60.0,
    port: Annotated[
        int, typer.Option(help="Port; 0 for any that is free.", min=0, max=65535)
    ] = 8640,
    host: Annotated[
        str, typer.Option(help="Address to listen at; at others than this, controls need a token.")
    ] = "127.0.0.1",
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help='Replay from there, such as "2d 6h".')
    ] = "",
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Stop a live run then.")] = None,
    seed: SeedOption = None,
    strategy: StrategyOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=out_folder, metavar="DIR", help="Write a live run there when it is over."
        ),
    ] = None,
    setup: Annotated[
        Path | None,
        typer.Option(
            "--setup",
            metavar="FILE",
            help="Of a constellation: its setup, and beside it its geometry.",
        ),
    ] = None,
    seen_at: SeenAtOption = "",
    run: RunOption = "",
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Watch the network in the browser: a run as it goes, a constellation, or a finished run again.

    The page needs no network but this machine. Map, contacts, queues, latencies and events; pause,
    change the rate, jump in a replay; in a live run cut links, take nodes down, hang clouds, send bundles.
    Stop with Control-C.
    """
    from emulator.cli.progress import progress
    from emulator.constellation.setup_file import load
    from emulator.dashboard.watch import (
        checked_rate,
        replay_session,
        watch_remote,
        watch_replay,
        watch_run,
    )
    from emulator.geometry import beside, read_geometry
    from emulator.one_process import until_seconds
    from emulator.setup import with_geometry
    from nodes.channel.broker import parse_broker
    from nodes.channel.topics import Topics

    checked_rate(rate)

    said = partial(_tell_address, seen_at, json)
    if what.startswith(("mqtt://", "mqtts://")):
        if setup is None:
            mend = "give the setup that the nodes were given: --setup FILE"
            raise BadInput(Fault("", "--setup", "", mend))
        given, geometry = load(setup).setup, read_geometry(beside(setup))
        at_broker = parse_broker(what, user=user, password_file=password_file, ca_file=ca)
        watch_remote(given, geometry, at_broker, Topics(run or given.name), host, port, said)
        return
    if Path(what).is_dir():
        session = replay_session(Path(what), rate, until_seconds(at or None) or 0.0)
        watch_replay(session, host, port, said)
        return
    loaded = load_scenario(Path(what))
    with progress(loaded.start, loaded.duration_s) as tell:
        planned, geometry = with_geometry(loaded, tell)
    watch_run(
        planned,
        geometry,
        rate,
        host,
        port,
        said,
        strategy=strategy,
        seed=seed,
        until_s=until_seconds(until),
        out=out,
    )


def _tell_address(seen_at: str, json: bool, url: str, token: str) -> None:
    """Where the page is, as people reach it, and the token, which is in the address."""
    if seen_at:
        url = seen_at + "".join(url.partition("/#")[1:])
    if json:
        print_json({"url": url, "token": token})
        sys.stdout.flush()
    else:
        typer.echo(f"dashboard: {url}")
    if token and not json:
        typer.echo("Whoever has the token in this address can control the run.")
