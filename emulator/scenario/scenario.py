"""The whole of a scenario file as a pydantic model: format 1.

Every table refuses unknown keys. Attribute names carry units; where the file's key does not
(because its value does, as in `duration = "30d"`), the key is the field's alias. What needs more
than one table is checked in `checks`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from emulator.scenario import presets
from emulator.scenario.agent import Agent, Ltp, Planner, Routing
from emulator.scenario.mass_driver import Launch, MassDriver
from emulator.scenario.node import Link, Node
from emulator.scenario.outage import Outage
from emulator.scenario.plan_update import PlanUpdate
from emulator.scenario.quantities import PositiveSeconds, Utc
from emulator.scenario.security import Security
from emulator.scenario.shell import Shell, with_shells
from emulator.scenario.spacecraft import Spacecraft
from emulator.scenario.table import Name, Table
from emulator.scenario.terminal import Terminal
from emulator.scenario.traffic import Replay, Traffic
from emulator.scenario.weather import Weather
from topology.kernel_set import SHIPPED, KernelSet


class Kernels(Table):
    """An ephemeris of the user's in place of the one that ships, such as DE440: three files that belong together."""

    ephemeris: str
    moon_orientation: str
    moon_frames: str


class Scenario(Table):
    """A network and what happens in it. Times inside are seconds from `start`."""

    format: Literal[1]
    name: Name
    description: str = ""
    start: Utc
    duration_s: PositiveSeconds = Field(alias="duration")
    seed: int = Field(default=1, ge=0)
    routing: Routing = Routing()
    planner: Planner = Planner()
    convergence: Literal["whole-bundle", "ltp"] = "whole-bundle"
    ltp: Ltp = Ltp()
    agent: Agent = Agent()
    terminals: dict[Name, Terminal] = Field(default_factory=dict)
    spacecraft: dict[Name, Spacecraft] = Field(
        default_factory=dict, description="Power, heat and radiation of nodes, by type."
    )
    nodes: tuple[Node, ...]
    shells: tuple[Shell, ...] = Field(
        default=(), description="Earth satellites in Walker's pattern, which become nodes."
    )
    links: tuple[Link, ...] = ()
    mass_driver: tuple[MassDriver, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    replay: tuple[Replay, ...] = ()
    faults: tuple[Outage, ...] = ()
    plan_updates: tuple[PlanUpdate, ...] = Field(
        default=(), description="How what nodes know of the contact plan comes to differ from it."
    )
    weather: Weather | None = None
    security: Security = Security()
    kernels: Kernels | None = None

    _file: Path = PrivateAttr(default=Path())
    _sky_at: str = PrivateAttr(default="")

    @model_validator(mode="before")
    @classmethod
    def _shells_and_terminal_presets(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = with_shells(data)
        given = data.get("terminals", {})
        if not isinstance(given, dict):
            return data
        merged: dict[str, Any] = {name: dict(preset) for name, preset in presets.TERMINALS.items()}
        for name, table in given.items():
            known = merged.get(name, {})
            merged[name] = {**known, **table} if isinstance(table, dict) else table
        return {**data, "terminals": merged}

    @property
    def file(self) -> Path:
        """The file it was read from; files that it names are looked for beside it."""
        return self._file

    @property
    def sky_at(self) -> str:
        """The date under whose sky it begins, as it was given, where that is not the file's own; else empty."""
        return self._sky_at

    def kernel_set(self) -> KernelSet:
        """The ephemeris: the one that ships, or the user's."""
        if self.kernels is None:
            return SHIPPED
        return KernelSet(*(self.file.parent / name for name in self.kernels.model_dump().values()))

    @property
    def end(self) -> datetime:
        """Its last instant."""
        return self.start + timedelta(seconds=self.duration_s)

    def seconds(self, moment: float | datetime) -> float:
        """A moment as seconds from the start."""
        if isinstance(moment, datetime):
            return (moment - self.start).total_seconds()
        return moment

    def launches(self) -> tuple[Launch, ...]:
        """Every launch inside the scenario, in order of time."""
        found = [
            Launch(
                f"{driver.satellites.name}-{campaign * driver.count + number + 1}",
                driver.satellites.ipn + campaign * driver.count + number,
                self.seconds(driver.first)
                + campaign * (driver.campaign_period_s or 0.0)
                + number * driver.period_s,
                driver,
            )
            for driver in self.mass_driver
            for campaign in range(driver.campaigns)
            for number in range(driver.count)
        ]
        inside = [launch for launch in found if launch.t_s < self.duration_s]
        return tuple(sorted(inside, key=lambda launch: (launch.t_s, launch.name)))

    def ipn_numbers(self) -> dict[str, int]:
        """Node number by name, launched satellites included."""
        numbers = {node.name: node.ipn for node in self.nodes}
        numbers.update((launch.name, launch.ipn) for launch in self.launches())
        return numbers
