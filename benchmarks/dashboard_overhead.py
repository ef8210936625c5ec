"""What a watched run costs more: 100 nodes, 200 links, one page that takes ten frames a second.

    python benchmarks/dashboard_overhead.py [PAIRS] [BUNDLES ...]

The pace is a little more than the run can keep, so that all that the dashboard takes makes it longer. Interleaved
pairs, one run unwatched and one watched, each in the way that `lightlag run --rate` and `lightlag dashboard` fly them;
the medians of their quotients, of wall time and of the processor time of the run's process (on a machine that does
other things wall time says less). The page's process and `/stream`'s reader, which is a process too, are the other
processor's: where there is none, there is no room for a page.

Ends with 1 where a watched run takes more than 10 % longer, by both, or a page has fewer than 9.5 frames a second, or
the events are others.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from dtn.contact_plan import Contact, ContactPlan
from dtn.events import Event
from emulator.build import find_strategy
from emulator.dashboard.apart import Apart
from emulator.dashboard.source import Subject
from emulator.dashboard.watch import fly_watched
from emulator.one_process import fly
from emulator.setup import Demand, Member, Setup

NODES, LINKS = 100, 200
DURATION_S = 6 * 3600.0
BUNDLES = (3_000, 20_000)
MOST_SLOWER = 0.10
LEAST_FRAMES = 9.5
READER = """
import http.client, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
connection.request("GET", "/stream")
answer = connection.getresponse()
frames = octets = 0
print("reading", flush=True)
began_s = ended_s = time.monotonic()
try:
    while line := answer.readline():
        if line.startswith(b"data: "):
            if b'"live":false' in line:
                break
            frames += 1
            ended_s = time.monotonic()
        octets += len(line)
except (OSError, http.client.HTTPException):
    pass
print(frames, octets, ended_s - began_s)
"""


class Run(NamedTuple):
    """One run: wall and processor seconds, its events, and what a page got of it a second and a frame."""

    wall_s: float
    cpu_s: float
    events: list[Event]
    frames_a_second: float
    bytes_a_frame: float


def setup(bundles: int) -> Setup:
    """A ring of 100 nodes with 100 chords; each link is up a third of the time, in turn."""
    names = [f"n{number:03}" for number in range(NODES)]
    pairs = [(place, (place + 1) % NODES) for place in range(NODES)]
    pairs += [(place, (place + 37) % NODES) for place in range(LINKS - NODES)]
    contacts = []
    for number, (a, b) in enumerate(pairs):
        for part in range(6):
            start_s = part * 3600.0 + number % 3 * 1200.0
            for source, destination in ((a, b), (b, a)):
                contacts.append(
                    Contact(names[source], names[destination], start_s, start_s + 1190.0, 1e7, 1.3)
                )
    plan = ContactPlan(contacts, ipn_numbers={name: n + 1 for n, name in enumerate(names)})
    demands = tuple(
        Demand(
            created_s=number * DURATION_S * 0.9 / bundles,
            source=names[number * 31 % NODES],
            destination=names[(number * 31 + 1 + number % 3) % NODES],
            size_bytes=20_000,
            lifetime_s=DURATION_S,
        )
        for number in range(bundles)
    )
    return Setup(
        name="hundred",
        sha256="",
        start=None,
        duration_s=DURATION_S,
        seed=1,
        strategy="sabr",
        plan=plan,
        members=tuple(Member(name=name, ipn=n + 1) for n, name in enumerate(names)),
        demands=demands,
    )


def alone(given: Setup, rate: float) -> Run:
    """Run it with nobody looking."""
    strategy = find_strategy(given, None)
    log: list[Event] = []
    began_s, busy_s = time.perf_counter(), time.process_time()
    fly(given, strategy, log.append, rate)
    return Run(time.perf_counter() - began_s, time.process_time() - busy_s, log, 0.0, 0.0)


def watched(given: Setup, rate: float) -> Run:
    """Run it with a page."""
    strategy = find_strategy(given, None)
    subject = Subject(
        name=given.name,
        strategy=strategy.name,
        seed=1,
        start_utc="",
        duration_s=given.duration_s,
        plan=given.plan,
        names=tuple(member.name for member in given.members),
        store_bytes={},
        geometry=None,
    )
    with Apart(subject) as apart:
        port = str(urlsplit(apart.url).port)
        with subprocess.Popen(
            [sys.executable, "-c", READER, port], stdout=subprocess.PIPE, text=True
        ) as reader:
            assert reader.stdout is not None
            reader.stdout.readline()
            began_s, busy_s = time.perf_counter(), time.process_time()
            log, _ = fly_watched(given, strategy, rate, apart, lambda: None)
            wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - busy_s
            said, _ = reader.communicate(timeout=30)
    frames, octets, seconds = map(float, said.split())
    return Run(wall_s, cpu_s, log, frames / seconds, octets / frames)


def measured(bundles: int, pairs: int) -> dict[str, float]:
    """Interleaved pairs with so many bundles."""
    given = setup(bundles)
    alone(given, math.inf)  # indices and caches
    rate = 1.1 * DURATION_S / alone(given, math.inf).wall_s
    found = [(alone(given, rate), watched(given, rate)) for _ in range(pairs)]
    median = statistics.median
    return {
        "bundles": bundles,
        "events": len(found[0][0].events),
        "equal": all(a.events == w.events for a, w in found),
        "alone_wall_s": round(median(a.wall_s for a, _ in found), 3),
        "slower_wall": round(median(w.wall_s / a.wall_s for a, w in found) - 1, 4),
        "slower_cpu": round(median(w.cpu_s / a.cpu_s for a, w in found) - 1, 4),
        "frames_a_second": round(median(w.frames_a_second for _, w in found), 2),
        "kB_a_frame": round(median(w.bytes_a_frame for _, w in found) / 1e3, 1),
    }


def is_met(told: dict[str, float]) -> bool:
    """Whether what a page costs and gets is what was promised."""
    slower = min(told["slower_wall"], told["slower_cpu"])
    return bool(told["equal"] and slower <= MOST_SLOWER and told["frames_a_second"] >= LEAST_FRAMES)


def main() -> int:
    """Print what was measured as JSON."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    sizes = [int(size) for size in sys.argv[2:]] or BUNDLES
    told = [measured(bundles, pairs) for bundles in sizes]
    print(json.dumps(told, indent=2))
    return 0 if all(map(is_met, told)) else 1


if __name__ == "__main__":
    sys.exit(main())
