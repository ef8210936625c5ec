"""What a watched run costs more: 100 nodes, 200 links, one page that takes ten frames a second.

    python benchmarks/dashboard_overhead.py [PAIRS]

The page's own work is the browser's; what is measured is this process. The pace is a little more than the run
can keep, so that all that the dashboard takes makes it longer: processor time of the whole process (and wall time,
which on a machine that does other things says less), interleaved pairs, the median of their quotients. `/stream` is
read by another process. On a machine that does other things the run is stretched and has more frames in each of its
processor seconds than ten: `at_10_frames_a_second` is what ten frames cost of one.
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
from emulator.build import Network, find_strategy
from emulator.clock import EmulatedLoop
from emulator.dashboard.serving import Serving
from emulator.dashboard.session import Session
from emulator.dashboard.source import Live, Subject
from emulator.setup import Demand, Member, Setup

NODES, LINKS = 100, 200
DURATION_S = 6 * 3600.0
BUNDLES = 3_000
READER = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
connection.request("GET", "/stream")
answer = connection.getresponse()
frames = octets = 0
try:
    while line := answer.readline():
        frames += line.startswith(b"data: ")
        octets += len(line)
except (OSError, http.client.HTTPException):
    pass
print(frames, octets)
"""


class Run(NamedTuple):
    """One run: wall and processor seconds, events, and what a page got of it."""

    wall_s: float
    cpu_s: float
    events: int
    frames: int
    octets: int


def setup() -> Setup:
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
            created_s=number * DURATION_S * 0.9 / BUNDLES,
            source=names[number * 31 % NODES],
            destination=names[(number * 31 + 1 + number % 3) % NODES],
            size_bytes=20_000,
            lifetime_s=DURATION_S,
        )
        for number in range(BUNDLES)
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


def run(given: Setup, rate: float, *, is_watched: bool) -> Run:
    """Run it once."""
    strategy = find_strategy(given, None)
    log: list[Event] = []
    with EmulatedLoop(rate) as loop:
        network = Network(given, strategy, loop, log.append)
        numbers = {member.name: member.ipn for member in given.members}
        live = Live(loop, network, log, given.duration_s, numbers)
        subject = Subject(
            name=given.name,
            strategy=strategy.name,
            seed=1,
            start_utc="",
            duration_s=given.duration_s,
            plan=given.plan,
            names=tuple(numbers),
            store_bytes={},
            geometry=None,
        )
        if not is_watched:
            return _measured(loop, network, given, log, "0 0")
        with Serving(Session(subject, live)) as serving:
            port = str(urlsplit(serving.url).port)
            reader = subprocess.Popen(
                [sys.executable, "-c", READER, port], stdout=subprocess.PIPE, text=True
            )
            time.sleep(0.5)  # it has begun to read
            found = _measured(loop, network, given, log, "0 0")
        said, _ = reader.communicate(timeout=30)
        frames, octets = map(int, said.split())
        return found._replace(frames=frames, octets=octets)


def _measured(
    loop: EmulatedLoop, network: Network, given: Setup, log: list[Event], said: str
) -> Run:
    began_s, busy_s = time.perf_counter(), time.process_time()
    network.end(min(loop.run(given.duration_s), given.duration_s))
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - busy_s
    frames, octets = map(int, said.split())
    return Run(wall_s, cpu_s, len(log), frames, octets)


def main() -> None:
    """Print the quotients of interleaved pairs as JSON."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    given = setup()
    run(given, math.inf, is_watched=False)  # indices and caches
    rate = 1.1 * DURATION_S / run(given, math.inf, is_watched=False).wall_s
    found = [
        (run(given, rate, is_watched=False), run(given, rate, is_watched=True))
        for _ in range(pairs)
    ]
    watched = [pair[1] for pair in found]
    print(
        json.dumps(
            {
                "pairs": pairs,
                "events": found[0][0].events,
                "alone_wall_s": round(statistics.median(a.wall_s for a, _ in found), 3),
                "frames_a_second": round(
                    statistics.median(w.frames / w.wall_s for w in watched), 2
                ),
                "kB_a_frame": round(
                    statistics.median(w.octets / max(w.frames, 1) for w in watched) / 1e3, 1
                ),
                "slower_wall": round(
                    statistics.median(w.wall_s / a.wall_s for a, w in found) - 1, 4
                ),
                "at_10_frames_a_second": round(
                    statistics.median(
                        10 * (w.cpu_s - a.cpu_s) / max(w.frames, 1) for a, w in found
                    ),
                    4,
                ),
                "more_cpu": round(statistics.median(w.cpu_s / a.cpu_s for a, w in found) - 1, 4),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
