"""pydtnsim's search, for compare_searches.py: `get_best_route` over its contact graph, in whole milliseconds."""

import math

from pydtnsim import ContactGraph, ContactIdentifier, ContactPlan
from pydtnsim.routing import cgr_utils, dijkstra
from timing import asked, tell

contacts, questions = asked()
plan = ContactPlan(1, 1)
for source, destination, start_s, end_s, rate_bps, owlt_s in contacts:
    ends = (round(start_s * 1e3), round(end_s * 1e3))
    plan.add_contact(source, destination, *ends, rate_bps / 1e3, owlt_s * 1e3, bidirectional=False)
graph = ContactGraph(plan)


def terminal(node):
    return ContactIdentifier(
        from_node=node, to_node=node, from_time=0, to_time=math.inf, datarate=math.inf, delay=0
    )


def answer(source, destination, at_s):
    route, distance = dijkstra.get_best_route(
        terminal(source),
        terminal(destination),
        graph,
        cgr_utils.cgr_neighbor_function,
        round(at_s * 1e3),
        hashes=graph.hashes,
    )
    return distance / 1e3 if route else None


tell(answer, questions)
