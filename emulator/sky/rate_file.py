"""A terminal's rates as a CSV file of the user's: `range_km,elevation_deg,rate_bps` in its first line.

Each line: the rate up to that range, from that elevation on. The best line that holds counts.
"""

from __future__ import annotations

from pathlib import Path

from dtn.errors import BadInput, Fault
from emulator.csv_file import rows_below

HEADER = ["range_km", "elevation_deg", "rate_bps"]

Row = tuple[float, float, float]


def load(path: Path) -> tuple[Row, ...]:
    """Read the rates.

    Raises:
        BadInput: every line that is none; a rate of zero.
    """
    lines = rows_below(HEADER, path)
    rows: list[Row] = []
    faults = []
    for number, line in enumerate(lines, start=2):
        try:
            range_km, elevation_deg, rate_bps = (float(field) for field in line)
        except ValueError:
            range_km = elevation_deg = rate_bps = 0.0
        if range_km > 0 and rate_bps > 0 and -90 <= elevation_deg <= 90:
            rows.append((range_km, elevation_deg, rate_bps))
            continue
        mend = (
            "write a range and a rate above 0, and an elevation of -90 to 90 degrees between them"
        )
        faults.append(Fault(str(path), f"line {number}", ",".join(line), mend))
    if not rows and not faults:
        faults.append(Fault(str(path), "", "", "holds no rates: add a line"))
    if faults:
        raise BadInput(*faults)
    return tuple(rows)
