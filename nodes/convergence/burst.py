"""Burst: segments that LTP has put on the air together."""

from __future__ import annotations

from typing import NamedTuple

from dtn.contact_plan import Contact
from dtn.ltp.outputs import Output


class Burst(NamedTuple):
    """Segments on the air, one behind the other.

    Attributes:
        contact: its number.
        segments: in the order in which they go out.
        starts_s: when the first bit of the first one goes out.
        ends_s: when the last bit of the last one does.
        notices: what the engine has to say when they are out.
    """

    contact: int
    segments: tuple[bytes, ...]
    starts_s: float
    ends_s: float
    notices: list[Output]

    def whole_by(self, now_s: float, contact: Contact) -> int:
        """How many of the segments are out by then, over its contact."""
        size_bytes = 0
        for place, segment in enumerate(self.segments):
            size_bytes += len(segment)
            if contact.last_bit_s(self.starts_s, size_bytes) > now_s:
                return place
        return len(self.segments)
