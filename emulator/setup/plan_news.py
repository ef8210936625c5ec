"""What a scenario's `[[plan_updates]]` say: contacts that nodes count on wrongly, or do not know, until they hear."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dtn.contact_plan import ContactPlan
from dtn.errors import BadInput, Fault
from nodes.applications.plan_news import News
from nodes.faults import LinkOutage

if TYPE_CHECKING:
    from emulator.scenario import Scenario
    from emulator.scenario.plan_update import PlanChange

CANCELLED = "cancelled"
"""Why such a contact does not take place, in the log."""
EDGE_S = 1e-6
"""It is cut so much before it would begin, and until so much after its end: it is not open for a moment."""


def news_of(scenario: Scenario, plan: ContactPlan) -> Iterator[News]:
    """The news of a scenario in the order in which they are heard.

    Raises:
        BadInput: a change concerns no contact.
    """
    places = range(len(scenario.plan_updates))
    for place in sorted(places, key=lambda p: scenario.seconds(scenario.plan_updates[p].at)):
        update = scenario.plan_updates[place]
        where = f"plan_updates[{place}]"
        yield News(
            at_s=scenario.seconds(update.at),
            origin=update.origin,
            lifetime_s=update.lifetime_s or scenario.duration_s,
            withdrawn=_concerned(scenario, plan, update.cancelled, f"{where}.cancelled"),
            announced=_concerned(scenario, plan, update.added, f"{where}.added"),
        )


def cancellations(scenario: Scenario, plan: ContactPlan) -> Iterator[LinkOutage]:
    """What is cancelled does not take place, whether a node has heard of it or not."""
    for news in news_of(scenario, plan):
        for number in news.withdrawn:
            contact = plan.contacts[number]
            yield LinkOutage(
                between=(contact.source, contact.destination),
                at_s=max(contact.start_s - EDGE_S, 0.0),
                for_s=contact.duration_s + 2 * EDGE_S,
                reason=CANCELLED,
                one_way=True,
            )


def _concerned(
    scenario: Scenario, plan: ContactPlan, changes: tuple[PlanChange, ...], where: str
) -> tuple[int, ...]:
    """Contacts of these links, either way, that begin in these times."""
    found: list[int] = []
    for place, change in enumerate(changes):
        from_s = scenario.seconds(change.at)
        until_s = from_s + (change.for_s or math.inf)
        ends = set(change.link)
        concerned = [
            number
            for number, contact in enumerate(plan.contacts)
            if {contact.source, contact.destination} == ends and from_s <= contact.start_s < until_s
        ]
        if not concerned:
            mend = "no contact of this link begins in that time: `lightlag plan` lists them"
            link = " - ".join(change.link)
            raise BadInput(Fault(str(scenario.file), f"{where}[{place}].link", link, mend))
        found += concerned
    return tuple(sorted(set(found)))
