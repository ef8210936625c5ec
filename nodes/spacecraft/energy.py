"""Energy: power and heat of one node as one machine without a clock.

Loads say what they draw; the machine says what is shed and how fast computing may run, and when to come back. When
the battery runs low it sheds computing (and launching), then the links, then the node sleeps; each comes back with a
margin, so that nothing flutters. Thresholds are crossed at the instant that the battery's parabola or the radiator's
curve crosses them; `next_timer` is that instant or an earlier one at which to look again, whichever is cheaper to know.

At its best: the books of a month close to rounding, the order of what is shed is always the same, and a bundle sent
costs microseconds.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from nodes.spacecraft.battery import ROUNDING, Battery, Ledger
from nodes.spacecraft.options import HeatOptions, PowerOptions
from nodes.spacecraft.radiator import Radiator
from nodes.spacecraft.supply import BUS, COMPUTING, LOADS, MASS_DRIVER, TERMINAL


class Shed(IntEnum):
    """What a node does without, each including the ones before."""

    NOTHING = 0
    COMPUTING = 1
    LINKS = 2
    EVERYTHING = 3


class ShedChanged(NamedTuple):
    """More is shed, or less."""

    shed: Shed
    before: Shed


class SpeedChanged(NamedTuple):
    """A load runs at another speed."""

    load: str
    speed: float


Change = ShedChanged | SpeedChanged

_SHED_AT = {
    BUS: math.inf,
    TERMINAL: Shed.LINKS,
    COMPUTING: Shed.COMPUTING,
    MASS_DRIVER: Shed.COMPUTING,
}
_NEAR_S = 3600.0
"""A threshold at least so far off is not solved for: the quick bound says when to look again."""
_AHEAD_S = 6 * 3600.0
_MOST_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """A node's energy since the start, joules, and where it stands.

    `incoming_j` = the sum of `used_j` + `charging_loss_j` + `spilled_j` + `charge_j` - the charge at the start.
    """

    charge_j: float
    incoming_j: float
    charging_loss_j: float
    spilled_j: float
    unserved_j: float
    used_j: dict[str, float]


class Energy:
    """Power and heat of one node.

    Args:
        power: its battery and what fills it; None: mains.
        heat: its radiator; None: cool whatever it does.
        since_s: when it begins.
        shed: what it does without by then.
    """

    def __init__(
        self,
        power: PowerOptions | None,
        heat: HeatOptions | None,
        since_s: float = 0.0,
        shed: Shed = Shed.NOTHING,
    ) -> None:
        self.shed = shed
        self.since_s = since_s
        self.battery: Battery | None = None
        self.radiator: Radiator | None = None
        self._power = power
        self._watts = dict.fromkeys(LOADS, 0.0)
        self._speeds = dict.fromkeys(LOADS, 1.0)
        self._used_j = dict.fromkeys(LOADS, 0.0)
        self._down_j: tuple[float, ...] = ()
        self._up_j: tuple[float, ...] = ()
        if power is not None:
            self._watts[BUS] = power.bus_w
            self.battery = Battery(
                power.battery_j,
                power.charge_j,
                power.charge_efficiency,
                power.knots_s,
                power.incoming_w,
                since_s,
            )
            parts = (power.shed_computing_below, power.shed_links_below, power.sleep_below)
            self._down_j = tuple(part * power.battery_j for part in parts)
            self._up_j = tuple((part + power.resume_margin) * power.battery_j for part in parts)
        if heat is not None:
            self.radiator = Radiator(
                heat.radiator_m2,
                heat.emissivity,
                heat.heat_capacity_j_k,
                heat.limit_k,
                heat.sink_k,
                heat.start_k,
                since_s,
            )
        self._settle()

    # -- what loads see

    def speed(self, load: str) -> float:
        """How fast a load runs now, 0 to 1."""
        return self._speeds[load]

    def drawn_w(self, load: str) -> float:
        """What a load draws now."""
        if load == BUS and self.shed is Shed.EVERYTHING and self._power is not None:
            return self._power.sleep_w
        return self._watts[load] * self._speeds[load]

    @property
    def draw_w(self) -> float:
        """What all of them draw now."""
        return sum(map(self.drawn_w, LOADS))

    # -- verbs

    def set_load(self, load: str, watts: float, now_s: float) -> list[Change]:
        """From now on a load asks for so much at full speed."""
        self._keep_books(now_s)
        self._watts[load] = watts
        return self._settle()

    def spend(self, load: str, joules: float, now_s: float) -> list[Change]:
        """A load takes so much at once."""
        self._keep_books(now_s)
        if self.battery is not None:
            before_j = self.battery.ledger.drawn_j
            self.battery.spend(joules)
            joules = self.battery.ledger.drawn_j - before_j
        self._used_j[load] += joules
        return self._settle()

    def on_timer(self, now_s: float) -> list[Change]:
        """Look whether a threshold is crossed."""
        self._keep_books(now_s)
        return self._settle()

    def next_timer(self) -> float:
        """When to look at the latest; inf if never."""
        at_s = self.radiator.reaches_limit_s() if self.radiator else math.inf
        if self.battery is None:
            return at_s
        for level_j in self._thresholds_j():
            at_s = min(at_s, self._crosses_s(self.battery, level_j, at_s))
        return at_s

    def advance(self, to_s: float) -> None:
        """Bring everything up to date; nothing is shed or taken back."""
        self._keep_books(to_s)
        if self.radiator is not None:
            self.radiator.advance(to_s)

    def _keep_books(self, to_s: float) -> None:
        """Bring the battery up to date; the temperature is worked out when the heat changes."""
        for_s = to_s - self.since_s
        if for_s <= 0.0:
            return
        self.since_s = to_s
        served = 1.0
        if self.battery is not None:
            ledger = self.battery.ledger
            before_j, asked_j = ledger.drawn_j, self.battery.draw_w * for_s
            self.battery.advance(to_s)
            served = (ledger.drawn_j - before_j) / asked_j if asked_j > 0.0 else 0.0
        for load in LOADS:
            self._used_j[load] += self.drawn_w(load) * for_s * served

    # -- what others ask

    def mean_speed(self, load: str, from_s: float, to_s: float) -> float:
        """The mean speed of a load in a time to come if the others stay as they are."""
        other = copy.copy(self)
        other._watts, other._speeds = self._watts.copy(), self._speeds.copy()
        other._used_j = self._used_j.copy()
        other.radiator = copy.copy(self.radiator)
        if self.battery is not None:
            other.battery = copy.copy(self.battery)
            other.battery.ledger = Ledger()
        done = 0.0
        for _ in range(_MOST_CHANGES):
            until_s = min(other.next_timer(), to_s)
            done += max(until_s - max(other.since_s, from_s), 0.0) * other.speed(load)
            if until_s >= to_s:
                break
            other.on_timer(until_s)
        return done / (to_s - from_s) if to_s > from_s else other.speed(load)

    def account(self) -> Account:
        """The books."""
        if self.battery is None:
            used_j = sum(self._used_j.values())
            return Account(0.0, used_j, 0.0, 0.0, 0.0, self._used_j.copy())
        ledger = self.battery.ledger
        return Account(
            self.battery.charge_j,
            ledger.incoming_j,
            ledger.charging_loss_j,
            ledger.spilled_j,
            ledger.unserved_j,
            self._used_j.copy(),
        )

    # -- thresholds

    def _thresholds_j(self) -> list[float]:
        """The charges at which more or less is shed than now."""
        levels = list(self._down_j[self.shed : self.shed + 1])
        if self.shed > Shed.NOTHING:
            levels.append(self._up_j[self.shed - 1])
        return levels

    def _crosses_s(self, battery: Battery, level_j: float, before_s: float) -> float:
        """When the charge is at a level, or an earlier time to look again."""
        soonest_s = battery.soonest_s(level_j)
        if soonest_s >= min(before_s, battery.since_s + _NEAR_S):
            return soonest_s
        ahead_s = min(before_s, battery.since_s + _AHEAD_S)
        at_s = battery.reaches(level_j, ahead_s)
        return at_s if at_s < math.inf else ahead_s

    def _settle(self) -> list[Change]:
        """Shed and take back what is to be, and let the loads run as fast as they may."""
        before, speeds = self.shed, self._speeds
        self.shed = self._shed_now()
        self._speeds = {load: float(self.shed < _SHED_AT[load]) for load in LOADS}
        if self.radiator is not None:
            if self.radiator.reaches_limit_s() <= self.since_s:
                self.radiator.advance(self.since_s)
            other_w = self.drawn_w(BUS) + self.drawn_w(TERMINAL)
            allowed = self.radiator.computing_speed(other_w, self._watts[COMPUTING])
            self._speeds[COMPUTING] *= allowed
            self.radiator.warm(other_w + self.drawn_w(COMPUTING), self.since_s)
        if self.battery is not None:
            self.battery.draw_w = self.draw_w
        changes: list[Change] = []
        if self.shed != before:
            changes.append(ShedChanged(self.shed, before))
        for load, speed in self._speeds.items():
            if speed != speeds[load]:
                changes.append(SpeedChanged(load, speed))
        return changes

    def _shed_now(self) -> Shed:
        shed = self.shed
        if self.battery is None:
            return shed
        slack_j = ROUNDING * self.battery.capacity_j
        charge_j = self.battery.charge_j
        while shed < Shed.EVERYTHING and charge_j <= self._down_j[shed] + slack_j:
            shed = Shed(shed + 1)
        while shed > Shed.NOTHING and charge_j >= self._up_j[shed - 1] - slack_j:
            shed = Shed(shed - 1)
        return shed
