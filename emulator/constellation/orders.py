"""Orders: what an operator asks of one node in a process of its own, and what the node answers.

An order comes on the connection's thread and is carried out on the emulated loop's. Operators give an order until it is
answered, so each has a number, and is carried out once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from dtn.bpa import TransmissionRequest
from dtn.bundle import Bundle
from dtn.eid import parse_eid
from dtn.routing.strategy import STRATEGIES
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.constellation.control import Answer, Delivered, LinkOrder, NodeOrder
from nodes.channel.connection import Message
from nodes.channel.topics import Topics
from nodes.spacecraft.options import Storm

OPERATOR = "order"
"""Why a node or a link is down that an operator took down."""


class Orders:
    """The orders to one node.

    Args:
        name: the node's.
        loop: its clock.
        topics: the run's.
        post: sends a message, from any thread.

    Attributes:
        network: what obeys; None until it is there, and orders before that are left to be given again.
    """

    def __init__(
        self, name: str, loop: EmulatedLoop, topics: Topics, post: Callable[[Message], object]
    ) -> None:
        self.network: Network | None = None
        self._name = name
        self._loop = loop
        self._topics = topics
        self._post = post
        self._relays: set[str] = set()
        self._answers: dict[str, str] = {}

    # -- on the connection's thread

    def take_link(self, order: LinkOrder) -> None:
        """A link is to be cut or mended; nobody waits for an answer."""
        if self.network is not None:
            self._loop.call_soon_threadsafe(self._obey_link, self.network, order)

    def take(self, order: NodeOrder) -> None:
        """The node is to do something; until the clock runs nobody is there who could."""
        if self.network is None or self._loop.reading_s() < 0:
            return
        if order.number in self._answers:
            self._answer(order, self._answers[order.number])
        else:
            self._answers[order.number] = ""
            self._loop.call_soon_threadsafe(self._carry_out, self.network, order)

    # -- on the emulated loop

    def _obey_link(self, network: Network, order: LinkOrder) -> None:
        links = network.links
        for source, destination in ((order.a, order.b), (order.b, order.a)):
            with contextlib.suppress(ValueError, KeyError):  # mended twice
                (links.cut if order.is_cut else links.restore)(source, destination, OPERATOR)

    def _carry_out(self, network: Network, order: NodeOrder) -> None:
        refusal = self._answers[order.number] = self._obey(network, order)
        self._answer(order, refusal)

    def _obey(self, network: Network, order: NodeOrder) -> str:
        """Do it; returns why not."""
        node = network.nodes.get(self._name)
        if node is None and order.do in ("listen", "send"):
            return "a program of others is in its place: let that send and receive"
        match order.do:
            case "follow" if order.strategy not in STRATEGIES:
                return f"knows no strategy {order.strategy!r}"
            case "follow":
                if node is not None:
                    node.agent.routing.follow(STRATEGIES[order.strategy])
            case "storm":
                now_s = self._loop.time()
                until_s = now_s + order.for_s
                network.storm(
                    Storm(nodes=(self._name,), at_s=now_s, until_s=until_s, factor=order.factor)
                )
            case "down":
                network.links.leave(self._name, OPERATOR)
            case "up":
                with contextlib.suppress(ValueError):  # it is up
                    network.links.join(self._name, OPERATOR)
            case "listen":
                self._listen(network, order.service)
            case "send" if node is None or not node.is_up:
                return "it is down, or not launched yet: nothing can be sent from there"
            case "send":
                self._listen(network, order.service)
                node.send(
                    TransmissionRequest(
                        service=order.service,
                        destination=parse_eid(order.destination),
                        payload=bytes.fromhex(order.payload),
                        lifetime_s=order.lifetime_s,
                        flow="operator",
                    )
                )
        return ""

    def _listen(self, network: Network, service: str) -> None:
        """Let operators know what comes for a service."""
        if service not in self._relays:
            self._relays.add(service)
            network.nodes[self._name].register(Relay(service, self._pass_on))

    # -- what goes back

    def _answer(self, order: NodeOrder, refusal: str = "") -> None:
        answer = Answer(number=order.number, refusal=refusal)
        self._post(Message(self._topics.node(self._name, "answer"), answer.octets()))

    def _pass_on(self, delivered: Delivered) -> None:
        self._post(Message(self._topics.node(self._name, "delivered"), delivered.octets()))


class Relay:
    """What is registered for an operator's service: hands on what comes.

    Args:
        service: the service part of its endpoint.
        tell: takes what came.
    """

    def __init__(self, service: str, tell: Callable[[Delivered], object]) -> None:
        self.service = service
        self._tell = tell

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """A bundle came."""
        self._tell(
            Delivered(
                service=self.service,
                source=str(bundle.primary.source),
                payload=bundle.payload.hex(),
                emulated_s=now_s,
            )
        )
