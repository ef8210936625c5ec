"""epidemic: give a copy to everyone met (Vahdat and Becker 2000). The least delay while links and buffers have room.

It knows only what this node saw itself: a neighbour that has the bundle from elsewhere gets it once more, and drops it.
"""

from __future__ import annotations

from collections.abc import Sequence

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


def worth_asking(view: View, held: Sequence[BundleView]) -> Sequence[BundleView]:
    """What somebody in contact has not had from here."""
    seen = [neighbour.seen for neighbour in view.neighbours]
    if not seen:
        return []
    had_by_all = seen[0].intersection(*seen[1:])
    return [bundle for bundle in held if bundle.id not in had_by_all]


@strategy("epidemic", tracks_copies=True, worth_asking=worth_asking)
def epidemic(view: View, bundle: BundleView) -> Decisions:
    """Send a copy to every neighbour in contact that has not had it from here."""
    fresh = [n.name for n in view.neighbours if bundle.id not in n.seen]
    if bundle.destination in fresh:
        return Send(bundle.destination)
    return [Send.copy(name) for name in fresh] or Hold()
