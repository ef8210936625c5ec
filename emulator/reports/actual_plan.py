"""The contact plan as it came true: contacts as they really were, cut where faults cut them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dtn.contact_plan import TIME_TOLERANCE_S, Contact, ContactPlan
from emulator.reports.history import END_OF_RUN, History, Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialContact(Contact):
    """A part of a contact: open for less, its rates and light times those of the whole.

    The samples that it carries are the whole's, evenly spaced over the whole's own time: cut to the
    part's ends they would no longer be even, and resampled no longer the same to the microsecond.

    Args:
        whole: the contact that it is a part of.
    """

    whole: Contact

    def owlt_at(self, t_s: float) -> float:
        """Light time of a bit that leaves at t_s."""
        return self.whole.owlt_at(t_s)

    def rate_at(self, t_s: float) -> float:
        """Data rate at t_s, bit/s."""
        return self.whole.rate_at(t_s)

    def volume_bytes(self, from_s: float = -math.inf, to_s: float = math.inf) -> float:
        """What can be transmitted between two moments of the part, bytes."""
        return self.whole.volume_bytes(max(from_s, self.start_s), min(to_s, self.end_s))

    def last_bit_s(self, first_bit_s: float, size_bytes: float) -> float:
        """When the last bit leaves; inf if the part ends before."""
        last_s = self.whole.last_bit_s(first_bit_s, size_bytes)
        return last_s if last_s <= self.end_s + TIME_TOLERANCE_S else math.inf

    def arrival_s(self, first_bit_s: float, size_bytes: float) -> float:
        """When the last bit arrives; inf if the part ends before."""
        last_s = self.last_bit_s(first_bit_s, size_bytes)
        return last_s + self.owlt_at(last_s) if last_s < math.inf else last_s


def plan_as_it_was(plan: ContactPlan, history: History) -> ContactPlan:
    """The contacts that took place; the plan itself if every one did, as planned."""
    taken = [
        _opened(plan.contacts[opening.number], opening)
        for link in sorted(history.openings)
        for opening in history.openings[link]
    ]
    if len(taken) == len(plan.contacts) and set(map(id, taken)) == set(map(id, plan.contacts)):
        return plan
    return ContactPlan(taken, plan.start_utc, plan.ipn_numbers)


def _opened(contact: Contact, opening: Opening) -> Contact:
    """The part of a contact for which it was open; the contact itself if that is all of it."""
    start_s = max(opening.start_s, contact.start_s)
    # A contact that outlasts the run was not cut by that.
    end_s = contact.end_s if opening.reason == END_OF_RUN else min(opening.end_s, contact.end_s)
    if start_s - contact.start_s <= TIME_TOLERANCE_S and contact.end_s - end_s <= TIME_TOLERANCE_S:
        return contact
    return PartialContact(
        source=contact.source,
        destination=contact.destination,
        start_s=start_s,
        end_s=end_s,
        rate_bps=contact.rate_bps,
        owlt_s=contact.owlt_s,
        confidence=contact.confidence,
        whole=contact,
    )
