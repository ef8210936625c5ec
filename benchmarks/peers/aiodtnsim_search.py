"""aiodtnsim's search, for compare_searches.py: `tvdijkstra` and the path that it found."""

from aiodtnsim.simulation.cgr.tvdijkstra import tvdijkstra
from timing import asked, tell
from tvgutil.contact_plan import SimplePredictedContactTuple
from tvgutil.tvg import TVG

contacts, questions = asked()
vertices, edges = {}, {}
for source, destination, start_s, end_s, rate_bps, owlt_s in contacts:
    contact = SimplePredictedContactTuple(
        source, destination, start_s, end_s, rate_bps, 1.0, owlt_s
    )
    vertices.setdefault(source, set()).add(destination)
    vertices.setdefault(destination, set())
    edges.setdefault((source, destination), []).append(contact)
graph = TVG(vertices, edges, contact_type=SimplePredictedContactTuple)


def answer(source, destination, at_s):
    found = tvdijkstra(
        graph,
        source,
        dest_node=destination,
        start_time=at_s,
        node_blacklist=set(),
        contact_blacklist=set(),
    )
    length, *_ = found.get_path(destination)
    return found.get_metrics(destination).eat if length else None


tell(answer, questions)
