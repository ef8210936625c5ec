"""direct: hand the bundle to its destination only. The least transmissions, the longest waits."""

from __future__ import annotations

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


@strategy("direct")
def direct(view: View, bundle: BundleView) -> Decisions:
    """Send when a contact to the destination is open."""
    destination = bundle.destination
    if view.is_open(destination):
        return Send(destination)
    return Hold(neighbour=destination)
