"""sabr: the best candidate route of CCSDS 734.3-B-1 §3.2; critical bundles go to every neighbour with a route."""

from __future__ import annotations

from dtn.routing.strategy import BundleView, Decisions, Hold, Send, View, strategy


@strategy("sabr")
def sabr(view: View, bundle: BundleView) -> Decisions:
    """Send over the best route; hold while there is none."""
    if bundle.critical:
        return [Send(route) for route in view.routes_by_neighbour(bundle)] or Hold()
    routes = view.routes(bundle)
    return Send(routes[0]) if routes else Hold()
