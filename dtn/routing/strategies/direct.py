"""direct: hand the bundle to its destination only. The least transmissions, the longest waits."""

from __future__ import annotations

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


@strategy("direct")
def direct(view: View, bundle: BundleView) -> Decisions:
    """Send when a contact to the destination is open."""
    met = any(neighbour.name == bundle.destination for neighbour in view.neighbours)
    return Send(bundle.destination) if met else Hold()
