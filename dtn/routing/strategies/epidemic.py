"""epidemic: give a copy to everyone met (Vahdat and Becker 2000). The least delay while links and buffers have room.

It knows only what this node saw itself: a neighbour that has the bundle from elsewhere gets it once more, and drops it.
"""

from __future__ import annotations

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


@strategy("epidemic", tracks_copies=True)
def epidemic(view: View, bundle: BundleView) -> Decisions:
    """Send a copy to every neighbour in contact that has not had it from here."""
    fresh = [n.name for n in view.neighbours if bundle.id not in n.seen]
    if bundle.destination in fresh:
        return Send(bundle.destination)
    return [Send.copy(name) for name in fresh] or Hold()
