"""Horizon masks: a site's horizon as a CSV file, `azimuth_deg,elevation_deg` in its first line."""

from __future__ import annotations

import csv
from pathlib import Path

from dtn.errors import BadInput, Fault, InvalidValue
from topology.visibility import HorizonMask

HEADER = ["azimuth_deg", "elevation_deg"]


def load(path: Path) -> HorizonMask:
    """Read a horizon mask.

    Raises:
        BadInput: the file is no horizon mask; every line that is none.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except FileNotFoundError:
        raise BadInput(Fault(str(path), "", "", "there is no such file: check its name")) from None
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise BadInput(Fault(str(path), "", "", f"cannot be read as CSV: {fault}")) from None
    if header != HEADER:
        raise BadInput(Fault(str(path), "line 1", ",".join(header), f"write {','.join(HEADER)}"))
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
