"""Receiver: the endpoint that telemetry and files are for."""

from __future__ import annotations

from dtn.bundle import Bundle


class Receiver:
    """Takes what comes for a service and counts it.

    Attributes:
        service: the service part of its endpoint.
        bundles: how many came.
        payload_bytes: what they carried.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.bundles = 0
        self.payload_bytes = 0

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """One more came."""
        self.bundles += 1
        self.payload_bytes += len(bundle.payload)
