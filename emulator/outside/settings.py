"""The file of a node on real sockets: who it is, where it listens, whom it knows.

    node = "ipn:7.0"
    services = [42]                     # bundles for these wait until somebody asks; for others they are refused
    store = "node.db"                   # SQLite, kept over a restart; left out: in memory
    control = "node.sock"               # where send, recv and ping talk to it

    [[listen]]
    carrier = "tcpcl"                   # or "mtcp", "udpcl", "ltp"
    at = "127.0.0.1:4556"

    [[neighbours]]
    name = "peer"
    node = "ipn:9.0"
    carrier = "tcpcl"
    at = "127.0.0.1:4557"               # where it listens; left out with tcpcl: it calls
    reaches = ["ipn:12.0"]              # nodes that are reached by way of it

Files are looked for beside it. Every fault of the file is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from dtn.eid import DtnEid, Eid, IpnEid, parse_eid
from dtn.errors import BadInput, Fault, InvalidValue
from dtn.ltp.options import LEAST_SEGMENT_BYTES
from emulator.scenario.faults import faults_of
from emulator.scenario.quantities import Bytes, PositiveSeconds
from emulator.scenario.table import Name, Table
from emulator.scenario.toml import read_tables, tupled

Carrier = Literal["tcpcl", "mtcp", "udpcl", "ltp"]
DATAGRAMS = ("udpcl", "ltp")
LONGEST_SOCKET_PATH = 100
"""Of a Unix socket's name, in octets; the system allows 108."""


class Address(NamedTuple):
    """Where a program is on the network."""

    host: str
    port: int


def address_of(text: str) -> Address:
    """An address from HOST:PORT, IPv6 in brackets.

    Raises:
        InvalidValue: it is none.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 0xFFFF):
        raise InvalidValue("at", text, "write HOST:PORT, such as 127.0.0.1:4556")
    return Address(host, int(port))


def _address(text: str) -> str:
    try:
        address_of(text)
    except InvalidValue as bad:
        raise PydanticCustomError("mend", "{mend}", {"mend": bad.mend}) from None
    return text


def _node_id(text: str) -> str:
    try:
        eid = parse_eid(text)
    except InvalidValue as bad:
        raise PydanticCustomError("mend", "{mend}", {"mend": bad.mend}) from None
    if not isinstance(eid, IpnEid | DtnEid) or eid.node is None or eid.is_local_node:
        mend = "name a node: ipn:9.0, or dtn://name/"
        raise PydanticCustomError("mend", "{mend}", {"mend": mend})
    return text


At = Annotated[str, AfterValidator(_address)]
NodeId = Annotated[str, AfterValidator(_node_id)]


class Listen(Table):
    """Where neighbours find it, by one protocol."""

    carrier: Carrier
    at: At


class Neighbour(Table):
    """A node that it has a link to, and by which protocol."""

    name: Name
    node: NodeId
    carrier: Carrier
    at: At | None = None
    reaches: tuple[NodeId, ...] = ()
    engine: int | None = Field(default=None, ge=1)


class Tls(Table):
    """Certificates for TCPCL: PEM files."""

    certificate: str
    key: str
    authorities: str


class Ltp(Table):
    """How LTP engines are set up: the longest segment, light time and more one way, pace."""

    segment_bytes: Annotated[Bytes, Field(ge=LEAST_SEGMENT_BYTES, le=65_000)] = Field(
        default=1400, alias="segment"
    )
    one_way_s: PositiveSeconds = Field(default=1.0, alias="one_way")
    rate_bps: float = Field(default=100e6, gt=0)


class Settings(Table):
    """The whole file."""

    node: NodeId
    services: tuple[Annotated[int, Field(ge=1)], ...] = ()
    store: str | None = None
    control: str | None = None
    quota_bytes: Bytes | None = Field(default=None, alias="quota")
    status_reports: bool = False
    listen: tuple[Listen, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    tls: Tls | None = None
    ltp: Ltp = Ltp()


@dataclass(frozen=True, slots=True)
class NodeFile:
    """A file that was read, without faults."""

    path: Path
    settings: Settings

    def beside(self, name: str) -> Path:
        """A file that it names."""
        return self.path.parent / name

    @property
    def control(self) -> Path:
        """The socket over which it is talked to."""
        given = self.settings.control
        return self.path.with_suffix(".sock") if given is None else self.beside(given)

    @property
    def node(self) -> IpnEid:
        """Its administrative endpoint."""
        eid = parse_eid(self.settings.node)
        assert isinstance(eid, IpnEid)
        return eid


def load(path: Path) -> NodeFile:
    """Read and check a file.

    Raises:
        BadInput: every fault of it.
    """
    data: dict[str, Any] = read_tables(path)
    try:
        settings = Settings.model_validate(tupled(data))
    except ValidationError as error:
        raise BadInput(*faults_of(error, data, str(path))) from None
    file = NodeFile(path, settings)
    faults = [Fault(str(path), *found) for found in _faults(file)]
    if faults:
        raise BadInput(*faults)
    return file


def _faults(file: NodeFile) -> Iterator[tuple[str, str, str]]:
    settings = file.settings
    own = parse_eid(settings.node)
    if not isinstance(own, IpnEid):
        yield "node", settings.node, "a node of ours has a number: ipn:7.0"
    if not settings.listen and not settings.neighbours:
        yield "listen", "", "say where it listens, or whom it calls: [[listen]], [[neighbours]]"
    if len(str(file.control.absolute()).encode()) > LONGEST_SOCKET_PATH:
        yield "control", str(file.control), "a socket's path must be shorter: /tmp/node.sock"
    names = [neighbour.name for neighbour in settings.neighbours]
    known: dict[Eid, str] = {own: "this node itself"}
    listens = {listen.carrier for listen in settings.listen}
    for place, neighbour in enumerate(settings.neighbours):
        path = f"neighbours[{place}]"
        if names.index(neighbour.name) != place:
            yield f"{path}.name", neighbour.name, "another neighbour has this name"
        for key, ids in (("node", (neighbour.node,)), ("reaches", neighbour.reaches)):
            for text in ids:
                taken = known.setdefault(parse_eid(text), f"reached by {neighbour.name}")
                if taken != f"reached by {neighbour.name}":
                    yield f"{path}.{key}", text, f"is {taken} already"
        yield from _address_faults(path, neighbour, listens)
    for place, listen in enumerate(settings.listen):
        same = [one for one in settings.listen if one.carrier == listen.carrier]
        if same[0] is not listen and listen.carrier in DATAGRAMS:
            yield f"listen[{place}].carrier", listen.carrier, "listens at one address only"


def _address_faults(
    path: str, neighbour: Neighbour, listens: set[Carrier]
) -> Iterator[tuple[str, str, str]]:
    if neighbour.at is None:
        if neighbour.carrier != "tcpcl":
            mend = "say where it listens: only TCPCL takes bundles back over a session that it made"
            yield f"{path}.at", "", mend
        elif "tcpcl" not in listens:
            yield f"{path}.at", "", "say where it listens, or listen by tcpcl so that it can call"
    elif neighbour.carrier in DATAGRAMS:
        try:
            ip_address(address_of(neighbour.at).host)
        except ValueError:
            yield f"{path}.at", neighbour.at, "datagrams need an address in numbers: 127.0.0.1:4556"
    is_numbered = neighbour.engine is not None or isinstance(parse_eid(neighbour.node), IpnEid)
    if neighbour.carrier == "ltp" and not is_numbered:
        yield f"{path}.engine", "", "give its LTP engine number: it has no node number"
