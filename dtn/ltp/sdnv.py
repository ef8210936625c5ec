"""Self-delimiting numeric values (RFC 6256): the unsigned integers of LTP's headers.

Seven bits in each octet, most significant first; a set top bit says that another octet follows. LTP asks for 64 bits
(RFC 5326 §3.1), so a value takes at most ten octets. A longer or an unterminated one is refused, never wrapped.
"""

from __future__ import annotations

from dtn.errors import MalformedSegment

LARGEST = 2**64 - 1
_LONGEST_OCTETS = 10
_SHORT = tuple(bytes((value,)) for value in range(128))


def encode_sdnv(value: int) -> bytes:
    """The octets of a value in [0, 2^64)."""
    if value < 128:
        return _SHORT[value]
    octets = [value & 0x7F]
    value >>= 7
    while value:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.reverse()
    return bytes(octets)


def sdnv_bytes(value: int) -> int:
    """How many octets a value takes."""
    return max((value.bit_length() + 6) // 7, 1)


def read_sdnv(octets: bytes, at: int) -> tuple[int, int]:
    """The value that begins at `at`, and where the next field begins.

    Raises:
        MalformedSegment: it does not end, or needs more than 64 bits.
    """
    value = 0
    for place in range(at, min(at + _LONGEST_OCTETS, len(octets))):
        octet = octets[place]
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            if value > LARGEST:
                break
            return value, place + 1
    if len(octets) - at >= _LONGEST_OCTETS or value > LARGEST:
        raise MalformedSegment("a number of more than 64 bits", at)
    raise MalformedSegment("the octets end within a number", at)
