"""The command that plans contacts: a list to read, or a file of one of the formats."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dtn.errors import BadInput, Fault
from emulator.cli.options import JsonOption, ScenarioFile, load_scenario
from emulator.cli.output import json_stream, print_json
from emulator.files import replace_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dtn.contact_plan import Contact, ContactPlan


def plan(
    scenario: ScenarioFile,
    format: Annotated[
        str,
        typer.Option("--format", metavar="NAME", help="json, csv, ion, hdtn, tvg; access, czml."),
    ] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: stdout.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Plan the contacts of a scenario: who points at whom, when, at which rate.

    A list to read, unless a format or a file is asked for (a file is JSON if no format says otherwise). What the format
    cannot say is told on stderr. Two formats are for other tools: access, a CSV of every window of every pair before
    anybody points, and czml, a scene for CesiumJS.
    """
    from dtn.contact_plan.formats import WRITERS
    from emulator.cli.progress import progress
    from emulator.sky.exports import SKY_FORMATS, access_csv, czml
    from emulator.sky.scenario_sky import ScenarioSky

    formats = (*WRITERS, *SKY_FORMATS)
    if format and format not in formats:
        raise BadInput(Fault("", "--format", format, f"choose one of {', '.join(formats)}"))
    if json and format not in ("", "json"):
        raise BadInput(Fault("", "--json", format, "goes with --format json only"))
    loaded = load_scenario(scenario)
    with progress(loaded.start, loaded.duration_s) as tell, ScenarioSky(loaded) as sky:
        if format == "access":
            _print_or_write(access_csv(sky), output)
            return
        contacts = sky.plan(tell)
        if format == "czml":
            _print_or_write(czml(sky, contacts), output)
            return
    lost: tuple[str, ...] = ()
    if output is not None:
        lost = contacts.save(output, format or "json")
        if json:
            print_json({"file": str(output), "contacts": len(contacts.contacts)})
    elif format or json:
        text, lost = WRITERS[format or "json"](contacts)
        json_stream().write(text)
    else:
        sys.stdout.writelines(f"{line}\n" for line in contact_lines(contacts, loaded.start))
    for sentence in lost:
        print(sentence, file=sys.stderr)


def contact_lines(plan: ContactPlan, start: datetime) -> Iterator[str]:
    """Contacts in order of their beginning, a line each, and what they come to; light as it is at first."""
    from emulator.reports.readable import bytes_text, duration_text

    ordered = sorted(plan.contacts, key=lambda c: (c.start_s, c.source, c.destination))
    wide = max((len(name) for c in ordered for name in (c.source, c.destination)), default=4)
    header = f"{'from':<{wide}}  {'to':<{wide}}  {'begins (UTC)':<19}"
    yield f"{header}  {'lasts':>8}  {'rate':>10}  light"
    for contact in ordered:
        begins = start + timedelta(seconds=contact.start_s)
        light = duration_text(contact.owlt_at(contact.start_s))
        row = f"{contact.source:<{wide}}  {contact.destination:<{wide}}  {begins:%Y-%m-%d %H:%M:%S}"
        yield f"{row}  {duration_text(contact.duration_s):>8}  {_rate(contact):>10}  {light}"
    links = len({(contact.source, contact.destination) for contact in ordered})
    volume = bytes_text(sum(contact.volume_bytes() for contact in ordered))
    yield f"{len(ordered)} contacts of {links} links, one way each; they could carry {volume}"


def _rate(contact: Contact) -> str:
    """Its mean over the contact."""
    from emulator.reports.readable import rate_text

    return rate_text(contact.volume_bytes() * 8 / contact.duration_s)


def _print_or_write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        replace_text(output, text)
