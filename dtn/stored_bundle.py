"""StoredBundle: a bundle at one node with what the node knows of it. A BundleView of the strategy interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dtn.bundle import Bundle

if TYPE_CHECKING:
    from dtn.bpa.front import Front
    from dtn.routing.queue import Queued


class StoredBundle:
    """One copy at one node.

    `ref` names it in the store. `queued` are its places in queues, `sending` counts transfers under way, `kept` says
    that the strategy holds on to it: with none of the three left no retention constraint is left (RFC 9171 §5.4.1).
    `front` is there for a bundle that has nothing out of the ordinary (`dtn.bpa.front`).
    """

    __slots__ = (
        "bundle",
        "came_from",
        "created_s",
        "critical",
        "destination",
        "expires_s",
        "failed_with",
        "front",
        "hops",
        "id",
        "kept",
        "outgoing",
        "planned",
        "priority",
        "queued",
        "received_s",
        "ref",
        "sending",
        "size_bytes",
        "source",
        "tokens",
        "visited",
    )

    def __init__(
        self,
        ref: int,
        bundle: Bundle,
        bundle_id: str,
        source: str,
        destination: str,
        size_bytes: int,
        created_s: float,
        expires_s: float,
        received_s: float,
        came_from: str | None,
        priority: int = 1,
        critical: bool = False,
        hops: int = 0,
        tokens: int = 0,
        visited: frozenset[str] = frozenset(),
    ) -> None:
        self.ref = ref
        self.bundle = bundle
        self.id = bundle_id
        self.source = source
        self.destination = destination
        self.size_bytes = size_bytes
        self.created_s = created_s
        self.expires_s = expires_s
        self.received_s = received_s
        self.came_from = came_from
        self.priority = priority
        self.critical = critical
        self.hops = hops
        self.tokens = tokens
        self.visited = visited
        self.planned: tuple[tuple[str, float], ...] = ()
        self.failed_with: str | None = None
        self.queued: list[Queued] = []
        self.sending = 0
        self.kept = False
        self.outgoing: tuple[Bundle, int] | None = None
        self.front: Front | None = None

    @property
    def retained(self) -> bool:
        """Whether any retention constraint is left."""
        return bool(self.queued) or self.sending > 0 or self.kept
