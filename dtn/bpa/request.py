"""What an application asks of the agent, and how an agent is set up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dtn.bpsec.policy import NodeSecurity
from dtn.bundle import CrcType
from dtn.eid import Eid, IpnEid, NodeKey
from dtn.errors import InvalidValue


class TransmissionRequest(NamedTuple):
    """A request to transmit (RFC 9171 §5.2).

    Args:
        service: of the sending application, e.g. "1" for ipn:N.1.
        destination: endpoint it is for.
        payload: the application data unit; shared, never copied.
        lifetime_s: after which the bundle is of no use.
        priority: 0 bulk, 1 normal, 2 expedited.
        critical: whether every neighbour with a route should get a copy.
        flow: name of the traffic that it belongs to.
        flags: bundle processing control flags to set (reports, must not fragment).
        report_to: where status reports go; None: to this node's administrative endpoint.
    """

    service: str
    destination: Eid
    payload: bytes
    lifetime_s: float
    priority: int = 1
    critical: bool = False
    flow: str = ""
    flags: int = 0
    report_to: Eid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """How one agent is set up.

    Args:
        node_id: the node's administrative endpoint.
        names: node names by the node part of their endpoints; others are unknown to routing.
        start_dtn_ms: DTN time of the scenario's start (RFC 9171 §4.2.6).
        hop_limit: set on every bundle sourced here, so that no loop can live (§4.4.3).
        crc_type: on the primary and payload blocks of bundles sourced here.
        clock_trusted: False: bundles leave with creation time 0 and a bundle age block (§4.4.2).
        status_reports: whether requested status reports are made; off by default (§5.1).
        route_record: whether bundles sourced here carry one (dtn.bpa.route_record).
        store_bytes: quota of the store.
        lifetime_override_s: a shorter lifetime that holds at this node only (§4.3.1, §5.5, reason 10).
        fragment: whether a bundle that no remaining contact can take whole is fragmented (§5.8).
        security: its rules of bundle security, if it has any (RFC 9172).

    Raises:
        InvalidValue: the node ID is null or `ipn:!.N`, which no node may call itself (RFC 9758 §5.4).
    """

    node_id: IpnEid
    names: Mapping[NodeKey, str] = field(default_factory=dict)
    start_dtn_ms: int = 0
    hop_limit: int = 64
    crc_type: int = CrcType.CRC32C
    clock_trusted: bool = True
    status_reports: bool = False
    route_record: bool = True
    store_bytes: float = math.inf
    lifetime_override_s: float = math.inf
    fragment: bool = False
    security: NodeSecurity | None = None

    def __post_init__(self) -> None:
        if self.node_id.is_null or self.node_id.is_local_node:
            raise InvalidValue("node_id", str(self.node_id), "must name this node to others")
