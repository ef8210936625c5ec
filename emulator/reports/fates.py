"""Fates: every sourced bundle in exactly one of four, with its cause.

Original application bundles only: a copy, a fragment, a duplicate or an administrative record has no
fate of its own. A bundle is *delivered* once one copy (or all of its fragments) reached its
application, whatever became of the other copies; *in_network* while any piece of it is in a store or
between two nodes at the end of the run; otherwise the last piece that was lost says why: *expired*
if its lifetime ended, *dropped* for any other reason. A bundle that vanishes without a trace is
dropped with the cause `unaccounted`: a defect of the emulator's, and never a silent one.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from dtn.administrative_record import Reason
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleHeld,
    BundleInFlight,
    BundleLost,
    FrameLost,
    MemoryUpset,
)
from emulator.reports.history import BundleEvent, History

FateName = Literal["delivered", "expired", "dropped", "in_network"]
FATES: Final[tuple[FateName, ...]] = ("delivered", "expired", "dropped", "in_network")
UNACCOUNTED = "unaccounted"
ADMINISTRATIVE_FLOW = "administrative"
"""The flow of status reports, which are counted apart."""


class Fate(NamedTuple):
    """What became of one bundle.

    Args:
        name: one of the four.
        cause: why, in words, without the place: equal causes can be counted.
        node: where; for a bundle lost or left between two nodes, the sender.
        t_s: when; for a bundle in the network, the end of the run.
    """

    name: FateName
    cause: str
    node: str
    t_s: float


def fates(history: History) -> dict[str, Fate]:
    """The fate of every sourced bundle, in the order in which they were sourced."""
    return {
        bundle: fate_of(bundle, history.lives[bundle])
        for bundle, sourced in history.sourced.items()
        if sourced.flow != ADMINISTRATIVE_FLOW
    }


def fate_of(bundle: str, life: list[BundleEvent]) -> Fate:
    """The fate of the bundle of this identity and life."""
    left: BundleEvent | None = None
    lost: BundleEvent | None = None
    for event in life:
        if isinstance(event, BundleDelivered) and event.bundle == bundle:
            return Fate("delivered", "delivered", event.node, event.t_s)
        if isinstance(event, BundleHeld | BundleInFlight):
            left = event
        elif isinstance(event, BundleDeleted | BundleLost | FrameLost | MemoryUpset):
            lost = event
    if isinstance(left, BundleHeld):
        return Fate("in_network", "held in a store", left.node, left.t_s)
    if isinstance(left, BundleInFlight):
        return Fate("in_network", "between two nodes", left.node, left.t_s)
    if isinstance(lost, BundleDeleted):
        expired = lost.reason == Reason.LIFETIME_EXPIRED
        return Fate("expired" if expired else "dropped", reason_words(lost.reason), *_at(lost))
    if isinstance(lost, BundleLost):
        return Fate("dropped", f"lost with a node's memory: {lost.reason}", *_at(lost))
    if isinstance(lost, FrameLost):
        return Fate("dropped", f"frame lost: {lost.reason}", *_at(lost))
    if isinstance(lost, MemoryUpset):  # what it spoilt was discarded by the next hop
        return Fate("dropped", "spoilt by a memory upset", *_at(lost))
    return Fate("dropped", UNACCOUNTED, *_at(life[-1]))


def reason_words(reason: int) -> str:
    """A status report reason code in words (RFC 9171 §6.1.1)."""
    return _WORDS.get(reason, f"reason {reason}")


_WORDS = {
    code: name.lower().replace("_", " ")
    for name, code in vars(Reason).items()
    if isinstance(code, int)
}


def _at(event: BundleEvent) -> tuple[str, float]:
    return event.node, event.t_s
