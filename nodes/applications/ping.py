"""Ping and Echo: a bundle to an endpoint that sends its payload back to where it came from.

As the bping and bpecho programs of other implementations: the echo returns the payload octet for
octet. A ping's payload is its number and the time it was sent, then filling up to its size.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from dtn.bpa import TransmissionRequest
from dtn.bundle import Bundle
from nodes.applications.flow import Flow
from nodes.applications.moments import follow
from nodes.node import Node
from nodes.seeding import synthetic_octets

ECHO_SERVICE = "7"
"""Where nodes echo, after the Echo Protocol's port (RFC 862)."""

_STAMP = struct.Struct("!Qd")  # number, seconds from the scenario's start


class RoundTrip(NamedTuple):
    """One ping that came back."""

    number: int
    sent_s: float
    round_trip_s: float


class Ping:
    """Sends pings and collects what comes back.

    Args:
        node: where it runs.
        flow: to an `Echo`; replies come to its service.
        size_bytes: of each payload, at least 16.
        moments: when it sends.
    """

    def __init__(self, node: Node, flow: Flow, size_bytes: int, moments: Iterator[float]) -> None:
        self.service = flow.service
        self.round_trips: list[RoundTrip] = []
        self._node = node
        self._flow = flow
        self._moments = moments
        self._numbers = count()
        self._filling = synthetic_octets(max(size_bytes - _STAMP.size, 0), flow.name)

    def start(self) -> None:
        """Listen for replies and begin to send."""
        self._node.register(self)
        follow(self._node.timers, self._moments, self._send)

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """A reply came; what is too short to be one is left alone."""
        if len(bundle.payload) >= _STAMP.size:
            number, sent_s = _STAMP.unpack_from(bundle.payload)
            self.round_trips.append(RoundTrip(number, sent_s, now_s - sent_s))

    def _send(self, moment_s: float) -> None:
        stamp = _STAMP.pack(next(self._numbers), moment_s)
        self._node.send(self._flow.request(stamp + self._filling))


class Echo:
    """Sends every payload back to its source, with the lifetime that it came with.

    Args:
        node: where it runs.
        service: the service part of its endpoint.
        flow: name of its replies' flow.
    """

    def __init__(self, node: Node, service: str = ECHO_SERVICE, flow: str = "echo") -> None:
        self.service = service
        self._node = node
        self._flow = flow

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """Reply, unless nobody is there, or another echo: two would never end."""
        primary = bundle.primary
        if primary.source.is_singleton and primary.source.service_text != self.service:
            self._node.send(
                TransmissionRequest(
                    service=self.service,
                    destination=primary.source,
                    payload=bundle.payload,
                    lifetime_s=primary.lifetime_ms / 1000,
                    flow=self._flow,
                )
            )
