"""The command that looks at the machine: doctor."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from rich.table import Table

from emulator.cli.options import JsonOption
from emulator.cli.output import print_json, stdout

MEASURED_S = 1.0
TICK_S = 0.001
HONEST_S = 0.012
"""Emulated lateness that still counts as honest: one hundredth of the Earth-Moon light time."""

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
        p999_s: that of one in a thousand.
        honest_rate: the highest rate at which that one is late by no more than HONEST_S.
        timers_per_s: what virtual time can do.
    """

    p50_s: float
    p999_s: float
    honest_rate: float
    timers_per_s: float


def doctor(json: JsonOption = False) -> None:
    """What of the optional parts is there, and how well this machine keeps time.

    The timing error is measured for a second; the highest honest rate is that at which 999 of 1,000
    timers come within 12 ms of emulated time, a hundredth of the light time to the Moon.
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
    table = Table("part", "found", "for")
    for part, found, use in parts:
        table.add_row(part, found or "-", use)
    stdout().print(table)
    stdout().print(
        f"timers late by {timing.p50_s * 1e3:.3f} ms (median), {timing.p999_s * 1e3:.3f} ms "
        f"(1 in 1,000): honest up to --rate {timing.honest_rate:.3g}\n"
        f"virtual time (--rate max): {timing.timers_per_s:,.0f} timers a second",
        highlight=False,
    )


def measured() -> Timing:
    """Measure the timers of this machine, for about a second."""
    from emulator.clock import EmulatedLoop

    with EmulatedLoop(1.0) as loop:
        ticks = round(MEASURED_S / TICK_S)
        for tick in range(ticks):
            loop.schedule(tick * TICK_S, _nothing)
        loop.run(MEASURED_S)
        p50_s, p999_s = loop.lateness.quantile_s(0.5), loop.lateness.quantile_s(0.999)
    count = 100_000
    began_s = time.perf_counter()
    with EmulatedLoop() as loop:
        for tick in range(count):
            loop.schedule(float(tick), _nothing)
        loop.run()
    timers_per_s = count / (time.perf_counter() - began_s)
    return Timing(p50_s, p999_s, HONEST_S / max(p999_s, 1e-6), timers_per_s)


def _nothing() -> None:
    pass


def _parts() -> Iterator[tuple[str, str, str]]:
    """Name, version or place ("" if missing), and what it is for."""
    from topology.ephemeris import FIRST_UTC, KERNELS, LAST_UTC

    yield "python", platform.python_version(), "3.11 to 3.13"
    yield "lightlag", _version("lightlag"), ""
    years = f"{FIRST_UTC:%Y-%m-%d} to {LAST_UTC:%Y-%m-%d}"
    kernels = sorted(file.name for file in KERNELS.iterdir() if file.suffix != ".md")
    yield "kernels", ", ".join(kernels), f"ephemerides, {years}"
    for package in PACKAGES:
        yield package, _version(package), "needed"
    for program, use in PROGRAMS.items():
        yield program, shutil.which(program) or "", f"optional: {use}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
