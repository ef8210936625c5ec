"""Bundles to LTP blocks and back: a block is whole encoded bundles, one behind the other.

Source: the client service of the bundle protocol over LTP (CCSDS 734.2-B-1 annex, RFC 5326 §7). A bundle delimits
itself, so a block needs no lengths; octets that are no CBOR item cost themselves and what stands behind them.
"""

from __future__ import annotations

from collections.abc import Iterator

from dtn.bpa.outputs import Transmit
from dtn.cbor import Reader
from dtn.codec import encode
from dtn.errors import MalformedBundle


class Aggregation:
    """The bundles that gather for the next block.

    Args:
        closes_bytes: the block is full with so many octets.
        closes_s: and due when its first bundle has waited so long.
    """

    def __init__(self, closes_bytes: int, closes_s: float) -> None:
        self.due_s = float("inf")
        self._closes_bytes = closes_bytes
        self._closes_s = closes_s
        self._requests: list[Transmit] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def is_full(self) -> bool:
        """Whether the block should go."""
        return bool(self._requests) and self._bytes >= self._closes_bytes

    def add(self, request: Transmit, now_s: float) -> None:
        """One more bundle."""
        if not self._requests:
            self.due_s = now_s + self._closes_s
        self._requests.append(request)
        self._bytes += request.size_bytes

    def take(self) -> list[Transmit]:
        """The bundles of the block; a new one begins."""
        requests, self._requests = self._requests, []
        self._bytes, self.due_s = 0, float("inf")
        return requests


def block_of(requests: list[Transmit]) -> bytes:
    """The octets of a block."""
    return b"".join([request.octets or encode(request.bundle) for request in requests])


def bundles_in(block: bytes) -> Iterator[bytes]:
    """The octets of each bundle of a block; the last may be anything."""
    reader = Reader(block, tolerant=True)
    while not reader.at_end():
        start = reader.at
        try:
            yield reader.skip_item("bundle")
        except MalformedBundle:
            yield block[start:]
            return
