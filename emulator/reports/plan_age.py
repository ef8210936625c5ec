"""How old the contact plan is that nodes go by: when each heard of each version that there was.

The *age* of a node's plan is how long others have known more: 0 while it has the newest version. A node that joins
later is told what is known by then.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from emulator.reports.history import History
from emulator.reports.page import section, table
from emulator.reports.readable import duration_text


class PlanAge(NamedTuple):
    """One node's.

    Args:
        node: its name.
        version: the newest that it has heard of; 0: of none.
        stale_s: for how long in all it went by an old plan.
        oldest_s: the greatest age.
    """

    node: str
    version: int
    stale_s: float
    oldest_s: float


def plan_ages(history: History) -> list[PlanAge]:
    """Every node's, by name; empty where no news of the plan were heard."""
    known_s = {event.version: event.known_s for event in history.plan_updates}
    heard_s = {(event.node, event.version): event.t_s for event in history.plan_updates}
    ages = []
    for node, joined_s in sorted(history.joined_s.items()) if known_s else ():
        version, stale_s, oldest_s, up_to_s = 0, 0.0, 0.0, joined_s
        for number, since_s in sorted(known_s.items()):
            told_s = joined_s if 0 < joined_s >= since_s else history.end_s
            until_s = heard_s.get((node, number), told_s)
            if until_s < history.end_s:
                version = number
            oldest_s = max(oldest_s, until_s - max(since_s, joined_s))
            stale_s += max(until_s - max(since_s, up_to_s), 0.0)
            up_to_s = max(up_to_s, until_s)
        ages.append(PlanAge(node, version, stale_s, oldest_s))
    return ages


LEAD = (
    "What nodes know of the contact plan changed during the run; the news went through the network as bundles of the "
    "flow plan-updates. A node's plan is as old as others have known more."
)


def plan_age_section(history: History) -> str:
    """The section of the report about it; "" where there were no news."""
    ages = plan_ages(history)
    if not ages:
        return ""
    rows = [
        (
            escape(age.node),
            str(age.version),
            duration_text(age.oldest_s),
            duration_text(age.stale_s),
        )
        for age in ages
    ]
    caption = ("node", "version at the end", "oldest", "with an old plan")
    return section("plan-age", "Age of contact plans", table(caption, rows, words=1), LEAD)
