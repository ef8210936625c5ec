"""Extension items of sessions and transfers.

Source: RFC 9174 sections 4.8 and 5.2.5. Messages carry a list of them as octets: what is wrong with the items of a
transfer costs that transfer only, not the stream.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

CRITICAL = 0x01
"""Extension item flag: who does not know the item must not go on as if it were not there."""

TRANSFER_LENGTH = 0x0001
"""Transfer extension type (§5.2.5.1)."""

_HEAD = Struct("!BHH")
_LENGTH = Struct("!Q")


class ExtensionItem(NamedTuple):
    """One item of a list of session or transfer extensions (§4.8, §5.2.5)."""

    type: int
    value: bytes
    flags: int = 0

    @property
    def is_critical(self) -> bool:
        """Whether it must be understood."""
        return bool(self.flags & CRITICAL)


def encode_extensions(items: Iterable[ExtensionItem]) -> bytes:
    """The octets of extension items, without the length of their list."""
    return b"".join(
        _HEAD.pack(item.flags, item.type, len(item.value)) + item.value for item in items
    )


def read_extensions(octets: bytes) -> tuple[ExtensionItem, ...] | None:
    """Items of an extension list; None if their lengths do not agree with the list's."""
    items = []
    at = 0
    while at < len(octets):
        if at + _HEAD.size > len(octets):
            return None
        flags, kind, length = _HEAD.unpack_from(octets, at)
        at += _HEAD.size
        if at + length > len(octets):
            return None
        items.append(ExtensionItem(kind, octets[at : at + length], flags))
        at += length
    return tuple(items)


def transfer_length_item(total_bytes: int) -> ExtensionItem:
    """A Transfer Length extension (§5.2.5.1); critical, as the RFC wants it."""
    return ExtensionItem(TRANSFER_LENGTH, _LENGTH.pack(total_bytes), CRITICAL)


def transfer_length(item: ExtensionItem) -> int | None:
    """What a Transfer Length extension says; None if it is of another size than it must be."""
    return int.from_bytes(item.value, "big") if len(item.value) == _LENGTH.size else None
