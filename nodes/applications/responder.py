"""Responder: answers every request with a response of its own size, after the time that it thinks.

A request is an ordinary telemetry bundle to the responder's service; the response goes to the
endpoint that the request came from. Thinking is not queued: a responder answers many at once.
"""

from __future__ import annotations

from dtn.bpa import TransmissionRequest
from dtn.bundle import Bundle
from nodes.node import Node
from nodes.seeding import synthetic_octets


class Responder:
    """Answers requests.

    Args:
        node: where it runs.
        service: the service part of its endpoint.
        flow: name of its responses' flow.
        size_bytes: of each response.
        think_s: from a request to its response.
        lifetime_s: of each response.
        priority: 0 bulk, 1 normal, 2 expedited.
    """

    def __init__(
        self,
        node: Node,
        service: str,
        flow: str,
        *,
        size_bytes: int,
        think_s: float = 0.0,
        lifetime_s: float,
        priority: int = 1,
    ) -> None:
        self.service = service
        self._node = node
        self._flow = flow
        self._octets = synthetic_octets(size_bytes, flow)
        self._think_s = think_s
        self._lifetime_s = lifetime_s
        self._priority = priority

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """A request: think, then respond; one that came from nowhere gets no response."""
        source = bundle.primary.source
        if not source.is_singleton:
            return
        response = TransmissionRequest(
            service=self.service,
            destination=source,
            payload=self._octets,
            lifetime_s=self._lifetime_s,
            priority=self._priority,
            flow=self._flow,
        )
        if self._think_s > 0:
            self._node.timers.schedule(now_s + self._think_s, self._node.send, response)
        else:
            self._node.send(response)
