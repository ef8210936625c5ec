"""Battery: charge over time, solved piece by piece instead of stepped.

What comes in is a straight line between knots (sunlight on a panel, and a constant source), what goes out is constant
until somebody changes it. So the charge is a parabola in each piece, and every moment that matters is the root of one:
when it is full, empty, or at a threshold. At its best the books close to rounding: what came in is what was drawn, what
charging lost, what nobody wanted (full), and the change of charge.

An empty battery gives its loads no more than what comes in.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

ROUNDING = 1e-9
"""Parts of the capacity that two computations of one charge may differ by."""


@dataclass(slots=True)
class Ledger:
    """Joules since the start: `incoming_j` = `drawn_j` + `charging_loss_j` + `spilled_j` + change of charge."""

    incoming_j: float = 0.0
    drawn_j: float = 0.0
    charging_loss_j: float = 0.0
    spilled_j: float = 0.0
    unserved_j: float = 0.0


class Battery:
    """A battery between a source and its loads.

    Args:
        capacity_j: what it holds, above 0.
        charge_j: what it holds at first.
        charge_efficiency: the part of what goes in that is there to come out again, above 0 to 1.
        knots_s: times between which the power coming in is a straight line, rising; outside them
            the power is constant.
        power_w: what comes in at the knots.
        since_s: when it begins.
    """

    def __init__(
        self,
        capacity_j: float,
        charge_j: float,
        charge_efficiency: float,
        knots_s: Sequence[float],
        power_w: Sequence[float],
        since_s: float = 0.0,
    ) -> None:
        self.capacity_j = capacity_j
        self.charge_j = charge_j
        self.since_s = since_s
        self.draw_w = 0.0
        self.ledger = Ledger()
        self.most_w = max(power_w, default=0.0)
        self._efficiency = charge_efficiency
        self._knots_s = knots_s
        self._power_w = power_w

    def incoming_w(self, t_s: float) -> float:
        """The power that comes in."""
        return self._line(t_s)[0]

    def advance(self, to_s: float) -> None:
        """Go on to a time; what is past is ignored."""
        ledger = self.ledger
        while self.since_s < to_s:
            step = self._step(self.since_s, self.charge_j, to_s)
            ledger.incoming_j += step.incoming_j
            drawn_j = self.draw_w * step.for_s
            if step.is_empty:
                ledger.unserved_j += drawn_j - step.incoming_j
                drawn_j = step.incoming_j
            ledger.drawn_j += drawn_j
            gained_j = step.charge_j - self.charge_j
            surplus_j = step.incoming_j - drawn_j
            if step.is_full:
                ledger.spilled_j += surplus_j - gained_j
            elif surplus_j > 0.0:
                ledger.charging_loss_j += surplus_j - gained_j
            self.charge_j = step.charge_j
            self.since_s = step.ends_s

    def spend(self, joules: float) -> None:
        """Take so much at once; it gives what it has."""
        given_j = min(joules, self.charge_j)
        self.charge_j -= given_j
        self.ledger.drawn_j += given_j
        self.ledger.unserved_j += joules - given_j

    def soonest_s(self, level_j: float) -> float:
        """A time before which the charge cannot be at a level, whatever the Sun does: a quick bound."""
        missing_j = level_j - self.charge_j
        if missing_j < 0.0:
            return self.since_s - missing_j / self.draw_w if self.draw_w > 0.0 else math.inf
        most_w = self._efficiency * (self.most_w - self.draw_w)
        return self.since_s + missing_j / most_w if most_w > 0.0 else math.inf

    def reaches(self, level_j: float, until_s: float) -> float:
        """When the charge will be at a level, if the loads stay as they are; inf if not before until_s."""
        at_s, charge_j = self.since_s, self.charge_j
        while at_s < until_s:
            step = self._step(at_s, charge_j, until_s)
            low_j, high_j = sorted((charge_j, step.charge_j))
            if low_j < high_j and low_j <= level_j <= high_j:
                gain = self._gain(step.charge_j > charge_j)
                start_w, slope = step.net_w, step.slope_w_s
                return at_s + _first_root(
                    gain * start_w, gain * slope, level_j - charge_j, step.for_s
                )
            at_s, charge_j = step.ends_s, step.charge_j
        return math.inf

    # -- pieces

    def _gain(self, charging: bool) -> float:
        return self._efficiency if charging else 1.0

    def _line(self, t_s: float) -> tuple[float, float, float]:
        """Power at t_s, its slope from there on, and until when it is so."""
        knots_s, power_w = self._knots_s, self._power_w
        place = bisect_right(knots_s, t_s)
        if place == 0:
            return (power_w[0] if power_w else 0.0), 0.0, (knots_s[0] if knots_s else math.inf)
        if place == len(knots_s):
            return power_w[-1], 0.0, math.inf
        left_s, right_s = knots_s[place - 1], knots_s[place]
        slope = (power_w[place] - power_w[place - 1]) / (right_s - left_s)
        return power_w[place - 1] + slope * (t_s - left_s), slope, right_s

    def _step(self, at_s: float, charge_j: float, until_s: float) -> _Step:
        """From a time on, as long as one parabola holds."""
        level_w, slope, ends_s = self._line(at_s)
        ends_s = min(ends_s, until_s)
        for_s = ends_s - at_s
        net_w = level_w - self.draw_w
        if slope != 0.0:
            turn_s = -net_w / slope
            if abs(turn_s) <= 1e-9 * for_s:  # at the turn: the sign is that of what follows
                net_w = 0.0
            elif 0.0 < turn_s < for_s:
                for_s, ends_s = turn_s, at_s + turn_s
        middle_w = net_w + 0.5 * slope * for_s
        is_full = middle_w > 0.0 and charge_j >= self.capacity_j
        is_empty = middle_w < 0.0 and charge_j <= 0.0
        reached_j = charge_j
        if not (is_full or is_empty):
            gain = self._gain(middle_w > 0.0)
            reached_j = charge_j + gain * middle_w * for_s
            bound_j = self.capacity_j if middle_w > 0.0 else 0.0
            if not 0.0 <= reached_j <= self.capacity_j:
                for_s = _first_root(gain * net_w, gain * slope, bound_j - charge_j, for_s)
                ends_s, reached_j = at_s + for_s, bound_j
        if ends_s <= at_s:  # shorter than the clock can tell
            ends_s = math.nextafter(at_s, math.inf)
        incoming_j = (level_w + 0.5 * slope * for_s) * for_s
        return _Step(ends_s, for_s, reached_j, incoming_j, net_w, slope, is_full, is_empty)


class _Step(NamedTuple):
    """One parabola: until when, how long, the charge then, what came in; net power at first and its slope."""

    ends_s: float
    for_s: float
    charge_j: float
    incoming_j: float
    net_w: float
    slope_w_s: float
    is_full: bool
    is_empty: bool


def _first_root(speed: float, slope: float, way: float, within: float) -> float:
    """The first x in [0, within] with speed x + slope x^2 / 2 = way; there is one, but for rounding."""
    if way == 0.0:
        return 0.0
    # in the form that does not cancel: 2 way / (speed +- root)
    root = math.sqrt(max(speed * speed + 2.0 * slope * way, 0.0))
    divisor = speed + math.copysign(root, way)
    x = 2.0 * way / divisor if divisor != 0.0 else within
    return min(max(x, 0.0), within)
