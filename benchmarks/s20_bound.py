"""What no strategy can beat on S20: `python benchmarks/s20_bound.py` prints the least possible mean latency.

Each bundle travels alone, its payload without a header, over the route that arrives soonest: nothing that shares the
network can be faster. So the bound is certified, and the less the traffic stands in its own way, the sharper it is.
"""

import json
import sys

import s20

from dtn.routing import earliest_arrival


def least_mean_latency_s(most=None):
    """Seconds, over the first bundles of the scenario; None: all of them."""
    setup = s20.setup_of(most=most)
    total_s = 0.0
    for demand in setup.demands:
        route = earliest_arrival(
            setup.plan, demand.source, demand.destination, demand.created_s, demand.size_bytes
        )
        total_s += route.delivery_s - demand.created_s
    return total_s / len(setup.demands)


if __name__ == "__main__":
    most = int(sys.argv[1]) if len(sys.argv) > 1 else None
    print(json.dumps({"least_mean_latency_s": round(least_mean_latency_s(most), 3)}))
