"""Bundles on hold: what the strategy wants to be asked about again when a contact begins, to anybody or to one node."""

from __future__ import annotations

from dtn.stored_bundle import StoredBundle


class OnHold:
    """The bundles on hold at one node, by the neighbour whose contact they wait for."""

    def __init__(self) -> None:
        self._by_neighbour: dict[str | None, dict[int, StoredBundle]] = {}
        self._awaited: dict[int, str | None] = {}

    def put(self, record: StoredBundle, awaits: str | None) -> None:
        """Hold it until a contact begins to this neighbour; None: to any."""
        ref = record.ref
        if ref in self._awaited and self._awaited[ref] != awaits:
            self.remove(ref)
        self._awaited[ref] = awaits
        self._by_neighbour.setdefault(awaits, {})[ref] = record

    def remove(self, ref: int) -> None:
        """It is on hold no more, if it was."""
        if ref in self._awaited:
            del self._by_neighbour[self._awaited.pop(ref)][ref]

    def all(self) -> tuple[StoredBundle, ...]:
        """Everything on hold."""
        return tuple(record for held in self._by_neighbour.values() for record in held.values())

    def met(self, neighbour: str) -> tuple[StoredBundle, ...]:
        """Whom a contact to this neighbour concerns, first those that wait for any."""
        for_any = self._by_neighbour.get(None)
        for_it = self._by_neighbour.get(neighbour)
        return (*(for_any.values() if for_any else ()), *(for_it.values() if for_it else ()))
