"""A node that is killed and started again has the battery that it had, and is as dark for the others as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.events import ContactEnded, ContactStarted, EnergySampled, PowerRestored, PowerShed
from emulator.constellation.flight import Flight
from emulator.constellation.mosquitto import find_mosquitto
from emulator.setup import Member, Setup
from nodes.spacecraft.craft import LOW_POWER
from nodes.spacecraft.options import PowerOptions, SpacecraftOptions

POWER = PowerOptions(
    battery_j=10_000.0,
    charge_j=6_500.0,
    charge_efficiency=1.0,
    knots_s=(0.0, 400.0, 401.0, 600.0),
    incoming_w=(0.0, 0.0, 60.0, 60.0),
    bus_w=10.0,
    sleep_w=1.0,
    shed_computing_below=0.6,
    shed_links_below=0.5,
    sleep_below=0.05,
    resume_margin=0.05,
)
SETUP = Setup(
    name="restarted",
    sha256="",
    start=None,
    duration_s=600.0,
    seed=1,
    strategy="sabr",
    plan=ContactPlan([Contact(*pair, 0.0, 600.0, 1e6, 4.0) for pair in ("ab", "ba")]),
    members=(
        Member(name="a", ipn=1, spacecraft=SpacecraftOptions(power=POWER)),
        Member(name="b", ipn=2),
    ),
)


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto here")
def test_a_node_that_dies_dark_comes_again_dark_and_with_its_charge(tmp_path: Path) -> None:
    with Flight(SETUP, 20.0, tmp_path) as flight:
        flight.wait_for_s(250.0)
        flight.kill("a")
        flight.start("a")
        result = flight.finish()
    charges = [event for event in result.log if isinstance(event, EnergySampled)]
    again = next(event for event in charges if event.t_s > 250.0 and event.t_s % 60.0)
    assert again.charge_j == pytest.approx(
        6_500.0 - 10.0 * again.t_s, abs=9.0 * (again.t_s - 240.0)
    )
    shed = [(e.what, round(e.t_s)) for e in result.log if isinstance(e, PowerShed)]
    assert shed == [("computing", 50), ("links", 150)]
    (restored, _) = [event for event in result.log if isinstance(event, PowerRestored)]
    at_b = [e for e in result.log if e.node == "b" and isinstance(e, ContactStarted | ContactEnded)]
    first, ended, started, over = at_b
    assert (ended.reason, ended.t_s) == (LOW_POWER, pytest.approx(154.0, abs=1.0))
    assert started.t_s == pytest.approx(restored.t_s + 4.0, abs=1.0)
    assert (first.t_s, over.t_s) == (0.0, 600.0)
