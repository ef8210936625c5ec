"""Commands about scenario files: validate, new, schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dtn.errors import BadInput, Fault
from emulator.cli.options import JsonOption, ScenarioFile, load_scenario
from emulator.cli.output import print_json
from emulator.files import replace_text

if TYPE_CHECKING:
    from emulator.scenario import Scenario


def validate(scenario: ScenarioFile, json: JsonOption = False) -> None:
    """Check a scenario file and the files it names, and say what is in it.

    Every fault is reported, one a line, with file, key, value and mend; the exit code is then 2.
    """
    from emulator.build import find_strategy
    from emulator.reports.readable import counted, duration_text

    loaded = load_scenario(scenario)
    find_strategy(loaded, None)
    faults = list(_faults_beyond(loaded))
    if faults:
        raise BadInput(*faults)
    launches = len(loaded.launches())
    if json:
        print_json(
            {
                "scenario": loaded.name,
                "start": loaded.start.isoformat(),
                "duration_s": loaded.duration_s,
                "nodes": loaded.ipn_numbers(),
                "launches": launches,
                "flows": [flow.name for flow in loaded.traffic],
            }
        )
        return
    days = loaded.duration_s / 86400
    lasts = counted(int(days), "day") if days.is_integer() else duration_text(loaded.duration_s)
    typer.echo(
        f"{scenario} is good: {counted(len(loaded.nodes), 'node')}, {counted(launches, 'satellite')} to launch, "
        f"{counted(len(loaded.traffic), 'flow')} of traffic, {lasts} from "
        f"{loaded.start:%Y-%m-%d %H:%M} UTC"
    )


def _faults_beyond(scenario: Scenario) -> Iterator[Fault]:
    """Of orbits, and of the files that it names: what a run would find."""
    from emulator.setup import bundle_list
    from emulator.sky.scenario_sky import ScenarioSky
    from emulator.sky.weather import clouds

    folder, names = scenario.file.parent, tuple(scenario.ipn_numbers())
    with ScenarioSky(scenario) as sky:
        looks: list[Callable[[], object]] = [
            partial(sky.keep_out_deg, node.name)
            for node in scenario.nodes
            if node.site or node.orbit
        ]
        looks += [
            partial(bundle_list.load, folder / replay.file, names) for replay in scenario.replay
        ]
        looks.append(partial(clouds, scenario))
        for look in looks:
            try:
                look()
            except BadInput as bad:
                yield from bad.faults


def new(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("scenario.toml"),
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite the file if it is there.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write a commented scenario to begin from."""
    if file.exists() and not force:
        raise BadInput(
            Fault(str(file), "", "", "is there already: name another file, or add --force")
        )
    if not file.parent.is_dir():
        raise BadInput(Fault(str(file), "", "", f"make the folder {file.parent} first"))
    template = resources.files("emulator.scenario").joinpath("template.toml")
    replace_text(file, template.read_text(encoding="utf-8"))
    if json:
        print_json({"file": str(file)})
        return
    typer.echo(f"wrote {file}; try: lightlag run {file}")


def schema(json: JsonOption = False) -> None:
    """Print the scenario format as JSON Schema, for editors that check while you type; always as JSON."""
    from emulator.scenario import json_schema

    print_json(json_schema())
