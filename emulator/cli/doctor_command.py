"""The command that looks at the machine: doctor."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from emulator.cli.options import JsonOption
from emulator.cli.output import plain_table, print_json, stdout

MEASURED_S = 1.0
EARTH_MOON_S = 1.28
"""Light time, for a highest honest rate where no scenario is given."""

PACKAGES = ("numpy", "scipy", "skyfield", "polars", "plotly", "crc32c")
PROGRAMS = {
    "tshark": "reads what nodes send, as a second opinion",
    "docker": "one container a node",
    "mosquitto": "links over MQTT",
    "chromium": "pictures of the report",
}


class Timing(NamedTuple):
    """How well this machine keeps time.

    Args:
        p50_s: lateness of a timer, median, real seconds.
        p99_s: that of one in a hundred.
        honest_rate: the highest rate at which that one is no later than light from the Moon.
        timers_per_s: what virtual time can do.
    """

    p50_s: float
    p99_s: float
    honest_rate: float
    timers_per_s: float


def doctor(json: JsonOption = False) -> None:
    """What of the optional parts is there, and how well this machine keeps time.

    The timing error is measured for a second; the highest honest rate is that at which one timer in a
    hundred is as late as light from the Moon takes. What a scenario allows is said when it starts.
    """
    timing = measured()
    parts = list(_parts())
    if json:
        print_json(
            {
                "parts": [{"part": part, "found": found, "for": use} for part, found, use in parts],
                "timing": timing._asdict(),
            }
        )
        return
    table = plain_table("part", "found", "for", words=3)
    for part, found, use in parts:
        table.add_row(part, found or "-", use)
    stdout().print(table)
    stdout().print(
        f"timers late by {timing.p50_s * 1e3:.3f} ms (median), {timing.p99_s * 1e3:.3f} ms "
        f"(1 in 100): honest up to --rate {timing.honest_rate:.3g} between Earth and Moon\n"
        f"virtual time (--rate max): {timing.timers_per_s:,.0f} timers a second",
        highlight=False,
    )


def measured() -> Timing:
    """Measure the timers of this machine, for about a second."""
    from emulator.clock import EmulatedLoop
    from emulator.constellation.honesty import timer_errors

    errors = timer_errors(MEASURED_S)
    p50_s, p99_s = errors.quantile_s(0.5), errors.quantile_s(0.99)
    count = 100_000
    began_s = time.perf_counter()
    with EmulatedLoop() as loop:
        for tick in range(count):
            loop.schedule(float(tick), _nothing)
        loop.run()
    timers_per_s = count / (time.perf_counter() - began_s)
    return Timing(p50_s, p99_s, EARTH_MOON_S / max(p99_s, 1e-6), timers_per_s)


def _nothing() -> None:
    pass


def _parts() -> Iterator[tuple[str, str, str]]:
    """Name, version or place ("" if missing), and what it is for."""
    yield "python", platform.python_version(), "3.11 to 3.13"
    yield "lightlag", _version("lightlag"), ""
    try:
        from topology.ephemeris import FIRST_UTC, KERNELS, LAST_UTC
    except ModuleNotFoundError:  # in a container, which is given its contacts
        yield "kernels", "", "ephemerides"
    else:
        years = f"{FIRST_UTC:%Y-%m-%d} to {LAST_UTC:%Y-%m-%d}"
        kernels = sorted(file.name for file in KERNELS.iterdir() if file.suffix != ".md")
        yield "kernels", ", ".join(kernels), f"ephemerides, {years}"
    for package in PACKAGES:
        yield package, _version(package), "needed"
    for program, use in PROGRAMS.items():
        yield program, shutil.which(program) or "", f"optional: {use}"
    yield (
        "compiled modules",
        _compiled(),
        "optional: 1.3 to 1.7 times as fast; python -m emulator.compile_ahead",
    )


def _compiled() -> str:
    """Where the compiled modules are that are in use; empty if none is."""
    from dtn import native

    return str(native.cache()) if native.is_in_use() else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
