"""A scenario's clouds: spells over its stations, and the contacts that they cut when it runs.

A cloud over a station cuts what the station sends while it is there, and what would arrive there meanwhile: that
is earlier by the light time at the sender, so what is under way when a cloud comes is lost too, in its own time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput, Fault
from emulator.csv_file import rows_below
from emulator.scenario import Node, Scenario
from emulator.scenario.faults import did_you_mean
from nodes.faults import LinkOutage
from topology.bodies import body_named
from topology.terminal import OPTICAL
from topology.weather import Climate, Outage, outages_over

HEADER = ["site", "from", "to"]
REASON = "clouds"


def clouds(scenario: Scenario) -> dict[str, list[Outage]]:
    """Cloudy spells by station, seconds from the start, disjoint and in order; none without `[weather]`.

    Raises:
        BadInput: the file of observed clouds is none.
    """
    table = scenario.weather
    if table is None:
        return {}
    stations = [node for node in scenario.nodes if is_optical_station(scenario, node)]
    observed: dict[str, list[Outage]] = {}
    if table.cloud is not None:
        observed = load(scenario.file.parent / table.cloud, scenario)
    drawn = [node for node in stations if node.name not in observed]
    climates = {}
    for node in drawn:
        own = table.sites.get(node.name)
        fraction, spell_s = (own.clear_fraction, own.clear_spell_s) if own else (None, None)
        climates[node.name] = Climate(
            clear_fraction=table.clear_fraction if fraction is None else fraction,
            clear_spell_s=table.clear_spell_s if spell_s is None else spell_s,
        )
    spells = outages_over(
        climates,
        {node.name: _place_km(node) for node in drawn},
        table.correlation_km,
        scenario.seed,
        0.0,
        scenario.duration_s,
    )
    return {**observed, **spells}


def is_optical_station(scenario: Scenario, node: Node) -> bool:
    """Whether clouds can hang over it: on the Earth, with a terminal that is not radio."""
    on_earth = node.site is not None and node.site.body == "earth"
    bands = [scenario.terminals[kind].band for kind in node.terminals]
    return on_earth and OPTICAL in bands


def cuts(scenario: Scenario, plan: ContactPlan) -> Iterator[LinkOutage]:
    """The contacts that clouds cut, one way each, in the transmitter's time.

    Raises:
        BadInput: the file of observed clouds is none.
    """
    spells = clouds(scenario)
    fixed = {frozenset(link.between) for link in scenario.links}
    for contact in plan.contacts:
        if frozenset((contact.source, contact.destination)) in fixed:
            continue
        for start_s, end_s in spells.get(contact.source, ()):
            yield from _cut(contact, start_s, end_s)
        for start_s, end_s in spells.get(contact.destination, ()):
            yield from _cut(contact, _sent_s(contact, start_s), _sent_s(contact, end_s))


def _cut(contact: Contact, start_s: float, end_s: float) -> Iterator[LinkOutage]:
    start_s, end_s = max(start_s, contact.start_s), min(end_s, contact.end_s)
    if end_s > start_s:
        between = contact.source, contact.destination
        yield LinkOutage(
            between=between, at_s=start_s, for_s=end_s - start_s, reason=REASON, one_way=True
        )


def _sent_s(contact: Contact, arrives_s: float) -> float:
    """When what arrives then over the contact was sent; beyond its ends about so."""
    sent_s = arrives_s
    for _ in range(4):
        within_s = min(max(sent_s, contact.start_s), contact.end_s)
        sent_s = arrives_s - contact.owlt_at(within_s)
    return sent_s


def load(path: Path, scenario: Scenario) -> dict[str, list[Outage]]:
    """Observed clouds: `site,from,to`, a line for each cloudy spell, dates in UTC.

    Raises:
        BadInput: every line that is none.
    """
    rows = rows_below(HEADER, path)
    names = [node.name for node in scenario.nodes]
    spells: dict[str, list[Outage]] = {}
    faults: list[Fault] = []
    for number, row in enumerate(rows, start=2):
        found = _spell(row, scenario, names)
        if isinstance(found, str):
            faults.append(Fault(str(path), f"line {number}", ",".join(row), found))
        else:
            spells.setdefault(row[0], []).append(found)
    if faults:
        raise BadInput(*faults)
    return {site: _merged(of_site) for site, of_site in spells.items()}


def _spell(row: list[str], scenario: Scenario, names: list[str]) -> Outage | str:
    """From when to when, or what is wrong with the line."""
    if len(row) != len(HEADER):
        return f"write three values: {','.join(HEADER)}"
    if row[0] not in names:
        return f"no such node: {did_you_mean(row[0], names)}"
    try:
        dates = [datetime.fromisoformat(text) for text in row[1:]]
    except ValueError:
        return "write UTC dates such as 2026-12-02T06:30:00Z"
    start_s, end_s = (
        scenario.seconds(date.replace(tzinfo=UTC) if date.tzinfo is None else date)
        for date in dates
    )
    return (start_s, end_s) if end_s > start_s else "a cloud ends after it began"


def _merged(spells: list[Outage]) -> list[Outage]:
    merged: list[Outage] = []
    for start_s, end_s in sorted(spells):
        if merged and start_s <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end_s, merged[-1][1])
        else:
            merged.append((start_s, end_s))
    return merged


def _place_km(node: Node) -> tuple[float, float, float]:
    """Where a site is on a round Earth: good enough for how far apart two are."""
    assert node.site is not None
    latitude, longitude = (
        math.radians(node.site.latitude_deg),
        math.radians(node.site.longitude_deg),
    )
    radius_km = body_named("earth").radius_km
    return (
        radius_km * math.cos(latitude) * math.cos(longitude),
        radius_km * math.cos(latitude) * math.sin(longitude),
        radius_km * math.sin(latitude),
    )


def forecast(scenario: Scenario) -> Mapping[str, list[Outage]]:
    """What the planner is told of the clouds."""
    known = scenario.weather is not None and scenario.weather.forecast == "perfect"
    return clouds(scenario) if known else {}
