"""Contact plans: no terminal in two places, each end in its own time, the samples good enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from random import Random

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import InvalidValue
from tests.topology.simple_paths import Circle, Straight
from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.geometry import light_time
from topology.laser import rate_bps
from topology.network import PlannedNode
from topology.paths import Path
from topology.planner import PlanOptions, links, plan_contacts
from topology.planner.design import Design
from topology.terminal import PRESETS, Terminal
from topology.visibility import End, Occluder, Surroundings
from topology.windows import windows

HOUR_S = 3600.0
EARTH = Occluder("earth", Straight((0.0, 0.0, 0.0)), 6378.0)
AROUND = Surroundings((EARTH,))
LASER = Terminal(aperture_m=0.2, power_w=4.0, sun_keep_out_deg=0.0, acquisition_s=60.0)
SPAN = (0.0, 24 * HOUR_S)


def node(name: str, path: Path, terminals: int = 1, *, gateway: bool = False) -> PlannedNode:
    return PlannedNode(name=name, path=path, terminals=(LASER,) * terminals, gateway=gateway)


def at(x_km: float, y_km: float = 0.0, z_km: float = 0.0) -> Straight:
    return Straight((x_km, y_km, z_km), span_s=(-1e5, 1e6))


def circle(radius_km: float, period_s: float, phase: float = 0.0, tilt: float = 0.0) -> Circle:
    return Circle(radius_km, period_s, phase, tilt, span_s=(-1e5, 1e6))


def engagements(contacts: Iterable[Contact]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """When each node is busy with each partner, in its own time."""
    busy: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for c in contacts:
        busy[c.source][c.destination].append((c.start_s, c.end_s))
        arrives = c.start_s + c.owlt_at(c.start_s), c.end_s + c.owlt_at(c.end_s)
        busy[c.destination][c.source].append(arrives)
    return busy


def most_partners_at_once(partners: dict[str, list[tuple[float, float]]]) -> int:
    edges = []
    for name, intervals in partners.items():
        for start_s, end_s in intervals:
            # two microseconds: light times are samples with straight lines between them
            edges += [(start_s + 2e-6, 1, name), (end_s - 2e-6, -1, name)]
    count: dict[str, int] = defaultdict(int)
    most = 0
    for _, change, name in sorted(edges):
        count[name] += change
        most = max(most, sum(1 for busy in count.values() if busy > 0))
    return most


@st.composite
def networks(draw: st.DrawFn) -> list[PlannedNode]:
    nodes = []
    for place in range(draw(st.integers(3, 7))):
        away_km = draw(st.sampled_from([7e3, 2e4, 4e5, 3e7, 2.4e8]))
        angle = draw(st.floats(0, 6.28))
        tilt = draw(st.floats(-0.5, 0.5))
        period_s = 6000.0 if away_km < 1e4 else 40_000.0 if away_km < 1e5 else 1e8
        born_s = draw(st.sampled_from([-1e5, 30_000.0]))
        path = Circle(away_km + place, period_s, angle, tilt, span_s=(born_s, 1e6))
        terminals = draw(st.integers(1, 3))
        nodes.append(node(f"n{place}", path, terminals, gateway=place == 0))
    return nodes


@pytest.mark.parametrize("designer", ["fresh", "fair", "greedy", "matching"])
@given(networks())
@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))
def test_no_terminal_serves_two_partners_at_once_in_its_own_time(
    designer: str, nodes: list[PlannedNode]
) -> None:
    plan = plan_contacts(nodes, AROUND, SPAN[1], options=PlanOptions(designer=designer))
    busy = engagements(plan.contacts)
    for one in nodes:
        assert most_partners_at_once(busy[one.name]) <= len(one.terminals)
        for contact in plan.contacts:
            if contact.source == one.name:
                assert contact.start_s >= one.path.span_s[0]
                assert contact.end_s <= SPAN[1]


@given(networks(), st.randoms(use_true_random=False))
@settings(max_examples=12, phases=(Phase.explicit, Phase.generate))
def test_the_bounds_by_which_choices_are_judged_let_through_those_with_a_session_and_no_others(
    nodes: list[PlannedNode], random: Random
) -> None:
    open_links = links(nodes, AROUND, *SPAN, 1e3, {})
    design = Design(nodes, open_links, PlanOptions())
    for now_s in range(0, int(SPAN[1]), 300):
        orders = design.fitting(now_s)
        while orders.size:
            assert sorted(orders) == [candidate.order for candidate in design.possible(now_s)]
            taken, session = design.best([random.choice(orders.tolist())], now_s)
            design.book(session)
            orders = design.still_fitting(orders, taken, now_s)


@given(networks())
@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))  # shrinking takes minutes
def test_contacts_lie_in_windows_and_their_samples_are_good_to_a_microsecond(
    nodes: list[PlannedNode],
) -> None:
    plan = plan_contacts(nodes, AROUND, SPAN[1])
    paths = {one.name: one.path for one in nodes}
    opened = {
        (a, b): windows(End(path=paths[a]), End(path=paths[b]), AROUND, *SPAN, grid_s=60.0)
        for a, b in {(c.source, c.destination) for c in plan.contacts}
    }
    for c in plan.contacts:
        assert any(
            start - 0.01 <= c.start_s and c.end_s <= end + 0.01
            for start, end in opened[c.source, c.destination]
        )
        t_s = np.linspace(c.start_s, c.end_s, 57)
        exact_s = light_time(paths[c.source], paths[c.destination], t_s)
        assert max(abs(c.owlt_at(float(t)) - e) for t, e in zip(t_s, exact_s, strict=True)) < 1e-6
        rate = rate_bps(LASER, LASER, exact_s * SPEED_OF_LIGHT_KM_S)
        for t, exact in zip(t_s, rate, strict=True):
            assert c.rate_at(float(t)) == pytest.approx(exact, rel=0.015)


def test_a_session_across_twenty_light_minutes_reserves_each_end_in_its_own_time() -> None:
    minutes_km = 1200 * SPEED_OF_LIGHT_KM_S
    big = Terminal(aperture_m=5.0, power_w=100.0, sun_keep_out_deg=0.0, acquisition_s=200.0)
    ground = PlannedNode(name="ground", path=at(0.0), terminals=(big,), gateway=True)
    mars = node("mars", at(minutes_km))
    plan = plan_contacts([ground, mars], Surroundings(), 10 * HOUR_S)
    up = [c for c in plan.contacts if c.source == "ground"]
    down = [c for c in plan.contacts if c.source == "mars"]
    assert len(up) == len(down) == 1  # nobody else wants the terminals: one long session
    # ground lights its beacon at 0; Mars finds it after 1200 s and needs 200 s before data flow
    assert up[0].start_s == pytest.approx(200.0)
    assert up[0].owlt_s == pytest.approx(1200.0)
    assert down[0].start_s == pytest.approx(1400.0, abs=0.01)
    assert up[0].end_s == pytest.approx(10 * HOUR_S)
    assert down[0].end_s == pytest.approx(10 * HOUR_S - 1200.0, abs=0.01)


def test_both_directions_have_their_own_rate() -> None:
    ground = PlannedNode(
        name="ground", path=at(0.0), terminals=(PRESETS["optical-ground"],), gateway=True
    )
    orion = PlannedNode(name="orion", path=at(4e5), terminals=(PRESETS["lunar"],))
    plan = plan_contacts([ground, orion], Surroundings(), HOUR_S)
    rates = {c.source: c.rate_bps for c in plan.contacts}
    assert rates["ground"] == 20e6
    assert rates["orion"] == 260e6


def test_two_satellites_share_one_station_by_turns() -> None:
    nodes = [node("station", at(0.0), gateway=True), node("a", at(1e5)), node("b", at(0.0, 1e5))]
    # a and b see each other too, but that brings neither of them nearer to the station
    for designer in ("fresh", "fair", "matching"):
        plan = plan_contacts(
            nodes, Surroundings(), 48 * HOUR_S, options=PlanOptions(designer=designer)
        )
        served = {
            name: sum(
                c.duration_s
                for c in plan.contacts
                if c.source == name and c.destination == "station"
            )
            for name in "ab"
        }
        assert served["a"] == pytest.approx(served["b"], rel=0.2)
        assert served["a"] > 15 * HOUR_S


def test_a_relay_with_two_terminals_joins_those_who_do_not_see_each_other() -> None:
    # the Earth hides "behind" from "station"; the relay, far above the pole, sees both
    nodes = [
        node("station", at(8e3), gateway=True),
        node("behind", at(-8e3)),
        node("relay", at(0.0, 0.0, 5e4), terminals=2),
    ]
    plan = plan_contacts(nodes, AROUND, 24 * HOUR_S)
    pairs = {(c.source, c.destination) for c in plan.contacts}
    assert pairs == {
        ("station", "relay"),
        ("relay", "station"),
        ("behind", "relay"),
        ("relay", "behind"),
    }
    assert all(c.duration_s > 23 * HOUR_S for c in plan.contacts)


def test_a_known_cloud_keeps_contacts_away_at_both_ends_own_times() -> None:
    light_s = 100.0
    nodes = [
        node("station", at(0.0), gateway=True),
        node("craft", at(light_s * SPEED_OF_LIGHT_KM_S)),
    ]
    cloud = (4 * HOUR_S, 6 * HOUR_S)
    plan = plan_contacts(nodes, Surroundings(), 12 * HOUR_S, outages={"station": [cloud]})
    for c in plan.contacts:
        shift_s = 0.0 if c.source == "station" else light_s
        assert c.end_s + shift_s <= cloud[0] + 0.01 or c.start_s + shift_s >= cloud[1] - 0.01
    assert {c.end_s > cloud[1] for c in plan.contacts} == {True, False}


def test_all_is_every_window_with_no_terminal_ever_busy() -> None:
    nodes = [node("hub", at(5e4), gateway=True)]
    nodes += [node(f"n{k}", at(1e5, 1e4 * k)) for k in range(4)]
    plan = plan_contacts(nodes, Surroundings(), 5 * HOUR_S, options=PlanOptions(designer="all"))
    assert len(plan.contacts) == 5 * 4
    assert most_partners_at_once(engagements(plan.contacts)["hub"]) == 4


def test_the_same_network_gives_the_same_plan() -> None:
    def make() -> ContactPlan:
        nodes = [node(f"n{k}", circle(7e3 + 10 * k, 6000.0, 0.7 * k, 0.2 * k)) for k in range(6)]
        nodes.append(node("far", at(4e5), terminals=2, gateway=True))
        return plan_contacts(nodes, AROUND, 20 * HOUR_S)

    assert make().contacts == make().contacts


def test_a_weight_gives_a_pair_more_of_the_time() -> None:
    nodes = [node("station", at(0.0), gateway=True), node("a", at(1e5)), node("b", at(0.0, 1e5))]
    options = PlanOptions(designer="fair", weights={("a", "station"): 3.0})
    plan = plan_contacts(nodes, Surroundings(), 48 * HOUR_S, options=options)
    served = [
        sum(c.duration_s for c in plan.contacts if {c.source, c.destination} == {name, "station"})
        for name in "ab"
    ]
    assert 2.0 < served[0] / served[1] < 5.0


def test_bad_plans_are_refused() -> None:
    twins = [node("a", at(0.0)), node("a", at(1e5))]
    with pytest.raises(InvalidValue, match="name of its own"):
        plan_contacts(twins, AROUND, 100.0)
    with pytest.raises(InvalidValue, match="one of"):
        plan_contacts([], AROUND, 100.0, options=PlanOptions(designer="magic"))
    with pytest.raises(InvalidValue):
        PlanOptions(session_s=0.0)
    with pytest.raises(InvalidValue):
        PlannedNode(name="", path=at(0.0), terminals=())
