"""What a setup says of a node's power, heat and radiation: plain numbers, everything from the sky resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protection = Literal["none", "ecc", "tmr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOptions:
    """A battery, what fills it and what the node itself draws.

    Args:
        battery_j: what it holds, above 0.
        charge_j: what it holds at first.
        charge_efficiency: the part of what goes in that comes out again, above 0 to 1.
        knots_s: times between which what comes in is a straight line.
        incoming_w: what comes in at the knots: sunlight turned into power, and a constant source.
        source_w: the constant part of it: a reactor, an RTG.
        bus_w: what the node draws awake, whatever it does.
        sleep_w: what it draws asleep.
        tracking_w: for each neighbour that a terminal tracks.
        sending_w: more, for each neighbour while bits go out to it.
        shed_computing_below: part of the battery below which computing (and launching) is shed.
        shed_links_below: below which its terminals are off.
        sleep_below: below which it sleeps.
        resume_margin: what is shed comes back at its threshold and so much more.
    """

    battery_j: float
    charge_j: float
    charge_efficiency: float = 0.95
    knots_s: tuple[float, ...] = ()
    incoming_w: tuple[float, ...] = ()
    source_w: float = 0.0
    bus_w: float = 0.0
    sleep_w: float = 0.0
    tracking_w: float = 0.0
    sending_w: float = 0.0
    shed_computing_below: float = 0.4
    shed_links_below: float = 0.25
    sleep_below: float = 0.1
    resume_margin: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatOptions:
    """A radiator; see `nodes.spacecraft.radiator.Radiator`."""

    radiator_m2: float
    emissivity: float = 0.9
    heat_capacity_j_k: float = 1e5
    limit_k: float = 330.0
    sink_k: float = 3.0
    start_k: float = 290.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiationOptions:
    """Upsets of a node's memory and resets of its processor.

    Args:
        upsets_per_bit_day: before any correction.
        protection: of stored bundles: none, ecc (SEC-DED 72/64) or tmr (three copies and a vote).
        scrub_s: how often a protected memory is read, corrected and written back.
        resets_per_day: of its processor.
        boot_s: how long the node is down after one.
        is_durable: whether its store survives a reset.
    """

    upsets_per_bit_day: float = 1e-7
    protection: Protection = "ecc"
    scrub_s: float = 3600.0
    resets_per_day: float = 0.0
    boot_s: float = 120.0
    is_durable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacecraftOptions:
    """Everything a node has besides its agent; None: as much as it wants, as cool as it wants, no upsets."""

    power: PowerOptions | None = None
    heat: HeatOptions | None = None
    radiation: RadiationOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Particles for a while.

    Args:
        nodes: names of those that it hits.
        at_s: when it begins.
        until_s: when it is over.
        factor: upsets and resets are so many times as likely.
    """

    nodes: tuple[str, ...]
    at_s: float
    until_s: float
    factor: float
