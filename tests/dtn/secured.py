"""RFC 9173's examples and what is derived from them, and bundles to sign and encrypt, for tests."""

from __future__ import annotations

import random
from typing import Any

from bundles import SECURITY_VECTORS

from dtn.bpsec import structure
from dtn.bpsec.confidentiality import decrypt
from dtn.bpsec.failure import Failure
from dtn.bpsec.integrity import verify
from dtn.bpsec.keys import Key
from dtn.bpsec.structure import CONFIDENTIALITY, INTEGRITY, Operation
from dtn.bundle import Bundle
from dtn.codec import decode
from dtn.eid import IpnEid

EXAMPLES: dict[str, dict[str, Any]] = {e["id"]: e for e in SECURITY_VECTORS["examples"]}
POSITIVE: dict[str, dict[str, Any]] = {e["id"]: e for e in SECURITY_VECTORS["derived_positive"]}
NEGATIVE: dict[str, dict[str, Any]] = {e["id"]: e for e in SECURITY_VECTORS["derived_negative"]}

SOURCE = IpnEid(0, 2, 1)
WAYPOINT = IpnEid(0, 3, 0)
MAC_KEY = Key("mac", bytes(range(48)))
CONTENT_KEY = Key("content", bytes(range(100, 132)))
WRAPPING_KEY = Key("wrapping", bytes(range(200, 216)))


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def a_key(text: str, name: str = "example") -> Key:
    return Key(name, octets(text))


def read(text: str) -> Bundle:
    """An example's bundle; all but A3 break rules of RFC 9171."""
    return decode(octets(text), rules=False)


def draws(seed: int = 1) -> Any:
    return random.Random(seed).randbytes


def the_operations(bundle: Bundle, service: int) -> list[Operation]:
    return list(structure.operations(bundle, service))


def verdicts(bundle: Bundle, key: Key, **options: bool) -> list[Failure | None]:
    """What becomes of each integrity operation that can be read."""
    return [verify(bundle, op, key, **options) for op in the_operations(bundle, INTEGRITY)]


def decrypted(bundle: Bundle, key: Key) -> Bundle | Failure:
    """The bundle with all confidentiality operations accepted, or the first failure."""
    for operation in the_operations(bundle, CONFIDENTIALITY):
        content = decrypt(bundle, operation, key)
        if isinstance(content, Failure):
            return content
        bundle = structure.with_content(bundle, operation.target, content)
        bundle = structure.without_operation(bundle, operation)
    return bundle
