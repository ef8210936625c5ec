"""SocketNode: a node of ours on the network outside, on a stock asyncio loop.

It is the same `Node` around the same agent; only its clock is the wall's and its convergence layer
is sockets. So a node of the emulation can stand at its edge and speak with another implementation.

    plan = lasting_contacts("gateway", ["peer"])
    agent = ...                                            # the plan's, its names and numbers
    gateway = SocketNode(agent, MemoryStore(), plan, timers, record)
    tcpcl = Tcpcl(SessionOptions(node_id="ipn:7.0"), {"peer": peer}, timers, gateway.sockets)
    await gateway.listen(tcpcl, "127.0.0.1", 4556)
    gateway.node.go_up(timers.time())
    gateway.call(tcpcl, "peer", "127.0.0.1", 4557)
    ...
    await gateway.stop()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dtn.bpa import Agent
from dtn.contact_plan import Contact, ContactPlan
from dtn.events import Event
from dtn.store import Store
from nodes.convergence.carrier import Carrier
from nodes.convergence.sockets import Sockets
from nodes.node import Node
from nodes.wall_timers import WallTimers

LASTING_S = 1e9
"""As good as for ever: 31 years."""

LASTING_RATE_BPS = 1e9
"""What routing assumes of a link over sockets."""


def lasting_contacts(node: str, neighbours: Iterable[str]) -> ContactPlan:
    """Contacts both ways with neighbours that can be reached whenever a link to them is up."""
    contacts = []
    for neighbour in neighbours:
        contacts.append(Contact(node, neighbour, 0.0, LASTING_S, LASTING_RATE_BPS, 0.0))
        contacts.append(Contact(neighbour, node, 0.0, LASTING_S, LASTING_RATE_BPS, 0.0))
    return ContactPlan(contacts)


class SocketNode:
    """A node whose neighbours are reached over sockets.

    Args:
        agent: its bundle protocol agent.
        store: where its bundles rest.
        plan: in which each neighbour's first contact stands for the link to it.
        timers: the wall clock.
        record: takes events.
    """

    def __init__(
        self,
        agent: Agent,
        store: Store,
        plan: ContactPlan,
        timers: WallTimers,
        record: Callable[[Event], object],
    ) -> None:
        contacts: dict[str, int] = {}
        for number, contact in enumerate(plan.contacts):
            if contact.source == agent.node:
                contacts.setdefault(contact.destination, number)
        self.timers = timers
        self._carriers: list[Carrier] = []

        def convergence(node: Node) -> Sockets:
            self.sockets = Sockets(node, contacts, timers)
            return self.sockets

        self.node = Node(agent.node, agent, store, timers, record, convergence)

    async def listen(self, carrier: Carrier, host: str, port: int) -> int:
        """Take what comes by this carrier to this address; returns the port.

        Raises:
            OSError: the address cannot be had.
        """
        self._use(carrier)
        return await carrier.listen(host, port)

    def call(self, carrier: Carrier, neighbour: str, host: str, port: int) -> None:
        """Keep a link to a neighbour by this carrier."""
        self.expect(carrier, neighbour)
        carrier.call(neighbour, host, port)

    def expect(self, carrier: Carrier, neighbour: str) -> None:
        """Send to this neighbour by this carrier, on a link that the neighbour makes."""
        self._use(carrier)
        self.sockets.reach(neighbour, carrier)

    async def stop(self) -> None:
        """Take leave of all neighbours, then go down."""
        for carrier in self._carriers:
            await carrier.stop()
        if self.node.is_up:
            self.node.go_down(self.timers.time(), "stopped")

    def _use(self, carrier: Carrier) -> None:
        if carrier not in self._carriers:
            self._carriers.append(carrier)
