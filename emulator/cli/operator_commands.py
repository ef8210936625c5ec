"""Commands on a constellation under way: control, ping, send, recv."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dtn.errors import BadInput, Fault, InvalidValue
from emulator.cli.constellation_commands import BrokerOption, CaOption, PasswordOption, UserOption

if TYPE_CHECKING:
    from emulator.operator import Operator

RunName = Annotated[str, typer.Option("--run", metavar="NAME", help="The run's: its scenario's.")]
FromOption = Annotated[str, typer.Option("--from", metavar="NODE", help="Who sends.")]

ORDERS = {
    "pause": "pause",
    "rate": "rate K",
    "cut": "cut A B",
    "mend": "mend A B",
    "down": "down NODE",
    "up": "up NODE",
}


def control(
    order: Annotated[list[str], typer.Argument(metavar="ORDER", help=", ".join(ORDERS.values()))],
    broker: BrokerOption,
    run: RunName,
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
) -> None:
    """Pause a constellation, change its rate, cut and mend links, take nodes down and up.

    After a pause, give the rate anew.
    """
    word, *rest = order
    if word not in ORDERS or len(rest) != ORDERS[word].count(" "):
        raise BadInput(Fault("", "ORDER", " ".join(order), f"write {', '.join(ORDERS.values())}"))
    with _operator(broker, run, user, password_file, ca) as operator:
        match word:
            case "pause":
                operator.set_rate(0.0)
            case "rate":
                operator.set_rate(_positive("rate", rest[0]))
            case "cut" | "mend":
                operator.set_link(*rest, is_cut=word == "cut")
            case _:
                operator.set_node(rest[0], is_up=word == "up")


def ping(
    destination: Annotated[str, typer.Argument(metavar="EID", help="An echo: ipn:2.7.")],
    source: FromOption,
    broker: BrokerOption,
    run: RunName,
    patience: Annotated[float, typer.Option(metavar="SECONDS", help="Real time to wait.")] = 60.0,
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
) -> None:
    """Send a bundle to a node's echo: where it is when, there and back, by the run's clock."""
    _endpoint(destination)
    with _operator(broker, run, user, password_file, ca) as operator:
        began_s: float | None = None
        what = ""
        for hop in operator.ping(source, destination, patience):
            began_s = hop.t_s if began_s is None else began_s
            what = hop.what
            typer.echo(f"{hop.t_s - began_s:14.6f} s  {hop.node:<20} {hop.what}")
    if what != "answered":
        typer.echo(f"no answer within {patience:g} s", err=True)
        raise SystemExit(1)


def send(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is sent.", exists=True)],
    destination: Annotated[str, typer.Argument(metavar="EID", help="Where to: ipn:2.42.")],
    source: FromOption,
    broker: BrokerOption,
    run: RunName,
    lifetime: Annotated[float, typer.Option(metavar="SECONDS", help="Of the bundle.")] = 86400.0,
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
) -> None:
    """Let a node send a file as one bundle."""
    _endpoint(destination)
    with _operator(broker, run, user, password_file, ca) as operator:
        operator.send(source, destination, file.read_bytes(), lifetime)


def recv(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Where.")],
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The 42 of ipn:2.42.")],
    broker: BrokerOption,
    run: RunName,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: stdout.")
    ] = None,
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
) -> None:
    """Wait for a bundle for a service of a node, and write its payload."""
    with (
        _operator(broker, run, user, password_file, ca) as operator,
        contextlib.closing(operator.receive(node, service)) as arrivals,
    ):
        payload = bytes.fromhex(next(arrivals).payload)
    if output is not None:
        output.write_bytes(payload)
    else:
        sys.stdout.buffer.write(payload)


def _operator(
    url: str, run: str, user: str, password_file: Path | None, ca: Path | None
) -> Operator:
    from emulator.operator import Operator
    from nodes.channel.broker import parse_broker
    from nodes.channel.topics import Topics

    at = parse_broker(url, user=user, password_file=password_file, ca_file=ca)
    return Operator(at, Topics(run))


def _endpoint(text: str) -> None:
    from dtn.eid import parse_eid

    try:
        parse_eid(text)
    except InvalidValue as bad:
        raise BadInput(Fault("", "EID", text, bad.mend)) from None


def _positive(key: str, text: str) -> float:
    with contextlib.suppress(ValueError):
        if float(text) > 0:
            return float(text)
    raise BadInput(Fault("", key, text, "give a positive number"))
