"""Shells: Earth satellites in the pattern of Walker, as nodes with two-line elements for SGP4.

    [[shells]]
    name = "leo"                # leo-1, leo-2, ...: plane by plane
    ipn = 1001
    planes = 6
    per_plane = 6
    phasing = 1                 # Walker's F
    altitude_km = 1200
    inclination_deg = 53

Walker's delta pattern i: t/p/f: planes spread evenly over 360 deg of ascending node, satellites evenly in a plane, and
from plane to plane an offset of f 360/t in the plane (J. G. Walker, JBIS 37, 1984). The elements are made up, with the
scenario's start as their epoch; they are mean elements, as SGP4 wants them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from emulator.scenario.quantities import Bytes, Utc
from emulator.scenario.table import Name, Table, mend
from topology.bodies import body_named
from topology.constants import DAY_S, GM_EARTH_KM3_S2

JsonTable = dict[str, Any]
FIRST_CATALOGUE_NUMBER = 90_000
"""Of made-up elements: no satellite has one so high in the old five digits."""


class Shell(Table):
    """Earth satellites in Walker's delta pattern; the other keys are those of each as a node."""

    name: Name = Field(description="Its satellites are called NAME-1, NAME-2, ..., plane by plane.")
    ipn: int = Field(ge=1, le=2**32 - 10_001, description="Node number of the first.")
    planes: int = Field(ge=1, le=200, description="How many orbital planes.")
    per_plane: int = Field(ge=1, le=200, description="Satellites in each.")
    phasing: int = Field(default=0, ge=0, description="Walker's f: below the number of planes.")
    altitude_km: float = Field(ge=200, le=50_000, description="Above the equator's radius.")
    inclination_deg: float = Field(ge=0, le=180, description="Of the planes.")
    role: Literal["relay", "satellite"] = Field(default="relay", description="Of each satellite.")
    terminals: tuple[str, ...] | None = Field(default=None, description="Of each satellite.")
    weight: float | None = Field(default=None, gt=0, description="Of each satellite's links.")
    store_bytes: Bytes | None = Field(default=None, alias="store", description="Of each satellite.")
    spacecraft: str | None = Field(default=None, description="Of each satellite.")

    @model_validator(mode="after")
    def _pattern(self) -> Shell:
        if self.phasing >= self.planes:
            raise mend("phasing is below the number of planes")
        return self

    def nodes(self, given: JsonTable, epoch: datetime) -> Iterator[JsonTable]:
        """Its satellites as [[nodes]] tables; `given` is its own table as the file has it."""
        shared = {key: given[key] for key in _OF_A_NODE if key in given}
        total = self.planes * self.per_plane
        radius_km = body_named("earth").radius_km + self.altitude_km
        revolutions = DAY_S / (2.0 * math.pi) * math.sqrt(GM_EARTH_KM3_S2 / radius_km**3)
        for place in range(total):
            plane, slot = divmod(place, self.per_plane)
            yield {
                **shared,
                "name": f"{self.name}-{place + 1}",
                "ipn": self.ipn + place,
                "role": self.role,
                "orbit": {
                    "tle": two_lines(
                        FIRST_CATALOGUE_NUMBER + place % 10_000,
                        epoch,
                        inclination_deg=self.inclination_deg,
                        ascending_node_deg=360.0 * plane / self.planes,
                        mean_anomaly_deg=(
                            360.0 * slot / self.per_plane + 360.0 * self.phasing * plane / total
                        )
                        % 360.0,
                        revolutions_per_day=revolutions,
                    )
                },
            }


_OF_A_NODE = ("terminals", "weight", "store", "spacecraft")


class _Epoch(Table):
    start: Utc


def with_shells(data: JsonTable) -> JsonTable:
    """A scenario's tables with the satellites of its shells among its nodes; shells that are wrong bring none."""
    shells, nodes = data.get("shells"), data.get("nodes", ())
    if not isinstance(shells, list | tuple) or not isinstance(nodes, list | tuple):
        return data
    try:
        epoch = _Epoch.model_validate({"start": data.get("start")}).start
    except ValidationError:
        return data
    more: list[JsonTable] = []
    for given in shells:
        try:
            more += Shell.model_validate(given).nodes(given, epoch)
        except ValidationError:
            continue  # its faults are told where it is read
    return {**data, "nodes": (*nodes, *more)}


def two_lines(
    number: int,
    epoch: datetime,
    *,
    inclination_deg: float,
    ascending_node_deg: float,
    mean_anomaly_deg: float,
    revolutions_per_day: float,
) -> tuple[str, str]:
    """Two-line elements of a round orbit without drag (format: NORAD, see CelesTrak's FAQ).

    Args:
        number: in the catalogue, five digits.
        epoch: of the elements, UTC.
        inclination_deg: to the equator (TEME).
        ascending_node_deg: of its plane.
        mean_anomaly_deg: from the ascending node.
        revolutions_per_day: mean motion.
    """
    midnight = epoch.replace(hour=0, minute=0, second=0, microsecond=0)
    day = epoch.timetuple().tm_yday + (epoch - midnight).total_seconds() / DAY_S
    first = f"1 {number:05d}U 26001A   {epoch.year % 100:02d}{day:012.8f}  .00000000  00000+0  00000+0 0  999"
    second = (
        f"2 {number:05d} {inclination_deg:8.4f} {ascending_node_deg:8.4f} 0000001   0.0000"
        f" {mean_anomaly_deg:8.4f} {revolutions_per_day:11.8f}    1"
    )
    return _checked(first), _checked(second)


def _checked(line: str) -> str:
    """A line with its checksum: digits count as themselves, a minus as one."""
    total = sum(int(c) if c.isdigit() else c == "-" for c in line)
    return f"{line}{total % 10}"
