"""Traffic between patterns of nodes as one stream for each pair."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dtn.bundle import BundleFlag
from emulator.files import beside
from emulator.patterns import matching
from emulator.setup.setup import Stream
from nodes.applications.inference import InferenceTerms

if TYPE_CHECKING:
    from emulator.scenario import Scenario
    from emulator.scenario.computing import Job
    from emulator.scenario.traffic import Traffic

PRIORITIES = {"bulk": 0, "normal": 1, "expedited": 2}
FIRST_SERVICE = 10
"""Services of flows are numbered from here in the order of the scenario; 7 is the echo."""
REPORT_FLAGS = {
    "received": BundleFlag.REPORT_RECEPTION,
    "forwarded": BundleFlag.REPORT_FORWARDING,
    "delivered": BundleFlag.REPORT_DELIVERY,
    "deleted": BundleFlag.REPORT_DELETION,
}


def streams_of(scenario: Scenario, joins_s: Mapping[str, float]) -> Iterator[Stream]:
    """A stream for each pair of each flow, in the scenario's order.

    Args:
        scenario: the scenario.
        joins_s: when each node joins, by name: nobody sends before both ends are there.
    """
    for place, traffic in enumerate(scenario.traffic):
        service = str(FIRST_SERVICE + place)
        for source in matching(traffic.source, joins_s):
            for destination in matching(traffic.destination, joins_s):
                if source != destination:
                    there_s = max(joins_s[source], joins_s[destination])
                    yield _stream(scenario, traffic, service, source, destination, there_s)


def _stream(
    scenario: Scenario,
    traffic: Traffic,
    service: str,
    source: str,
    destination: str,
    there_s: float,
) -> Stream:
    until = scenario.duration_s if traffic.until is None else scenario.seconds(traffic.until)
    return Stream(
        flow=traffic.name,
        application=traffic.application,
        service=service,
        source=source,
        destination=destination,
        size_bytes=traffic.size_bytes,
        chunk_bytes=traffic.chunk_bytes,
        period_s=traffic.period_s,
        process=traffic.process,
        lifetime_s=traffic.lifetime_s,
        priority=PRIORITIES[traffic.priority],
        first_s=max(scenario.seconds(traffic.first), there_s),
        until_s=until,
        on_s=math.inf if traffic.on_s is None else traffic.on_s,
        off_s=math.inf if traffic.off_s is None else traffic.off_s,
        response_bytes=traffic.response_bytes or 0,
        think_s=traffic.think_s,
        report_flags=sum(REPORT_FLAGS[what] for what in set(traffic.reports)),
        job=_job(scenario, traffic.job),
    )


def _job(scenario: Scenario, table: Job | None) -> InferenceTerms | None:
    if table is None:
        return None
    return InferenceTerms(
        operations=round(table.operations),
        output_bytes=table.output_bytes,
        deadline_s=table.deadline_s,
        placements=tuple(beside(scenario.file, spec) for spec in table.placements),
        value=table.value,
        runs=table.runs,
        acts_at=table.acts_at,
        model="" if table.model is None else beside(scenario.file, table.model),
    )
