"""sabr: the best candidate route of CCSDS 734.3-B-1 §3.2; critical bundles go to every neighbour with a route."""

from __future__ import annotations

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy

CRITICAL_ROUTES = 16
"""Candidates looked at to find a route through every neighbour for a critical bundle."""


@strategy("sabr")
def sabr(view: View, bundle: BundleView) -> Decisions:
    """Send over the best route; hold while there is none."""
    if bundle.critical:
        entries = {route.entry: route for route in reversed(view.routes(bundle, CRITICAL_ROUTES))}
        return [Send(route) for route in entries.values()] or Hold()
    routes = view.routes(bundle)
    return Send(routes[0]) if routes else Hold()
