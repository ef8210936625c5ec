"""What nodes learn of the contact plan while it is under way, as tables of a scenario."""

from __future__ import annotations

from pydantic import Field, model_validator

from emulator.scenario.quantities import Moment, PositiveSeconds
from emulator.scenario.table import Name, Table, mend


class PlanChange(Table):
    """Contacts of a link, both ways, that begin from `at` on, `for` some time or for good."""

    link: tuple[str, str]
    at: Moment
    for_s: PositiveSeconds | None = Field(default=None, alias="for")


class PlanUpdate(Table):
    """News of the contact plan that reach `origin` at some moment and from there travel to all nodes, as bundles.

    Until a node has heard, it counts on contacts that are `cancelled` and knows nothing of those that are `added`.
    """

    at: Moment
    origin: Name
    cancelled: tuple[PlanChange, ...] = ()
    added: tuple[PlanChange, ...] = ()
    lifetime_s: PositiveSeconds | None = Field(
        default=None,
        alias="lifetime",
        description="Of the bundles that tell the others; the run's duration if left out.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> PlanUpdate:
        if not self.cancelled and not self.added:
            raise mend(
                'say what changes: cancelled = [{ link = ["A", "B"], at = "1d", for = "6h" }], or added'
            )
        return self
