"""Commands about the sky: windows, light-time, launch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dtn.errors import BadInput, Fault
from emulator.cli.options import JsonOption, ScenarioFile, load_scenario
from emulator.cli.output import plain_table, print_json, stdout

if TYPE_CHECKING:
    from topology.mass_driver import LaunchReport

NodeA = Annotated[str, typer.Argument(metavar="A", help="A node or body.")]
NodeB = Annotated[str, typer.Argument(metavar="B", help="Another node or body.")]


def windows(scenario: ScenarioFile, a: NodeA, b: NodeB, json: JsonOption = False) -> None:
    """When A can transmit to B: horizons, bodies in the way and the Sun; no weather, no pointing.

    Times are A's, seconds from the scenario's start; a window is open for what A sends in it.
    """
    from emulator.reports.readable import counted
    from emulator.sky.scenario_sky import ScenarioSky

    _two(a, b)
    loaded = load_scenario(scenario)
    with ScenarioSky(loaded) as sky:
        found = sky.windows(a, b)
        if json:
            print_json([[start_s, end_s] for start_s, end_s in found])
            return
        apart = ", ".join(f"{name} {sky.keep_out_deg(name):g} deg" for name in (a, b))
        table = Table("from (UTC)", "to (UTC)", "start_s", "end_s", "hours", title=f"{a} to {b}")
        for start_s, end_s in found:
            begin, end = sky.sky.utc(start_s), sky.sky.utc(end_s)
            table.add_row(
                f"{begin:%Y-%m-%d %H:%M:%S}",
                f"{end:%Y-%m-%d %H:%M:%S}",
                f"{start_s:.3f}",
                f"{end_s:.3f}",
                f"{(end_s - start_s) / 3600:.2f}",
            )
    open_s = sum(end_s - start_s for start_s, end_s in found)
    stdout().print(table)
    stdout().print(
        f"{counted(len(found), 'window')}, open {open_s / loaded.duration_s:.1%} of the time"
    )
    stdout().print(f"kept from the Sun, each end by its own limit: {apart}")


def light_time(
    scenario: ScenarioFile,
    a: NodeA,
    b: NodeB,
    at: Annotated[list[str], typer.Option("--at", metavar="UTC", help="A date; may be repeated.")],
    shapiro: Annotated[
        bool,
        typer.Option("--shapiro", help="Add what the Sun's gravity delays: 10-200 us to Mars."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """One-way light time, range and data rate between two nodes or bodies at given dates.

    transmit_s: of what A sends then. receive_s: of what A receives then. geometric_s: the distance
    then over the speed of light. rate_bps: from A to B, when nothing is in the way.
    """
    from emulator.sky.scenario_sky import ScenarioSky

    _two(a, b)
    dates = [_utc(text) for text in at]
    with ScenarioSky(load_scenario(scenario)) as sky:
        rows = sky.light_times(a, b, dates, shapiro=shapiro)
    if json:
        print_json([{**row._asdict(), "at": _iso(row.at)} for row in rows])
        return
    columns = ("at (UTC)", "transmit_s", "receive_s", "geometric_s", "range_km", "rate_bps")
    table = plain_table(*columns, title=f"{a} to {b}")
    for row in rows:
        rate = "-" if row.rate_bps is None else f"{row.rate_bps:.6g}"
        light = (f"{s:.6f}" for s in (row.transmit_s, row.receive_s, row.geometric_s))
        table.add_row(_iso(row.at), *light, f"{row.range_km:.1f}", rate)
    stdout().print(table)


def launch(scenario: ScenarioFile, json: JsonOption = False) -> None:
    """What becomes of each satellite that the scenario's mass drivers launch, for half a year.

    Energy at the muzzle, twice the energy about the Earth (C3, above 0 it leaves), closest approaches to the Earth's
    and the Moon's centres, and the distance from the Earth after 1, 10 and 100 days.
    """
    from emulator.sky.launches import fates

    loaded = load_scenario(scenario)
    found = fates(loaded)
    if json:
        print_json([fate.document() for fate in found])
        return
    columns = ("name", "launched", "m/s", "GJ/t", "C3", "Earth", "Moon")
    days = ("1 d", "10 d", "100 d")
    title = f"launches of {loaded.name}: UTC, C3 in km2/s2, closest and later distances in 1000 km"
    table = plain_table(*columns, *days, "fate", words=2, title=title)
    for fate in found:
        seen = fate.report
        table.add_row(
            fate.name,
            f"{fate.launched:%m-%d %H:%M}",
            f"{fate.muzzle.speed_m_s:.2f}",
            f"{seen.energy_j_kg / 1e6:.2f}",
            f"{seen.c3_km2_s2:+.3f}",
            f"{seen.closest_earth_km / 1e3:.1f}",
            "-" if seen.closest_moon_km is None else f"{seen.closest_moon_km / 1e3:.1f}",
            *(
                f"{seen.distance_km[day] / 1e3:.0f}" if day in seen.distance_km else "-"
                for day in (1, 10, 100)
            ),
            _in_short(seen),
        )
    if not found:
        stdout().print("no mass driver launches anything within the scenario")
        return
    stdout().print(table)


def _in_short(seen: LaunchReport) -> str:
    if seen.impact is not None and seen.impact_s is not None:
        return f"hits {seen.impact} in {(seen.impact_s - seen.at_s) / 86_400:.1f} d"
    return "escapes" if seen.escapes else "stays bound"


def _two(a: str, b: str) -> None:
    if a == b:
        raise BadInput(Fault("", "B", f'"{b}"', "light goes from one place to another: name two"))


def _utc(text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        mend = "write a UTC date such as 2026-12-02T06:30:00Z"
        raise BadInput(Fault("", "--at", text, mend)) from None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def _iso(date: datetime) -> str:
    return date.isoformat().replace("+00:00", "Z")
