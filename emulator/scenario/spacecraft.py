"""What nodes are besides their radio: power, heat, radiation, by type in `[spacecraft.NAME]`; and what must hold.

    [spacecraft.ai]
    power = { battery_wh = 50_000, panel_m2 = 90, bus_w = 400, tracking_w = 60, sending_w = 40 }
    heat = { radiator_m2 = 60, limit_k = 330 }
    radiation = { protection = "ecc" }

A base is a spacecraft that stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from emulator.scenario.faults import did_you_mean
from emulator.scenario.quantities import Positive, PositiveSeconds, Seconds
from emulator.scenario.table import Table, mend

if TYPE_CHECKING:
    from emulator.scenario.scenario import Scenario

NotNegative = Annotated[float, Field(ge=0)]
Part = Annotated[float, Field(ge=0, le=1)]
Found = tuple[str, object, str]
"""Key path, value, mend."""


class Power(Table):
    """A battery, what fills it, and what the node draws; computing and mass driver say themselves what they draw."""

    battery_wh: Positive = Field(description="What its battery holds.")
    charge: Part = Field(default=1.0, description="The part that is in it at first.")
    charge_efficiency: float = Field(
        default=0.95, gt=0, le=1, description="The part of what goes in that comes out again."
    )
    panel_m2: NotNegative = Field(
        default=0.0, description="Area of its solar panel, which faces the Sun."
    )
    panel_efficiency: float = Field(
        default=0.3, ge=0, description="The part of the sunlight that becomes power."
    )
    source_w: NotNegative = Field(
        default=0.0, description="A constant source: a reactor, a radioisotope generator."
    )
    bus_w: NotNegative = Field(default=0.0, description="What it draws awake, whatever it does.")
    sleep_w: NotNegative = Field(default=0.0, description="What it draws asleep.")
    tracking_w: NotNegative = Field(
        default=0.0, description="For each neighbour that a terminal points at."
    )
    sending_w: NotNegative = Field(
        default=0.0, description="More, for each neighbour while bits go out to it."
    )
    shed_computing_below: Part = Field(
        default=0.4,
        description="Part of the battery below which computing, and launching, is shed.",
    )
    shed_links_below: Part = Field(
        default=0.25, description="Below which its terminals are switched off."
    )
    sleep_below: Part = Field(default=0.1, description="Below which it sleeps.")
    resume_margin: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="What is shed comes back at its threshold and so much more.",
    )

    @field_validator("panel_efficiency", mode="after")
    @classmethod
    def _no_more_than_the_sun_gives(cls, efficiency: float) -> float:
        if efficiency > 1:
            raise mend("a panel yields no more than the Sun gives: 1 at most, 0.3 for today's best")
        return efficiency

    @model_validator(mode="after")
    def _in_order(self) -> Power:
        if not self.shed_computing_below >= self.shed_links_below >= self.sleep_below:
            raise mend(
                "shed_computing_below, shed_links_below and sleep_below must not rise in this order"
            )
        if self.shed_computing_below + self.resume_margin > 1:
            raise mend(
                "shed_computing_below and resume_margin add up to more than a full battery: lower one"
            )
        return self


class Heat(Table):
    """A radiator that cools what the loads warm; computing is throttled at the limit."""

    radiator_m2: Positive = Field(description="Area that radiates, both sides counted.")
    emissivity: float = Field(default=0.9, gt=0, le=1, description="Of the radiator.")
    heat_capacity_j_k: Positive = Field(
        default=1e5, description="Of everything that is warm together."
    )
    limit_k: float = Field(
        default=330.0, gt=0, description="No warmer may computing make it, in kelvin."
    )
    sink_k: float = Field(
        default=3.0, ge=1, description="Temperature of what it radiates to; 3 is the open sky."
    )
    start_k: float = Field(default=290.0, gt=0, description="Its temperature at first.")

    @model_validator(mode="after")
    def _can_cool(self) -> Heat:
        if not self.sink_k < self.limit_k:
            raise mend("a radiator cools to nothing below its sink: limit_k must be above sink_k")
        return self


class Radiation(Table):
    """Upsets of the memory that holds bundles and frames, and resets of the processor."""

    upsets_per_bit_day: float = Field(
        default=1e-7, ge=0, le=1, description="Before any correction; storms multiply it."
    )
    protection: Literal["none", "ecc", "tmr"] = Field(
        default="ecc",
        description="Of the memory: none, ecc (SEC-DED, 72 bits for 64), tmr (three copies and a vote).",
    )
    scrub_s: PositiveSeconds = Field(
        default=3600.0,
        alias="scrub",
        description="How often a protected memory is read, mended and written back.",
    )
    resets_per_day: NotNegative = Field(default=0.0, description="Of its processor, by particles.")
    boot_s: Seconds = Field(
        default=120.0, alias="boot", description="How long the node is down after a reset."
    )
    durable: bool = Field(
        default=True, description="Whether its store survives a reset; else it is empty after it."
    )


class Spacecraft(Table):
    """A type of spacecraft, or of base. What is left out has no limits: mains, cool, no upsets."""

    power: Power | None = Field(default=None, description="Its battery, and what fills it.")
    heat: Heat | None = Field(default=None, description="Its radiator.")
    radiation: Radiation | None = Field(default=None, description="What particles do to it.")


def found_between_tables(scenario: Scenario) -> Iterator[Found]:
    """What takes two places of the file to see."""
    known = list(scenario.spacecraft)
    named: list[tuple[str, str | None]] = [
        (f'nodes[{place}] "{node.name}"', node.spacecraft)
        for place, node in enumerate(scenario.nodes)
    ]
    named += [
        (f'mass_driver[{place}] "{driver.name}".satellites', driver.satellites.spacecraft)
        for place, driver in enumerate(scenario.mass_driver)
    ]
    for path, name in named:
        if name is not None and name not in known:
            yield f"{path}.spacecraft", name, f"no such spacecraft: {did_you_mean(name, known)}"
    for place, node in enumerate(scenario.nodes):
        table = scenario.spacecraft.get(node.spacecraft or "")
        if table and table.power and table.power.panel_m2 and not (node.site or node.orbit):
            mend = "is nowhere, so no Sun shines on its panel: give it a site, or a source_w"
            yield f'nodes[{place}] "{node.name}".spacecraft', node.spacecraft, mend
    yield from _drivers(scenario)


def _drivers(scenario: Scenario) -> Iterator[Found]:
    """A mass driver that draws from a node: it must be there, with power, and enough of it."""
    names = [node.name for node in scenario.nodes]
    for place, driver in enumerate(scenario.mass_driver):
        path = f'mass_driver[{place}] "{driver.name}".energy'
        table = driver.energy
        if table is None:
            continue
        if table.node not in names:
            yield f"{path}.node", table.node, f"no such node: {did_you_mean(table.node, names)}"
            continue
        node = scenario.nodes[names.index(table.node)]
        spacecraft = scenario.spacecraft.get(node.spacecraft or "")
        if spacecraft is None or spacecraft.power is None:
            what = "has no power to draw from: give it a spacecraft with a power table"
            yield f"{path}.node", table.node, what


class LaunchEnergy(Table):
    """What a launch takes, and whose power it comes from."""

    node: str = Field(description="The node whose power the mass driver draws from.")
    satellite_kg: Positive = Field(description="Mass of a satellite, its bucket's losses included.")
    efficiency: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description="Kinetic energy at the muzzle over energy drawn: above 0.6 by O'Neill's design.",
    )
    charging_w: Positive = Field(
        description="What it draws while it stores up for the next launch."
    )
