"""prophet: copies go to nodes that met the destination more often (PRoPHET, RFC 6693), learned from meetings alone.

Each node keeps a delivery predictability P for every other: meeting a node raises it, time lowers it, and who is met
passes on its own. Nodes tell each other theirs when a contact begins, in octets that cost airtime. A copy goes to a
neighbour whose P for the destination is greater (GRTR, RFC 6693 section 3.6).
"""

from __future__ import annotations

import json
from collections.abc import Sequence, Set

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

P_ENCOUNTER = 0.7
P_FIRST = 0.5
DELTA = 0.01
BETA = 0.9
GAMMA_PER_HOUR = 0.98
"""Values of RFC 6693 section 2.1.2, aging by the hour of a space network."""


def predictabilities(view: View) -> dict[str, float]:
    """This node's, as old as they are now."""
    table: dict[str, float] = view.memory.setdefault("p", {})
    hours = (view.now_s - view.memory.get("aged_s", view.now_s)) / 3600
    view.memory["aged_s"] = view.now_s
    if hours > 0:
        for name in table:
            table[name] *= GAMMA_PER_HOUR**hours
    return table


def met(view: View, neighbour: str) -> None:
    """A contact begins: raise its predictability (RFC 6693 equation 1)."""
    table = predictabilities(view)
    known = table.get(neighbour)
    table[neighbour] = P_FIRST if known is None else known + (1 - DELTA - known) * P_ENCOUNTER


def summary(view: View, neighbour: str) -> bytes:
    """What this node tells: its predictabilities, to three digits."""
    table = {name: round(p, 3) for name, p in sorted(predictabilities(view).items())}
    return json.dumps(table, separators=(",", ":")).encode()


def learn(view: View, neighbour: str, told: bytes) -> None:
    """What a neighbour can reach, this node reaches through it (RFC 6693 equation 3)."""
    theirs: dict[str, float] = json.loads(told)
    view.memory.setdefault("theirs", {})[neighbour] = theirs
    mine = predictabilities(view)
    through = mine.get(neighbour, 0.0)
    for name, p in theirs.items():
        if name != view.node:
            mine[name] = max(mine.get(name, 0.0), through * p * BETA)


def remember(view: View, version: int) -> None:
    """Another contact plan makes no difference to what was learned from meetings."""


def worth_asking(view: View, held: Sequence[BundleView]) -> Sequence[BundleView]:
    """What somebody in contact who is the destination, or likelier to meet it, has not had from here."""
    mine, theirs = predictabilities(view), view.memory.get("theirs", {})
    had_by_all: dict[str, Set[str] | None] = {}  # by destination; None: nobody is likelier
    worth = []
    for bundle in held:
        to = bundle.destination
        if to not in had_by_all:
            least, is_met = mine.get(to, 0.0), view.is_open(to)
            likelier = (n for n in view.neighbours if theirs.get(n.name, {}).get(to, 0.0) > least)
            seen = [frozenset[str]()] if is_met else [n.seen for n in likelier]
            had_by_all[to] = seen[0].intersection(*seen[1:]) if seen else None
        had = had_by_all[to]
        if had is not None and bundle.id not in had:
            worth.append(bundle)
    return worth


@strategy(
    "prophet",
    tracks_copies=True,
    contact_up=met,
    summary=summary,
    learn=learn,
    worth_asking=worth_asking,
    plan_changed=remember,
)
def prophet(view: View, bundle: BundleView) -> Decisions:
    """Send a copy to every neighbour that is likelier to meet the destination."""
    destination = bundle.destination
    if view.is_open(destination):
        return Send(destination)
    mine = predictabilities(view).get(destination, 0.0)
    theirs = view.memory.get("theirs", {})
    return [
        Send.copy(n.name)
        for n in view.neighbours
        if bundle.id not in n.seen and theirs.get(n.name, {}).get(destination, 0.0) > mine
    ] or Hold()
