"""The designer `matching`: in every slot the set of sessions that is worth most together.

A maximum-weight matching (Edmonds; Galil, ACM Computing Surveys 18, 1986; networkx) of free terminals: where `fair`
and `fresh` take the best pair first and then what it leaves, this weighs all pairs of a slot at once. A session is
worth its length by its pair's weight over how long the pair has been served: proportional fairness, so a pair that has
waited comes into its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import networkx as nx

from topology.network import PlannedNode
from topology.planner.design import Candidate
from topology.planner.links import Link
from topology.planner.options import PlanOptions
from topology.planner.sessions import Session
from topology.planner.slots import give_out_sets


def matching(
    nodes: Sequence[PlannedNode],
    links: Sequence[Link],
    start_s: float,
    end_s: float,
    options: PlanOptions,
    progress: Callable[[float], None] | None = None,
) -> list[Session]:
    """Sessions by `slots.give_out_sets`, a maximum-weight matching of terminals each time."""
    weights = [
        options.weight(*(nodes[n].name for n in link.nodes))
        * min(nodes[n].weight for n in link.nodes)
        for link in links
    ]
    served_s = [0.0] * len(links)

    def choose(candidates: Sequence[Candidate]) -> list[Candidate]:
        graph: nx.Graph[tuple[int, int]] = nx.Graph()
        best: dict[frozenset[tuple[int, int]], Candidate] = {}
        worth: dict[frozenset[tuple[int, int]], float] = {}
        for candidate in candidates:
            session = candidate.session
            length_s = session.end_s - session.start_s
            gain = length_s * weights[candidate.place] / (served_s[candidate.place] + patience_s)
            pair = frozenset((session.leader, session.follower))
            if gain > worth.get(pair, 0.0):
                best[pair], worth[pair] = candidate, gain
                graph.add_edge(session.leader, session.follower, weight=gain)
        pairs = {frozenset(pair) for pair in nx.max_weight_matching(graph)}
        # in the order of the links, so that equal input gives equal plans
        chosen = sorted((best[pair] for pair in pairs), key=lambda candidate: candidate.order)
        for candidate in chosen:
            served_s[candidate.place] += candidate.session.end_s - candidate.session.start_s
        return chosen

    patience_s = options.session_s
    return give_out_sets(nodes, links, start_s, end_s, options, choose, progress)
