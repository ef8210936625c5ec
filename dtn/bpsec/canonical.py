"""What a key is applied to: the plaintext of integrity (IPPT) and the associated data (AAD).

Source: RFC 9172 section 4 (canonical forms), RFC 9173 sections 3.7 (IPPT) and 4.7.2 (AAD).

    IPPT = scope, [primary block], [header of target], [header of BIB], target
    AAD  = scope, [primary block], [header of target], [header of BCB]

The scope flags say which of the bracketed parts are there. A header is the block's type, number and
flags. A target is the byte string of its data; the primary block as a target is wrapped into a byte
string, and stands for the parts that are itself (RFC 9173 example A.3). Section 4.7.2 step 4 prints
"BIB" for the last part of the AAD, example A.4 has the BCB: so has every implementation.

Canonical means encoded anew, deterministically, with all reserved and unassigned flags zero: the
primary block may have come in another form, and flags that mean nothing protect nothing.
"""

from __future__ import annotations

from dtn import cbor
from dtn.bpsec.structure import PRIMARY_NUMBER, block_of
from dtn.bundle import BlockFlag, Bundle, BundleFlag, CanonicalBlock, PrimaryBlock
from dtn.codec import encode_primary
from dtn.errors import InvalidValue


class Scope:
    """Scope flags of both contexts (RFC 9173 sections 3.3.3 and 4.3.4)."""

    PRIMARY_BLOCK = 0x1
    TARGET_HEADER = 0x2
    SECURITY_HEADER = 0x4
    ALL = 0x7


MAX_SCOPE = 0xFFFF
_BLOCK_FLAGS = (
    BlockFlag.REPLICATE
    | BlockFlag.REPORT_IF_UNPROCESSED
    | BlockFlag.DELETE_BUNDLE_IF_UNPROCESSED
    | BlockFlag.DISCARD_IF_UNPROCESSED
)
_BUNDLE_FLAGS = (
    BundleFlag.FRAGMENT
    | BundleFlag.ADMINISTRATIVE_RECORD
    | BundleFlag.MUST_NOT_FRAGMENT
    | BundleFlag.ACKNOWLEDGEMENT_REQUESTED
    | BundleFlag.STATUS_TIME_REQUESTED
    | BundleFlag.ANY_REPORT
)


def header(kind: int, number: int, flags: int) -> bytes:
    """A block's type, number and flags."""
    return cbor.uint(kind) + cbor.uint(number) + cbor.uint(flags & _BLOCK_FLAGS)


def integrity_plaintext(bundle: Bundle, target: int, scope: int, security_header: bytes) -> bytes:
    """The IPPT of a target (RFC 9173 section 3.7).

    Args:
        bundle: the target's CRC has been removed.
        target: the target's block number.
        scope: the scope flags.
        security_header: of the integrity block.
    """
    if target == PRIMARY_NUMBER:
        prefix = cbor.uint(scope & Scope.ALL)
        if scope & Scope.SECURITY_HEADER:
            prefix += security_header
        return prefix + cbor.byte_string(_primary(bundle.primary))
    block = _target(bundle, target)
    return _prefix(bundle, block, scope, security_header) + cbor.byte_string(block.data)


def associated_data(bundle: Bundle, target: int, scope: int, security_header: bytes) -> bytes:
    """The AAD of a target (RFC 9173 section 4.7.2).

    Args:
        bundle: the target's CRC has been removed.
        target: the target's block number.
        scope: the scope flags.
        security_header: of the confidentiality block.
    """
    return _prefix(bundle, _target(bundle, target), scope, security_header)


def _prefix(bundle: Bundle, target: CanonicalBlock, scope: int, security_header: bytes) -> bytes:
    parts = [cbor.uint(scope & Scope.ALL)]
    if scope & Scope.PRIMARY_BLOCK:
        parts.append(_primary(bundle.primary))
    if scope & Scope.TARGET_HEADER:
        parts.append(header(target.type, target.number, target.flags))
    if scope & Scope.SECURITY_HEADER:
        parts.append(security_header)
    return b"".join(parts)


def _primary(primary: PrimaryBlock) -> bytes:
    return encode_primary(primary.with_fields(flags=primary.flags & _BUNDLE_FLAGS))


def _target(bundle: Bundle, number: int) -> CanonicalBlock:
    block = block_of(bundle, number)
    if block is None:
        raise InvalidValue("target", number, "is no block of this bundle")
    return block
