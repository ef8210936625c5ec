"""The summary of a run: the numbers of summary.json."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TypedDict

import polars as pl

from dtn.contact_plan import ContactPlan
from emulator.log import LogHeader
from emulator.reports.breakdown import Parts
from emulator.reports.bundles import PART_COLUMNS
from emulator.reports.decisions import Decisions, ExecutorUse
from emulator.reports.energy import EnergyBooks, Launched, NodeEnergy, NodeUpsets
from emulator.reports.fates import FATES, Fate
from emulator.reports.history import History
from emulator.reports.latency import Spread, spread
from emulator.reports.ltp_links import LtpLink, ltp_links

Breakdown = dict[str, float | None]
"""Mean seconds of a delivered bundle's latency by cause; they add up to the mean latency. None where there is none."""


class Flow(TypedDict):
    """One flow's share of a summary: its bundles between two nodes, or between all of them.

    In a total `source` and `destination` name the one node they all have, or say how many: "7 nodes".
    """

    flow: str
    source: str
    destination: str
    bundles: dict[str, int]
    latency_s: Spread
    ideal_latency_s: Spread
    breakdown_s: Breakdown


class Loss(TypedDict):
    """So many bundles had this fate for this cause."""

    fate: str
    cause: str
    bundles: int


class Summary(TypedDict):
    """What summary.json says; durations in seconds, percentiles over delivered bundles.

    `bundles` counts original application bundles, `sourced` being the sum of the other four;
    `administrative` counts status reports, apart. `hops` are receptions at nodes new to the bundle,
    `transmissions` all that were started, so their ratio tells what copies and failures cost.
    `decisions` and `executors` say what was computed, where and how soon (`emulator.reports.decisions`); `energy`,
    `upsets` and `launches` what it took and cost (`emulator.reports.energy`).
    """

    scenario: str
    scenario_sha256: str
    seed: int
    strategy: str
    rate: float | str
    start_utc: str
    duration_s: float
    bundles: dict[str, int]
    latency_s: Spread
    ideal_latency_s: Spread
    breakdown_s: Breakdown
    flows: list[Flow]
    flow_totals: list[Flow]
    losses: list[Loss]
    ltp_links: list[LtpLink]
    decisions: list[Decisions]
    executors: list[ExecutorUse]
    energy: list[NodeEnergy]
    upsets: list[NodeUpsets]
    launches: list[Launched]
    hops: int
    transmissions: int
    administrative: int
    late_frames: int
    worst_late_s: float
    events: int
    wall_s: float
    command: str
    version: str


def summarise(
    header: LogHeader,
    history: History,
    plan: ContactPlan,
    fates: Mapping[str, Fate],
    table: pl.DataFrame,
    decided: list[Decisions],
    executors: list[ExecutorUse],
    energy: EnergyBooks,
    *,
    wall_s: float,
    command: str,
) -> Summary:
    """The summary of one run.

    Args:
        header: of its log.
        history: its events.
        plan: its contacts.
        fates: of its bundles.
        table: its bundle table.
        decided: how each placement did.
        executors: what each node computed.
        energy: accounts of its nodes' energy.
        wall_s: how long it took on this machine, seconds.
        command: how to run it again.
    """
    causes = Counter((fate.name, fate.cause) for fate in fates.values())
    causes = Counter({key: n for key, n in causes.items() if key[0] != "delivered"})
    flows = table.partition_by("flow", "source", "destination", maintain_order=True)
    totals = table.partition_by("flow", maintain_order=True)
    return Summary(
        scenario=header.scenario,
        scenario_sha256=header.scenario_sha256,
        seed=header.seed,
        strategy=header.strategy,
        rate="max" if math.isinf(header.rate) else header.rate,
        start_utc=header.start_utc,
        duration_s=header.duration_s,
        bundles=_counts(table),
        latency_s=spread(_delivered(table, "latency_s")),
        ideal_latency_s=spread(_delivered(table, "ideal_latency_s")),
        breakdown_s=_breakdown(table),
        flows=[_flow(rows) for rows in flows],
        flow_totals=[_flow(rows) for rows in totals],
        losses=[
            Loss(fate=fate, cause=cause, bundles=count)
            for (fate, cause), count in sorted(causes.items(), key=lambda item: (-item[1], item[0]))
        ],
        ltp_links=ltp_links(history, plan, header.ltp_sessions),
        decisions=decided,
        executors=executors,
        energy=energy.nodes,
        upsets=energy.upsets,
        launches=energy.launches,
        hops=history.hops,
        transmissions=history.transmissions,
        administrative=len(history.sourced) - len(fates),
        late_frames=history.late_frames,
        worst_late_s=history.worst_late_s,
        events=history.events,
        wall_s=round(wall_s, 3),
        command=command,
        version=header.version,
    )


def _counts(table: pl.DataFrame) -> dict[str, int]:
    counts = Counter(table["fate"].to_list())
    return {"sourced": len(table)} | {fate: counts[fate] for fate in FATES}


def _delivered(table: pl.DataFrame, column: str) -> list[float]:
    return table[column].drop_nulls().to_list()


def _breakdown(table: pl.DataFrame) -> Breakdown:
    means = (table[column].drop_nulls().mean() for column in PART_COLUMNS)
    return {
        part: float(mean) if isinstance(mean, float) else None
        for part, mean in zip(Parts._fields, means, strict=True)
    }


def _flow(rows: pl.DataFrame) -> Flow:
    return Flow(
        flow=str(rows["flow"][0]),
        source=_end(rows["source"]),
        destination=_end(rows["destination"]),
        bundles=_counts(rows),
        latency_s=spread(_delivered(rows, "latency_s")),
        ideal_latency_s=spread(_delivered(rows, "ideal_latency_s")),
        breakdown_s=_breakdown(rows),
    )


def _end(nodes: pl.Series) -> str:
    return str(nodes[0]) if nodes.n_unique() == 1 else f"{nodes.n_unique()} nodes"
