"""Horizon masks: a site's horizon as a CSV file, `azimuth_deg,elevation_deg` in its first line."""

from __future__ import annotations

from pathlib import Path

from dtn.errors import BadInput, Fault, InvalidValue
from emulator.csv_file import rows_below
from topology.visibility import HorizonMask

HEADER = ["azimuth_deg", "elevation_deg"]


def load(path: Path) -> HorizonMask:
    """Read a horizon mask.

    Raises:
        BadInput: the file is no horizon mask; every line that is none.
    """
    rows = rows_below(HEADER, path)
    points: list[tuple[float, float]] = []
    faults: list[Fault] = []
    for number, row in enumerate(rows, start=2):
        try:
            azimuth, elevation = (float(field) for field in row)
            points.append((azimuth, elevation))
        except ValueError:
            mend = "write two numbers in degrees: azimuth and lowest free elevation"
            faults.append(Fault(str(path), f"line {number}", ",".join(row), mend))
    if faults:
        raise BadInput(*faults)
    try:
        azimuths, elevations = zip(*points, strict=True) if points else ((), ())
        return HorizonMask(tuple(azimuths), tuple(elevations))
    except InvalidValue as bad:
        raise BadInput(Fault(str(path), bad.key, str(bad.value), bad.mend)) from None
