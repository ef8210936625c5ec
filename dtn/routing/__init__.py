"""Routing over a contact plan.

The contact graph, the searches, SABR, and the interface that strategies use.
"""

from dtn.routing.graph import contact_graph
from dtn.routing.profile import ProfilePiece, arrival_profile, arrival_tree
from dtn.routing.route import Route
from dtn.routing.search import earliest_arrival
from dtn.routing.strategy import Drop, Hold, Send, load_strategy, strategy

__all__ = [
    "Drop",
    "Hold",
    "ProfilePiece",
    "Route",
    "Send",
    "arrival_profile",
    "arrival_tree",
    "contact_graph",
    "earliest_arrival",
    "load_strategy",
    "strategy",
]
