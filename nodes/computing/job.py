"""Jobs: what is to be computed about an event, and the octets in which a job and its answer travel.

A job is placed on board, or travels as the payload of a bundle to `ipn:N.20000` of another node, the private service
of its executor; the answer travels back, or home, as the payload of a second bundle. Both payloads are one CBOR array
(RFC 8949), integers in their shortest form:

    task   = [1, id, operations, output_bytes, deadline_us, value, runs, acts_at, home, input]
    answer = [2, id, acts, free_us, output]

`id` is text, `traffic/satellite/number/placement`. `operations` are those of one run, `runs` how often it runs for a
vote. `deadline_us` and `free_us` are microseconds from the scenario's start. `acts_at` is 0 where the decision acts at
the bundle's source, 1 where it does at `home`, the array [node number, service number] of the endpoint that is told of
every decision. `acts` is 1 where the decision is in effect when the answer is there, 0 where the answer only tells of
it. `free_us` is when a job that came to the executor as the answer left would have begun. `input` and `output` are
byte strings.

Refused, as `MalformedBundle` of layer "job": anything else, or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dtn import cbor
from dtn.errors import MalformedBundle

COMPUTING_SERVICE = "20000"
"""Where executors take jobs, at every node that has one: a service number that no flow of a scenario is given."""

ActsAt = Literal["source", "home"]

_TASK, _ANSWER = 1, 2
_TASK_ITEMS, _ANSWER_ITEMS = 10, 5
_ACTS_AT: tuple[ActsAt, ActsAt] = ("source", "home")
_US_PER_S = 1_000_000
MOST_OPERATIONS = 2**63
MOST_RUNS = 1001


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An `ipn` endpoint by its numbers."""

    node: int
    service: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One inference about one event.

    Args:
        id: unique in a run: traffic, satellite, number, placement.
        home: endpoint that is told of every decision.
        input_bytes: what it is computed from.
        operations: of one run.
        output_bytes: of the answer, where no model makes one.
        deadline_s: when its decision must be in effect; seconds from the scenario's start.
        value: what it is worth beside others.
        runs: how often it runs, for a vote; odd.
        acts_at: where the decision takes effect: at the satellite, or at home.
    """

    id: str
    home: Endpoint
    input_bytes: int
    operations: int
    output_bytes: int
    deadline_s: float
    value: int = 1
    runs: int = 1
    acts_at: ActsAt = "source"

    @property
    def all_operations(self) -> int:
        """Of all its runs."""
        return self.operations * self.runs

    @property
    def flow(self) -> str:
        """The traffic that it belongs to."""
        return self.id.partition("/")[0]

    @property
    def placement(self) -> str:
        """The policy that placed it."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Task:
    """A job with its input."""

    job: Job
    input: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a job: whether the decision acts where the answer goes, and when the executor would be free."""

    id: str
    acts: bool
    free_s: float
    output: bytes


def encode_task(task: Task) -> bytes:
    """A task as the payload of a bundle."""
    job = task.job
    numbers = (
        job.operations,
        job.output_bytes,
        round(job.deadline_s * _US_PER_S),
        job.value,
        job.runs,
        _ACTS_AT.index(job.acts_at),
    )
    return b"".join(
        (
            cbor.head(4, _TASK_ITEMS),
            cbor.uint(_TASK),
            cbor.text_string(job.id),
            *map(cbor.uint, numbers),
            cbor.head(4, 2),
            cbor.uint(job.home.node),
            cbor.uint(job.home.service),
            cbor.byte_string(task.input),
        )
    )


def decode_task(payload: bytes) -> Task:
    """A task from the payload of a bundle.

    Raises:
        MalformedBundle: it is none.
    """
    reader = cbor.Reader(payload)
    count = _begin(reader, _TASK, "task")
    job_id = _id(reader)
    operations = reader.uint("operations")
    output_bytes = reader.uint("output_bytes")
    deadline_us = reader.uint("deadline_us")
    value = reader.uint("value")
    runs = reader.uint("runs")
    acts_at = reader.uint("acts_at")
    home_count = reader.array("home")
    home = Endpoint(reader.uint("home node"), reader.uint("home service"))
    reader.end_array(home_count, 2, "home")
    given = reader.byte_string("input")
    _end(reader, count, _TASK_ITEMS, "task")
    if not 0 < operations <= MOST_OPERATIONS or acts_at > 1:
        reader.fail("job", "operations or acts_at out of range")
    if not 0 < runs <= MOST_RUNS or runs % 2 == 0:
        reader.fail("job", f"runs must be odd and at most {MOST_RUNS}")
    job = Job(
        id=job_id,
        home=home,
        input_bytes=len(given),
        operations=operations,
        output_bytes=output_bytes,
        deadline_s=deadline_us / _US_PER_S,
        value=value,
        runs=runs,
        acts_at=_ACTS_AT[acts_at],
    )
    return Task(job, given)


def encode_answer(answer: Answer) -> bytes:
    """An answer as the payload of a bundle."""
    return b"".join(
        (
            cbor.head(4, _ANSWER_ITEMS),
            cbor.uint(_ANSWER),
            cbor.text_string(answer.id),
            cbor.uint(int(answer.acts)),
            cbor.uint(round(answer.free_s * _US_PER_S)),
            cbor.byte_string(answer.output),
        )
    )


def decode_answer(payload: bytes) -> Answer:
    """An answer from the payload of a bundle.

    Raises:
        MalformedBundle: it is none.
    """
    reader = cbor.Reader(payload)
    count = _begin(reader, _ANSWER, "answer")
    job_id = _id(reader)
    acts = reader.uint("acts")
    free_us = reader.uint("free_us")
    output = reader.byte_string("output")
    _end(reader, count, _ANSWER_ITEMS, "answer")
    if acts > 1:
        reader.fail("job", "acts must be 0 or 1")
    return Answer(id=job_id, acts=acts == 1, free_s=free_us / _US_PER_S, output=output)


def _begin(reader: cbor.Reader, kind: int, name: str) -> int:
    count = reader.array(name)
    if reader.uint("kind") != kind:
        reader.fail("job", f"is no {name}")
    return count


def _end(reader: cbor.Reader, count: int, expected: int, name: str) -> None:
    reader.end_array(count, expected, name)
    if not reader.at_end():
        raise MalformedBundle("job", f"octets after the {name}", reader.at)


def _id(reader: cbor.Reader) -> str:
    job_id = reader.text_string("id")
    if job_id.count("/") != 3:
        reader.fail("job", "id must be traffic/satellite/number/placement")
    return job_id
