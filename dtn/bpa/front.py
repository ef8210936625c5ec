"""Front: the blocks of an ordinary bundle before its payload block, read once however many bundles have them.

A bundle is ordinary if it is whole, no administrative record, asks for no reports, was sourced by a node with a clock
and no security rules, and has no blocks but hop count, previous node, class of service and route record. What these
blocks say, and what becomes of them at a node that forwards the bundle, depends on the blocks and the node alone. Few
kinds are about in a run: one for each way that bundles went. So each front keeps what its blocks say and, by node, the
front with which the bundle leaves there, made by the general code when it is first asked for
(`BundleBuilder.outgoing`).
"""

from __future__ import annotations

from dtn.bpa.route_record import ROUTE_RECORD
from dtn.bundle import CanonicalBlock
from dtn.codec import block_size


class Front:
    """The blocks before the payload block.

    Attributes:
        blocks: the blocks.
        size_bytes: their encoded size.
        priority: of a bundle with it.
        critical: whether every neighbour with a route should get a copy.
        hops: those it has made.
        hop_limit: how many it may make.
        visited: nodes that have had it.
        leaving: by forwarding node, the front behind it.
    """

    __slots__ = (
        "blocks",
        "critical",
        "hop_limit",
        "hops",
        "leaving",
        "priority",
        "size_bytes",
        "visited",
    )

    def __init__(
        self,
        blocks: tuple[CanonicalBlock, ...],
        priority: int,
        critical: bool,
        hops: int,
        hop_limit: int,
        visited: frozenset[str],
    ) -> None:
        self.blocks = blocks
        self.size_bytes = sum(map(block_size, blocks))
        self.priority = priority
        self.critical = critical
        self.hops = hops
        self.hop_limit = hop_limit
        self.visited = visited
        self.leaving: dict[str, Front] = {}

    def behind(self, node: str, blocks: tuple[CanonicalBlock, ...]) -> Front:
        """The front with which a bundle leaves a node, of the blocks that this node's agent has made for it."""
        knows_way = any(block.type == ROUTE_RECORD for block in blocks)
        return Front(
            blocks,
            self.priority,
            self.critical,
            self.hops + 1,
            self.hop_limit,
            self.visited | {node} if knows_way else self.visited,
        )
