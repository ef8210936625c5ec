"""What applications send, as tables of a scenario."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from emulator.scenario.computing import Job
from emulator.scenario.quantities import Bytes, Moment, PositiveSeconds, Seconds
from emulator.scenario.table import Name, Table, mend

Priority = Literal["bulk", "normal", "expedited"]
Report = Literal["received", "forwarded", "delivered", "deleted"]

GREATEST_PAYLOAD_BYTES = 4 * 10**9
"""Payloads are real octets, in memory."""


class Traffic(Table):
    """Bundles that an application sources. Names may be patterns ("ai-*"); every pair is served.

    `chunk` is the payload of a file's bundles. `period` is a Poisson process's mean interval; an on-off process is
    periodic in spells of mean length `on`, silent for `off` on average between them. A request is answered with
    `response` bytes after `think`. An inference is an event of `size` bytes at each moment, about which its `job` is to
    be done; `to` is home, which is told of every decision. `reports`: on what each node that makes status reports shall
    report to the source.
    """

    name: Name
    application: Literal["telemetry", "file", "ping", "request", "inference"]
    source: str | tuple[str, ...] = Field(alias="from")
    destination: str | tuple[str, ...] = Field(alias="to")
    size_bytes: Bytes = Field(alias="size")
    chunk_bytes: Bytes = Field(default=10**6, alias="chunk")
    period_s: PositiveSeconds = Field(alias="period")
    process: Literal["periodic", "poisson", "on-off"] = "periodic"
    on_s: PositiveSeconds | None = Field(default=None, alias="on")
    off_s: PositiveSeconds | None = Field(default=None, alias="off")
    response_bytes: Bytes | None = Field(default=None, alias="response")
    think_s: Seconds = Field(default=0.0, alias="think")
    first: Moment = 0.0
    until: Moment | None = None
    lifetime_s: PositiveSeconds = Field(alias="lifetime")
    priority: Priority = "normal"
    reports: tuple[Report, ...] = ()
    job: Job | None = Field(
        default=None,
        description='What is to be done about each event of application = "inference".',
    )

    @model_validator(mode="after")
    def _keys_that_belong_together(self) -> Traffic:
        spells = (self.on_s, self.off_s)
        if self.process == "on-off" and None in spells:
            raise mend(
                'an on-off process needs on and off, the mean lengths of its spells: on = "10min"'
            )
        if self.process != "on-off" and spells != (None, None):
            raise mend('on and off are for process = "on-off": add it, or leave them out')
        if self.application != "file" and "chunk_bytes" in self.model_fields_set:
            raise mend('chunk is for application = "file": leave it out')
        if self.application == "request" and self.response_bytes is None:
            raise mend('a request needs response, the size of what comes back: response = "1 MB"')
        if self.application != "request" and (self.response_bytes is not None or self.think_s):
            raise mend('response and think are for application = "request": leave them out')
        if (self.application == "inference") != (self.job is not None):
            raise mend("an inference has a table [traffic.job], and nothing else has one")
        payload_bytes = self.chunk_bytes if self.application == "file" else self.size_bytes
        if max(payload_bytes, self.response_bytes or 0) > GREATEST_PAYLOAD_BYTES:
            raise mend('a payload has 4 GB at most: application = "file" with a chunk cuts a file')
        return self


class Replay(Table):
    """Traffic as it was recorded: a bundle list (CSV: created_s, from, to, size_bytes, lifetime_s, priority, flow).

    `first` is when its second 0 is; a bundle without a flow belongs to the flow of the table's name.
    """

    name: Name
    file: str
    first: Moment = 0.0
