"""S20: 10,000 bundles over 20 nodes in virtual time; `python benchmarks/s20.py STRATEGY` prints one JSON object.

A useful hop is a reception at a node that the bundle had not visited; all others are revisits. Speed is per second of
processor time from an empty network to its end; the events are counted as they come, as a run's log would take them.
"""

import gc
import json
import resource
import sys
import time
from pathlib import Path

from dtn.contact_plan import Contact, ContactPlan
from dtn.events import BundleDelivered, BundleReceived, BundleSourced
from dtn.routing import load_strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.one_process import without_collections
from emulator.setup import Demand, Member, Setup

FILE = Path(__file__).parent / "data" / "scenario_20n.json"


def setup_of(path=FILE, strategy="sabr", most=None):
    """The scenario as a Setup; with `most`, its first bundles only."""
    data = json.loads(path.read_text())
    numbers = {name: number for number, name in enumerate(data["nodes"], 1)}
    plan = ContactPlan((Contact(*row) for row in data["contacts"]), ipn_numbers=numbers)
    demands = [
        Demand(
            created_s=created,
            source=source,
            destination=destination,
            size_bytes=bits // 8,
            lifetime_s=expires - created,
        )
        for _, created, source, destination, bits, expires in data["bundles"][:most]
    ]
    return Setup(
        name="S20",
        sha256="",
        start=None,
        duration_s=data["horizon"],
        seed=1,
        strategy=strategy,
        plan=plan,
        members=tuple(Member(name=name, ipn=number) for name, number in numbers.items()),
        demands=tuple(demands),
    )


def fly(setup):
    """Run it; returns its events and the seconds of processor time that it took."""
    log = []
    with EmulatedLoop() as loop:
        began_s = time.process_time()
        with without_collections():
            network = Network(setup, load_strategy(setup.strategy), loop, log.append)
            loop.run(setup.duration_s)
            network.end(setup.duration_s)
        return log, time.process_time() - began_s


def figures(log, took_s):
    """What S20 is compared by."""
    visited, created, latencies, useful, revisits = {}, {}, {}, 0, 0
    for event in log:
        match event:
            case BundleSourced() if event.flow != "administrative":
                visited[event.bundle] = {event.node}
                created[event.bundle] = event.t_s
            case BundleReceived() if event.bundle in visited:
                if event.node in visited[event.bundle]:
                    revisits += 1
                else:
                    visited[event.bundle].add(event.node)
                    useful += 1
            case BundleDelivered() if event.bundle in created:
                latencies.setdefault(event.bundle, event.t_s - created[event.bundle])
    return {
        "useful_hops": useful,
        "cpu_s": round(took_s, 2),
        "useful_hops_per_s": round(useful / took_s),
        "delivered": len(latencies),
        "mean_latency_s": round(sum(latencies.values()) / max(len(latencies), 1), 1),
        "revisits": revisits,
        "events": len(log),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    setup = setup_of(strategy=sys.argv[1])
    gc.collect()
    print(json.dumps(figures(*fly(setup))))
