"""The setup of a scenario: its contacts planned, its tables, patterns and dates resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dtn.contact_plan import ContactPlan
from emulator.files import beside, digest_of
from emulator.memory import return_freed_memory
from emulator.setup.members import members_of
from emulator.setup.setup import Demand, Setup
from emulator.setup.streams import FIRST_SERVICE, streams_of
from nodes.faults import LinkOutage, NodeOutage
from nodes.spacecraft.options import SpacecraftOptions

if TYPE_CHECKING:
    from emulator.geometry import Geometry
    from emulator.scenario import Scenario
    from emulator.sky.scenario_sky import ScenarioSky


def from_scenario(
    scenario: Scenario, progress: Callable[[str, float], object] | None = None
) -> Setup:
    """Plan the contacts of a scenario and resolve its tables.

    Raises:
        BadInput: a path or a link that cannot be.
    """
    return with_geometry(scenario, progress)[0]


Places = tuple["Geometry", Mapping[str, SpacecraftOptions]]
"""Where everything is, and what its spacecraft have there."""


def places_in(sky: ScenarioSky) -> Places:
    """Where the nodes and bodies of a scenario are, and what its spacecraft have there.

    Raises:
        BadInput: a node that cannot be where it is said to be.
    """
    from emulator.geometry import geometry_of
    from emulator.setup.spacecraft import spacecraft_of

    return geometry_of(sky), spacecraft_of(sky.scenario, sky)


def with_geometry(
    scenario: Scenario,
    progress: Callable[[str, float], object] | None = None,
    places: Callable[[ScenarioSky], Places] = places_in,
) -> tuple[Setup, Geometry]:
    """The same, with where its nodes and bodies are: the sky is looked at once.

    Args:
        scenario: the scenario.
        progress: told what is being done, and which part of it is done, 0 to 1.
        places: who looks where everything is, once the contacts are planned.

    Raises:
        BadInput: a path or a link that cannot be.
    """
    from emulator.sky.scenario_sky import ScenarioSky

    _replayed(scenario)  # its faults before the minutes that a plan may take
    with ScenarioSky(scenario) as sky:
        plan = sky.plan(progress)
        geometry, spacecraft = places(sky)
    return_freed_memory()
    return over(scenario, plan, spacecraft), geometry


def over(
    scenario: Scenario,
    plan: ContactPlan,
    spacecraft: Mapping[str, SpacecraftOptions] | None = None,
) -> Setup:
    """A scenario over contacts that were planned for it before.

    Args:
        scenario: the scenario.
        plan: its contacts.
        spacecraft: what its nodes have, by name; None: the sky is asked again.

    Raises:
        BadInput: every fault of the bundle lists that it names.
    """
    from emulator.setup.ltp import ltp_options
    from emulator.setup.plan_news import cancellations, news_of
    from emulator.setup.security import resolve
    from emulator.setup.spacecraft import drivers_of, losses_of, spacecraft_of, storms_of
    from emulator.sky.weather import cuts

    if spacecraft is None:
        spacecraft = spacecraft_of(scenario)
    members = tuple(
        replace(member, spacecraft=spacecraft.get(member.name)) for member in members_of(scenario)
    )
    files, demands = _replayed(scenario)
    return Setup(
        name=scenario.name,
        sha256=digest_of(scenario.file, *files),
        start=scenario.start,
        duration_s=scenario.duration_s,
        seed=scenario.seed,
        strategy=strategy_beside(scenario),
        plan=plan,
        members=members,
        streams=tuple(streams_of(scenario, {member.name: member.joins_s for member in members})),
        demands=demands,
        outages=(
            *_outages(scenario),
            *cancellations(scenario, plan),
            *cuts(scenario, plan),
            *losses_of(scenario),
        ),
        news=tuple(news_of(scenario, plan)),
        drivers=tuple(drivers_of(scenario)),
        storms=tuple(storms_of(scenario)),
        security=tuple(resolve(scenario, FIRST_SERVICE).rules),
        ltp=ltp_options(scenario) if scenario.convergence == "ltp" else None,
        source=str(scenario.file),
    )


def _replayed(scenario: Scenario) -> tuple[list[Path], tuple[Demand, ...]]:
    """The bundle lists of a scenario, looked for beside it, and their bundles in order of creation."""
    from emulator.setup import bundle_list

    files: list[Path] = []
    demands: list[Demand] = []
    names = scenario.ipn_numbers()
    for replay in scenario.replay:
        files.append(scenario.file.parent / replay.file)
        first_s = scenario.seconds(replay.first)
        demands += bundle_list.load(files[-1], names, flow=replay.name, first_s=first_s)
    return files, tuple(sorted(demands, key=lambda demand: demand.created_s))


def _outages(scenario: Scenario) -> Iterator[NodeOutage | LinkOutage]:
    for outage in scenario.faults:
        at_s = scenario.seconds(outage.at)
        if outage.node is not None:
            yield NodeOutage(node=outage.node, at_s=at_s, for_s=outage.for_s)
        elif outage.link is not None:
            yield LinkOutage(between=outage.link, at_s=at_s, for_s=outage.for_s)


def strategy_beside(scenario: Scenario) -> str:
    """The scenario's strategy, its file where it is found."""
    return beside(scenario.file, scenario.routing.strategy)
