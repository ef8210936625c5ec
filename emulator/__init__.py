"""What happened: scenario, run, event log, reports and the command line.

import emulator

result = emulator.run("scenarios/moonbase-alpha.toml", until="10d", strategy="epidemic")
result.summary["latency_s"], result.bundles, result.events

Tables and plots are loaded when they are first asked for: a node's process never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.one_process import run
    from emulator.result import Result

__all__ = ["Result", "run"]


def __getattr__(name: str) -> object:
    if name == "run":
        from emulator.one_process import run

        return run
    if name == "Result":
        from emulator.result import Result

        return Result
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
