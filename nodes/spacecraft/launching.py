"""Launching: a mass driver that stores up energy from a node's supply, and launches when it has enough.

It charges at its power while the supply lets it, which is shed with computing: so launching competes with everything
else that the node feeds. A launch that is due and has not got its energy waits until it has; the launches behind it
wait too, and are made as fast as charging allows. A satellite joins the network when it leaves the muzzle. Its path and
the contact plan stay those of the launch as it was planned: a satellite that is an hour late is really some 9,000 km
behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from dtn.events import Event, LaunchDelayed, SatelliteLaunched
from nodes.links import NOT_YET_LAUNCHED, Links
from nodes.spacecraft.supply import MASS_DRIVER, Supply
from nodes.timers import Timers


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A mass driver as a run knows it.

    Args:
        node: whose supply it draws from.
        energy_j: of a launch: kinetic energy over efficiency.
        charging_w: what it draws while it stores up.
        satellites: what it launches, in order.
        due_s: when each is to be launched.
    """

    node: str
    energy_j: float
    charging_w: float
    satellites: tuple[str, ...]
    due_s: tuple[float, ...]


class MassDriver:
    """A mass driver under way; it holds the energy of one launch.

    Args:
        driver: what it is.
        supply: what feeds it.
        links: of the satellites, which wait there to join.
        timers: the loop.
        record: takes events.
    """

    def __init__(
        self,
        driver: Driver,
        supply: Supply,
        links: Links,
        timers: Timers,
        record: Callable[[Event], object],
    ) -> None:
        self._driver = driver
        self._supply = supply
        self._links = links
        self._timers = timers
        self._record = record
        self._waiting = deque(zip(driver.satellites, driver.due_s, strict=True))
        self._stored_j = 0.0
        self._speed = 0.0
        self._since_s = 0.0
        self._told = False
        self._charging = False

    def start(self) -> None:
        """Charge from now on, and launch."""
        now_s = self._timers.time()
        self._since_s = now_s
        self._supply.watch(MASS_DRIVER, self._speed_changed)
        for _, due_s in self._waiting:
            self._timers.schedule(max(due_s, now_s), self._look)
        self._charge(now_s)

    def _charge(self, now_s: float) -> None:
        """Draw power for the next launch, if there is one and it has not got its energy."""
        wanted = bool(self._waiting) and self._stored_j < self._driver.energy_j
        if wanted != self._charging:
            self._charging = wanted
            self._supply.set_load(MASS_DRIVER, self._driver.charging_w if wanted else 0.0, now_s)
        self._speed = self._supply.speed(MASS_DRIVER, now_s) if wanted else 0.0
        if self._speed > 0.0:
            missing_j = self._driver.energy_j - self._stored_j
            full_s = now_s + missing_j / (self._speed * self._driver.charging_w)
            self._timers.schedule(full_s, self._look)

    def _speed_changed(self, speed: float, now_s: float) -> None:
        self._look()

    def _look(self) -> None:
        """Bring the store up to date, launch if it is time, and go on charging."""
        now_s = self._timers.time()
        driver = self._driver
        self._stored_j += self._speed * driver.charging_w * (now_s - self._since_s)
        self._since_s = now_s
        if self._stored_j >= driver.energy_j * (1.0 - 1e-9):
            self._stored_j = driver.energy_j
        if self._waiting and self._waiting[0][1] <= now_s:
            satellite, due_s = self._waiting[0]
            if self._stored_j >= driver.energy_j:
                self._waiting.popleft()
                self._stored_j = 0.0
                self._told = False
                self._record(
                    SatelliteLaunched(now_s, driver.node, satellite, driver.energy_j, now_s - due_s)
                )
                self._links.join(satellite, NOT_YET_LAUNCHED)
            elif not self._told:
                self._told = True
                missing_j = driver.energy_j - self._stored_j
                self._record(LaunchDelayed(now_s, driver.node, satellite, missing_j))
        self._charge(now_s)
