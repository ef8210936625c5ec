"""How cost grows: `python benchmarks/growth.py` measures, `... --plot docs/growth.svg` draws what was measured.

Three rows: bundles through 100 nodes, nodes that share 10,000 bundles, contacts of a plan of 100 nodes to search.
The network of the first two: a tenth of the nodes are relays, always open to each other; each other node meets one of
them for half of every hour; bundles of 1 kB go from anywhere to anywhere over one day, by SABR. Each point is a process
of its own, for its peak memory; seconds are of processor time; events are counted, not kept.
"""

import json
import math
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

DAY_S = 86400.0
POINTS = {
    "bundles": [10**3, 10**4, 10**5, 10**6],
    "nodes": [10, 100, 1000],
    "contacts": [10**3, 10**4, 10**5, 10**6],
}
RESULTS = Path(__file__).parent / "data" / "growth.json"


def fly(nodes, bundles):
    """Run a network to its end."""
    from dtn.contact_plan import Contact, ContactPlan
    from dtn.events import BundleDelivered, BundleReceived
    from dtn.routing import load_strategy
    from emulator.build import Network
    from emulator.clock import EmulatedLoop
    from emulator.one_process import without_collections
    from emulator.setup import Demand, Member, Setup

    draw = random.Random(1)
    names = [f"n{number:04}" for number in range(nodes)]
    relays, leaves = names[: nodes // 10 or 1], names[nodes // 10 or 1 :]
    rows = [(a, b, 0.0, DAY_S, 1e8, 0.01) for a in relays for b in relays if a != b]
    for number, leaf in enumerate(leaves):
        relay, phase_s = relays[number % len(relays)], draw.uniform(0, 1800)
        for hour in range(24):
            start_s = 3600.0 * hour + phase_s
            rows += [
                (leaf, relay, start_s, start_s + 1800, 1e7, 0.1),
                (relay, leaf, start_s, start_s + 1800, 1e7, 0.1),
            ]
    numbers = {name: number for number, name in enumerate(names, 1)}
    setup = Setup(
        name="growth",
        sha256="",
        start=None,
        duration_s=DAY_S,
        seed=1,
        strategy="sabr",
        plan=ContactPlan((Contact(*row) for row in rows), ipn_numbers=numbers),
        members=tuple(Member(name=name, ipn=number) for name, number in numbers.items()),
        demands=tuple(
            Demand(
                created_s=draw.uniform(0, DAY_S - 7200),
                source=source,
                destination=destination,
                size_bytes=1000,
                lifetime_s=DAY_S,
            )
            for source, destination in (draw.sample(names, 2) for _ in range(bundles))
        ),
    )
    counts = dict.fromkeys((BundleReceived, BundleDelivered), 0)
    events = 0

    def record(event):
        nonlocal events
        events += 1
        if type(event) in counts:
            counts[type(event)] += 1

    began_s = time.process_time()
    with EmulatedLoop() as loop, without_collections():
        network = Network(setup, load_strategy("sabr"), loop, record)
        network.end(loop.run(setup.duration_s))
    return {
        "cpu_s": time.process_time() - began_s,
        "hops": counts[BundleReceived],
        "delivered": counts[BundleDelivered],
        "events": events,
    }


def search(contacts):
    """Search a plan of 100 nodes."""
    from dtn.contact_plan import Contact, ContactPlan
    from dtn.routing import earliest_arrival, kernel

    kernel.WORTH_COMPILING = 0
    draw = random.Random(1)
    names = [f"n{number:03}" for number in range(100)]
    length_s = 5e7 / contacts  # so that as many are open at a time
    plan = ContactPlan(
        Contact(*draw.sample(names, 2), start, start + draw.uniform(0.1, 1) * length_s, 1e6, 0.1)
        for start in (draw.uniform(0, 7 * DAY_S) for _ in range(contacts))
    )
    began_s = time.process_time()
    earliest_arrival(plan, *names[:2], 0.0, 1000)
    built_s = time.process_time() - began_s
    asked = [(*draw.sample(names, 2), draw.uniform(0, 6 * DAY_S)) for _ in range(200)]
    began_s = time.process_time()
    for source, destination, at_s in asked:
        earliest_arrival(plan, source, destination, at_s, 1000)
    return {"cpu_s": (time.process_time() - began_s) / len(asked), "index_s": built_s}


def point(row, size):
    """One measurement, in this process."""
    said = (
        search(size)
        if row == "contacts"
        else fly(*((100, size) if row == "bundles" else (size, 10_000)))
    )
    return {**said, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def svg(measured):
    """Cost against size, both logarithmic, one frame a row."""
    frames = []
    for place, (row, points) in enumerate(measured.items()):
        sizes = [math.log10(int(size)) for size in points]
        costs = [math.log10(said["cpu_s"]) for said in points.values()]
        low, high = math.floor(min(costs)), math.ceil(max(costs))
        left = 60 + 250 * place
        xy = [
            (
                left + 180 * (size - sizes[0]) / (sizes[-1] - sizes[0]),
                190 - 150 * (cost - low) / (high - low),
            )
            for size, cost in zip(sizes, costs, strict=True)
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in xy)
        unit = "CPU s a route" if row == "contacts" else "CPU s"
        frames.append(
            f'<rect x="{left}" y="40" width="180" height="150" fill="none" stroke="#999"/>'
        )
        frames.append(f'<text x="{left}" y="30">{row}: {unit}</text>')
        frames.append(f'<polyline points="{line}" fill="none" stroke="#0b6" stroke-width="2"/>')
        for (x, y), size in zip(xy, points, strict=True):
            frames.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#0b6"/>')
            frames.append(f'<text x="{x:.1f}" y="206" text-anchor="middle">{int(size):,}</text>')
        for cost in range(low, high + 1):
            y = 190 - 150 * (cost - low) / (high - low)
            frames.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">1e{cost}</text>')
    body = "\n".join(frames)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 220" font-family="sans-serif" '
        f'font-size="11">\n<rect width="800" height="220" fill="white"/>\n{body}\n</svg>\n'
    )


def main():
    if sys.argv[1:2] == ["--plot"]:
        Path(sys.argv[2]).write_text(svg(json.loads(RESULTS.read_text())))
    elif len(sys.argv) == 3:
        print(json.dumps(point(sys.argv[1], int(sys.argv[2]))))
    else:
        measured = {}
        for row, sizes in POINTS.items():
            for size in sizes:
                command = [sys.executable, __file__, row, str(size)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                measured.setdefault(row, {})[size] = json.loads(done.stdout)
                print(row, f"{size:,}", done.stdout.strip(), flush=True)
        RESULTS.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
