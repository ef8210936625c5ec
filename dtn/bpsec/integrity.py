"""BIB-HMAC-SHA2: sign blocks of a bundle and verify them.

Source: RFC 9173 section 3. Security context 1. The result of a target (id 1) is the HMAC of its IPPT.

    parameter 1   SHA variant: 5 HMAC 256/256, 6 HMAC 384/384 (default), 7 HMAC 512/512
    parameter 2   the HMAC key, wrapped under a key that both ends have (RFC 3394)
    parameter 3   integrity scope flags (default 7)

Signing removes the targets' CRC (section 3.8.1): integrity makes it superfluous. Both ends have a key
as long as the HMAC (section 3.5); only RFC 9173's own examples do not, which is what `any_key_length`
is for.

Refused: to sign in a fragment (RFC 9172 section 5.2), to sign what is encrypted (section 3.9), to sign
twice (section 3.2).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from dtn import cbor
from dtn.bpsec import ciphers
from dtn.bpsec.asb import AbstractSecurityBlock, Entry
from dtn.bpsec.asb import encode as encode_asb
from dtn.bpsec.canonical import MAX_SCOPE, Scope, header, integrity_plaintext
from dtn.bpsec.failure import Failure, failed, unknown
from dtn.bpsec.keys import Key
from dtn.bpsec.structure import (
    INTEGRITY,
    SECURITY_TYPES,
    Operation,
    block_of,
    encrypted_numbers,
    operations,
    with_content,
    with_crc_type,
    with_security_block,
)
from dtn.bundle import Bundle, CrcType
from dtn.eid import Eid
from dtn.errors import InvalidValue

CONTEXT = 1
SHA_VARIANT, WRAPPED_KEY, SCOPE_FLAGS = 1, 2, 3
HMAC_RESULT = 1
HASHES = {5: "sha256", 6: "sha384", 7: "sha512"}
KEY_BYTES = {5: 32, 6: 48, 7: 64}
DEFAULT_VARIANT = 6


def sign(
    bundle: Bundle,
    targets: Sequence[int],
    source: Eid,
    key: Key,
    *,
    variant: int = DEFAULT_VARIANT,
    scope: int = Scope.ALL,
    key_encryption_key: Key | None = None,
    any_key_length: bool = False,
) -> Bundle:
    """The bundle with an integrity block over these targets.

    Args:
        bundle: whole, not a fragment.
        targets: numbers of the blocks to sign; 0 is the primary block.
        source: the security source: an endpoint of this node.
        key: the HMAC key.
        variant: 5, 6 or 7: HMAC 256/256, 384/384, 512/512.
        scope: of `Scope`: what else the HMAC covers.
        key_encryption_key: given, the HMAC key travels in the block, wrapped under this one.
        any_key_length: for RFC 9173's examples, whose key is too short.

    Raises:
        InvalidValue: it must not be done.
    """
    _check_signable(bundle, targets)
    if variant not in HASHES:
        raise InvalidValue("variant", variant, "must be 5, 6 or 7")
    if len(key) != KEY_BYTES[variant] and not any_key_length:
        raise InvalidValue("key", f"{key.name}: {len(key)} octets", f"needs {KEY_BYTES[variant]}")
    parameters = [Entry(SHA_VARIANT, cbor.uint(variant))]
    if key_encryption_key is not None:
        wrapped = ciphers.wrap_key(key_encryption_key.octets, key.octets)
        parameters.append(Entry(WRAPPED_KEY, cbor.byte_string(wrapped)))
    parameters.append(Entry(SCOPE_FLAGS, cbor.uint(scope & Scope.ALL)))
    bundle = with_crc_type(bundle, targets, CrcType.NONE)
    nothing: tuple[tuple[Entry, ...], ...] = ((),) * len(targets)
    content = AbstractSecurityBlock(tuple(targets), CONTEXT, source, tuple(parameters), nothing)
    bundle = with_security_block(bundle, INTEGRITY, content, flags=0)
    block = next(b for b in reversed(bundle.blocks) if b.type == INTEGRITY)
    security_header = header(INTEGRITY, block.number, block.flags)
    results = []
    for target in targets:
        plaintext = integrity_plaintext(bundle, target, scope, security_header)
        value = cbor.byte_string(hmac.digest(key.octets, plaintext, HASHES[variant]))
        results.append((Entry(HMAC_RESULT, value),))
    signed = content._replace(results=tuple(results))
    return with_content(bundle, block.number, encode_asb(signed))


def verify(
    bundle: Bundle, operation: Operation, key: Key, *, any_key_length: bool = False
) -> Failure | None:
    """Check one operation; None if it holds.

    Args:
        bundle: as it came.
        operation: one of its integrity operations, whose target is not encrypted.
        key: the HMAC key, or the key that it was wrapped under.
        any_key_length: for RFC 9173's examples.
    """
    content = operation.content
    if content.context != CONTEXT:
        return unknown(f"security context {content.context}")
    if not content.parameter_ids <= {SHA_VARIANT, WRAPPED_KEY, SCOPE_FLAGS}:
        return unknown("a parameter that the context does not have")
    variant = content.uint_parameter(SHA_VARIANT, DEFAULT_VARIANT)
    if variant not in HASHES:
        return unknown(f"SHA variant {variant}")
    scope = content.uint_parameter(SCOPE_FLAGS, Scope.ALL)
    if scope is None or scope > MAX_SCOPE:
        return failed("scope flags are no number up to 65535")
    octets = _hmac_key(content, key)
    if octets is None:
        return failed("the wrapped key does not unwrap")
    if len(octets) != KEY_BYTES[variant] and not any_key_length:
        return failed(f"the key is not as long as the HMAC, {KEY_BYTES[variant]} octets")
    value = content.octets_result(operation.target, HMAC_RESULT)
    if value is None:
        return failed("the result has no HMAC")
    block = operation.block
    security_header = header(INTEGRITY, block.number, block.flags)
    bare = with_crc_type(bundle, (operation.target,), CrcType.NONE)
    plaintext = integrity_plaintext(bare, operation.target, scope, security_header)
    if not hmac.compare_digest(hmac.digest(octets, plaintext, HASHES[variant]), value):
        return failed("the HMAC does not match")
    return None


def _check_signable(bundle: Bundle, targets: Sequence[int]) -> None:
    if bundle.primary.fragment is not None:
        raise InvalidValue("bundle", str(bundle.id), "is a fragment: sign before fragmenting")
    if not targets or len(set(targets)) != len(targets):
        raise InvalidValue("targets", targets, "name one or more, each once")
    encrypted = encrypted_numbers(bundle)
    signed = {operation.target for operation in operations(bundle, INTEGRITY)}
    for target in targets:
        block = block_of(bundle, target)
        if target and (block is None or block.type in SECURITY_TYPES):
            raise InvalidValue("target", target, "is no block that can be signed")
        if target in encrypted or target in signed:
            raise InvalidValue("target", target, "is encrypted or signed already")


def _hmac_key(content: AbstractSecurityBlock, key: Key) -> bytes | None:
    if not content.has_parameter(WRAPPED_KEY):
        return key.octets
    wrapped = content.octets_parameter(WRAPPED_KEY)
    return ciphers.unwrap_key(key.octets, wrapped) if wrapped is not None else None
