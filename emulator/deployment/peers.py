"""Peers: containers of others in the place of nodes, as `lightlag compose --peer` is told of them.

    --peer probe=example/ud3tn                              # UDPCL at port 4556, or LTP where the scenario speaks it
    --peer probe=example/ud3tn,carrier=mtcp,port=4224,plan=tvg

The container runs as it is, on a network of its own where it meets nobody but its gateway: the node's process, which
holds its place in the emulated network (`emulator.attach`). What it is to know it finds in its environment and in a
folder that it can read:

    LIGHTLAG_NODE          its name
    LIGHTLAG_NODE_ID       its node ID: ipn:2.0
    LIGHTLAG_CARRIER       what its neighbours speak: udpcl, ltp, tcpcl, mtcp, datagram
    LIGHTLAG_LISTEN        where it is to listen: 0.0.0.0:4556
    LIGHTLAG_NEIGHBOURS    name, node ID and address of each, in order of name: ground=ipn:1.0@probe-gateway:4600
    /lightlag/contacts     its contact plan, written when the clock starts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dtn.contact_plan.formats import WRITERS
from dtn.errors import BadInput, Fault
from emulator.attach import Attach, neighbours_of
from emulator.attach import check as check_attached
from emulator.setup import Setup

PORT = 4556
"""Where bundle protocol agents listen: registered for TCPCL, UDPCL (RFC 9174 §8.1, RFC 7122 §5)."""

FIRST_PORT = 4600
"""Of a gateway: its neighbours' ports, one after the other."""

FOLDER = "/lightlag"
PLAN = "contacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One container in a node's place.

    Args:
        node: the node's name, and the container's.
        image: what runs.
        carrier: what it speaks; "": what the scenario's links carry.
        port: where it listens.
        plan_format: of its contact plan.
        node_id: its endpoint.
        neighbours: their endpoints, by name.
    """

    node: str
    image: str
    carrier: str = ""
    port: int = PORT
    plan_format: str = "ion"
    node_id: str = ""
    neighbours: Mapping[str, str] | None = None

    @property
    def gateway(self) -> str:
        """The service that holds its place."""
        return f"{self.node}-gateway"

    @property
    def contacts(self) -> str:
        """The volume that its contact plan is in."""
        return f"{self.node}-contacts"

    @property
    def words(self) -> str:
        """What `parse_peer` makes it of again, but for what the setup says of it."""
        return f"{self.node}={self.image},carrier={self.carrier},port={self.port},plan={self.plan_format}"

    @property
    def environment(self) -> dict[str, str]:
        """What the container is told."""
        around = [
            f"{name}={eid}@{self.gateway}:{FIRST_PORT + place}"
            for place, (name, eid) in enumerate(sorted((self.neighbours or {}).items()))
        ]
        return {
            "LIGHTLAG_NODE": self.node,
            "LIGHTLAG_NODE_ID": self.node_id,
            "LIGHTLAG_CARRIER": self.carrier,
            "LIGHTLAG_LISTEN": f"0.0.0.0:{self.port}",
            "LIGHTLAG_NEIGHBOURS": " ".join(around),
        }

    @property
    def attach_file(self) -> str:
        """What its gateway reads, as TOML."""
        return (
            "[[attach]]\n"
            f'node = "{self.node}"\n'
            f'carrier = "{self.carrier}"\n'
            f'peer = "{self.node}:{self.port}"\n'
            f'listen = "0.0.0.0:{FIRST_PORT}"\n'
            f'plan = "{FOLDER}/{PLAN}"\n'
            f'plan_format = "{self.plan_format}"\n'
        )


def parse_peer(text: str) -> Peer:
    """A peer from NAME=IMAGE[,carrier=CARRIER][,port=PORT][,plan=FORMAT].

    Raises:
        BadInput: it is none.
    """
    first, *rest = text.split(",")
    node, equals, image = first.partition("=")
    if not (node and equals and image):
        raise _fault(text, "write NAME=IMAGE, such as probe=example/ud3tn")
    said: dict[str, str] = {}
    for word in rest:
        key, _, value = word.partition("=")
        if key not in ("carrier", "port", "plan") or not value or key in said:
            raise _fault(text, f"{word!r}: write carrier=, port= or plan= with a value, each once")
        said[key] = value
    port = said.get("port", str(PORT))
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= 0xFFFF):
        raise _fault(text, f"{port!r} is no port")
    plan_format = said.get("plan", "ion")
    if plan_format not in WRITERS:
        raise _fault(text, f"plan: choose one of {', '.join(WRITERS)}")
    carrier = said.get("carrier", "")
    if carrier not in ("", "udpcl", "ltp", "tcpcl", "mtcp", "datagram"):
        raise _fault(text, "carrier: choose one of udpcl, ltp, tcpcl, mtcp, datagram")
    return Peer(node=node, image=image, carrier=carrier, port=int(port), plan_format=plan_format)


def resolved(texts: list[str], setup: Setup) -> list[Peer]:
    """Peers as they fit the setup.

    Raises:
        BadInput: every fault of them: no such node, traffic of its own, a carrier that its links do not have.
    """
    peers = []
    for peer in map(parse_peer, texts):
        member = next((member for member in setup.members if member.name == peer.node), None)
        peers.append(
            Peer(
                node=peer.node,
                image=peer.image,
                carrier=peer.carrier or ("ltp" if setup.ltp is not None else "udpcl"),
                port=peer.port,
                plan_format=peer.plan_format,
                node_id=f"ipn:{member.ipn}.0" if member else "",
                neighbours={n: str(eid) for n, eid in neighbours_of(peer.node, setup).items()},
            )
        )
    check_attached(_attached(peers), setup, "--peer")
    return peers


def _attached(peers: list[Peer]) -> tuple[Attach, ...]:
    return tuple(
        Attach.model_validate(
            {"node": peer.node, "carrier": peer.carrier, "peer": f"{peer.node}:{peer.port}"}
        )
        for peer in peers
    )


def _fault(text: str, mend: str) -> BadInput:
    return BadInput(Fault("", "--peer", text, mend))
