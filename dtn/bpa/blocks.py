"""What the agent writes into bundles and reads from them: new bundles (§5.2), outgoing ones (§5.4 step 4), their facts.

A forwarded bundle shares every block that this node does not change; only previous node, hop count and age are new.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from dtn.bpa.copy_count import COPY_COUNT, decode_copy_count, encode_copy_count
from dtn.bpa.request import AgentOptions, TransmissionRequest
from dtn.bpa.route_record import MOST_NODES, ROUTE_RECORD, decode_route_record, encode_route_record
from dtn.bpa.source_route import SOURCE_ROUTE, Hops, decode_source_route, encode_source_route
from dtn.bpsec.structure import without_target
from dtn.bundle import (
    BlockFlag,
    BlockType,
    Bundle,
    BundleFlag,
    CanonicalBlock,
    CreationTimestamp,
    PrimaryBlock,
    free_number,
)
from dtn.cbor import head_size
from dtn.codec import encoded_size, primary_size
from dtn.eid import MAX_UINT64, Eid, IpnEid, NodeKey
from dtn.errors import MalformedBundle
from dtn.extension_blocks import (
    QualityOfService,
    decode_bundle_age,
    decode_hop_count,
    decode_quality_of_service,
    encode_bundle_age,
    encode_hop_count,
    encode_previous_node,
    encode_quality_of_service,
    security_targets,
)
from dtn.stored_bundle import StoredBundle

KNOWN_BLOCKS = frozenset(
    {
        BlockType.PAYLOAD,
        BlockType.PREVIOUS_NODE,
        BlockType.BUNDLE_AGE,
        BlockType.HOP_COUNT,
        BlockType.QUALITY_OF_SERVICE,
        BlockType.BLOCK_INTEGRITY,
        BlockType.BLOCK_CONFIDENTIALITY,
        ROUTE_RECORD,
        COPY_COUNT,
        SOURCE_ROUTE,
    }
)
"""Block types that this agent processes; others are handled by their flags (§5.6 step 4)."""

HOP_COUNT_NUMBER = 2
QOS_NUMBER = 3
AGE_NUMBER = 4
ROUTE_RECORD_NUMBER = 5
LONGEST_LIFETIME_MS = MAX_UINT64 - MAX_UINT64 % 2**12
"""As long as a lifetime can be, as a float."""
NORMAL_PRIORITY = 1
_NOTHING: frozenset[int] = frozenset()
EXPEDITED_PRIORITY = 2


# Few values of these blocks are about at a time, and each is met at every hop.
_hop_count = lru_cache(4096)(decode_hop_count)
_route_records: dict[bytes, tuple[int, ...]] = {}
MOST_ROUTE_RECORDS = 16384
"""Route records remembered by their octets."""


def _route_record(data: bytes) -> tuple[int, ...]:
    """`decode_route_record`; what was written here or read before is known."""
    nodes = _route_records.get(data)
    if nodes is None:
        nodes = _remember_route(data, decode_route_record(data))
    return nodes


def _remember_route(data: bytes, nodes: tuple[int, ...]) -> tuple[int, ...]:
    if len(_route_records) >= MOST_ROUTE_RECORDS:
        _route_records.clear()
    _route_records[data] = nodes
    return nodes


@lru_cache(4096)
def _one_hop_more(number: int, flags: int, crc_type: int, data: bytes) -> CanonicalBlock:
    limit, count = decode_hop_count(data)
    data = encode_hop_count(limit, count + 1)
    return CanonicalBlock(BlockType.HOP_COUNT, number, flags, crc_type, data)


@lru_cache(4096)
def _with_visit(number: int, flags: int, crc_type: int, data: bytes, node: int) -> CanonicalBlock:
    nodes = (*_route_record(data), node)
    data = encode_route_record(nodes)
    if len(nodes) <= MOST_NODES:  # beyond that it cannot be read
        _remember_route(data, nodes)
    return CanonicalBlock(ROUTE_RECORD, number, flags, crc_type, data)


@lru_cache(4096)
def _previous_node(number: int, data: bytes) -> CanonicalBlock:
    return CanonicalBlock(BlockType.PREVIOUS_NODE, number, 0, 0, data)


@lru_cache(256)
def _first_hop_count(limit: int) -> CanonicalBlock:
    return CanonicalBlock(BlockType.HOP_COUNT, HOP_COUNT_NUMBER, 0, 0, encode_hop_count(limit, 0))


_NOBODY = CanonicalBlock(
    ROUTE_RECORD, ROUTE_RECORD_NUMBER, BlockFlag.REPLICATE, 0, encode_route_record(())
)
"""The route record of a new bundle."""


class Facts(NamedTuple):
    """What the agent needs to know of a bundle, read from its blocks once.

    `unsupported` holds the flags (`BlockFlag`) of all blocks that this node does not know.
    """

    source: str
    destination: str
    priority: int
    critical: bool
    hops: int
    hop_limit: int
    age_ms: int | None
    visited: tuple[int, ...]
    tokens: int
    planned: Hops
    unsupported: int


def read_facts(bundle: Bundle, names: Mapping[NodeKey, str]) -> Facts:
    """Read them. Node names are empty for nodes that nobody here knows."""
    primary = bundle.primary
    priority, critical, hops, hop_limit, age_ms = NORMAL_PRIORITY, False, 0, 255, None
    visited: tuple[int, ...] = ()
    planned: Hops = ()
    tokens = unsupported = 0
    encrypted = _encrypted(bundle)
    for block in bundle.blocks:
        kind = block.type
        if kind == BlockType.PAYLOAD or block.number in encrypted:
            continue
        if kind == BlockType.HOP_COUNT:
            hop_limit, hops = _hop_count(block.data)
        elif kind == BlockType.QUALITY_OF_SERVICE:
            service = decode_quality_of_service(block.data)
            # a priority beyond the three that there are is the highest of them
            priority, critical = min(service.priority, EXPEDITED_PRIORITY), service.critical
        elif kind == BlockType.BUNDLE_AGE:
            age_ms = decode_bundle_age(block.data)
        elif kind == ROUTE_RECORD:
            visited = _route_record(block.data)
        elif kind == COPY_COUNT:
            tokens = decode_copy_count(block.data)
        elif kind == SOURCE_ROUTE:
            planned = decode_source_route(block.data)
        elif kind not in KNOWN_BLOCKS:
            unsupported |= block.flags
    source, destination = primary.source.node, primary.destination.node
    return Facts(
        names.get(source, "") if source is not None else "",
        names.get(destination, "") if destination is not None else "",
        priority,
        critical,
        hops,
        hop_limit,
        age_ms,
        visited,
        tokens,
        planned,
        unsupported,
    )


def priority_of(bundle: Bundle) -> int:
    """Its priority; the usual one, if its block cannot be read."""
    block = bundle.block(BlockType.QUALITY_OF_SERVICE)
    if block is None:
        return NORMAL_PRIORITY
    try:
        return min(decode_quality_of_service(block.data).priority, EXPEDITED_PRIORITY)
    except MalformedBundle:
        return NORMAL_PRIORITY


MOST_ADDRESSES = 4096
"""Pairs of endpoints that a node remembers."""


class Address(NamedTuple):
    """Where bundles of one application for one endpoint come from and go to.

    `asked` are the endpoints as they were given; `size_bytes` is the primary block's size without its times.
    """

    asked: tuple[Eid, Eid | None]
    source: IpnEid
    destination: Eid
    report_to: Eid
    source_text: str
    destination_text: str
    destination_name: str
    size_bytes: int


class BundleBuilder:
    """Makes the bundles that leave one node."""

    def __init__(self, options: AgentOptions) -> None:
        self._options = options
        self._node = options.node_id.node or 0
        self._previous_node = encode_previous_node(options.node_id)
        self._numbers: dict[str, int] | None = None
        self._payload: CanonicalBlock | None = None
        self._addresses: dict[tuple[str, int, int], Address] = {}
        self._first: dict[tuple[int, bool], tuple[CanonicalBlock, ...]] = {}
        self._last_time_ms = -1
        self._sequence = 0

    def new(self, request: TransmissionRequest, now_s: float) -> Bundle:
        """A bundle for a request (§5.2), with a hop limit and, where it is not the usual one, its class of service."""
        return self.addressed(self.address(request), request, now_s)

    def addressed(self, address: Address, request: TransmissionRequest, now_s: float) -> Bundle:
        """`new`, where the address is at hand."""
        options = self._options
        flags = request.flags
        if flags & BundleFlag.ADMINISTRATIVE_RECORD:
            flags &= ~BundleFlag.ANY_REPORT
        creation = self._timestamp(now_s)
        lifetime_ms = round(min(request.lifetime_s * 1000, LONGEST_LIFETIME_MS))
        if not flags and lifetime_ms >= 0:
            size_bytes = address.size_bytes + head_size(lifetime_ms)
            size_bytes += head_size(creation.time_ms) + head_size(creation.sequence)
            primary = PrimaryBlock(
                destination=address.destination,
                source=address.source,
                report_to=address.report_to,
                flags=0,
                crc_type=options.crc_type,
                creation=creation,
                lifetime_ms=lifetime_ms,
                size_bytes=size_bytes,
                id_text=f"{address.source_text}/{creation.time_ms}/{creation.sequence}",
            )
        else:
            primary = PrimaryBlock(
                destination=address.destination,
                source=address.source,
                report_to=address.report_to,
                flags=flags,
                crc_type=options.crc_type,
                creation=creation,
                lifetime_ms=lifetime_ms,
            )
        blocks = self._first_blocks(request.priority, request.critical)
        payload = self._payload
        if payload is None or payload.data is not request.payload:
            payload = CanonicalBlock(BlockType.PAYLOAD, 1, 0, options.crc_type, request.payload)
            self._payload = payload  # the next bundle may well have the same: one block, one CRC
        return Bundle(primary, (*blocks, payload))

    def address(self, request: TransmissionRequest) -> Address:
        """Where its bundle comes from and goes to; worked out once for each pair of endpoint objects."""
        destination, report_to = request.destination, request.report_to
        key = (request.service, id(destination), id(report_to))
        known = self._addresses.get(key)
        if known is None or known.asked[0] is not destination or known.asked[1] is not report_to:
            node = self._options.node_id
            source = IpnEid(node.allocator, node.node_number, int(request.service))
            named = self._named(destination)
            answer_to = self._named(report_to or node)
            sample = PrimaryBlock(
                destination=named,
                source=source,
                report_to=answer_to,
                flags=0,
                crc_type=self._options.crc_type,
                creation=CreationTimestamp(0, 0),
                lifetime_ms=0,
            )
            known = Address(
                (destination, report_to),
                source,
                named,
                answer_to,
                str(source),
                str(named),
                self._options.names.get(named.node or 0, ""),
                primary_size(sample) - 3 * head_size(0),
            )
            if len(self._addresses) >= MOST_ADDRESSES:
                self._addresses.clear()
            self._addresses[key] = known
        return known

    def _first_blocks(self, priority: int, critical: bool) -> tuple[CanonicalBlock, ...]:
        """The blocks of a new bundle before its payload block."""
        known = self._first.get((priority, critical))
        if known is not None:
            return known
        options = self._options
        blocks = [_first_hop_count(options.hop_limit)]
        if priority != NORMAL_PRIORITY or critical:
            service = encode_quality_of_service(
                QualityOfService(priority=priority, critical=critical)
            )
            blocks.append(
                CanonicalBlock(
                    BlockType.QUALITY_OF_SERVICE, QOS_NUMBER, BlockFlag.REPLICATE, 0, service
                )
            )
        if not options.clock_trusted:
            age = encode_bundle_age(0)
            blocks.append(
                CanonicalBlock(BlockType.BUNDLE_AGE, AGE_NUMBER, BlockFlag.REPLICATE, 0, age)
            )
        if options.route_record:
            blocks.append(_NOBODY)
        self._first[priority, critical] = first = tuple(blocks)
        return first

    def outgoing(
        self,
        record: StoredBundle,
        tokens: int,
        now_s: float,
        planned: tuple[tuple[str, float], ...] = (),
    ) -> tuple[Bundle, int]:
        """The bundle as it leaves (§5.4 step 4), and its encoded size.

        Previous node is this node, one hop more, older, with so many copies to give away. Made once and kept, but for
        a bundle with an age, which changes while it waits, or with copies or a route, which differ by the neighbour.
        """
        if record.outgoing is not None and not tokens and not planned:
            return record.outgoing
        bundle = record.bundle
        changed: list[CanonicalBlock] = []
        kept = not tokens and not planned
        previous = None
        encrypted = _encrypted(bundle)
        for block in bundle.blocks:
            kind = block.type
            if block.number in encrypted:
                changed.append(block)
            elif kind == BlockType.HOP_COUNT:
                changed.append(_one_hop_more(block.number, block.flags, block.crc_type, block.data))
            elif kind == BlockType.PREVIOUS_NODE:
                previous = block
            elif kind == BlockType.BUNDLE_AGE:
                kept = False
                age_ms = round((now_s - record.created_s) * 1000)
                age = encode_bundle_age(max(age_ms, 0))
                changed.append(CanonicalBlock(kind, block.number, block.flags, block.crc_type, age))
            elif kind == ROUTE_RECORD:
                changed.append(
                    _with_visit(block.number, block.flags, block.crc_type, block.data, self._node)
                )
            elif kind not in (COPY_COUNT, SOURCE_ROUTE):
                changed.append(block)
        if tokens:
            count = encode_copy_count(tokens)
            number = free_number(bundle.blocks)
            changed.insert(0, CanonicalBlock(COPY_COUNT, number, BlockFlag.REPLICATE, 0, count))
        if planned:
            route = encode_source_route(self._hops(planned))
            number = free_number((*bundle.blocks, *changed))
            changed.insert(0, CanonicalBlock(SOURCE_ROUTE, number, BlockFlag.REPLICATE, 0, route))
        number = previous.number if previous else free_number((*bundle.blocks, *changed))
        block = _previous_node(number, self._previous_node)
        leaving = Bundle(bundle.primary, (block, *changed))
        sized = (leaving, encoded_size(leaving))
        if kept:
            record.outgoing = sized
        return sized

    def front_blocks(self, bundle: Bundle) -> tuple[CanonicalBlock, ...]:
        """The blocks before the payload block with which an ordinary bundle leaves, as `outgoing` has them."""
        changed: list[CanonicalBlock] = []
        previous = None
        for block in bundle.blocks[:-1]:
            kind = block.type
            if kind == BlockType.PREVIOUS_NODE:
                previous = block
            elif kind == BlockType.HOP_COUNT:
                changed.append(_one_hop_more(block.number, block.flags, block.crc_type, block.data))
            elif kind == ROUTE_RECORD:
                changed.append(
                    _with_visit(block.number, block.flags, block.crc_type, block.data, self._node)
                )
            else:
                changed.append(block)
        number = previous.number if previous else free_number((*bundle.blocks, *changed))
        return (_previous_node(number, self._previous_node), *changed)

    def without_unsupported(self, bundle: Bundle) -> Bundle:
        """The bundle without the unknown blocks that ask to be discarded (§5.6 step 4), and what protects them."""
        for block in bundle.blocks:
            if block.type not in KNOWN_BLOCKS and block.flags & BlockFlag.DISCARD_IF_UNPROCESSED:
                bundle = without_target(bundle, block.number)
        return bundle

    def _hops(self, planned: tuple[tuple[str, float], ...]) -> Hops:
        """A route in numbers, as far as the numbers are known."""
        options = self._options
        if self._numbers is None:
            keys = options.names.items()
            self._numbers = {name: key for key, name in keys if isinstance(key, int)}
        numbers, start_ms = self._numbers, options.start_dtn_ms
        return tuple(
            (numbers[name], start_ms + round(start_s * 1000))
            for name, start_s in planned
            if name in numbers
        )

    def _named(self, eid: Eid) -> Eid:
        """`ipn:!.N` by this node's own number: it is never sent (RFC 9758 §5.4)."""
        if isinstance(eid, IpnEid) and eid.is_local_node:
            node = self._options.node_id
            return IpnEid(node.allocator, node.node_number, eid.service_number)
        return eid

    def _timestamp(self, now_s: float) -> CreationTimestamp:
        """Unique in this node (§4.2.7): the sequence number counts within a millisecond, without a clock for ever."""
        if not self._options.clock_trusted:
            self._sequence += 1
            return CreationTimestamp(0, self._sequence)
        time_ms = max(self._options.start_dtn_ms + int(now_s * 1000), 1)  # 0 means no clock
        self._sequence = sequence = self._sequence + 1 if time_ms == self._last_time_ms else 0
        self._last_time_ms = time_ms
        return tuple.__new__(CreationTimestamp, (time_ms, sequence))


def _encrypted(bundle: Bundle) -> frozenset[int]:
    """The blocks that nobody can read or change here."""
    if bundle.block(BlockType.BLOCK_CONFIDENTIALITY) is None:
        return _NOTHING
    return security_targets(bundle, BlockType.BLOCK_CONFIDENTIALITY)
