"""The two checksums of the bundle protocol.

Source: RFC 9171 section 4.2.1: CRC-16/X-25 (reflected polynomial 0x1021) and CRC-32C (Castagnoli).

CRC-16/X-25 is the CCITT polynomial that `binascii.crc_hqx` divides by in C, but fed with the least
significant bit first: reversing the bits of every octet before, and of the result after, turns the
one into the other. CRC-32C comes from a C package.

A block's CRC covers the whole block with the octets of the CRC value, not their head, taken as zero
(RFC 9171 section 4.3.1 with erratum 8043).
"""

from __future__ import annotations

from binascii import crc_hqx

from crc32c import crc32c as _crc32c

_BITS_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))

CRC_BYTES = (0, 2, 4)
"""Length of the CRC value by CRC type."""


def crc16_x25(*parts: bytes) -> int:
    """CRC-16/X-25 of the parts one after the other."""
    state = 0xFFFF
    for part in parts:
        state = crc_hqx(part.translate(_BITS_REVERSED), state)
    return (_BITS_REVERSED[state & 0xFF] << 8 | _BITS_REVERSED[state >> 8]) ^ 0xFFFF


def crc32c(*parts: bytes) -> int:
    """CRC-32C of the parts one after the other."""
    state = 0
    for part in parts:
        state = _crc32c(part, state)
    return state


def crc_value(crc_type: int, *parts: bytes) -> bytes:
    """The CRC value as it stands in a block, in network byte order; empty for type 0."""
    if crc_type == 1:
        return crc16_x25(*parts).to_bytes(2, "big")
    if crc_type == 2:
        return crc32c(*parts).to_bytes(4, "big")
    return b""
