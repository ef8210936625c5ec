"""Nodes and the fibre between them, as tables of a scenario."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from emulator.scenario import presets
from emulator.scenario.agent import Agent
from emulator.scenario.computing import Computing
from emulator.scenario.place import Orbit, Site
from emulator.scenario.quantities import Bytes, Positive
from emulator.scenario.table import Name, Table, mend

NodeNumber = Annotated[int, Field(ge=1, le=2**32 - 1)]
Role = Literal["earth-station", "moon-base", "relay", "satellite", "gateway"]


class Node(Table):
    """One node of the network. `role` fills in what is not written (see presets).

    `weight`: how much of the terminals' time its links deserve, beside those of weight 1.
    """

    name: Name
    ipn: NodeNumber
    role: Role
    site: Site | None = None
    orbit: Orbit | None = None
    mask_deg: float = Field(default=0.0, ge=-90, lt=90)
    horizon_mask: str | None = None
    terminals: tuple[str, ...] = ()
    weight: Positive = 1.0
    store_bytes: Bytes = Field(default=10**10, alias="store")
    agent: Agent | None = None
    computing: Computing | None = Field(default=None, description="What it computes with.")
    spacecraft: str | None = Field(
        default=None, description="Its power, heat and radiation: the name of a [spacecraft] table."
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        return with_role(data)

    @model_validator(mode="after")
    def _one_place(self) -> Node:
        if self.site is None and (self.horizon_mask or (self.mask_deg and not self._brings_mask())):
            raise mend("mask_deg and horizon_mask are for a site: leave them out")
        if self.role == "gateway" and not self.terminals:
            return self
        if (self.site is None) == (self.orbit is None):
            raise mend(
                "say where it is: either site = { body, latitude_deg, ... } or orbit = { ... }"
            )
        return self

    def _brings_mask(self) -> bool:
        return "mask_deg" in presets.ROLES.get(self.role, {})


class Link(Table):
    """A link that is always there, both ways: fibre between an Earth station and a gateway."""

    between: tuple[str, str]
    rate_bps: Positive
    owlt_s: float = Field(ge=0)
    frame_loss: float = Field(default=0.0, ge=0, lt=1)


def with_role(data: Any) -> Any:
    """What the node says, over what its role brings."""
    if not isinstance(data, dict):
        return data
    role = data.get("role")
    preset = presets.ROLES.get(role, {}) if isinstance(role, str) else {}
    return {**preset, **data}
