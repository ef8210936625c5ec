"""Contact plan design: from what is visible to who points at whom, when.

    plan = plan_contacts(nodes, surroundings(sky, -3600, end_s + 3600), end_s)

A terminal serves one partner at a time and needs time to find it, so a window is not a contact yet. Links
are two-way: a session between two terminals gives contacts in both directions. Each terminal
is reserved in its own node's time: a contact from A to B occupies A's terminal in [s, e] and B's in
[s + owlt, e + owlt].

Designers, all deterministic, by `PlanOptions.designer`:

- `fresh`: the pair with the most news for each other first; the default.
- `fair`: the least-served pairs first.
- `greedy`: the fastest links first, whoever has been served.
- `matching`: the set of sessions that is worth most together, by maximum-weight matching.
- `all`: every window becomes a contact, whatever the terminals: what geometry allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from dtn.contact_plan import ContactPlan
from dtn.errors import InvalidValue
from topology.network import PlannedNode
from topology.planner.contacts import contacts
from topology.planner.everything import everything
from topology.planner.fair import fair
from topology.planner.fresh import fresh
from topology.planner.greedy import greedy
from topology.planner.links import Link, links
from topology.planner.matching import matching
from topology.planner.options import PlanOptions
from topology.planner.sessions import Session
from topology.visibility import Surroundings
from topology.windows import Window

__all__ = ["DESIGNERS", "Link", "PlanOptions", "Session", "links", "plan_contacts"]

DESIGNERS = {
    "fresh": fresh,
    "fair": fair,
    "greedy": greedy,
    "matching": matching,
    "all": everything,
}
"""Designers by name."""


def plan_contacts(
    nodes: Sequence[PlannedNode],
    around: Surroundings,
    end_s: float,
    *,
    start_s: float = 0.0,
    options: PlanOptions | None = None,
    outages: Mapping[str, Sequence[Window]] | None = None,
    start_utc: datetime | None = None,
    ipn_numbers: Mapping[str, int] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> ContactPlan:
    """A contact plan for a network of laser terminals.

    Args:
        nodes: the network; those without terminals have no contacts.
        around: occluders and Sun, covering the plan and an hour more (`topology.network.surroundings`).
        end_s: when the last transmission ends.
        start_s: when the first begins.
        options: how the plan is made.
        outages: when nodes cannot be seen whatever the geometry (a forecast of clouds), in their own time.
        start_utc: the instant that seconds count from, for the plan's files.
        ipn_numbers: node numbers, for the plan's files.
        progress: told what is being done, and which part of it is done, 0 to 1.

    Returns:
        The plan, the same for the same input.

    Raises:
        InvalidValue: a name used twice, an unknown designer.
    """
    options = options or PlanOptions()
    designer = DESIGNERS.get(options.designer)
    if designer is None:
        raise InvalidValue("designer", options.designer, f"one of: {', '.join(DESIGNERS)}")
    names = [node.name for node in nodes]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValue("name", name, "each node needs a name of its own")

    def looked(done: int, pairs: int) -> None:
        if progress is not None:
            progress("windows", done / pairs)

    def planned(now_s: float) -> None:
        if progress is not None:
            progress("sessions", (now_s - start_s) / (end_s - start_s))

    open_links = links(nodes, around, start_s, end_s, options.least_rate_bps, outages or {}, looked)
    sessions = designer(nodes, open_links, start_s, end_s, options, planned)
    return ContactPlan(contacts(nodes, sessions, around.sun), start_utc, ipn_numbers)
