"""The common scenario S20 (data/README.md), each strategy in a process of its own for its peak memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "s20.py"


@pytest.mark.parametrize("strategy", ["sabr", "direct", "first_contact"])
def test_s20(benchmark, strategy):
    found = {}

    def run():
        done = subprocess.run(
            [sys.executable, SCRIPT, strategy], check=True, capture_output=True, text=True
        )
        found.update(json.loads(done.stdout))

    benchmark.pedantic(run, rounds=1)
    print(f"\n{strategy}: {found}")
    benchmark.extra_info.update(found)
    assert found["revisits"] == 0
    if strategy == "sabr":
        assert found["delivered"] == 10_000
        assert found["mean_latency_s"] <= 5430
