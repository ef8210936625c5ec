"""WholeBundle: a convergence layer that carries each bundle as one frame, one at a time on a link.

No segments and no acknowledgement: a transfer is done when its last bit is out, and what reaches
nobody is lost (`FrameLost`). That is what a laser link without LTP does, and the least that a
convergence layer can be. Airtime and arrival are the contact's: rate integrated over time, light
time of the last bit.

In virtual time a hop may carry the Bundle itself with its exact encoded size; with `octets` it
carries the encoding, and the receiver decodes. Both give equal events.

It refuses nothing: a bundle that does not fit into what is left of its contact goes on the air, and
is cut short when the contact ends.
"""

from __future__ import annotations

import math

from dtn.bpa.outputs import Transmit
from dtn.bundle import Bundle
from dtn.codec import encode
from dtn.contact_plan import ContactPlan
from dtn.contact_plan.contact import TIME_TOLERANCE_S
from nodes.channel.channel import Channel
from nodes.channel.frame import Frame
from nodes.convergence.convergence_layer import ConvergenceUser
from nodes.timers import Timers


class WholeBundle:
    """The convergence layer of one node.

    Args:
        node: the node's name.
        user: the node, told what becomes of its bundles.
        plan: the contacts as they are planned, for rates and light times.
        timers: the loop.
        channel: carries the frames.
        octets: whether frames carry octets, not Bundles.

    Attributes:
        latest: by neighbour, the contact over which something was sent last.
    """

    def __init__(
        self,
        node: str,
        user: ConvergenceUser,
        plan: ContactPlan,
        timers: Timers,
        channel: Channel,
        *,
        octets: bool = False,
    ) -> None:
        self._node = node
        self._user = user
        self._contacts = plan.contacts
        self._timers = timers
        self._channel = channel
        self._octets = octets
        self._on_air: dict[int, tuple[Transmit, float]] = {}
        self.latest: dict[str, int] = {}
        self._sequences: dict[str, int] = {}

    def start(self) -> None:
        """The node is up: frames that arrive from now on are its own."""
        self._channel.attach(self._node, self.receive)

    def stop(self) -> None:
        """The node is down: frames that arrive from now on are lost."""
        self._channel.detach(self._node)

    def transmit(self, request: Transmit, now_s: float) -> None:
        """Send a bundle over an open contact, starting now."""
        last_bit_s = self._contacts[request.contact].last_bit_s(now_s, request.size_bytes)
        self._on_air[request.contact] = (request, last_bit_s)
        self.latest[request.neighbour] = request.contact
        if last_bit_s < math.inf:
            self._timers.schedule(last_bit_s, self._last_bit_out, request, last_bit_s)

    def open(self, contact: int, now_s: float) -> None:
        """The contact is open: nothing waits for it here."""

    def close(self, contact: int, now_s: float) -> list[Transmit]:
        """The contact is over: returns the transfer that it cuts short, if any.

        Contacts are closed at their ends: a bundle that fills one to its end is through.
        """
        if contact not in self._on_air:
            return []
        request, last_bit_s = self._on_air[contact]
        if last_bit_s > now_s + TIME_TOLERANCE_S:
            del self._on_air[contact]
            return [request]
        self._finish(request, last_bit_s, now_s)
        return []

    def next_sequence(self, neighbour: str) -> int:
        """The number of the next frame to a neighbour."""
        sequence = self._sequences.get(neighbour, 0)
        self._sequences[neighbour] = sequence + 1
        return sequence

    def receive(self, frame: Frame) -> None:
        """A frame arrived: it is a bundle."""
        self._user.received(
            frame.content,
            frame.source,
            frame.arrives_s,
            frame.size_bytes,
            frame.arrives_s - frame.sent_s,
        )

    def _last_bit_out(self, request: Transmit, last_bit_s: float) -> None:
        on_air = self._on_air.get(request.contact)
        if on_air is None or on_air[0] is not request:
            return  # cut short before
        self._finish(request, last_bit_s, last_bit_s)
        neighbour = request.neighbour
        if self.latest[neighbour] == request.contact:  # else a newer contact has its own transfer
            self._user.link_ready(neighbour, last_bit_s)

    def _finish(self, request: Transmit, last_bit_s: float, now_s: float) -> None:
        del self._on_air[request.contact]
        neighbour = request.neighbour
        sequence = self.next_sequence(neighbour)
        arrives_s = last_bit_s + self._contacts[request.contact].owlt_at(last_bit_s)
        content: bytes | Bundle = request.octets or request.bundle
        if self._octets and isinstance(content, Bundle):
            content = encode(content)
        frame = Frame(
            self._node, neighbour, sequence, last_bit_s, arrives_s, request.size_bytes, content
        )
        self._channel.send(frame, request.bundle_id)
        self._user.transfer_finished(request.transfer, now_s)
