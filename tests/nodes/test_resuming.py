"""How a node's energy stands when its process comes again: by hand, from what its journal says."""

from __future__ import annotations

import pytest

from dtn.events import EnergySampled, Event, NodeUp, PowerRestored, PowerShed
from nodes.past import NOTHING, Past
from nodes.spacecraft.energy import Shed
from nodes.spacecraft.options import HeatOptions, PowerOptions, SpacecraftOptions
from nodes.spacecraft.resuming import resumed, shed_before

GIVEN = SpacecraftOptions(
    power=PowerOptions(
        battery_j=10_000.0, charge_j=9_000.0, charge_efficiency=1.0, bus_w=10.0, sleep_w=1.0
    ),
    heat=HeatOptions(radiator_m2=1.0),
)
SAMPLE = EnergySampled(100.0, "a", 5_000.0, 10_000.0, 0.0, 10.0, 280.0)
LAST = NodeUp(200.0, "a")
SUN = PowerOptions(
    battery_j=10_000.0,
    charge_j=9_000.0,
    charge_efficiency=1.0,
    knots_s=(0.0, 1_000.0),
    incoming_w=(21.0, 21.0),
    sleep_w=1.0,
)


@pytest.mark.parametrize(
    ("power", "now_s", "charge_j"),
    [
        pytest.param(GIVEN.power, 200.0, 4_000.0, id="at once: what it drew since the sample"),
        pytest.param(GIVEN.power, 300.0, 3_900.0, id="dead for 100 s: sleep's draw"),
        pytest.param(GIVEN.power, 9_000.0, 0.0, id="dead until empty"),
        pytest.param(SUN, 250.0, 5_000.0 + 1_100.0 + 1_000.0, id="the Sun shone meanwhile"),
        pytest.param(SUN, 900.0, 10_000.0, id="until it was full"),
    ],
)
def test_a_battery_goes_on_from_its_last_sample(power, now_s, charge_j):
    options = resumed(SpacecraftOptions(power=power, heat=GIVEN.heat), Past([SAMPLE, LAST]), now_s)
    assert options.power.charge_j == pytest.approx(charge_j)
    assert options.power.battery_j == power.battery_j
    assert options.heat.start_k == 280.0


def test_who_was_never_here_begins_as_the_scenario_says():
    assert resumed(GIVEN, NOTHING, 50.0) == GIVEN


@pytest.mark.parametrize(
    ("events", "shed"),
    [
        ([], Shed.NOTHING),
        ([PowerShed(1.0, "a", "computing", 0.4)], Shed.COMPUTING),
        (
            [PowerShed(1.0, "a", "computing", 0.4), PowerShed(2.0, "a", "links", 0.2)],
            Shed.LINKS,
        ),
        (
            [
                PowerShed(1.0, "a", "computing", 0.4),
                PowerShed(2.0, "a", "links", 0.2),
                PowerRestored(3.0, "a", "links", 0.4),
            ],
            Shed.COMPUTING,
        ),
    ],
)
def test_what_was_shed_stays_so(events: list[Event], shed: Shed):
    assert shed_before(Past(events)) is shed
