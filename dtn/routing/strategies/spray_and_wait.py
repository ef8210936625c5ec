"""spray_and_wait: a bundle starts with so many copies; who has more than one gives half to each new node it meets.

Who has one waits for the destination. Binary spraying (Spyropoulos, Psounis and Raghavendra 2005): few transmissions,
no plan. The number of copies travels with the bundle (`dtn.bpa.copy_count`).
"""

from __future__ import annotations

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

COPIES = 6
"""What a bundle starts with."""


@strategy("spray_and_wait", tokens=COPIES, tracks_copies=True)
def spray_and_wait(view: View, bundle: BundleView) -> Decisions:
    """Give half of the copies to each node met that has none; the last one waits."""
    if view.is_open(bundle.destination):
        return Send(bundle.destination)
    if bundle.tokens < 2:
        return Hold(neighbour=bundle.destination)
    left = bundle.tokens
    sends = []
    for neighbour in view.neighbours:
        half = left // 2
        fresh = bundle.id not in neighbour.seen and neighbour.name not in bundle.visited
        if half and fresh:
            sends.append(Send.copy(neighbour.name, tokens=half))
            left -= half
    return sends or Hold()
