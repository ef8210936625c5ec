"""Spacecraft: the shell around a node's energy: it hears what the node does, and takes from it what it cannot feed.

It listens to the node's events, so that agent and links need not know of watts: a contact that starts is a terminal
that tracks, a transfer that starts costs its airtime. What has to be shed goes through the links, as faults do: without
its terminals a node has no contacts and hears nothing, asleep it is down. All of that happens between two events of
the node, never within one.

A satellite's account begins when it joins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dtn.contact_plan import Contact
from dtn.events import (
    ComputingThrottled,
    ContactEnded,
    ContactStarted,
    EnergyAccounted,
    EnergySampled,
    Event,
    PowerRestored,
    PowerShed,
    TransferStarted,
)
from nodes.links import Links
from nodes.spacecraft.energy import Change, Energy, Shed, ShedChanged
from nodes.spacecraft.options import PowerOptions, SpacecraftOptions
from nodes.spacecraft.resuming import WORDS
from nodes.spacecraft.supply import BUS, COMPUTING, MASS_DRIVER, TERMINAL, SpeedChanged
from nodes.timers import Timers

LOW_POWER = "low power"
"""Why links are cut and a node is down that has not got the energy."""


class Spacecraft:
    """A node's power and heat, and what follows from them; a `Supply`.

    Args:
        name: the node's.
        options: what it has.
        contacts: of the plan, by number.
        timers: the loop.
        links: of the node.
        record: takes events.
        joins_s: when its account begins.
        sample_s: how often the log is told how things stand.
        shed: what it had given up before its process died; the log and the neighbours know.
    """

    def __init__(
        self,
        name: str,
        options: SpacecraftOptions,
        contacts: tuple[Contact, ...],
        timers: Timers,
        links: Links,
        record: Callable[[Event], object],
        joins_s: float,
        sample_s: float,
        shed: Shed = Shed.NOTHING,
    ) -> None:
        self._name = name
        self._power = options.power or PowerOptions(battery_j=math.inf, charge_j=math.inf)
        self._contacts = contacts
        self._timers = timers
        self._links = links
        self._record = record
        self._sample_s = sample_s
        self._energy = Energy(options.power, options.heat, joins_s, shed)
        self._shed_before = shed
        self._joins_s = joins_s
        self._tracked: dict[str, int] = {}
        self._watchers: dict[str, list[SpeedChanged]] = {}
        self._done = Shed.NOTHING
        self._armed_s = math.inf
        self._hears: Mapping[type[Event], Callable[..., None]] = {
            ContactStarted: self._contact_started,
            ContactEnded: self._contact_ended,
            TransferStarted: self._transfer_started,
        }
        timers.schedule(joins_s, self._begin)

    # -- the supply

    def set_load(self, load: str, watts: float, now_s: float) -> None:
        """From now on the load asks for so much power when it runs at full speed."""
        self._follow(self._energy.set_load(load, watts, now_s), now_s)

    def speed(self, load: str, now_s: float) -> float:
        """How fast the load runs now."""
        self._follow(self._energy.on_timer(now_s), now_s)
        return self._energy.speed(load)

    def watch(self, load: str, changed: SpeedChanged) -> None:
        """Tell it each time the load's speed changes."""
        self._watchers.setdefault(load, []).append(changed)

    def forecast_speed(self, load: str, from_s: float, to_s: float) -> float:
        """The mean speed to be expected if the loads stay as they are."""
        return self._energy.mean_speed(load, from_s, to_s)

    # -- the node

    def hear(self, event: Event) -> None:
        """What the node does, as it happens."""
        told = self._hears.get(type(event))
        if told is not None:
            told(event)

    def end(self, now_s: float) -> None:
        """The run is over: close the books."""
        if now_s < self._joins_s:
            return
        self._follow(self._energy.on_timer(now_s), now_s)
        self._energy.advance(now_s)
        self._sample(now_s)
        books = self._energy.account()
        start_j = self._power.charge_j if self._energy.battery else 0.0
        self._record(
            EnergyAccounted(
                now_s,
                self._name,
                start_j,
                books.charge_j,
                books.incoming_j,
                books.used_j[BUS],
                books.used_j[TERMINAL],
                books.used_j[COMPUTING],
                books.used_j[MASS_DRIVER],
                books.charging_loss_j,
                books.spilled_j,
                books.unserved_j,
            )
        )

    def _contact_started(self, event: ContactStarted) -> None:
        self._tracked[event.neighbour] = self._tracked.get(event.neighbour, 0) + 1
        self._track(event.t_s)

    def _contact_ended(self, event: ContactEnded) -> None:
        left = self._tracked.get(event.neighbour, 1) - 1
        self._tracked[event.neighbour] = left
        if not left:
            del self._tracked[event.neighbour]
        self._track(event.t_s)

    def _track(self, now_s: float) -> None:
        watts = len(self._tracked) * self._power.tracking_w
        if self._power.tracking_w:
            self.set_load(TERMINAL, watts, now_s)

    def _transfer_started(self, event: TransferStarted) -> None:
        if not self._power.sending_w:
            return
        last_bit_s = self._contacts[event.contact].last_bit_s(event.t_s, event.size_bytes)
        airtime_s = min(last_bit_s, self._contacts[event.contact].end_s) - event.t_s
        joules = self._power.sending_w * airtime_s
        self._follow(self._energy.spend(TERMINAL, joules, event.t_s), event.t_s)

    # -- what follows

    def _begin(self) -> None:
        before = self._shed_before
        self._act_until(before)
        changes = self._energy.on_timer(self._joins_s)
        if self._energy.shed != before and not changes:  # as it begins: empty, say
            changes = [ShedChanged(self._energy.shed, before)]
        self._follow(changes, self._joins_s)
        self._sample_again()

    def _follow(self, changes: list[Change], now_s: float) -> None:
        """Say what changed, let it happen after what happens now, and set the timer."""
        for change in changes:
            if isinstance(change, ShedChanged):
                self._tell_shed(change, now_s)
                self._timers.schedule(now_s, self._act)
            else:
                self._timers.schedule(now_s, self._tell_speed, change.load)
                if change.load == COMPUTING and self._energy.shed is Shed.NOTHING:
                    self._tell_heat(change.speed, now_s)
        due_s = self._energy.next_timer()
        if due_s < self._armed_s:
            self._armed_s = due_s
            self._timers.schedule(due_s, self._on_timer, due_s)

    def _on_timer(self, due_s: float) -> None:
        if due_s == self._armed_s:
            self._armed_s = math.inf
            self._follow(self._energy.on_timer(due_s), due_s)

    def _tell_shed(self, change: ShedChanged, now_s: float) -> None:
        battery = self._energy.battery
        charge = battery.charge_j / battery.capacity_j if battery else 1.0
        for shed in range(change.before + 1, change.shed + 1):
            self._record(PowerShed(now_s, self._name, WORDS[Shed(shed)], charge))
        for shed in range(change.before, change.shed, -1):
            self._record(PowerRestored(now_s, self._name, WORDS[Shed(shed)], charge))

    def _tell_heat(self, speed: float, now_s: float) -> None:
        radiator = self._energy.radiator
        if radiator is not None and radiator.temperature_k >= radiator.limit_k:
            self._record(ComputingThrottled(now_s, self._name, speed, radiator.temperature_k))

    def _tell_speed(self, load: str) -> None:
        now_s = self._timers.time()
        for changed in self._watchers.get(load, ()):
            changed(self._energy.speed(load), now_s)

    def _act(self) -> None:
        """Cut and open what the energy says."""
        self._act_until(self._energy.shed)

    def _act_until(self, wanted: Shed) -> None:
        """Cut and open, step by step."""
        while self._done < wanted:
            self._done = Shed(self._done + 1)
            if self._done is Shed.LINKS:
                self._links.darken(self._name, LOW_POWER)
            elif self._done is Shed.EVERYTHING:
                self._links.leave(self._name, LOW_POWER)
        while self._done > wanted:
            before, self._done = self._done, Shed(self._done - 1)
            if before is Shed.LINKS:
                self._links.lighten(self._name, LOW_POWER)
            elif before is Shed.EVERYTHING:
                self._links.join(self._name, LOW_POWER)

    def _sample_again(self) -> None:
        now_s = self._timers.time()
        self._energy.advance(now_s)
        self._sample(now_s)
        self._timers.schedule(now_s + self._sample_s, self._sample_again)

    def _sample(self, now_s: float) -> None:
        battery, radiator = self._energy.battery, self._energy.radiator
        self._record(
            EnergySampled(
                now_s,
                self._name,
                battery.charge_j if battery else 0.0,
                battery.capacity_j if battery else 0.0,
                battery.incoming_w(now_s) if battery else self._energy.draw_w,
                self._energy.draw_w,
                radiator.temperature_k if radiator else 0.0,
            )
        )
