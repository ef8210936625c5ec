"""LTP authentication (RFC 5327 §2.1): every segment carries proof of who sent it and that nobody changed it.

A header extension (tag 0) names the ciphersuite and the key, a trailer extension (tag 0), the segment's last, holds the
authentication value over everything before it. Suites: HMAC-SHA1-80 (0), RSA-SHA256 (1), and NULL (255), which is the
first with a key that everybody knows: a checksum, no more.

An engine signs with its own key and checks with its peer's: of RSA-SHA256 the peer's public one. What is not signed, or
signed otherwise, is discarded and counted (`Engine.unauthenticated`), before it can change anything.

Read into the RFC: the value covers the segment from its control octet to the end of its content, the count of
extensions included. Not done: the cookies of §2.2. Replay is noticed by sessions: what is over stays over (`Importer`).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dtn.errors import InvalidValue
from dtn.ltp.sdnv import sdnv_bytes
from dtn.ltp.segment import Extension, Extensions, Segment, encode_segment

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

TAG = 0
HMAC_SHA1_80, RSA_SHA256, NULL = 0, 1, 255
HMAC_BYTES = 10
LEAST_RSA_BITS = 2048
_KEY_OF_NULL = bytes.fromhex("c37b7e6492584340bed12207808941155068f738")  # RFC 5327 §2.1.4


class Suite(Protocol):
    """A ciphersuite with one engine's key."""

    @property
    def number(self) -> int:
        """Its number in the registry."""
        ...

    @property
    def value_bytes(self) -> int:
        """How long its authentication values are."""
        ...

    def sign(self, octets: bytes) -> bytes:
        """The authentication value of these octets."""
        ...

    def is_valid(self, octets: bytes, value: bytes) -> bool:
        """Whether the value is that of these octets."""
        ...


@dataclass(frozen=True)
class HmacSha1:
    """HMAC-SHA1-80, and NULL.

    Args:
        key: known to both engines.
        number: of the suite.
    """

    key: bytes = field(repr=False)
    number: int = HMAC_SHA1_80
    value_bytes: int = HMAC_BYTES

    def sign(self, octets: bytes) -> bytes:
        """The first 80 bits of the HMAC."""
        return hmac.digest(self.key, octets, hashlib.sha1)[:HMAC_BYTES]

    def is_valid(self, octets: bytes, value: bytes) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(self.sign(octets), value)


@dataclass(frozen=True)
class RsaSha256:
    """RSA-SHA256: PKCS #1 v1.5 signatures.

    Args:
        pem: the private key in PEM, or the public one, which checks only.

    Raises:
        InvalidValue: it is no such key, or a short one.
    """

    pem: bytes = field(repr=False)
    number: int = RSA_SHA256

    def __post_init__(self) -> None:
        if self._public.key_size < LEAST_RSA_BITS:
            bits = f"{self._public.key_size} bits"
            raise InvalidValue("key", bits, f"an RSA key needs {LEAST_RSA_BITS} bits or more")

    @cached_property
    def _private(self) -> RSAPrivateKey | None:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if b"PRIVATE KEY" not in self.pem:
            return None
        try:
            key = load_pem_private_key(self.pem, None)
        except (TypeError, ValueError):
            key = None
        if not isinstance(key, RSAPrivateKey):
            mend = (
                "is no RSA private key in PEM without a passphrase: openssl genrsa -out FILE 2048"
            )
            raise InvalidValue("key", "", mend)
        return key

    @cached_property
    def _public(self) -> RSAPublicKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        if self._private is not None:
            return self._private.public_key()
        try:
            key = load_pem_public_key(self.pem)
        except (TypeError, ValueError):
            key = None
        if not isinstance(key, RSAPublicKey):
            mend = "is no RSA key in PEM: openssl genrsa -out FILE 2048"
            raise InvalidValue("key", "", mend)
        return key

    @property
    def value_bytes(self) -> int:
        """As long as the key's modulus."""
        return self._public.key_size // 8

    @property
    def public_pem(self) -> bytes:
        """The public key: what others need."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, octets: bytes) -> bytes:
        """A signature; the suite must have the private key."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        assert self._private is not None
        return self._private.sign(octets, PKCS1v15(), SHA256())

    def is_valid(self, octets: bytes, value: bytes) -> bool:
        """Whether the private key's owner signed these octets."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._public.verify(value, octets, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


NULL_SUITE = HmacSha1(_KEY_OF_NULL, NULL)


class Authentication(NamedTuple):
    """What an engine signs with, and what it checks its peer's segments with."""

    own: Suite
    peer: Suite

    @property
    def overhead_bytes(self) -> int:
        """How much longer a segment is for it."""
        value_bytes = self.own.value_bytes
        return 3 + 1 + sdnv_bytes(value_bytes) + value_bytes

    def sealed(self, segment: Segment) -> bytes:
        """The octets of a segment, signed."""
        value_bytes = self.own.value_bytes
        header = Extension(TAG, bytes((self.own.number,)))
        trailer = Extension(TAG, bytes(value_bytes))
        octets = encode_segment(segment._replace(extensions=Extensions((header,), (trailer,))))
        value = self.own.sign(octets[: -(1 + sdnv_bytes(value_bytes) + value_bytes)])
        return octets[:-value_bytes] + value

    def fault(self, segment: Segment, octets: bytes) -> str | None:
        """Why a segment that came as these octets is not the peer's; None if it is."""
        header, trailer = segment.extensions
        named = [extension.value for extension in header if extension.tag == TAG]
        if not trailer or trailer[-1].tag != TAG or len(named) != 1:
            return "not authenticated"
        if named[0][:1] != bytes((self.peer.number,)):
            return "another ciphersuite"
        value = trailer[-1].value
        signed = octets[: len(octets) - len(value) - sdnv_bytes(len(value)) - 1]
        return None if self.peer.is_valid(signed, value) else "false authentication value"
