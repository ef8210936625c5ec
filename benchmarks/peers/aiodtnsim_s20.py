"""S20 in aiodtnsim, with its SABR as it comes; run by compare_peers.py in the peers' own environment.

`python aiodtnsim_s20.py SCENARIO [BUNDLES]` prints one JSON object. Where its model differs from ours: a contact's
table of light times and rates is one number each, as in S20; messages are not encoded and have no headers; a message's
identity is its source and creation time.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from aiodtnsim import Contact, EventDispatcher, EventHandler, Message
from aiodtnsim.simulation.cgr import sabr
from aiodtnsim.simulation.cgr.sabr_nodegraph_node import NGSABRNode
from aiodtnsim.simulation.event_loop import DESEventLoop
from tvgutil.contact_plan import (
    PredictedContact,
    PredictedContactCharacteristics,
    PredictedContactGeneration,
)
from tvgutil.tvg import from_contact_plan


class Figures(EventHandler):
    """Counts useful hops, revisits and deliveries."""

    def __init__(self):
        self.visited = {}
        self.latency_s = {}
        self.useful = 0
        self.revisits = 0

    def message_injected(self, time, node, message):
        self.visited[message] = {node.eid}

    def message_received(self, time, rx_node, message, tx_node):
        seen = self.visited[message]
        if rx_node.eid in seen:
            self.revisits += 1
        else:
            seen.add(rx_node.eid)
            self.useful += 1

    def message_delivered(self, time, node, message):
        self.latency_s.setdefault(message, time - message.start_time)


def predicted(source, destination, start_s, end_s, rate_bps, owlt_s):
    shape = PredictedContactCharacteristics(starting_at=0.0, bit_rate=rate_bps, delay=owlt_s)
    generation = PredictedContactGeneration(characteristics=[shape])
    return PredictedContact(source, destination, start_s, end_s, [generation])


def main(path, most):
    data = json.loads(Path(path).read_text())
    loop = DESEventLoop()
    asyncio.set_event_loop(loop)
    asyncio.events._set_running_loop(loop)  # its nodes make tasks before its loop runs
    ptvg = from_contact_plan([predicted(*row) for row in data["contacts"]])
    figures = Figures()
    dispatcher = EventDispatcher()
    dispatcher.add_subscriber(figures)
    began_s = time.process_time()
    nodes = {name: NGSABRNode(name, -1, dispatcher, sabr.sabr, ptvg, 0) for name in data["nodes"]}
    tasks = []
    for source, destination, start_s, end_s, rate_bps, owlt_s in data["contacts"]:
        contact = Contact(nodes[source], nodes[destination], start_s, end_s, rate_bps, owlt_s)
        tasks.append(asyncio.ensure_future(nodes[source].schedule_contact(contact)))
    for _, created_s, source, destination, bits, expires_s in data["bundles"][:most]:
        message = Message(created_s, source, destination, bits, expires_s)
        tasks.append(asyncio.ensure_future(nodes[source].schedule_injection(message)))
    asyncio.events._set_running_loop(None)
    loop.run_forever()
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
