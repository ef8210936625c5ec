"""Resuming: how a node's energy stands when its process comes again, by its journal and the sky.

The journal has a sample of the battery now and then. From the last of them to the last thing that the node did, it drew
what it drew at the sample; from then on it was dead, which draws what sleep does. What the Sun gave meanwhile is
known.
"""

from __future__ import annotations

from dataclasses import replace

from nodes.past import Past
from nodes.spacecraft.battery import Battery
from nodes.spacecraft.energy import Shed
from nodes.spacecraft.options import SpacecraftOptions

WORDS = {Shed.COMPUTING: "computing", Shed.LINKS: "links", Shed.EVERYTHING: "everything"}
"""What is shed, in the words of events."""


def resumed(options: SpacecraftOptions, past: Past, now_s: float) -> SpacecraftOptions:
    """A node's options with charge and temperature as they are now; as they were given if it was never here."""
    power, heat, sample = options.power, options.heat, past.energy
    if sample is None:
        return options
    if heat is not None and sample.temperature_k > 0.0:
        heat = replace(heat, start_k=sample.temperature_k)
    if power is not None:
        battery = Battery(
            power.battery_j,
            sample.charge_j,
            power.charge_efficiency,
            power.knots_s,
            power.incoming_w,
            sample.t_s,
        )
        battery.draw_w = sample.drawn_w
        battery.advance(min(past.last_s, now_s))
        battery.draw_w = power.sleep_w
        battery.advance(now_s)
        power = replace(power, charge_j=battery.charge_j)
    return replace(options, power=power, heat=heat)


def shed_before(past: Past) -> Shed:
    """What a node had shed when it died."""
    return max((shed for shed, word in WORDS.items() if word in past.shed), default=Shed.NOTHING)
