"""Telemetry: a message of one size at each of its moments, periodic or at random."""

from __future__ import annotations

from collections.abc import Iterator

from nodes.applications.flow import Flow
from nodes.applications.moments import follow
from nodes.node import Node
from nodes.seeding import synthetic_octets


class Telemetry:
    """The sender of one telemetry flow; all its bundles share one payload.

    Args:
        node: where it runs.
        flow: what its bundles have in common.
        size_bytes: of each message.
        moments: when it sends.
    """

    def __init__(self, node: Node, flow: Flow, size_bytes: int, moments: Iterator[float]) -> None:
        self._node = node
        self._moments = moments
        self._request = flow.request(synthetic_octets(size_bytes, flow.name))

    def start(self) -> None:
        """Begin to send."""
        follow(self._node.timers, self._moments, self._send)

    def _send(self, moment_s: float) -> None:
        self._node.send(self._request)
