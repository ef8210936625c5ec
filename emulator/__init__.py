"""What happened: scenario, run, event log, reports and the command line.

import emulator

result = emulator.run("scenarios/moonbase-alpha.toml", until="10d", strategy="epidemic")
result.summary["latency_s"], result.bundles, result.events
"""

from emulator.result import Result
from emulator.run import run

__all__ = ["Result", "run"]
