"""Check a strategy against small contact plans with known answers: does it deliver, and how far from the optimum?

Each question of the cases (ORIGIN.md says where they come from) is one bundle alone in a network of
the case's plan, run with the whole stack. The optimum is the earliest arrival over the plan of a
bundle of the size that was really sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import StrategyFault
from dtn.events import BundleDelivered, BundleReceived, BundleSourced, Event
from dtn.routing import earliest_arrival
from dtn.routing.strategy import Strategy
from emulator.one_process import fly
from emulator.setup import Demand, alone

UNIT_BYTES = 100_000
LARGEST_BYTES = 2_000_000
"""The cases count sizes in units and rates in units a second. Units this big leave headers small beside them; in cases
with large bundles they are smaller."""

EQUAL_S = 0.05
"""Arrivals that differ by less are equal: headers grow on the way."""

DECISION_LIMIT_S = 5.0
"""Processor time that one decision may take here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a strategy did with one question.

    Args:
        case: name of the plan.
        source: node that sources the bundle.
        destination: node it is for.
        at_s: when.
        size_units: its size.
        optimum_s: the earliest arrival there is; None: there is no route.
        arrival_s: when it arrived; None: it did not.
        receptions: how many nodes received it, copies included.
        fault: the rule that the strategy broke.
    """

    case: str
    source: str
    destination: str
    at_s: float
    size_units: float
    optimum_s: float | None
    arrival_s: float | None
    receptions: int
    fault: str = ""

    @property
    def late_s(self) -> float | None:
        """How much later than the optimum; None where there is nothing to compare."""
        if self.optimum_s is None or self.arrival_s is None:
            return None
        return self.arrival_s - self.optimum_s

    @property
    def verdict(self) -> str:
        """In a word: optimal, late, lost, broke a rule; or no route, where none is to be found."""
        if self.fault:
            return "broke a rule"
        if self.optimum_s is None:
            return "no route" if self.arrival_s is None else "better than possible"
        if self.late_s is None:
            return "not delivered"
        return "optimal" if self.late_s <= EQUAL_S else "late"


def check_strategy(strategy: Strategy) -> Iterator[Answer]:
    """Ask a strategy every question of the known cases."""
    text = resources.files("emulator.check").joinpath("cgr_cases.json").read_text()
    for case in json.loads(text):
        queries = case["queries"]
        largest = max((query["size"] for query in queries), default=0)
        unit_bytes = min(UNIT_BYTES, LARGEST_BYTES / max(largest, 1))
        plan = _plan(case["contacts"], unit_bytes)
        for query in queries:
            yield _answer(strategy, case["name"], plan, query, unit_bytes)


def _plan(rows: list[dict[str, float]], unit_bytes: float) -> ContactPlan:
    """A case's plan; some published contacts end before they begin: they are none."""
    contacts = []
    for row in rows:
        if row["start"] < row["end"]:
            owlt = (row["owlt"], row["owlt_end"]) if "owlt_end" in row else row["owlt"]
            rate_bps = row["rate"] * unit_bytes * 8
            ends = str(row["from"]), str(row["to"])
            contacts.append(Contact(*ends, row["start"], row["end"], rate_bps, owlt))
    names = {name for contact in contacts for name in (contact.source, contact.destination)}
    numbers = {name: int(name) for name in names if name.isdigit() and int(name)}
    return ContactPlan(contacts, ipn_numbers=numbers)


def _answer(
    strategy: Strategy, case: str, plan: ContactPlan, query: dict[str, float], unit_bytes: float
) -> Answer:
    source, destination = str(query["src"]), str(query["dst"])
    ends_s = max(contact.latest_arrival_s for contact in plan.contacts)
    demand = Demand(
        created_s=query["at"],
        source=source,
        destination=destination,
        size_bytes=max(round(query["size"] * unit_bytes), 1),
        lifetime_s=max(ends_s - query["at"], 1.0),
    )
    events: list[Event] = []
    fault = ""
    try:
        fly(
            alone(plan, strategy.name, demand, ends_s),
            strategy,
            events.append,
            decision_limit_s=DECISION_LIMIT_S,
        )
    except StrategyFault as broken:
        fault = broken.rule
    sourced = next((event for event in events if _is_of_user(event)), None)
    best = None
    if isinstance(sourced, BundleSourced):
        best = earliest_arrival(plan, source, destination, query["at"], sourced.size_bytes)
    name = sourced.bundle if isinstance(sourced, BundleSourced) else ""
    arrived = (e.t_s for e in events if isinstance(e, BundleDelivered) and e.bundle == name)
    return Answer(
        case=case,
        source=source,
        destination=destination,
        at_s=query["at"],
        size_units=query["size"],
        optimum_s=best.delivery_s if best else None,
        arrival_s=next(arrived, None),
        receptions=sum(isinstance(e, BundleReceived) and e.bundle == name for e in events),
        fault=fault,
    )


def _is_of_user(event: Event) -> bool:
    return isinstance(event, BundleSourced) and event.flow != "administrative"
