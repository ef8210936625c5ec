"""Ltp: a convergence layer that carries bundles in LTP blocks (RFC 5326), so that what is lost is sent again.

A transfer is finished when the neighbour's report claims all of its block: the bundle is released only when the next
hop has it. Until then further bundles go out: the link is ready for the next one as soon as the last bit of the one
before is out, so that a round trip of forty minutes is full of blocks, up to `max_export_sessions` of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count

from dtn.bpa.outputs import Transmit
from dtn.contact_plan import Contact, ContactPlan
from dtn.events import Event
from dtn.ltp.engine import Engine
from nodes.channel.channel import Channel
from nodes.channel.frame import Frame
from nodes.convergence.convergence_layer import ConvergenceUser
from nodes.convergence.ltp_options import LtpOptions
from nodes.convergence.ltp_span import Span
from nodes.convergence.noise import Noise
from nodes.seeding import generator
from nodes.timers import Timers


class Ltp:
    """The convergence layer of one node: a span to each neighbour, made when it is first needed.

    Args:
        node: the node's name.
        user: the node, told what becomes of its bundles.
        plan: the contacts as they are planned, for rates, light times and when neighbours answer.
        timers: the loop.
        channel: carries the frames.
        record: takes events.
        options: segments, blocks, losses.
        numbers: engine numbers by node name: the nodes' own.
        seed: the scenario's.
    """

    def __init__(
        self,
        node: str,
        user: ConvergenceUser,
        plan: ContactPlan,
        timers: Timers,
        channel: Channel,
        record: Callable[[Event], object],
        options: LtpOptions,
        numbers: Mapping[str, int],
        seed: int,
    ) -> None:
        self._node = node
        self._user = user
        self._contacts = plan.contacts
        self._timers = timers
        self._channel = channel
        self._record = record
        self._options = options
        self._numbers = numbers
        self._seed = seed
        self._spans: dict[str, Span] = {}
        self._out_ends_s: dict[str, float] = {}
        self._back: dict[str, list[Contact]] = {}
        for contact in plan.contacts:
            if contact.source == node:
                ends_s = self._out_ends_s.get(contact.destination, -math.inf)
                self._out_ends_s[contact.destination] = max(contact.end_s, ends_s)
            elif contact.destination == node:
                self._back.setdefault(contact.source, []).append(contact)
        self._session_numbers = count(generator(seed, "ltp", node).randint(1, 2**14 - 1))

    def start(self) -> None:
        """The node is up: frames that arrive from now on are its own."""
        self._channel.attach(self._node, self.receive)

    def stop(self) -> None:
        """The node is down: frames that arrive from now on are lost; sessions are kept."""
        self._channel.detach(self._node)

    def open(self, contact: int, now_s: float) -> None:
        """The contact is open: what waits for it goes out."""
        self._span(self._contacts[contact].destination).open(contact, now_s)

    def transmit(self, request: Transmit, now_s: float) -> None:
        """Send a bundle over an open contact, in its block's turn."""
        self._span(request.neighbour).transmit(request, now_s)

    def close(self, contact: int, now_s: float) -> list[Transmit]:
        """The contact is over: returns the transfers that are given back."""
        return self._span(self._contacts[contact].destination).close(contact, now_s)

    def receive(self, frame: Frame) -> None:
        """A frame arrived: segments of a neighbour's."""
        if frame.source in self._numbers:
            self._span(frame.source).receive(frame)

    def _span(self, neighbour: str) -> Span:
        span = self._spans.get(neighbour)
        if span is None:
            span = self._spans[neighbour] = self._make_span(neighbour)
        return span

    def _make_span(self, neighbour: str) -> Span:
        keys = self._options.authentication
        signed = None if keys is None else keys.between(self._node, neighbour)

        def make_engine(one_way_s: Callable[[float], float]) -> Engine:
            return Engine(
                self._numbers[self._node],
                self._numbers[neighbour],
                one_way_s,
                self._session_numbers,
                generator(self._seed, "ltp", self._node, neighbour),
                replace(self._options.engine, reports_wait=True),
                signed,
            )

        return Span(
            self._node,
            neighbour,
            make_engine,
            self._contacts,
            self._back.get(neighbour, ()),
            self._out_ends_s.get(neighbour, -math.inf),
            self._user,
            self._timers,
            self._channel,
            self._record,
            self._options,
            Noise(self._seed, self._node, neighbour, self._options.loss(self._node, neighbour)),
        )
