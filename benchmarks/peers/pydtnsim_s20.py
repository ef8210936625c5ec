"""S20 in pydtnsim, with its SCGR; run by compare_peers.py in the peers' own environment.

`python pydtnsim_s20.py SCENARIO [BUNDLES]` prints one JSON object. Where its model differs from ours: it takes light
times but does not delay by them, packets do not expire here, times are milliseconds, and nothing is encoded.
"""

import contextlib
import io
import json
import sys
import time
from pathlib import Path

from pydtnsim import Contact, ContactGraph, ContactPlan, Packet, Simulator
from pydtnsim.monitors import BaseMonitor
from pydtnsim.nodes import SimpleCGRNode
from pydtnsim.routing import scgr


class Figures(BaseMonitor):
    """Counts useful hops, revisits and deliveries."""

    def __init__(self, env):
        super().__init__(env)
        self.created_ms = {}
        self.latency_s = {}
        self.useful = 0
        self.revisits = 0

    def packet_injected(self, packet, node):
        self.created_ms[packet.identifier] = self.env.now

    def packet_destination_reached(self, packet, node):
        self.latency_s[packet.identifier] = (
            self.env.now - self.created_ms[packet.identifier]
        ) / 1e3
        nodes = packet.hops
        self.useful += len(set(nodes)) - 1
        self.revisits += len(nodes) - len(set(nodes))


def main(path, most):
    data = json.loads(Path(path).read_text())
    began_s = time.process_time()
    plan = ContactPlan(1, 1)
    for source, destination, start_s, end_s, rate_bps, owlt_s in data["contacts"]:
        ends = (round(start_s * 1e3), round(end_s * 1e3))
        plan.add_contact(
            source, destination, *ends, rate_bps / 1e3, owlt_s * 1e3, bidirectional=False
        )
    graph = ContactGraph(plan)
    simulator = Simulator()
    for name in plan.get_nodes():
        contacts = {}
        for known in plan.get_outbound_contacts_of_node(name):
            contact = Contact(
                known.from_time,
                known.to_time,
                known.datarate,
                known.from_node,
                known.to_node,
                known.delay,
            )
            simulator.register_contact(contact)
            contacts[known] = contact
        SimpleCGRNode(name, contacts, scgr.cgr, graph, simulator, [])
    figures = Figures(simulator.env)
    simulator.register_monitor(figures)
    for number, (_, created_s, source, destination, bits, _) in enumerate(data["bundles"][:most]):
        packet = Packet(source, destination, bits, identifier=number)

        def inject(packet=packet, source=source):
            simulator.node_dict[source].inject_packet(packet, simulator.env.now)

        simulator.env.register_event(created_s * 1e3, 0, inject)
    with contextlib.redirect_stdout(io.StringIO()):
        simulator.run_simulation(round(data["horizon"] * 1e3))
    took_s = time.process_time() - began_s
    late = list(figures.latency_s.values())
    return {
        "useful_hops": figures.useful,
        "revisits": figures.revisits,
        "cpu_s": round(took_s, 2),
        "useful_hops_per_s": round(figures.useful / took_s),
        "delivered": len(late),
        "mean_latency_s": round(sum(late) / max(len(late), 1), 1),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)))
