"""As much of CBOR as the bundle protocol needs: written in shortest form, read strictly.

Source: RFC 8949; its core deterministic encoding (section 4.2.1) is what is written, and what is
demanded of integers and lengths that are read, with one exception: RFC 9171 section 4.1 does not
prohibit arrays and text of indefinite length inside blocks.

The reader walks forward over octets that came from outside. Nothing is allocated by a length that
they claim, nothing recurses on them, and whatever is wrong with them is a `MalformedBundle` of
layer cbor (not well-formed), encoding (well-formed, not deterministic) or codec (not what stands
here).

Refused: tags, floats, and every simple value but false and true. `tolerant` passes integers and
lengths in longer forms than needed.
"""

from __future__ import annotations

from struct import Struct
from typing import NoReturn

from dtn.errors import MalformedBundle

BREAK = 0xFF
INDEFINITE = -1
"""The count of an array whose end is a break."""
MAX_DEPTH = 16
"""Items nested deeper than this are refused; the bundle protocol's own stay under 6."""

_UINT, _BYTES, _TEXT, _ARRAY, _TAG = 0, 2, 3, 4, 6
_KINDS = (
    "an unsigned integer",
    "a negative integer",
    "a byte string",
    "a text string",
    "an array",
    "a map",
    "a tag",
    "a simple value or float",
)
_SHORT = tuple(bytes((octet,)) for octet in range(256))
_HEAD16 = Struct(">BH").pack
_HEAD32 = Struct(">BI").pack
_HEAD64 = Struct(">BQ").pack
SHORTEST_UINT = (
    rb"(?:[\x00-\x17]|\x18[\x18-\xff]|\x19[\x01-\xff][\x00-\xff]"
    rb"|\x1a(?!\x00\x00)[\x00-\xff]{4}|\x1b(?!\x00{4})[\x00-\xff]{8})"
)
"""Pattern of an unsigned integer in its shortest form."""
_SHORTEST = {24: 24, 25: 0x100, 26: 0x1_0000, 27: 0x1_0000_0000}
"""The least argument that needs the form, by the head's additional information."""


def head(major: int, argument: int) -> bytes:
    """The head of an item in its shortest form; an unsigned integer (major type 0) is only that."""
    first = major << 5
    if argument < 24:
        return _SHORT[first | argument]
    if argument < 0x100:
        return _SHORT[first | 24] + _SHORT[argument]
    if argument < 0x1_0000:
        return _HEAD16(first | 25, argument)
    if argument < 0x1_0000_0000:
        return _HEAD32(first | 26, argument)
    return _HEAD64(first | 27, argument)


def uint(value: int) -> bytes:
    """An unsigned integer."""
    return _SHORT[value] if value < 24 else head(_UINT, value)


def head_size(argument: int) -> int:
    """Octets of the shortest head with this argument."""
    if argument < 24:
        return 1
    if argument < 0x100:
        return 2
    if argument < 0x1_0000:
        return 3
    return 5 if argument < 0x1_0000_0000 else 9


def byte_string(data: bytes) -> bytes:
    """A byte string of definite length."""
    return head(_BYTES, len(data)) + data


def text_string(text: str) -> bytes:
    """A text string of definite length."""
    data = text.encode()
    return head(_TEXT, len(data)) + data


def uint_value(octets: bytes) -> int:
    """The value of an encoded unsigned integer that is known to be one."""
    return octets[0] if len(octets) == 1 else int.from_bytes(octets[1:], "big")


class Reader:
    """Reads items one after the other; `at` is the octet it stands before.

    Args:
        octets: what came in.
        tolerant: whether integers and lengths in longer forms than needed pass.
    """

    __slots__ = ("at", "octets", "tolerant")

    def __init__(self, octets: bytes, *, tolerant: bool = False) -> None:
        self.octets = octets
        self.tolerant = tolerant
        self.at = 0

    def fail(self, layer: str, reason: str) -> NoReturn:
        """Refuse what stands here."""
        raise MalformedBundle(layer, reason, self.at)

    def uint(self, name: str) -> int:
        """An unsigned integer."""
        at = self.at
        try:
            first = self.octets[at]
        except IndexError:
            self.fail("cbor", f"cut off before {name}")
        if first < 24:
            self.at = at + 1
            return first
        return self._argument(_UINT, name)

    def array(self, name: str) -> int:
        """The head of an array: how many items it has, or INDEFINITE."""
        at = self.at
        try:
            first = self.octets[at]
        except IndexError:
            self.fail("cbor", f"cut off before {name}")
        if 0x80 <= first < 0x98:
            self.at = at + 1
            return first - 0x80
        if first == 0x9F:
            self.at = at + 1
            return INDEFINITE
        return self._argument(_ARRAY, name)

    def end_array(self, count: int, expected: int, name: str) -> None:
        """Check that an array of which `expected` items were read had so many and no more."""
        if count == INDEFINITE:
            if not self.at_break():
                self.fail("codec", f"{name} must have {expected} items")
        elif count != expected:
            self.fail("codec", f"{name} must have {expected} items, has {count}")

    def at_break(self) -> bool:
        """Whether a break stands here; it is passed."""
        if self.octets[self.at : self.at + 1] == b"\xff":
            self.at += 1
            return True
        return False

    def byte_string(self, name: str) -> bytes:
        """A byte string of definite length."""
        return self.take(self._argument(_BYTES, name), name)

    def take(self, length: int, name: str) -> bytes:
        """The next octets, so many."""
        start = self.at
        end = start + length
        if end > len(self.octets):
            self.fail("cbor", f"{name} of {length} octets is cut off")
        self.at = end
        return self.octets[start:end]

    def text_string(self, name: str) -> str:
        """A text string, of definite length or in chunks that are."""
        if self.peek() != 0x7F:
            return self._text_chunk(name)
        self.at += 1
        chunks = []
        while not self.at_break():
            chunks.append(self._text_chunk(name))
        return "".join(chunks)

    def boolean(self, name: str) -> bool:
        """False or true: the simple values, not 0 or 1."""
        first = self.peek()
        if first not in (0xF4, 0xF5):
            self.fail("codec", f"{name} must be false or true")
        self.at += 1
        return first == 0xF5

    def peek(self) -> int:
        """The octet that stands here."""
        if self.at >= len(self.octets):
            self.fail("cbor", "cut off")
        return self.octets[self.at]

    def at_end(self) -> bool:
        """Whether no octet is left."""
        return self.at >= len(self.octets)

    def skip_item(self, name: str) -> bytes:
        """Pass one item of whatever kind, checked to be well-formed; returns its octets.

        The open items are a list of how many items each still lacks (INDEFINITE: up to a break): as
        long as the items are deep, at most MAX_DEPTH, whatever counts are claimed.
        """
        start = self.at
        missing = [1]
        while missing:
            if missing[-1] == 0:
                missing.pop()
                continue
            if missing[-1] == INDEFINITE and self.at_break():
                missing.pop()
                continue
            if missing[-1] != INDEFINITE:
                missing[-1] -= 1
            inside = self._pass_head(name)
            if inside:
                if len(missing) > MAX_DEPTH:
                    self.fail("cbor", f"{name} is nested deeper than {MAX_DEPTH}")
                missing.append(inside)
        return self.octets[start : self.at]

    def _pass_head(self, name: str) -> int:
        """Pass a head, and the octets of a string; returns how many items stand inside."""
        first = self.peek()
        major, info = first >> 5, first & 0x1F
        if major in (_UINT, 1):
            self._argument(major, name)
            return 0
        if major in (_BYTES, _TEXT):
            self._pass_string(major, name)
            return 0
        if major == _ARRAY:
            return self.array(name)
        if major == 5:
            return 2 * self._argument(major, name)
        if first in (0xF4, 0xF5, 0xF6):
            self.at += 1
            return 0
        return self._refuse(major, info, name)

    def _pass_string(self, major: int, name: str) -> None:
        if self.octets[self.at] & 0x1F == 31:
            self.at += 1
            while not self.at_break():
                self._pass_chunk(major, name)
        else:
            self._pass_chunk(major, name)

    def _pass_chunk(self, major: int, name: str) -> None:
        if major == _TEXT:
            self._text_chunk(name)
        else:
            self.byte_string(name)

    def _text_chunk(self, name: str) -> str:
        data = self.take(self._argument(_TEXT, name), name)
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.fail("cbor", f"{name} is not UTF-8")

    def _argument(self, major: int, name: str) -> int:
        """Pass the head of an item of this major type; returns its argument."""
        octets = self.octets
        at = self.at
        if at >= len(octets):
            self.fail("cbor", f"cut off before {name}")
        first = octets[at]
        info = first & 0x1F
        if first >> 5 != major or info > 27:
            self._refuse(first >> 5, info, name, major)
        if info < 24:
            self.at = at + 1
            return info
        end = at + 1 + (1 << info - 24)
        if end > len(octets):
            self.fail("cbor", f"cut off in {name}")
        argument = int.from_bytes(octets[at + 1 : end], "big")
        if argument < _SHORTEST[info] and not self.tolerant:
            self.fail("encoding", f"{name} is not in the shortest form")
        self.at = end
        return argument

    def _refuse(self, found: int, info: int, name: str, wanted: int | None = None) -> NoReturn:
        """Say what is wrong with a head that cannot stand here."""
        if 28 <= info <= 30:
            self.fail("cbor", f"{name} starts with a reserved head")
        if found == 7 and info == 31:
            self.fail("cbor", f"a break stands in the place of {name}")
        if info == 31 and found in (0, 1, 6):
            self.fail("cbor", f"{name} is an integer or tag without a value")
        if found == _TAG:
            self.fail("encoding", f"{name} is tagged")
        if found == wanted:
            self.fail("encoding", f"{name} must be of definite length")
        if wanted is None:
            self.fail("encoding", f"{name} holds a float or simple value")
        self.fail("codec", f"{name} must be {_KINDS[wanted]}, not {_KINDS[found]}")
