"""Frame: what crosses a link.

The sender applies the link once and stamps the arrival; the receiver holds it until then.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from dtn.bundle import Bundle


class Frame(NamedTuple):
    """One transmission over one contact.

    Args:
        source: transmitting node.
        destination: receiving node.
        sequence: counts the frames of this link from 0, so that duplicates and reordering can be
            seen.
        sent_s: when its last bit left.
        arrives_s: when its last bit arrives: sent_s plus the light time at sent_s.
        size_bytes: its length on the wire.
        content: the octets, or in virtual time the Bundle whose exact encoded length is size_bytes.
    """

    source: str
    destination: str
    sequence: int
    sent_s: float
    arrives_s: float
    size_bytes: int
    content: bytes | Bundle


SEQUENCE_BITS = 48


def arrival_order(frame: Frame) -> int:
    """The place of a frame among all that arrive at one moment: by link, then by sequence.

    It comes from names alone, so that every process gives the same.
    """
    return first_of_link(frame.source, frame.destination) + frame.sequence


@cache
def first_of_link(source: str, destination: str) -> int:
    """The order of a link's first frame; the following are counted from it."""
    return int.from_bytes(f"{destination}<{source}".encode()) << SEQUENCE_BITS
