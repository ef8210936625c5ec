"""The placement interface: one function from a read-only view and a job to the place where it is computed.

A policy is deterministic, reads no clock and does no I/O; what it remembers lives in `view.memory`, what it draws
comes from `view.rng`. It answers with the name of a node that computes, with "onboard", "moon" or "earth" (there, the
place from which the decision is expected first), or with None: the event is let go, and counts as missed.

    from nodes.computing import placement

    @placement("patient")
    def patient(view, job):
        home = view.forecast(job, "earth")
        return "earth" if home.in_effect_s <= job.deadline_s else "onboard"
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from dtn.user_functions import Kind
from nodes.computing.job import Job

if TYPE_CHECKING:
    import random

    from dtn.contact_plan import ContactPlan

ONBOARD = "onboard"
WORDS = ("onboard", "moon", "earth")
"""Places that a policy may name without knowing a node's name."""


class Forecast(NamedTuple):
    """What is to be expected of a job at one place; times in seconds from the start, inf where never.

    Args:
        place: name of the node.
        arrives_s: when its input is there.
        starts_s: when it gets a slot.
        finished_s: when it is done.
        in_effect_s: when its decision takes effect, where it acts.
        energy_j: what computing it draws, wherever that is.
        own_energy_j: what it draws from the deciding node: computing on board, or sending the input.
    """

    place: str
    arrives_s: float
    starts_s: float
    finished_s: float
    in_effect_s: float
    energy_j: float
    own_energy_j: float


class View(Protocol):
    """What a policy may know of the world: what the satellite knows."""

    @property
    def now_s(self) -> float:
        """The present, seconds from the start."""

    @property
    def node(self) -> str:
        """The node at which the event is."""

    @property
    def plan(self) -> ContactPlan:
        """The contact plan as this node knows it."""

    @property
    def places(self) -> Sequence[str]:
        """Nodes that compute: this one first if it does, the others by name."""

    def on(self, body: str) -> Sequence[str]:
        """Those of them on this body: "moon", "earth"."""

    def forecast(self, job: Job, place: str) -> Forecast:
        """What is to be expected of a job there; of "moon" and "earth", at the best of their places.

        From the contact plan in an empty network, the queue as far as this node knows it, and the power expected.
        """

    @property
    def memory(self) -> MutableMapping[Hashable, Any]:
        """The policy's own memory at this node."""

    @property
    def rng(self) -> random.Random:
        """Randomness of this node, seeded from the scenario's seed and the node's name."""


PlacementFunction = Callable[[View, Job], str | None]
F = TypeVar("F", bound=PlacementFunction)


@dataclass(frozen=True, slots=True)
class Placement:
    """A placement policy."""

    name: str
    place: PlacementFunction


PLACEMENTS: dict[str, Placement] = {}
"""Policies by name; filled by the decorator when a module is imported."""


def placement(name: str) -> Callable[[F], F]:
    """Register a function as the placement policy `name`."""

    def register(function: F) -> F:
        PLACEMENTS[name] = Placement(name, function)
        return function

    return register


def load_placement(spec: str, where: str = "") -> Placement:
    """Find a policy: by name, by entry point (group `lightlag.placements`), or as `my_file.py:function`.

    Raises:
        BadInput: there is no such policy.
    """
    return _KIND.find(spec, where)


def _known_as(function: PlacementFunction, name: str) -> Placement:
    named = (known for known in PLACEMENTS.values() if known.place is function)
    return next(named, Placement(name, function))


_KIND = Kind(
    word="placement",
    known=PLACEMENTS,
    known_as=_known_as,
    group="lightlag.placements",
    own="nodes.computing.policies",
)


def soonest(forecasts: Sequence[Forecast]) -> Forecast:
    """The one in effect first; of those that are as soon, the one that draws least, then by name."""
    return min(forecasts, key=lambda one: (one.in_effect_s, one.own_energy_j, one.place))


def is_never(forecast: Forecast) -> bool:
    """Whether no decision is to be expected from there."""
    return math.isinf(forecast.in_effect_s)
