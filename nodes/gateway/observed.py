"""Observed: what the log says of the bundles of an attached program, read off its frames.

A program keeps no log of ours. What it sends is sourced when it comes here, if it is its own and new; what is handed to
it is received then, and delivered if it is for it. What it does in between, nobody knows. LTP segments are not read:
there a bundle is taken to be received when the neighbour has the report, a light time late.
"""

from __future__ import annotations

from collections.abc import Callable

from dtn.bundle import Bundle
from dtn.codec import decode
from dtn.eid import IpnEid, NodeKey, parse_eid
from dtn.errors import InvalidValue, MalformedBundle
from dtn.events import (
    BundleDelivered,
    BundleHeld,
    BundleReceived,
    BundleSourced,
    Event,
    TransferFinished,
    TransferStarted,
)

FLOW = "outside"


class Observed:
    """The bundles of one program.

    Args:
        name: the node in whose place it is.
        node: that node's endpoint.
        record: takes events.
    """

    def __init__(self, name: str, node: IpnEid, record: Callable[[Event], object]) -> None:
        self._name = name
        self._node: NodeKey | None = node.node
        self._record = record
        self._known: set[str] = set()
        self._destinations: dict[str, str] = {}
        self._to_pass_on: dict[str, None] = {}

    def came(self, octets: bytes, now_s: float) -> str:
        """The program sent this: the bundle's identity, or "" if it is none."""
        bundle = read_bundle(octets)
        if bundle is None:
            return ""
        name = str(bundle.id)
        primary = bundle.primary
        if name not in self._known and primary.source.node == self._node:
            self._known.add(name)
            self._record(
                BundleSourced(
                    now_s,
                    self._name,
                    name,
                    str(primary.source),
                    str(primary.destination),
                    len(octets),
                    len(bundle.payload),
                    primary.lifetime_ms / 1000,
                    1,
                    FLOW,
                )
            )
        return name

    def starts(
        self, bundle_id: str, neighbour: str, contact: int, size_bytes: int, now_s: float
    ) -> None:
        """Its first bit leaves."""
        if bundle_id:
            self._record(
                TransferStarted(now_s, self._name, bundle_id, neighbour, contact, size_bytes)
            )

    def finished(self, bundle_id: str, neighbour: str, now_s: float) -> None:
        """Its last bit is out."""
        if bundle_id:
            self._to_pass_on.pop(bundle_id, None)
            self._record(TransferFinished(now_s, self._name, bundle_id, neighbour))

    def handed_over(self, bundle: Bundle, previous: str, size_bytes: int, now_s: float) -> None:
        """The program has what a neighbour sent."""
        destination = bundle.primary.destination
        is_for_it = destination.node == self._node
        name = str(bundle.id)
        if not is_for_it:
            self._to_pass_on[name] = None
        service = destination.service_text if is_for_it else ""
        self._received(name, previous, size_bytes, service, now_s)

    def end(self, now_s: float) -> None:
        """The run is over: what was given to the program to pass on, and did not come back out, it has."""
        for name in self._to_pass_on:
            self._record(BundleHeld(now_s, self._name, name))

    def heard(self, event: Event) -> None:
        """With LTP: an event of another node. A block that is reported on was received."""
        if isinstance(event, BundleSourced):
            self._destinations[event.bundle] = event.destination
        elif isinstance(event, TransferFinished) and event.neighbour == self._name:
            service = self._service(self._destinations.get(event.bundle, ""))
            self._received(event.bundle, event.node, 0, service, event.t_s)

    def _received(
        self, bundle_id: str, previous: str, size_bytes: int, service: str, now_s: float
    ) -> None:
        self._record(BundleReceived(now_s, self._name, bundle_id, previous, size_bytes))
        if service and bundle_id not in self._known:
            self._known.add(bundle_id)
            self._record(BundleDelivered(now_s, self._name, bundle_id, service))

    def _service(self, destination: str) -> str:
        try:
            eid = parse_eid(destination)
        except InvalidValue:
            return ""
        return eid.service_text if eid.node == self._node else ""


def read_bundle(octets: bytes) -> Bundle | None:
    """The bundle that these octets are; None if they are none."""
    try:
        return decode(octets, rules=False)
    except MalformedBundle:
        return None
