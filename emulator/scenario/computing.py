"""What nodes compute with, and the jobs of `application = "inference"`: tables, and what must hold between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field, field_validator

from dtn.errors import BadInput
from dtn.user_functions import from_module
from emulator.files import beside
from emulator.patterns import matching
from emulator.scenario.quantities import Bytes, Positive, PositiveSeconds
from emulator.scenario.table import Table, mend
from nodes.computing.executor import Computing as ExecutorOptions
from nodes.computing.job import MOST_OPERATIONS, MOST_RUNS
from nodes.computing.placement import WORDS, load_placement

if TYPE_CHECKING:
    from emulator.scenario.node import Node
    from emulator.scenario.scenario import Scenario
    from emulator.scenario.traffic import Traffic

Found = tuple[str, object, str]
"""Key path, value, mend."""

BODIES = {"earth-station": "earth", "gateway": "earth", "moon-base": "moon"}
"""Where nodes stand whose scenario does not say so."""


class Computing(Table):
    """A node's computer: an executor of jobs (see `nodes.computing.executor`)."""

    operations_per_joule: Positive = Field(
        description="Operations a second for each watt of its power."
    )
    power_w: Positive = Field(description="What it draws with all slots at work.")
    slots: int = Field(
        default=1, ge=1, le=100_000, description="Jobs that run at once; each has an equal share."
    )
    queue: Literal["fifo", "edf", "shortest", "value"] = Field(
        default="fifo",
        description="Which waiting job is next: the first, the one with the earliest deadline, the "
        "shortest, the one of most value.",
    )
    drop_late: bool = Field(
        default=False,
        description="Whether a job whose deadline is past when its turn comes is let go.",
    )
    memory_bytes: Bytes | None = Field(
        default=None,
        alias="memory",
        description="What a run depends on, such as a model's weights. It is as exposed to radiation as "
        "the memory of the node's spacecraft. Left out, radiation spoils no run.",
    )
    upset_probability: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="How likely a run comes out wrong whatever the radiation.",
    )

    def options(self) -> ExecutorOptions:
        """As executors take it."""
        return ExecutorOptions(**{**self.model_dump(), "memory_bytes": self.memory_bytes or 0})


class Job(Table):
    """What is to be computed about each event of a traffic with `application = "inference"`."""

    operations: Annotated[float, Field(ge=1, le=MOST_OPERATIONS)] = Field(
        description="Operations of one run."
    )
    output_bytes: Bytes = Field(alias="output", description="Size of the answer.")
    deadline_s: PositiveSeconds = Field(
        alias="deadline", description="From the event to when its decision must be in effect."
    )
    placement: str | tuple[str, ...] = Field(
        default="onboard",
        description="Where it is computed: onboard, moon, earth, nearest, deadline, energy, or "
        "my_file.py:function. Of a list, each event is decided on under each, side by side.",
    )
    value: int = Field(
        default=1,
        ge=0,
        le=2**32,
        description='What a job is worth beside others, for queue = "value".',
    )
    runs: int = Field(
        default=1, ge=1, le=MOST_RUNS, description="How often it is run, for a vote; odd."
    )
    acts_at: Literal["source", "home"] = Field(
        default="source",
        description="Where the decision takes effect: at the satellite, or at `to`. The other is told.",
    )
    model: str | None = Field(
        default=None,
        description="A function from input bytes to output bytes, my_file.py:function or "
        "package.module:function. Left out, time and energy are charged and none is run.",
    )

    @field_validator("runs")
    @classmethod
    def _odd(cls, runs: int) -> int:
        if runs % 2 == 0:
            raise mend("a vote needs an odd number of runs: 1, 3, 5, ...")
        return runs

    @property
    def placements(self) -> tuple[str, ...]:
        """Its policies, one or several."""
        return (self.placement,) if isinstance(self.placement, str) else self.placement


class Executor(NamedTuple):
    """A node that computes, as a scenario names it."""

    node: str
    body: str
    computing: Computing


def body_of(node: Node) -> str:
    """The body that a node stands on, "" for an orbiter."""
    return node.site.body if node.site else "" if node.orbit else BODIES.get(node.role, "")


def executors(scenario: Scenario) -> dict[str, Executor]:
    """Every node that computes, launched ones included, by name."""
    found = [
        Executor(node.name, body_of(node), node.computing)
        for node in scenario.nodes
        if node.computing is not None
    ]
    found += [
        Executor(launch.name, "", launch.driver.satellites.computing)
        for launch in scenario.launches()
        if launch.driver.satellites.computing is not None
    ]
    return {executor.node: executor for executor in found}


def faults_of_computing(scenario: Scenario) -> Iterator[Found]:
    """Jobs that no executor can ever run, policies that name no place, functions that are not there."""
    computers = executors(scenario)
    names = list(scenario.ipn_numbers())
    for place, traffic in enumerate(scenario.traffic):
        if traffic.job is None:
            continue
        path = f'traffic[{place}] "{traffic.name}".job'
        if not computers:
            mend = "no node computes: add computing = { operations_per_joule, power_w } to one"
            yield f"{path}.placement", traffic.job.placement, mend
            continue
        sources = matching(traffic.source, names)
        yield from _faults_of_functions(scenario.file, traffic.job, path)
        yield from _faults_of_places(traffic.job, sources, computers, path)
        yield from _faults_of_endpoints(
            traffic, names, sources, f'traffic[{place}] "{traffic.name}"'
        )


def _faults_of_functions(file: Path, job: Job, path: str) -> Iterator[Found]:
    labels = []
    for spec in job.placements:
        try:
            labels.append(load_placement(beside(file, spec)).name)
        except BadInput as bad:
            for fault in bad.faults:
                yield f"{path}.placement", spec, f"{fault.file}: {fault.mend}".lstrip(": ")
    if not job.placements:
        yield f"{path}.placement", job.placement, "name at least one policy, such as onboard"
    if len(set(labels)) < len(labels):
        yield f"{path}.placement", job.placement, "a policy is named twice: name each once"
    if job.model is not None:
        try:
            from_module(beside(file, job.model), "model")
        except BadInput as bad:
            for fault in bad.faults:
                yield f"{path}.model", job.model, f"{fault.file}: {fault.mend}".lstrip(": ")


def _faults_of_places(
    job: Job, sources: list[str], computers: dict[str, Executor], path: str
) -> Iterator[Found]:
    """A fixed place must be there; somewhere the job must be done before its deadline."""
    for spec in job.placements:
        if spec == "onboard":
            idle = [name for name in sources if name not in computers]
            if idle:
                mend = f"{idle[0]} does not compute: give it computing = {{ ... }}, or place it elsewhere"
                yield f"{path}.placement", spec, mend
            allowed = [computers[name] for name in sources if name in computers]
        else:
            allowed = [one for one in computers.values() if spec not in WORDS or one.body == spec]
            if not allowed:
                mend = f"nothing computes there: add computing = {{ ... }} to a node on the {spec}"
                yield f"{path}.placement", spec, mend
        if allowed:
            least_s = min(
                one.computing.options().full_speed_s(job.operations * job.runs) for one in allowed
            )
            if least_s > job.deadline_s:
                mend = (
                    f"no executor can ever make the deadline, the fastest takes {least_s:.3g} s: "
                    f"{'fewer runs, ' if job.runs > 1 else ''}fewer operations, a later deadline, "
                    "or more power_w for each slot"
                )
                yield f"{path}.operations", job.operations, mend


def _faults_of_endpoints(
    traffic: Traffic, names: list[str], sources: list[str], path: str
) -> Iterator[Found]:
    homes = matching(traffic.destination, names)
    if len(homes) > 1:
        yield f"{path}.to", traffic.destination, "home is one node: name it alone"
    elif homes and homes[0] in sources:
        yield f"{path}.to", traffic.destination, "home is another node than those of the events"
