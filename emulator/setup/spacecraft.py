"""A scenario's spacecraft as a run knows them: sunlight resolved from the sky, launches with what they take."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.patterns import matching
from emulator.scenario import Scenario
from emulator.scenario.spacecraft import Heat, Power, Radiation
from emulator.sky.scenario_sky import ScenarioSky
from nodes.faults import NodeOutage
from nodes.seeding import generator
from nodes.spacecraft.launching import Driver
from nodes.spacecraft.options import (
    HeatOptions,
    PowerOptions,
    RadiationOptions,
    SpacecraftOptions,
    Storm,
)
from topology.illumination import Illumination

WH_J = 3600.0
DARK = Illumination()
DEAD = "lost at launch"


def spacecraft_of(
    scenario: Scenario, sky: ScenarioSky | None = None
) -> dict[str, SpacecraftOptions]:
    """What each node has that has a spacecraft, launched satellites included.

    Args:
        scenario: the scenario.
        sky: its sky; opened anew if it is needed and not given.

    Raises:
        BadInput: a node that cannot be where it is said to be.
    """
    kinds = {node.name: node.spacecraft for node in scenario.nodes}
    kinds |= {launch.name: launch.driver.satellites.spacecraft for launch in scenario.launches()}
    types = {name: scenario.spacecraft[kind] for name, kind in kinds.items() if kind is not None}
    lit = [name for name, kind in types.items() if kind.power and kind.power.panel_m2]
    if lit and sky is None:
        with ScenarioSky(scenario) as opened:
            light = {name: opened.illumination(name) for name in lit}
    else:
        light = {name: sky.illumination(name) for name in lit} if sky else {}
    return {
        name: SpacecraftOptions(
            power=None if kind.power is None else _power(kind.power, light.get(name, DARK)),
            heat=None if kind.heat is None else _heat(kind.heat),
            radiation=None if kind.radiation is None else _radiation(kind.radiation),
        )
        for name, kind in types.items()
    }


def drivers_of(scenario: Scenario) -> Iterator[Driver]:
    """The mass drivers that draw from a node."""
    launches = scenario.launches()
    for driver in scenario.mass_driver:
        table = driver.energy
        if table is None:
            continue
        own = [launch for launch in launches if launch.driver is driver]
        kinetic_j = 0.5 * table.satellite_kg * driver.muzzle_speed_m_s**2
        yield Driver(
            node=table.node,
            energy_j=kinetic_j / table.efficiency,
            charging_w=table.charging_w,
            satellites=tuple(launch.name for launch in own),
            due_s=tuple(launch.t_s for launch in own),
        )


def losses_of(scenario: Scenario) -> Iterator[NodeOutage]:
    """Satellites that are dead after their launch, drawn for each by the seed and its name."""
    for launch in scenario.launches():
        rate = launch.driver.loss_rate
        if rate and generator(scenario.seed, "launch", launch.name).random() < rate:
            yield NodeOutage(node=launch.name, at_s=launch.t_s, reason=DEAD)


def storms_of(scenario: Scenario) -> Iterator[Storm]:
    """Storms of particles, with the nodes that they hit."""
    names = list(scenario.ipn_numbers())
    for outage in scenario.faults:
        if outage.storm is not None and outage.factor is not None:
            at_s = scenario.seconds(outage.at)
            yield Storm(
                nodes=tuple(matching(outage.storm, names)),
                at_s=at_s,
                until_s=at_s + outage.for_s,
                factor=outage.factor,
            )


def _power(table: Power, light: Illumination) -> PowerOptions:
    to_w = table.panel_m2 * table.panel_efficiency
    knots_s = light.t_s or (0.0,)
    flux = light.flux_w_m2 or (0.0,)
    return PowerOptions(
        battery_j=table.battery_wh * WH_J,
        charge_j=table.charge * table.battery_wh * WH_J,
        charge_efficiency=table.charge_efficiency,
        knots_s=knots_s,
        incoming_w=tuple(table.source_w + to_w * w_m2 for w_m2 in flux),
        source_w=table.source_w,
        **{key: getattr(table, key) for key in _AS_THEY_ARE},
    )


_AS_THEY_ARE = (
    "bus_w",
    "sleep_w",
    "tracking_w",
    "sending_w",
    "shed_computing_below",
    "shed_links_below",
    "sleep_below",
    "resume_margin",
)


def _heat(table: Heat) -> HeatOptions:
    return HeatOptions(**table.model_dump())


def _radiation(table: Radiation) -> RadiationOptions:
    return RadiationOptions(
        upsets_per_bit_day=table.upsets_per_bit_day,
        protection=table.protection,
        scrub_s=table.scrub_s,
        resets_per_day=table.resets_per_day,
        boot_s=table.boot_s,
        is_durable=table.durable,
    )
