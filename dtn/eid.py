"""Endpoint identifiers: what a bundle is from, for, and reported to.

Source: RFC 9171 section 4.2.5 (the dtn scheme), RFC 9758 (the ipn scheme with two and three
elements).

Three kinds. `IpnEid` and `DtnEid` can be routed; `UnknownEid` is a well-formed identifier of a
scheme that this implementation does not speak: kept and passed on as its octets, but no node can be
told from it.

Identity is of decoded values, never of octets: `ipn:977000.100.1` equals itself in both of its
encodings (RFC 9758 section 6.4), and every null endpoint (`dtn:none`, `ipn:0.0`, and `ipn:0.N`,
which RFC 9758 section 3.4.1 asks to be treated as null) equals every other. How many elements an
ipn identifier came with is remembered beside it, so that it can be sent on as it came, and takes no
part in comparisons.

Refused: numbers out of range, leading zeros, names with octets that the grammar does not know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from dtn import cbor
from dtn.errors import InvalidValue

MAX_UINT32 = 0xFFFF_FFFF
MAX_UINT64 = 0xFFFF_FFFF_FFFF_FFFF
DTN_SCHEME = 1
IPN_SCHEME = 2
LOCAL_NODE_NUMBER = MAX_UINT32
"""The node number that means "this node", printed `!` (RFC 9758 section 3.4.2)."""

_NULL_HASH = hash(("dtn", "none"))

# RFC 3986 reg-name: unreserved, sub-delims, percent-encoded; demux: VCHAR (RFC 9171 section
# 4.2.5.1.1).
_DTN_SSP = re.compile(r"//((?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)/([!-~]*)", re.ASCII)
_IPN_TEXT = re.compile(
    r"ipn:(?:(!)|(?:(0|[1-9][0-9]*)\.)?(0|[1-9][0-9]*))\.(0|[1-9][0-9]*)", re.ASCII
)
_LONGEST_NUMBER = 20  # digits of 2^64 - 1


@dataclass(frozen=True, slots=True, eq=False)
class IpnEid:
    """`ipn:allocator.node.service` (RFC 9758).

    Args:
        allocator: allocator identifier, 0 to 2^32-1; 0 is the default allocator and not printed.
        node_number: 0 to 2^32-1; 2^32-1 with allocator 0 is the local node.
        service_number: 0 to 2^64-1; 0 is the administrative endpoint.
        elements: of the encoded scheme-specific part, 2 or 3; 0 takes 2 for allocator 0 and else 3
            (RFC 9758 section 6.1.2).

    Raises:
        InvalidValue: a number is out of range.
    """

    allocator: int
    node_number: int
    service_number: int
    elements: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.allocator <= MAX_UINT32:
            raise InvalidValue("allocator", self.allocator, "must be 0 to 4294967295")
        if not 0 <= self.node_number <= MAX_UINT32:
            raise InvalidValue("node number", self.node_number, "must be 0 to 4294967295")
        if not 0 <= self.service_number <= MAX_UINT64:
            raise InvalidValue("service number", self.service_number, "must be 0 to 2^64-1")
        if not self.elements:
            object.__setattr__(self, "elements", 3 if self.allocator else 2)
        elif self.elements not in (2, 3):
            raise InvalidValue("elements", self.elements, "an ipn identifier has 2 or 3")

    @property
    def node(self) -> int | None:
        """The fully qualified node number, allocator * 2^32 + node number; None for null."""
        return (self.allocator << 32 | self.node_number) or None

    @property
    def is_null(self) -> bool:
        """Whether nobody is there."""
        return self.node_number == 0 and self.allocator == 0

    @property
    def is_singleton(self) -> bool:
        """Whether exactly one node is a member: always, but for the null endpoint."""
        return self.node_number != 0 or self.allocator != 0

    @property
    def is_local_node(self) -> bool:
        """Whether it is `ipn:!.N`, which must never come in from outside (RFC 9758 section 5.4)."""
        return self.node_number == LOCAL_NODE_NUMBER and self.allocator == 0

    @property
    def is_administrative(self) -> bool:
        """Whether it is a node's administrative endpoint, service 0 (RFC 9758 section 5.7)."""
        return self.service_number == 0 and self.is_singleton

    @property
    def service_text(self) -> str:
        """The service number as text."""
        return str(self.service_number)

    def __str__(self) -> str:
        if self.is_local_node:
            return f"ipn:!.{self.service_number}"
        if self.allocator:
            return f"ipn:{self.allocator}.{self.node_number}.{self.service_number}"
        return f"ipn:{self.node_number}.{self.service_number}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, IpnEid):
            return (
                self.node_number == other.node_number
                and self.allocator == other.allocator
                and (self.service_number == other.service_number or self.is_null)
            )
        return isinstance(other, DtnEid) and self.is_null and other.is_null

    def __hash__(self) -> int:
        if self.node_number == 0 and self.allocator == 0:
            return _NULL_HASH
        return hash((self.allocator, self.node_number, self.service_number))


@dataclass(frozen=True, slots=True, eq=False)
class DtnEid:
    """`dtn:none` or `dtn://node-name/demux` (RFC 9171 section 4.2.5.1.1).

    Args:
        ssp: the scheme-specific part: `none` or `//node-name/demux`.

    Raises:
        InvalidValue: the grammar does not allow it.
    """

    ssp: str

    def __post_init__(self) -> None:
        if self.ssp != "none" and _DTN_SSP.fullmatch(self.ssp) is None:
            raise InvalidValue(
                "dtn EID", self.ssp, "must be none or //node-name/demux in printable ASCII"
            )

    @property
    def node(self) -> str | None:
        """The node name; None for the null endpoint and for groups, which name no node."""
        return self.ssp[2:].partition("/")[0] if self.is_singleton else None

    @property
    def is_null(self) -> bool:
        """Whether nobody is there."""
        return self.ssp == "none"

    @property
    def is_singleton(self) -> bool:
        """Whether exactly one node is a member: not if null or where the demux starts with `~`."""
        return self.ssp != "none" and not self.service_text.startswith("~")

    @property
    def is_local_node(self) -> bool:
        """Never: the dtn scheme has no such endpoint."""
        return False

    @property
    def is_administrative(self) -> bool:
        """Whether it is a node's administrative endpoint, which has no demux."""
        return self.ssp != "none" and not self.service_text

    @property
    def service_text(self) -> str:
        """The demux, without its delimiter."""
        return self.ssp[2:].partition("/")[2]

    def __str__(self) -> str:
        return f"dtn:{self.ssp}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DtnEid):
            return self.ssp == other.ssp
        return isinstance(other, IpnEid) and self.is_null and other.is_null

    def __hash__(self) -> int:
        return _NULL_HASH if self.ssp == "none" else hash(("dtn", self.ssp))


@dataclass(frozen=True, slots=True)
class UnknownEid:
    """An identifier of a scheme that is not spoken here: well-formed, kept, unroutable.

    Args:
        scheme: its number in the registry of URI scheme types.
        ssp: the encoded scheme-specific part, one well-formed CBOR item.
    """

    scheme: int
    ssp: bytes

    @property
    def node(self) -> None:
        """No node can be told from it."""
        return None

    @property
    def is_null(self) -> bool:
        """Not known to be null."""
        return False

    @property
    def is_singleton(self) -> bool:
        """Not known to be one."""
        return False

    @property
    def is_local_node(self) -> bool:
        """Not known to be."""
        return False

    @property
    def is_administrative(self) -> bool:
        """Not known to be."""
        return False

    @property
    def service_text(self) -> str:
        """There is none."""
        return ""

    def __str__(self) -> str:
        return f"scheme-{self.scheme}:{self.ssp.hex()}"


Eid = IpnEid | DtnEid | UnknownEid
NodeKey = int | str
"""What `.node` is: equal for all endpoints of one node."""
NULL_EID = DtnEid("none")


def parse_eid(text: str) -> Eid:
    """Read an endpoint identifier as it is written, such as `ipn:977000.100.1` or `dtn://n/x`.

    Raises:
        InvalidValue: it is none.

    Source: RFC 9758 section 4, RFC 9171 section 4.2.5.1.1.
    """
    if text.startswith("dtn:"):
        return DtnEid(text[4:])
    found = _IPN_TEXT.fullmatch(text)
    if found is None:
        raise InvalidValue(
            "EID",
            text,
            "must read ipn:node.service, ipn:allocator.node.service, dtn:none or dtn://name/demux",
        )
    local, allocator, node_number, service_number = found.groups()
    if any(len(number) > _LONGEST_NUMBER for number in found.groups(default="") if number):
        raise InvalidValue("EID", text, "a number in it is out of range")
    if local:
        return IpnEid(0, LOCAL_NODE_NUMBER, int(service_number))
    return IpnEid(int(allocator or 0), int(node_number), int(service_number))


def encode_eid(eid: Eid) -> bytes:
    """The identifier in CBOR, with as many elements as it came with (RFC 9758 section 6.1)."""
    if isinstance(eid, IpnEid):
        return _encode_ipn(eid.allocator, eid.node_number, eid.service_number, eid.elements)
    if isinstance(eid, DtnEid):
        return b"\x82\x01\x00" if eid.ssp == "none" else b"\x82\x01" + cbor.text_string(eid.ssp)
    return b"\x82" + cbor.uint(eid.scheme) + eid.ssp


def eid_size(eid: Eid) -> int:
    """Octets of the identifier in CBOR."""
    if isinstance(eid, IpnEid):
        service_bytes = cbor.head_size(eid.service_number)
        if eid.elements == 2:
            fqnn = eid.allocator << 32 | eid.node_number
            return 3 + cbor.head_size(fqnn) + service_bytes
        allocator_bytes = cbor.head_size(eid.allocator)
        return 3 + allocator_bytes + cbor.head_size(eid.node_number) + service_bytes
    if isinstance(eid, DtnEid):
        length = len(eid.ssp)  # the grammar allows ASCII alone
        return 3 if eid.ssp == "none" else 2 + cbor.head_size(length) + length
    return 1 + cbor.head_size(eid.scheme) + len(eid.ssp)


def read_eid(reader: cbor.Reader, name: str) -> Eid:
    """Read an identifier from CBOR.

    A tolerant reader also takes dtn:none as text, and a node name without the delimiter behind it.

    Raises:
        MalformedBundle: there is none.
    """
    found = _USUAL_IPN.match(reader.octets, reader.at)
    if found is not None:
        reader.at = found.end()
        return known_ipn(found.group())
    count = reader.array(name)
    scheme = reader.uint(name)
    eid: Eid
    if scheme == IPN_SCHEME:
        eid = _read_ipn(reader, name)
    elif scheme == DTN_SCHEME:
        eid = _read_dtn(reader, name)
    else:
        eid = UnknownEid(scheme, reader.skip_item(name))
    reader.end_array(count, 2, name)
    return eid


def _read_ipn(reader: cbor.Reader, name: str) -> IpnEid:
    count = reader.array(name)
    first = reader.uint(name)
    second = reader.uint(name)
    if count == 2 or (count == cbor.INDEFINITE and reader.at_break()):
        return IpnEid(first >> 32, first & MAX_UINT32, second, 2)
    service_number = reader.uint(name)
    reader.end_array(count, 3, name)
    if first > MAX_UINT32 or second > MAX_UINT32:
        reader.fail("codec", f"{name}: an allocator or node number exceeds 4294967295")
    return IpnEid(first, second, service_number, 3)


def _read_dtn(reader: cbor.Reader, name: str) -> DtnEid:
    if reader.peek() < 0x60:
        if reader.uint(name) != 0:
            reader.fail("codec", f"{name}: the only number in the dtn scheme is 0, none")
        return NULL_EID
    ssp = reader.text_string(name)
    if reader.tolerant and ssp.startswith("//") and "/" not in ssp[2:]:
        ssp += "/"
    if ssp == "none" and not reader.tolerant:
        reader.fail("codec", f"{name}: dtn:none is the number 0, not text")
    try:
        return DtnEid(ssp)
    except InvalidValue:
        reader.fail("codec", f"{name} must be //node-name/demux in printable ASCII")


# A network has few endpoints and many bundles: the usual form of an identifier, two elements in
# shortest form, is found by a pattern and read once. What is kept is small and bounded.
USUAL_IPN = rb"\x82\x02\x82" + cbor.SHORTEST_UINT * 2
_USUAL_IPN = re.compile(USUAL_IPN)


@lru_cache(maxsize=4096)
def known_ipn(octets: bytes) -> IpnEid:
    """The identifier in its usual form."""
    reader = cbor.Reader(octets)
    reader.at = 2
    return _read_ipn(reader, "EID")


@lru_cache(maxsize=4096)
def _encode_ipn(allocator: int, node_number: int, service_number: int, elements: int) -> bytes:
    service = cbor.uint(service_number)
    if elements == 2:
        return b"\x82\x02\x82" + cbor.uint(allocator << 32 | node_number) + service
    return b"\x82\x02\x83" + cbor.uint(allocator) + cbor.uint(node_number) + service
