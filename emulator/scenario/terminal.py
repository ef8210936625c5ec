"""Laser and radio terminals as tables of a scenario."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from emulator.scenario.quantities import Positive
from emulator.scenario.table import Table
from topology import terminal


class Terminal(Table):
    """A laser or radio terminal (see `topology.terminal.Terminal`); both ends of a link count in its budget.

    `rate_file`: rates of the user's instead of the formula, CSV: range_km,elevation_deg,rate_bps.
    """

    model_config = ConfigDict(json_schema_extra={"required": []})  # a preset may bring the rest

    aperture_m: Positive
    power_w: Positive
    sun_keep_out_deg: float = Field(default=3.0, ge=0, lt=180)
    obscuration_m: float = Field(default=0.0, ge=0)
    wavelength_m: Positive = 1550e-9
    transmit_loss_db: float = Field(default=-5.0, le=0)
    receive_loss_db: float = Field(default=-2.0, le=0)
    detector_efficiency: float = Field(default=0.70, gt=0, le=1)
    bits_per_photon: Positive = 2.0
    transmit_cap_bps: Positive = 266.7e6
    receive_cap_bps: Positive = 266.7e6
    acquisition_s: float = Field(default=60.0, ge=0)
    rate_table: tuple[tuple[float, float], ...] = ()
    rate_file: str | None = None
    band: Literal["optical", "uhf", "s", "x", "ka"] = "optical"
    zenith_loss_db: float = Field(default=0.0, le=0)
    background_w: float = Field(default=0.0, ge=0)
    day_background_w: float = Field(default=0.0, ge=0)
    ppm_order: int = Field(default=16, ge=2)
    margin_db: float = Field(default=3.0, ge=0)
    pointing_jitter_beams: float = Field(default=0.1, ge=0)
    turbulence: float = Field(default=1.0, ge=0)

    def laser(
        self, name: str, rate_grid: tuple[tuple[float, float, float], ...] = ()
    ) -> terminal.Terminal:
        """The terminal as the link budget knows it.

        Args:
            name: its type.
            rate_grid: what its `rate_file` holds.

        Raises:
            InvalidValue: its values do not go together.
        """
        values = self.model_dump(exclude={"rate_file"})
        if self.rate_file is not None and not rate_grid:  # its file is read later
            rate_grid = ((1.0, 0.0, 1.0),)
        return terminal.Terminal(name=name, rate_grid=rate_grid, **values)
