"""Computer: an executor on a node, with its power, its timers and its bundles.

Jobs come from the node's own applications, or in bundles to its service. When one is done, its model is asked (or
synthetic octets stand for the answer) and the answer goes where the decision acts; home is told of it, too. Where
either is this node, no bundle is needed.

A node that goes down loses every job it had: executors keep them in memory. A job that a bundle brings twice is run
once: the agent delivers a bundle once.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from dtn.bpa import TransmissionRequest
from dtn.bpa.blocks import priority_of
from dtn.bundle import Bundle
from dtn.eid import IpnEid
from dtn.errors import FunctionFault, MalformedBundle
from dtn.events import (
    BundleMalformed,
    Event,
    JobDropped,
    JobFinished,
    JobQueued,
    JobSent,
    JobStarted,
)
from nodes.computing.executor import Computing, Executor, Finished, Outcome, Started
from nodes.computing.job import (
    COMPUTING_SERVICE,
    Answer,
    Endpoint,
    Job,
    Task,
    decode_task,
    encode_answer,
)
from nodes.computing.voting import wrong_runs
from nodes.node import Node
from nodes.seeding import synthetic_octets
from nodes.spacecraft.supply import COMPUTING, Supply
from nodes.timers import Timer

Model = Callable[[bytes], bytes]
"""From the input of a job to its output."""


class Taker(Protocol):
    """Who takes answers for an endpoint of this node."""

    def take(self, answer: Answer, place: str, now_s: float) -> None:
        """An answer came, from the executor of that node."""


class Terms(NamedTuple):
    """How the bundles of a job travel: endpoint of its source, and what its bundles have in common."""

    source: Endpoint
    lifetime_s: float
    priority: int


class _Held(NamedTuple):
    task: Task
    terms: Terms


class Computer:
    """The executor of one node.

    Args:
        node: where it is.
        number: of the node.
        computing: what it computes with.
        supply: what feeds it.
        record: takes events.
        models: by the name of the traffic; other traffic's answers are synthetic octets.
        takers: who takes answers at this node, by service number; may be filled later.
        rng: randomness for a job, by its id.
        spoils: how likely radiation spoils a run that takes so long and ends then, both in seconds.
    """

    service = COMPUTING_SERVICE

    def __init__(
        self,
        node: Node,
        number: int,
        computing: Computing,
        supply: Supply,
        record: Callable[[Event], object],
        models: Mapping[str, Model],
        takers: Mapping[int, Taker],
        rng: Callable[[str], random.Random],
        spoils: Callable[[float, float], float] = lambda for_s, now_s: 0.0,
    ) -> None:
        self.executor = Executor(computing)
        self._node = node
        self._number = number
        self._supply = supply
        self._record = record
        self._models = models
        self._takers = takers
        self._rng = rng
        self._spoils = spoils
        self._held: dict[str, _Held] = {}
        self._timer: Timer | None = None
        self._armed_s = math.inf
        self._asked_w = 0.0

    def start(self) -> None:
        """Take jobs from now on."""
        self._node.register(self)
        self._node.when_down(self._lose_all)
        now_s = self._node.timers.time()
        self.executor.change_speed(self._supply.speed(COMPUTING, now_s), now_s)
        self._supply.watch(COMPUTING, self._speed_changed)

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """A bundle for the executor: a job, or it costs itself and nothing else."""
        source = bundle.primary.source
        try:
            task = decode_task(bundle.payload)
            if not isinstance(source, IpnEid) or source.is_null:
                raise MalformedBundle("job", "comes from nobody who could be answered")
            if task.job.id in self._held:
                raise MalformedBundle("job", f"{task.job.id} is here already")
        except MalformedBundle as fault:
            size_bytes = len(bundle.payload)
            name = self._node.name
            self._record(
                BundleMalformed(now_s, name, str(source), size_bytes, fault.layer, fault.reason)
            )
            return
        terms = Terms(
            Endpoint(source.node_number, source.service_number),
            bundle.primary.lifetime_ms / 1000,
            priority_of(bundle),
        )
        self.submit(task, terms, now_s)

    def submit(self, task: Task, terms: Terms, now_s: float) -> None:
        """A job is here."""
        self._held[task.job.id] = _Held(task, terms)
        self._record(JobQueued(now_s, self._node.name, task.job.id))
        self._carry(self.executor.submit(task.job, now_s), now_s)

    # --- what happens ---------------------------------------------------------------------------

    def _speed_changed(self, speed: float, now_s: float) -> None:
        self._carry(self.executor.on_timer(now_s), now_s)  # done at this very moment
        self.executor.change_speed(speed, now_s)
        self._arm()

    def _lose_all(self, reason: str, now_s: float) -> None:
        self._carry(self.executor.clear(reason, now_s), now_s)

    def _on_timer(self) -> None:
        now_s, self._timer, self._armed_s = self._armed_s, None, math.inf
        self._carry(self.executor.on_timer(now_s), now_s)

    def _carry(self, outcomes: list[Outcome], now_s: float) -> None:
        """Record what begins and ends, send answers, ask for power, set the timer."""
        name = self._node.name
        for outcome in outcomes:
            job = outcome.job
            if isinstance(outcome, Started):
                self._record(JobStarted(now_s, name, job.id))
            elif isinstance(outcome, Finished):
                self._finish(job, outcome.full_speed_s, now_s)
            else:
                self._held.pop(job.id)
                self._record(JobDropped(now_s, name, job.id, outcome.reason))
        asks_w = self.executor.asks_w
        if asks_w != self._asked_w:
            self._asked_w = asks_w
            self._supply.set_load(COMPUTING, asks_w, now_s)
        self._arm()

    def _arm(self) -> None:
        due_s = self.executor.next_timer()
        if due_s == self._armed_s:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_s = due_s
        if due_s < math.inf:
            self._timer = self._node.timers.call_at(due_s, self._on_timer)

    # --- answers --------------------------------------------------------------------------------

    def _finish(self, job: Job, full_speed_s: float, now_s: float) -> None:
        held = self._held.pop(job.id)
        computing = self.executor.computing
        energy_j = computing.energy_j(job.all_operations)
        spoilt = self._spoils(full_speed_s / job.runs, now_s)
        upset_probability = 1 - (1 - computing.upset_probability) * (1 - spoilt)
        wrong = wrong_runs(upset_probability, job.runs, self._rng(job.id))
        name = self._node.name
        self._record(JobFinished(now_s, name, job.id, full_speed_s, energy_j, wrong))
        output = self._output(held.task)
        acts_at = held.terms.source if job.acts_at == "source" else job.home
        self._answer(held, acts_at, output, True, now_s)
        if job.home != acts_at:
            self._answer(held, job.home, output, False, now_s)

    def _output(self, task: Task) -> bytes:
        model = self._models.get(task.job.flow)
        if model is None:
            return synthetic_octets(task.job.output_bytes, task.job.flow)
        try:
            output = model(task.input)
        except Exception as fault:
            raise self._model_fault(task.job, f"raised {fault!r}") from fault
        if not isinstance(output, bytes):
            raise self._model_fault(task.job, f"must return bytes, not {type(output).__name__}")
        return output

    def _model_fault(self, job: Job, rule: str) -> FunctionFault:
        return FunctionFault("model", f"of {job.flow}", self._node.name, job.id, rule)

    def _answer(self, held: _Held, to: Endpoint, output: bytes, acts: bool, now_s: float) -> None:
        job, terms = held.task.job, held.terms
        free_s = now_s + self.executor.backlog_s(now_s)
        answer = Answer(id=job.id, acts=acts, free_s=free_s, output=output)
        if to.node == self._number:
            taker = self._takers.get(to.service)
            if taker is not None:  # a job from outside may name anybody
                taker.take(answer, self._node.name, now_s)
            return
        what = "answer" if acts else "report"
        request = TransmissionRequest(
            service=self.service,
            destination=IpnEid(0, to.node, to.service),
            payload=encode_answer(answer),
            lifetime_s=terms.lifetime_s,
            priority=terms.priority,
            flow=f"{job.flow}-{what}",
        )
        bundle = self._node.send(request)
        if bundle is not None:
            self._record(JobSent(now_s, self._node.name, job.id, bundle, what))
