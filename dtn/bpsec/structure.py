"""Which security blocks a bundle may have, the operations that they stand for, and their edits.

Source: RFC 9172 sections 3.2 and 3.6 to 3.9.

A block of type 11 or 12 stands for as many operations as it has targets. Of an integrity block that
is itself encrypted nothing can be read; it is left alone until it has been decrypted.

Refused (layer bpsec), as far as it can be read: a target that is not in the bundle; two operations of
one service on one target; an integrity operation on a security block; a confidentiality operation
on the primary block or on another confidentiality block; a confidentiality block that might be
discarded, or that protects the payload and is not replicated into every fragment; a security source
that is nobody or everybody. A fragment lacks blocks that were not replicated into it, so its security
blocks may name targets that are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dtn.bpsec import asb
from dtn.bpsec.asb import AbstractSecurityBlock
from dtn.bundle import (
    PAYLOAD_NUMBER,
    BlockFlag,
    BlockType,
    Bundle,
    CanonicalBlock,
    PrimaryBlock,
    free_number,
)
from dtn.eid import Eid, UnknownEid
from dtn.errors import MalformedBundle
from dtn.extension_blocks import security_targets

PRIMARY_NUMBER = 0
INTEGRITY = BlockType.BLOCK_INTEGRITY
CONFIDENTIALITY = BlockType.BLOCK_CONFIDENTIALITY
SECURITY_TYPES = frozenset({INTEGRITY, CONFIDENTIALITY})
SERVICE_NAMES = {INTEGRITY: "bib-integrity", CONFIDENTIALITY: "bcb-confidentiality"}


class Operation(NamedTuple):
    """A security service applied to one target (RFC 9172 section 3.1).

    Args:
        block: the security block that it is in.
        content: what that block says.
        target: the number of the block that it is applied to.
    """

    block: CanonicalBlock
    content: AbstractSecurityBlock
    target: int

    @property
    def service(self) -> int:
        """The security block's type: 11 integrity, 12 confidentiality."""
        return self.block.type


def is_secured(bundle: Bundle) -> bool:
    """Whether it has any security block."""
    for block in bundle.blocks:  # noqa: SIM110  # any() takes twice as long, at every hop
        if block.type in SECURITY_TYPES:
            return True
    return False


def encrypted_numbers(bundle: Bundle) -> frozenset[int]:
    """The numbers of the blocks whose content is ciphertext."""
    return security_targets(bundle, CONFIDENTIALITY)


def operations(bundle: Bundle, service: int) -> Iterator[Operation]:
    """The operations of a service, in the order of their blocks, as far as they can be read.

    Raises:
        MalformedBundle: a security block cannot be read, and is not encrypted.
    """
    encrypted = encrypted_numbers(bundle) if service == INTEGRITY else frozenset()
    for block in bundle.blocks:
        if block.type == service and block.number not in encrypted:
            content = asb.decode(block.data)
            for target in content.targets:
                yield Operation(block, content, target)


def check(bundle: Bundle) -> None:
    """Judge the security blocks of a bundle.

    Raises:
        MalformedBundle: layer bpsec.
    """
    if not is_secured(bundle):
        return
    types = {block.number: block.type for block in bundle.blocks}
    types[PRIMARY_NUMBER] = 0
    for service in (INTEGRITY, CONFIDENTIALITY):
        seen: set[int] = set()
        for operation in operations(bundle, service):
            _check_operation(operation, types, is_fragment=bundle.primary.fragment is not None)
            if operation.target in seen:
                _refuse(operation, "is there twice (RFC 9172 section 3.2)")
            seen.add(operation.target)


def _check_operation(operation: Operation, types: dict[int, int], *, is_fragment: bool) -> None:
    block, content, target = operation
    if target not in types:
        if not is_fragment:
            _refuse(operation, "aims at a block that is not there (section 3.6)")
        return
    if not _may_be_source(content.source):
        _refuse(operation, "has a security source that is no node")
    if block.type == INTEGRITY:
        if types[target] in SECURITY_TYPES:
            _refuse(operation, "aims at a security block (section 3.7)")
        return
    if target == PRIMARY_NUMBER or types[target] == CONFIDENTIALITY:
        _refuse(operation, "aims at the primary or a confidentiality block (section 3.8)")
    if block.flags & BlockFlag.DISCARD_IF_UNPROCESSED:
        _refuse(operation, "might be discarded (section 3.8)")
    if target == PAYLOAD_NUMBER and not block.flags & BlockFlag.REPLICATE:
        _refuse(operation, "is not replicated into every fragment (section 3.8)")


def _may_be_source(source: Eid) -> bool:
    if isinstance(source, UnknownEid):
        return True
    return source.is_singleton and not source.is_local_node


def _refuse(operation: Operation, reason: str) -> None:
    name = SERVICE_NAMES[operation.service]
    where = f"block {operation.block.number}: {name} of block {operation.target}"
    raise MalformedBundle("bpsec", f"{where} {reason}")


# --- edits: each returns a new bundle that shares the blocks which did not change ----------------


def block_of(bundle: Bundle, number: int) -> CanonicalBlock | None:
    """The canonical block of this number, if it is there."""
    return next((block for block in bundle.blocks if block.number == number), None)


def with_security_block(
    bundle: Bundle, kind: int, content: AbstractSecurityBlock, flags: int, number: int | None = None
) -> Bundle:
    """With a security block more, behind those that are there, under the lowest free number."""
    if number is None:
        number = free_number(bundle.blocks)
    new = CanonicalBlock(kind, number, flags, 0, asb.encode(content))
    blocks = bundle.blocks
    secured = [place for place, block in enumerate(blocks) if block.type in SECURITY_TYPES]
    place = secured[-1] + 1 if secured else 0
    return Bundle(bundle.primary, (*blocks[:place], new, *blocks[place:]))


def with_content(bundle: Bundle, number: int, data: bytes) -> Bundle:
    """With other data in the block of this number."""
    return Bundle(
        bundle.primary,
        tuple(
            block.with_fields(data=data) if block.number == number else block
            for block in bundle.blocks
        ),
    )


def with_crc_type(bundle: Bundle, numbers: Iterable[int], crc_type: int) -> Bundle:
    """With this CRC type in the blocks of these numbers; 0 means the primary block."""
    wanted = frozenset(numbers)
    primary: PrimaryBlock = bundle.primary
    if PRIMARY_NUMBER in wanted and primary.crc_type != crc_type:
        primary = primary.with_fields(crc_type=crc_type)
    blocks = tuple(
        block.with_fields(crc_type=crc_type)
        if block.number in wanted and block.crc_type != crc_type
        else block
        for block in bundle.blocks
    )
    return Bundle(primary, blocks)


def without_operation(bundle: Bundle, operation: Operation) -> Bundle:
    """Without an operation, and without its block if that was the last (RFC 9172 section 5.1)."""
    number = operation.block.number
    current = block_of(bundle, number)
    if current is None:
        return bundle
    left = asb.decode(current.data).without(operation.target)
    if left.targets:
        return with_content(bundle, number, asb.encode(left))
    return Bundle(bundle.primary, tuple(b for b in bundle.blocks if b.number != number))


def without_target(bundle: Bundle, number: int) -> Bundle:
    """Without a block and all operations on it that can be read (RFC 9172 section 5.1.1)."""
    for service in (CONFIDENTIALITY, INTEGRITY):
        for operation in tuple(operations(bundle, service)):
            if operation.target == number:
                bundle = without_operation(bundle, operation)
    return Bundle(bundle.primary, tuple(b for b in bundle.blocks if b.number != number))
