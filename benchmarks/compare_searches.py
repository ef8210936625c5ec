"""Routes a second of four searches: `python benchmarks/compare_searches.py`, part of `make bench-peers`.

Two random plans of a week (20 nodes/2,000 contacts and 1,000 questions, 100/50,000 and 200; contacts of one pair do not
overlap), each question from a node to another at a time, one call a question. Ours is `earliest_arrival` with its
kernel; aiodtnsim's is its `tvdijkstra`, pydtnsim's its `get_best_route` over its contact graph; the fourth is the
Dijkstra that one writes by hand over a networkx MultiDiGraph. Each runs in a process of its own; seconds are of
processor time, the best of two rounds, without building the graph. Arrivals are compared; pydtnsim's differ by light.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from compare_peers import environment

HERE = Path(__file__).parent
WEEK_S = 7 * 86400.0
PLANS = {"20/2,000": (20, 2000, 1000), "100/50,000": (100, 50_000, 200)}

SEARCHES = {
    "lightlag": "any size (0 here), light times, fewest hops of all routes that arrive as soon, ties exact",
    "aiodtnsim": "no sizes; of routes within a millisecond fewer hops, where it meets them",
    "pydtnsim": "whole milliseconds, no light time, no sizes; its graph has an edge for each pair of contacts that "
    "follow each other: 50,000 contacts are beyond it",
    "networkx": "no sizes, no fewest hops: the earliest arrival and its contacts, a heap and all contacts of each edge",
}


def plan_of(nodes, contacts):
    """Contacts as [from, to, start, end, bit/s, light time], in the order of their start."""
    draw = random.Random(nodes)
    names = [f"n{number:03}" for number in range(nodes)]
    drawn, busy = [], {}
    while len(drawn) < contacts:
        ends = tuple(draw.sample(names, 2))
        start = draw.uniform(0, WEEK_S)
        end = start + draw.uniform(100, 3000)
        taken = busy.setdefault(ends, [])
        if all(end <= a or b <= start for a, b in taken):
            taken.append((start, end))
            drawn.append([*ends, start, end, 1e6, draw.uniform(0.01, 10)])
    return sorted(drawn, key=lambda row: row[2])


def questions_of(nodes, count):
    """As [from, to, at]."""
    draw = random.Random(1)
    names = [f"n{number:03}" for number in range(nodes)]
    return [[*draw.sample(names, 2), draw.uniform(0, 6 * 86400)] for _ in range(count)]


def compare():
    """By plan and search: routes a second, and how many questions were answered with our arrival."""
    peers = environment()
    found = {}
    for name, (nodes, contacts, count) in PLANS.items():
        asked = {"contacts": plan_of(nodes, contacts), "questions": questions_of(nodes, count)}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "asked.json")
            file.write_text(json.dumps(asked))
            said = {}
            for search in SEARCHES:
                if search == "pydtnsim" and contacts > 10_000:
                    continue
                python = sys.executable if search in ("lightlag", "networkx") else str(peers)
                script = HERE / "peers" / f"{search}_search.py"
                done = subprocess.run(
                    [python, script, file], check=True, capture_output=True, text=True
                )
                said[search] = json.loads(done.stdout)
        ours = said["lightlag"]["arrivals"]
        found[name] = {
            search: {
                "routes_per_s": round(count / told["cpu_s"]),
                "equal": sum(
                    a == b or (a is not None and b is not None and abs(a - b) < 1e-6)
                    for a, b in zip(ours, told["arrivals"], strict=True)
                ),
            }
            for search, told in said.items()
        }
    return found


def main():
    """Print the table."""
    for plan, found in compare().items():
        ours = found["lightlag"]["routes_per_s"]
        best = max(said["routes_per_s"] for search, said in found.items() if search != "lightlag")
        print(f"{plan}: ours / best of the others = {ours / best:.1f}")
        for search, said in found.items():
            print(
                f"  {search:<10} {said['routes_per_s']:>8,} routes/s   ours / it "
                f"{ours / said['routes_per_s']:>8.1f}   same arrival {said['equal']:>5,} of {PLANS[plan][2]:,}"
            )
    for search, difference in SEARCHES.items():
        print(f"{search}: {difference}")


if __name__ == "__main__":
    main()
