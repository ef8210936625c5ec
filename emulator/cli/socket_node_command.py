"""A node on real sockets: socket-node."""

from __future__ import annotations

import sys
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emulator.cli.options import JsonOption

if TYPE_CHECKING:
    from dtn.events import Event


def socket_node(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What it is (TOML).")],
    json: JsonOption = False,
) -> None:
    """Run a node of ours on the network outside, beside other implementations.

    It speaks TCPCLv4 with TLS, MTCP, UDPCL and LTP over UDP, keeps bundles in SQLite, and echoes at service 7. The file
    says who it is, where it listens and whom it knows. Talk to it by ping, send and recv with --node. It runs
    until it is interrupted; with --json it prints its events, one document a line.
    """
    import asyncio

    from emulator.log import line_of
    from emulator.outside.running import EPOCH, run_until_stopped
    from emulator.outside.settings import load

    def record(event: Event) -> None:
        if json:
            print(line_of(event), flush=True)
        elif (said := _said(event)) is not None:
            at = EPOCH + timedelta(seconds=event.t_s)
            print(f"{at.astimezone(UTC):%H:%M:%S.%f} {said}", flush=True)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    asyncio.run(run_until_stopped(load(file), record, tell))


def _said(event: Event) -> str | None:
    """An event in a few words, if people want to hear of it."""
    from dtn import events

    match event:
        case events.ContactStarted(neighbour=neighbour):
            return f"link to {neighbour} is up"
        case events.ContactEnded(neighbour=neighbour, reason=reason):
            return f"link to {neighbour} is down: {reason}"
        case events.BundleReceived(bundle=bundle, previous=previous, size_bytes=size_bytes):
            return f"{bundle} came from {previous}, {size_bytes} B"
        case events.BundleMalformed(previous=previous, reason=reason):
            return f"no bundle came from {previous}: {reason}"
        case events.BundleDelivered(bundle=bundle, service=service):
            return f"{bundle} is delivered to service {service}"
        case events.TransferFinished(bundle=bundle, neighbour=neighbour):
            return f"{bundle} is at {neighbour}"
        case events.TransferFailed(bundle=bundle, neighbour=neighbour, reason=reason):
            return f"{bundle} did not get to {neighbour}: {reason}"
        case events.BundleDeleted(bundle=bundle, reason=reason):
            return f"{bundle} is deleted, reason {reason}"
        case _:
            return None
