"""Where nodes are: a site on a body, or an orbit, as tables of a scenario."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from emulator.scenario.quantities import Positive, Utc
from emulator.scenario.table import Table, mend

Vector = tuple[float, float, float]
Body = Literal["earth", "moon", "mars"]


class Site(Table):
    """A place on a body's surface; longitudes east, the Moon's in the mean-Earth (ME) frame."""

    body: Body
    latitude_deg: float = Field(ge=-90, le=90)
    longitude_deg: float = Field(ge=-180, le=360)
    height_m: float = Field(default=0.0, ge=-12_000, le=100_000)
    dip: bool = False


class Elements(Table):
    """Osculating Kepler elements at the epoch, axes of the ICRF."""

    semi_major_axis_km: Positive
    eccentricity: float = Field(ge=0, lt=1)
    inclination_deg: float = Field(ge=0, le=180)
    ascending_node_deg: float = 0.0
    argument_of_periapsis_deg: float = 0.0
    mean_anomaly_deg: float = 0.0


class Spk(Table):
    """An object in an SPK file of the user's, by NAIF's number."""

    file: str
    target: int


class Lagrange(Table):
    """A Lagrange point of two bodies, the heavier first: an illustration, no craft sits there."""

    bodies: tuple[str, str]
    point: int = Field(ge=1, le=5)


class Orbit(Table):
    """A path: a state (ICRF axes, body-centred) or elements to integrate, a TLE, a file, a Lagrange point."""

    body: Body = "earth"
    epoch: Utc | None = None
    position_km: Vector | None = None
    velocity_km_s: Vector | None = None
    elements: Elements | None = None
    tle: tuple[str, str] | None = None
    oem: str | None = None
    spk: Spk | None = None
    lagrange: Lagrange | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Orbit:
        has_state = self.position_km is not None or self.velocity_km_s is not None
        others = (self.elements, self.tle, self.oem, self.spk, self.lagrange)
        if has_state + sum(other is not None for other in others) != 1:
            raise mend(
                "give one of: position_km with velocity_km_s, elements, tle, oem, spk, lagrange"
            )
        if has_state and (self.position_km is None or self.velocity_km_s is None):
            raise mend("give both position_km and velocity_km_s")
        if (has_state or self.elements is not None) and self.epoch is None:
            raise mend("add epoch, the date of the state or elements, such as 2026-12-01T00:00:00Z")
        return self
