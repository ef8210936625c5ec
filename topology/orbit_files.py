"""The orbits that ship as files, CCSDS OEM in keyword-value notation: `python -m topology.orbit_files FOLDER`.

    scenarios/orbits/lunar-halo.oem      near-rectilinear halo orbit, southern 9:2 (`topology.halo_orbit`)
    scenarios/orbits/lunar-frozen.oem    12 h elliptical frozen orbit (`topology.frozen_orbit`)

Both are flown by gravity alone, from an hour before 2026-12-01 to an hour after 2027-01-01, axes of the ICRF about the
Moon. Lines are as dense as the path bends: 28 to the period of a circle there, two hours apart at most, so that what
a reader interpolates is within 10 m (30 ns of light) of what was integrated.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Final

import numpy as np

from topology.constants import DAY_S, GM_MOON_KM3_S2
from topology.dynamics import Trajectory
from topology.ephemeris import Sky
from topology.frozen_orbit import integrated, lunar_relay
from topology.halo_orbit import near_rectilinear_halo
from topology.oem import write_oem
from topology.paths import FloatArray

START: Final = datetime(2026, 12, 1, tzinfo=UTC)
DURATION_S: Final = 31 * DAY_S
MARGIN_S: Final = 3600.0
LINES_A_TURN: Final = 28
LONGEST_STEP_S: Final = 7200.0


def halo(sky: Sky) -> Trajectory:
    """The halo from an apolune two hours before the start, for five revolutions."""
    return near_rectilinear_halo(sky, -2 * MARGIN_S, 5)


def frozen(sky: Sky) -> Trajectory:
    """The frozen orbit from a perilune at the start."""
    return integrated(sky, lunar_relay(sky, 0.0))


ORBITS: Final[dict[str, Callable[[Sky], Trajectory]]] = {
    "lunar-halo": halo,
    "lunar-frozen": frozen,
}


def texts() -> dict[str, str]:
    """The files' texts by their names."""
    with Sky(START, DURATION_S) as sky:
        orbits = {name: orbit(sky) for name, orbit in ORBITS.items()}
        return {
            f"{name}.oem": write_oem(sky, orbit, "moon", name, line_epochs_s(orbit))
            for name, orbit in orbits.items()
        }


def line_epochs_s(orbit: Trajectory) -> FloatArray:
    """When to write a line: whole seconds, from a margin before the start to a margin after the end."""

    def step_s(at_s: float) -> float:
        place = orbit.pieces.state(np.array([min(at_s, end_s)])).position_km
        turn_s = 2.0 * math.pi * math.sqrt(float(np.linalg.norm(place)) ** 3 / GM_MOON_KM3_S2)
        return min(turn_s / LINES_A_TURN, LONGEST_STEP_S)

    at_s, end_s = -MARGIN_S, DURATION_S + MARGIN_S
    epochs = [at_s]
    while at_s < end_s:
        long_s = step_s(at_s)
        short_s = min(long_s, step_s(at_s + long_s))  # it may be falling
        at_s = min(at_s + math.floor(short_s), end_s)
        epochs.append(at_s)
    return np.array(epochs)


def main() -> None:
    """Write the files into the folder given."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m topology.orbit_files FOLDER")
    folder = FilePath(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"{folder / name}: {len(text.splitlines())} lines")


if __name__ == "__main__":
    main()
