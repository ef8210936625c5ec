"""bound.json: what `lightlag bound` found out about a run, as its folder keeps it and its report shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict, cast

from emulator.files import replace_text

FILE = "bound.json"


class Worth(TypedDict):
    """What a minute more of a contact would be worth, as the duals have it."""

    contact: int
    source: str
    destination: str
    start_s: float
    end_s: float
    seconds_of_delay: float
    bundles: float


class Twin(TypedDict):
    """What a second node like this one, in its place with the same contacts, could be worth at most."""

    node: str
    seconds_of_delay: float
    bundles: float


class Certificate(TypedDict):
    """What bound.json says.

    `delay_s` is the sum over the delivered bundles, `least_delay_s` the bound on it for the same
    bundles, `ideal_delay_s` what each alone would need; `gap` is by which part of the bound the run
    is above it. `most_delivered` bounds `delivered` for all that was sourced.
    """

    strategy: str
    sourced: int
    delivered: int
    most_delivered: float
    delay_s: float
    least_delay_s: float
    ideal_delay_s: float
    gap: float | None
    pieces: int
    variables: int
    worth: list[Worth]
    twins: list[Twin]


def write(certificate: Certificate, folder: Path) -> None:
    """Keep it beside the run."""
    replace_text(folder / FILE, json.dumps(certificate, indent=2) + "\n")


def read(folder: Path) -> Certificate | None:
    """What is kept there; None if nobody asked for a bound, or only another version of Lightlag did."""
    try:
        said = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    told = isinstance(said, dict) and set(Certificate.__annotations__) <= set(said)
    return cast("Certificate", said) if told else None
