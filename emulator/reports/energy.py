"""Energy, upsets and launches of a run, told from its events: a row a node, and the charge over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypedDict

from dtn.events import (
    ComputingThrottled,
    EnergyAccounted,
    EnergySampled,
    Event,
    LaunchDelayed,
    PowerRestored,
    PowerShed,
    SatelliteLaunched,
    UpsetsCounted,
)

SHED: Final = ("computing", "links", "everything")


class NodeEnergy(TypedDict):
    """A node's energy account, joules; what balances is said at `dtn.events.EnergyAccounted`.

    `shed_s` says how long computing, links and everything were shed, `sheds` how often; `least_charge` and `hottest_k`
    are of the samples, `throttled_s` is how long heat slowed computing.
    """

    node: str
    capacity_j: float
    start_j: float
    charge_j: float
    incoming_j: float
    bus_j: float
    terminal_j: float
    computing_j: float
    mass_driver_j: float
    charging_loss_j: float
    spilled_j: float
    unserved_j: float
    least_charge: float
    sheds: dict[str, int]
    shed_s: dict[str, float]
    throttled_s: float
    hottest_k: float


class NodeUpsets(TypedDict):
    """What particles did to a node's memory: bits flipped, mended and left, bundles and frames that they spoilt."""

    node: str
    bit_days: float
    flips: int
    mended: int
    left: int
    bundles: int
    frames: int
    resets: int


class Launched(TypedDict):
    """A launch that took energy from a node; `late_s` after it was due."""

    satellite: str
    node: str
    launched_s: float
    energy_j: float
    late_s: float


@dataclass(slots=True)
class Samples:
    """One node's energy over time: charge (J), incoming and drawn power (W)."""

    t_s: list[float] = field(default_factory=list)
    charge_j: list[float] = field(default_factory=list)
    incoming_w: list[float] = field(default_factory=list)
    drawn_w: list[float] = field(default_factory=list)
    capacity_j: float = 0.0
    hottest_k: float = 0.0


@dataclass(slots=True)
class EnergyBooks:
    """What a run's events say of energy.

    Args:
        nodes: an account a node, in order of name.
        upsets: the same of its memory.
        launches: in order of time.
        waiting: satellites whose launch was due and never made.
        samples: by node.
    """

    nodes: list[NodeEnergy] = field(default_factory=list)
    upsets: list[NodeUpsets] = field(default_factory=list)
    launches: list[Launched] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    samples: dict[str, Samples] = field(default_factory=dict)


def energy_books(events: Iterable[Event]) -> EnergyBooks:
    """Fold the events of a run."""
    books = EnergyBooks()
    sheds: dict[str, list[PowerShed | PowerRestored]] = {}
    throttles: dict[str, list[ComputingThrottled]] = {}
    accounts: list[EnergyAccounted] = []
    delayed: dict[str, None] = {}
    for event in events:
        match event:
            case EnergySampled():
                _sample(books.samples.setdefault(event.node, Samples()), event)
            case PowerShed() | PowerRestored():
                sheds.setdefault(event.node, []).append(event)
            case ComputingThrottled():
                throttles.setdefault(event.node, []).append(event)
            case EnergyAccounted():
                accounts.append(event)
            case LaunchDelayed():
                delayed[event.satellite] = None
            case SatelliteLaunched():
                delayed.pop(event.satellite, None)
                books.launches.append(
                    Launched(
                        satellite=event.satellite,
                        node=event.node,
                        launched_s=event.t_s,
                        energy_j=event.energy_j,
                        late_s=event.late_s,
                    )
                )
            case UpsetsCounted():
                books.upsets.append(_upsets(event))
    books.waiting = list(delayed)
    for account in sorted(accounts, key=lambda account: account.node):
        node = account.node
        samples = books.samples.get(node, Samples())
        books.nodes.append(_account(account, samples, sheds.get(node, ()), throttles.get(node, ())))
    books.upsets.sort(key=lambda row: row["node"])
    return books


def _sample(samples: Samples, event: EnergySampled) -> None:
    samples.t_s.append(event.t_s)
    samples.charge_j.append(event.charge_j)
    samples.incoming_w.append(event.incoming_w)
    samples.drawn_w.append(event.drawn_w)
    samples.capacity_j = event.capacity_j
    samples.hottest_k = max(samples.hottest_k, event.temperature_k)


def _upsets(event: UpsetsCounted) -> NodeUpsets:
    return NodeUpsets(
        node=event.node,
        bit_days=event.bit_days,
        flips=event.flips,
        mended=event.mended,
        left=event.left,
        bundles=event.bundles,
        frames=event.frames,
        resets=event.resets,
    )


def _account(
    account: EnergyAccounted,
    samples: Samples,
    sheds: Sequence[PowerShed | PowerRestored],
    throttles: Sequence[ComputingThrottled],
) -> NodeEnergy:
    end_s = account.t_s
    least_j = min([*samples.charge_j, account.charge_j, account.start_j])
    least = least_j / samples.capacity_j if samples.capacity_j else 1.0
    return NodeEnergy(
        node=account.node,
        capacity_j=samples.capacity_j,
        start_j=account.start_j,
        charge_j=account.charge_j,
        incoming_j=account.incoming_j,
        bus_j=account.bus_j,
        terminal_j=account.terminal_j,
        computing_j=account.computing_j,
        mass_driver_j=account.mass_driver_j,
        charging_loss_j=account.charging_loss_j,
        spilled_j=account.spilled_j,
        unserved_j=account.unserved_j,
        least_charge=min([least, *(event.charge for event in sheds)]),
        sheds={
            what: sum(isinstance(e, PowerShed) and e.what == what for e in sheds) for what in SHED
        },
        shed_s={what: _shed_s(what, sheds, end_s) for what in SHED},
        throttled_s=_throttled_s(throttles, end_s),
        hottest_k=max([samples.hottest_k, *(event.temperature_k for event in throttles)]),
    )


def _shed_s(what: str, sheds: Sequence[PowerShed | PowerRestored], end_s: float) -> float:
    total_s, since_s = 0.0, end_s
    for event in sheds:
        if event.what != what:
            continue
        if isinstance(event, PowerShed):
            since_s = event.t_s
        else:
            total_s += event.t_s - since_s
            since_s = end_s
    return total_s + end_s - since_s


def _throttled_s(throttles: Sequence[ComputingThrottled], end_s: float) -> float:
    ends_s = (*(event.t_s for event in throttles[1:]), end_s)
    slowed = (
        until_s - event.t_s
        for event, until_s in zip(throttles, ends_s, strict=False)  # none: no end either
        if event.speed < 1.0
    )
    return sum(slowed, start=0.0)
