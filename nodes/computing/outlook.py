"""Outlook: what a satellite knows of the places that could compute for it, and what it expects of each.

At its best it is a forecast that comes true to the microsecond while nobody else uses the network, and honest about
what cannot be known: of another node's queue it knows what it sent there itself and what answers told, nothing more.

Travel is the earliest arrival over the contact plan in an empty network, from a bundle's size: payload and a little
more. The queue is this node's own, exactly as if it were first come, first served; another's is simulated from the
jobs sent there and the backlog told by its last answer. Its own power it knows; another's it foresees from sunlight
and battery (`nodes.computing.foreseen`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dtn.contact_plan import ContactPlan
from dtn.routing import Route, earliest_arrival
from nodes.computing.executor import Computing, Executor
from nodes.computing.job import Job
from nodes.computing.placement import ONBOARD, Forecast, soonest
from nodes.spacecraft.supply import COMPUTING

BUNDLE_BYTES = 100
"""What a bundle with a task adds to its input, about: primary block, extension blocks, header of the task."""

HORIZON_S = 400 * 86400.0
"""Further ahead nothing is expected to be done."""

PRECISION = 1e-4
"""Of a forecast where power or heat change the speed: relative, or seconds."""

_ROUTES_KEPT = 64


class Foresight(Protocol):
    """What tells how fast a place is going to compute; a `Supply` does."""

    def forecast_speed(self, load: str, from_s: float, to_s: float) -> float:
        """The mean speed to be expected of a load in a time to come."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node that computes.

    Args:
        node: its name.
        body: on which it stands: "moon", "earth"; "" if on none.
        computing: what it computes with.
        supply: what feeds it, as far as the satellite can foresee.
    """

    node: str
    body: str
    computing: Computing
    supply: Foresight


@dataclass(slots=True)
class _Known:
    """What is known of another place's queue."""

    done_s: list[float] = field(
        default_factory=list
    )  # by when each job sent there is expected done
    free_s: float = 0.0  # until when its last answer said it was taken


class Outlook:
    """The view of one node (see `nodes.computing.placement.View`).

    Args:
        node: its name.
        plan: the contact plan, as the node knows it by now.
        names: of nodes, by number.
        places: every node that computes.
        now: the present, seconds from the start.
        own: this node's executor, if it has one.
        transmit_w: what its terminal draws while it sends.
        rng: of this node.
    """

    def __init__(
        self,
        node: str,
        plan: Callable[[], ContactPlan],
        names: Mapping[int, str],
        places: Sequence[Place],
        now: Callable[[], float],
        own: Executor | None,
        transmit_w: float,
        rng: random.Random,
    ) -> None:
        self.node = node
        self._plan = plan
        self.memory: MutableMapping[Hashable, Any] = {}
        self.rng = rng
        self._names = names
        self._now = now
        self._own = own
        self._transmit_w = transmit_w
        ordered = sorted(places, key=lambda place: (place.node != node, place.node))
        self._places = {place.node: place for place in ordered}
        self._known = {place.node: _Known() for place in ordered}
        self._routes_over: ContactPlan | None = None
        self._routes: dict[tuple[str, str, float, float], Route | None] = {}

    @property
    def now_s(self) -> float:
        """The present."""
        return self._now()

    @property
    def plan(self) -> ContactPlan:
        """The contact plan as this node knows it."""
        return self._plan()

    @property
    def places(self) -> tuple[str, ...]:
        """Nodes that compute: this one first if it does, the others by name."""
        return tuple(self._places)

    def on(self, body: str) -> tuple[str, ...]:
        """Those of them on this body."""
        return tuple(place.node for place in self._places.values() if place.body == body)

    def named(self, answer: str) -> tuple[str, ...]:
        """The places that a policy's answer stands for; none if it names none."""
        if answer == ONBOARD:
            answer = self.node
        return (answer,) if answer in self._places else self.on(answer)

    def forecast(self, job: Job, place: str) -> Forecast:
        """What is to be expected of a job there."""
        named = self.named(place)
        if not named:
            raise KeyError(f"no such place: {place!r}; there are {', '.join(self._places)}")
        return soonest([self._forecast(job, self._places[one]) for one in named])

    # --- what happens ---------------------------------------------------------------------------

    def sent(self, expected: Forecast) -> None:
        """A job was placed at another node."""
        known = self._known[expected.place]
        known.done_s = [done_s for done_s in known.done_s if done_s > self.now_s]
        if expected.finished_s < math.inf:
            known.done_s.append(expected.finished_s)

    def told(self, place: str, free_s: float) -> None:
        """An answer came from there: when it left, a new job would have begun then."""
        if place in self._known:
            self._known[place].free_s = free_s

    # --- forecasts ------------------------------------------------------------------------------

    def _forecast(self, job: Job, place: Place) -> Forecast:
        now_s = self.now_s
        computing = place.computing
        is_own = place.node == self.node
        acts_where = self.node if job.acts_at == "source" else self._names[job.home.node]
        arrives_s, own_energy_j = now_s, 0.0
        if not is_own:
            arrives_s, own_energy_j = self._journey(place.node, job.input_bytes + BUNDLE_BYTES)
        starts_s = self._starts_s(place, arrives_s)
        finished_s = self._finished_s(place, starts_s, computing.full_speed_s(job.all_operations))
        in_effect_s = finished_s
        if acts_where != place.node and finished_s < math.inf:
            size_bytes = job.output_bytes + BUNDLE_BYTES
            route = self._route(place.node, acts_where, finished_s, size_bytes)
            in_effect_s = math.inf if route is None else route.delivery_s
        energy_j = computing.energy_j(job.all_operations)
        own_energy_j += energy_j if is_own else 0.0
        return Forecast(
            place.node, arrives_s, starts_s, finished_s, in_effect_s, energy_j, own_energy_j
        )

    def _route(self, source: str, destination: str, at_s: float, size_bytes: float) -> Route | None:
        """The earliest arrival; policies that are asked about one event ask for the same, so it is kept a while."""
        asked = (source, destination, at_s, size_bytes)
        plan = self.plan
        if plan is not self._routes_over or len(self._routes) >= _ROUTES_KEPT:
            self._routes_over = plan
            self._routes.clear()
        if asked not in self._routes:
            self._routes[asked] = earliest_arrival(plan, *asked)
        return self._routes[asked]

    def _journey(self, place: str, size_bytes: float) -> tuple[float, float]:
        """When the input is there, and what this node's terminal draws to send it."""
        route = self._route(self.node, place, self.now_s, size_bytes)
        if route is None:
            return math.inf, math.inf
        first_s = max(route.departure_s, route.contacts[0].start_s)
        airtime_s = route.contacts[0].last_bit_s(first_s, size_bytes) - first_s
        return route.delivery_s, self._transmit_w * airtime_s

    def _starts_s(self, place: Place, arrives_s: float) -> float:
        """When a job that is there then gets a slot."""
        if arrives_s == math.inf:
            return math.inf
        if place.node == self.node and self._own is not None:
            waits_s = self._own.backlog_s(self.now_s)
            return self._finished_s(place, arrives_s, waits_s) if waits_s > 0 else arrives_s
        known = self._known[place.node]
        ahead = sorted(done_s for done_s in known.done_s if done_s > arrives_s)
        slots = place.computing.slots
        free_s = ahead[len(ahead) - slots] if len(ahead) >= slots else arrives_s
        return max(arrives_s, free_s, known.free_s)

    def _finished_s(self, place: Place, from_s: float, full_speed_s: float) -> float:
        """When so much work is done at the speeds that the place's supply expects."""
        if from_s == math.inf:
            return math.inf

        def done_s(until_s: float) -> float:
            speed = place.supply.forecast_speed(COMPUTING, from_s, until_s)
            return speed * (until_s - from_s)

        span_s = full_speed_s
        while done_s(from_s + span_s) < full_speed_s * (1 - 1e-12):
            if span_s > HORIZON_S:
                return math.inf
            span_s = max(2 * span_s, 1.0)
        if span_s == full_speed_s:
            return from_s + full_speed_s
        low_s, high_s = span_s / 2, span_s
        while high_s - low_s > max(PRECISION * high_s, PRECISION):
            middle_s = (low_s + high_s) / 2
            if done_s(from_s + middle_s) < full_speed_s:
                low_s = middle_s
            else:
                high_s = middle_s
        return from_s + high_s
