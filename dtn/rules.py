"""What RFC 9171 asks of a bundle as a whole: the last layer of the decoder, which can be left out.

    primary CRC    none only if a block integrity block aims at the primary block (4.3.1)
    bundle age     there, if the creation time is 0 (4.4.2)
    source         null or a singleton endpoint (4.3.1)
    admin record   asks for no status reports (4.2.3), in no block either (4.2.4)
    null source    must not be fragmented, asks for no status reports (4.2.3, 4.2.4)

RFC 9173's examples A.1, A.2 and A.4 break the first two.
"""

from __future__ import annotations

from dtn.bundle import BlockFlag, BlockType, Bundle, BundleFlag, CrcType
from dtn.eid import UnknownEid
from dtn.errors import MalformedBundle
from dtn.extension_blocks import security_targets

_PRIMARY_NUMBER = 0


def check(bundle: Bundle) -> None:
    """Judge a bundle as a whole.

    Raises:
        MalformedBundle: layer rules.
    """
    primary = bundle.primary
    source = primary.source
    if primary.crc_type == CrcType.NONE and _PRIMARY_NUMBER not in security_targets(
        bundle, BlockType.BLOCK_INTEGRITY
    ):
        raise _broken("the primary block has neither a CRC nor an integrity block (4.3.1)")
    if not primary.creation.time_ms and bundle.block(BlockType.BUNDLE_AGE) is None:
        raise _broken("creation time 0 without a bundle age block (4.4.2)")
    null_source = source.is_null
    if not null_source and not source.is_singleton and not isinstance(source, UnknownEid):
        raise _broken("the source is a group (4.3.1)")
    if null_source and not primary.flags & BundleFlag.MUST_NOT_FRAGMENT:
        raise _broken("a null source without must-not-fragment (4.2.3)")
    if null_source or primary.flags & BundleFlag.ADMINISTRATIVE_RECORD:
        if primary.flags & BundleFlag.ANY_REPORT:
            raise _broken("an administrative record or null source that asks for reports (4.2.3)")
        for block in bundle.blocks:
            if block.flags & BlockFlag.REPORT_IF_UNPROCESSED:
                raise _broken(f"block {block.number} asks for a report that must not be (4.2.4)")


def _broken(reason: str) -> MalformedBundle:
    return MalformedBundle("rules", reason)
