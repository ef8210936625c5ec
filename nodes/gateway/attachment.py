"""Attachment: a program outside takes a node's place in a running emulation.

Whatever it sends to a neighbour crosses the emulated link to that neighbour: it leaves only while the contact is open,
at the contact's rate, one after the other, and arrives a light time later, unless noise takes it. What neighbours send
to the node is handed to the program when it arrives; what cannot be is lost, with its cause. The neighbours' nodes
notice nothing: frames are frames.

Two kinds of programs. One that sends datagrams (UDPCL, LTP, anything over UDP) has the delay end to end: its datagram
is the frame, and what is sent while there is no contact, or beyond the queue, is lost. One that sends bundles over a
stream (TCPCL, MTCP) is acknowledged here, on this side of the light time: its bundles wait for the contact, in a queue
with a quota, beyond which they are refused.

It is told by `nodes.links` when contacts begin and end, as a node is. Every method runs on the emulated loop's thread.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from dtn.contact_plan import Contact
from dtn.contact_plan.contact import TIME_TOLERANCE_S
from dtn.events import (
    BundleHeld,
    BundleInFlight,
    ContactEnded,
    ContactStarted,
    Event,
    FrameLost,
    NodeDown,
    NodeUp,
)
from nodes.channel.channel import Channel
from nodes.channel.frame import Frame
from nodes.convergence.convergence_layer import Acknowledge
from nodes.convergence.noise import Noise
from nodes.gateway.observed import Observed, read_bundle
from nodes.timers import Timers

NO_CONTACT = "no contact"
NOT_STARTED = "clock not started"
QUEUE_FULL = "queue full"
CONTACT_CUT = "contact cut"
NOISE = "noise"


class Ports(Protocol):
    """The program's end."""

    def deliver(self, neighbour: str, octets: bytes, told: Callable[[str, int], object]) -> None:
        """Hand it what came from a neighbour.

        `told` hears once, on the thread of the emulated loop: "" when the program has it, or why it is lost and how
        many octets of it.
        """


class _Waiting(NamedTuple):
    """Octets on their way out, and the name of the bundle that they are, or ""."""

    octets: bytes
    bundle_id: str


class _Link:
    """What waits for one neighbour, and what is on the air."""

    def __init__(self, noise: Noise) -> None:
        self.noise = noise
        self.contact: int | None = None
        self.waiting: deque[_Waiting] = deque()
        self.waiting_bytes = 0
        self.on_air: object | None = None
        self.sequence = 0


class Attachment:
    """One attached program.

    Args:
        name: the node in whose place it is.
        contacts: the plan's, by number.
        timers: the emulated loop.
        channel: carries the frames.
        record: takes events.
        ports: the program's end.
        keeps: whether what is sent waits for a contact; else it is lost without one.
        queue_bytes: most that may wait for one neighbour.
        make_noise: makes the noise of the link to a neighbour.
        observed: told of bundles; None: what it sends is none of ours to read.
    """

    def __init__(
        self,
        name: str,
        contacts: Sequence[Contact],
        timers: Timers,
        channel: Channel,
        record: Callable[[Event], object],
        ports: Ports,
        *,
        keeps: bool,
        queue_bytes: int,
        make_noise: Callable[[str], Noise],
        observed: Observed | None = None,
    ) -> None:
        self._observed = observed
        self.name = name
        self.is_up = False
        self.is_deaf = False
        self._contacts = contacts
        self._timers = timers
        self._channel = channel
        self._record = record
        self._ports = ports
        self._keeps = keeps
        self._queue_bytes = queue_bytes
        names = sorted({c.destination for c in contacts if c.source == name})
        self._links = {neighbour: _Link(make_noise(neighbour)) for neighbour in names}
        self._handing_over: dict[object, tuple[str, str]] = {}
        """Bundles that came for the program and that it has not got yet: from whom, and which."""

    # -- the program

    def came(self, neighbour: str, octets: bytes, acknowledge: Acknowledge | None = None) -> None:
        """The program sent this to a neighbour; a stream is told whether it is kept."""
        now_s = self._timers.time()
        link = self._links.get(neighbour)
        reason = self._refusal(link, len(octets))
        if acknowledge is not None:
            acknowledge(not reason)
        if link is None or reason:
            self._lose(neighbour, len(octets), reason, now_s)
            return
        bundle_id = "" if self._observed is None else self._observed.came(octets, now_s)
        link.waiting.append(_Waiting(octets, bundle_id))
        link.waiting_bytes += len(octets)
        self._send(neighbour, link, now_s)

    def came_early(self, neighbour: str, size_bytes: int) -> None:
        """The program sent this before the clock ran, when there was no contact with anybody."""
        self._lose(neighbour, size_bytes, NOT_STARTED, self._timers.time())

    def _refusal(self, link: _Link | None, size_bytes: int) -> str:
        if link is None or not (self._keeps or (link.contact is not None and self.is_up)):
            return NO_CONTACT
        return QUEUE_FULL if link.waiting_bytes + size_bytes > self._queue_bytes else ""

    # -- the emulation

    def go_up(self, now_s: float) -> None:
        """The node joins the network."""
        self.is_up = True
        self._record(NodeUp(now_s, self.name))
        if not self.is_deaf:
            self._channel.attach(self.name, self._receive)

    def go_down(self, now_s: float, reason: str) -> None:
        """The node leaves it: nothing reaches the program."""
        self._channel.detach(self.name)
        self._record(NodeDown(now_s, self.name, reason))
        self.is_up = False

    def set_deaf(self, is_deaf: bool) -> None:
        """Its terminals go off, or on again."""
        self.is_deaf = is_deaf
        if is_deaf:
            self._channel.detach(self.name)
        elif self.is_up:
            self._channel.attach(self.name, self._receive)

    def contact_started(self, contact: int, now_s: float) -> None:
        """The link of this contact is up."""
        neighbour = self._contacts[contact].destination
        link = self._links[neighbour]
        self._record(ContactStarted(now_s, self.name, neighbour, contact))
        link.contact = contact
        self._send(neighbour, link, now_s)

    def contact_ended(self, contact: int, now_s: float, reason: str = "scheduled") -> None:
        """It is down: what is on the air is cut, and what waits is lost or waits on."""
        neighbour = self._contacts[contact].destination
        link = self._links[neighbour]
        self._record(ContactEnded(now_s, self.name, neighbour, contact, reason))
        if link.contact != contact:
            return
        link.contact = link.on_air = None
        if not self._keeps:
            for octets, bundle_id in link.waiting:
                self._lose(neighbour, len(octets), CONTACT_CUT, now_s, bundle_id)
            link.waiting.clear()
            link.waiting_bytes = 0

    def end(self, now_s: float) -> None:
        """The run is over: say which bundles still wait here, on their way out or in."""
        for link in self._links.values():
            for _, bundle_id in link.waiting:
                if bundle_id:
                    self._record(BundleHeld(now_s, self.name, bundle_id))
        for source, bundle_id in self._handing_over.values():
            if bundle_id:
                self._record(BundleInFlight(now_s, source, bundle_id, self.name))
        if self._observed is not None:
            self._observed.end(now_s)

    def _receive(self, frame: Frame) -> None:
        octets = frame.content
        assert isinstance(octets, bytes)
        bundle = None if self._observed is None else read_bundle(octets)
        bundle_id = "" if bundle is None else str(bundle.id)
        token = object()
        self._handing_over[token] = frame.source, bundle_id

        def told(reason: str, lost_bytes: int) -> None:
            now_s = self._timers.time()
            del self._handing_over[token]
            if reason:
                self._lose(frame.source, lost_bytes, reason, now_s, bundle_id)
            elif self._observed is not None and bundle is not None:
                self._observed.handed_over(bundle, frame.source, len(octets), now_s)

        self._ports.deliver(frame.source, octets, told)

    # -- the air

    def _send(self, neighbour: str, link: _Link, now_s: float) -> None:
        """Put the next on the air, if the contact is open and the air is free."""
        if link.contact is None or link.on_air is not None or not link.waiting:
            return
        contact = self._contacts[link.contact]
        starts_s = max(now_s, contact.start_s)
        octets, bundle_id = link.waiting[0]
        last_bit_s = contact.last_bit_s(starts_s, len(octets))
        if last_bit_s == math.inf:
            return  # it does not fit any more: the end of the contact decides
        if self._observed is not None:
            self._observed.starts(bundle_id, neighbour, link.contact, len(octets), starts_s)
        link.on_air = token = object()
        self._timers.schedule(last_bit_s, self._out, neighbour, token, last_bit_s)

    def _out(self, neighbour: str, token: object, sent_s: float) -> None:
        """The last bit of what was on the air is out."""
        link = self._links[neighbour]
        if link.on_air is not token or link.contact is None:
            return  # cut short before
        link.on_air = None
        octets, bundle_id = link.waiting.popleft()
        link.waiting_bytes -= len(octets)
        contact = self._contacts[link.contact]
        arrives_s = sent_s + contact.owlt_at(min(sent_s, contact.end_s + TIME_TOLERANCE_S))
        if link.noise.takes(contact, sent_s):
            self._lose(neighbour, len(octets), NOISE, sent_s, bundle_id)
        else:
            size_bytes = len(octets)
            frame = Frame(
                self.name, neighbour, link.sequence, sent_s, arrives_s, size_bytes, octets
            )
            link.sequence += 1
            self._channel.send(frame, bundle_id)
        if self._observed is not None:
            self._observed.finished(bundle_id, neighbour, sent_s)
        self._send(neighbour, link, sent_s)

    def _lose(
        self, neighbour: str, size_bytes: int, reason: str, now_s: float, bundle_id: str = ""
    ) -> None:
        self._record(FrameLost(now_s, self.name, neighbour, bundle_id, size_bytes, reason))
