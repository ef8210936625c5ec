"""The strategies that come with Lightlag, one file each; importing this package registers them."""

from dtn.routing.strategies import (
    cgr,
    cgr_hop,
    direct,
    epidemic,
    first_contact,
    maxprop,
    oracle,
    prophet,
    rucop,
    sabr,
    source_route,
    spray_and_wait,
    spsn,
    static,
    volume_aware,
)

__all__ = [
    "cgr",
    "cgr_hop",
    "direct",
    "epidemic",
    "first_contact",
    "maxprop",
    "oracle",
    "prophet",
    "rucop",
    "sabr",
    "source_route",
    "spray_and_wait",
    "spsn",
    "static",
    "volume_aware",
]
