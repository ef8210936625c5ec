"""Security policy: which operations the bundles of a network have, and each node's part in them.

A `SecurityRule` is one operation as all who take part in it know it: whose bundles it is on, which blocks
it covers, under which key, who verifies and who accepts it (RFC 9172 sections 2 and 5.1). The source of a
bundle is the security source, its destination the last acceptor. A waypoint that accepts takes the
operation away, so nobody is asked to find it behind one.

Of several rules for one block and one service the first counts. Nodes go by name, targets by block type
(0: the primary block).

Refused: a key that is not as long as its use needs; confidentiality of the primary block; a waypoint that
accepts an operation on the primary block, whose CRC would come back under the eyes of other operations
that cover it; one key for both services (RFC 9173 section 6.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from dtn.bpsec import confidentiality, integrity
from dtn.bpsec.canonical import Scope
from dtn.bpsec.ciphers import WRAPPING_KEY_BYTES
from dtn.bpsec.confidentiality import DrawOctets
from dtn.bpsec.keys import Key
from dtn.bpsec.structure import CONFIDENTIALITY, INTEGRITY, PRIMARY_NUMBER, SECURITY_TYPES
from dtn.bundle import BlockType
from dtn.errors import InvalidValue

KEY_BYTES = {INTEGRITY: integrity.KEY_BYTES, CONFIDENTIALITY: confidentiality.KEY_BYTES}


class Role(Enum):
    """A node's part in an operation (RFC 9172 section 2.4)."""

    VERIFIER = "checks it and leaves it"
    ACCEPTOR = "checks it and takes it away"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRule:
    """An operation on bundles from some nodes to some nodes.

    Args:
        service: 11 for integrity, 12 for confidentiality: the type of the security block.
        key: the key; with `wrapped` the one under which each bundle's own key is wrapped.
        variant: of the security context: 5 to 7 for HMAC, 1 or 3 for AES.
        targets: types of the blocks it is on.
        scope: of `Scope`: what is authenticated besides.
        wrapped: whether each bundle gets a key of its own, which travels in it.
        sources: bundles from these nodes; None: from all.
        destinations: bundles to these nodes; None: to all.
        services: bundles to these services; None: to all.
        verifiers: nodes on the way that check it.
        acceptors: nodes on the way that check it and take it away.

    Raises:
        InvalidValue: these do not go together.
    """

    service: int
    key: Key
    variant: int
    targets: tuple[int, ...] = (BlockType.PAYLOAD,)
    scope: int = Scope.ALL
    wrapped: bool = False
    sources: frozenset[str] | None = None
    destinations: frozenset[str] | None = None
    services: frozenset[str] | None = None
    verifiers: frozenset[str] = frozenset()
    acceptors: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.service not in SECURITY_TYPES:
            raise InvalidValue("service", self.service, "must be 11 or 12")
        if self.variant not in KEY_BYTES[self.service]:
            raise InvalidValue("variant", self.variant, "is none of this service")
        length = self.content_key_bytes
        sizes = WRAPPING_KEY_BYTES if self.wrapped else (length,)
        if len(self.key) not in sizes:
            needed = " or ".join(map(str, sizes))
            mend = f"has {len(self.key)} octets: this use needs {needed}"
            raise InvalidValue("key", self.key.name, mend)
        if self.service == CONFIDENTIALITY and PRIMARY_NUMBER in self.targets:
            raise InvalidValue("targets", self.targets, "the primary block cannot be encrypted")
        if SECURITY_TYPES & set(self.targets) or not self.targets:
            raise InvalidValue("targets", self.targets, "name blocks that are no security blocks")
        if self.acceptors and PRIMARY_NUMBER in self.targets:
            mend = (
                "leave operations on the primary block to the destination: it alone can accept them"
            )
            raise InvalidValue("acceptors", sorted(self.acceptors), mend)

    @property
    def content_key_bytes(self) -> int:
        """How long the key that is applied to content must be."""
        return KEY_BYTES[self.service][self.variant]

    def covers(self, source: str, destination: str, service: str) -> bool:
        """Whether it is for bundles from this node to this node's service."""
        return (
            (self.sources is None or source in self.sources)
            and (self.destinations is None or destination in self.destinations)
            and (self.services is None or service in self.services)
        )

    def role_of(self, node: str, destination: str) -> Role | None:
        """What a node does with the operation on a bundle that it has received."""
        if node == destination or node in self.acceptors:
            return Role.ACCEPTOR
        return Role.VERIFIER if node in self.verifiers else None

    def is_required(self, node: str, destination: str) -> bool:
        """Whether the operation must be there; at the destination only if nobody before accepts it."""
        return not self.acceptors if node == destination else True

    def concerns(self, node: str) -> bool:
        """Whether a node can have any part in it, and needs its key."""
        if self.sources is None or self.destinations is None:
            return True
        return node in self.sources | self.destinations | self.verifiers | self.acceptors


@dataclass(frozen=True, slots=True)
class NodeSecurity:
    """What one node needs for its part: the rules that concern it, and where IVs and keys come from.

    Raises:
        InvalidValue: one key serves both integrity and confidentiality.
    """

    rules: tuple[SecurityRule, ...]
    draw: DrawOctets = field(repr=False)

    def __post_init__(self) -> None:
        check_keys(self.rules)


def check_keys(rules: Iterable[SecurityRule]) -> None:
    """Whether each key serves one security context only (RFC 9173 section 6.2).

    Raises:
        InvalidValue: one does not.
    """
    use: dict[bytes, int] = {}
    for rule in rules:
        if use.setdefault(rule.key.octets, rule.service) != rule.service:
            mend = "must not serve both integrity and confidentiality: give each a key of its own"
            raise InvalidValue("key", rule.key.name, mend)
