"""Decisions: every job in exactly one fate, with its latency, and what each second of it was.

A job is *in_time* if its decision was in effect by its deadline, *late* if it was after; *lost* if it never will be,
for one cause; *open* while it is under way, waits or runs at the end of the run. *Missed* are the late, the lost, and
those of the open whose deadline is past: an event that nobody decided on in time is missed, whatever becomes of it.

The latency of a decision, from the event to its being in effect, is the journey of its input, its time at the executor
and the journey of its answer. The journeys are told apart as those of all bundles are; at the executor there is
`waiting` for a slot, `computing` at full speed, and `stalled`, what low power or heat added to that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypedDict

import polars as pl

from dtn.events import (
    BundleSourced,
    DecisionMade,
    Event,
    JobCreated,
    JobDropped,
    JobFinished,
    JobQueued,
    JobSent,
    JobStarted,
)
from emulator.reports.breakdown import Journey, Parts
from emulator.reports.fates import UNACCOUNTED, Fate
from emulator.reports.latency import Spread, spread
from nodes.computing.placement import ONBOARD

JobFate = Literal["in_time", "late", "lost", "open"]
JOB_FATES: Final[tuple[JobFate, ...]] = ("in_time", "late", "lost", "open")
DECISION_PARTS: Final = (*Parts._fields, "waiting", "computing", "stalled")
PART_COLUMNS: Final = tuple(f"{part}_s" for part in DECISION_PARTS)

_SCHEMA: dict[str, type[pl.DataType]] = {
    "job": pl.String,
    "flow": pl.String,
    "node": pl.String,
    "placement": pl.String,
    "place": pl.String,
    "created_s": pl.Float64,
    "deadline_s": pl.Float64,
    "fate": pl.String,
    "cause": pl.String,
    "is_missed": pl.Boolean,
    "latency_s": pl.Float64,
    **dict.fromkeys(PART_COLUMNS, pl.Float64),
    "energy_j": pl.Float64,
    "is_onboard": pl.Boolean,
    "is_wrong": pl.Boolean,
    "home_bytes": pl.Int64,
    "sent_bytes": pl.Int64,
}


class Decisions(TypedDict):
    """How one placement did with the events of one traffic, over all satellites.

    `events` is the sum of `in_time`, `late`, `lost` and `open`. Latencies are of decisions in effect, in time or late;
    the parts of their mean add up to it. `energy_j` is what computing drew in all, `onboard_energy_j` what of it the
    satellites drew. `home_bytes` are the payloads sent home (inputs, answers and reports), `sent_bytes` all payloads.
    `wrong` counts decisions of which most runs came out wrong. `places` says where jobs went, by node, or onboard.
    """

    flow: str
    placement: str
    events: int
    in_time: int
    late: int
    lost: int
    open: int
    missed: int
    latency_s: Spread
    breakdown_s: dict[str, float]
    energy_j: float
    onboard_energy_j: float
    home_bytes: int
    sent_bytes: int
    wrong: int
    causes: dict[str, int]
    places: dict[str, int]


class ExecutorUse(TypedDict):
    """What one node computed: jobs done, those dropped, slot-seconds taken, of these at full speed, and energy."""

    node: str
    jobs: int
    dropped: int
    taken_s: float
    computing_s: float
    energy_j: float


@dataclass(slots=True)
class JobLife:
    """The events of one job."""

    created: JobCreated
    bundles: dict[str, str] = field(default_factory=dict)
    queued: JobQueued | None = None
    started: JobStarted | None = None
    finished: JobFinished | None = None
    dropped: JobDropped | None = None
    decided: DecisionMade | None = None


def job_lives(events: Iterable[Event]) -> dict[str, JobLife]:
    """Every job by its id, in the order in which they were created."""
    lives: dict[str, JobLife] = {}
    for event in events:
        if type(event) not in _OF_JOBS:
            continue
        if isinstance(event, JobCreated):
            lives.setdefault(event.job, JobLife(event))
            continue
        assert isinstance(event, _AFTER)
        life = lives.get(event.job)
        if life is None:
            continue  # a job from outside
        match event:
            case JobSent():
                life.bundles.setdefault(event.what, event.bundle)
            case JobQueued():
                life.queued = life.queued or event
            case JobStarted():
                life.started = life.started or event
            case JobFinished():
                life.finished = life.finished or event
            case JobDropped():
                life.dropped = life.dropped or event
            case DecisionMade():
                life.decided = life.decided or event
    return lives


_AFTER = (JobSent, JobQueued, JobStarted, JobFinished, JobDropped, DecisionMade)
_OF_JOBS = frozenset((JobCreated, *_AFTER))


class Outcome(NamedTuple):
    """What became of one job: its fate, and the cause, in words that can be counted."""

    fate: JobFate
    cause: str


def outcome_of(life: JobLife, fates: Mapping[str, Fate]) -> Outcome:
    """The fate of one job.

    Args:
        life: its events.
        fates: of the run's bundles.
    """
    if life.decided is not None:
        in_time = life.decided.t_s <= life.created.deadline_s
        return Outcome("in_time", "in effect") if in_time else Outcome("late", "in effect too late")
    if life.dropped is not None:
        return Outcome("lost", life.dropped.reason)
    if life.finished is not None:
        return _under_way("answer", life, fates)
    if life.started is not None:
        return Outcome("open", "being computed")
    if life.queued is not None:
        return Outcome("open", "waiting for a slot")
    return _under_way("input", life, fates)


def _under_way(what: str, life: JobLife, fates: Mapping[str, Fate]) -> Outcome:
    """A job whose input, or answer, is a bundle that has not brought it further."""
    bundle = life.bundles.get(what)
    fate = None if bundle is None else fates.get(bundle)
    if fate is None:
        return Outcome("lost", UNACCOUNTED)
    if fate.name == "in_network":
        return Outcome("open", f"{what} {fate.cause}")
    if fate.name == "delivered":
        return Outcome("lost", f"{what} refused")
    return Outcome("lost", f"{what} {fate.name}: {fate.cause}")


def decision_parts(life: JobLife, journeys: Mapping[str, Journey]) -> tuple[float, ...] | None:
    """Seconds of a decision's latency, in the order of DECISION_PARTS; None if it is not in effect.

    A decision that no executor's events explain (a log that was cut) has none either.
    """
    started, finished, queued = life.started, life.finished, life.queued
    if life.decided is None or started is None or finished is None or queued is None:
        return None
    travel = Parts()
    for what in ("input", "answer"):
        journey = journeys.get(life.bundles.get(what, ""))
        if journey is not None:
            travel = travel.plus(journey.parts)
    taken_s = finished.t_s - started.t_s
    waiting_s = started.t_s - queued.t_s
    return (*travel, waiting_s, finished.full_speed_s, taken_s - finished.full_speed_s)


def decision_table(
    lives: Mapping[str, JobLife],
    sourced: Mapping[str, BundleSourced],
    fates: Mapping[str, Fate],
    journeys: Mapping[str, Journey],
    ipn_numbers: Mapping[str, int],
    end_s: float,
) -> pl.DataFrame:
    """One row a job, in the order in which they were created.

    Args:
        lives: of the jobs.
        sourced: the run's bundles.
        fates: of these.
        journeys: of those delivered.
        ipn_numbers: of nodes, by name.
        end_s: when the run ended.
    """
    rows = []
    for job, life in lives.items():
        created, decided, finished = life.created, life.decided, life.finished
        outcome = outcome_of(life, fates)
        overdue = outcome.fate == "open" and created.deadline_s <= end_s
        parts = decision_parts(life, journeys)
        sent = [sourced[bundle] for bundle in life.bundles.values() if bundle in sourced]
        home = f"ipn:{ipn_numbers.get(created.home)}."
        homeward = [one for one in sent if one.destination.startswith(home)]
        rows.append(
            (
                job,
                created.flow,
                created.node,
                created.placement,
                created.place,
                created.t_s,
                created.deadline_s,
                outcome.fate,
                outcome.cause,
                outcome.fate in ("late", "lost") or overdue,
                None if decided is None else decided.t_s - created.t_s,
                *(parts or (None,) * len(PART_COLUMNS)),
                None if finished is None else finished.energy_j,
                created.place == created.node,
                finished is not None and 2 * finished.wrong_runs > created.runs,
                sum(one.payload_bytes for one in homeward),
                sum(one.payload_bytes for one in sent),
            )
        )
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def decisions(table: pl.DataFrame) -> list[Decisions]:
    """By traffic and placement, in the order in which they first appear."""
    parts = table.partition_by("flow", "placement", maintain_order=True)
    return [_decisions(rows) for rows in parts]


def _decisions(rows: pl.DataFrame) -> Decisions:
    fates = Counter(rows["fate"].to_list())
    effective = rows.filter(pl.col("latency_s").is_not_null())
    undone = rows.filter(~pl.col("fate").is_in(["in_time", "late"]))
    return Decisions(
        flow=str(rows["flow"][0]),
        placement=str(rows["placement"][0]),
        events=len(rows),
        in_time=fates["in_time"],
        late=fates["late"],
        lost=fates["lost"],
        open=fates["open"],
        missed=int(rows["is_missed"].sum()),
        latency_s=spread(effective["latency_s"].to_list()),
        breakdown_s={
            part: _mean(effective[column])
            for part, column in zip(DECISION_PARTS, PART_COLUMNS, strict=True)
        },
        energy_j=float(rows["energy_j"].sum()),
        onboard_energy_j=float(rows.filter(pl.col("is_onboard"))["energy_j"].sum()),
        home_bytes=int(rows["home_bytes"].sum()),
        sent_bytes=int(rows["sent_bytes"].sum()),
        wrong=int(rows["is_wrong"].sum()),
        causes=_counted(undone["cause"]),
        places=_counted(
            rows.filter(pl.col("place") != "").select(
                pl.when("is_onboard").then(pl.lit(ONBOARD)).otherwise("place")
            )["literal"]
        ),
    )


def executor_use(lives: Mapping[str, JobLife]) -> list[ExecutorUse]:
    """What each node computed, by name."""
    uses: dict[str, ExecutorUse] = {}
    for life in lives.values():
        if life.queued is None:
            continue
        node = life.queued.node
        use = uses.setdefault(
            node,
            ExecutorUse(node=node, jobs=0, dropped=0, taken_s=0.0, computing_s=0.0, energy_j=0.0),
        )
        if life.dropped is not None:
            use["dropped"] += 1
        if life.finished is not None and life.started is not None:
            use["jobs"] += 1
            use["taken_s"] += life.finished.t_s - life.started.t_s
            use["computing_s"] += life.finished.full_speed_s
            use["energy_j"] += life.finished.energy_j
    return [uses[node] for node in sorted(uses)]


def _mean(values: pl.Series) -> float:
    mean = values.drop_nulls().mean()
    return float(mean) if isinstance(mean, float) else 0.0


def _counted(values: pl.Series) -> dict[str, int]:
    counts = Counter(values.to_list())
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
