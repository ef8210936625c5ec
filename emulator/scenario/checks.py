"""What must hold between the tables of a scenario: names, references, dates.

A check only looks at what pydantic has already accepted, so it may trust types and ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from dtn.errors import Fault, InvalidValue
from emulator.patterns import matching
from emulator.scenario.computing import faults_of_computing
from emulator.scenario.faults import did_you_mean, shown
from emulator.scenario.scenario import Scenario
from emulator.scenario.spacecraft import found_between_tables
from emulator.scenario.traffic import Traffic
from topology.mass_driver import Muzzle

Found = tuple[str, object, str]
"""Key path, value, mend."""

MOST_MOMENTS = 10**8
"""Bundles of a flow beyond which no machine has the memory for its run."""


def faults_between_tables(scenario: Scenario, file: str) -> tuple[Fault, ...]:
    """Every fault that takes two places of the file to see."""
    checks: tuple[Callable[[Scenario], Iterator[Found]], ...] = (
        _dates,
        _enough_nodes,
        _unique_names,
        _unique_numbers,
        _planner,
        _terminals,
        _links,
        _convergence,
        found_between_tables,
        _mass_drivers,
        _traffic,
        faults_of_computing,
        _reports,
        _outages,
        _plan_updates,
        _weather,
        _security,
    )
    return tuple(
        Fault(file, key, shown(value), mend)
        for check in checks
        for key, value, mend in check(scenario)
    )


def _dates(scenario: Scenario) -> Iterator[Found]:
    try:
        first_utc, last_utc = scenario.kernel_set().covered()
    except InvalidValue as bad:
        yield f"kernels.{bad.key}", bad.value, bad.mend
        return
    span = f"the ephemeris covers {first_utc:%Y-%m-%d} to {last_utc:%Y-%m-%d}"
    if not first_utc <= scenario.start <= last_utc:
        yield "start", scenario.start, f"choose another date: {span}"
    elif scenario.duration_s > (last_utc - scenario.start).total_seconds():
        yield (
            "duration",
            f"{scenario.duration_s / 86400:g}d",
            f"end sooner: from this start, {span}",
        )
    for place, node in enumerate(scenario.nodes):
        epoch = node.orbit.epoch if node.orbit else None
        if epoch is not None and not first_utc <= epoch <= last_utc:
            yield (
                f"{_node(place, node.name)}.orbit.epoch",
                epoch,
                f"choose another: {span}",
            )


def _enough_nodes(scenario: Scenario) -> Iterator[Found]:
    if len(scenario.nodes) < 2:
        yield "nodes", len(scenario.nodes), "a network has at least two [[nodes]]"


def _unique_names(scenario: Scenario) -> Iterator[Found]:
    yield from _twice(
        ((name, path) for path, name, _ in _members(scenario)),
        lambda first: f"this name is taken by {first}: choose another",
    )


def _unique_numbers(scenario: Scenario) -> Iterator[Found]:
    yield from _twice(
        ((number, path) for path, _, number in _members(scenario)),
        lambda first: f"this node number is taken by {first}: choose another",
        key="ipn",
    )


def _members(scenario: Scenario) -> Iterator[tuple[str, str, int]]:
    """Key path, name and node number of every node, launched ones included."""
    for place, node in enumerate(scenario.nodes):
        yield _node(place, node.name), node.name, node.ipn
    for place, driver in enumerate(scenario.mass_driver):
        for number in range(driver.count * driver.campaigns):
            yield (
                f'mass_driver[{place}] "{driver.name}".satellites',
                f"{driver.satellites.name}-{number + 1}",
                driver.satellites.ipn + number,
            )


def _twice(
    entries: Iterable[tuple[object, str]], mend: Callable[[str], str], key: str = "name"
) -> Iterator[Found]:
    first: dict[object, str] = {}
    for value, path in entries:
        if value in first:
            yield f"{path}.{key}", value, mend(first[value])
        first.setdefault(value, path)


def _planner(scenario: Scenario) -> Iterator[Found]:
    from topology.planner import DESIGNERS

    designer = scenario.planner.designer
    if designer is not None and designer not in DESIGNERS:
        mend = f"no such designer: {did_you_mean(designer, DESIGNERS)}"
        yield "planner.designer", designer, mend


def _terminals(scenario: Scenario) -> Iterator[Found]:
    for name, table in scenario.terminals.items():
        try:
            table.laser(name)
        except InvalidValue as bad:
            yield f"terminals.{name}.{bad.key}", bad.value, bad.mend
    lists = [(_node(place, node.name), node.terminals) for place, node in enumerate(scenario.nodes)]
    lists += [
        (f'mass_driver[{place}] "{driver.name}".satellites', driver.satellites.terminals)
        for place, driver in enumerate(scenario.mass_driver)
    ]
    for path, terminals in lists:
        for place, terminal in enumerate(terminals):
            if terminal not in scenario.terminals:
                mend = f"no such terminal: {did_you_mean(terminal, list(scenario.terminals))}"
                yield f"{path}.terminals[{place}]", terminal, mend


def _links(scenario: Scenario) -> Iterator[Found]:
    names = [node.name for node in scenario.nodes]
    for place, link in enumerate(scenario.links):
        yield from _ends(f"links[{place}].between", link.between, names)
    yield from _twice(
        (
            (tuple(sorted(link.between)), f"links[{place}]")
            for place, link in enumerate(scenario.links)
        ),
        lambda first: f"{first} joins the same two: give one the rate of both",
        key="between",
    )


def _meeting(path: str, ends: tuple[str, str], scenario: Scenario) -> Iterator[Found]:
    """The ends of a link that must be somewhere: a node without a place has fibre only."""
    yield from _ends(path, ends, list(scenario.ipn_numbers()))
    fibre = [frozenset(link.between) for link in scenario.links]
    nowhere = {node.name for node in scenario.nodes if not (node.site or node.orbit)}
    if nowhere & set(ends) and ends[0] != ends[1] and frozenset(ends) not in fibre:
        yield path, ends, "these two never meet: no [[links]] joins them"


def _reports(scenario: Scenario) -> Iterator[Found]:
    """Reports that are asked for must have somebody to make them."""
    own = [node.agent for node in scenario.nodes]
    own += [driver.satellites.agent for driver in scenario.mass_driver]
    if any(scenario.agent.changed_by(agent).status_reports for agent in own):
        return
    for place, flow in enumerate(scenario.traffic):
        if flow.reports:
            mend = "no node makes any: write status_reports = true in [agent], or leave it out"
            yield f'traffic[{place}] "{flow.name}".reports', flow.reports, mend


def _convergence(scenario: Scenario) -> Iterator[Found]:
    """What is said of LTP must not go unheard."""
    if scenario.convergence == "ltp":
        from emulator.setup.ltp import resolve

        yield from resolve(scenario).faults
        return
    mend = 'is for LTP only: write convergence = "ltp" above the tables, or leave it out'
    if "ltp" in scenario.model_fields_set:
        yield "ltp", "", mend
    for place, link in enumerate(scenario.links):
        if link.frame_loss:
            yield f"links[{place}].frame_loss", link.frame_loss, mend


def _ends(path: str, ends: tuple[str, str], names: list[str]) -> Iterator[Found]:
    for place, name in enumerate(ends):
        if name not in names:
            yield f"{path}[{place}]", name, f"no such node: {did_you_mean(name, names)}"
    if ends[0] == ends[1]:
        yield path, ends, "a link joins two different nodes"


def _mass_drivers(scenario: Scenario) -> Iterator[Found]:
    for place, driver in enumerate(scenario.mass_driver):
        path = f'mass_driver[{place}] "{driver.name}"'
        first_s = scenario.seconds(driver.first)
        if not 0 <= first_s < scenario.duration_s:
            yield f"{path}.first", driver.first, "launch within the scenario's duration"
        if driver.site.body != "moon":
            yield f"{path}.site.body", driver.site.body, 'a mass driver stands on the "moon"'
        if driver.track_length_km is not None and driver.acceleration_limit_g is not None:
            muzzle = Muzzle(
                azimuth_deg=driver.azimuth_deg,
                elevation_deg=driver.elevation_deg,
                speed_m_s=driver.muzzle_speed_m_s,
            )
            needed_g = muzzle.acceleration_g(driver.track_length_km)
            if needed_g > driver.acceleration_limit_g:
                least_km = muzzle.track_length_km(driver.acceleration_limit_g)
                mend = f"the speed takes {needed_g:.3g} g on this track: {least_km:.3g} km would do"
                yield f"{path}.acceleration_limit_g", driver.acceleration_limit_g, mend


def _traffic(scenario: Scenario) -> Iterator[Found]:
    names = list(scenario.ipn_numbers())
    flows: list[tuple[object, str]] = []
    for place, flow in enumerate(scenario.traffic):
        path = f'traffic[{place}] "{flow.name}"'
        flows.append((flow.name, path))
        for key, given in (("from", flow.source), ("to", flow.destination)):
            for pattern in (given,) if isinstance(given, str) else given:
                if not any(fnmatchcase(name, pattern) for name in names):
                    yield f"{path}.{key}", pattern, f"no such node: {did_you_mean(pattern, names)}"
        yield from _pairs(path, flow, names, scenario)
        if not 0 <= scenario.seconds(flow.first) <= scenario.duration_s:
            yield f"{path}.first", flow.first, "begin within the scenario's duration"
        if flow.until is not None and scenario.seconds(flow.until) < scenario.seconds(flow.first):
            yield f"{path}.until", flow.until, "must not be before first"
    for place, replay in enumerate(scenario.replay):
        path = f'replay[{place}] "{replay.name}"'
        flows.append((replay.name, path))
        if not 0 <= scenario.seconds(replay.first) <= scenario.duration_s:
            yield f"{path}.first", replay.first, "begin within the scenario's duration"
    yield from _twice(flows, lambda first: f"this name is taken by {first}: choose another")


def _pairs(path: str, flow: Traffic, names: list[str], scenario: Scenario) -> Iterator[Found]:
    """Somebody must send to somebody else, and not more than a run can hold."""
    sources, destinations = matching(flow.source, names), matching(flow.destination, names)
    pairs = len(sources) * len(destinations) - len(set(sources) & set(destinations))
    if sources and destinations and not pairs:
        yield f"{path}.to", flow.destination, "a bundle goes to another node"
    until_s = scenario.duration_s if flow.until is None else scenario.seconds(flow.until)
    moments = (min(until_s, scenario.duration_s) - scenario.seconds(flow.first)) / flow.period_s
    if pairs * moments > MOST_MOMENTS:
        mend = f"gives {pairs * moments:.2g} bundles: {MOST_MOMENTS:.0e} are the most of a flow"
        yield f"{path}.period", f"{flow.period_s:g}s", mend


def _outages(scenario: Scenario) -> Iterator[Found]:
    names = list(scenario.ipn_numbers())
    exposed = list(_exposed(scenario))
    for place, outage in enumerate(scenario.faults):
        path = f"faults[{place}]"
        if outage.node is not None and outage.node not in names:
            yield f"{path}.node", outage.node, f"no such node: {did_you_mean(outage.node, names)}"
        if outage.link is not None:
            yield from _meeting(f"{path}.link", outage.link, scenario)
        if outage.storm is not None and not matching(outage.storm, names):
            mend = f"no such node: {did_you_mean(outage.storm, names)}"
            yield f"{path}.storm", outage.storm, mend
        elif outage.storm is not None and not matching(outage.storm, exposed):
            mend = "hits nobody: no node of these has a [spacecraft] table with radiation"
            yield f"{path}.storm", outage.storm, mend
        if not 0 <= scenario.seconds(outage.at) <= scenario.duration_s:
            yield f"{path}.at", outage.at, "must be within the scenario's duration"


def _exposed(scenario: Scenario) -> Iterator[str]:
    """Nodes that particles can hit, or whose spacecraft's name is wrong, which is told elsewhere."""
    types = [(node.name, node.spacecraft) for node in scenario.nodes]
    types += [(launch.name, launch.driver.satellites.spacecraft) for launch in scenario.launches()]
    for name, spacecraft in types:
        if spacecraft is None:
            continue
        table = scenario.spacecraft.get(spacecraft)
        if table is None or table.radiation is not None:
            yield name


def _plan_updates(scenario: Scenario) -> Iterator[Found]:
    names = list(scenario.ipn_numbers())
    for place, update in enumerate(scenario.plan_updates):
        path = f"plan_updates[{place}]"
        if update.origin not in names:
            mend = f"no such node: {did_you_mean(update.origin, names)}"
            yield f"{path}.origin", update.origin, mend
        if not 0 <= scenario.seconds(update.at) <= scenario.duration_s:
            yield f"{path}.at", update.at, "must be within the scenario's duration"
        for key, changes in (("cancelled", update.cancelled), ("added", update.added)):
            for number, change in enumerate(changes):
                yield from _meeting(f"{path}.{key}[{number}].link", change.link, scenario)


def _security(scenario: Scenario) -> Iterator[Found]:
    """Reads the key files, too."""
    if scenario.security.keys or scenario.security.rules:
        from emulator.setup.security import resolve

        yield from resolve(scenario, 0).faults


def _weather(scenario: Scenario) -> Iterator[Found]:
    if scenario.weather is None:
        return
    stations = [node.name for node in scenario.nodes if node.site and node.site.body == "earth"]
    if not stations:
        yield "weather", "", "no node stands on the Earth, where the clouds are: leave it out"
    for name in scenario.weather.sites:
        if name not in stations:
            mend = f"no such station on the Earth: {did_you_mean(name, stations)}"
            yield f"weather.sites.{name}", name, mend


def _node(place: int, name: str) -> str:
    return f'nodes[{place}] "{name}"'
