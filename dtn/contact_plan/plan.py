"""ContactPlan: every contact of a scenario, in one fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dtn.contact_plan.contact import Contact

NOWHERE = ("(nowhere)", "(nobody)")
"""Between them are, for a node, contacts that it does not know of."""


@dataclass(frozen=True, init=False)
class ContactPlan:
    """Contacts by (start, source, destination, end); a contact's *number* is its place there.

    Args:
        contacts: the contacts, in any order.
        start_utc: the instant that the contacts' seconds count from, aware; None where the plan has
            no date.
        ipn_numbers: node number of each node name, for formats and endpoints that know numbers
            only.
    """

    contacts: tuple[Contact, ...]
    start_utc: datetime | None = None
    ipn_numbers: Mapping[str, int] = field(default_factory=dict)

    def __init__(
        self,
        contacts: Iterable[Contact],
        start_utc: datetime | None = None,
        ipn_numbers: Mapping[str, int] | None = None,
    ) -> None:
        ordered = sorted(contacts, key=lambda c: (c.start_s, c.source, c.destination, c.end_s))
        object.__setattr__(self, "contacts", tuple(ordered))
        object.__setattr__(self, "start_utc", start_utc)
        object.__setattr__(self, "ipn_numbers", dict(ipn_numbers or {}))

    def __getstate__(self) -> dict[str, object]:
        """The plan itself; what has been worked out from it is worked out anew by who gets a copy."""
        return {name: self.__dict__[name] for name in ("contacts", "start_utc", "ipn_numbers")}

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of all nodes that have a contact or a number, sorted; looked for once."""
        known: tuple[str, ...] | None = self.__dict__.get("_nodes")
        if known is None:
            named = {c.source for c in self.contacts} | {c.destination for c in self.contacts}
            known = self.__dict__["_nodes"] = tuple(sorted(named | set(self.ipn_numbers)))
        return known

    def numbers_from(self, node: str) -> Sequence[int]:
        """Numbers of the contacts over which a node transmits, in order; looked for once, for all nodes."""
        by_source: dict[str, list[int]] | None = self.__dict__.get("_by_source")
        if by_source is None:
            by_source = self.__dict__["_by_source"] = {}
            for number, contact in enumerate(self.contacts):
                by_source.setdefault(contact.source, []).append(number)
        return by_source.get(node, ())

    def without(self, numbers: Set[int]) -> ContactPlan:
        """The plan of somebody who does not know of these contacts, with the same numbers.

        In their places stand contacts between two nodes that nobody can reach.
        """
        if not numbers:
            return self
        known = ContactPlan((), self.start_utc, self.ipn_numbers)
        contacts = tuple(
            replace(contact, source=NOWHERE[0], destination=NOWHERE[1]) if n in numbers else contact
            for n, contact in enumerate(self.contacts)
        )
        object.__setattr__(known, "contacts", contacts)
        return known

    @classmethod
    def load(cls, path: str | Path) -> ContactPlan:
        """Read a plan; the format (json, csv, ion, hdtn, tvg) is told from the content.

        Raises:
            BadInput: every fault of the file, with line or key.
        """
        from dtn.contact_plan.formats import load

        return load(Path(path))

    def save(self, path: str | Path, format: str = "json") -> tuple[str, ...]:
        """Write the plan whole or not at all; returns what the format cannot say, a sentence each.

        Raises:
            BadInput: the format is unknown, or cannot carry this plan at all.
        """
        from dtn.contact_plan.formats import save

        return save(self, Path(path), format)
