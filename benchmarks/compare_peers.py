"""Ours beside aiodtnsim and pydtnsim on S20: `python benchmarks/compare_peers.py [BUNDLES]`, or `make bench-peers`.

The peers come from the Python package index into an environment of their own, `.cache/peers`. Each tool runs in a
process of its own, one after the other, with its own SABR or nearest to it; speed is useful hops (receptions at a node
that the bundle had not visited) per second of processor time, from reading the plan to the last event. "Over the
bound" is by how much the mean latency of all bundles is above what no strategy can beat (`s20_bound.py`).
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from s20_bound import least_mean_latency_s

HERE = Path(__file__).parent
SCENARIO = HERE / "data" / "scenario_20n.json"
ENVIRONMENT = HERE.parent / ".cache" / "peers"
PEERS = {"aiodtnsim": "0.3.1", "pydtnsim": "0.1.1"}
NEEDED = ("setuptools<81",)  # networkx 2.8 asks for it

OURS = """
import gc, json, sys
sys.path.insert(0, sys.argv[1])
import s20
most = int(sys.argv[3]) or None
setup = s20.setup_of(strategy=sys.argv[2], most=most)
gc.collect()
print(json.dumps(s20.figures(*s20.fly(setup))))
"""

DIFFERENCES = {
    "lightlag sabr": "bundles with RFC 9171 headers and their growth on the way, light times, lifetimes, an event log",
    "lightlag oracle": "the same; knows everybody's traffic and reserves for it",
    "lightlag direct": "the same; only direct contacts, for what the emulator alone can do",
    "aiodtnsim": "messages without headers, light times, lifetimes; books other nodes' volumes, too, and may loop",
    "pydtnsim": "packets without headers or lifetimes; ignores light time, so its latency is too low",
}


def environment() -> Path:
    """The interpreter of the peers' environment, made if it is not there."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    wanted = [f"{name}=={version}" for name, version in PEERS.items()]
    installed = run([python, "-m", "pip", "freeze", "--disable-pip-version-check"])
    if not set(wanted) <= set(installed.split()):
        run([python, "-m", "pip", "install", "--quiet", *NEEDED, *wanted])
    return python


def run(command: list[Path | str]) -> str:
    """What a command prints; it must succeed."""
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout


def compare(bundles: int) -> dict[str, dict[str, float]]:
    """Figures of each tool on the first bundles of S20; 0: all of them."""
    python = environment()
    most = [str(bundles)] if bundles else []
    found = {}
    for strategy in ("sabr", "oracle", "direct"):
        command = [sys.executable, "-c", OURS, str(HERE), strategy, str(bundles)]
        found[f"lightlag {strategy}"] = json.loads(run(command))
    for peer in PEERS:
        script = HERE / "peers" / f"{peer}_s20.py"
        found[peer] = json.loads(run([python, script, SCENARIO, *most]))
    return found


def main() -> None:
    """Print the table of figures, ratios and differences."""
    bundles = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    found = compare(bundles)
    least_s = least_mean_latency_s(bundles or None)
    sourced = found["lightlag sabr"]["delivered"]
    ours = found["lightlag sabr"]["useful_hops_per_s"]
    print(f"{'tool':<16} {'hops/s':>8} {'cpu s':>7} {'hops':>7} {'revisits':>8} {'delivered':>9} "
          f"{'mean latency':>12} {'over the bound':>14} {'ours / it':>9}")  # fmt: skip
    for tool, said in found.items():
        over = f"{said['mean_latency_s'] - least_s:,.1f} s" if said["delivered"] >= sourced else "-"
        print(f"{tool:<16} {said['useful_hops_per_s']:>8,} {said['cpu_s']:>7.2f} {said['useful_hops']:>7,} "
              f"{said['revisits']:>8,} {said['delivered']:>9,} {said['mean_latency_s']:>10,.1f} s {over:>14} "
              f"{ours / max(said['useful_hops_per_s'], 1):>9.1f}")  # fmt: skip
    print(f"bound: no strategy delivers them all with a mean latency under {least_s:,.1f} s")
    for tool, difference in DIFFERENCES.items():
        print(f"{tool}: {difference}")


if __name__ == "__main__":
    main()
