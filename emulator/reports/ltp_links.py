"""LTP on each link of a run: what it carried, and what its sessions let it carry at most.

A session holds one block and lives for a round trip or longer, so no more than (sessions x block) octets are under way
in a round trip however fast the link is (`dtn.ltp.goodput`). The block is the mean one that the link carried, the round
trip the shortest there was. Where the bound is below the link's rate, more sessions or larger blocks carry more.
"""

from __future__ import annotations

import math
from typing import TypedDict

from dtn.contact_plan import Contact, ContactPlan
from dtn.ltp.goodput import goodput_bound_bps
from emulator.reports.history import History


class LtpLink(TypedDict):
    """One link over the whole run; bytes are of completed blocks, `rate_bps` and `goodput_bps` of the time it was up.

    `round_trip_s` and `goodput_bound_bps` are None where the neighbour never transmits: blocks are green, nobody waits.
    """

    source: str
    destination: str
    sessions: int
    blocks: int
    mean_block_bytes: float
    resent_bytes: int
    round_trip_s: float | None
    goodput_bound_bps: float | None
    rate_bps: float
    goodput_bps: float


def ltp_links(history: History, plan: ContactPlan, sessions: int) -> list[LtpLink]:
    """Every link on which LTP completed a block, that with most blocks first.

    Args:
        history: the run's events.
        plan: its contacts.
        sessions: how many blocks may be under way at once on a link.
    """
    light_s: dict[tuple[str, str], float] = {}
    for contact in plan.contacts:
        link = (contact.source, contact.destination)
        light_s[link] = min(light_s.get(link, math.inf), _least_light_s(contact))
    found = []
    for (source, destination), completed in history.blocks_completed.items():
        there_s, back_s = (
            light_s.get(link, math.inf) for link in ((source, destination), (destination, source))
        )
        trip_s = there_s + back_s
        block_bytes = sum(block.block_bytes for block in completed)
        mean_bytes = block_bytes / len(completed)
        openings = history.openings.get((source, destination), ())
        up_s = math.fsum(o.end_s - o.start_s for o in openings)
        volume = math.fsum(
            plan.contacts[o.number].volume_bytes(o.start_s, o.end_s) for o in openings
        )
        is_bound = 0 < trip_s < math.inf
        found.append(
            LtpLink(
                source=source,
                destination=destination,
                sessions=sessions,
                blocks=len(completed),
                mean_block_bytes=mean_bytes,
                resent_bytes=sum(block.resent_bytes for block in completed),
                round_trip_s=trip_s if is_bound else None,
                goodput_bound_bps=(
                    goodput_bound_bps(sessions, mean_bytes, trip_s) if is_bound else None
                ),
                rate_bps=8 * volume / up_s if up_s else 0.0,
                goodput_bps=8 * block_bytes / up_s if up_s else 0.0,
            )
        )
    return sorted(found, key=lambda link: (-link["blocks"], link["source"], link["destination"]))


def _least_light_s(contact: Contact) -> float:
    light_s = contact.owlt_s
    return min(light_s) if isinstance(light_s, tuple) else light_s
