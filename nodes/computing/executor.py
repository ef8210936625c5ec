"""Executor: a node's computer as a machine without a clock: jobs wait, run in slots, and are done.

At its best it is exact: no job is lost or run twice, work is conserved at whatever speed the node's power and heat
allow, the time that a job took is told apart into computing and standing still, energy is what was computed over what
a joule computes. A job costs a logarithm.

All slots are alike: a slot has 1/slots of the executor's power and computes 1/slots of its operations a second; a job
runs in one slot from its beginning to its end (no preemption). All slots share one speed, 0 to 1. The machine keeps
one tally, the seconds at full speed since it last had nothing to do: a job that begins at tally w is done at w plus
what it takes, whatever the speeds between, so that a change of speed touches no job.

Every verb takes `now_s`, the due time of what happened, and returns what begins and ends then, in order.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal, NamedTuple

from dtn.errors import InvalidValue
from nodes.computing.job import Job

Queue = Literal["fifo", "edf", "shortest", "value"]

PAST_DEADLINE: Final = "deadline past before it began"

_FIRST: dict[Queue, Callable[[Job], float]] = {
    "fifo": lambda job: 0.0,
    "edf": lambda job: job.deadline_s,
    "shortest": lambda job: job.all_operations,
    "value": lambda job: -job.value,
}
"""Which of the waiting jobs is next: that with the least; of equals, the one that came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computing:
    """What a node computes with.

    Args:
        operations_per_joule: operations a second for each watt.
        power_w: what it draws with all slots at work; a slot draws its share.
        slots: jobs that run at once.
        queue: which waiting job is next: fifo, edf (earliest deadline first), shortest or value.
        drop_late: whether a job whose deadline is past when its turn comes is let go.
        memory_bytes: what a run depends on, a model's weights: it is as exposed to radiation as the node's memory.
        upset_probability: of one run coming out wrong for other reasons.

    Raises:
        InvalidValue: a number that cannot be.
    """

    operations_per_joule: float
    power_w: float
    slots: int = 1
    queue: Queue = "fifo"
    drop_late: bool = False
    memory_bytes: int = 0
    upset_probability: float = 0.0

    def __post_init__(self) -> None:
        for key in ("operations_per_joule", "power_w", "slots"):
            value = getattr(self, key)
            if not 0 < value < math.inf:
                raise InvalidValue(key, value, "give more than 0")
        if not 0 <= self.upset_probability <= 1:
            raise InvalidValue("upset_probability", self.upset_probability, "give 0 to 1")

    @property
    def slot_w(self) -> float:
        """Power of a slot at work."""
        return self.power_w / self.slots

    def full_speed_s(self, operations: float) -> float:
        """How long a slot computes at so many operations, seconds at full speed."""
        return operations / (self.operations_per_joule * self.slot_w)

    def energy_j(self, operations: float) -> float:
        """What so many operations draw, at whatever speed."""
        return operations / self.operations_per_joule


class Started(NamedTuple):
    """A job has a slot from now on."""

    job: Job


class Finished(NamedTuple):
    """A job is done; it computed for so long at full speed, and stood still for the rest."""

    job: Job
    full_speed_s: float


class Dropped(NamedTuple):
    """A job will not be done."""

    job: Job
    reason: str


Outcome = Started | Finished | Dropped


class Executor:
    """The queue and the slots of one node.

    Args:
        computing: what it computes with.
    """

    def __init__(self, computing: Computing) -> None:
        self.computing = computing
        self._first = _FIRST[computing.queue]
        self._numbers = count()
        self._waiting: list[tuple[float, int, Job]] = []
        self._running: list[tuple[float, int, Job]] = []  # by the tally at which each is done
        self._waiting_operations = 0
        self._tally_s = 0.0
        self._tallied_s = 0.0
        self._speed = 1.0

    # --- verbs ----------------------------------------------------------------------------------

    def submit(self, job: Job, now_s: float) -> list[Outcome]:
        """A job came."""
        self._go_on(now_s)
        heapq.heappush(self._waiting, (self._first(job), next(self._numbers), job))
        self._waiting_operations += job.all_operations
        out: list[Outcome] = []
        self._fill(now_s, out)
        return out

    def change_speed(self, speed: float, now_s: float) -> None:
        """Power or heat allow another speed from now on, 0 to 1."""
        self._go_on(now_s)
        self._speed = speed

    def on_timer(self, now_s: float) -> list[Outcome]:
        """What is done by now, and what begins then."""
        out: list[Outcome] = []
        while (due_s := self.next_timer()) <= now_s:
            done_tally_s, _, job = heapq.heappop(self._running)
            # a tally that was reckoned over many changes of speed may be short by its rounding
            self._tally_s, self._tallied_s = max(done_tally_s, self._tally_s), due_s
            out.append(Finished(job, self.computing.full_speed_s(job.all_operations)))
            self._fill(due_s, out)
        return out

    def clear(self, reason: str, now_s: float) -> list[Outcome]:
        """Its memory is lost: every job that runs or waits is dropped, in the order in which they came."""
        self._go_on(now_s)
        gone = sorted((number, job) for _, number, job in (*self._running, *self._waiting))
        self._running.clear()
        self._waiting.clear()
        self._waiting_operations = 0
        return [Dropped(job, reason) for _, job in gone]

    def next_timer(self) -> float:
        """When to call on_timer next; inf if never, as things are."""
        if not self._running or self._speed <= 0:
            return math.inf
        left_s = self._running[0][0] - self._tally_s
        return self._tallied_s + max(left_s, 0.0) / self._speed

    # --- what there is --------------------------------------------------------------------------

    @property
    def busy(self) -> int:
        """Slots at work."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Jobs that wait."""
        return len(self._waiting)

    @property
    def asks_w(self) -> float:
        """What it asks of the node's power, to run at full speed."""
        return self.busy * self.computing.slot_w

    def backlog_s(self, now_s: float) -> float:
        """How long a job that came now would wait for its slot at full speed, if it were the last in the queue.

        With several slots and jobs waiting, as if the work that waits were spread over the slots evenly.
        """
        if self.busy < self.computing.slots:
            return 0.0
        tally_s = self._tally_s + (now_s - self._tallied_s) * self._speed
        first_free_s = max(self._running[0][0] - tally_s, 0.0)
        waiting_s = self.computing.full_speed_s(self._waiting_operations)
        if not self._waiting:
            return first_free_s
        running_s = sum(max(done_s - tally_s, 0.0) for done_s, _, _ in self._running)
        return max(first_free_s, (running_s + waiting_s) / self.computing.slots)

    # --- inside ---------------------------------------------------------------------------------

    def _go_on(self, now_s: float) -> None:
        if self._running:
            self._tally_s += (now_s - self._tallied_s) * self._speed
        else:
            self._tally_s = 0.0  # nothing to do: the tally begins anew and stays exact
        self._tallied_s = now_s

    def _fill(self, now_s: float, out: list[Outcome]) -> None:
        """Give free slots to what waits."""
        computing = self.computing
        while self._waiting and len(self._running) < computing.slots:
            _, number, job = heapq.heappop(self._waiting)
            self._waiting_operations -= job.all_operations
            if computing.drop_late and job.deadline_s <= now_s:
                out.append(Dropped(job, PAST_DEADLINE))
                continue
            done_s = self._tally_s + computing.full_speed_s(job.all_operations)
            heapq.heappush(self._running, (done_s, number, job))
            out.append(Started(job))
