"""Mass drivers and what they launch, as tables of a scenario."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import Field, model_validator

from emulator.scenario.agent import Agent
from emulator.scenario.computing import Computing
from emulator.scenario.node import NodeNumber, Role, with_role
from emulator.scenario.place import Site
from emulator.scenario.quantities import Bytes, Moment, Positive, PositiveSeconds
from emulator.scenario.spacecraft import LaunchEnergy
from emulator.scenario.table import Name, Table, mend


class Satellites(Table):
    """What a mass driver launches: `name`-1, `name`-2, ... with node numbers from `ipn` on."""

    name: Name
    ipn: NodeNumber
    role: Role = "satellite"
    area_to_mass_m2_kg: float = Field(default=0.05, ge=0, le=100)
    reflectivity: float = Field(default=1.3, ge=0, le=2)
    terminals: tuple[str, ...] = ()
    store_bytes: Bytes = Field(default=10**10, alias="store")
    agent: Agent | None = None
    computing: Computing | None = Field(default=None, description="What it computes with.")
    spacecraft: str | None = Field(
        default=None, description="Its power, heat and radiation: the name of a [spacecraft] table."
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        return with_role({"role": "satellite", **data} if isinstance(data, dict) else data)


class MassDriver(Table):
    """A mass driver and its launches; each satellite joins the network when it is launched.

    `muzzle_speed_error_m_s`: standard deviation of the speed, drawn for each satellite from the scenario's seed.
    `track_length_km` and `acceleration_limit_g`: if both are given, the speed must be within their reach. A campaign is
    `count` launches, one every `period`; the next begins `campaign_period` after it began.
    """

    name: Name
    site: Site
    azimuth_deg: float = Field(ge=0, le=360)
    elevation_deg: float = Field(ge=0, le=90)
    muzzle_speed_m_s: float = Field(gt=0, le=50_000)
    muzzle_speed_error_m_s: float = Field(default=0.0, ge=0, le=100)
    track_length_km: Positive | None = None
    acceleration_limit_g: Positive | None = None
    first: Moment
    period_s: PositiveSeconds = Field(alias="period")
    count: int = Field(ge=1, le=10_000)
    campaigns: int = Field(
        default=1, ge=1, le=1000, description="How often `count` launches are made."
    )
    campaign_period_s: PositiveSeconds | None = Field(
        default=None,
        alias="campaign_period",
        description="From the beginning of a campaign to that of the next.",
    )
    loss_rate: float = Field(
        default=0.0, ge=0, le=1, description="How likely a satellite is dead after its launch."
    )
    energy: LaunchEnergy | None = Field(
        default=None,
        description="What a launch takes, and whose power it comes from; without it launching is free.",
    )
    satellites: Satellites

    @model_validator(mode="after")
    def _campaigns_apart(self) -> MassDriver:
        if self.campaigns > 1:
            apart_s = self.campaign_period_s
            if apart_s is None:
                raise mend('say how far campaigns are apart: campaign_period = "7d"')
            if apart_s < self.count * self.period_s:
                raise mend(
                    "a campaign begins before the one before is over: longer campaign_period"
                )
        return self


class Launch(NamedTuple):
    """One launch of a mass driver: the satellite's name and number, and when it leaves."""

    name: str
    ipn: int
    t_s: float
    driver: MassDriver
