"""What fails: a node, a link, or hardware in a storm, as a table of a scenario."""

from __future__ import annotations

from pydantic import Field, model_validator

from emulator.scenario.quantities import Moment, PositiveSeconds
from emulator.scenario.table import Table, mend


class Outage(Table):
    """A node that is down, a link that is cut both ways, or a storm of particles, `at` some moment `for` some time."""

    node: str | None = None
    link: tuple[str, str] | None = None
    storm: str | None = Field(
        default=None,
        description="Nodes, by name or pattern, that particles hit `factor` times as often.",
    )
    factor: float | None = Field(default=None, gt=0, description="Of a storm.")
    at: Moment
    for_s: PositiveSeconds = Field(alias="for")

    @model_validator(mode="after")
    def _one_kind(self) -> Outage:
        if sum(what is not None for what in (self.node, self.link, self.storm)) != 1:
            raise mend('say what fails: node = "NAME", link = ["NAME", "NAME"] or storm = "NAMES"')
        if (self.storm is None) != (self.factor is None):
            raise mend('a storm has a factor, and nothing else has: storm = "*", factor = 30')
        return self
