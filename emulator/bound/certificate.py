"""What a run came to, beside what no strategy could beat: `lightlag bound DIR`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from dtn.contact_plan import ContactPlan
from emulator.bound.program import Parcel, Solution, least_delay, most_delivered
from emulator.bound.told import Certificate, Twin, Worth
from emulator.reports.actual_plan import plan_as_it_was
from emulator.reports.ideal import EmptyNetwork
from emulator.result import Result

MOST_PIECES = 4000


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
        twins=_twins(delay, delivery, plan),
    )
    return Bounded(certificate, delay, delivery)


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


def _twins(delay: Solution, delivery: Solution, plan: ContactPlan) -> list[Twin]:
    """By node, as much again of all its contacts; most delay first."""
    seconds: dict[str, float] = {}
    bundles: dict[str, float] = {}
    for into, solution in ((seconds, delay), (bundles, delivery)):
        for number, worth in solution.worth_of_twin.items():
            for node in (plan.contacts[number].source, plan.contacts[number].destination):
                into[node] = into.get(node, 0.0) + worth
    found = [
        Twin(node=node, seconds_of_delay=seconds.get(node, 0.0), bundles=bundles.get(node, 0.0))
        for node in sorted(seconds.keys() | bundles.keys())
    ]
    return sorted(found, key=lambda twin: (-twin["seconds_of_delay"], -twin["bundles"]))
