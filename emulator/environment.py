"""RoutingEnvironment: a run as an environment for learned strategies, in the manner of gymnasium, without needing it.

    environment = RoutingEnvironment("scenarios/earth-moon.toml")
    observation, info = environment.reset(seed=1)
    over = False
    while not over:
        observation, reward, over, truncated, info = environment.step(policy(observation))

Each step is one decision about one bundle at one node, in the order in which a run asks for them. An
action is the place of a route in `observation["routes"]`, or `environment.hold`. The reward is what was
delivered since the last step, each bundle by 1 - latency / lifetime. Equal seeds and actions give equal
steps.

The run goes on in a thread of its own, which waits while the learner thinks: at any moment only one of the two runs.
"""

from __future__ import annotations

import math
import operator
import threading
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import TypedDict

from dtn.errors import LightlagError
from dtn.events import BundleDelivered, BundleSourced, Event
from dtn.routing.route import Route
from dtn.routing.strategy import BundleView, Decisions, Hold, Send, Strategy, View
from emulator.one_process import fly
from emulator.scenario import Scenario, load
from emulator.setup import Setup, from_scenario


class RouteChoice(TypedDict):
    """A route that may be chosen."""

    entry: str
    hops: int
    departs_in_s: float
    arrives_in_s: float


class Observation(TypedDict):
    """What is known where a decision is to be made."""

    node: str
    source: str
    destination: str
    size_bytes: int
    priority: int
    hops: int
    age_s: float
    expires_in_s: float
    queued_bytes: dict[str, int]
    routes: list[RouteChoice]


class Info(TypedDict):
    """What is no business of the policy."""

    now_s: float
    bundle: str
    delivered: int
    fault: str | None


class _Left(BaseException):
    """The learner has left: the run ends where it waits."""


Step = tuple[Observation | None, float, bool, bool, Info]


class RoutingEnvironment:
    """A scenario, asked decision by decision.

    Args:
        scenario: a scenario file, a loaded scenario, or a Setup; planned once.
        k: routes to choose from, at most.
    """

    def __init__(self, scenario: str | Path | Scenario | Setup, k: int = 4) -> None:
        if k < 1:
            raise ValueError(f"k = {k}: give 1 route or more to choose from")
        if isinstance(scenario, str | Path):
            scenario = load(scenario)
        self._setup = scenario if isinstance(scenario, Setup) else from_scenario(scenario)
        self.k = k
        self.hold = k
        self._run: _Run | None = None

    def reset(self, seed: int | None = None) -> tuple[Observation | None, Info]:
        """Begin anew; the observation is None if nothing is ever asked."""
        self.close()
        setup = self._setup if seed is None else replace(self._setup, seed=seed)
        self._run = _Run(setup, self.k)
        observation, _, _, _, info = self._run.next()
        return observation, info

    def step(self, action: int) -> Step:
        """Decide; returns the next observation, the reward, whether the run is over, False, and info.

        Raises:
            RuntimeError: there is no run that waits for a decision.
            TypeError, ValueError: that is no action; the run still waits for one.
        """
        if self._run is None:
            raise RuntimeError("call reset first: no run waits for a decision")
        place = operator.index(action)
        if not 0 <= place <= self.hold:
            raise ValueError(
                f"action {action}: give a place from 0 to {self.hold}, which is to hold"
            )
        self._run.actions.put(place)
        step = self._run.next()
        if step[2]:
            self._run = None
        return step

    def close(self) -> None:
        """Leave the run where it is."""
        if self._run is not None:
            self._run.leave()
            self._run = None


class _Run:
    """One run in its thread."""

    def __init__(self, setup: Setup, k: int) -> None:
        self.actions: SimpleQueue[int | None] = SimpleQueue()
        self._asked: SimpleQueue[Observation | None] = SimpleQueue()
        self._setup = setup
        self._k = k
        self._reward = 0.0
        self._delivered = 0
        self._created: dict[str, tuple[float, float]] = {}
        self._now_s = 0.0
        self._bundle = ""
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._go, name="environment", daemon=True)
        self._thread.start()

    def next(self) -> Step:
        """Wait until the run asks, or is over."""
        observation = self._asked.get()
        if observation is None:
            self._thread.join()
            if self._fault is not None and not isinstance(self._fault, LightlagError):
                raise self._fault
        reward, self._reward = self._reward, 0.0
        fault = None if self._fault is None else str(self._fault)
        info = Info(now_s=self._now_s, bundle=self._bundle, delivered=self._delivered, fault=fault)
        return observation, reward, observation is None, False, info

    def leave(self) -> None:
        """End the run, which waits for a decision."""
        self.actions.put(None)
        self._thread.join()

    def _go(self) -> None:
        strategy = Strategy("environment", self._decide, {})
        try:
            fly(self._setup, strategy, self._record, decision_limit_s=math.inf)
        except _Left:
            pass
        except BaseException as fault:
            self._fault = fault
        self._asked.put(None)

    def _decide(self, view: View, bundle: BundleView) -> Decisions:
        routes = list(view.routes(bundle, self._k))
        self._now_s, self._bundle = view.now_s, bundle.id
        self._asked.put(_observation(view, bundle, routes))
        action = self.actions.get()
        if action is None:
            raise _Left
        return Send(routes[action]) if 0 <= action < len(routes) else Hold()

    def _record(self, event: Event) -> None:
        self._now_s = event.t_s
        if isinstance(event, BundleSourced) and event.flow != "administrative":
            self._created[event.bundle] = (event.t_s, event.lifetime_s)
        elif isinstance(event, BundleDelivered) and event.bundle in self._created:
            created_s, lifetime_s = self._created.pop(event.bundle)
            self._reward += 1 - (event.t_s - created_s) / lifetime_s
            self._delivered += 1


def _observation(view: View, bundle: BundleView, routes: list[Route]) -> Observation:
    now_s = view.now_s
    return Observation(
        node=view.node,
        source=bundle.source,
        destination=bundle.destination,
        size_bytes=bundle.size_bytes,
        priority=bundle.priority,
        hops=bundle.hops,
        age_s=now_s - bundle.created_s,
        expires_in_s=bundle.expires_s - now_s,
        queued_bytes={neighbour.name: neighbour.queued_bytes for neighbour in view.neighbours},
        routes=[
            RouteChoice(
                entry=route.entry,
                hops=route.hops,
                departs_in_s=route.departure_s - now_s,
                arrives_in_s=route.delivery_s - now_s,
            )
            for route in routes
        ],
    )
