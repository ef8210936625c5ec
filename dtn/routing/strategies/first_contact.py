"""first_contact: hand the bundle to whoever is met first (Jain, Fall and Patra 2004). A walk at random, one copy.

It needs no plan. Nodes that have had the bundle are passed by, as far as its route record tells: without that it would
circle where contacts never end.
"""

from __future__ import annotations

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


@strategy("first_contact")
def first_contact(view: View, bundle: BundleView) -> Decisions:
    """Send to the destination if it is met, else to anyone new."""
    fresh = [n.name for n in view.neighbours if n.name not in bundle.visited]
    if bundle.destination in fresh:
        return Send(bundle.destination)
    return Send(view.rng.choice(fresh)) if fresh else Hold()
