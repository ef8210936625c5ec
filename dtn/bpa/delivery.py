"""Delivery: registrations, deferred delivery and reassembly at the destination (RFC 9171 sections 5.7 and 5.9)."""

from __future__ import annotations

from typing import NamedTuple

from dtn.bpa.outputs import Deliver, Output
from dtn.bundle import CreationTimestamp
from dtn.codec import encoded_size
from dtn.eid import Eid
from dtn.events import BundleDelivered, BundleReassembled
from dtn.fragmentation import reassemble
from dtn.stored_bundle import StoredBundle

AduKey = tuple[Eid, CreationTimestamp]


class Whole(NamedTuple):
    """A bundle that can be delivered, and the stored fragments that went into it."""

    record: StoredBundle
    used: list[StoredBundle]


class Delivery:
    """What one node does with bundles that are for it."""

    def __init__(self, node: str) -> None:
        self.node = node
        self._active: dict[str, bool] = {}
        self._deferred: dict[str, list[StoredBundle]] = {}
        self._fragments: dict[AduKey, list[StoredBundle]] = {}
        self._delivered: set[str] = set()

    def register(self, service: str, active: bool) -> list[StoredBundle]:
        """Set a registration's state; returns what was deferred and can be delivered now, in order of arrival."""
        self._active[service] = active
        return self._deferred.pop(service, []) if active else []

    def is_active(self, record: StoredBundle) -> bool:
        """Whether an application waits for it."""
        return self._active.get(_service(record), False)

    def is_registered(self, record: StoredBundle) -> bool:
        """Whether its endpoint exists here."""
        return _service(record) in self._active

    def was_delivered(self, bundle_id: str) -> bool:
        """Whether it was delivered here and might still come again."""
        return bundle_id in self._delivered

    def accept(self, record: StoredBundle, now_s: float, out: list[Output]) -> Whole | None:
        """A bundle for this node: itself if whole; the whole if it was the last fragment missing; else None (§5.9)."""
        primary = record.bundle.primary
        if primary.fragment is None:
            return Whole(record, [])
        key = (primary.source, primary.creation)
        pieces = [*self._fragments.get(key, ()), record]
        bundle = reassemble([piece.bundle for piece in pieces])
        if bundle is None:
            return None
        self._fragments.pop(key, None)
        identity = str(bundle.id)
        out.append(BundleReassembled(now_s, self.node, identity, tuple(p.id for p in pieces)))
        if identity in self._delivered:
            return None
        first = pieces[0]
        whole = StoredBundle(
            record.ref,
            bundle,
            identity,
            record.source,
            record.destination,
            encoded_size(bundle),
            first.created_s,
            min(piece.expires_s for piece in pieces),
            now_s,
            record.came_from,
            record.priority,
            record.critical,
            max(piece.hops for piece in pieces),
        )
        return Whole(whole, pieces[:-1])

    def defer(self, record: StoredBundle) -> None:
        """It is stored and waits: for its other fragments, or for its application."""
        primary = record.bundle.primary
        if primary.fragment is not None:
            key = (primary.source, primary.creation)
            self._fragments.setdefault(key, []).append(record)
        else:
            self._deferred.setdefault(_service(record), []).append(record)

    def deliver(self, record: StoredBundle, now_s: float, out: list[Output]) -> None:
        """Hand it to the application (§5.7)."""
        service = _service(record)
        self._delivered.add(record.id)
        out.append(BundleDelivered(now_s, self.node, record.id, service))
        out.append(Deliver(service, record.id, record.bundle))

    def discard(self, record: StoredBundle) -> None:
        """It was deleted: it waits no more."""
        if record.destination != self.node:
            return
        primary = record.bundle.primary
        key = (primary.source, primary.creation)
        for waiting in (self._fragments.get(key), self._deferred.get(_service(record))):
            if waiting is not None and record in waiting:
                waiting.remove(record)
        if key in self._fragments and not self._fragments[key]:
            del self._fragments[key]

    def forget(self, bundle_id: str) -> None:
        """A delivered bundle has expired and can no longer come again."""
        self._delivered.discard(bundle_id)


def _service(record: StoredBundle) -> str:
    return record.bundle.primary.destination.service_text
