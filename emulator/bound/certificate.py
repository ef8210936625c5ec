"""What a run came to, beside what no strategy could beat: `lightlag bound DIR`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import polars as pl

from dtn.contact_plan import ContactPlan
from emulator.bound.program import Parcel, Solution, least_delay, most_delivered
from emulator.files import replace_text
from emulator.reports.actual_plan import plan_as_it_was
from emulator.reports.ideal import EmptyNetwork
from emulator.result import Result

FILE = "bound.json"
MOST_PIECES = 4000


class Worth(TypedDict):
    """What a minute more of a contact would be worth, as the duals have it."""

    contact: int
    source: str
    destination: str
    start_s: float
    end_s: float
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


@dataclass(frozen=True, slots=True)
class Bounded:
    """A certificate with the solutions that it comes from."""

    certificate: Certificate
    delay: Solution
    delivery: Solution


def certify(result: Result, most_pieces: int = MOST_PIECES) -> Bounded:
    """Bound what could be reached with a run's traffic over the contacts as they were.

    Args:
        result: the run.
        most_pieces: into which contacts are cut; more give a sharper bound and take longer.
    """
    plan = plan_as_it_was(result.plan, result.history)
    table = result.bundles
    delivered = table.filter(pl.col("fate") == "delivered")
    delay = least_delay(plan, list(map(_delivered, delivered.to_dicts())), most_pieces)
    network = EmptyNetwork(plan)
    sourced = [_sourced(row, network) for row in table.to_dicts()]
    delivery = most_delivered(plan, sourced, most_pieces, result.history.end_s)
    took_s = float(delivered["latency_s"].sum())
    ideal_s = float(delivered["ideal_latency_s"].sum())
    least_s = max(delay.value, min(ideal_s, took_s))
    certificate = Certificate(
        strategy=result.header.strategy,
        sourced=len(table),
        delivered=len(delivered),
        most_delivered=math.floor(delivery.value * 1e6) / 1e6,
        delay_s=took_s,
        least_delay_s=least_s,
        ideal_delay_s=ideal_s,
        gap=took_s / least_s - 1 if least_s > 0 else None,
        pieces=delay.pieces,
        variables=delay.variables,
        worth=_worth(delay, delivery, plan),
    )
    return Bounded(certificate, delay, delivery)


def write(certificate: Certificate, folder: Path) -> None:
    """Keep it beside the run."""
    replace_text(folder / FILE, json.dumps(certificate, indent=2) + "\n")


def _delivered(row: dict[str, object]) -> Parcel:
    """A bundle that was delivered: what really happened must be a solution of the program."""
    created_s, latency_s = _float(row["sourced_s"]), _float(row["latency_s"])
    ideal_s = min(_float(row["ideal_latency_s"]), latency_s)
    return Parcel(
        str(row["source"]),
        str(row["ended_at"]),
        _float(row["payload_bytes"]),
        created_s,
        created_s + ideal_s,
        created_s + max(_float(row["lifetime_s"]), latency_s),
    )


def _sourced(row: dict[str, object], network: EmptyNetwork) -> Parcel:
    if row["fate"] == "delivered":
        return _delivered(row)
    created_s, size_bytes = _float(row["sourced_s"]), _float(row["payload_bytes"])
    source, destination = str(row["source"]), str(row["destination"])
    # a payload's first byte: as little as a fragment of it could carry
    ideal_s = network.latency_s(source, destination, created_s, 1)
    expires_s = created_s + _float(row["lifetime_s"])
    return Parcel(source, destination, size_bytes, created_s, created_s + ideal_s, expires_s)


def _float(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _worth(delay: Solution, delivery: Solution, plan: ContactPlan) -> list[Worth]:
    """Contacts that are worth something, most delay first."""
    seconds, bundles = delay.worth_per_minute, delivery.worth_per_minute
    found = [
        Worth(
            contact=number,
            source=plan.contacts[number].source,
            destination=plan.contacts[number].destination,
            start_s=plan.contacts[number].start_s,
            end_s=plan.contacts[number].end_s,
            seconds_of_delay=seconds.get(number, 0.0),
            bundles=bundles.get(number, 0.0),
        )
        for number in sorted(seconds.keys() | bundles.keys())
    ]
    return sorted(found, key=lambda worth: (-worth["seconds_of_delay"], -worth["bundles"]))
