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


def crc16_x25(octets: bytes) -> int:
    """CRC-16/X-25, 906e for "123456789"."""
    state = crc_hqx(octets.translate(_BITS_REVERSED), 0xFFFF)
    return (_BITS_REVERSED[state & 0xFF] << 8 | _BITS_REVERSED[state >> 8]) ^ 0xFFFF


def crc32c(octets: bytes) -> int:
    """CRC-32C, e3069283 for "123456789"."""
    value: int = _crc32c(octets)
    return value


def crc_value(crc_type: int, octets: bytes) -> bytes:
    """The CRC value as it stands in a block, in network byte order; empty for type 0."""
    if crc_type == 1:
        return crc16_x25(octets).to_bytes(2, "big")
    if crc_type == 2:
        return crc32c(octets).to_bytes(4, "big")
    return b""
