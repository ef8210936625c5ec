"""Link use: what each link carried of what it could have carried while it was up."""

from __future__ import annotations

from typing import NamedTuple

from dtn.contact_plan import ContactPlan
from dtn.events import TransferStarted
from emulator.reports.history import History, Link


class LinkUse(NamedTuple):
    """One link over the whole run.

    Args:
        source: transmitting node.
        destination: receiving node.
        sent_bytes: of all transfers that were started, copies and failed attempts included.
        volume_bytes: the integral of its rate while it was up.
        up_s: for how long it was up.
        transfers: how many were started.
    """

    source: str
    destination: str
    sent_bytes: int
    volume_bytes: float
    up_s: float
    transfers: int


def link_use(history: History, plan: ContactPlan) -> list[LinkUse]:
    """The use of every link that was up, busiest first."""
    sent: dict[Link, list[int]] = {}
    for life in history.lives.values():
        for event in life:
            if type(event) is TransferStarted:
                sent.setdefault((event.node, event.neighbour), []).append(event.size_bytes)
    uses = []
    for link, openings in history.openings.items():
        volume = sum(plan.contacts[o.number].volume_bytes(o.start_s, o.end_s) for o in openings)
        up_s = sum(o.end_s - o.start_s for o in openings)
        sizes = sent.get(link, [])
        uses.append(LinkUse(*link, sum(sizes), volume, up_s, len(sizes)))
    return sorted(uses, key=lambda use: (-use.sent_bytes, use.source, use.destination))
