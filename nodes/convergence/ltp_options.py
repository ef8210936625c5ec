"""How bundles travel in LTP blocks: the convergence layer's part of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from dtn.errors import InvalidValue
from dtn.ltp.authentication import (
    NULL,
    NULL_SUITE,
    RSA_SHA256,
    Authentication,
    HmacSha1,
    RsaSha256,
    Suite,
)
from dtn.ltp.options import EngineOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class LtpAuthentication:
    """RFC 5327 on all links: one ciphersuite, a key for each transmitting engine.

    Args:
        suite: number of the ciphersuite.
        keys: octets of a node's key by its name: for HMAC known to both ends of its links, for RSA in PEM, private at
            the node itself. NULL needs none.
    """

    suite: int
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def between(self, node: str, neighbour: str) -> Authentication:
        """What `node` signs with and checks the neighbour's segments with."""
        return Authentication(self.of(node), self.of(neighbour))

    def of(self, node: str) -> Suite:
        """The suite with this node's key.

        Raises:
            InvalidValue: it is no key.
        """
        if self.suite == NULL:
            return NULL_SUITE
        key = self.keys[node]
        return RsaSha256(key) if self.suite == RSA_SHA256 else HmacSha1(key)

    def for_node(self, node: str, neighbours: Collection[str]) -> LtpAuthentication:
        """The same without what is no business of a node's: keys of strangers, and private ones of others."""
        keys = {
            name: RsaSha256(key).public_pem if self.suite == RSA_SHA256 and name != node else key
            for name, key in self.keys.items()
            if name == node or name in neighbours
        }
        return replace(self, keys=keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class LtpOptions:
    """How bundles travel in LTP blocks.

    Args:
        engine: segment size, sessions, limits.
        aggregation_bytes: a block is closed when it has so many octets; 0: a bundle a block.
        aggregation_s: or when its first bundle has waited so long, seconds.
        aal_s: additional anticipated latency: what each end may add to the light time, seconds.
        frame_loss: probability that a segment is lost on a link, each for itself; None: what the link budget of
            the contact says (`Contact.frame_loss`), which takes everything that is sent within one fade.
        frame_losses: the same number for single links, by transmitting and receiving node.
        authentication: how segments are signed and checked; None: they are not.
        burst_s: segments that follow one another for up to so long travel as one frame; a
            checkpoint, report, acknowledgement or cancellation always ends it, so that no time that
            matters depends on it.

    Raises:
        InvalidValue: a number that cannot be.
    """

    engine: EngineOptions = field(default_factory=EngineOptions)
    aggregation_bytes: int = 0
    aggregation_s: float = 1.0
    aal_s: float = 1.0
    frame_loss: float | None = None
    frame_losses: Mapping[tuple[str, str], float] = field(default_factory=dict)
    authentication: LtpAuthentication | None = None
    burst_s: float = 0.01

    def __post_init__(self) -> None:
        for loss in (self.frame_loss, *self.frame_losses.values()):
            if loss is not None and not 0 <= loss < 1:
                raise InvalidValue("frame_loss", loss, "give a probability in [0, 1)")
        for key in ("aggregation_bytes", "aggregation_s", "aal_s", "burst_s"):
            if getattr(self, key) < 0:
                raise InvalidValue(key, getattr(self, key), "must not be negative")

    def loss(self, source: str, destination: str) -> float | None:
        """Probability that a segment is lost on this link; None: what its contacts say."""
        return self.frame_losses.get((source, destination), self.frame_loss)
