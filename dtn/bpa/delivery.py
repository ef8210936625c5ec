"""Delivery: registrations, deferred delivery and reassembly at the destination (RFC 9171 sections 5.7 and 5.9)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple

from dtn.bpa.outputs import Deliver, Output
from dtn.bundle import BundleFlag, BundleId
from dtn.codec import encoded_size
from dtn.events import BundleDelivered, BundleReassembled
from dtn.fragmentation import FragmentKey, Reassembly, fragment_key
from dtn.heap import pop, push
from dtn.stored_bundle import StoredBundle


class Registration(Enum):
    """The state of an endpoint here, and what becomes of a bundle for it (§5.7 step 2)."""

    ACTIVE = "delivered at once"
    DEFER = "passive: kept until the application asks"
    ABANDON = "passive: delivery is given up"


ACTIVE: Final = Registration.ACTIVE


class Whole(NamedTuple):
    """A bundle that can be delivered, and the stored fragments that went into it."""

    record: StoredBundle
    used: list[StoredBundle]


class _Unit:
    """Fragments of one application data unit that are here, and what they make up so far."""

    def __init__(self, key: FragmentKey) -> None:
        self.pieces: list[StoredBundle] = []
        self.key = key
        self._reassembly = Reassembly(key)

    def add(self, record: StoredBundle) -> None:
        self.pieces.append(record)
        self._reassembly.add(record.bundle)

    def remove(self, record: StoredBundle) -> None:
        self.pieces.remove(record)
        self._reassembly = Reassembly(self.key)
        for piece in self.pieces:
            self._reassembly.add(piece.bundle)

    def whole(self) -> StoredBundle | None:
        """The unit's record, once it is whole: under the ref of the fragment that came last."""
        bundle = self._reassembly.whole()
        if bundle is None:
            return None
        last = self.pieces[-1]
        return StoredBundle(
            last.ref,
            bundle,
            str(bundle.id),
            last.source,
            last.destination,
            encoded_size(bundle),
            self.pieces[0].created_s,
            min(piece.expires_s for piece in self.pieces),
            last.received_s,
            last.came_from,
            last.priority,
            last.critical,
            max(piece.hops for piece in self.pieces),
        )


class Delivery:
    """What one node does with bundles that are for it."""

    def __init__(self, node: str) -> None:
        self.node = node
        self._registrations: dict[str, Registration] = {}
        self._deferred: dict[str, list[StoredBundle]] = {}
        self._units: dict[FragmentKey, _Unit] = {}
        self._delivered: dict[str, float] = {}
        self._forgetting: list[tuple[float, str]] = []

    def register(self, service: str, state: Registration) -> list[StoredBundle]:
        """Set a registration's state; returns what was deferred and can be delivered now, in order of arrival."""
        self._registrations[service] = state
        return self._deferred.pop(service, []) if state is Registration.ACTIVE else []

    def is_active(self, record: StoredBundle) -> bool:
        """Whether someone takes it now: its application, the node an administrative record, a fragment nobody."""
        primary = record.bundle.primary
        if primary.fragment is not None:
            return False
        if primary.flags & BundleFlag.ADMINISTRATIVE_RECORD:
            return True
        return self._registrations.get(_service(record)) is Registration.ACTIVE

    def defers(self, record: StoredBundle) -> bool:
        """Whether its application will take it later."""
        return self._registrations.get(_service(record)) is Registration.DEFER

    def poll(self, service: str) -> StoredBundle | None:
        """Take out the first bundle that was deferred for a service, if any (§5.7)."""
        waiting = self._deferred.get(service)
        return waiting.pop(0) if waiting else None

    def was_delivered(self, record: StoredBundle, now_s: float) -> bool:
        """Whether it, or the whole that it is a piece of, was delivered here and might still come again."""
        delivered = self._delivered
        if not delivered:
            return False
        primary = record.bundle.primary
        whole_id = record.id
        if primary.fragment is not None:
            whole_id = str(BundleId(primary.source, primary.creation))
        return self._delivered.get(whole_id, -math.inf) > now_s

    def accept(self, record: StoredBundle, now_s: float, out: list[Output]) -> Whole | None:
        """A bundle for this node: itself if whole; the whole if it was the last fragment missing; else None (§5.9)."""
        primary = record.bundle.primary
        if primary.fragment is None:
            if not self._units:
                return Whole(record, [])
            key = (primary.source, primary.creation, len(record.bundle.payload))
            overtaken = self._units.pop(key, None)
            return Whole(record, overtaken.pieces if overtaken else [])
        unit = self._join(record)
        whole = unit.whole()
        if whole is None:
            return None
        del self._units[unit.key]
        pieces = tuple(piece.id for piece in unit.pieces)
        out.append(BundleReassembled(now_s, self.node, whole.id, pieces))
        return Whole(whole, unit.pieces[:-1])

    def defer(self, record: StoredBundle) -> None:
        """It is stored and waits for its application. A fragment waits for the others already."""
        if record.bundle.primary.fragment is None:
            self._deferred.setdefault(_service(record), []).append(record)

    def restore(self, record: StoredBundle) -> None:
        """It was waiting when the node stopped."""
        if record.bundle.primary.fragment is None:
            self.defer(record)
        else:
            self._join(record)

    def _join(self, record: StoredBundle) -> _Unit:
        """Put a fragment to the others of its unit."""
        key = fragment_key(record.bundle)
        unit = self._units.get(key) or self._units.setdefault(key, _Unit(key))
        unit.add(record)
        return unit

    def deliver(
        self, record: StoredBundle, known_until_s: float, now_s: float, out: list[Output]
    ) -> None:
        """Hand it to the application (§5.7), or to the administrative element of this node.

        That it was delivered is known until it can no longer come again.
        """
        service = _service(record)
        if not record.bundle.primary.source.is_null:  # which has no identity (§4.2.3)
            self.remember(record.id, known_until_s, now_s)
        out.append(BundleDelivered(now_s, self.node, record.id, service))
        if not record.bundle.is_administrative:
            out.append(Deliver(service, record.id, record.bundle))

    def recall(self, bundle_ids: Iterable[str]) -> None:
        """These were delivered before a restart: they would be duplicates, however late they come."""
        self._delivered.update(dict.fromkeys(bundle_ids, math.inf))

    def remember(self, bundle_id: str, known_until_s: float, now_s: float) -> None:
        """It is delivered: until it can no longer come again it would be a duplicate."""
        forgetting, delivered = self._forgetting, self._delivered
        while forgetting and forgetting[0][0] <= now_s:
            delivered.pop(pop(forgetting)[1], None)
        delivered[bundle_id] = known_until_s
        push(forgetting, (known_until_s, bundle_id))

    def takes(self, service: str) -> bool:
        """Whether a whole bundle for this service is delivered at once, and nothing else comes of it."""
        return not self._units and self._registrations.get(service) is ACTIVE

    def discard(self, record: StoredBundle) -> None:
        """It was deleted: it waits no more."""
        if record.destination != self.node:
            return
        if record.bundle.primary.fragment is None:
            waiting = self._deferred.get(_service(record), ())
            if record in waiting:
                self._deferred[_service(record)].remove(record)
            return
        key = fragment_key(record.bundle)
        unit = self._units.get(key)
        if unit is not None and record in unit.pieces:
            unit.remove(record)
            if not unit.pieces:
                del self._units[key]


def _service(record: StoredBundle) -> str:
    return record.bundle.primary.destination.service_text
