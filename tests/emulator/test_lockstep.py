"""Lockstep: nodes that run as far ahead as light lets them, and tell the story of one process."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.events import ContactEnded, Event, PowerRestored, PowerShed
from dtn.routing import earliest_arrival
from dtn.store import MemoryStore
from emulator.build import Network, Process, find_strategy
from emulator.clock import EmulatedLoop
from emulator.constellation.control import Clock, utc_now
from emulator.constellation.flight import Flight
from emulator.constellation.lockstep.follower import Follower
from emulator.constellation.lockstep.synchroniser import Grant, Lookahead, Report, Synchroniser
from emulator.constellation.mosquitto import Mosquitto, find_mosquitto
from emulator.constellation.neighbourhood import who_may_go_dark
from emulator.constellation.operator import Operator
from emulator.log import line_of
from emulator.merging import merged, put_in_order
from emulator.one_process import fly
from emulator.scenario import load
from emulator.setup import Demand, Setup, alone, changed, from_scenario
from nodes.channel.connection import Connection, Message, Posts
from nodes.channel.mqtt import MqttChannel
from nodes.channel.topics import Topics
from nodes.spacecraft.craft import LOW_POWER
from nodes.spacecraft.options import PowerOptions, SpacecraftOptions

SCENARIOS = Path(__file__).parents[2] / "scenarios"
INF = math.inf

# ------------------------------------------------------------------------------- how far one may go

RELAY = [  # a and b see each other by turns, b and c always
    Contact("a", "b", 100.0, 200.0, 1e6, 2.0),
    Contact("b", "a", 150.0, 200.0, 1e6, 2.0),
    Contact("b", "c", 0.0, 1000.0, 1e6, (0.5, 0.25, 1.0)),
    Contact("c", "b", 0.0, 1000.0, 1e6, 0.5),
]


@pytest.mark.parametrize(
    ("next_s", "horizons"),
    [
        pytest.param({"a": 0.0}, {"a": 152.0, "b": 102.0, "c": 102.25}, id="not before a contact"),
        pytest.param({"a": 120.0}, {"a": 152.0, "b": 122.0, "c": 122.25}, id="during one"),
        pytest.param({"a": 200.5}, {"a": INF, "b": INF, "c": INF}, id="after the last one"),
        pytest.param({"b": 160.0}, {"a": 162.0, "b": 160.75, "c": 160.25}, id="by its own echo"),
        pytest.param(
            {"a": 300.0, "c": 999.0}, {"a": INF, "b": 999.5, "c": 999.75}, id="two of them"
        ),
        pytest.param({}, {"a": INF, "b": INF, "c": INF}, id="nobody has anything to do"),
    ],
)
def test_a_node_may_run_until_light_can_bring_it_what_happens_elsewhere(next_s, horizons):
    lookahead = Lookahead(ContactPlan(RELAY))
    found = lookahead.horizons({"a": INF, "b": INF, "c": INF} | next_s)
    assert found == pytest.approx(horizons, abs=1e-5)


def test_of_overlapping_contacts_the_earlier_and_the_nearer_counts():
    contacts = [
        Contact("a", "b", 0.0, 100.0, 1e6, 5.0),
        Contact("a", "b", 50.0, 70.0, 1e6, 1.0),
    ]
    lookahead = Lookahead(ContactPlan(contacts))
    for leaves_s, arrives_s in ((0.0, 1.0), (60.0, 61.0), (80.0, 85.0), (101.0, INF)):
        found = lookahead.horizons({"a": leaves_s, "b": INF})["b"]
        assert found == pytest.approx(arrives_s, abs=1e-5)


def test_a_link_without_light_time_is_refused():
    with pytest.raises(BadInput, match="finite --rate"):
        Lookahead(ContactPlan([Contact("a", "b", 0.0, 1.0, 1.0, 0.0)]))


starts = st.floats(0.0, 100.0)
plans = st.lists(
    st.builds(
        lambda pair, start_s, for_s, owlts: Contact(*pair, start_s, start_s + for_s, 1e9, owlts),
        st.permutations("abcd").map(lambda names: names[:2]),
        starts,
        st.floats(1.0, 50.0),
        st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)),
    ),
    max_size=12,
).map(ContactPlan)


@given(plans, st.fixed_dictionaries({name: starts | st.just(INF) for name in "abcd"}))
def test_no_bundle_however_small_arrives_before_the_horizon(plan, next_s):
    for node, horizon_s in Lookahead(plan).horizons(next_s).items():
        for other, at_s in next_s.items():
            if other != node and at_s < INF and {node, other} <= set(plan.nodes):
                route = earliest_arrival(plan, other, node, at_s, 0)
                assert route is None or route.delivery_s >= horizon_s


# ------------------------------------------------------------------------------------ the same story


class Party:
    """A node of its own: what a process is, without the process."""

    def __init__(self, setup: Setup, name: str) -> None:
        self.events: list[Event] = []
        self.loop = EmulatedLoop()
        self.channel = MqttChannel(
            name,
            [member.name for member in setup.members if member.name != name],
            Topics("t"),
            self.loop,
            self.events.append,
            lambda: None,
            hand_over=lambda callback, *args: callback(*args),
        )
        self.channel.be_patient()
        for member in setup.members:
            self.channel.neighbour_changed(member.name, True)
        self.follower = Follower(self.loop, self.channel.arrivals, setup.duration_s)
        self.network = Network(
            setup,
            find_strategy(setup, None),
            self.loop,
            self.events.append,
            tap=self.follower.note,
            process=Process(name, self.channel, MemoryStore(), is_virtual=True),
        )


def in_lockstep(
    setup: Setup, order: Callable[[list[str]], str]
) -> tuple[list[Event], Synchroniser]:
    """Run it; `order` says whose turn it is among those who may go on."""
    parties = {member.name: Party(setup, member.name) for member in setup.members}
    dark = who_may_go_dark(setup)
    synchroniser = Synchroniser(setup.plan, parties, setup.duration_s, dark)
    waiting: dict[str, Grant] = {}
    for name, party in parties.items():
        waiting |= synchroniser.reported(name, party.follower.report())
    while waiting:
        name = order(sorted(waiting))
        party = parties[name]
        party.follower.granted(Grant.of(waiting.pop(name).octets()))
        report = party.follower.go_on()
        while (message := party.channel.take()) is not None:
            destination = message.topic.split("/")[-1]
            parties[destination].channel.receive(name, message.payload)
            party.channel.sent(message)
        if report is not None:
            waiting |= synchroniser.reported(name, Report.of(report.octets()))
    assert synchroniser.is_over
    assert all(party.follower.is_over for party in parties.values())
    for party in parties.values():
        party.network.end(setup.duration_s)
        party.loop.close()
    logs = {name: party.events for name, party in parties.items()}
    return merged(logs, {}, setup.plan, setup.duration_s), synchroniser


def in_one_process(setup: Setup) -> list[Event]:
    log: list[Event] = []
    fly(setup, find_strategy(setup, None), log.append)
    put_in_order(log, [member.name for member in setup.members])
    return log


@pytest.fixture(scope="module")
def earth_moon() -> Setup:
    return changed(
        from_scenario(load(SCENARIOS / "earth-moon.toml")),
        seed=None,
        strategy=None,
        until_s=21600.0,
    )


@pytest.mark.parametrize("turn", [min, max], ids=["first come", "last come"])
def test_six_hours_between_earth_and_moon_are_those_of_one_process_to_the_octet(earth_moon, turn):
    together, synchroniser = in_lockstep(earth_moon, turn)
    alone = in_one_process(earth_moon)
    assert [line_of(event) for event in together] == [line_of(event) for event in alone]
    assert len(alone) > 500
    assert synchroniser.grants < len(alone)


def starving(setup: Setup, name: str) -> Setup:
    """The same, with a node whose battery lasts for an hour of its tracking and is charged every other hour."""
    hours = [3600.0 * hour for hour in range(8)]
    power = PowerOptions(
        battery_j=40_000.0,
        charge_j=30_000.0,
        knots_s=tuple(at_s + after_s for at_s in hours for after_s in (0.0, 3590.0)),
        incoming_w=tuple(40.0 * (hour % 2) for hour in range(8) for _ in range(2)),
        bus_w=8.0,
        tracking_w=4.0,
        sending_w=30.0,
        shed_links_below=0.5,
        sleep_below=0.2,
    )
    members = tuple(
        replace(member, spacecraft=SpacecraftOptions(power=power))
        if member.name == name
        else member
        for member in setup.members
    )
    return replace(setup, members=members)


@pytest.mark.parametrize("turn", [min, max], ids=["first come", "last come"])
@pytest.mark.parametrize("one_way", [False, True], ids=["both ways", "one way only"])
def test_who_runs_out_of_power_goes_dark_for_the_others_in_lockstep_as_in_one_process(
    earth_moon, turn, one_way
):
    name = "relay"
    given = starving(earth_moon, name)
    if one_way:  # seen by those who can only send to it
        contacts = [c for c in given.plan.contacts if c.source != name]
        given = replace(given, plan=ContactPlan(contacts, given.plan.start_utc))
    together, _ = in_lockstep(given, turn)
    alone = in_one_process(given)
    assert [line_of(event) for event in together] == [line_of(event) for event in alone]
    shed = {event.what for event in alone if isinstance(event, PowerShed)}
    assert shed >= {"links", "everything"}
    seen = [e for e in alone if isinstance(e, ContactEnded) and e.reason == LOW_POWER]
    assert {event.node for event in seen} - {name}
    assert any(isinstance(event, PowerRestored) for event in alone)


@pytest.mark.parametrize(
    "strategy", ["epidemic", "prophet", "spray_and_wait", "maxprop", "cgr_hop"]
)
def test_so_are_they_under_other_strategies(earth_moon, strategy):
    given = changed(earth_moon, seed=3, strategy=strategy, until_s=7200.0)
    together, _ = in_lockstep(given, max)
    assert [line_of(event) for event in together] == [
        line_of(event) for event in in_one_process(given)
    ]


@pytest.mark.slow
def test_a_day_of_moonbase_alpha_with_all_that_its_nodes_are_is_that_of_one_process():
    given = changed(
        from_scenario(load(SCENARIOS / "moonbase-alpha.toml")),
        seed=None,
        strategy=None,
        until_s=86400.0,
    )
    together, _ = in_lockstep(given, min)
    assert [line_of(event) for event in together] == [
        line_of(event) for event in in_one_process(given)
    ]


# ------------------------------------------------------------------------------------- in processes


needs_mosquitto = pytest.mark.skipif(
    find_mosquitto() is None, reason="no mosquitto here: apt-get install mosquitto"
)


@pytest.mark.slow
@needs_mosquitto
def test_a_day_in_processes_leaves_the_log_of_one_process_octet_for_octet(tmp_path):
    scenario = SCENARIOS / "earth-moon.toml"
    emulator.run(scenario, until="1d", out=tmp_path / "alone")
    emulator.run(scenario, rate="lockstep", processes=True, until="1d", out=tmp_path / "together")
    together = (tmp_path / "together" / "events.jsonl").read_bytes()
    assert together == (tmp_path / "alone" / "events.jsonl").read_bytes()


@pytest.mark.slow
@needs_mosquitto
@pytest.mark.parametrize("lost", ["broker", "b"])
def test_a_connection_or_a_node_that_is_lost_ends_the_run_and_is_named(lost, tmp_path):
    ends = [Contact(x, y, 0.0, 2e4, 1e6, 2.0) for x, y in ("ab", "ba")]
    demands = [
        Demand(created_s=1.0 + n, source="a", destination="b", size_bytes=100, lifetime_s=1e4)
        for n in range(15_000)
    ]
    given = replace(alone(ContactPlan(ends), "direct", demands[0], 2e4), demands=tuple(demands))
    with Flight(given, INF, tmp_path) as one:
        one.wait_for_s(50.0)
        if lost == "broker":
            one.mosquitto.kill()
        else:
            one.kill(lost)
        with pytest.raises(BadInput, match=lost):
            one.finish()
        assert one.now_s < 2e4


@needs_mosquitto
def test_a_run_in_lockstep_takes_no_orders(tmp_path):
    topics = Topics("t")
    posts = Posts()
    clock = Clock(session="s", start_at=utc_now(), emulated_s=0.0, rate=INF)
    posts.put(Message(topics.control("clock"), clock.octets(), retain=True))
    with Mosquitto(tmp_path) as mosquitto:
        connection = Connection(mosquitto.broker, receive=lambda *_: None, outboxes=(posts,))
        connection.start()
        with pytest.raises(BadInput, match="takes no orders"), Operator(mosquitto.broker, topics):
            pass
        connection.close()


@pytest.mark.parametrize(
    ("rate", "processes", "mend"),
    [("lockstep", False, "add --processes"), ("max", True, "lockstep"), ("0", True, "positive")],
)
def test_a_rate_that_is_not_kept_so_is_refused_with_the_one_that_is(rate, processes, mend):
    with pytest.raises(BadInput, match=mend):
        emulator.run(SCENARIOS / "earth-moon.toml", rate=rate, processes=processes)
