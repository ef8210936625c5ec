"""Inference: events at a satellite, each to be decided on; and who takes the decisions.

At each of its moments an event happens: so many bytes were seen, and something must be decided about them before a
deadline. With several placement policies the event is decided on once under each, side by side: the same moment, the
same input, jobs and bundles of their own. A satellite that is down sees nothing: those events are missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from dtn.bundle import Bundle
from dtn.eid import IpnEid
from dtn.errors import FunctionFault, MalformedBundle
from dtn.events import BundleMalformed, DecisionMade, Event, JobCreated, JobDropped, JobSent
from nodes.applications.flow import Flow
from nodes.applications.moments import follow
from nodes.computing.computer import Computer, Terms
from nodes.computing.job import (
    COMPUTING_SERVICE,
    ActsAt,
    Answer,
    Endpoint,
    Job,
    Task,
    decode_answer,
    encode_task,
)
from nodes.computing.outlook import Outlook
from nodes.computing.placement import Placement
from nodes.node import Node
from nodes.seeding import synthetic_octets

NODE_DOWN = "the satellite was down"
LET_GO = "let go by its policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceTerms:
    """What all jobs of one stream of events have in common.

    Args:
        operations: of one run.
        output_bytes: of the answer, where no model makes one.
        deadline_s: from the event to when its decision must be in effect.
        placements: policies, each by name or `my_file.py:function`; every event is decided on under each.
        value: what a job is worth beside others.
        runs: how often it runs, for a vote; odd.
        acts_at: where the decision takes effect: at the satellite, or at home.
        model: `my_file.py:function` or `package.module:function` that makes answers; "": none.
    """

    operations: int
    output_bytes: int
    deadline_s: float
    placements: tuple[str, ...]
    value: int = 1
    runs: int = 1
    acts_at: ActsAt = "source"
    model: str = ""


class Inference:
    """The events at one satellite.

    Args:
        node: the satellite.
        flow: what its bundles have in common; to home.
        here: endpoint at which answers come back.
        home: endpoint that is told of every decision.
        home_name: of its node.
        terms: of its jobs.
        input_bytes: of each event.
        policies: loaded placements of the terms.
        outlook: what the satellite knows of places.
        computer: its own, if it has one.
        numbers: of nodes, by name.
        record: takes events.
        moments: when events happen.
        first_number: of the first of these events.
    """

    def __init__(
        self,
        node: Node,
        flow: Flow,
        here: Endpoint,
        home: Endpoint,
        home_name: str,
        terms: InferenceTerms,
        input_bytes: int,
        policies: Sequence[Placement],
        outlook: Outlook,
        computer: Computer | None,
        numbers: Mapping[str, int],
        record: Callable[[Event], object],
        moments: Iterator[float],
        first_number: int = 0,
    ) -> None:
        self._node = node
        self._flow = flow
        self._here = here
        self._home = home
        self._home_name = home_name
        self._terms = terms
        self._input_bytes = input_bytes
        self._policies = policies
        self._outlook = outlook
        self._computer = computer
        self._numbers = numbers
        self._record = record
        self._moments = moments
        self._count = count(first_number)

    def start(self) -> None:
        """Let events happen."""
        follow(self._node.timers, self._moments, self._happen)

    def _happen(self, moment_s: float) -> None:
        number = next(self._count)
        octets = self._input(number)
        for policy in self._policies:
            self._decide(policy, self._job(policy, number, moment_s), octets, moment_s)

    def _input(self, number: int) -> bytes:
        """What was seen; without a model that looks at it, all events share their octets."""
        flow = self._flow.name
        if not self._terms.model:
            return synthetic_octets(self._input_bytes, flow)
        return synthetic_octets(self._input_bytes, flow, self._node.name, str(number))

    def _job(self, policy: Placement, number: int, moment_s: float) -> Job:
        terms = self._terms
        return Job(
            id=f"{self._flow.name}/{self._node.name}/{number}/{policy.name}",
            home=self._home,
            input_bytes=self._input_bytes,
            operations=terms.operations,
            output_bytes=terms.output_bytes,
            deadline_s=moment_s + terms.deadline_s,
            value=terms.value,
            runs=terms.runs,
            acts_at=terms.acts_at,
        )

    def _decide(self, policy: Placement, job: Job, octets: bytes, now_s: float) -> None:
        is_up = self._node.is_up
        place = self._place(policy, job) if is_up else None
        self._record(
            JobCreated(
                now_s,
                self._node.name,
                job.id,
                self._flow.name,
                policy.name,
                place or "",
                self._home_name,
                job.input_bytes,
                job.operations,
                job.output_bytes,
                job.deadline_s,
                job.value,
                job.runs,
            )
        )
        if place is None:
            reason = LET_GO if is_up else NODE_DOWN
            self._record(JobDropped(now_s, self._node.name, job.id, reason))
        elif place == self._node.name and self._computer is not None:
            terms = Terms(self._here, self._flow.lifetime_s, self._flow.priority)
            self._computer.submit(Task(job, octets), terms, now_s)
        else:
            self._send(job, octets, place, now_s)

    def _place(self, policy: Placement, job: Job) -> str | None:
        """Where the policy wants it; a policy's own faults end the run."""
        outlook = self._outlook
        try:
            answer = policy.place(outlook, job)
        except Exception as fault:
            rule = f"raised {fault!r}"
            raise FunctionFault("placement", policy.name, self._node.name, job.id, rule) from fault
        if answer is None:
            return None
        named = outlook.named(answer)
        if not named:
            rule = f"named {answer!r}, where nothing computes: name one of {outlook.places}"
            raise FunctionFault("placement", policy.name, self._node.name, job.id, rule)
        if named == (self._node.name,):
            return self._node.name
        expected = outlook.forecast(job, answer)
        if expected.place != self._node.name:
            outlook.sent(expected)
        return expected.place

    def _send(self, job: Job, octets: bytes, place: str, now_s: float) -> None:
        executor = IpnEid(0, self._numbers[place], int(COMPUTING_SERVICE))
        flow = replace(self._flow, destination=executor)
        bundle = self._node.send(flow.request(encode_task(Task(job, octets))))
        if bundle is not None:
            self._record(JobSent(now_s, self._node.name, job.id, bundle, "input"))


class Decisions:
    """Takes answers for one endpoint: at the satellite, or at home.

    Args:
        node: where it is.
        service: the service part of its endpoint.
        record: takes events.
        names: of nodes, by number.
        told: told which place says that it is free when.
    """

    def __init__(
        self,
        node: Node,
        service: str,
        record: Callable[[Event], object],
        names: Mapping[int, str],
        told: Callable[[str, float], object],
    ) -> None:
        self.service = service
        self._node = node
        self._record = record
        self._names = names
        self._told = told

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """An answer came in a bundle; what is none costs itself and nothing else."""
        source = bundle.primary.source
        try:
            answer = decode_answer(bundle.payload)
        except MalformedBundle as fault:
            name, size_bytes = self._node.name, len(bundle.payload)
            self._record(
                BundleMalformed(now_s, name, str(source), size_bytes, fault.layer, fault.reason)
            )
            return
        number = source.node_number if isinstance(source, IpnEid) else 0
        self.take(answer, self._names.get(number, ""), now_s)

    def take(self, answer: Answer, place: str, now_s: float) -> None:
        """An answer came, from the executor of that node."""
        if answer.acts:
            self._record(DecisionMade(now_s, self._node.name, answer.id))
        self._told(place, answer.free_s)
