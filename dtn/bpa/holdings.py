"""Holdings: the bundles that one node retains, by ref and by identity, within its quota.

A bundle whose source is the null endpoint has no identity (RFC 9171 section 4.2.3): it is never found by one.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from dtn.stored_bundle import StoredBundle


class Holdings:
    """What is retained (§5.4.1), in order of arrival.

    Args:
        quota_bytes: the most that may be held.
    """

    def __init__(self, quota_bytes: float) -> None:
        self.size_bytes = 0
        self._quota_bytes = quota_bytes
        self._by_ref: dict[int, StoredBundle] = {}
        self._refs: dict[str, int] = {}

    def get(self, ref: int) -> StoredBundle | None:
        """The bundle under this ref."""
        return self._by_ref.get(ref)

    @property
    def refs(self) -> Container[int]:
        """The refs of the bundles that are there, now and later."""
        return self._by_ref

    def find(self, bundle_id: str) -> StoredBundle | None:
        """The bundle with this identity."""
        return self._by_ref.get(self._refs.get(bundle_id, 0))

    def __contains__(self, bundle_id: str) -> bool:
        return bundle_id in self._refs

    def __iter__(self) -> Iterator[StoredBundle]:
        return iter(self._by_ref.values())

    def add(self, record: StoredBundle) -> None:
        """Retain it."""
        self._by_ref[record.ref] = record
        if not record.bundle.primary.source.is_null:
            self._refs[record.id] = record.ref
        self.size_bytes += record.size_bytes

    def remove(self, record: StoredBundle) -> bool:
        """Retain it no more; whether it was."""
        ref, bundle_id = record.ref, record.id
        if self._by_ref.pop(ref, None) is None:
            return False
        if self._refs.get(bundle_id) == ref:
            del self._refs[bundle_id]
        self.size_bytes -= record.size_bytes
        return True

    def take_in(self, record: StoredBundle) -> bool:
        """Retain a bundle that has an identity, if it fits beside everything else; whether it does."""
        size_bytes = self.size_bytes + record.size_bytes
        if size_bytes > self._quota_bytes:
            return False
        ref = record.ref
        self.size_bytes = size_bytes
        self._by_ref[ref] = record
        self._refs[record.id] = ref
        return True

    def in_the_way(self, newcomer: StoredBundle) -> list[StoredBundle] | None:
        """What to drop for a newcomer: bundles of lower priority, lowest first, then those that expire first.

        None if even that would not make room.
        """
        excess = self.size_bytes + newcomer.size_bytes - self._quota_bytes
        chosen: list[StoredBundle] = []
        if excess <= 0:
            return chosen
        less = [r for r in self if r.priority < newcomer.priority and not r.sending]
        less.sort(key=lambda record: (record.priority, record.expires_s, record.ref))
        for record in less:
            chosen.append(record)
            excess -= record.size_bytes
            if excess <= 0:
                return chosen
        return None
