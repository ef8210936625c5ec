"""Route: an end-to-end path over contacts (CCSDS 734.3-B-1 section 1.4)."""

from __future__ import annotations

from typing import NamedTuple

from dtn.contact_plan import Contact


class Route(NamedTuple):
    """Contacts c1..cn: c1.source is the origin, each contact begins where the last one ended.

    Args:
        contacts: the contacts in order, at least one.
        numbers: their places in the contact plan.
        departure_s: when the first bit leaves over the first contact.
        delivery_s: when the last bit of the bundle arrives at the destination.
    """

    contacts: tuple[Contact, ...]
    numbers: tuple[int, ...]
    departure_s: float
    delivery_s: float

    @property
    def hops(self) -> int:
        """Number of contacts."""
        return len(self.contacts)

    @property
    def entry(self) -> str:
        """Entry node: the first node after the origin."""
        return self.contacts[0].destination

    @property
    def termination_s(self) -> float:
        """The earliest end among the contacts: after it the route is no more."""
        return min(contact.end_s for contact in self.contacts)
