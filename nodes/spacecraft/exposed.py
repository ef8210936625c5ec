"""Exposed: a node whose memory is under radiation, and the frames that it sends.

A bundle lies in memory from the moment it is stored until it is released. When it is read, to be sent, the bits that
have flipped meanwhile, and that protection has not mended, are flipped in its encoding. The node does not notice: a
memory that could tell would have mended it. The next hop does, by the bundle's CRC or its BPSec, and discards what
came; the log says at the sender that memory spoilt it, so that its loss has a cause. What the checks let pass, one in
2^16 or 2^32 at random, goes on.

A frame on its way out lies in the terminal's interleaver for about a second. If it is hit it never decodes: it is lost,
and LTP sends its segments again.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from dtn.bpa import Agent
from dtn.bpa.outputs import Deliver, Release, Store, Transmit
from dtn.codec import encode, encoded_size
from dtn.events import BundleDeleted, BundleLost, Event, FrameLost, MemoryUpset, UpsetsCounted
from dtn.store import Store as BundleStore
from nodes.channel.channel import Channel, Receive
from nodes.channel.frame import Frame
from nodes.convergence.convergence_layer import ConvergenceLayer
from nodes.links import Links
from nodes.node import Node
from nodes.spacecraft.options import RadiationOptions, Storm
from nodes.spacecraft.radiation import Memory
from nodes.timers import Timers

UPSET = "memory upset"
RESET = "processor reset"
FRAME_BUFFER_S = 1.0
"""How long a frame lies in the interleaver of an optical terminal (CCSDS 142.0-B-1: about a second)."""


class _Kept:
    """A bundle in memory: the moment up to which its upsets are drawn, and the bits that are wrong."""

    __slots__ = ("bits", "bundle_id", "since_s", "wrong")

    def __init__(self, bundle_id: str, bits: int, since_s: float) -> None:
        self.bundle_id = bundle_id
        self.bits = bits
        self.since_s = since_s
        self.wrong: set[int] = set()


class ExposedNode(Node):
    """A node whose stored bundles take damage.

    Args:
        memory: what they lie in.
        name: as the others, what a `Node` is given.
        agent: its agent.
        store: where its bundles rest.
        timers: the loop.
        record: takes events.
        convergence: makes its convergence layer.
    """

    def __init__(
        self,
        memory: Memory,
        name: str,
        agent: Agent,
        store: BundleStore,
        timers: Timers,
        record: Callable[[Event], object],
        convergence: Callable[[Node], ConvergenceLayer],
    ) -> None:
        self.memory = memory
        self._by_ref: dict[int, _Kept] = {}
        self._by_id: dict[str, _Kept] = {}
        super().__init__(name, agent, store, timers, record, convergence)

    def lose_store(self, now_s: float) -> None:
        """Everything that the store held is gone."""
        self._carry(
            [
                BundleLost(output.t_s, output.node, output.bundle, RESET)
                if isinstance(output, BundleDeleted)
                else output
                for output in self.agent.lose_all(now_s)
            ],
            now_s,
        )

    def _carry_out(self, deed: Store | Transmit | Release | Deliver, now_s: float) -> None:
        if isinstance(deed, Store):
            kept = _Kept(deed.bundle.id_text, 8 * encoded_size(deed.bundle), now_s)
            self._by_ref[deed.ref] = self._by_id[kept.bundle_id] = kept
        elif isinstance(deed, Release):
            gone = self._by_ref.pop(deed.ref, None)
            if gone is not None and self._by_id.get(gone.bundle_id) is gone:
                del self._by_id[gone.bundle_id]
        elif isinstance(deed, Transmit):
            deed = self._read(deed, now_s)
        super()._carry_out(deed, now_s)

    def _read(self, deed: Transmit, now_s: float) -> Transmit:
        """The bundle as memory has it now."""
        kept = self._by_id.get(deed.bundle_id)
        if kept is None:
            return deed
        damage = self.memory.exposed(kept.bits, kept.since_s, now_s)
        kept.since_s = now_s
        kept.wrong ^= set(damage.wrong)
        if not kept.wrong:
            return deed
        octets = bytearray(encode(deed.bundle))
        for bit in kept.wrong:
            # blocks added on the way out make it longer than it lay in memory, never shorter by much
            octets[bit // 8 % len(octets)] ^= 1 << bit % 8
        if damage.wrong:
            self.memory.toll.bundles += 1
        self._record(MemoryUpset(now_s, self.name, deed.bundle_id, len(kept.wrong)))
        return deed._replace(octets=bytes(octets))


class ExposedChannel:
    """A channel with the terminals of exposed nodes before it: frames that are hit never leave.

    Args:
        channel: carries what is whole.
        memories: by node name; other nodes' frames are whole.
        record: takes events.
    """

    def __init__(
        self,
        channel: Channel,
        memories: dict[str, Memory],
        record: Callable[[Event], object],
    ) -> None:
        self._channel = channel
        self._memories = memories
        self._record = record

    def attach(self, node: str, receive: Receive) -> None:
        """The node is up."""
        self._channel.attach(node, receive)

    def detach(self, node: str) -> None:
        """The node is down."""
        self._channel.detach(node)

    def send(self, frame: Frame, bundle_id: str) -> None:
        """Carry a frame, unless a particle hits it."""
        memory = self._memories.get(frame.source)
        hit = memory and memory.is_hit(8 * frame.size_bytes, frame.sent_s, FRAME_BUFFER_S)
        if not hit:
            self._channel.send(frame, bundle_id)
            return
        self._record(
            FrameLost(
                frame.sent_s, frame.source, frame.destination, bundle_id, frame.size_bytes, UPSET
            )
        )


class Resets:
    """A node's processor, which particles reset: it boots, and finds what was durable.

    Args:
        node: the node.
        options: how often, for how long, and whether its store is durable.
        links: of the node.
        timers: the loop.
    """

    def __init__(
        self, node: ExposedNode, options: RadiationOptions, links: Links, timers: Timers
    ) -> None:
        self._node = node
        self._options = options
        self._links = links
        self._timers = timers
        self._drawn_from_s = 0.0
        self._next_s = math.inf

    def start(self, joins_s: float) -> None:
        """Let them happen from then on."""
        self._drawn_from_s = joins_s
        self._next_s = at_s = self._node.memory.next_reset_s(joins_s)
        if at_s < math.inf:
            self._timers.schedule(at_s, self._reset, at_s)

    def hit_by(self, storm: Storm) -> None:
        """One storm more, from now on: when the next reset comes is drawn again, as it has no memory."""
        self._node.memory.hit_by(storm)
        self.start(max(storm.at_s, self._drawn_from_s))

    def _reset(self, at_s: float) -> None:
        if at_s != self._next_s:
            return  # it was drawn again meanwhile
        name = self._node.name
        self._node.memory.toll.resets += 1
        self._links.leave(name, RESET)
        if not self._options.is_durable:
            self._node.lose_store(at_s)
        ready_s = at_s + self._options.boot_s
        self._timers.schedule(ready_s, self._links.join, name, RESET)
        self.start(ready_s)


def counted(name: str, memory: Memory, now_s: float) -> UpsetsCounted:
    """What particles did to a node, for the end of the log."""
    toll = memory.toll
    return UpsetsCounted(
        now_s,
        name,
        toll.bit_days,
        toll.flips,
        toll.mended,
        toll.left,
        toll.bundles,
        toll.frames,
        toll.resets,
    )
