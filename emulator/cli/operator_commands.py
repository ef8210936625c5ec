"""Commands on a constellation under way, or on one node on real sockets: control, ping, send, recv."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dtn.errors import BadInput, Fault, InvalidValue
from emulator.cli.options import BrokerOption, CaOption, JsonOption, PasswordOption, UserOption
from emulator.cli.output import Json, print_json
from emulator.files import writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.constellation.operator import Operator
    from emulator.outside.control import Document

RunName = Annotated[str, typer.Option("--run", metavar="NAME", help="The run's: its scenario's.")]
FromOption = Annotated[str, typer.Option("--from", metavar="NODE", help="Who sends.")]
OrBroker = Annotated[
    str, typer.Option("--broker", metavar="URL", help="A constellation's: mqtt://HOST[:PORT].")
]
OrNode = Annotated[
    Path | None,
    typer.Option("--node", metavar="FILE", help="A socket-node's file, or its control socket."),
]

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
    json: JsonOption = False,
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
    if json:
        print_json({"order": order})


def ping(
    destination: Annotated[str, typer.Argument(metavar="EID", help="An echo: ipn:2.7.")],
    node: OrNode = None,
    source: FromOption = "",
    broker: OrBroker = "",
    run: RunName = "",
    patience: Annotated[float, typer.Option(metavar="SECONDS", help="Real time to wait.")] = 60.0,
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Send a bundle to a node's echo: where it is when, there and back, by the run's clock.

    From a node of a constellation (--from, --broker, --run), or from a socket-node (--node).
    """
    _endpoint(destination)
    if _is_socket_node(node, {"--from": source, "--broker": broker, "--run": run}):
        _ping_from(node, destination, patience, json=json)
        return
    hops: list[Json] = []
    with _operator(broker, run, user, password_file, ca) as operator:
        began_s: float | None = None
        what, where = "", ""
        for hop in operator.ping(source, destination, patience):
            began_s = hop.t_s if began_s is None else began_s
            what, where = hop.what, hop.node
            if json:
                hops.append(
                    {"after_s": hop.t_s - began_s, "t_s": hop.t_s, "node": where, "what": what}
                )
            else:
                typer.echo(f"{hop.t_s - began_s:14.6f} s  {hop.node:<20} {hop.what}")
    if json:
        print_json({"answered": what == "answered", "hops": hops})
    if what != "answered":
        seen = f"last {what} at {where}; it may wait there for a contact" if what else "never sent"
        typer.echo(f"no answer within {patience:g} s: {seen}; --patience waits longer", err=True)
        raise SystemExit(1)


def send(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What is sent.", exists=True)],
    destination: Annotated[str, typer.Argument(metavar="EID", help="Where to: ipn:2.42.")],
    node: OrNode = None,
    source: FromOption = "",
    broker: OrBroker = "",
    run: RunName = "",
    lifetime: Annotated[float, typer.Option(metavar="SECONDS", help="Of the bundle.")] = 86400.0,
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Let a node send a file as one bundle.

    A node of a constellation (--from, --broker, --run), or a socket-node (--node).
    """
    _endpoint(destination)
    if _is_socket_node(node, {"--from": source, "--broker": broker, "--run": run}):
        payload = file.read_bytes().hex()
        request = {"do": "send", "to": destination, "payload": payload, "lifetime_s": lifetime}
        for answer in _asked(node, request):
            if json:
                print_json({"bundle": answer["bundle"]})
            else:
                typer.echo(answer["bundle"])
        return
    with _operator(broker, run, user, password_file, ca) as operator:
        service = operator.send(source, destination, file.read_bytes(), lifetime)
    if json:
        print_json({"from": source, "service": service, "to": destination})


def recv(
    where: Annotated[
        list[str], typer.Argument(metavar="[NODE] SERVICE", help="The 42 of ipn:2.42, and whose.")
    ],
    node: OrNode = None,
    broker: OrBroker = "",
    run: RunName = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: stdout.")
    ] = None,
    user: UserOption = "",
    password_file: PasswordOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Wait for a bundle for a service of a node, and write its payload.

    At a node of a constellation (NODE, --broker, --run), or at a socket-node (--node).
    """
    name, service = where if len(where) == 2 else ("", where[-1])
    if len(where) > 2:
        raise BadInput(Fault("", "SERVICE", " ".join(where), "write [NODE] SERVICE"))
    if _is_socket_node(node, {"NODE": name, "--broker": broker, "--run": run}):
        arrival = next(iter(_asked(node, {"do": "receive", "service": service})), None)
        if arrival is None:
            raise BadInput(Fault("", "--node", str(node), "the node has stopped"))
        payload = bytes.fromhex(arrival["payload"])
    else:
        with (
            _operator(broker, run, user, password_file, ca) as operator,
            contextlib.closing(operator.receive(name, service)) as arrivals,
        ):
            payload = bytes.fromhex(next(arrivals).payload)
    if output is not None:
        with writing(output):
            output.write_bytes(payload)
    if json:
        print_json({"service": service, "bytes": len(payload), "payload": payload.hex()})
    elif output is None:
        sys.stdout.buffer.write(payload)


def _is_socket_node(node: Path | None, given: dict[str, str]) -> bool:
    """Whether a socket-node is meant, and not a constellation.

    Raises:
        BadInput: both, or neither, or half of what a constellation needs.
    """
    present = [option for option, value in given.items() if value]
    if node is not None and present:
        raise BadInput(Fault("", "--node", str(node), f"goes without {', '.join(present)}"))
    if node is None and len(present) < len(given):
        option = next(option for option, value in given.items() if not value)
        mend = "give it for a constellation, or --node FILE for a socket-node"
        raise BadInput(Fault("", option, "", mend))
    return node is not None


def _ping_from(node: Path | None, destination: str, patience: float, *, json: bool) -> None:
    for answer in _asked(node, {"do": "ping", "to": destination}, patience):
        if json and "bundle" not in answer:
            seen = {"round_trip_s": answer["round_trip_s"], "intact": answer["intact"]}
            print_json({"answered": True, **seen})
            return
        if json:
            continue
        if "bundle" in answer:
            typer.echo(f"sent {answer['bundle']}")
            continue
        remark = "" if answer["intact"] else ", with another payload"
        typer.echo(f"answered after {1000 * answer['round_trip_s']:.3f} ms{remark}")
        return
    typer.echo(f"no answer within {patience:g} s", err=True)
    raise SystemExit(1)


def _asked(
    node: Path | None, request: Document, patience_s: float | None = None
) -> Iterator[Document]:
    from emulator.outside.control import ask

    assert node is not None
    return ask(node, request, patience_s)


def _operator(
    url: str, run: str, user: str, password_file: Path | None, ca: Path | None
) -> Operator:
    from emulator.constellation.operator import Operator
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
