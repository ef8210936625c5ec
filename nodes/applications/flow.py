"""Flow: what all bundles of one application between two endpoints have in common."""

from __future__ import annotations

from dataclasses import dataclass

from dtn.bpa import TransmissionRequest
from dtn.eid import Eid


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One flow of traffic.

    Args:
        name: what tables call it.
        service: of the sending application.
        destination: endpoint it is for.
        lifetime_s: of each bundle.
        priority: 0 bulk, 1 normal, 2 expedited.
        report_flags: bundle processing control flags that ask for status reports, sent to this node.
    """

    name: str
    service: str
    destination: Eid
    lifetime_s: float
    priority: int = 1
    report_flags: int = 0

    def request(self, payload: bytes) -> TransmissionRequest:
        """A request to transmit this payload in this flow."""
        return TransmissionRequest(
            service=self.service,
            destination=self.destination,
            payload=payload,
            lifetime_s=self.lifetime_s,
            priority=self.priority,
            flow=self.name,
            flags=self.report_flags,
        )
