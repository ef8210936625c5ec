"""BCB-AES-GCM: encrypt blocks of a bundle and decrypt them.

Source: RFC 9173 section 4. Security context 2. The ciphertext replaces the content of the target's data and
is as long; the authentication tag (16 octets) is the target's result (id 1).

    parameter 1   initialization vector, 8 to 16 octets; 12 here
    parameter 2   AES variant: 1 A128GCM, 3 A256GCM (default)
    parameter 3   the content key, wrapped under a key that both ends have (RFC 3394)
    parameter 4   AAD scope flags (default 7)

A pair of key and IV must never be used twice (section 4.6): with GCM it would betray the
authentication key. The IV stands once in a block, and so each target gets a block and an IV of its own.
Example A.4 of RFC 9173 puts two targets under one IV: that is decrypted, and never produced. The
sentence of RFC 9172 section 3.8, that a block which encrypts an integrity block shares a target with it,
is kept by the confidentiality blocks of a bundle together.

Encrypting what is signed encrypts the integrity block, too; one that covers other targets as well is split
first (RFC 9172 section 3.9), unless its HMACs cover their own block's header and would not survive that.

Refused: to encrypt in a fragment (RFC 9172 section 5.2), the primary block, or a block twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dtn import cbor
from dtn.bpsec import ciphers, integrity
from dtn.bpsec.asb import AbstractSecurityBlock, Entry
from dtn.bpsec.asb import encode as encode_asb
from dtn.bpsec.canonical import MAX_SCOPE, Scope, associated_data, header
from dtn.bpsec.failure import Failure, failed, unknown
from dtn.bpsec.keys import Key
from dtn.bpsec.structure import (
    CONFIDENTIALITY,
    INTEGRITY,
    Operation,
    block_of,
    encrypted_numbers,
    operations,
    with_content,
    with_crc_type,
    with_security_block,
)
from dtn.bundle import PAYLOAD_NUMBER, BlockFlag, Bundle, CanonicalBlock, CrcType, free_number
from dtn.eid import Eid
from dtn.errors import InvalidValue

CONTEXT = 2
IV, AES_VARIANT, WRAPPED_KEY, SCOPE_FLAGS = 1, 2, 3, 4
TAG_RESULT = 1
KEY_BYTES = {1: 16, 3: 32}
DEFAULT_VARIANT = 3
IV_BYTES = 12
_FEWEST_IV_BYTES, _MOST_IV_BYTES = 8, 16

DrawOctets = Callable[[int], bytes]
"""So many octets that nobody can foresee: from the operating system, or seeded in virtual time."""


def encrypt(
    bundle: Bundle,
    targets: Sequence[int],
    source: Eid,
    key: Key,
    draw: DrawOctets,
    *,
    variant: int = DEFAULT_VARIANT,
    scope: int = Scope.ALL,
    key_encryption_key: Key | None = None,
) -> Bundle:
    """The bundle with these blocks encrypted, and the integrity blocks over them, too.

    Args:
        bundle: whole, not a fragment.
        targets: numbers of the blocks to encrypt.
        source: the security source: an endpoint of this node.
        key: the content key.
        draw: where IVs come from.
        variant: 1 for AES-128, 3 for AES-256.
        scope: of `Scope`: what else is authenticated.
        key_encryption_key: given, the content key travels in the block, wrapped under this one.

    Raises:
        InvalidValue: it must not be done.
    """
    if variant not in KEY_BYTES:
        raise InvalidValue("variant", variant, "must be 1 (AES-128) or 3 (AES-256)")
    if len(key) != KEY_BYTES[variant]:
        raise InvalidValue("key", f"{key.name}: {len(key)} octets", f"needs {KEY_BYTES[variant]}")
    _check_encryptable(bundle, targets)
    parameters = [Entry(AES_VARIANT, cbor.uint(variant))]
    if key_encryption_key is not None:
        wrapped = ciphers.wrap_key(key_encryption_key.octets, key.octets)
        parameters.append(Entry(WRAPPED_KEY, cbor.byte_string(wrapped)))
    parameters.append(Entry(SCOPE_FLAGS, cbor.uint(scope & Scope.ALL)))
    bundle, signatures = _split_signatures(bundle, targets)
    ivs: set[bytes] = set()
    for target in (*signatures, *targets):
        iv = draw(IV_BYTES)
        if iv in ivs:
            raise InvalidValue("draw", "an IV", "must not come twice: it is no random source")
        ivs.add(iv)
        own = (Entry(IV, cbor.byte_string(iv)), *parameters)
        bundle = _encrypt_one(bundle, target, source, key, iv, own, scope)
    return bundle


def decrypt(bundle: Bundle, operation: Operation, key: Key) -> bytes | Failure:
    """The content of an encrypted block, or why there is none.

    Args:
        bundle: as it came.
        operation: one of its confidentiality operations.
        key: the content key, or the key that it was wrapped under.
    """
    content = operation.content
    if content.context != CONTEXT:
        return unknown(f"security context {content.context}")
    if not content.parameter_ids <= {IV, AES_VARIANT, WRAPPED_KEY, SCOPE_FLAGS}:
        return unknown("a parameter that the context does not have")
    variant = content.uint_parameter(AES_VARIANT, DEFAULT_VARIANT)
    if variant not in KEY_BYTES:
        return unknown(f"AES variant {variant}")
    scope = content.uint_parameter(SCOPE_FLAGS, Scope.ALL)
    if scope is None or scope > MAX_SCOPE:
        return failed("scope flags are no number up to 65535")
    iv = content.octets_parameter(IV)
    if iv is None or not _FEWEST_IV_BYTES <= len(iv) <= _MOST_IV_BYTES:
        return failed("no initialization vector of 8 to 16 octets")
    octets = _content_key(content, key)
    if octets is None:
        return failed("the wrapped key does not unwrap")
    if len(octets) != KEY_BYTES[variant]:
        return failed(f"the key is none for AES-{KEY_BYTES[variant] * 8}")
    target = block_of(bundle, operation.target)
    sealed = _tagged(content, target) if target is not None else None
    if sealed is None:
        return failed("no authentication tag of 16 octets")
    block = operation.block
    security_header = header(CONFIDENTIALITY, block.number, block.flags)
    authenticated = associated_data(bundle, operation.target, scope, security_header)
    plaintext = ciphers.decrypt(octets, iv, *sealed, authenticated)
    return failed("the ciphertext is not authentic") if plaintext is None else plaintext


def _encrypt_one(
    bundle: Bundle,
    target: int,
    source: Eid,
    key: Key,
    iv: bytes,
    parameters: tuple[Entry, ...],
    scope: int,
) -> Bundle:
    bundle = with_crc_type(bundle, (target,), CrcType.NONE)  # RFC 9173 section 4.8.1
    flags = BlockFlag.REPLICATE if target == PAYLOAD_NUMBER else 0  # RFC 9172 section 3.8
    number = free_number(bundle.blocks)
    security_header = header(CONFIDENTIALITY, number, flags)
    plain = block_of(bundle, target)
    assert plain is not None  # the caller has looked
    authenticated = associated_data(bundle, target, scope, security_header)
    ciphertext, tag = ciphers.encrypt(key.octets, iv, plain.data, authenticated)
    result = (Entry(TAG_RESULT, cbor.byte_string(tag)),)
    content = AbstractSecurityBlock((target,), CONTEXT, source, parameters, (result,))
    bundle = with_content(bundle, target, ciphertext)
    return with_security_block(bundle, CONFIDENTIALITY, content, flags, number)


def _check_encryptable(bundle: Bundle, targets: Sequence[int]) -> None:
    if bundle.primary.fragment is not None:
        raise InvalidValue("bundle", str(bundle.id), "is a fragment: encrypt before fragmenting")
    if not targets or len(set(targets)) != len(targets):
        raise InvalidValue("targets", targets, "name one or more, each once")
    encrypted = encrypted_numbers(bundle)
    for target in targets:
        block = block_of(bundle, target)
        if block is None or block.type == CONFIDENTIALITY:
            raise InvalidValue("target", target, "is no block that can be encrypted")
        if target in encrypted:
            raise InvalidValue("target", target, "is encrypted already")


def _split_signatures(bundle: Bundle, targets: Sequence[int]) -> tuple[Bundle, tuple[int, ...]]:
    """The integrity blocks over these targets alone, split off where need be (RFC 9172 section 3.9)."""
    wanted = frozenset(targets)
    to_encrypt: list[int] = []
    blocks = {op.block.number: op for op in operations(bundle, INTEGRITY)}
    for number, operation in blocks.items():
        content = operation.content
        inside = [target for target in content.targets if target in wanted]
        if not inside or number in wanted:
            continue
        if len(inside) == len(content.targets):
            to_encrypt.append(number)
            continue
        bundle, split_off = _split(bundle, operation, inside)
        to_encrypt.append(split_off)
    return bundle, tuple(to_encrypt)


def _split(bundle: Bundle, operation: Operation, inside: Sequence[int]) -> tuple[Bundle, int]:
    """Move the operations on some targets into an integrity block of their own."""
    content = operation.content
    scope = content.uint_parameter(integrity.SCOPE_FLAGS, Scope.ALL)
    if content.context != integrity.CONTEXT or scope is None or scope & Scope.SECURITY_HEADER:
        raise InvalidValue(
            "target", list(inside), "is signed in one block with others, whose header is signed"
        )
    remaining = content
    for target in inside:
        remaining = remaining.without(target)
    moved = content
    for target in remaining.targets:
        moved = moved.without(target)
    number = free_number(bundle.blocks)
    bundle = with_content(bundle, operation.block.number, encode_asb(remaining))
    return with_security_block(bundle, INTEGRITY, moved, operation.block.flags, number), number


def _tagged(content: AbstractSecurityBlock, target: CanonicalBlock) -> tuple[bytes, bytes] | None:
    """Ciphertext and tag: the tag is a result, or it ends the ciphertext (RFC 9173 section 4.4)."""
    if not content.has_result(target.number, TAG_RESULT):
        ciphertext, tag = target.data[: -ciphers.TAG_BYTES], target.data[-ciphers.TAG_BYTES :]
    else:
        ciphertext, tag = target.data, content.octets_result(target.number, TAG_RESULT) or b""
    return (ciphertext, tag) if len(tag) == ciphers.TAG_BYTES else None


def _content_key(content: AbstractSecurityBlock, key: Key) -> bytes | None:
    if not content.has_parameter(WRAPPED_KEY):
        return key.octets
    wrapped = content.octets_parameter(WRAPPED_KEY)
    return ciphers.unwrap_key(key.octets, wrapped) if wrapped is not None else None
