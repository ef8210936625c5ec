"""Bundle lists: traffic as a CSV file, one bundle a line, for runs over a contact plan of the user's.

    created_s,from,to,size_bytes,lifetime_s,priority,flow
    0.5,A,D,1000,3600,1,telemetry

`priority` (0 bulk, 1 normal, 2 expedited) and `flow` may be left out; the columns may be in any
order. `size_bytes` is the payload's. Names are those of the contact plan.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from dtn.errors import BadInput, Fault
from emulator.csv_file import reading
from emulator.scenario.faults import did_you_mean
from emulator.scenario.traffic import GREATEST_PAYLOAD_BYTES
from emulator.setup import Demand

REQUIRED = ("created_s", "from", "to", "size_bytes", "lifetime_s")
OPTIONAL = ("priority", "flow")


def load(
    path: Path, nodes: Collection[str], *, flow: str = "traffic", first_s: float = 0.0
) -> tuple[Demand, ...]:
    """Read a bundle list, in order of creation; equal times keep the order of the file.

    Args:
        path: the CSV file.
        nodes: names of the nodes there are.
        flow: of bundles whose line names none.
        first_s: when the list's second 0 is.

    Raises:
        BadInput: every fault of the file, with its line.
    """
    with reading(path) as file:
        lines = csv.DictReader(file, restkey="(more)", restval="")
        rows = list(lines)
    header = lines.fieldnames if rows else None
    faults = list(_header_faults(str(path), list(header or ())))
    if faults:
        raise BadInput(*faults)
    demands = []
    known = frozenset(nodes)
    for number, row in enumerate(rows, start=2):
        found = list(_row_faults(row, known))
        faults += [Fault(str(path), f"line {number}, {key}", said, m) for key, said, m in found]
        if not found:
            demands.append(_demand(row, flow, first_s))
    if faults:
        raise BadInput(*faults)
    return tuple(sorted(demands, key=lambda demand: demand.created_s))


def _header_faults(file: str, header: list[str]) -> Iterator[Fault]:
    if not header:
        yield Fault(file, "line 1", "", f"no bundles: the columns are {', '.join(REQUIRED)}")
        return
    for column in dict.fromkeys(header):
        if header.count(column) > 1:
            yield Fault(file, "line 1", column, "this column is there twice: leave one out")
        if column not in (*REQUIRED, *OPTIONAL):
            mend = f"unknown column: {did_you_mean(column, (*REQUIRED, *OPTIONAL))}"
            yield Fault(file, "line 1", column, mend)
    for column in REQUIRED:
        if column not in header:
            yield Fault(file, "line 1", column, "this column is missing: add it")


def _row_faults(row: Mapping[str, str], nodes: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    if row.get("(more)"):
        yield "all", ",".join(row["(more)"]), "more fields than the header has columns"
    for key in ("from", "to"):
        if row[key] not in nodes:
            yield (
                key,
                row[key],
                f"no such node in the network: {did_you_mean(row[key], nodes)}",
            )
    if row["from"] == row["to"]:
        yield "to", row["to"], "a bundle goes to another node"
    if not 0 <= _number(row["created_s"]) < math.inf:
        yield "created_s", row["created_s"], "write seconds from the start, 0 or more"
    size = row["size_bytes"]
    if not (size.isdecimal() and 0 < _number(size) <= GREATEST_PAYLOAD_BYTES):
        yield "size_bytes", size, "write a whole number of bytes, more than 0, 4 GB at most"
    if not 0 < _number(row["lifetime_s"]) < math.inf:
        yield "lifetime_s", row["lifetime_s"], "write seconds, more than 0"
    if row.get("priority", "") not in ("", "0", "1", "2"):
        yield "priority", row["priority"], "write 0 (bulk), 1 (normal) or 2 (expedited)"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _demand(row: Mapping[str, str], flow: str, first_s: float) -> Demand:
    return Demand(
        created_s=first_s + float(row["created_s"]),
        source=row["from"],
        destination=row["to"],
        size_bytes=int(row["size_bytes"]),
        lifetime_s=float(row["lifetime_s"]),
        priority=int(row.get("priority") or 1),
        flow=row.get("flow") or flow,
    )
