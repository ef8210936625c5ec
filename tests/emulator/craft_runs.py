"""Runs of one spacecraft and a station that sends to it."""

from __future__ import annotations

from typing import Any, TypeVar

import emulator
from dtn.contact_plan import Contact, ContactPlan
from emulator.setup import Demand, Member, Setup
from nodes.spacecraft.options import (
    SpacecraftOptions,
)

HOUR_S = 3600.0
DAY_S = 86_400.0
LIGHT_S = 2.0
RATE_BPS = 1e6


def a_setup(
    spacecraft: SpacecraftOptions,
    duration_s: float = DAY_S,
    size_bytes: int = 20_000,
    period_s: float = 600.0,
    **more: Any,
) -> Setup:
    """a sends to c by way of b, which has the spacecraft; b turns to a and to c, an hour and a half each."""
    turns = (("a", "b"), ("b", "c"))
    contacts = [
        Contact(source, destination, start_s, start_s + 1.5 * HOUR_S, RATE_BPS, LIGHT_S)
        for turn in range(int(duration_s / HOUR_S / 1.5))
        for ends in (turns[turn % 2],)
        for source, destination in (ends, ends[::-1])
        for start_s in (1.5 * turn * HOUR_S,)
    ]
    times = [60.0 + period_s * k for k in range(int((duration_s - 4 * HOUR_S) / period_s))]
    members = (
        Member(name="a", ipn=1),
        Member(name="b", ipn=2, spacecraft=spacecraft),
        Member(name="c", ipn=3),
    )
    return Setup(
        name="small",
        sha256="",
        start=None,
        duration_s=duration_s,
        seed=1,
        strategy="sabr",
        plan=ContactPlan(contacts, None, {"a": 1, "b": 2, "c": 3}),
        members=members,
        demands=tuple(
            Demand(
                created_s=at_s,
                source="a",
                destination="c",
                size_bytes=size_bytes,
                lifetime_s=DAY_S,
            )
            for at_s in times
        ),
        **more,
    )


E = TypeVar("E")


def of_kind(result: emulator.Result, kind: type[E]) -> list[E]:
    return [event for event in result.log if isinstance(event, kind)]
