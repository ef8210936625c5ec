"""Radiator: the temperature of a node that cools by radiation alone, and how fast its computers may run.

One temperature for all of it (a lumped mass): C dT/dt = H - e s A (T^4 - T_sink^4). With a constant heat H that has a
solution in closed form: the time to any temperature is known, nothing is stepped. At its best the limit is kept
exactly: when the temperature comes to it, computing is throttled to what the radiator can shed there, and speeds up
again the moment that other loads leave room.

Heat is what the loads draw. What a mass driver draws leaves with the payload or stays in the ground; panels are taken
to cool themselves.
"""

from __future__ import annotations

import math
from typing import Final

STEFAN_BOLTZMANN_W_M2_K4: Final = 5.670_374_419e-8  # exact, SI 2019 (CODATA 2018)
ROUNDING: Final = 1e-9
"""Parts that two computations of one temperature may differ by."""


class Radiator:
    """A mass with a radiator.

    Args:
        area_m2: that radiates, both sides counted, above 0.
        emissivity: above 0 to 1.
        heat_capacity_j_k: of everything that is warm together, above 0.
        limit_k: no warmer may the computers make it.
        sink_k: temperature of what it radiates to; 3 is the open sky. At least 1.
        temperature_k: at first.
        since_s: when it begins.
    """

    def __init__(
        self,
        area_m2: float,
        emissivity: float,
        heat_capacity_j_k: float,
        limit_k: float,
        sink_k: float = 3.0,
        temperature_k: float = 290.0,
        since_s: float = 0.0,
    ) -> None:
        self.temperature_k = temperature_k
        self.limit_k = limit_k
        self.since_s = since_s
        self.heat_w = 0.0
        self._limit_s = math.inf
        self._sink_k = sink_k
        self._w_k4 = STEFAN_BOLTZMANN_W_M2_K4 * emissivity * area_m2
        self._capacity_j_k = heat_capacity_j_k
        self._limit_s = self._reaches_limit_s()

    @property
    def limit_w(self) -> float:
        """The heat that it sheds at the limit."""
        return self._w_k4 * (self.limit_k**4 - self._sink_k**4)

    def equilibrium_k(self, heat_w: float) -> float:
        """The temperature that a heat leads to in the end."""
        return float((self._sink_k**4 + heat_w / self._w_k4) ** 0.25)

    def computing_speed(self, other_w: float, computing_w: float) -> float:
        """How fast computers may run that want `computing_w`, beside other loads, at this temperature."""
        if computing_w <= 0.0 or self.temperature_k < self.limit_k:
            return 1.0
        if self.temperature_k > self.limit_k:
            return 0.0
        return min(max((self.limit_w - other_w) / computing_w, 0.0), 1.0)

    def warm(self, heat_w: float, now_s: float) -> None:
        """From now on it gets so much heat; the same as before costs nothing."""
        if heat_w != self.heat_w or now_s >= self._limit_s:
            self.advance(now_s)
            self.heat_w = heat_w
            self._limit_s = self._reaches_limit_s()

    def advance(self, to_s: float) -> None:
        """Go on to a time; what is past is ignored."""
        if to_s > self.since_s:
            at_k = self.temperature_at(to_s)
            is_limit = abs(at_k - self.limit_k) < ROUNDING * self.limit_k
            self.temperature_k = self.limit_k if is_limit else at_k
            self.since_s = to_s

    def temperature_at(self, t_s: float) -> float:
        """The temperature at a time to come, if the heat stays as it is."""
        start_k, final_k = self.temperature_k, self.equilibrium_k(self.heat_w)
        for_s = t_s - self.since_s
        if for_s <= 0.0 or start_k == final_k or self._is_limit(final_k, start_k):
            return start_k
        near, far = (
            final_k,
            start_k,
        )  # the temperature lies between, and never quite gets to the end
        at_k = start_k + (final_k - start_k) * 0.5
        for _ in range(200):
            late_s = self._takes_s(start_k, at_k, final_k) - for_s
            if late_s > 0.0:
                near = at_k
            else:
                far = at_k
            rate = self._w_k4 / self._capacity_j_k * (final_k**4 - at_k**4)
            next_k = at_k - late_s * rate
            if not min(near, far) < next_k < max(near, far):
                next_k = 0.5 * (near + far)
            if abs(next_k - at_k) <= 1e-12 * at_k:
                break
            at_k = next_k
        if self._passes_limit(start_k, at_k):
            return self.limit_k
        return at_k

    def reaches_limit_s(self) -> float:
        """When the temperature is at the limit next, if the heat stays as it is; inf if never."""
        return self._limit_s

    def _reaches_limit_s(self) -> float:
        start_k, final_k = self.temperature_k, self.equilibrium_k(self.heat_w)
        if start_k == self.limit_k or not self._passes_limit(start_k, final_k):
            return math.inf
        return self.since_s + self._takes_s(start_k, self.limit_k, final_k)

    def _passes_limit(self, from_k: float, to_k: float) -> bool:
        """Whether the limit lies on the way, and is not its end."""
        return from_k < self.limit_k < to_k or from_k > self.limit_k > to_k

    def _is_limit(self, final_k: float, start_k: float) -> bool:
        """Whether it rests at the limit, but for rounding."""
        return start_k == self.limit_k and abs(final_k - start_k) < ROUNDING * start_k

    def _takes_s(self, from_k: float, to_k: float, final_k: float) -> float:
        """How long from one temperature to another on the way to the equilibrium."""
        cubed = 2.0 * final_k**3 * self._w_k4 / self._capacity_j_k

        def primitive(at_k: float) -> float:
            ratio = abs((at_k - final_k) / (at_k + final_k))
            if ratio == 0.0:
                return -math.inf
            return 0.5 * math.log(ratio) - math.atan(at_k / final_k)

        return (primitive(from_k) - primitive(to_k)) / cubed
