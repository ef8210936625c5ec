"""A network as the planner sees it: who is where, and with which terminals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dtn.errors import InvalidValue
from topology.bodies import body_named
from topology.ephemeris import Sky
from topology.paths import Path
from topology.terminal import Terminal
from topology.track import track
from topology.visibility import HorizonMask, Occluder, Surroundings

OCCLUDERS = ("sun", "venus", "earth", "moon", "mars", "jupiter")
"""Bodies that hide what is behind them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """A node of the network with everything that decides when it can be heard.

    Args:
        name: unique.
        path: where it is; it takes part in the network while `path.span_s` lasts.
        terminals: its laser terminals; each serves one partner at a time. None: it is not planned for.
        mask: for a site, the lowest elevation in degrees, or by azimuth.
        gateway: whether the traffic of others ends here, or leaves for it by fibre (Earth stations).
            The planner keeps every node connected to a gateway as well as it can.
        weight: how much of the terminals' time its links deserve, beside those of a node of weight 1.

    Raises:
        InvalidValue: no name, or a weight not above 0.
    """

    name: str
    path: Path
    terminals: tuple[Terminal, ...]
    mask: float | HorizonMask = 0.0
    gateway: bool = False
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidValue("name", self.name, "name the node")
        if not self.weight > 0:
            raise InvalidValue("weight", self.weight, "give a weight above 0")


def surroundings(
    sky: Sky, start_s: float, end_s: float, occluders: Sequence[str] = OCCLUDERS
) -> Surroundings:
    """The bodies that may stand in the way over a span, each sampled once.

    Raises:
        InvalidValue: no such body.
    """
    sun = track(sky.body("sun"), start_s, end_s)
    spheres = tuple(
        Occluder(
            name,
            sun if name == "sun" else track(sky.body(name), start_s, end_s),
            body_named(name).radius_km,
        )
        for name in occluders
    )
    return Surroundings(spheres, sun)
