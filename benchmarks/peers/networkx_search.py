"""A Dijkstra written by hand over a networkx MultiDiGraph, for compare_searches.py."""

from heapq import heappop, heappush

import networkx as nx
from timing import asked, tell

contacts, questions = asked()
graph = nx.MultiDiGraph()
for source, destination, start_s, end_s, _, owlt_s in contacts:
    graph.add_edge(source, destination, start=start_s, end=end_s, owlt=owlt_s)


def answer(source, destination, at_s):
    arrival = {source: at_s}
    via = {}
    heap = [(at_s, source)]
    done = set()
    while heap:
        t, u = heappop(heap)
        if u == destination:
            return t
        if u in done:
            continue
        done.add(u)
        for v, edges in graph.adj[u].items():
            if v in done:
                continue
            for key, contact in edges.items():
                if contact["end"] >= t:
                    there = max(contact["start"], t) + contact["owlt"]
                    if there < arrival.get(v, float("inf")):
                        arrival[v] = there
                        via[v] = (u, key)
                        heappush(heap, (there, v))
    return None


tell(answer, questions)
