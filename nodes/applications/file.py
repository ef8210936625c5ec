"""File: a file at each of its moments, cut into bundles that are all handed over at once.

The content is synthetic: chunks share their octets, so that a daily file of gigabytes costs the
memory of one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator

from dtn.errors import InvalidValue
from nodes.applications.flow import Flow
from nodes.applications.moments import follow
from nodes.node import Node
from nodes.seeding import synthetic_octets


class File:
    """The sender of one file after another.

    Args:
        node: where it runs.
        flow: what its bundles have in common.
        size_bytes: of each file.
        moments: when a file is sent.
        chunk_bytes: payload of each bundle but the last of a file.

    Raises:
        InvalidValue: a size that is not positive.
    """

    def __init__(
        self,
        node: Node,
        flow: Flow,
        size_bytes: int,
        moments: Iterator[float],
        chunk_bytes: int = 1_000_000,
    ) -> None:
        if size_bytes < 1 or chunk_bytes < 1:
            raise InvalidValue("size", min(size_bytes, chunk_bytes), "give at least 1 B")
        self._node = node
        self._moments = moments
        whole_chunks, rest_bytes = divmod(size_bytes, chunk_bytes)
        octets = synthetic_octets(min(size_bytes, chunk_bytes), flow.name)
        self._chunks = [flow.request(octets)] * whole_chunks
        if rest_bytes:
            self._chunks.append(flow.request(octets[:rest_bytes]))

    def start(self) -> None:
        """Begin to send."""
        follow(self._node.timers, self._moments, self._send)

    def _send(self, moment_s: float) -> None:
        for request in self._chunks:
            self._node.send(request)
